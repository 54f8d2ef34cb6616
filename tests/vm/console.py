#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connects this terminal to a guest's console: console.py SOCKET. Ctrl-] leaves.
Used with the lab that `make demo KEEP=1` leaves up."""

import os
import select
import socket
import sys
import termios
import tty

LEAVE = b"\x1d"  # Ctrl-]


def connect(path):
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(path)
        console.sendall(b"\n")  # makes the shell show its prompt
        while True:
            ready, _, _ = select.select([console, sys.stdin], [], [])
            if console in ready:
                received = console.recv(4096)
                if not received:
                    return
                os.write(sys.stdout.fileno(), received)
            if sys.stdin in ready:
                typed = os.read(sys.stdin.fileno(), 1024)
                if not typed or LEAVE in typed:
                    return
                console.sendall(typed)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    if not sys.stdin.isatty():
        return connect(sys.argv[1])
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        connect(sys.argv[1])
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        print()


if __name__ == "__main__":
    main()
