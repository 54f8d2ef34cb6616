#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic of one endpoint, run inside its namespace; prints what it found out as JSON.

  serve PORT                          echoes each TCP connection until its end (IPv4 and IPv6)
  transfer ADDRESS PORT MEGABYTES     sends random bytes, reads them back, compares their SHA-256
  steady ADDRESS PORT                 the same without end, until SIGTERM: kilobytes and longest pause
  await-steady PORT                   steady, over the first connection that comes
  ping ADDRESS INTERVAL_MS            until SIGTERM: sent, lost, longest round trip
  connect ADDRESS PORT WAIT           whether a TCP connection opens in WAIT seconds
  flood-macs INTERFACE COUNT          gratuitous ARP, each from another random MAC
  flood-syns SOURCE DESTINATION COUNT TCP SYNs, each of another flow
"""

import contextlib
import hashlib
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
import time

CHUNK = 65536


class Stopped(Exception):
    """SIGTERM: time to say what was found out."""


def stop(*_):
    raise Stopped


def listen(port):
    return socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)


def serve(port):
    listener = listen(port)

    def echo(connection):
        # A client that stops with bytes under way resets the connection: its end as much as a FIN is.
        with connection, contextlib.suppress(ConnectionError):
            while data := connection.recv(CHUNK):
                connection.sendall(data)

    try:
        while True:
            threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
    except Stopped:
        return {}


def transfer(address, port, megabytes):
    """Both ways at once: what returns has crossed the switches twice."""
    size = int(megabytes) << 20
    sent, received = hashlib.sha256(), hashlib.sha256()
    began = time.monotonic()
    with socket.create_connection((address, int(port)), timeout=60) as connection:
        def send():
            for _ in range(size // CHUNK):
                data = os.urandom(CHUNK)
                sent.update(data)
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        count = 0
        while data := connection.recv(CHUNK):
            received.update(data)
            count += len(data)
        sender.join()
    return {"bytes": count, "same": count == size and sent.digest() == received.digest(),
            "seconds": round(time.monotonic() - began, 2)}


def steady(address, port):
    with socket.create_connection((address, int(port)), timeout=60) as connection:
        return exchange(connection)


def await_steady(port):
    with listen(port) as listener, listener.accept()[0] as connection:
        connection.settimeout(60)
        return exchange(connection)


def exchange(connection):
    count, pause, last = 0, 0.0, time.monotonic()
    block = os.urandom(16384)
    try:
        while True:
            connection.sendall(block)
            back = b""
            while len(back) < len(block):
                back += connection.recv(CHUNK) or stop()
            if back != block:
                raise ValueError("other bytes came back")
            count += len(block)
            now = time.monotonic()
            pause, last = max(pause, now - last), now
    except Stopped:
        return {"kilobytes": count >> 10, "longest_pause_s": round(pause, 3)}


def ping(address, interval_ms):
    """A raw socket and a clock: what comes later than two seconds is lost."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    protocol, request, reply, skip = (socket.IPPROTO_ICMPV6, 128, 129, 0) if ":" in address else (
        socket.IPPROTO_ICMP, 8, 0, 20)
    raw = socket.socket(family, socket.SOCK_RAW, protocol)
    raw.setblocking(False)
    ident, number, waiting, longest = os.getpid() & 0xffff, 0, {}, 0.0

    def read(until):
        nonlocal longest
        while (left := until - time.monotonic()) > 0:
            if not select.select([raw], [], [], left)[0]:
                return
            data = raw.recv(2048)[skip:]
            kind, _, _, theirs, low, high = struct.unpack_from("!BBHHHI", data)
            if kind == reply and theirs == ident and high in waiting and low == high & 0xffff:
                longest = max(longest, time.monotonic() - waiting.pop(high))

    try:
        while True:
            packet = struct.pack("!BBHHHI", request, 0, 0, ident, number & 0xffff, number)
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
            waiting[number] = time.monotonic()
            raw.sendto(packet, (address, 0))
            number += 1
            read(waiting[number - 1] + int(interval_ms) / 1000)
    except Stopped:
        read(time.monotonic() + 2)
    return {"sent": number, "lost": len(waiting), "longest_s": round(longest, 3)}


def connect(address, port, wait):
    try:
        socket.create_connection((address, int(port)), timeout=float(wait)).close()
        return {"open": True}
    except OSError as error:
        return {"open": False, "why": str(error)}


def flood_macs(interface, count):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((interface, 0))
    for number in range(int(count)):
        pace(number)
        source = bytes([0x02]) + random.randbytes(5)
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, source, b"\x0a\0\0\xfe", bytes(6), b"\x0a\0\0\xfe")
        send_all(raw, b"\xff" * 6 + source + b"\x08\x06" + arp + bytes(18))
    return {"sent": int(count)}


def flood_syns(source, destination, count):
    """Through the kernel's IP layer: it finds the next hop, we make all from the IP header on."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    began = time.monotonic()
    for number in range(int(count)):
        tcp = struct.pack("!HHIIBBHHH", 1024 + number % 60000, 1000 + number // 60000, number, 0, 0x50, 0x02, 65535,
                          0, 0)
        total = checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 40, number & 0xffff, 0x4000, 64, socket.IPPROTO_TCP, 0) + ends
        pace(number)
        send_all(raw, header + tcp, destination)
    return {"sent": int(count), "seconds": round(time.monotonic() - began, 2)}


def pace(number):
    """A tap holds 1,000 frames, and drops without a word what comes faster than it is read."""
    if number % 64 == 63:
        time.sleep(0.002)


def send_all(raw, frame, destination=None):
    """A tap's queue is short; what the kernel cannot take now, it takes a moment later."""
    while True:
        try:
            if destination:
                raw.sendto(frame, (destination, 0))
            else:
                raw.send(frame)
            return
        except BlockingIOError:
            time.sleep(0.001)
        except OSError as error:
            if error.errno != 105:  # ENOBUFS
                raise
            time.sleep(0.001)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def main():
    signal.signal(signal.SIGTERM, stop)
    job = globals()[sys.argv[1].replace("-", "_")]
    print(json.dumps(job(*sys.argv[2:])))


if __name__ == "__main__":
    main()
