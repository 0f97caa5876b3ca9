#!/usr/bin/python3
"""A backend of the lab: answers its name over HTTP on 8080 and echoes UDP on 7, IPv4 and IPv6."""

import asyncio
import socket
import sys

NAME = sys.argv[1] if len(sys.argv) > 1 else socket.gethostname()


async def serve_http(reader, writer):
    """HTTP/1.1 with keep-alive; the body is the backend's name."""
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), timeout=30)
            close = b"connection: close" in head.lower() or b" HTTP/1.0\r\n" in head
            body = f"{NAME}\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                         b"Connection: %s\r\n\r\n%s" % (len(body), b"close" if close else b"keep-alive", body))
            await writer.drain()
            if close:
                break
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, asyncio.LimitOverrunError, OSError):
        pass
    finally:
        writer.close()


class Echo(asyncio.DatagramProtocol):
    """RFC 862 over UDP."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def main():
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    server = await asyncio.start_server(serve_http, sock=listener)
    for address in ("0.0.0.0", "::"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        echo = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        echo.bind((address, 7))
        await loop.create_datagram_endpoint(Echo, sock=echo)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
