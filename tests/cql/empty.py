#!/usr/bin/env python3
"""Takes every row out of a keyspace of the tests: `empty.py HOST:PORT KEYSPACE`.

That is far sooner done than making its tables again, of which a small server bears some hundreds. What `meta` says of
the tables stays. Speaks as much of the native protocol, version 4, as that needs.
"""

import pathlib
import re
import socket
import struct
import sys

SCHEMA = pathlib.Path(__file__).parents[2] / "schema.cql"
STARTUP, READY, QUERY, RESULT = 1, 2, 7, 8
QUORUM = 4


def send(connection, stream, opcode, body):
    connection.sendall(struct.pack(">BBhBi", 4, 0, stream, opcode, len(body)) + body)


def take(answers, expected):
    _, _, stream, opcode, length = struct.unpack(">BBhBi", answers.read(9))
    body = answers.read(length)
    if opcode != expected:
        sys.exit(f"statement {stream}: {body[6:].decode(errors='replace')}")


def main():
    place, keyspace = sys.argv[1:]
    host, port = place.rsplit(":", 1)
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", SCHEMA.read_text())
    with socket.create_connection((host, int(port)), 90) as connection:
        answers = connection.makefile("rb")
        words = [b"CQL_VERSION", b"3.0.0"]
        send(connection, 0, STARTUP, struct.pack(">h", 1) + b"".join(struct.pack(">h", len(w)) + w for w in words))
        take(answers, READY)
        emptied = [table for table in tables if table != "meta"]
        for stream, table in enumerate(emptied):
            text = f"TRUNCATE {keyspace}.{table}".encode()
            send(connection, stream, QUERY, struct.pack(">i", len(text)) + text + struct.pack(">hB", QUORUM, 0))
        for _ in emptied:
            take(answers, RESULT)


if __name__ == "__main__":
    main()
