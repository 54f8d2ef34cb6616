# SPDX-License-Identifier: Apache-2.0
"""A run's directory and the record of all it made, so that nothing is left behind.
Each run first removes what a crashed one recorded; nothing unrecorded is ever touched."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess

from .shell import in_namespace, ip
from .wait import WaitTimeout, wait_until

ROOT = pathlib.Path("/run/butterfly-lab")


def process_start(pid):
    """Start time of a process in clock ticks (tells a pid from its reuse), or None once it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class RunDirectory:
    """Context manager: makes the directory, cleans up on every way out."""

    def __init__(self):
        self.pid = os.getpid()
        self.path = ROOT / f"run.{self.pid}"
        self._processes = []  # Popen objects, to be reaped
        self._interrupted = False

    def __enter__(self):
        with locked():
            remove_leftovers()
            self.path.mkdir(parents=True)
            self._note("owner", self.pid, process_start(self.pid))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not cut the cleaning short
        with locked():
            remove_recorded(self.path)
        for process in self._processes:
            process.wait()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _on_signal(self, number, _frame):
        raise SystemExit(128 + number)

    def _note(self, *entry):
        with open(self.path / "record", "a", encoding="utf-8") as record:
            record.write(json.dumps(entry) + "\n")

    def make_directory(self, name):
        path = self.path / name
        path.mkdir()
        return path

    def make_namespace(self, name):
        """Recorded before it is made: a kill between the two must not lose it. Returns the full name."""
        full = f"lab{self.pid}-{name}"
        self._note("namespace", full)
        ip("netns", "add", full)
        ip("link", "set", "lo", "up", namespace=full)
        return full

    def spawn(self, command, log, namespace=None):
        """Starts a recorded process; its output goes to `log`; it dies with us. Main thread only:
        the death signal follows the thread that forked."""
        line = ["setpriv", "--pdeathsig", "KILL", *in_namespace(namespace, command)]
        with open(log, "ab") as out:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        self._processes.append(process)
        self._note("process", process.pid, process_start(process.pid))
        return process

    def note_hugepages(self, pages, is_mounted):
        """Remembers vm.nr_hugepages and whether /dev/hugepages was mounted, for the last run that leaves."""
        with locked():
            path = ROOT / "hugepages-before"
            if not path.exists():
                path.write_text(json.dumps([pages, is_mounted]))


class locked:
    """Runs start and end one at a time. The lock is on /run, so that no lock file is left behind."""

    def __enter__(self):
        self._directory = os.open(ROOT.parent, os.O_RDONLY)
        fcntl.flock(self._directory, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self._directory)


def read_record(path):
    try:
        lines = (path / "record").read_text().splitlines()
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:  # the line a crash cut short
            continue
    return entries


def is_alive(path):
    return any(kind == "owner" and process_start(rest[0]) == rest[1] for kind, *rest in read_record(path))


def remove_leftovers():
    for path in ROOT.glob("run.*"):
        if not is_alive(path):
            remove_recorded(path)


def remove_recorded(path):
    """Ends the recorded processes, then deletes the namespaces and the directory."""
    entries = read_record(path)
    processes = [(rest[0], rest[1]) for kind, *rest in entries if kind == "process" and rest[1] is not None]
    for pid, start in processes:
        if process_start(pid) == start:
            os.kill(pid, signal.SIGKILL)
    try:
        wait_until(lambda: not any(process_start(pid) == start for pid, start in processes), 10,
                   "processes to end", interval=0.02)
    except WaitTimeout:
        pass  # in uninterruptible sleep; the kernel ends it when it can
    for kind, *rest in entries:
        if kind == "namespace":
            ip("netns", "delete", rest[0], check=False)
    shutil.rmtree(path, ignore_errors=True)
    if not list(ROOT.glob("run.*")):
        restore_hugepages()
        with contextlib.suppress(OSError):  # not empty: someone else's file, not ours to remove
            ROOT.rmdir()


def restore_hugepages():
    before = ROOT / "hugepages-before"
    if before.exists():
        pages, was_mounted = json.loads(before.read_text())
        if not was_mounted:
            subprocess.run(["umount", "/dev/hugepages"], stderr=subprocess.DEVNULL, check=False)
        pathlib.Path("/proc/sys/vm/nr_hugepages").write_text(str(pages))
        before.unlink()
