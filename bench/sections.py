"""The sections of the report: each takes the Bench and prints one table."""

import contextlib
import os
import statistics
import subprocess
import time

from load import (JSON, TASK, Call, cpu, cpu_of_others, median, pgbench, row, share, table,
                  with_range, write_script)
from processes import Broken, kib, program, wait_until
from stack import BUILD, Distance, Pooler, service_environment, token_of

BOARD = "/collab/state/tasks"
CHANGING = "board 200, 100 tasks, changing"
CHANGING_LIST = "100 own tasks 200, changing"
ONE_WAY_MS = 5
SLOW_COMMIT_MS = 5
STARTS = 10
NO_LIMIT = "(CAST(NULL AS bigint))"


def healthz_call(bench):
    return Call("/healthz", statements=("ping",))


def create_call(bench):
    user = bench.postgres.sql("SELECT min(id) FROM users")
    return Call("/collab/tasks", "POST", {"Authorization": f"Bearer {bench.token}", **JSON}, TASK,
                statements=("require_account", "insert_collab_task"),
                parameters={"require_account": {"id": user},
                            "insert_collab_task": {
                                "id": "(gen_random_uuid())", "title": "Buy milk and bread",
                                "description": "From the corner shop, before it closes.",
                                "max_tasks": NO_LIMIT}})


def get_call(bench):
    task = bench.postgres.sql("SELECT id FROM collab_tasks ORDER BY created_at OFFSET 40 LIMIT 1")
    return Call(f"/collab/tasks/{task}", statements=("find_collab_task",),
                parameters={"find_collab_task": {"id": task}})


def board_call(bench, is_known):
    call = Call(BOARD, statements=("board_revision", "list_collab_tasks_since"))
    etag = call.check(bench.service.port)[1]["ETag"]
    if is_known:
        call.headers, call.status = {"If-None-Match": etag}, 304
    revision = bench.postgres.sql(bench.statements["board_revision"])
    call.parameters = {"list_collab_tasks_since": {"revision": revision}}
    return call


def own(user, path, statements, parameters, **rest):
    """A request to a user's own resources. The user has a row."""
    headers = {"Authorization": f"Bearer {token_of(user)}", **rest.pop("headers", {})}
    return Call(f"/api/v1/{user}/{path}", headers=headers,
                statements=("require_account", *statements),
                parameters={"require_account": {"id": user}, **parameters}, **rest)


def tasks_call(bench, user="user-1"):
    return own(user, "tasks", statements=("list_tasks_by_created_at_desc",),
               parameters={"list_tasks_by_created_at_desc": {
                   "user_id": user, "known": "(' ')", "completed": "(false)",
                   "or_completed": "(true)", "after_key": "9999-12-31", "after_id": 2 ** 62,
                   "limit": 101, "offset": 0}})


def known_tasks_call(bench, is_named):
    """The same list while it does not change; `is_named` by If-None-Match."""
    call = tasks_call(bench)
    etag = call.check(bench.service.port)[1]["ETag"]
    if is_named:
        call.headers, call.status = {**call.headers, "If-None-Match": etag}, 304
    revision = etag.strip('"').partition(".")[2]
    call.parameters["list_tasks_by_created_at_desc"]["known"] = f"(' {revision} ')"
    return call


def task_call(bench, user="user-1"):
    task = bench.postgres.sql(
        f"SELECT id FROM tasks WHERE user_id = '{user}' ORDER BY id OFFSET 40 LIMIT 1")
    return own(user, f"tasks/{task}", statements=("find_task",),
               parameters={"find_task": {"user_id": user, "id": task}})


def create_task_call(bench):
    user = "user-2"  # so that the list of user-1 does not change
    return own(user, "tasks", method="POST", headers=JSON, body=TASK, status=201,
               statements=("insert_task",),
               parameters={"insert_task": {"user_id": user, "title": "Buy milk and bread",
                                           "description": "From the corner shop, before it closes.",
                                           "completed": "(false)",
                                           "max_tasks": NO_LIMIT}})


@contextlib.contextmanager
def changing_board(bench):
    """While it is active, the board has a new revision whenever a handler asks for it."""
    bench.postgres.sql("CREATE SEQUENCE bench_changes",
                       "ALTER TABLE board_revisions RENAME TO bench_board_revisions",
                       "CREATE VIEW board_revisions AS "
                       "SELECT 0 AS slot, nextval('bench_changes') AS revision")
    try:
        yield
    finally:
        bench.postgres.sql("DROP VIEW board_revisions", "DROP SEQUENCE bench_changes",
                           "ALTER TABLE bench_board_revisions RENAME TO board_revisions")


