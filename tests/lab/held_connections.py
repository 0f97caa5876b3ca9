"""Thousands of TCP connections held open by one process. As a program, in a lab's host:
  held_connections.py serve PORT                    an echo server for both families
  held_connections.py hold COUNT [ADDRESS]:PORT...  connections, as many to each; a line of standard input is a
                                                    round: each connection is asked and must answer
It prints a line of JSON when all stand, and one after each round."""

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time

PATIENCE = 60  # seconds for a round: two cores do everything here
AT_ONCE = 200  # connections begun at the same time


class Holder:
    """`with Holder(lab, count, targets) as holder:` the client's connections; round() gives what broke."""

    def __init__(self, lab, count, targets):
        self.command = lab.inside("client", "/usr/bin/python3", os.path.realpath(__file__), "hold", str(count), *targets)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.opened = self.answer()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the holder of connections ended early")
        return json.loads(line)

    def round(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.answer()


def many_files():
    """As many as can be had: root may raise the limit, but not in every container."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (65536, most):
        try:
            return resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, most)))
        except ValueError:
            pass


def serve(port):
    many_files()
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    listener.setblocking(False)
    poll, clients = select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                clients[client.fileno()] = client
                poll.register(client, select.EPOLLIN)
            elif not echo(clients[number]):
                clients.pop(number).close()


def echo(client):
    try:
        data = client.recv(4096)
        return bool(data) and client.send(data) == len(data)
    except OSError:
        return False


def begin(target):
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.connect_ex((host, int(port)))
    return connection


def gather(connections, event, finished):
    """Waits until finished(connection) was said of each; gives those of which it was not, with why."""
    poll, waiting, broken = select.epoll(), {c.fileno(): c for c in connections}, []
    for number in waiting:
        poll.register(number, event)
    deadline = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < deadline:
        for number, _ in poll.poll(1.0):
            try:
                if not finished(waiting[number]):
                    continue
            except OSError as error:
                broken.append((waiting[number], str(error)))
            poll.unregister(number)
            del waiting[number]
    poll.close()
    return broken + [(c, "no answer in time") for c in waiting.values()]


def opened(connection):
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
    return True


def ask(connections, text):
    missing = {}
    for connection in connections:
        try:
            connection.send(text)
            missing[connection] = text
        except OSError:
            pass  # gather tells why

    def answered(connection):
        data = connection.recv(4096)
        if not data or not missing.get(connection, b"").startswith(data):
            raise OSError("closed by the other side" if not data else "another answer than the question")
        missing[connection] = missing[connection][len(data):]
        return not missing[connection]

    return gather(connections, select.EPOLLIN, answered)


def tell(connections, broken):
    reasons = {}
    for _, why in broken:
        reasons[why] = reasons.get(why, 0) + 1
    print(json.dumps({"connections": len(connections), "broken": len(broken), "reasons": reasons}), flush=True)


def hold(count, targets):
    many_files()
    wanted = [target for target in targets for _ in range(count // len(targets))]
    connections, broken = [], []
    for first in range(0, len(wanted), AT_ONCE):
        some = [begin(target) for target in wanted[first:first + AT_ONCE]]
        broken += gather(some, select.EPOLLOUT, opened)
        connections += some
    tell(connections, broken)
    for number, _ in enumerate(sys.stdin):
        tell(connections, ask(connections, b"round %d of one of many connections" % number))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        hold(int(sys.argv[2]), sys.argv[3:])
