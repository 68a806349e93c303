"""The WebSocket (PROTOCOL §4)."""

import json

from wire import Http, Refused, Socket, client_id
from world import PASSWORD, UNKNOWN, check, refused, same


@check
def hello_comes_first_and_welcome_carries_the_rooms(w):
    room = w.room("ann", "bob")
    socket = w.socket("bob")
    for key in ("user", "session", "node", "version", "now", "limits", "rooms", "next"):
        assert key in socket.welcome, f"no {key} in welcome"
    same(socket.welcome["user"], w.person("bob").get("/me").json)
    assert room in [r["id"] for r in socket.welcome["rooms"]]
    assert "chapiana.v1" in socket.head
    early = Socket(w.base, w.person("bob").token)
    early.send({"t": "ping", "n": 1})
    same(early.closed(), 4009)
    stranger = Socket(w.base, "forged")
    same(stranger.closed(), 4001)
    same(Socket(w.base).closed(), 4001)
    again = socket.ask({"t": "hello", "format": "data"})
    same(again["code"], "bad_request")


@check
def origins_are_checked_before_the_upgrade(w):
    for origin in ("https://evil.example", "null", None):
        headers = {"Cookie": "chapiana=forged"}
        if origin:
            headers["Origin"] = origin
        try:
            Socket(w.base, headers=headers)
            raise AssertionError(f"upgraded with a cookie and Origin {origin}")
        except Refused as no:
            same(no.status, 403)
    try:
        Socket(w.base, w.person("ann").token, headers={"Origin": "https://evil.example"})
        raise AssertionError("a bearer with a foreign Origin was upgraded")
    except Refused as no:
        same(no.status, 403)


@check
def broken_frames_are_answered_as_written(w):
    for send, code in [(lambda s: s.raw(1, b"x" * 65_537), 1009), (lambda s: s.raw(1, b'{"t":"\xff"}'), 1007), (lambda s: s.raw(2, b"{}"), 4009), (lambda s: s.text("{nope"), 4009),
                       (lambda s: s.text("[" * 17 + "]" * 17), 4009)]:
        socket = w.socket("ann")
        send(socket)
        same(socket.closed(), code)
    socket = w.socket("ann")
    for frame in ({"t": "nonsense"}, {"t": 1}, {}, {"t": "watch", "room": UNKNOWN}, {"t": "watch", "room": 1, "after": 0}, {"t": "watch", "room": UNKNOWN, "after": "0"},
                  {"t": "watch", "room": UNKNOWN, "after": 1.0}, {"t": "watch", "room": UNKNOWN, "after": True}, {"t": "mark", "room": UNKNOWN, "read": -1}, {"t": "send", "room": UNKNOWN}):
        answer = socket.ask(frame)
        same((answer["t"], answer["code"]), ("error", "bad_request"), frame)
    socket.text('"words"')
    same(socket.next("error")["code"], "bad_request")
    socket.send({"t": "nonsense", "ref": "x" * 65})
    assert "ref" not in socket.next("error")
    socket.text("[]")
    socket.send([{"t": "ping", "n": n} for n in range(64)])
    for n in range(64):
        socket.next("pong", n=n)
    socket.send([{"t": "ping", "n": 100 + n} for n in range(65)])
    same(socket.next("error")["code"], "bad_request")
    socket.send([[{"t": "ping", "n": 7}]])
    same(socket.next("error")["code"], "bad_request")
    socket.quiet()
    same(socket.all("pong", n=100), [])
    cursors = {f"0190a000-0000-7000-8000-{n:012x}": 0 for n in range(101)}
    many = Socket(w.base, w.person("ann").token)
    many.send({"t": "hello", "format": "data", "cursors": cursors})
    same(many.next("error")["code"], "bad_request")


@check
def watchers_get_every_entry_once_and_in_order(w):
    room = w.room("ann", "bob")
    ann, bob = w.socket("ann"), w.socket("bob")
    w.say("ann", room, "before")
    watching = bob.watch(room, 0)
    same((watching["t"], watching["room"], watching["head"]), ("watching", room, 3))
    same(bob.watch(room, 0)["code"], "conflict")
    ann.send([{"t": "send", "ref": f"s{n}", "room": room, "client_id": client_id(), "after": 3, "kind": "post", "body": f"m{n}"} for n in range(20)])
    acks = [ann.next("ack", ref=f"s{n}") for n in range(20)]
    same([a["seq"] for a in acks], list(range(4, 24)))
    for key in ("client_id", "room", "seq", "ord", "at"):
        assert key in acks[0], acks[0]
    last = bob.next("entry", seq=23)
    same({k: last[k] for k in ("room", "ord", "kind", "body")}, {"room": room, "ord": 21, "kind": "post", "body": "m19"})
    same([e["seq"] for e in bob.all("entry")], list(range(1, 24)))
    same(bob.ask({"t": "unwatch", "room": room})["t"], "unwatched")
    same(bob.ask({"t": "unwatch", "room": room})["t"], "unwatched")
    w.say("ann", room, "after")
    head = bob.next("head", room=room, seq=24)
    same((head["ord"], head["unread"], head["mentions"]), (22, 22, 0))
    bob.quiet()
    same(bob.all("entry", seq=24), [])
    same(bob.watch(room, 23)["head"], 24)
    same(len(bob.all("entry", seq=24)), 1)


