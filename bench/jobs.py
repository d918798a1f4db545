"""The section about jobs: workers that die, and the cost of a lease and a completion."""

import os
import random
import signal
import sys
import time

from load import (JSON, Call, cpu, cpu_of_others, pgbench, row, share, table, with_range, wrk,
                  write_script)
from processes import Program
from sections import interleave
from stack import API_KEY, ROOT

JOBS, WORKERS = 10_000, 8
LEASE_SECONDS = 1  # the shortest lease that the service accepts
DISTURBANCE_EVERY_S = 0.08
STALLS = 0.1  # the share of disturbances that pause a worker; the others kill one
STALL_S = 1.5 * LEASE_SECONDS
PATIENCE_S = 180
READY_PER_SECOND = 10_000  # more than any run completes
EXAMPLES = 3

# The benchmark's own trigger records each row of `jobs` after every change, independently of what
# the service answers and of the events that it writes.
RECORD = """
CREATE TABLE bench_changes (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    moment timestamptz NOT NULL DEFAULT now(), verb text NOT NULL, job uuid NOT NULL,
    version bigint, status text, attempts bigint, worker text, lease uuid,
    expires_at timestamptz, result text);
CREATE FUNCTION bench_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO bench_changes
        (verb, job, version, status, attempts, worker, lease, expires_at, result)
    VALUES (TG_OP, coalesce(NEW.id, OLD.id), NEW.version, NEW.status, NEW.attempts, NEW.worker,
            NEW.lease_id, NEW.lease_expires_at, NEW.result);
    RETURN NULL;
END $$;
CREATE TRIGGER bench_changed AFTER INSERT OR UPDATE OR DELETE ON jobs
FOR EACH ROW EXECUTE FUNCTION bench_changed();
CREATE TABLE bench_said (what text, worker text, job uuid, lease uuid)"""

FORGET = """
DROP VIEW IF EXISTS bench_steps, bench_events;
DROP TRIGGER bench_changed ON jobs;
DROP FUNCTION bench_changed;
DROP TABLE bench_changes, bench_said"""

# Each change is one of five steps, or forbidden. The recorded moment is the now() by which the
# service decides whether a lease has expired.
STEPS = """
CREATE VIEW bench_steps AS
SELECT *, CASE
    WHEN verb <> 'UPDATE' OR version <> version_before + 1 THEN 'forbidden'
    WHEN before = 'pending' AND status = 'running' AND attempts = attempts_before + 1
        AND expires_at > moment AND lease IS NOT NULL AND worker IS NOT NULL
        AND NOT is_used_lease THEN 'leased'
    WHEN before <> 'running' OR attempts <> attempts_before THEN 'forbidden'
    WHEN status = 'running' AND lease = held AND worker = holder AND moment < held_until
        AND expires_at > moment THEN 'extended'
    WHEN status = 'completed' AND moment < held_until AND result::json->>'worker' = holder
        THEN 'completed'
    WHEN status = 'pending' AND moment >= held_until THEN 'run out'
    ELSE 'forbidden' END AS step
FROM (SELECT *,
        lag(version, 1, 1::bigint) OVER own AS version_before,
        lag(status, 1, 'pending') OVER own AS before,
        lag(attempts, 1, 0::bigint) OVER own AS attempts_before,
        lag(worker) OVER own AS holder,
        lag(lease) OVER own AS held,
        lag(expires_at) OVER own AS held_until,
        row_number() OVER (PARTITION BY job, lease ORDER BY place) > 1 AS is_used_lease
    FROM bench_changes
    WINDOW own AS (PARTITION BY job ORDER BY place)) AS changes"""

# The feed as its readers get it. version_before is the version in the job's previous event.
EVENTS = """
CREATE VIEW bench_events AS
SELECT type, (regexp_replace(subject, '^/jobs/', ''))::uuid AS job, data->>'status' AS status,
    (data->>'version')::bigint AS version, (data->>'attempts')::bigint AS attempts,
    lag((data->>'version')::bigint, 1, 1::bigint)
        OVER (PARTITION BY subject ORDER BY transaction_id, events.id) AS version_before
FROM events
WHERE audience = 'jobs' AND subject IN (SELECT '/jobs/' || id FROM jobs
                                        UNION SELECT '/jobs/' || job FROM bench_changes)"""

