# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest's command line (ttyS1): hello markers, commands and their answers.
A thread reads; callers wait on a condition. Protocol: tests/vm/image/agent."""

import base64
import binascii
import itertools
import socket
import threading
import time

from .shell import Answer
from .wait import WaitTimeout, wait_until


class SerialLine:
    def __init__(self, path, alive):
        """`alive()` says whether the QEMU behind `path` still runs."""
        self._alive = alive
        self._socket = wait_until(lambda: self._connect(path), 10, f"the serial socket {path}", interval=0.02)
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._output = {}  # id -> list of byte strings
        self._exits = {}   # id -> exit status
        self.hellos = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _connect(self, path):
        if not self._alive():
            raise ConnectionError("QEMU ended at once")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            return None
        return connection

    def _read(self):
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._take(line.decode("ascii", "replace").split())
        except OSError:
            pass

    def _take(self, words):
        with self._changed:
            match words:
                case ["HELLO", *_]:
                    self.hellos += 1
                case ["OUT", identifier, text]:
                    try:
                        self._output.setdefault(identifier, []).append(base64.b64decode(text))
                    except binascii.Error:
                        self._output.setdefault(identifier, []).append(b"[garbled line]\n")
                case ["DONE", identifier, status] if status.isdigit():
                    self._exits[identifier] = int(status)
            self._changed.notify_all()

    def close(self):
        self._socket.close()

    def wait_hello(self, count, timeout, what):
        """Waits until `count` hellos have been heard on this line."""
        self._wait(lambda: self.hellos >= count, timeout, what)

    def send(self, command):
        """Sends a command without waiting for its end; returns its id for `collect`."""
        identifier = str(next(self._ids))
        text = base64.b64encode(command.encode()).decode()
        self._socket.sendall(f"RUN {identifier} {text}\n".encode())
        return identifier

    def collect(self, identifier, timeout, what):
        """Waits for the end of a command; returns its Answer (stderr is inside stdout)."""
        self._wait(lambda: identifier in self._exits, timeout, what)
        with self._changed:
            output = b"".join(self._output.pop(identifier, []))
            return Answer(self._exits.pop(identifier), output.decode("utf-8", "replace"))

    def _wait(self, condition, timeout, what):
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeout(f"waited {timeout:g} s for {what}")
                if not self._alive():
                    raise WaitTimeout(f"QEMU ended while waiting for {what}")
                self._changed.wait(min(left, 0.5))