@check
def a_distant_watch_is_reset_and_a_cursor_is_a_watch(w):
    room = w.room("ann", "bob")
    ann = w.socket("ann")
    for chunk in range(0, 512, 64):
        ann.send([{"t": "send", "ref": f"d{chunk + n}", "room": room, "client_id": client_id(), "after": 2, "kind": "post", "body": "x"} for n in range(64)])
        ann.next("ack", ref=f"d{chunk + 63}")
    bob = w.socket("bob")
    bob.send({"t": "watch", "ref": "far", "room": room, "after": 0})
    same(bob.next("reset", room=room, ref="far")["head"], 514)
    same(bob.next("watching", room=room, ref="far")["head"], 514)
    same(bob.all("entry"), [])
    w.say("ann", room, "live")
    bob.next("entry", seq=515)
    cat = Socket(w.base, w.person("bob").token)
    cat.hello(cursors={room: 510})
    same(cat.next("watching", room=room)["head"], 515)
    same([e["seq"] for e in cat.all("entry")], [511, 512, 513, 514, 515])
    edge = w.socket("bob")
    same(edge.watch(room, 15)["t"], "watching")
    same(len(edge.all("entry")), 500)


@check
def a_repeated_send_gets_the_same_ack_on_the_socket(w):
    room, ann = w.room("ann"), w.socket("ann")
    frame = {"t": "send", "room": room, "client_id": client_id(), "after": 1, "kind": "post", "body": "once"}
    one, two = ann.ask(frame), ann.ask(frame)
    same({k: v for k, v in one.items() if k != "ref"}, {k: v for k, v in two.items() if k != "ref"})
    same(ann.ask({**frame, "client_id": client_id(), "after": 99})["code"], "bad_request")
    same(w.entries("ann", room).json["head"], 2)


@check
def marks_and_typing_reach_the_watchers(w):
    room = w.room("ann", "bob")
    ann, bob = w.socket("ann"), w.socket("bob")
    ann.watch(room, 0)
    w.say("ann", room, "read me")
    marks = bob.ask({"t": "mark", "room": room, "read": 3})
    same((marks["t"], marks["room"]), ("marks", room))
    seen = ann.frame(lambda f: f["t"] == "marks" and any(m["user"] == w.person("bob").id and m["read"] == 3 for m in f["marks"]))
    same(seen["room"], room)
    bob.send({"t": "typing", "room": room, "on": True})
    typing = ann.frame(lambda f: f["t"] == "typing" and f["users"])
    same((typing["room"], typing["users"]), (room, [w.person("bob").id]))
    assert typing["expires_ms"] > 0


@check
def the_html_format_carries_fragments(w):
    room = w.room("ann", "bob")
    bob = w.socket("bob", format="html")
    bob.watch(room, 2)
    seq = w.say("ann", room, "a <script>alert(1)</script> **bold**").json["seq"]
    frame = bob.next("entry", seq=seq)
    same((frame["op"], frame["kind"]), ("add", "post"))
    assert f'id="m{seq}"' in frame["html"] and "<script" not in frame["html"] and "<strong>bold</strong>" in frame["html"], frame["html"]
    ann = w.person("ann")
    ann.post(f"/rooms/{room}/entries", {"client_id": client_id(), "after": seq, "kind": "edit", "target": seq, "body": "changed"})
    edit = bob.next("entry", seq=seq + 1)
    same((edit["op"], edit["target"]), ("replace", seq))
    assert "changed" in edit["html"]


@check
def who_is_removed_gets_gone_and_nothing_more(w):
    room = w.room("ann", "bob")
    watcher, listener = w.socket("bob"), w.socket("bob")
    watcher.watch(room, 0)
    ann, bob = w.person("ann"), w.person("bob")
    left = ann.delete(f"/rooms/{room}/members/{bob.id}").json
    for n in range(5):
        w.say("ann", room, f"secret {n}")
    for socket in (watcher, listener):
        same(socket.next("gone", room=room)["seq"], left["seq"])
        socket.quiet()
        after = False
        for frame, _ in socket.seen:
            assert not (after and frame.get("room") == room), frame
            after = after or frame["t"] == "gone"
        assert "secret" not in json.dumps([f for f, _ in socket.seen])
    refused(w.entries("bob", room), 404, "not_found")
    same(watcher.post(room, "x")["code"], "not_found")
    ann.put(f"/rooms/{room}/members/{bob.id}")
    same(watcher.next("room", room=room)["room"], room)
    same(watcher.watch(room, 0)["t"], "watching")


@check
def a_renamed_person_is_told_to_those_who_see_him(w):
    w.room("ann", "fay")
    ann = w.socket("ann")
    fay = w.person("fay")
    fay.patch("/me", {"name": "Fay Renamed"})
    told = ann.frame(lambda f: f["t"] == "user" and f["user"]["id"] == fay.id)
    same(set(told["user"]) >= {"id", "name", "handle", "avatar"}, True)
    same(told["user"]["name"], "Fay Renamed")


@check
def the_descriptions_are_served(w):
    api = Http(w.base).get("/openapi.json")
    same((api.status, api.json["openapi"][:3]), (200, "3.1"))
    for path in ("/rooms/{id}/entries", "/users", "/sessions", "/me"):
        assert any(p.endswith(path) for p in api.json["paths"]), f"{path} is not described"
    same(Http(w.base).get("/asyncapi.json").json["asyncapi"][:2], "3.")
    same(Http(w.base).request("GET", "/health/live").status, 200)
    same(Http(w.base).request("GET", "/health/ready").status, 200)
