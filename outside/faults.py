"""What must survive kill -9 and SIGTERM."""

import signal
import subprocess

from wire import client_id
from world import check, same


@check
def kill_nine_loses_nothing_acknowledged_and_doubles_nothing(w):
    room = w.room("ann", "bob")
    kept, ann = {}, w.socket("ann")
    frames = [{"t": "send", "ref": f"k{n}", "room": room, "client_id": client_id(), "after": 2, "kind": "post", "body": f"k{n}"} for n in range(60)]
    ann.send(frames)
    for n in range(20):
        kept[frames[n]["client_id"]] = ann.next("ack", ref=f"k{n}")["seq"]
    port = int(w.base.rsplit(":", 1)[1])
    w.server.stop(signal.SIGKILL)
    w.server.start(port)
    again = w.socket("ann")
    again.send(frames)
    for n in range(60):
        ack = again.next("ack", ref=f"k{n}")
        same(kept.get(frames[n]["client_id"], ack["seq"]), ack["seq"])
    posts = [e for e in w.entries("ann", room, "?limit=200").json["entries"] if e["kind"] == "post"]
    same([e["body"] for e in posts], [f"k{n}" for n in range(60)])


@check
def sigterm_says_bye_and_exits_cleanly(w):
    socket = w.socket("ann")
    port = int(w.base.rsplit(":", 1)[1])
    w.server.process.send_signal(signal.SIGTERM)
    same(socket.closed(20), 1001)
    assert socket.all("bye"), "no bye before the close"
    same(w.server.process.wait(timeout=30), 0)
    done = subprocess.run([w.server.binary, "verify", "--data-dir", w.server.folder], capture_output=True, text=True)
    same(done.returncode, 0, done.stdout[-500:] + done.stderr[-500:])
    w.server.start(port)
