#!/usr/bin/env python3
"""Checks a server against the public contract from outside: `contract.py CHAPIANA_BINARY|URL [CHECK …]`.

Starts it on a fresh folder and a free port, runs every check, kills it by process id, and prints one line
a failure and `N passed, N failed` at the end. With the URL of a server that runs (fresh, open for sign-ups, limits
relaxed), as the front door of `./cluster up`, all but the checks that kill it. Written against the contract alone, on Python's standard library.
"""

import os
import sys
import tempfile
import traceback

import accounts_and_posts, reading_and_rights, sockets, faults  # noqa: E401,F401 (each registers its checks, in this order)
from world import CHECKS, Server, There, World


def main():
    binary, only = sys.argv[1], sys.argv[2:]
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "data"))
        remote = binary.startswith("http://")
        server = There(binary) if remote else Server(binary, os.path.join(folder, "data"))
        world = World(server)
        try:
            for one in CHECKS:
                if only and one.__name__ not in only or remote and one.__module__ == "faults":
                    continue
                try:
                    one(world)
                    passed += 1
                except Exception as error:
                    failed += 1
                    place = traceback.extract_tb(error.__traceback__)[1]
                    print(f"FAILED {one.__name__} (line {place.lineno}): {type(error).__name__}: {str(error)[:600]}", flush=True)
        finally:
            server.stop()
            if failed and not remote:
                print(open(os.path.join(folder, "log")).read()[-3000:])
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
