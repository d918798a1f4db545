"""Reads CPU time and memory of process trees from /proc, and starts and ends processes by pid."""

import contextlib
import os
import signal
import subprocess
import sys
import time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()


def read(path):
    """The file's text, or "" if the process has ended or must not be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stat(pid):
    """The fields of /proc/PID/stat from `state` on: the name before them may contain anything."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def tree(root):
    """The process and all its descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := stat(name)):
            children.setdefault(int(fields[1]), []).append(int(name))
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids


def is_nginx(pid):
    return read(f"/proc/{pid}/comm").strip() == "nginx"


def program(pid):
    return os.path.basename(read(f"/proc/{pid}/cmdline").partition("\0")[0].partition(" ")[0])


def cpu_ns(pids):
    """CPU time of the processes and of the children they have waited for. It never decreases."""
    total = 0
    for pid in pids:
        fields = stat(pid)
        if not fields:
            continue
        total += (int(fields[13]) + int(fields[14])) * TICK_NS
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        exact = [read(f"/proc/{pid}/task/{thread}/schedstat") for thread in threads]
        if all(exact):
            total += sum(int(line.split()[0]) for line in exact)
        else:
            total += (int(fields[11]) + int(fields[12])) * TICK_NS
    return total


def machine_busy_ns():
    """CPU time of everything on the machine."""
    user, nice, system, _, _, irq, softirq, steal = read("/proc/stat").split()[1:9]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) * TICK_NS


def kib(pid, file, field):
    """`VmRSS` of status or `Pss` of smaps_rollup; None if the kernel does not report it."""
    for line in read(f"/proc/{pid}/{file}").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return None


def wait_until(condition, seconds, pause=0.01):
    """Polls the condition and returns its last value, which is false after a timeout."""
    latest = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < latest:
        time.sleep(pause)
    return value


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP end the benchmark by SystemExit, but not between the start of a
    program and its registration."""

    held = False
    pending = None
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    @classmethod
    def begin(cls):
        for number in cls.signals:
            signal.signal(number, cls.catch)

    @classmethod
    def end(cls):
        """Ignores the signals from now on, while the programs are being ended."""
        for number in cls.signals:
            signal.signal(number, signal.SIG_IGN)
        cls.pending = None

    @classmethod
    def catch(cls, number, _):
        cls.pending = number
        if not cls.held:
            sys.exit(128 + number)

    @classmethod
    @contextlib.contextmanager
    def hold(cls):
        cls.held = True
        try:
            yield
        finally:
            cls.held = False
        if cls.pending:
            sys.exit(128 + cls.pending)


class Program:
    """A program in a session of its own, so that Ctrl-C reaches only the benchmark."""

    running = []

    def __init__(self, arguments, log, **options):
        self.log = log
        with open(log, "ab") as file, Interrupts.hold():
            options = {"stdin": subprocess.DEVNULL, "stdout": file, **options}
            self.process = subprocess.Popen(arguments, stderr=file, start_new_session=True,
                                            **options)
            self.running.append(self)
        self.pid = self.process.pid

    def check(self):
        if self.process.poll() is not None:
            raise Broken(f"{self.process.args[0]} ended with {self.process.returncode}", self.log)

    def kill(self):
        """Kills a program that has no children."""
        self.process.kill()
        self.process.wait()
        self.running.remove(self)

    def end(self):
        """Sends SIGTERM, and SIGKILL to what remains after 15 s or is left behind."""
        self.running.remove(self)
        started = {pid: stat(pid)[19:20] for pid in tree(self.pid)}
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid, start_time in started.items():
            if start_time and stat(pid)[19:20] == start_time and stat(pid)[0] != "Z":
                os.kill(pid, signal.SIGKILL)


class Broken(Exception):
    """Something failed that must work. The text includes the end of a log."""

    def __init__(self, what, log=None):
        tail = "".join(read(log).splitlines(keepends=True)[-15:]) if log else ""
        super().__init__(what + ("\n" + tail if tail else ""))
