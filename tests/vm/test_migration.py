# SPDX-License-Identifier: Apache-2.0
"""Guests that move between hosts as they run. mover talks to a tap on each of three hosts all the while, by
connections of its own: its group opens nothing. silent, with packed rings and three pairs of them, says nothing,
nor can it announce itself.

      near 10.0.0.11   mover 10.0.0.1, silent 10.0.0.2 ── move ──►   far 10.0.0.12        third 10.0.0.13
            └──────────────┤                                              │                    │
                    host a 192.0.2.1 ════════════ VXLAN ════════════ host b 192.0.2.2 ══ host c 192.0.2.3    VNI 600
"""

import contextlib
import json

from checks import OPEN_TO_PINGS, check, check_ledger
from lab.host import Host
from lab.shell import CommandFailed, run
from lab.tap_guest import TapGuest
from lab.topology import mac_of
from lab.wait import wait_until

VNI, PORT = 600, 5000
MID_STREAM = "record/tcp-mid-stream"
MORE_KILOBYTES = 256  # that tell that a stream goes on
GUESTS = {"mover": 1, "silent": 2}
TAPS = {"near": ("a", 11), "far": ("b", 12), "third": ("c", 13)}
OPTIONS = {"mover": [], "silent": ["--packed", "--queues", 3]}
# Without guest_announce QEMU has the switch send RARP, as for guests whose driver knows no announcement.
DEVICES = {"mover": "", "silent": "packed=on,guest_announce=off"}


class World:
    def __init__(self, lab):
        self.lab = lab
        lab.make_underlay()
        for number, name in enumerate(("a", "b", "c"), 1):
            host = Host(lab.run, name, lab.binaries, lab.underlay, f"192.0.2.{number}/24", lcore=number % 2)
            # Three daemons would need more hugepages than the lab sets up.
            host.config.write_text(host.config.read_text().replace('hugepages = "auto"', 'hugepages = "off"'))
            lab.hosts[name] = host.start()
        for host in lab.hosts.values():
            host.wait_ready()
            host.add_group("open", *OPEN_TO_PINGS, "--dir in --ip-proto tcp")
            host.add_group("quiet")
        lab.join_peers(VNI)
        for name, number in GUESTS.items():
            lab.add_guest("a", name, VNI, mac_of(VNI, number), addresses(number), ["quiet"], options=OPTIONS[name],
                          device=DEVICES[name])
        self.taps = {name: TapGuest(lab.run, lab.hosts[host], name, VNI, mac_of(VNI, number), addresses(number),
                                    ["open"])
                     for name, (host, number) in TAPS.items()}
        lab.wait_guests()
        self.places = dict.fromkeys(GUESTS, "a")
        self._left, self._streams = {}, {}

    def prepare(self, name, paused=False):
        """What an orchestrator does first: the nic on the host where the guest is to be, and a QEMU there."""
        nic = self.lab.hosts[self.other(name)].add_nic(name, VNI, mac_of(VNI, GUESTS[name]), addresses(GUESTS[name]),
                                                       ["quiet"], options=OPTIONS[name])
        nic.device = DEVICES[name]
        return self.lab.guests[name].prepare_arrival(self.other(name), nic, paused)

    def move(self, name, arrival):
        account = self.lab.guests[name].move_to(arrival)
        memory = account["ram"]
        print(f"     {memory['precopy-bytes'] >> 20} MiB of {name} were copied while it ran, "
              f"{memory['downtime-bytes'] >> 20} in {account['downtime']} ms afterwards")
        check(memory["precopy-bytes"] > memory["downtime-bytes"], f"most was copied while it ran: {memory}")
        self._left[name] = self.lab.guests[name]
        self.lab.guests[name], self.places[name] = arrival, self.other(name)

    def clear(self, name):
        """And last: what is left where it was."""
        self._left.pop(name).kill()
        self.lab.hosts[self.other(name)].must("nic", "del", name)

    def other(self, name):
        """Where a guest is to move."""
        return {"a": "b", "b": "a"}[self.places[name]]

    def pipe(self, name, *options):
        """A shell's line that takes its connections along, from where it is to where it moves."""
        source, target = self.lab.hosts[self.places[name]], self.lab.hosts[self.other(name)]
        return " ".join([*source.cli_line("conn", "export", name, *options), "|",
                         *target.cli_line("conn", "import", name)])

    @contextlib.contextmanager
    def streams(self):
        """mover connects to each tap, which sends it bytes, has them back and compares them, all the time."""
        mover, running = self.lab.guests["mover"], {}
        for name, tap in self.taps.items():
            address = tap.addresses[1 if name == "third" else 0]
            mover.ping_until(address)
            running[name] = tap.start_traffic("await-steady", PORT)
            wait_until(lambda t=tap: sockets(t, "-l"), 20, f"{name} to listen")
            mover.spawn(f"nc {address} {PORT} -e cat")
        self._streams = running
        self.check_streams_go_on()
        yield
        self.check_streams_go_on()
        print(f"     {({name: stream.stop() for name, stream in running.items()})}")

    def after_test(self):
        """Ends streams that a failure has left."""
        for stream in self._streams.values():
            if stream.is_running():
                with contextlib.suppress(CommandFailed):
                    stream.stop()
        self._streams = {}

    def check_streams_go_on(self):
        for name, tap in self.taps.items():
            before = kilobytes_back(tap)
            wait_until(lambda n=name, t=tap, b=before: self.is_up(n) and kilobytes_back(t) > b + MORE_KILOBYTES, 30,
                       f"the stream of {name} to go on, of which {before} KiB are back")

    def is_up(self, name):
        check(self._streams[name].is_running(), f"the stream of {name} has ended")
        return True

    def place_of(self, name, host):
        """The addresses of the peers behind which `host` has a guest's MAC: one, or none."""
        lines = self.lab.hosts[host].must("-o", "json", "fdb", "list", "--mac", mac_of(VNI, GUESTS[name]))
        return [json.loads(line)["peer"] for line in lines.splitlines()]

    def wait_place(self, name, host):
        """Until `host` has a guest's MAC behind where the guest is."""
        wanted = self.lab.hosts[self.places[name]].address
        wait_until(lambda: self.place_of(name, host) == [wanted], 20, f"host {host} to find {name} behind {wanted}")


