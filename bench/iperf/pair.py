# SPDX-License-Identifier: Apache-2.0
"""A switch and two guests booted with it, so that they have negotiated what this switch offers. Between
its turns the guests are paused and the switch is frozen."""

import contextlib
import os

from lab.guest import Guest, GuestNic
from lab.wait import wait_until

from .switches import FAR_ADDRESS, FAR_MAC, NEAR_ADDRESS, NEAR_MAC, PREFIX

PORT = 443  # one that the security groups let in
FEATURES = {"tx-checksumming": "checksums", "tcp-segmentation-offload": "TSO"}


class Pair:
    def __init__(self, run, switch, image, accelerator, cpus):
        """`switch` is a rig, not started; the guests run on `cpus`."""
        self.switch = switch
        self._cpus = cpus
        self.near = Guest(run, f"{switch.name}-near", image, accelerator,
                          GuestNic(str(switch.guest_socket), NEAR_MAC, [f"{NEAR_ADDRESS}/{PREFIX}"]))
        self.far = Guest(run, f"{switch.name}-far", image, accelerator,
                         GuestNic(str(switch.wire_socket), FAR_MAC, [f"{FAR_ADDRESS}/{PREFIX}"]))

    def start(self):
        with running_on(self._cpus):
            self.near.start()
            self.far.start()
        self.switch.start_switch()
        self.near.wait_hello()
        self.far.wait_hello()
        self.near.ping_until(FAR_ADDRESS)
        self.far.spawn(f"iperf3 -s -p {PORT}")
        wait_until(lambda: self.far.run(f"netstat -lnt | grep -q ':{PORT} '").ok, 15, "iperf3 to listen")

    def stop(self):
        for guest in (self.near, self.far):
            if guest.is_running():
                guest.kill()
        self.switch.stop()

    def pause(self):
        """Guests first: their rings stop with an answer of the switch."""
        self.near.pause()
        self.far.pause()
        self.switch.freeze()

    def resume(self):
        self.switch.thaw()
        self.near.resume()
        self.far.resume()
        self.near.ping_until(FAR_ADDRESS)

    def pids(self):
        return [self.switch.switch.pid, self.near.pid, self.far.pid]

    def offloads(self):
        """What the near guest's driver has negotiated."""
        text = self.near.run("ethtool -k eth0").stdout
        return [word for feature, word in FEATURES.items() if f"{feature}: on" in text]


@contextlib.contextmanager
def running_on(cpus):
    """What is started inside runs on these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