@contextlib.contextmanager
def changing_lists(bench):
    """While it is active, every personal list has a new revision whenever a handler asks for it."""
    bench.postgres.sql("CREATE SEQUENCE bench_changes",
                       "ALTER TABLE feed_epoch RENAME TO bench_feed_epoch",
                       "CREATE VIEW feed_epoch AS SELECT nextval('bench_changes')::text AS value, "
                       "0 AS tableoid, 0 AS xmin")
    try:
        yield
    finally:
        bench.postgres.sql("DROP VIEW feed_epoch", "DROP SEQUENCE bench_changes",
                           "ALTER TABLE bench_feed_epoch RENAME TO feed_epoch")


# Section, tasks on the board, label, function that returns the call.
REQUESTS = [
    ("healthz", 100, "healthz", healthz_call),
    ("create", 100, "create", create_call),
    ("get", 100, "get", get_call),
    ("board", 100, "board 200, 100 tasks", lambda bench: board_call(bench, False)),
    ("board", 100, "board 304, 100 tasks", lambda bench: board_call(bench, True)),
    ("board", 100, CHANGING, lambda bench: board_call(bench, False)),
    ("board_10000", 10_000, "board 200, 10,000 tasks", lambda bench: board_call(bench, False)),
    ("board_10000", 10_000, "board 304, 10,000 tasks", lambda bench: board_call(bench, True)),
    ("lists", 100, "100 own tasks 200", lambda bench: known_tasks_call(bench, False)),
    ("lists", 100, "100 own tasks 304", lambda bench: known_tasks_call(bench, True)),
    ("lists", 100, CHANGING_LIST, tasks_call),
    ("tasks", 100, "one own task", task_call),
    ("tasks", 100, "create an own task", create_task_call),
]


def interleave(rounds, targets):
    """Runs every target once a round, in reverse order every other round. Returns the runs of each."""
    runs = {name: [] for name in targets}
    for number in range(rounds):
        for name in list(targets)[::-1 if number % 2 else 1]:
            runs[name].append(targets[name]())
    return runs


def requests(bench, chosen):
    pool, many = bench.pool, bench.connections
    table(f"Requests, {many} connections",
          "", "bytes", "requests/s", "p50 ms", "p99 ms", "CPU µs: nginx / handlers / Postgres",
          f"pgbench, {pool} clients", "µs", "share", f"{many} clients", "µs", "share",
          "bare nginx", "µs", "share")
    seen = []
    for section, size, label, make_call in REQUESTS:
        if section not in chosen:
            continue
        bench.note(label)
        bench.fill_board(size)
        if section in ("lists", "tasks"):
            bench.postgres.fill_tasks(1000, 100)
        changing = {CHANGING: changing_board, CHANGING_LIST: changing_lists}.get(label)
        with changing(bench) if changing else contextlib.nullcontext():
            call = make_call(bench)
            script = write_script(bench.folder / "pgbench.sql", call, bench.statements)
            body = call.check(bench.service.port)[2]
            bench.drive(label, call, 1)  # opens the connections and prepares the statements
            runs = interleave(bench.rounds, {
                "service": lambda: bench.drive(label, call),
                "pool": lambda: bench.drive_postgres(script, pool),
                "many": lambda: bench.drive_postgres(script, many),
                "nginx": bench.drive_nginx,
            })
            call.check(bench.service.port)
            ours = runs["service"]
        limits = []
        for name, group in (("pool", "Postgres"), ("many", "Postgres"), ("nginx", "nginx")):
            limits += [with_range(runs[name]), cpu(runs[name], group), share(ours, runs[name])]
        row(label, f"{len(body):,}", with_range(ours), *latency(ours),
            cpu(ours, "nginx", "handlers", "Postgres"), *limits)
        seen += [run for one in runs.values() for run in one]
        if section == "create":
            bench.board_size = None
    print("\n" + cpu_of_others(seen))


def latency(runs):
    return (f"{median(runs, lambda run: run.p50_ms):.2f}",
            f"{median(runs, lambda run: run.p99_ms):.2f}")


def by_clients(bench, title, call, counts, *groups):
    table(f"{title}, by clients", "clients", "requests/s", "of the peak", "p50 ms", "p99 ms",
          f"CPU µs: {' / '.join(groups)}", "not 2xx, or wrk's errors")
    call.check(bench.service.port)
    runs = interleave(bench.rounds, {
        count: lambda count=count: bench.drive(f"{title}, {count} clients", call, connections=count)
        for count in counts})
    peak = max(median(one) for one in runs.values())
    for count, one in runs.items():
        faults = "; ".join(run.faults for run in one if run.faults)
        row(count, with_range(one), f"{median(one) / peak:.0%}", *latency(one), cpu(one, *groups),
            faults or 0)
    print("\n" + cpu_of_others([run for one in runs.values() for run in one]))


