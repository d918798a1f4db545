"""Runs wrk and pgbench, measures the CPU time that they cost, and summarises several runs."""

import json
import re
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from processes import CORES, Broken, cpu_ns, machine_busy_ns
from stack import ROOT, ask

JSON = {"Content-Type": "application/json"}
TASK = '{"title":"Buy milk and bread","description":"From the corner shop, before it closes."}'


@dataclass
class Run:
    per_second: float
    count: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: dict = field(default_factory=dict)  # per request, by group
    others: float = 0.0  # share of the machine that went to neither the service nor the load
    faults: str = ""


@dataclass
class Call:
    """A request, and the statements that it executes, with the values of their parameters by name."""

    path: str
    method: str = "GET"
    headers: dict = field(default_factory=dict)
    body: str = ""
    status: int = 200
    statements: tuple = ()
    parameters: dict = field(default_factory=dict)
    turns: str = ""  # a file with lines "path token" that are used in turn instead of `path`

    def check(self, port):
        answer = ask(port, self.path, self.method, self.headers, self.body or None)
        if answer is None or answer[0] != self.status:
            raise Broken(f"{self.method} {self.path}: {answer and (answer[0], answer[2][:200])}")
        return answer


def execute(arguments, groups):
    """Runs a command. Returns its output, the CPU time of each group, and the share of all others."""
    def own_ns():
        usages = [resource.getrusage(who)
                  for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1e9

    def reading():
        spent = {name: cpu_ns(pids()) for name, pids in groups.items()}
        return spent, machine_busy_ns(), own_ns(), time.monotonic()

    before = reading()
    done = subprocess.run(arguments, capture_output=True, text=True, start_new_session=True)
    after = reading()
    if done.returncode != 0:
        raise Broken(f"{arguments[0]}: {(done.stderr or done.stdout).strip()}")
    spent_ns = {name: after[0][name] - before[0][name] for name in groups}
    elapsed_ns = (after[3] - before[3]) * 1e9
    others_ns = after[1] - before[1] - (after[2] - before[2]) - sum(spent_ns.values())
    return done.stdout, spent_ns, max(others_ns / elapsed_ns / CORES, 0.0)


def wrk(port, call, seconds, connections, groups, script="request.lua", threads=1):
    headers = [f"-H{name}: {value}" for name, value in call.headers.items()]
    output, spent_ns, others = execute(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", *headers,
         "-s", ROOT / "bench" / script, f"http://127.0.0.1:{port}{call.path}",
         "--", call.method, call.body, *([call.turns] if call.turns else [])], groups)
    seen = json.loads(output.splitlines()[-1])
    counts = {"status ≥ 400": seen["status"], "refused": seen["refused"], "cut": seen["cut"],
              "timed out": seen["timeout"], "none answered": int(seen["requests"] == 0),
              "without a job": seen.get("empty", 0)}
    requests = max(seen["requests"], 1)
    return Run(seen["requests"] / seen["seconds"], seen["requests"], seen["p50_ms"], seen["p99_ms"],
               {name: ns / 1000 / requests for name, ns in spent_ns.items()}, others,
               ", ".join(f"{count} {name}" for name, count in counts.items() if count))


def pgbench(url, script, seconds, clients, groups):
    """Runs a script, given as its path and its variables, prepared as the service's driver does."""
    path, variables = script
    output, spent_ns, others = execute(
        ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j1", "-T", str(seconds),
         "-f", path, *[f"-D{name}={value}" for name, value in variables.items()], url], groups)
    count = int(re.search(r"actually processed: (\d+)", output)[1])
    return Run(float(re.search(r"tps = ([\d.]+)", output)[1]), count,
               p50_ms=float(re.search(r"latency average = ([\d.]+)", output)[1]),
               cpu_us={name: ns / 1000 / max(count, 1) for name, ns in spent_ns.items()}, others=others)


def write_script(path, call, statements):
    """Writes the call's SQL for pgbench. $title becomes a variable, which pgbench sends as a
    parameter. A value that must differ from row to row is SQL in parentheses, and is inserted into
    the text. Several statements form one pipeline, as a batch of the service does."""
    variables = {}
    lines = []
    for name in call.statements:
        def replace(match):
            value = call.parameters[name][match[1]]
            if str(value).startswith("("):
                return value
            variables[f"{name}_{match[1]}"] = value
            return f":{name}_{match[1]}"
        lines.append(re.sub(r"\$(\w+)", replace, statements[name]) + ";")
    if len(lines) > 1:
        lines = ["\\startpipeline", *lines, "\\endpipeline"]
    path.write_text("\n".join(lines) + "\n")
    return path, variables


def median(runs, value=lambda run: run.per_second):
    return statistics.median(value(run) for run in runs)


def with_range(runs):
    rates = [run.per_second for run in runs]
    text = f"{median(runs):,.0f}"
    return text if len(rates) == 1 else f"{text} ({min(rates):,.0f}..{max(rates):,.0f})"


def share(runs, limits):
    """The median of the ratios of the rounds."""
    return f"{statistics.median(r.per_second / l.per_second for r, l in zip(runs, limits)):.0%}"


def cpu(runs, *groups):
    return " / ".join(f"{median(runs, lambda run: run.cpu_us[name]):.1f}" for name in groups)


def cpu_of_others(runs):
    shares = [run.others for run in runs]
    return (f"CPU that neither the service nor the load used: {statistics.median(shares):.0%} of "
            f"the machine ({min(shares):.0%}..{max(shares):.0%}).")


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def table(title, *columns):
    """Prints a heading and the head of a table, whose first column is text and the others figures."""
    print(f"\n### {title}\n")
    row(*columns)
    row("---", *["--:"] * (len(columns) - 1))
