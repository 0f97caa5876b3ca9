#!/usr/bin/python3
"""Connections held open by the client of a lab, each asking again and again: asking.py COUNT HOST PORT.
At SIGTERM one JSON line: how many were asked, how many ended or changed their backend, and which
backends each connection saw. A connection that ends is not opened again."""

import asyncio
import json
import signal
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"
PAUSE = 0.25


class Held:
    def __init__(self):
        self.asked = self.broken = self.moved = 0
        self.backends = {}
        self.errors = []

    async def hold(self, host, port, stop):
        first = None
        try:
            reader, writer = await asyncio.open_connection(host, port)
            while not stop.is_set():
                writer.write(REQUEST)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                name = (await asyncio.wait_for(reader.readexactly(size), 10)).decode().strip()
                self.asked += 1
                if first is None:
                    first = name
                    self.backends[name] = self.backends.get(name, 0) + 1
                elif name != first:
                    self.moved += 1
                await asyncio.sleep(PAUSE)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            self.broken += 1
            self.errors.append(f"{first}: {type(error).__name__} {error}")


async def main(count, host, port):
    held, stop = Held(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(held.hold(host, port, stop)) for _ in range(count)]
    while len([t for t in tasks if t.done()]) + sum(held.backends.values()) < count:
        await asyncio.sleep(0.05)
    print("held", flush=True)
    await stop.wait()
    await asyncio.gather(*tasks)
    print(json.dumps({"asked": held.asked, "broken": held.broken, "moved": held.moved,
                      "backends": held.backends, "errors": held.errors[:5]}), flush=True)


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
