# SPDX-License-Identifier: Apache-2.0
"""One run of iperf3 between the guests of a pair, and what their kernels counted meanwhile."""

import json
import time

from lab.shell import CommandFailed
from peers.processes import schedule_of, waited_share

from . import others
from .pair import PORT

WARM_UP = 1  # seconds that do not count, in which TCP opens its window
COUNTERS = "grep eth0: /proc/net/dev; grep Tcp: /proc/net/snmp; grep virtio /proc/interrupts"


def transfer(pair, seconds, streams, back, family=4):
    """Near to far, or `back`; {value: Gbit/s, retransmits, bytes a packet, ...}."""
    source, target = (pair.far, pair.near) if back else (pair.near, pair.far)
    sent, received = counters_of(source), counters_of(target)
    pids = pair.pids()
    schedules, foreign, began = [schedule_of(pid) for pid in pids], others.ran_seconds(pids), time.monotonic()
    command = f"iperf3 -J -i 0 -c {pair.address(family)} -p {PORT} -t {seconds} -O {WARM_UP} -P {streams}"
    answer = pair.near.run(command + (" -R" if back else ""), timeout=seconds + 60)
    took = time.monotonic() - began
    later = [schedule_of(pid) for pid in pids]
    foreign = max(others.ran_seconds(pids) - foreign, 0.0)
    shares = [cpu_share(*each, took) for each in zip(schedules, later)]
    sent, received = since(sent, counters_of(source)), since(received, counters_of(target))
    return {**read_report(answer.stdout), "seconds": took,
            "bytes_a_packet": received["rx_bytes"] / max(received["rx_packets"], 1),
            "acks_a_packet": received["tx_packets"] / max(received["rx_packets"], 1),
            "interrupts": [sent["interrupts"] / took, received["interrupts"] / took],
            "unread": sent["bad_checksums"] + received["bad_checksums"],
            # Switches that share a CPU wait for each other: there the time that others took tells.
            "waited": waited_share(schedules[2], later[2]) if len(pids) == 3 else foreign / took,
            "cpu": [sum(shares[2:]), *shares[:2]]}


def read_report(text):
    try:
        end = json.loads(text)["end"]
        return {"value": end["sum_received"]["bits_per_second"] / 1e9, "retransmits": end["sum_sent"]["retransmits"]}
    except (ValueError, KeyError) as error:
        raise CommandFailed(f"iperf3 said: {text[-400:]}") from error


def counters_of(guest):
    return read_counters(guest.run(COUNTERS).stdout)


def read_counters(text):
    """From the lines of /proc/net/dev, /proc/net/snmp and /proc/interrupts of a guest with one nic and one CPU."""
    lines = text.splitlines()
    device = next(line for line in lines if "eth0:" in line).split(":")[1].split()
    names, values = [line.split() for line in lines if line.startswith("Tcp:")]
    interrupts = sum(int(line.split()[1]) for line in lines if "virtio" in line)
    return {"rx_bytes": int(device[0]), "rx_packets": int(device[1]), "tx_packets": int(device[9]),
            "interrupts": interrupts, "bad_checksums": int(values[names.index("InCsumErrors")])}


def since(before, after):
    return {name: after[name] - value for name, value in before.items()}


def cpu_share(before, after, seconds):
    """Of one CPU, by all threads of a process."""
    return sum(after[thread][0] - before[thread][0] for thread in after if thread in before) / 1e9 / seconds