# What must never happen, and the SQL that finds it.
CHECKS = {
    "a step that no lease allows": """
        SELECT job, version, moment, verb, before, attempts_before, holder, held_until, '->',
            status, attempts, worker, result
        FROM bench_steps WHERE step = 'forbidden' ORDER BY place""",
    "a lease of two workers": """
        SELECT lease, string_agg(DISTINCT worker, ' ') FROM bench_changes
        GROUP BY lease HAVING count(DISTINCT worker) > 1""",
    "a job that is not completed exactly once": """
        SELECT jobs.id, jobs.status, jobs.attempts, steps.completions, steps.leases
        FROM jobs LEFT JOIN (
            SELECT job, count(*) FILTER (WHERE status = 'completed') AS completions,
                count(*) FILTER (WHERE step = 'leased') AS leases
            FROM bench_steps GROUP BY job) AS steps ON steps.job = jobs.id
        WHERE jobs.status <> 'completed' OR steps.completions IS DISTINCT FROM 1
            OR steps.leases IS DISTINCT FROM jobs.attempts
            OR jobs.worker IS NOT NULL OR jobs.lease_id IS NOT NULL""",
    "a job without exactly one event job.completed": """
        SELECT jobs.id, count(bench_events.job)
        FROM jobs LEFT JOIN bench_events
            ON bench_events.job = jobs.id AND type = 'job.completed'
        GROUP BY jobs.id HAVING count(bench_events.job) <> 1""",
    "a change and an event that differ": """
        SELECT coalesce(steps.job, feed.job), coalesce(steps.version, feed.version), steps.step,
            feed.type
        FROM bench_steps AS steps FULL JOIN bench_events AS feed USING (job, version)
        WHERE (feed.status, feed.attempts) IS DISTINCT FROM (steps.status, steps.attempts)
            OR feed.type IS DISTINCT FROM CASE step WHEN 'leased' THEN 'job.leased'
                WHEN 'completed' THEN 'job.completed' ELSE 'job.updated' END""",
    "an event that is out of order in the feed": """
        SELECT job, version_before, version FROM bench_events
        WHERE version <> version_before + 1""",
    "a lease that its worker cannot have": """
        SELECT said.* FROM bench_said AS said
        WHERE what = 'leased' AND NOT EXISTS (
            SELECT FROM bench_steps AS steps WHERE step = 'leased' AND steps.job = said.job
                AND steps.lease = said.lease AND steps.worker = said.worker)""",
    "a completion that was acknowledged and is not stored": """
        SELECT said.* FROM bench_said AS said
        WHERE what = 'completed' AND NOT EXISTS (
            SELECT FROM bench_steps AS steps WHERE step = 'completed' AND steps.job = said.job
                AND steps.held = said.lease AND steps.holder = said.worker)""",
    "a job whose completion was acknowledged twice": """
        SELECT job, count(*), string_agg(worker, ' ') FROM bench_said
        WHERE what = 'completed' GROUP BY job HAVING count(*) > 1""",
    "a completion that was refused and is stored": """
        SELECT said.* FROM bench_said AS said JOIN bench_steps AS steps
            ON steps.job = said.job AND steps.held = said.lease AND steps.status = 'completed'
        WHERE what = 'late'""",
}


class Crew:
    """A constant number of workers, of which random ones are killed, or paused for longer than
    their lease lasts."""

    def __init__(self, bench):
        self.bench = bench
        self.said = bench.folder / "said"
        self.said.write_text("")
        self.started = self.kills = self.stalls = 0
        self.asleep = {}  # worker: when it continues
        self.workers = [self.start() for _ in range(WORKERS)]

    def start(self):
        self.started += 1
        return Program([sys.executable, "-IS", ROOT / "bench/worker",
                        str(self.bench.service.port), f"worker-{self.started}",
                        str(LEASE_SECONDS), self.said],
                       self.bench.folder / "workers.log", env={"API_KEY": API_KEY})

    def disturb(self):
        now = time.monotonic()
        for worker in [worker for worker, until in self.asleep.items() if until < now]:
            del self.asleep[worker]
            os.kill(worker.pid, signal.SIGCONT)
        place = random.randrange(WORKERS)
        victim = self.workers[place]
        if victim in self.asleep:
            return
        if random.random() < STALLS:
            self.stalls += 1
            self.asleep[victim] = now + STALL_S
            os.kill(victim.pid, signal.SIGSTOP)
        else:
            self.kills += 1
            victim.kill()
            self.workers[place] = self.start()

    def end(self):
        for worker in self.workers:
            worker.kill()

    def lines(self):
        """The lines about expected answers, and those about faults."""
        lines = self.said.read_text().splitlines()
        return ([line for line in lines if not line.startswith("fault,")],
                [line for line in lines if line.startswith("fault,")])


def survival(bench):
    """Checks that every job is completed once, whichever workers die."""
    sql = bench.postgres.sql
    bench.postgres.fill_jobs(JOBS)
    sql(RECORD)
    crew = Crew(bench)
    try:
        latest = time.monotonic() + PATIENCE_S
        asked = 0
        while time.monotonic() < latest:
            time.sleep(random.uniform(0, 2 * DISTURBANCE_EVERY_S))
            crew.disturb()
            if time.monotonic() > asked + 0.5:
                asked = time.monotonic()
                if sql("SELECT count(*) FROM jobs WHERE status IN ('pending', 'running')") == "0":
                    break
    finally:
        crew.end()
    report(bench, crew)
    sql(FORGET)


