"""Redaction, pages, markers, rights and lists over HTTP (PROTOCOL §2–§3)."""

import json
import time

from wire import Http, client_id
from world import PASSWORD, UNKNOWN, check, refused, same


@check
def redaction_hides_the_text_everywhere_once_acknowledged(w):
    room = w.room("ann", "bob")
    keys = [client_id() for _ in range(4)]
    one = w.say("ann", room, "first words", key=keys[0]).json["seq"]
    ann = w.person("ann")
    edit = lambda key, body: ann.post(f"/rooms/{room}/entries", {"client_id": key, "after": one, "kind": "edit", "target": one, "body": body}).json["seq"]
    two, three = edit(keys[1], "second words"), edit(keys[2], "third words")
    by = {e["seq"]: e for e in w.entries("bob", room).json["entries"]}
    for hidden in (one, two):
        assert "body" not in by[hidden] or by[hidden]["body"] is None, by[hidden]
        same(by[hidden]["redacted"], True)
    same(by[three]["body"], "third words")
    view = w.person("bob").get(f"/rooms/{room}/messages").json["messages"][0]
    same((view["seq"], view["body"], view["deleted"], view["ord"]), (one, "third words", False, 1))
    assert view["edited_at"], view
    repeat = w.say("ann", room, "first words", key=keys[0])
    same((repeat.status, repeat.json.get("body"), repeat.json.get("redacted")), (200, None, True))
    w.person("bob").post(f"/rooms/{room}/entries", {"client_id": client_id(), "after": one, "kind": "react", "target": one, "emoji": "🎉"})
    ann.post(f"/rooms/{room}/entries", {"client_id": keys[3], "after": one, "kind": "delete", "target": one})
    page = w.entries("bob", room)
    assert b"words" not in page.body and "🎉" not in page.body.decode() and b"\\ud83c" not in page.body, page
    messages = w.person("bob").get(f"/rooms/{room}/messages")
    assert b"words" not in messages.body
    same((messages.json["messages"][0]["deleted"], messages.json["messages"][0]["body"]), (True, None))
    socket = w.socket("bob")
    socket.watch(room, 0)
    assert "words" not in json.dumps([f for f, _ in socket.seen], ensure_ascii=False)
    same([f["seq"] for f in socket.all("entry")], list(range(1, page.json["head"] + 1)))


@check
def mentions_are_computed_by_the_server(w):
    room = w.room("ann", "bob")
    bob, cat = w.person("bob"), w.person("cat")
    entry = w.say("ann", room, f"@bob and <@{cat.id}> and `@bob` @channel").json
    same(entry["mentions"], {"users": [bob.id], "here": False, "channel": True})
    assert f"<@{bob.id}>" in entry["body"] and "`@bob`" in entry["body"], entry["body"]
    item = next(r for r in bob.get("/rooms").json["items"] if r["id"] == room)
    same((item["unread"], item["mentions"]), (1, 1))


@check
def pages_have_the_exact_shape(w):
    room = w.room("ann")
    for n in range(9):
        w.say("ann", room, f"m{n}")
    seqs = lambda q: [e["seq"] for e in w.entries("ann", room, q).json["entries"]]
    same(seqs(""), list(range(1, 11)))
    same(seqs("?limit=3"), [8, 9, 10])
    same(seqs("?after=4&limit=3"), [5, 6, 7])
    same(seqs("?after=8&limit=3"), [9, 10])
    same(seqs("?after=10"), [])
    same(seqs("?before=4&limit=2"), [2, 3])
    same(seqs("?before=3"), [1, 2])
    same(seqs("?around=5&limit=5"), [3, 4, 5, 6, 7])
    same(len(seqs("?limit=500")), 10)
    for query in ("?limit=0", "?limit=x", "?limit=-1", "?after=1&before=3", "?after=x", "?after=1.0", "?limit=1.5"):
        refused(w.entries("ann", room, query), 400, "bad_request")
    same([m["body"] for m in w.person("ann").get(f"/rooms/{room}/messages?limit=2").json["messages"]], ["m7", "m8"])
    same([m["body"] for m in w.person("ann").get(f"/rooms/{room}/messages?after=1&limit=2").json["messages"]], ["m0", "m1"])
    started = time.monotonic()
    refused(w.entries("ann", room, "?min=99"), 503, "unavailable")
    assert time.monotonic() - started < 4
    same(w.entries("ann", room, "?min=10").status, 200)


