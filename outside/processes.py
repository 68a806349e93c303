"""Processes of a local cluster: started on free loopback ports, remembered in a file, stopped by process id.

A process id alone may be reused, so each is kept with its start time (field 22 of /proc/PID/stat): what does not
match is not ours and is left alone.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port(host="127.0.0.1"):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def start_time(pid):
    """When the process began, in clock ticks since boot; None if there is none (or a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def until(what, seconds, why):
    """Asks again until `what()` is true; raises with `why` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {seconds} s: {why}")
        time.sleep(0.05)


def takes_connections(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


def answers(url):
    """The HTTP status, or 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Processes:
    """What runs, in `folder`/processes.json."""

    def __init__(self, folder):
        self.folder = folder
        self.file = os.path.join(folder, "processes.json")
        self.known = {}
        if os.path.exists(self.file):
            with open(self.file, encoding="utf-8") as file:
                self.known = json.load(file)

    def save(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            json.dump(self.known, file, indent=1)
        os.replace(self.file + ".new", self.file)

    def start(self, name, command, env=None, **facts):
        """Starts one, its output in `folder`/name.log; `facts` are kept beside its process id."""
        with open(os.path.join(self.folder, f"{name}.log"), "ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        self.adopt(name, child.pid, command=command, env=env or {}, **facts)
        return child.pid

    def adopt(self, name, pid, **facts):
        self.known[name] = {"pid": pid, "began": start_time(pid), **facts}
        self.save()

    def again(self, name):
        """Starts a process that ended with the command it had."""
        if self.alive(name):
            raise SystemExit(f"{name} runs already")
        if "command" not in self.known[name]:
            raise SystemExit(f"{name} cannot be started again by itself: ./cluster down, ./cluster up")
        facts = {k: v for k, v in self.known[name].items() if k not in ("pid", "began", "command", "env")}
        self.start(name, self.known[name]["command"], self.known[name]["env"], **facts)

    def alive(self, name):
        one = self.known.get(name)
        return bool(one) and one["began"] is not None and start_time(one["pid"]) == one["began"]

    def paused(self, name):
        with open(f"/proc/{self.known[name]['pid']}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    def signal(self, name, number):
        if not self.alive(name):
            raise SystemExit(f"{name} does not run")
        os.kill(self.known[name]["pid"], number)

    def end(self, name, patience=25):
        """SIGTERM, and SIGKILL if it does not end in so many seconds. Waits until it is gone."""
        if self.alive(name):
            pid = self.known[name]["pid"]
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + patience
            while self.alive(name) and time.monotonic() < deadline:
                self.reap(pid)
                time.sleep(0.05)
            if self.alive(name):
                os.kill(pid, signal.SIGKILL)
        self.gone(name)

    def kill(self, name):
        self.signal(name, signal.SIGKILL)
        self.gone(name)

    def gone(self, name):
        def ended():
            self.reap(self.known[name]["pid"])
            return not self.alive(name)

        until(ended, 20, f"{name} does not end")

    @staticmethod
    def reap(pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass

    def down(self):
        """Ends everything in the opposite order of its start."""
        for name in reversed(list(self.known)):
            self.end(name)
        self.known = {}
        if os.path.exists(self.file):
            os.remove(self.file)
