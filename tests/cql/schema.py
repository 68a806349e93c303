#!/usr/bin/env python3
"""`chapiana schema` on a ring of three, all there and with nodes down: `schema.py CHAPIANA`.

Each run must say what it did, or why it could not and what to do; the same again goes on where it was.
"""

import subprocess
import sys
import tempfile

from cassandra import CQL, Ring


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="chapiana-schema-") as folder:
        ring = Ring(3, folder)
        contacts = ",".join(f"{address}:{CQL}" for address in ring.addresses)

        def chapiana(words, keyspace, fails, *expected):
            command = [binary, *words, "--store", f"cql:{contacts}/{keyspace}", "--data-dir", folder]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            said = done.stdout + done.stderr
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
            kill(2)
            gone = f"{ring.addresses[2]}:{CQL} does not answer"
            chapiana(["schema"], "one", False, gone, "already")
            chapiana(["schema"], "two", False, gone, "'datacenter1': 3", "now")
            chapiana(["doctor", "--listen", "127.0.0.1:0"], "two", False, "ok    store")
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
