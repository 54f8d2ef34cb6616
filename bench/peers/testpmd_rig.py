# SPDX-License-Identifier: Apache-2.0
"""The ceiling: DPDK's testpmd copies from one vhost-user port to the other and looks at nothing."""

import re
import selectors
import time

from lab.shell import CommandFailed

from .rig import GENERATOR_CPU, SWITCH_CPU, Rig

PROMPT = b"testpmd> "
ALL_PORTS = b"Accumulated forward statistics"


class TestpmdRig(Rig):
    name = "testpmd"
    hugepages = 170
    vhost_options = ""  # of both ports, ",a=b"

    def start_switch(self):
        vhost = [f"net_vhost{number},iface={path},client=1,queues=1{self.vhost_options}"
                 for number, path in enumerate((self.guest_socket, self.wire_socket))]
        # Unbuffered: what it answers must come before its next prompt.
        self.switch = self.run.spawn_bench(
            ["stdbuf", "-o0", "dpdk-testpmd", "--in-memory", "--no-pci", "--no-telemetry", "-m", "256",
             "--lcores", f"0@{GENERATOR_CPU},1@{SWITCH_CPU}", "--vdev", vhost[0], "--vdev", vhost[1], "--",
             "-i", "--forward-mode=io", "--nb-cores=1", "--no-lsc-interrupt"],
            self.directory / "switch.log", talks=True)
        self._read(30, b"")
        self._say("start", b"packet forwarding")

    def _say(self, line, wanted):
        """One command; what testpmd answered."""
        self.switch.stdin.write(line.encode() + b"\n")
        self.switch.stdin.flush()
        return self._read(10, wanted)

    def _read(self, timeout, wanted):
        """What it says up to the prompt after `wanted`: events make it prompt by itself, too."""
        text = b""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.switch.stdout, selectors.EVENT_READ)
            while not (text.endswith(PROMPT) and wanted in text):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise CommandFailed(f"testpmd: no prompt after {timeout} s: {text[-600:].decode()}")
                part = self.switch.stdout.read1(65536)
                if not part:
                    raise CommandFailed(f"testpmd ended: {text[-600:].decode()} {self.switch_log()[-600:]}")
                text += part
        return text.decode()

    def stop(self):
        if self.switch and self.switch.poll() is None:
            self.thaw()
            self.switch.stdin.write(b"quit\n")
            self.switch.stdin.close()
        super().stop()

    def drops(self):
        answer = self._say("show fwd stats all", ALL_PORTS)
        found = re.findall(r"TX-dropped: *(\d+)", answer.rsplit(ALL_PORTS.decode())[-1])
        return {"TX-dropped": int(found[-1]) if found else 0}
