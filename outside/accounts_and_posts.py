"""Accounts, rooms and posts over HTTP (PROTOCOL §1–§3)."""

import json
import re
import threading

from wire import Http, Socket, client_id
from world import PASSWORD, UNKNOWN, check, refused, same


@check
def the_first_person_owns_the_workspace_and_gets_a_token(w):
    ann = w.person("ann")
    me = ann.get("/me")
    same(me.status, 200)
    same({k: me.json[k] for k in ("id", "name", "handle")}, {"id": ann.id, "name": "Ann", "handle": "ann"})
    same(me.json["role"], "owner")
    same(ann.user, me.json, "user of sign-up is the object of GET /me")


@check
def sign_up_refuses_what_is_taken_or_malformed(w):
    w.person("ann")
    anyone = Http(w.base)
    refused(anyone.post("/users", {"name": "X", "email": "ANN@halden.example", "password": PASSWORD}), 409, "conflict")
    refused(anyone.post("/users", {"name": "X", "handle": "ann", "email": "x1@halden.example", "password": PASSWORD}), 409, "conflict")
    for body in ({}, [], {"name": 1, "email": "y@halden.example", "password": PASSWORD}, {"name": "\u200b\u200d", "email": "y@halden.example", "password": PASSWORD},
                 {"name": "Y", "email": "no", "password": PASSWORD}, {"name": "Y", "email": "y@halden.example", "password": "short"}):
        refused(anyone.post("/users", body), 400, "bad_request")
    refused(anyone.post("/users", raw=b"{", headers={"Content-Type": "application/json"}), 400, "bad_request")
    refused(anyone.post("/users", raw=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415, "unsupported_media")
    refused(anyone.post("/users", raw=b"\"" + b"x" * 200_000 + b"\"", headers={"Content-Type": "application/json"}), 413, "too_large")


@check
def log_in_lists_devices_and_revokes_them(w):
    ann = w.person("ann")
    anyone = Http(w.base)
    refused(anyone.post("/sessions", {"email": "ann@halden.example", "password": "wrong wrong wrong"}), 401, "unauthenticated")
    refused(anyone.post("/sessions", {"email": "nobody@halden.example", "password": "wrong wrong wrong"}), 401, "unauthenticated")
    answer = anyone.post("/sessions", {"email": "ann@halden.example", "password": PASSWORD})
    same(answer.status, 201, answer)
    other = Http(w.base, answer.json["token"])
    devices = ann.get("/sessions").json["items"]
    same(sum(d["current"] for d in devices), 1)
    for key in ("id", "device", "created_at", "seen_at", "current"):
        assert key in devices[0], devices[0]
    theirs = next(d["id"] for d in other.get("/sessions").json["items"] if d["current"])
    socket = Socket(w.base, other.token)
    socket.hello()
    same(ann.delete(f"/sessions/{theirs}").status, 204)
    same(socket.closed(1), 4001)
    refused(other.get("/me"), 401, "unauthenticated")
    refused(ann.delete(f"/sessions/{theirs}"), 404, "not_found")


@check
def log_out_ends_the_token(w):
    w.person("ann")
    token = Http(w.base).post("/sessions", {"email": "ann@halden.example", "password": PASSWORD}).json["token"]
    me = Http(w.base, token)
    same(me.delete("/sessions/current").status, 204)
    refused(me.get("/me"), 401, "unauthenticated")


@check
def unknown_routes_methods_and_ids_are_problems(w):
    ann = w.person("ann")
    refused(ann.get("/nothing"), 404, "not_found")
    refused(ann.request("DELETE", "/api/v1/me"), 405, "method_not_allowed")
    refused(ann.get(f"/rooms/{UNKNOWN}"), 404, "not_found")
    for wrong in ("1", UNKNOWN.upper(), UNKNOWN.replace("-", "")):
        refused(ann.get(f"/rooms/{wrong}"), 400, "bad_request")
    refused(Http(w.base).get("/me"), 401, "unauthenticated")
    refused(Http(w.base, "forged").get("/me"), 401, "unauthenticated")


@check
def profiles_can_be_changed_and_found(w):
    bob = w.person("bob")
    answer = bob.patch("/me", {"name": "Bob the Builder", "title": "Carpenter"})
    same((answer.status, answer.json["name"], answer.json["title"]), (200, "Bob the Builder", "Carpenter"))
    found = w.person("ann").get("/users?q=builder").json
    same([u["id"] for u in found["items"]], [bob.id])
    same(w.person("ann").get(f"/users/{bob.id}").json["name"], "Bob the Builder")
    assert "email" not in w.person("ann").get(f"/users/{bob.id}").json
    refused(bob.patch("/me", {"name": ""}), 400, "bad_request")
    refused(bob.patch("/me", {"handle": "ann"}), 409, "conflict")
    refused(bob.get(f"/users/{UNKNOWN}"), 404, "not_found")


@check
def a_room_starts_with_joins_and_repeats_by_client_id(w):
    ann, bob = w.person("ann"), w.person("bob")
    key = client_id()
    body = {"kind": "group", "name": "Night line", "topic": "02:10", "members": [bob.id], "client_id": key}
    first, again = ann.post("/rooms", body), ann.post("/rooms", body)
    same((first.status, again.status), (201, 200))
    same(first.json["id"], again.json["id"])
    for field in ("id", "kind", "name", "topic", "role", "head", "ord", "read", "delivered", "unread", "mentions", "notify", "muted_until", "draft"):
        assert field in first.json, f"no {field} in {first.json}"
    same((first.json["role"], first.json["name"], first.json["topic"], first.json["ord"], first.json["unread"]), ("owner", "Night line", "02:10", 0, 0))
    page = w.entries("bob", first.json["id"]).json
    same([(e["seq"], e["kind"], e["user"], e["role"], e["ord"]) for e in page["entries"]], [(1, "join", ann.id, "owner", 0), (2, "join", bob.id, "member", 0)])
    same((page["head"], page["floor"]), (2, 0))


@check
def a_direct_room_of_a_pair_is_one_room_also_when_raced(w):
    ann, dan = w.person("ann"), w.person("dan")
    answers = []
    threads = [threading.Thread(target=lambda me=me, you=you: answers.append(me.post("/rooms", {"kind": "direct", "members": [you.id]})))
               for me, you in [(ann, dan), (dan, ann)] * 4]
    [t.start() for t in threads], [t.join() for t in threads]
    same(len({a.json["id"] for a in answers}), 1)
    same(sorted(a.status for a in answers), [200] * 7 + [201])
    room = answers[0].json["id"]
    refused(ann.post("/rooms", {"kind": "direct", "members": []}), 400, "bad_request")
    refused(ann.post("/rooms", {"kind": "direct", "members": [ann.id]}), 400, "bad_request")
    refused(ann.put(f"/rooms/{room}/members/{w.person('bob').id}"), 403, "denied")
    refused(ann.delete(f"/rooms/{room}/members/me"), 403, "denied")


@check
def a_post_is_stored_once_however_often_it_is_sent(w):
    room = w.room("ann", "bob")
    key = client_id()
    first = w.say("ann", room, "hello", after=2, key=key)
    again = w.say("ann", room, "other words", after=2, key=key)
    same((first.status, again.status), (201, 200))
    same(first.json, again.json)
    same({k: first.json[k] for k in ("room", "seq", "ord", "by", "client_id", "kind", "body")},
         {"room": room, "seq": 3, "ord": 1, "by": w.person("ann").id, "client_id": key, "kind": "post", "body": "hello"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.json["at"]), first.json["at"]
    same(first.json["mentions"], {"users": [], "here": False, "channel": False})
    same(w.say("bob", room, "hello", after=2, key=key).json["seq"], 4, "another sender, another key")


@check
def bodies_are_trimmed_and_bad_ones_refused(w):
    room = w.room("ann")
    same(w.say("ann", room, "\n \n  indented\u00a0 \r\n\t").json["body"], "  indented")
    for body in ("", " \n ", "\u200b\u2060", "a\u0000b", "bell\u0007"):
        refused(w.say("ann", room, body), 400, "bad_request")
    refused(w.person("ann").post(f"/rooms/{room}/entries", raw=b'{"client_id":"%s","after":0,"kind":"post","body":"\\ud800"}' % client_id().encode(),
                                 headers={"Content-Type": "application/json"}), 400, "bad_request")
    same(w.say("ann", room, "é" * 16_000 + "   ").status, 201)
    refused(w.say("ann", room, "é" * 16_001), 413, "too_large")


@check
def shapes_and_types_are_exact(w):
    room, ann = w.room("ann"), w.person("ann")
    good = {"client_id": client_id(), "after": 0, "kind": "post", "body": "x"}
    for change in ({"after": "0"}, {"after": 0.0}, {"after": True}, {"after": -1}, {"after": 2**53}, {"after": 99}, {"after": None}, {"client_id": "x"}, {"client_id": None},
                   {"kind": "nonsense"}, {"kind": 1}, {"body": 1}, {"body": None}, {"reply_to": "1"}):
        refused(ann.post(f"/rooms/{room}/entries", {**good, **change}), 400, "bad_request")
    for missing in ("after", "client_id", "kind", "body"):
        refused(ann.post(f"/rooms/{room}/entries", {k: v for k, v in good.items() if k != missing}), 400, "bad_request")
    same(ann.post(f"/rooms/{room}/entries", {**good, "something_new": [1]}).status, 201)
    deep = "[" * 40 + "]" * 40
    refused(ann.post(f"/rooms/{room}/entries", raw=(json.dumps(good)[:-1] + f', "x": {deep}}}').encode(), headers={"Content-Type": "application/json"}), 400, "bad_request")


@check
def targets_must_be_posts_of_this_room(w):
    room, ann = w.room("ann", "bob"), w.person("ann")
    seq = w.say("ann", room, "first").json["seq"]

    def act(name, kind, **fields):
        return w.person(name).post(f"/rooms/{room}/entries", {"client_id": client_id(), "after": seq, "kind": kind, **fields})

    refused(act("ann", "edit", target=1, body="x"), 404, "not_found")
    refused(act("ann", "edit", target=999, body="x"), 404, "not_found")
    refused(act("bob", "edit", target=seq, body="x"), 403, "denied")
    refused(act("bob", "delete", target=seq), 403, "denied")
    refused(act("ann", "post", body="x", reply_to=1), 404, "not_found")
    refused(act("ann", "react", target=seq, emoji="not an emoji"), 400, "bad_request")
    same(act("bob", "react", target=seq, emoji="👍").status, 201)
    same(act("bob", "react", target=seq, emoji="👍").status, 201)
    view = ann.get(f"/rooms/{room}/messages").json["messages"][0]
    same(view["reactions"], {"👍": {"count": 1, "users": [w.person("bob").id]}})
    same(act("bob", "unreact", target=seq, emoji="👍").status, 201)
    same(act("bob", "unreact", target=seq, emoji="👍").status, 201)
    same(ann.get(f"/rooms/{room}/messages").json["messages"][0]["reactions"], {})
    same(act("ann", "delete", target=seq).status, 201)
    refused(act("ann", "edit", target=seq, body="x"), 409, "conflict")
    refused(act("bob", "react", target=seq, emoji="👍"), 409, "conflict")
