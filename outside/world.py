"""What the outside checks share: the server, its people, and the asserts."""

import os
import re
import signal
import subprocess

from wire import Http, Socket, client_id

PASSWORD = "correct horse battery"
UNKNOWN = "0190a000-0000-7000-8000-00000000dead"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def refused(answer, status, code):
    same((answer.status, answer.code), (status, code), str(answer))
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.headers
    for key in ("type", "title", "status", "detail", "code"):
        assert key in answer.json, f"problem without {key}: {answer}"
    if status in (429, 503):
        assert "retry-after" in answer.headers, answer.headers


class Server:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.process = binary, folder, None
        self.start()

    def start(self, port=0):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", self.folder, "--limits", "relaxed", "--sign-up", "open", "--metrics-listen", "none"],
            stdout=subprocess.PIPE, stderr=open(os.path.join(self.folder, "..", "log"), "a"), text=True)
        for line in self.process.stdout:
            found = re.match(r"listening on (http://\S+)$", line.strip())
            if found:
                self.base = found.group(1)
                return
        raise SystemExit("the server did not start; see its log")

    def stop(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(timeout=40)


class There:
    """A server that somebody else started and will end."""

    def __init__(self, base):
        self.base = base

    def stop(self):
        pass


class World:
    """The server with the people of the checks."""

    def __init__(self, server):
        self.server, self.people, self.count = server, {}, 0

    @property
    def base(self):
        return self.server.base

    def person(self, name):
        if name not in self.people:
            self.count += 1
            anyone = Http(self.base)
            answer = anyone.post("/users", {"name": name.title(), "handle": name, "email": f"{name}@halden.example", "password": PASSWORD})
            same(answer.status, 201, answer)
            http = Http(self.base, answer.json["token"])
            http.id, http.user = answer.json["user"]["id"], answer.json["user"]
            self.people[name] = http
        return self.people[name]

    def room(self, owner, *members, kind="group"):
        owner = self.person(owner)
        body = {"kind": kind, "name": f"room {client_id()[-6:]}", "members": [self.person(m).id for m in members]}
        answer = owner.post("/rooms", body)
        same(answer.status, 201, answer)
        return answer.json["id"]

    def socket(self, name, **hello):
        connection = Socket(self.base, self.person(name).token)
        connection.welcome = connection.hello(**hello)
        return connection

    def say(self, name, room, body, after=0, key=None, **fields):
        return self.person(name).post(f"/rooms/{room}/entries", {"client_id": key or client_id(), "after": after, "kind": "post", "body": body, **fields})

    def entries(self, name, room, query=""):
        return self.person(name).get(f"/rooms/{room}/entries{query}")