@check
def unread_is_computed_from_the_log(w):
    room, bob = w.room("ann", "bob"), w.person("bob")
    for n in range(5):
        w.say("ann", room, f"m{n}")
    item = lambda: next(r for r in bob.get("/rooms").json["items"] if r["id"] == room)
    same((item()["read"], item()["unread"], item()["head"], item()["ord"]), (2, 5, 7, 5))
    marked = bob.put(f"/rooms/{room}/markers", {"read": 4})
    same((marked.status, marked.json), (200, {"read": 4, "delivered": 4, "unread": 3, "mentions": 0}))
    same(bob.put(f"/rooms/{room}/markers", {"read": 3}).json["read"], 4)
    same(bob.put(f"/rooms/{room}/markers", {"read": 900}).json, {"read": 7, "delivered": 7, "unread": 0, "mentions": 0})
    same(bob.put(f"/rooms/{room}/markers", {"unread_from": 5}).json, {"read": 4, "delivered": 7, "unread": 3, "mentions": 0})
    refused(bob.put(f"/rooms/{room}/markers", {"unread_from": 5, "read": 7}), 400, "bad_request")
    refused(bob.put(f"/rooms/{room}/markers", {"read": "7"}), 400, "bad_request")
    w.say("bob", room, "my own")
    same((item()["read"], item()["unread"]), (8, 0))
    items = w.person("ann").get(f"/rooms/{room}/markers").json["items"]
    same({i["user"]: i["read"] for i in items}, {bob.id: 8, w.person("ann").id: 7})


@check
def a_room_is_hidden_from_strangers_on_every_route(w):
    cat = w.person("cat")
    for method, path, body in [("GET", "", None), ("GET", "/entries", None), ("GET", "/messages", None), ("GET", "/members", None), ("GET", "/markers", None), ("PATCH", "", {"name": "x"}),
                               ("PUT", "/markers", {"read": 1}), ("PUT", f"/members/{cat.id}", {}), ("PUT", "/members/me", {}), ("DELETE", f"/members/{w.person('bob').id}", None),
                               ("POST", "/entries", {"client_id": client_id(), "after": 0, "kind": "post", "body": "x"})]:
        room = w.room("ann", "bob")
        here, nowhere = (cat.request(method, f"/api/v1/rooms/{r}{path}", body) for r in (room, UNKNOWN))
        refused(here, 404, "not_found")
        same(here.body, nowhere.body, f"{method} {path}")
        assert w.person("ann").request(method, f"/api/v1/rooms/{room}{path}", body).status not in (404, 405), f"the check of {method} {path} proves nothing"
    room, socket = w.room("ann", "bob"), w.socket("cat")
    same(socket.watch(room, 0)["code"], "not_found")
    same(socket.post(room, "x")["code"], "not_found")
    same(socket.ask({"t": "mark", "room": room, "read": 1})["code"], "not_found")


