# SPDX-License-Identifier: Apache-2.0
"""Something that sends and receives, in a network namespace: by traffic.py, run inside it."""

import json
import pathlib
import sys

from .shell import CommandFailed, run
from .wait import wait_until

TRAFFIC = pathlib.Path(__file__).with_name("traffic.py")


class Endpoint:
    def __init__(self, run_directory, name, namespace):
        self.name = name
        self.namespace = namespace
        self._run = run_directory
        self._logs = 0
        self._directory = run_directory.make_directory(f"endpoint-{name}")

    def can_ping(self, address, wait=1):
        return run("ping", "-n", "-c", 1, "-W", wait, address, namespace=self.namespace, check=False).ok

    def ping_until(self, address, timeout=20):
        wait_until(lambda: self.can_ping(address), timeout, f"{self.name} to ping {address}")

    def traffic(self, *arguments, timeout=120, script=TRAFFIC):
        """Runs traffic.py, or another script of its kind, to its end; what it found out."""
        answer = run(sys.executable, script, *arguments, namespace=self.namespace, timeout=timeout, check=False)
        if not answer.ok:
            raise CommandFailed(f"{self.name}: {' '.join(map(str, arguments))}: {answer.stderr.strip()[-300:]}")
        return json.loads(answer.stdout)

    def start_traffic(self, *arguments, script=TRAFFIC):
        """The same in the background; see Traffic."""
        self._logs += 1
        log = self._directory / f"{arguments[0]}.{self._logs}"
        return Traffic(self._run.spawn([sys.executable, script, *arguments], log, self.namespace), log, self.name)

    def serve(self, port):
        """An echo of whatever is sent, for `traffic("transfer", ...)`."""
        server = self.start_traffic("serve", port)
        wait_until(lambda: run("ss", "-Hltn", f"sport = :{port}", namespace=self.namespace).stdout, 20,
                   f"{self.name} to listen at {port}")
        return server


class Traffic:
    """Traffic that runs until it is done, or until `stop`."""

    def __init__(self, process, log, name):
        self._process, self._log, self._name = process, log, name

    def is_running(self):
        return self._process.poll() is None

    def first_line(self):
        """What it says before it is done, as soon as it says so."""
        def said():
            text = self._log.read_text(errors="replace")
            if not self.is_running():
                raise CommandFailed(f"traffic of {self._name} ended: {text.strip()[-300:]}")
            return "\n" in text and json.loads(text.splitlines()[0])
        return wait_until(said, 30, f"traffic of {self._name} to say something", interval=0.02)

    def stop(self):
        """Ends it (SIGTERM); what it found out."""
        self._process.terminate()
        return self.result(30)

    def result(self, timeout):
        """What it found out, once it has ended by itself."""
        status = self._process.wait(timeout)
        text = self._log.read_text(errors="replace")
        if status != 0:
            raise CommandFailed(f"traffic of {self._name} ended with {status}: {text.strip()[-300:]}")
        try:
            return json.loads(text.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise CommandFailed(f"traffic of {self._name} wrote no JSON: {text.strip()[-300:]}") from error
