"""The service that is measured, and its references: PostgreSQL, a bare nginx, a delaying proxy."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import secrets
import socket
import string
import subprocess
import time
import urllib.parse
from pathlib import Path

from processes import Broken, Interrupts, Program, is_nginx, tree, wait_until

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
EMAIL = "bench@example.com"
SECRET = secrets.token_hex(32)
API_KEY = secrets.token_hex(16)


def free_port():
    """A port below the range of outgoing connections, which could take it before the server does."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def ask(port, path, method="GET", headers=None, body=None):
    """Sends one request on a new connection. Returns status, headers and body; None without answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def token_of(user):
    """A token of the service for a user who has a row."""
    def part(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    claims = {"iss": "steelthread", "aud": "steelthread", "sub": user, "exp": 2 ** 40}
    text = part(b'{"alg":"HS256"}') + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())).decode()


class Postgres:
    """A throw-away cluster that keeps fsync on."""

    def __init__(self, folder):
        self.folder = folder / "postgres"

    def script(self, verb):
        with Interrupts.hold():
            return subprocess.run([ROOT / "tests/support/postgres", self.folder, verb],
                                  env={**os.environ, "PG_DURABLE": "1"}, start_new_session=True,
                                  stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def start(self):
        self.url = self.script("start")
        self.pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def end(self):
        self.script("stop")

    def pids(self):
        return tree(self.pid)

    def url_at(self, port):
        parts = urllib.parse.urlsplit(self.url)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

    def port(self):
        return urllib.parse.urlsplit(self.url).port

    def sql(self, *commands):
        arguments = [argument for command in commands for argument in ("-c", command)]
        done = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", *arguments, self.url],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken("psql: " + done.stderr.strip())
        return done.stdout.strip()

    def set(self, *settings):
        self.sql(*[f"ALTER SYSTEM SET {setting}" for setting in settings], "SELECT pg_reload_conf()")

    def fill_board(self, count):
        """Replaces the board with `count` tasks, in short transactions as real writers use."""
        self.sql("TRUNCATE collab_tasks", f"""
            DO $$ BEGIN
                FOR batch IN 0 .. ({count} - 1) / 100 LOOP
                    INSERT INTO collab_tasks (id, title, description, created_at, updated_at)
                    SELECT gen_random_uuid(), 'Task number ' || n, 'What is to be done, and why',
                           moment, moment
                    FROM generate_series(batch * 100 + 1, least(batch * 100 + 100, {count})) AS n,
                         LATERAL (SELECT now() + n * interval '1 microsecond' AS moment) AS moments;
                    COMMIT;
                END LOOP;
            END $$""", "VACUUM ANALYZE", "CHECKPOINT")

    def fill_tasks(self, users, tasks_each):
        """Replaces all personal tasks with those of `user-1`, `user-2` …, without events."""
        self.sql("TRUNCATE tasks RESTART IDENTITY", f"""
            INSERT INTO users (id) SELECT 'user-' || n FROM generate_series(1, {users}) AS n
            ON CONFLICT DO NOTHING""",
                 "ALTER TABLE tasks DISABLE TRIGGER task_changed", f"""
            INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
            SELECT 'user-' || n, 'Task number ' || t, 'What is to be done, and why', t % 3 = 0,
                   moment, moment
            FROM generate_series(1, {tasks_each}) AS t, generate_series(1, {users}) AS n,
                 LATERAL (SELECT now() + t * interval '1 second' AS moment) AS moments""",
                 "ALTER TABLE tasks ENABLE TRIGGER task_changed", "VACUUM ANALYZE", "CHECKPOINT")

    def fill_jobs(self, count):
        """Replaces all jobs with `count` jobs that are due, without events."""
        self.sql("TRUNCATE jobs, idempotency_keys",
                 "ALTER TABLE jobs DISABLE TRIGGER job_changed", f"""
            INSERT INTO jobs (id, title, payload, max_attempts, run_at, created_at, updated_at)
            SELECT gen_random_uuid(), 'Job number ' || n, '{{"to":"ada@example.org"}}', 100, moment,
                   moment, moment
            FROM generate_series(1, {count}) AS n,
                 LATERAL (SELECT now() - interval '1 hour' + n * interval '1 microsecond' AS moment)
                     AS moments""",
                 "ALTER TABLE jobs ENABLE TRIGGER job_changed", "VACUUM ANALYZE jobs", "CHECKPOINT")


def queries():
    """The service's own statements for PostgreSQL by name, with $name for each parameter."""
    found = {}
    for file in sorted((ROOT / "build/generated/sql").glob("*.hpp")):
        text = file.read_text()
        names = {query: re.findall(r'"(\w+)"', listed) for query, listed in
                 re.findall(r"string_view (\w+)_parameters\[\] = {(.*)};", text)}
        for query, sql in re.findall(r'Query (\w+){\s+"\w+",\s+R"sql\((.*?)\)sql"', text,
                                     re.DOTALL):
            found[query] = re.sub(
                r"\$(\d+)", lambda match: f"${names[query][int(match[1]) - 1]}", sql)
    return found


