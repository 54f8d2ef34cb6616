#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Datagrams by UDP, UDP-Lite and any IP protocol, run inside a guest's namespace; prints JSON.

  serve-udp PORT...                      echoes datagrams, IPv4 and IPv6
  serve-raw PROTOCOL                     echoes what comes by an IP protocol, ports as they are
  ask-udp ADDRESS PORT WAIT [OPTION]     whether an echo comes; `lite`, `large` or one of `OPTIONS`
  ask-raw ADDRESS PROTOCOL WAIT          the same by an IP protocol
"""

import contextlib
import errno
import json
import select
import signal
import socket
import struct
import sys
import time

OPTIONS = {"hop-by-hop": (socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0])),
           "destination": (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0])),
           "record-route": (socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([7, 39, 4] + [0] * 36 + [0]))}
UDP_LITE, SCTP = 136, 132


class Stopped(Exception):
    """SIGTERM: time to say what was found out."""


def stop(*_):
    raise Stopped


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def echo_datagrams(sockets, skip=lambda _: 0):
    with contextlib.suppress(Stopped):
        while True:
            for ready in select.select(sockets, [], [])[0]:
                data, sender = ready.recvfrom(65536)
                ready.sendto(data[skip(ready):], sender)
    return {}


def serve_udp(*ports):
    sockets = []
    for port in ports:
        for protocol in (socket.IPPROTO_UDP, UDP_LITE):
            with contextlib.suppress(OSError) if protocol == UDP_LITE else contextlib.nullcontext():
                sockets.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, protocol))
                sockets[-1].bind(("::", int(port)))
    return echo_datagrams(sockets)


def serve_raw(protocol):
    sockets = [socket.socket(family, socket.SOCK_RAW, int(protocol)) for family in (socket.AF_INET, socket.AF_INET6)]
    return echo_datagrams(sockets, lambda raw: 20 if raw.family == socket.AF_INET else 0)


def ask(asking, data, to, wait, skip=0):
    """Asks once more each half second: a first packet may be lost to ARP."""
    until = time.monotonic() + float(wait)
    while (left := until - time.monotonic()) > 0:
        try:
            asking.sendto(data, to)
            if select.select([asking], [], [], min(left, 0.5))[0] and asking.recv(65536)[skip:] == data:
                return {"answered": True}
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOPROTOOPT, errno.EPROTO):
                raise
            return {"answered": False, "why": str(error)}
    return {"answered": False, "why": "silence"}


def ask_udp(address, port, wait, option=None):
    with socket.socket(family_of(address), socket.SOCK_DGRAM, UDP_LITE if option == "lite" else 0) as asking:
        if option in OPTIONS:
            asking.setsockopt(*OPTIONS[option])
        asking.connect((address, int(port)))
        return ask(asking, b"hello" * (1000 if option == "large" else 1), (address, int(port)), wait)


def ask_raw(address, protocol, wait):
    data = b"hello, by an odd protocol"
    if int(protocol) == SCTP:  # an INIT between two ports of the same number; its checksum is nobody's business
        data = struct.pack("!HHII", 5000, 5000, 0, 0) + struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65535, 1, 1, 1)
    with socket.socket(family_of(address), socket.SOCK_RAW, int(protocol)) as asking:
        asking.connect((address, 0))
        return ask(asking, data, (address, 0), wait, 0 if ":" in address else 20)


def main():
    signal.signal(signal.SIGTERM, stop)
    print(json.dumps(globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])))


if __name__ == "__main__":
    main()
