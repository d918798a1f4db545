#!/usr/bin/env python3
"""login_attack.py PORT flood|guess: logins of a user at home during an attack on a new database.

flood: 48 addresses, each with ten attempts a minute, try unknown e-mails.
guess: 100 addresses, each with ten attempts a minute, guess the user's password.

The service must run with TRUSTED_PROXIES=127.0.0.1, because the addresses are in X-Forwarded-For.
"""
import collections
import http.client
import json
import sys
import threading
import time

PORT, KIND = int(sys.argv[1]), sys.argv[2]
ADDRESSES = {"flood": 48, "guess": 100}[KIND]
INTERVAL = 6
END = time.time() + 66
HOME = "192.0.2.250"
EMAIL = "ada@example.org"
PASSWORD = "correct horse"


def post(path, email, password, address):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    body = json.dumps({"email": email, "password": password})
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def attack(number, statuses):
    time.sleep(number * INTERVAL / ADDRESSES)
    count = 0
    while time.time() < END:
        began = time.time()
        email = EMAIL if KIND == "guess" else f"x{number}.{count}@example.org"
        statuses[post("/auth/login", email, "wrong horse", f"198.51.100.{number}")] += 1
        count += 1
        time.sleep(max(0, began + INTERVAL - time.time()))


print("sign up:", post("/api/auth/signup", EMAIL, PASSWORD, HOME))
all_statuses = [collections.Counter() for _ in range(ADDRESSES)]
threads = [threading.Thread(target=attack, args=each) for each in enumerate(all_statuses)]
for thread in threads:
    thread.start()
time.sleep(8)
for _ in range(9):
    start = time.time()
    status = post("/auth/login", EMAIL, PASSWORD, HOME)
    print(f"login at home: {status} after {time.time() - start:.2f} s")
    time.sleep(max(0, start + INTERVAL - time.time()))
for thread in threads:
    thread.join()
print("attack:", dict(sum(all_statuses, collections.Counter())))
