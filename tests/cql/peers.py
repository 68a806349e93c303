"""Which other nodes of the ring a node tells its clients of: as much of the CQL protocol, version 4, as that takes."""

import socket
import struct

VERSION_4, STARTUP, QUERY, ROWS = 4, 0x01, 0x07, 2
CONSISTENCY_ONE = 1


def exact(connection, size):
    said = b""
    while len(said) < size:
        part = connection.recv(size - len(said))
        if not part:
            raise OSError("the node hung up")
        said += part
    return said


def ask(connection, opcode, body):
    connection.sendall(struct.pack(">BBhBi", VERSION_4, 0, 0, opcode, len(body)) + body)
    *_, length = struct.unpack(">BBhBi", exact(connection, 9))
    return exact(connection, length)


def text(word):
    return struct.pack(">H", len(word)) + word.encode()


def whole_peers(address, port):
    """How many peers it knows with all that a client wants to know of them."""
    with socket.create_connection((address, port), 5) as connection:
        ask(connection, STARTUP, struct.pack(">H", 1) + text("CQL_VERSION") + text("3.0.0"))
        query = "SELECT host_id, data_center, schema_version, rpc_address, release_version FROM system.peers"
        query = struct.pack(">i", len(query)) + query.encode() + struct.pack(">HB", CONSISTENCY_ONE, 0)
        answer = ask(connection, QUERY, query)
    kind, _, columns = struct.unpack_from(">iii", answer)
    if kind != ROWS:
        raise OSError(f"system.peers: {answer!r}")
    at = 12

    def skip_text(at):
        return at + 2 + struct.unpack_from(">H", answer, at)[0]

    # The keyspace and the table, then each column's name and its type, which is a plain one.
    at = skip_text(skip_text(at))
    for _ in range(columns):
        at = skip_text(at) + 2
    rows, at = struct.unpack_from(">i", answer, at)[0], at + 4
    whole = 0
    for _ in range(rows):
        lengths = []
        for _ in range(columns):
            lengths.append(struct.unpack_from(">i", answer, at)[0])
            at += 4 + max(0, lengths[-1])
        whole += all(length > 0 for length in lengths)
    return whole