GROUPS = ("nginx", "handlers", "Postgres")


def clients(bench):
    bench.fill_board(100)
    by_clients(bench, "get", get_call(bench), (1, 8, 32, 128, 512), *GROUPS)


def creates(bench):
    bench.postgres.fill_tasks(10, 100)
    by_clients(bench, "create an own task", create_task_call(bench), (1, 32, 128, 512), *GROUPS)


def slow_commits(bench):
    """Creates while every commit waits as for a distant disk or a replica."""
    bench.postgres.fill_tasks(10, 100)
    bench.postgres.set("commit_siblings = 0", f"commit_delay = {SLOW_COMMIT_MS * 1000}")
    try:
        by_clients(bench, f"create an own task, commits of {SLOW_COMMIT_MS} ms",
                   create_task_call(bench), (1, 32, 128, 512), *GROUPS)
    finally:
        bench.postgres.set("commit_siblings = 5", "commit_delay = 0")


def pooler(bench):
    """A third stack whose database is 10 ms away and behind a transaction pooler."""
    bench.postgres.fill_tasks(10, 100)
    with contextlib.ExitStack() as ends:
        behind = Pooler(bench.folder, bench.postgres.url)
        ends.callback(behind.end)
        delay = Distance(bench.folder, behind.port(), ONE_WAY_MS * 1000)
        ends.callback(delay.end)
        service = bench.start_service(url=bench.postgres.url_at(delay.port)).wait()
        ends.callback(service.end)
        ends.callback(setattr, bench, "service", bench.service)
        bench.service = service
        for label, make_call in (("one own task", task_call),
                                 ("create an own task", create_task_call)):
            by_clients(bench, f"{label}, a pooler {2 * ONE_WAY_MS} ms away", make_call(bench),
                       (1, 32, 256), *GROUPS)


def sqlite(bench):
    """Creates in a second stack whose database is an SQLite file."""
    service = bench.start_service("--migrate", url=f"sqlite:///{bench.folder}/bench.db").wait()
    others, bench.service = bench.service, service
    try:
        token = service.log_in(bench.password)
        call = Call("/collab/tasks", "POST", {"Authorization": f"Bearer {token}", **JSON}, TASK)
        by_clients(bench, "create on SQLite", call, (1, 32, 128, 512), "nginx", "handlers")
    finally:
        bench.service = others
        service.end()


def distance(bench):
    """A second stack whose database is 10 ms away."""
    bench.fill_board(100)
    bench.postgres.fill_tasks(10, 100)
    delay = Distance(bench.folder, bench.postgres.port(), ONE_WAY_MS * 1000)
    service = bench.start_service(url=bench.postgres.url_at(delay.port)).wait()
    near, bench.service = bench.service, service
    try:
        calls = {"healthz": healthz_call, "get": get_call, "create": create_call,
                 "board 200": lambda bench: board_call(bench, False),
                 "board 304": lambda bench: board_call(bench, True),
                 "100 own tasks": tasks_call, "one own task": task_call,
                 "create an own task": create_task_call}
        rtt_ms = 2 * ONE_WAY_MS
        table(f"The database {rtt_ms} ms away", "", "clients", "requests/s", "p50 ms",
              "p50 − round trip, ms", "p99 ms", "pgbench through the same proxy, mean ms")
        for label, make_call in calls.items():
            call = make_call(bench)
            script = write_script(bench.folder / "pgbench.sql", call, bench.statements)
            name = f"{label}, distant database"
            bench.drive(name, call, 1, 1)
            runs = interleave(bench.rounds, {
                "service": lambda: bench.drive(name, call, connections=1),
                "pgbench": lambda: pgbench(bench.postgres.url_at(delay.port), script,
                                           bench.seconds, 1, {})})
            p50_ms = median(runs["service"], lambda run: run.p50_ms)
            row(label, 1, with_range(runs["service"]), f"{p50_ms:.2f}", f"{p50_ms - rtt_ms:.2f}",
                f"{median(runs['service'], lambda run: run.p99_ms):.2f}",
                f"{median(runs['pgbench'], lambda run: run.p50_ms):.2f}")
        call = get_call(bench)
        bench.drive("get, distant database", call, 1, 256)
        runs = [bench.drive("get, distant database, 256 clients", call, connections=256)
                for _ in range(bench.rounds)]
        p50_ms = median(runs, lambda run: run.p50_ms)
        row("get", 256, with_range(runs), f"{p50_ms:.2f}", f"{p50_ms - rtt_ms:.2f}",
            f"{median(runs, lambda run: run.p99_ms):.2f}", "")
        workers = os.environ.get("WORKERS_COLLAB_TASK", "1")
        print(f"\nProcesses that answer get: {workers}, with {bench.pool} connections each.")
    finally:
        bench.service, bench.board_size = near, None
        service.end()
        delay.end()