@check
def a_public_channel_shows_facts_until_joined(w):
    room, cat = w.room("ann", kind="channel"), w.person("cat")
    same(cat.get(f"/rooms/{room}").status, 200)
    refused(cat.get(f"/rooms/{room}/entries"), 404, "not_found")
    refused(w.say("cat", room, "x"), 404, "not_found")
    assert room in [r["id"] for r in cat.get("/rooms?browse=1").json["items"]]
    joined = cat.put(f"/rooms/{room}/members/me")
    same((joined.status, joined.json["kind"], joined.json["user"], joined.json["role"]), (200, "join", cat.id, "member"))
    same(cat.put(f"/rooms/{room}/members/me").json, {"changed": False})
    same(w.say("cat", room, "hello").status, 201)
    refused(cat.patch(f"/rooms/{room}", {"name": "mine"}), 403, "denied")
    renamed = w.person("ann").patch(f"/rooms/{room}", {"name": "renamed", "topic": "new topic"})
    same((renamed.status, renamed.json["name"], renamed.json["topic"]), (200, "renamed", "new topic"))
    same([e["kind"] for e in w.entries("cat", room).json["entries"]][-2:], ["rename", "topic"])
    same(cat.delete(f"/rooms/{room}/members/me").json["kind"], "leave")
    refused(cat.get(f"/rooms/{room}/entries"), 404, "not_found")


@check
def roles_hold_and_a_room_is_never_without_an_owner(w):
    room, ann, bob, cat = w.room("ann", "bob"), w.person("ann"), w.person("bob"), w.person("cat")
    path = f"/rooms/{room}/members"
    refused(bob.put(f"{path}/{ann.id}", {"role": "member"}), 403, "denied")
    refused(bob.put(f"{path}/{bob.id}", {"role": "admin"}), 403, "denied")
    refused(bob.delete(f"{path}/{ann.id}"), 403, "denied")
    refused(ann.delete(f"{path}/me"), 409, "conflict")
    refused(ann.put(f"{path}/{ann.id}", {"role": "member"}), 409, "conflict")
    same(ann.put(f"{path}/{bob.id}", {"role": "admin"}).json["kind"], "role")
    same(bob.put(f"{path}/{cat.id}").json["kind"], "join")
    refused(bob.put(f"{path}/{cat.id}", {"role": "owner"}), 403, "denied")
    refused(ann.put(f"{path}/{UNKNOWN}"), 404, "not_found")
    refused(ann.put(f"{path}/{bob.id}", {"role": "king"}), 400, "bad_request")
    same({m["user"]: m["role"] for m in ann.get(path).json["items"]}, {ann.id: "owner", bob.id: "admin", cat.id: "member"})
    same(bob.delete(f"{path}/{cat.id}").json["kind"], "leave")
    refused(bob.delete(f"{path}/{cat.id}"), 404, "not_found")
    same(ann.put(f"{path}/{bob.id}", {"role": "owner"}).json["kind"], "role")
    same(ann.delete(f"{path}/me").json["kind"], "leave")


@check
def lists_page_by_cursor_without_gap_or_repeat(w):
    eve = w.person("eve")
    made = {eve.post("/rooms", {"kind": "group", "name": f"g{n}"}).json["id"] for n in range(7)}
    seen, cursor, rounds = [], None, 0
    while rounds < 20:
        page = eve.get("/rooms?limit=3" + (f"&cursor={cursor}" if cursor else "")).json
        seen += [r["id"] for r in page["items"]]
        cursor, rounds = page["next"], rounds + 1
        if cursor is None:
            break
    same(len(seen), len(set(seen)))
    assert made <= set(seen), (made, seen)
    refused(eve.get("/rooms?cursor=nonsense"), 400, "bad_request")


@check
def invites_are_bounded(w):
    ann = w.person("ann")
    invite = ann.post("/invites", {"uses": 1})
    same(invite.status, 201, invite)
    assert invite.json["code"] in invite.json["url"]
    refused(w.person("bob").post("/invites", {}), 403, "denied")
    code = invite.json["code"]
    sign_up = lambda name: Http(w.base).post("/users", {"name": name, "email": f"{name}@halden.example", "password": PASSWORD, "invite": code})
    same(sign_up("invited").status, 201)
    assert sign_up("late").status in (403, 404)
    same(Http(w.base).get(f"/invites/{code}").status in (200, 404), True)
    other = ann.post("/invites", {}).json["code"]
    same(ann.delete(f"/invites/{other}").status, 204)
    refused(ann.delete(f"/invites/{other}"), 404, "not_found")