def addresses(number):
    return [f"10.0.0.{number}/24", f"fd00::{number}/64"]


def sockets(tap, *options):
    return run("ss", "-Htin", *options, f"sport = :{PORT}", namespace=tap.namespace).stdout


def kilobytes_back(tap):
    """How much of what it sent has been received at the other end."""
    return sum(int(word.split(":")[1]) for word in sockets(tap).split() if word.startswith("bytes_acked:")) >> 10


def build_lab(lab):
    return World(lab)


def test_a_guest_moves_under_load_and_its_connections_go_along(world):
    """The whole procedure without a pause: the export waits for the moment in which the guest has left."""
    with world.streams():
        arrival = world.prepare("mover")
        log = world.lab.hosts["a"].directory / "connections.log"
        taking_along = world.lab.run.spawn(["sh", "-c", world.pipe("mover", "--when-gone")], log)
        world.move("mover", arrival)
        check(taking_along.wait(20) == 0, f"connections went along: {log.read_text()}")
        print(f"     connections: {log.read_text().strip()}")
        world.check_streams_go_on()
        world.clear("mover")
    world.wait_place("mover", "c")
    check(arrival.checksum_errors() == 0, "no wrong checksum came to the guest")


def test_connections_may_go_along_while_the_guest_stands_still(world):
    """It arrives paused, its connections are imported, it goes on: nothing of them is refused in between."""
    target = world.lab.hosts[world.other("mover")]
    with world.streams():
        arrival, pipe = world.prepare("mover", paused=True), world.pipe("mover")
        world.move("mover", arrival)
        check(arrival.status() == "paused", f"it stands still: {arrival.status()}")
        run("sh", "-c", pipe)
        before = target.drops()
        arrival.resume()
        world.check_streams_go_on()
        refused = target.drops().get(MID_STREAM, 0) - before.get(MID_STREAM, 0)
        check(refused == 0, f"{refused} packets of known connections were refused")
        world.clear("mover")
    world.wait_place("mover", "c")


def test_a_guest_that_cannot_announce_itself_is_announced(world):
    silent = world.lab.guests["silent"]
    is_packed = silent.run("cut -c 35 /sys/bus/virtio/devices/virtio0/features").stdout.strip()  # VIRTIO_F_RING_PACKED
    check(is_packed == "1", f"its rings are packed: {is_packed}")
    silent.run("sysctl -w net.ipv6.conf.eth0.disable_ipv6=1")  # it would look for routers now and then
    silent.ping_until("10.0.0.13")
    world.wait_place("silent", "c")
    arrival = world.prepare("silent")
    world.move("silent", arrival)
    world.wait_place("silent", "c")
    world.clear("silent")
    arrival.ping_until("10.0.0.13")
    for host in world.lab.hosts.values():
        check_ledger(host)
