# SPDX-License-Identifier: Apache-2.0
"""A switch and two guests booted with it, so that they have negotiated what this switch offers. Between
its turns the guests are paused and the switch is frozen."""

import contextlib
import os

from lab.guest import Guest
from lab.wait import wait_until

PORT = 443  # one that the security groups let in
FEATURES = {"tx-checksumming": "checksums", "tcp-segmentation-offload": "TSO"}


class Pair:
    def __init__(self, run, switch, image, accelerator, cpus):
        """`switch` is one of this folder's, not started; the guests run on `cpus`."""
        self.switch = switch
        self._cpus = cpus
        self.near, self.far = (Guest(run, f"{switch.name}-{name}", image, accelerator, nic, namespace=namespace)
                               for name, (nic, namespace) in zip(("near", "far"), switch.guests()))

    def start(self):
        with running_on(self._cpus):
            self.near.start()
            self.far.start()
        self.switch.start_switch()
        for guest in (self.near, self.far):
            guest.wait_hello()
            guest.run(f"ip link set eth0 mtu {guest.nic.mtu}")  # not every switch passes host_mtu= on
        self.near.ping_until(self.address())
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
        self.near.ping_until(self.address())

    def address(self, family=4):
        """Where the far guest listens."""
        return self.switch.far_address(family)

    def pids(self):
        """The guests', then those of the switch, if it has any."""
        return [self.near.pid, self.far.pid, *(process.pid for process in self.switch.processes())]

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
