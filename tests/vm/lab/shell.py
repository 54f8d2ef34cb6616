# SPDX-License-Identifier: Apache-2.0
"""Running programs, also inside network namespaces.
Failures carry the command and what it said."""

import subprocess


class CommandFailed(Exception):
    """A command that the lab itself needs ended non-zero."""


class Answer(tuple):
    """(exit, stdout, stderr) that can also be read by name."""

    def __new__(cls, exit_status, stdout, stderr=""):
        return super().__new__(cls, (exit_status, stdout, stderr))

    exit = property(lambda self: self[0])
    stdout = property(lambda self: self[1])
    stderr = property(lambda self: self[2])
    ok = property(lambda self: self[0] == 0)


def in_namespace(namespace, command):
    return ["ip", "netns", "exec", namespace, *map(str, command)] if namespace else list(map(str, command))


def run(*command, namespace=None, timeout=30, check=True, text_in=None):
    """Runs a command to its end; raises CommandFailed on a non-zero exit unless `check` is false."""
    line = in_namespace(namespace, command)
    try:
        done = subprocess.run(line, input=text_in, stdin=subprocess.DEVNULL if text_in is None else None,
                              capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(line)}: no end after {timeout} s") from late
    answer = Answer(done.returncode, done.stdout, done.stderr)
    if check and not answer.ok:
        raise CommandFailed(f"{' '.join(line)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return answer


def ip(*arguments, namespace=None, check=True):
    """iproute2's `ip`, e.g. ip("link", "set", "lo", "up", namespace="x")."""
    options = ["-n", namespace] if namespace else []
    return run("ip", *options, *arguments, check=check)
