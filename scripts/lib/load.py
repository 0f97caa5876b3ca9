"""Steady load on services of the lab from its client, that knows of every request whether it was
answered. As a program it is the client's side: load.py SECONDS URL..., one JSON line at the end."""

import asyncio
import json
import pathlib
import signal
import struct
import sys
import time

CONCURRENT = 4  # requests under way for each URL: enough to meet a change, little enough for two cores


class Load:
    """`with Load(lab, url...) as load:` requests all the while; afterwards .requests and .failures."""

    def __init__(self, lab, *urls, key="load"):
        self.lab, self.urls, self.key = lab, urls, key
        self.results = {}

    def __enter__(self):
        self.log = self.lab.run_folder / f"{self.key}.log"
        self.log.unlink(missing_ok=True)
        self.process = self.lab.popen(self.key, "client", "/usr/bin/python3", pathlib.Path(__file__).resolve(), "120", *self.urls)
        return self

    def __exit__(self, *_):
        self.lab.end(self.key, signal.SIGTERM)
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        self.results = json.loads(lines[-1]) if lines else {}

    @property
    def requests(self):
        return sum(r["requests"] for r in self.results.values())

    @property
    def failures(self):
        return sum(r["failures"] for r in self.results.values()) if self.results else 1

    def report(self):
        return [f"{url}: {r['requests']} requests, {r['failures']} failed {r['errors'][:3] or ''}"
                for url, r in self.results.items()]


async def http_request(host, port):
    """A new connection, one request, its whole answer."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(f"answer {answer[:40]!r}")
    finally:
        writer.close()


class Resolver(asyncio.DatagramProtocol):
    """One DNS query over UDP on a socket of its own, once: a lost one is a failure."""

    def __init__(self, done):
        self.done = done

    def datagram_received(self, data, _):
        if not self.done.done():
            self.done.set_result(data)

    def error_received(self, error):
        if not self.done.done():
            self.done.set_exception(error)


async def dns_request(host, name, number):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: Resolver(done), remote_addr=(host, 53))
    try:
        labels = b"".join(bytes([len(x)]) + x.encode() for x in name.strip(".").split("."))
        transport.sendto(struct.pack(">HHHHHH", number & 0xffff, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
        answer = await done
        if answer[3] & 15 or answer[7] == 0:
            raise OSError(f"answer {answer[:12].hex()}")
    finally:
        transport.close()


async def requests(url, result, stop):
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, port = (authority[1:].split("]")[0], 80) if authority.startswith("[") else (authority, 80)
    while not stop.is_set():
        started = time.monotonic()
        result["requests"] += 1
        try:
            request = dns_request(host, path, result["requests"]) if scheme == "dns" else http_request(host, port)
            await asyncio.wait_for(request, timeout=5)
        except Exception as error:  # noqa: BLE001 - every failure counts, whatever it is
            result["failures"] += 1
            if len(result["errors"]) < 10:
                result["errors"].append(f"{type(error).__name__} {error} after {time.monotonic() - started:.2f} s")
        await asyncio.sleep(0.002)


async def main(seconds, urls):
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.call_later(seconds, stop.set)
    results = {url: {"requests": 0, "failures": 0, "errors": []} for url in urls}
    await asyncio.gather(*(requests(url, results[url], stop) for url in urls for _ in range(CONCURRENT)))
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
