# SPDX-License-Identifier: Apache-2.0
"""A rig: one switch under test with its generator, set up and then frozen between its turns."""

import os
import signal
import time

from lab.shell import CommandFailed
from lab.wait import wait_until

from . import network
from .generator import Generator
from .processes import freeze, memory_of, ran_seconds, schedule_of, thaw, waited_share

SWITCH_CPU = 0
GENERATOR_CPU = 1
SOCKET_OPTIONS = "server=1,queues=1,queue_size=1024,mrg_rxbuf=1,in_order=0,packed_vq=0"


class Rig:
    """Subclasses set `name` and `is_tunnelled`, start the switch in start_switch(), and know their
    drops(): {reason: packets} so far."""

    name = ""
    is_tunnelled = False
    namespace = None  # of switch and generator
    hugepages = 0  # of 2 MiB, its generator included
    link_timeout_ms = 20_000
    quiet_ms = 10  # silence after which none of its packets is on its way any more

    def __init__(self, run, binaries):
        self.run = run
        self.binaries = binaries
        self.directory = run.make_directory(f"{self.name}-{run.next_number()}")
        (self.directory / "ports").mkdir()
        self.guest_socket = self.directory / "ports" / "guest.sock"
        self.wire_socket = self.directory / "wire.sock"
        self.switch = None  # its process
        self.generator = None
        self.is_frozen = False
        self.opened = set()
        self.next_new_flow = network.FIRST_NEW_FLOW

    # --- life ------------------------------------------------------------------------------

    def start(self):
        options = ["vxlan"] if self.is_tunnelled else []
        self.generator = Generator(
            self.run, self.binaries / "load_generator", self.directory, GENERATOR_CPU,
            f"net_virtio_user0,path={self.guest_socket},{SOCKET_OPTIONS},mac={network.GUEST_MAC}",
            self.wire_device(), *options, namespace=self.namespace)
        wait_until(self.guest_socket.exists, 30, "the generator's first socket")
        self.start_switch()
        self.generator.wait_ready()
        if not self.generator.ask("link", ms=self.link_timeout_ms)["linked"]:
            raise CommandFailed(f"{self.name}: the switch did not connect: {self.switch_log()[-800:]}")
        if self.is_tunnelled:
            self.generator.ask("vtep", mac=self.vtep_mac())
        return self

    def wire_device(self):
        """The generator's other end, as DPDK wants to hear it."""
        return f"net_virtio_user1,path={self.wire_socket},{SOCKET_OPTIONS},mac={network.PEER_MAC}"

    def start_switch(self):
        raise NotImplementedError

    def vtep_mac(self):
        raise NotImplementedError

    def switch_log(self):
        path = self.directory / "switch.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        """Ends generator and switch, in that order."""
        for process in (self.generator and self.generator.process, self.switch):
            if process and process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
        if self.generator:
            self.generator.quit()
        if self.switch and self.switch.poll() is None:
            self.switch.terminate()
            self.switch.wait(30)

    def freeze(self):
        freeze(self.switch)
        self.is_frozen = True

    def thaw(self):
        thaw(self.switch)
        self.is_frozen = False

    # --- work, while thawed ----------------------------------------------------------------

    def open(self, count, family=4, least_share=1.0):
        """Opens the set of `count` flows, once; returns how many are open. Less than that share of them
        is a failure."""
        if (count, family) in self.opened:
            return count
        answer = self.generator.ask("open", timeout=300, first=network.FLOW_SETS[count], count=count, family=family)
        if answer["opened"] < least_share * count:
            raise CommandFailed(f"{self.name}: only {answer['opened']} of {count} IPv{family} flows opened")
        self.opened.add((count, family))
        return answer["opened"]

    def stream(self, count, size="64", family=4, ends="guest", **options):
        """One measurement of established flows; the generator's answer."""
        return self._watched("stream", first=network.FLOW_SETS[count], count=count, family=family, ends=ends,
                             lengths=network.lengths(size, family), quiet=self.quiet_ms, **options)

    def new_connections(self, count, family=4):
        first = self.next_new_flow
        self.next_new_flow += count
        return self._watched("syns", first=first, count=count, family=family)

    def _watched(self, verb, **words):
        watched = [self.generator.process.pid, self.switch.pid]
        before = [schedule_of(pid) for pid in watched]
        began = time.monotonic()
        answer = self.generator.ask(verb, timeout=120, **words)
        seconds = time.monotonic() - began
        after = [schedule_of(pid) for pid in watched]
        answer["waited"] = max(map(waited_share, before, after))
        answer["busy"] = ran_seconds(before[1], after[1]) / seconds
        return answer

    # --- what it says ----------------------------------------------------------------------

    def drops(self):
        raise NotImplementedError

    def connections(self):
        """How many it tracks now."""
        raise NotImplementedError

    def memory(self):
        return memory_of(self.switch.pid)