def rows(bench):
    """Cost of a request among few rows and among a million, for up to 1,000 users in turn."""
    sizes = {1_000: 10, 1_000_000: 10_000}
    groups = ("nginx", "handlers", "Postgres")
    heading = f"CPU µs: {' / '.join(groups)}"
    table("100 tasks each, by the number of rows", "rows", f"one own task: {heading}", "all",
          "requests/s", f"100 own tasks: {heading}", "all", "requests/s")
    for size, users in sizes.items():
        bench.note(f"{size:,} rows")
        bench.postgres.fill_tasks(users, size // users)
        found = bench.postgres.sql("SELECT user_id, min(id) FROM tasks GROUP BY user_id")
        tasks = [line.split("|") for line in found.split()][::max(users // 1000, 1)]
        cells = []
        for make_call, path in ((task_call, "/{}"), (tasks_call, "")):
            call = make_call(bench)
            turns = bench.folder / "turns"
            turns.write_text("".join(
                f"/api/v1/{user}/tasks{path.format(task)} {token_of(user)}\n"
                for user, task in tasks))
            call.turns = str(turns)
            with changing_lists(bench):
                bench.drive(f"{size:,} rows", call, 1)
                runs = [bench.drive(f"{size:,} rows", call) for _ in range(bench.rounds)]
            whole = median(runs, lambda run: sum(run.cpu_us.values()))
            cells += [cpu(runs, *groups), f"{whole:.0f}", with_range(runs)]
        row(f"{size:,}", *cells)


def time_cgi(handler, environment):
    """Milliseconds from exec to the complete answer of a handler that is run as CGI."""
    started = time.monotonic()
    done = subprocess.run([handler], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True)
    took_ms = (time.monotonic() - started) * 1000
    if done.returncode != 0 or b"Status: " in done.stdout and b"Status: 200" not in done.stdout:
        raise Broken(f"{handler}: {(done.stderr or done.stdout)[:300]}")
    return took_ms


def cold(bench):
    bench.fill_board(100)
    table(f"Cold start, of {STARTS}", "from exec to the first answer", "median ms", "min..max ms")

    def show(label, times_ms):
        row(label, f"{statistics.median(times_ms):.1f}",
            f"{min(times_ms):.1f}..{max(times_ms):.1f}")

    environment = service_environment(bench.postgres.url, bench.folder / "cgi", 1, bench.password)
    environment["REQUEST_METHOD"] = "GET"
    uris = {"root": "/", "healthz": "/healthz", "collab_task": get_call(bench).path,
            "collab_state_tasks": BOARD}
    show("an empty program (/bin/true)", [time_cgi("/bin/true", {}) for _ in range(STARTS)])
    for name, uri in uris.items():
        environment["REQUEST_URI"] = uri
        show(f"{name} by CGI{', no database' if name == 'root' else ''}",
             [time_cgi(BUILD / "handlers" / name, environment) for _ in range(STARTS)])

    def start_and_end():
        service = bench.start_service().wait()
        service.end()
        return service.first_answer_after * 1000

    show("steelthread run, until /healthz is 200", [start_and_end() for _ in range(STARTS)])


def memory(bench):
    service = bench.start_service(PRESTART="on").wait()

    def resident():
        return {pid: kib(pid, "status", "VmRSS") for pid in service.handler_pids()}

    def is_settled():
        before = resident()
        time.sleep(0.2)
        return before == resident()

    wait_until(is_settled, 10)
    figures = {}
    for pid in [*service.handler_pids(), *service.nginx_pids()]:
        sizes = (kib(pid, "status", "VmRSS"), kib(pid, "smaps_rollup", "Pss"))
        figures.setdefault(program(pid).rstrip(":"), []).append(sizes)
    service.end()

    def mib(sizes):
        return "?" if None in sizes else f"{sum(sizes) / 1024:.1f}"

    table("Memory at rest, after /healthz has answered", "program", "processes", "RSS MiB each",
          "PSS MiB, all")
    for name, sizes in sorted(figures.items()):
        rss, pss = zip(*sizes)
        row(name, len(sizes), mib([max(rss, key=lambda size: size or 0)]), mib(pss))
    everything = [pss for sizes in figures.values() for _, pss in sizes]
    row("**the whole stack**", len(everything), "", mib(everything))