def report(bench, crew):
    sql = bench.postgres.sql

    def counts(query):
        return {name: int(count) for name, count in
                (line.split("|") for line in sql(query).splitlines())}

    lines, faults = crew.lines()
    (bench.folder / "answers").write_text("".join(line + "\n" for line in lines))
    sql(f"\\copy bench_said FROM '{bench.folder}/answers' CSV", STEPS, EVENTS, "ANALYZE")
    if (count := sql("SELECT count(*) FROM jobs")) != str(JOBS):
        faults.append(f"{count} jobs where there were {JOBS}")
    for what, query in CHECKS.items():
        if found := sql(query).splitlines():
            faults.append(f"{what}: {len(found)}, " + "; ".join(found[:EXAMPLES]))
    bench.faults += [f"jobs: {fault}" for fault in faults]
    steps = counts("SELECT step, count(*) FROM bench_steps GROUP BY step")
    said = counts("SELECT what, count(*) FROM bench_said GROUP BY what")
    seconds = sql("SELECT round(extract(epoch FROM max(moment) - min(moment)), 1) "
                  "FROM bench_changes")
    table(f"{JOBS:,} jobs, {WORKERS} workers that die", "", "count")
    row("jobs completed", f"{steps.get('completed', 0):,}")
    row("completions acknowledged to a worker", f"{said.get('completed', 0):,}")
    row("leases", f"{steps.get('leased', 0):,}")
    row("expired leases, whose jobs were leased again", f"{steps.get('run out', 0):,}")
    row("heartbeats", f"{steps.get('extended', 0):,}")
    row("workers killed", crew.kills)
    row("workers paused", crew.stalls)
    row("completions and heartbeats refused as too late", said.get("late", 0))
    row("seconds", seconds)
    row("**faults**", len(faults))


def pair_script(bench):
    """A lease and a completion for pgbench: two pipelines, hence two transactions and two round
    trips, as in the service. The ids pass from one to the other in settings of the session, because
    pgbench cannot read an answer within a pipeline."""
    lease = Call("/jobs/lease",
                 statements=("fail_expired_jobs", "release_expired_jobs", "lease_jobs"),
                 parameters={"release_expired_jobs": {"limit": 1},
                             "lease_jobs": {"limit": 1, "worker": "bench",
                                            "lease_id": "(gen_random_uuid())",
                                            "lease_seconds": 30}})
    job = "(current_setting('bench.job')::uuid)"
    lease_id = "(current_setting('bench.lease')::uuid)"
    complete = Call("/jobs/{id}/complete", statements=("complete_job", "job_exists"),
                    parameters={"complete_job": {"id": job, "lease_id": lease_id, "result": "null"},
                                "job_exists": {"id": job}})
    statements = {**bench.statements, "lease_jobs": bench.statements["lease_jobs"] + """,
        set_config('bench.job', jobs.id::text, false),
        set_config('bench.lease', lease_id::text, false)"""}
    path, variables = bench.folder / "pair.sql", {}
    text = ""
    for call in (lease, complete):
        _, more = write_script(path, call, statements)
        text += path.read_text()
        variables.update(more)
    path.write_text(text)
    return path, variables


def throughput(bench):
    script = pair_script(bench)
    pair = Call("/jobs/lease", "POST", {"X-API-Key": API_KEY, **JSON})

    def on_ready_jobs(label, clients, measure):
        """Runs `measure` on jobs that are all due. The rows must agree with the count it returns."""
        bench.postgres.fill_jobs(READY_PER_SECOND * bench.seconds)
        run = measure()
        done, left = map(int, bench.postgres.sql(
            "SELECT count(*) FILTER (WHERE status = 'completed'), "
            "count(*) FILTER (WHERE status = 'pending') FROM jobs").split("|"))
        if abs(done - run.count) > clients or not left:
            bench.faults.append(f"{label}: {run.count} pairs, {done} jobs completed, {left} left")
        return run

    table("A lease and its completion", "workers", "pairs/s",
          "CPU µs: nginx / handlers / Postgres", "pgbench, pairs/s", "µs", "share")
    seen = []
    for clients in (1, WORKERS):
        label = f"lease and complete, {clients} workers"
        bench.note(label)
        runs = interleave(bench.rounds, {
            "service": lambda: on_ready_jobs(
                label, clients, lambda: bench.drive(label, pair, connections=clients,
                                                    script="jobs.lua", threads=clients)),
            "pgbench": lambda: on_ready_jobs(
                label + ", pgbench", clients, lambda: bench.drive_postgres(script, clients))})
        ours, limit = runs["service"], runs["pgbench"]
        row(clients, with_range(ours), cpu(ours, "nginx", "handlers", "Postgres"),
            with_range(limit), cpu(limit, "Postgres"), share(ours, limit))
        seen += ours + limit
    print("\n" + cpu_of_others(seen))


def jobs(bench):
    survival(bench)
    throughput(bench)
