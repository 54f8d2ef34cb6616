# SPDX-License-Identifier: Apache-2.0
"""Rigs of many guests: a switch, and one process that plays all its guests."""

import os
import signal

from lab.shell import CommandFailed
from lab.wait import wait_until

from peers.butterfly_rig import ButterflyRig
from peers.generator import Generator
from peers.processes import schedule_of, waited_share
from peers.rig import GENERATOR_CPU, SWITCH_CPU

from . import addresses

CONNECT_SECONDS = 60
PORT_DIRECTORY = "ports"


class GuestsProcess(Generator):
    """bench/guests/many_guests.cc has its language."""

    def __init__(self, run, program, directory):
        self.log = directory / "guests.log"
        self.process = run.spawn_bench([program, GENERATOR_CPU, directory / PORT_DIRECTORY], self.log, talks=True)
        self._pending = b""

    def run(self, *streams, timeout=60, **words):
        return self.ask(" ".join(["run", *streams]), timeout, **words)


class ManyGuests(ButterflyRig):
    """Butterfly with a guest for each entry of `vnis`. `rings`: (of how many guests, size of both rings)
    in the order of the guests; the others have 256 descriptors."""

    name = "butterfly"
    is_tunnelled = False
    uplink = ""
    flows = 65_536
    hugepages = 180
    log_level = "info"

    def __init__(self, run, binaries, vnis, rings=(), mode="poll"):
        super().__init__(run, binaries)
        self.vnis = vnis
        self.rings = rings
        self.mode = mode

    def start(self):
        self.generator = GuestsProcess(self.run, self.binaries / "many_guests", self.directory)
        for count, size in self.rings:
            self.generator.ask("add", count=count, send_ring=size, receive_ring=size)
        self.generator.ask("add", count=len(self.vnis) - sum(count for count, _ in self.rings))
        self.start_switch()
        try:
            self.generator.ask("connect", CONNECT_SECONDS)
        except CommandFailed as error:
            raise CommandFailed(f"{error}; the switch said: {self.switch_log()[-800:]}") from error
        self.wait_connected()
        return self

    def intent(self):
        return addresses.intent(self.vnis)

    def wait_connected(self):
        """The generator has sent its last message; the switch has yet to read it."""
        last = f"guest-{len(self.vnis) - 1}"
        wait_until(lambda: f"{last}.sock: guest connected" in self.switch_log(), CONNECT_SECONDS, f"{last} to be up")

    def run_streams(self, *streams, **words):
        """The generator's answer, and which share of its time a busy thread had to wait for its CPU."""
        watched = [self.generator.process.pid, self.switch.pid]
        before = [schedule_of(pid) for pid in watched]
        answer = self.generator.run(*streams, **words)
        after = [schedule_of(pid) for pid in watched]
        answer["waited"] = max(map(waited_share, before, after))
        answer["unread"] = 0
        return answer


class ManyCopied(ManyGuests):
    """The ceiling: the same guests, copied from one to the other by librte_vhost."""

    name = "copier"
    hugepages = 70

    def start_switch(self):
        self.switch = self.run.spawn_bench(
            [self.binaries / "vhost_copier", SWITCH_CPU, self.directory / PORT_DIRECTORY, len(self.vnis)],
            self.directory / "switch.log", talks=True)

    def wait_connected(self):
        """Its answer to the first packets tells."""

    def stop(self):
        if self.switch and self.switch.poll() is None:
            os.kill(self.switch.pid, signal.SIGCONT)
            self.switch.stdin.close()
        super().stop()
