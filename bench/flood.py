#!/usr/bin/env python3
"""flood.py BASE_URL: one account writes to the board as fast as it can, over 8 kept connections, while another
account works with its own tasks. Prints, for three runs without and with the flood, what the other account waits for,
and then what the flood has left. The service should have its default limits and an empty database."""
import http.client
import json
import multiprocessing
import statistics
import sys
import time
import urllib.parse
import uuid

SECONDS = 20
CONNECTIONS = 8
BODY = json.dumps({"title": "x" * 255, "description": "\U0001F600" * 1024}, ensure_ascii=False).encode()


def send(connection, method, path, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def connect(base):
    return http.client.HTTPConnection(base.hostname, base.port, timeout=30)


def sign_up(base):
    account = {"email": f"{uuid.uuid4()}@example.org", "password": f"long {uuid.uuid4()}"}
    connection = connect(base)
    send(connection, "POST", "/api/auth/signup", json.dumps(account))
    return json.loads(send(connection, "POST", "/auth/login", json.dumps(account))[1])["access_token"]


def flood(base, token, until, statuses):
    connection = connect(base)
    counts = {}
    while time.time() < until:
        try:
            status, _ = send(connection, "POST", "/collab/tasks", BODY, token)
        except (http.client.HTTPException, OSError):
            connection, status = connect(base), 0
        counts[status] = counts.get(status, 0) + 1
    statuses.put(counts)


def work(base, token, seconds):
    """Milliseconds of each GET and each POST, 5 pairs a second."""
    connection = connect(base)
    times = {"GET": [], "POST": []}
    until = time.time() + seconds
    while time.time() < until:
        for method, body in (("GET", None), ("POST", b'{"title":"x"}')):
            began = time.perf_counter()
            status, _ = send(connection, method, "/api/tasks", body, token)
            assert status in (200, 201), status
            times[method].append((time.perf_counter() - began) * 1000)
        time.sleep(0.2)
    return times


def shown(times):
    return "  ".join(f"{method} median {statistics.median(all_):.1f} p95 {statistics.quantiles(all_, n=20)[-1]:.1f} ms"
                     for method, all_ in times.items())


def main():
    base = urllib.parse.urlsplit(sys.argv[1])
    other = sign_up(base)
    for run in range(1, 4):
        print(f"run {run}, alone:   {shown(work(base, other, SECONDS))}", flush=True)
        token, statuses = sign_up(base), multiprocessing.Queue()
        until = time.time() + SECONDS
        writers = [multiprocessing.Process(target=flood, args=(base, token, until, statuses))
                   for _ in range(CONNECTIONS)]
        for writer in writers:
            writer.start()
        print(f"run {run}, flooded: {shown(work(base, other, SECONDS))}", flush=True)
        counts = {}
        for _ in writers:
            for status, count in statuses.get().items():
                counts[status] = counts.get(status, 0) + count
        print(f"run {run}: answers to the flood {counts}", flush=True)
    began = time.perf_counter()
    status, body = send(connect(base), "GET", "/collab/state/tasks")
    print(f"board: {status}, {len(json.loads(body)['items'])} tasks, {len(body) / 1e6:.1f} MB, "
          f"{time.perf_counter() - began:.2f} s")


main()
