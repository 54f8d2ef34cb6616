# SPDX-License-Identifier: Apache-2.0
"""The load generator as an object: bench/peers/commands.h has its language."""

import json
import selectors
import subprocess

from lab.shell import CommandFailed


class Generator:
    def __init__(self, run, program, directory, cpu, guest_device, wire_device, *options,
                 namespace=None):
        self.log = directory / "generator.log"
        self.process = run.spawn_bench([program, str(cpu), guest_device, wire_device, *options],
                                       self.log, namespace, talks=True)
        self._pending = b""

    def wait_ready(self, timeout=60):
        """Its sockets come one after the other, each when the switch has connected to the one before."""
        self._wait_answer(timeout)

    def ask(self, verb, timeout=60, **words):
        """One command; its answer as a dictionary."""
        line = " ".join([verb, *(f"{key}={value}" for key, value in words.items())])
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise CommandFailed(f"generator: {line}: {error}; {self._said()}") from error
        answer = self._wait_answer(timeout)
        if "error" in answer:
            raise CommandFailed(f"generator: {line}: {answer['error']}")
        return answer

    def quit(self):
        """Asks it to end; one that waits for a connection does not hear that."""
        if self.process.poll() is not None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_answer(self, timeout):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(timeout):
                    raise CommandFailed(f"generator: no answer after {timeout} s; {self._said()}")
                part = self.process.stdout.read1(65536)
                if not part:
                    raise CommandFailed(f"generator: ended; {self._said()}")
                self._pending += part
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line)

    def _said(self):
        return f"it said: {self.log.read_text(errors='replace')[-600:]}"
