#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP used as few programs do, run inside a guest's namespace; prints JSON.

  serve-orders PORT                      the first line of a client says how it ends, see `obey`
  serve-many PORT                        echoes any number of connections, in one thread
  ask-tcp ADDRESS PORT ORDER             one connection with serve-orders: how many bytes came
  many ADDRESS PORT COUNT                so many connections at once, an echo on each
  reuse ADDRESS PORT ORDER TIMES         one after another from the same port
  meet PORT ADDRESS PEER WAIT            both ends connect, neither listens
  fast-open ADDRESS PORT                 twice, data with the SYN: whether the second was taken at once
  agree ADDRESS PORT [mptcp]             what both ends agreed upon in their SYNs
  hold ADDRESS PORT [KEEPALIVE_S]        a line with its numbers; at SIGTERM whether an echo still comes
"""

import contextlib
import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

LATE_BYTES = 300_000
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
AGREEMENTS = {"timestamps": 1, "sack": 2, "scale": 4, "ecn": 8}  # bits of tcpi_options
SYN_DATA = 0x20  # in tcpi_options: the SYN's data was acknowledged by the SYN-ACK


class Stopped(Exception):
    """SIGTERM: time to say what was found out."""


def stop(*_):
    raise Stopped


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(port):
    """Of MPTCP where there is such a thing: it is TCP to those who do not ask for more."""
    try:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, MPTCP)
    except OSError:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", int(port)))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    listener.listen(4096)
    return listener


def obey(connection):
    with connection, contextlib.suppress(ConnectionError):
        with connection.makefile("rb") as lines:
            order = lines.readline().strip()
            if order == b"reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif order == b"late":  # the client has said all that it will ever say
                lines.read()
                connection.sendall(bytes(LATE_BYTES))
            elif order == b"echo":
                for line in lines:
                    connection.sendall(line)
            elif order == b"wait":
                lines.read()


def serve_orders(port):
    listener = listen(port)
    with contextlib.suppress(Stopped):
        while True:
            threading.Thread(target=obey, args=(listener.accept()[0],), daemon=True).start()
    return {}


def read_all(connection):
    count = 0
    try:
        while data := connection.recv(65536):
            count += len(data)
    except ConnectionResetError:
        return count, True
    return count, False


def ask_tcp(address, port, order):
    with socket.create_connection((address, int(port)), timeout=30) as connection:
        connection.sendall(order.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        count, was_reset = read_all(connection)
    return {"bytes": count, "reset": was_reset}


def connect_again(connection, to):
    """As soon as our own kernel has forgotten the connection before."""
    until = time.monotonic() + 20
    while True:
        try:
            return connection.connect(to)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > until:
                raise
            time.sleep(0.001)


def reuse(address, port, order, times):
    """The server's `close` or `reset`, or our own `abort`, ends each; the next begins at once."""
    local, done = 0, 0
    for _ in range(int(times)):
        with socket.socket(family_of(address)) as connection:
            connection.settimeout(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(("", local))
            connect_again(connection, (address, int(port)))
            local = connection.getsockname()[1]
            connection.sendall(b"wait\n" if order == "abort" else order.encode() + b"\n")
            if order == "abort":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                read_all(connection)
            done += 1
    return {"done": done, "port": local}


def meet(port, address, peer, wait):
    with socket.socket(family_of(address)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.settimeout(float(wait))
        connection.bind((address, int(port)))
        connection.connect((peer, int(port)))
        connection.sendall(address.encode())
        connection.shutdown(socket.SHUT_WR)
        return {"met": connection.makefile("rb").read().decode() == peer}


def fast_open(address, port):
    taken = []
    for _ in range(2):
        with socket.socket(family_of(address)) as connection:
            connection.sendto(b"echo\nhello\n", socket.MSG_FASTOPEN, (address, int(port)))
            connection.shutdown(socket.SHUT_WR)
            data = connection.makefile("rb").read()
            options = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
            taken.append(data == b"hello\n" and bool(options & SYN_DATA))
    return {"first": taken[0], "second": taken[1]}


def agree(address, port, protocol="tcp"):
    with socket.socket(family_of(address), socket.SOCK_STREAM, MPTCP if protocol == "mptcp" else 0) as connection:
        connection.settimeout(20)
        connection.connect((address, int(port)))
        connection.sendall(b"echo\nhello\n")
        echoed = connection.recv(100) == b"hello\n"
        options = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
        found = {name: bool(options & bit) for name, bit in AGREEMENTS.items()}
        if protocol == "mptcp":  # it fell back to TCP if this is refused
            with contextlib.suppress(OSError):
                found["mptcp"] = bool(connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 32))
    return {"echoed": echoed, **found}


def sequence_numbers(connection):
    """Next to send and next expected."""
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    numbers = []
    for queue in (2, 1):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        numbers.append(connection.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff)
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)  # and no probe
    return numbers


def hold(address, port, keepalive=0):
    with socket.create_connection((address, int(port)), timeout=20) as connection:
        if int(keepalive):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(keepalive))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(keepalive))
        connection.sendall(b"echo\nfirst\n")
        lines = connection.makefile("rb")
        lines.readline()
        send, receive = sequence_numbers(connection)
        print(json.dumps({"port": connection.getsockname()[1], "send": send, "receive": receive}), flush=True)
        with contextlib.suppress(Stopped):
            signal.pause()
        connection.settimeout(5)
        try:
            connection.sendall(b"last\n")
            return {"goes_on": lines.readline() == b"last\n"}
        except OSError as error:
            return {"goes_on": False, "why": str(error)}


def serve_many(port):
    listener, poll, connections = listen(port), select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    with contextlib.suppress(Stopped):
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == listener.fileno():
                    connection = listener.accept()[0]
                    connections[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLIN)
                    continue
                data = b""
                with contextlib.suppress(ConnectionError):
                    data = connections[descriptor].recv(2048)
                if data:
                    connections[descriptor].sendall(data)
                else:
                    connections.pop(descriptor).close()
    return {}


def many(address, port, count):
    """Few open at a time, as a tap's queue is short; then all speak."""
    began, count, started = time.monotonic(), int(count), 0
    poll, opening, opened = select.epoll(), {}, []
    while len(opened) < count:
        while started < count and len(opening) < 200:
            connection = socket.socket(family_of(address))
            connection.setblocking(False)
            connection.connect_ex((address, int(port)))
            opening[connection.fileno()] = connection
            poll.register(connection, select.EPOLLOUT)
            started += 1
        for descriptor, event in poll.poll(30) or sys.exit(f"{len(opened)} opened, then none for 30 s"):
            connection = opening.pop(descriptor)
            poll.unregister(descriptor)
            if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                sys.exit(f"connection {len(opened)}: {os.strerror(error)} (event {event})")
            opened.append(connection)
    answered = 0
    for first in range(0, count, 200):
        for connection in opened[first:first + 200]:
            connection.send(b"hello")
        for connection in opened[first:first + 200]:
            connection.settimeout(30)
            answered += connection.recv(100) == b"hello"
    return {"open": len(opened), "answered": answered, "seconds": round(time.monotonic() - began, 2)}


def main():
    signal.signal(signal.SIGTERM, stop)
    print(json.dumps(globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])))


if __name__ == "__main__":
    main()
