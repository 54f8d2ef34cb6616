# SPDX-License-Identifier: Apache-2.0
"""Holds one thread of a process while the others go on (ptrace(2)), as nothing else can."""

import ctypes
import os
import pathlib

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
ALL_CHILDREN = 0x40000000  # __WALL: threads, too


def find_thread(pid, name):
    """The id of the process's thread of that name."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm"):
        if path.read_text().strip() == name:
            return int(path.parent.name)
    raise LookupError(f"process {pid} has no thread '{name}'")


class HeldThread:
    def __init__(self, thread):
        self._thread = thread
        self._call(SEIZE)
        self._call(INTERRUPT)
        os.waitpid(thread, ALL_CHILDREN)

    def release(self):
        self._call(DETACH)

    def wait_end(self):
        """Until somebody kills it: who holds a thread has to take it out."""
        while True:
            _, status = os.waitpid(self._thread, ALL_CHILDREN)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                return

    def _call(self, request):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(request, self._thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace of thread {self._thread}")