class Service:
    """The whole stack as `steelthread run` starts it."""

    def __init__(self, folder, name, database_url, password, *options, **settings):
        self.port = free_port()
        self.folder = folder / name
        self.folder.mkdir(mode=0o711)
        self.environment = {**service_environment(database_url, self.folder, self.port, password),
                            **settings}
        self.started_at = time.monotonic()
        self.program = Program([BUILD / "steelthread", "run", *options], folder / f"{name}.log",
                               cwd=ROOT, env=self.environment,
                               stdout=subprocess.DEVNULL)  # nginx's access log
        self.first_answer_after = None

    def wait(self):
        wait_until(self.is_answering, 30, 0.001)
        if self.first_answer_after is None:
            raise Broken("/healthz does not answer 200", self.program.log)
        return self

    def is_answering(self):
        self.program.check()
        answer = ask(self.port, "/healthz")
        if answer is None or answer[0] != 200:
            return False
        self.first_answer_after = time.monotonic() - self.started_at
        return True

    def end(self):
        self.program.end()

    def nginx_pids(self):
        return [pid for pid in tree(self.program.pid) if is_nginx(pid)]

    def handler_pids(self):
        return [pid for pid in tree(self.program.pid) if not is_nginx(pid)]

    def log_in(self, password):
        body = json.dumps({"email": EMAIL, "password": password})
        answer = ask(self.port, "/auth/login", "POST", {"Content-Type": "application/json"}, body)
        if answer is None or answer[0] != 200:
            raise Broken(f"POST /auth/login: {answer and answer[::2]}", self.program.log)
        return json.loads(answer[2])["access_token"]


def service_environment(database_url, run_dir, port, password):
    """The service's environment, which keeps only a few of the caller's settings."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
            or name.startswith(("WORKERS_", "DB_", "NGINX_"))}
    return {**kept, "DATABASE_URL": database_url, "RUN_DIR": str(run_dir), "PORT": str(port),
            "HOST": "127.0.0.1", "JWT_SECRET": SECRET, "DEV_USER_EMAIL": EMAIL,
            "DEV_USER_PASSWORD": password, "API_KEYS": API_KEY,
            "RATE_LIMIT": "off", "USER_RATE_LIMIT": "off",
            "MAX_TASKS_PER_USER": "off", "MAX_BOARD_TASKS": "off",
            "MAX_CONVERSATIONS_PER_USER": "off", "MAX_MESSAGES_PER_CONVERSATION": "off",
            "MAX_STREAMS_PER_USER": "off"}


class BareNginx:
    def __init__(self, folder):
        self.port = free_port()
        folder = folder / "nginx"
        folder.mkdir(mode=0o711)
        template = string.Template((ROOT / "bench/nginx.conf.in").read_text())
        (folder / "nginx.conf").write_text(template.substitute(PORT=self.port))
        self.program = Program(["nginx", "-e", "stderr", "-p", f"{folder}/", "-c", "nginx.conf"],
                               folder / "log")

    def wait(self):
        def is_answering():
            self.program.check()
            return ask(self.port, "/")
        if not wait_until(is_answering, 10):
            raise Broken("the bare nginx does not answer", self.program.log)
        return self

    def end(self):
        self.program.end()

    def pids(self):
        return tree(self.program.pid)


class Pooler:
    """PgBouncer in transaction mode."""

    def __init__(self, folder, url):
        self.folder = folder / "pooler"
        self.url = self.script("start", url, "transaction", "3600")

    def script(self, *arguments):
        with Interrupts.hold():
            return subprocess.run([ROOT / "tests/support/pooler", self.folder, *arguments],
                                  start_new_session=True, stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.strip()

    def port(self):
        return urllib.parse.urlsplit(self.url).port

    def end(self):
        self.script("stop")


class Distance:
    """A TCP proxy that delays every byte by `one_way_us` in either direction."""

    def __init__(self, folder, port, one_way_us):
        executable = BUILD / "bench/delay"
        if not executable.exists():
            raise Broken(f"{executable} is not built: make build/bench/delay")
        self.program = Program([executable, str(port), str(one_way_us)], folder / "delay.log",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.program.process.stdout.readline() or 0)
        if not self.port:
            raise Broken("the delaying proxy does not start", self.program.log)

    def end(self):
        self.program.end()

    def pids(self):
        return tree(self.program.pid)
