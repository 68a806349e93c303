#!/usr/bin/env python3
"""What the program does on a ring of three, all there and with nodes down or standing still: `ring.py CHAPIANA`.

`chapiana schema` must say what it did, or why it could not and what to do; the same again goes on where it was. A node
that serves must answer reads while one of the database stands still.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from cassandra import CQL, Ring

# So many that some of them are asked of the node that stands still, whatever the driver chooses.
READS = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port, path, token=None, body=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def wait_for(port):
    deadline = time.monotonic() + 60
    while True:
        try:
            return call(port, "/health/ready")
        except OSError:
            assert time.monotonic() < deadline, "the node is not ready"
            time.sleep(0.2)


def stands_still(binary, ring, store, folder):
    """Reads while a node of the database stands still, which keeps its connections and answers nothing."""
    port = free_port()
    words = ["serve", "--listen", f"127.0.0.1:{port}", "--sign-up", "open", "--limits", "relaxed", "--store", store]
    node = subprocess.Popen([binary, *words, "--data-dir", folder])
    paused = ring.running[2]
    try:
        wait_for(port)
        person = {"name": "Ann", "handle": "ann", "email": "ann@example.org", "password": "a long enough pass phrase"}
        token = json.loads(call(port, "/api/v1/users", None, person))["token"]
        os.kill(paused.pid, signal.SIGSTOP)
        times = []
        for n in range(READS):
            began = time.monotonic()
            try:
                call(port, "/api/v1/rooms", token)
            except urllib.error.HTTPError as error:
                raise AssertionError(f"read {n} after {time.monotonic() - began:.1f} s: {error.read()}") from error
            times.append(time.monotonic() - began)
        print(f"{READS} reads while a node of the database stood still, slowest {max(times):.1f} s", flush=True)
    finally:
        os.kill(paused.pid, signal.SIGCONT)
        node.terminate()
        node.wait()


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="chapiana-ring-") as folder:
        ring = Ring(3, folder)
        contacts = ",".join(f"{address}:{CQL}" for address in ring.addresses)

        def run(words, keyspace):
            command = [binary, *words, "--store", f"cql:{contacts}/{keyspace}", "--data-dir", folder]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            return done, done.stdout + done.stderr

        def chapiana(words, keyspace, fails, *expected, patience=0):
            deadline = time.monotonic() + patience
            done, said = run(words, keyspace)
            while (done.returncode != 0) != fails and time.monotonic() < deadline:
                print(f"not yet: {said.strip()}", flush=True)
                done, said = run(words, keyspace)
            print(f"$ {' '.join(words)} ({keyspace}): {done.returncode}\n{said.strip()}", flush=True)
            assert (done.returncode != 0) == fails, said
            for words in expected:
                assert words in said, f"{words!r} is missing"

        def kill(n):
            ring.running[n].kill()
            ring.running[n].wait()

        def start(n):
            ring.running[n] = ring.start(n)
            ring.wait(n)

        try:
            chapiana(["schema", "--copies", "4"], "one", True, "let more nodes join")
            chapiana(["schema", "--copies", "1"], "one", True, "one failure would lose messages")
            chapiana(["schema"], "one", False, "made keyspace one", "'datacenter1': 3", "now")
            chapiana(["schema", "--copies", "3"], "one", False, "already")
            stands_still(binary, ring, f"cql:{contacts}/one", folder)
            kill(2)
            gone = f"{ring.addresses[2]}:{CQL} does not answer"
            chapiana(["schema"], "one", False, gone, "already")
            chapiana(["schema"], "two", False, gone, "'datacenter1': 3", "now")
            # Those who are left take their time to see that it is gone, and doctor says what it finds.
            chapiana(["doctor", "--listen", "127.0.0.1:0"], "two", False, "ok    store", patience=60)
            kill(1)
            chapiana(["schema"], "three", True, "too few nodes of the database answer", "nodetool status")
            start(1)
            chapiana(["schema"], "three", False, gone, "now")
            start(2)
            # What was made without it is there, by it alone.
            contacts = f"{ring.addresses[2]}:{CQL}"
            for keyspace in ("two", "three"):
                chapiana(["schema"], keyspace, False, "already")
        finally:
            ring.stop()


if __name__ == "__main__":
    main()
