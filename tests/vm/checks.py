# SPDX-License-Identifier: Apache-2.0
"""What the tests have in common: checks with a sentence, and the rules of their groups.
A failed check shows its sentence in the run's output."""

from lab import drop_reasons
from lab.wait import wait_until

OPEN_TO_PINGS = ("--dir in --ip-proto icmp", "--dir in --ip-proto icmpv6")
WEB = (*OPEN_TO_PINGS, "--dir in --ip-proto tcp --port 80", "--dir in --ip-proto tcp --port 5201")


def check(value, sentence):
    if not value:
        raise AssertionError(sentence)


def check_pings(guest, *addresses, timeout=30):
    for address in addresses:
        guest.ping_until(address, timeout)


def check_silent(guest, address):
    """No answer to three pings; to be used where the way itself is known to work."""
    check(not guest.can_ping(address, count=3, wait=1), f"{guest.name} got an answer from {address}")


def check_page(guest, address, port, page):
    """A page that may take a moment to appear (ARP, reconnects)."""
    wait_until(lambda: guest.fetch(address, port) == page, 20, f"{guest.name} to read '{page}' at {address}:{port}")


def check_shut(guest, address, port):
    check(guest.fetch(address, port, wait=2) is None, f"{guest.name} reached {address}:{port}, which is shut")


def wait_for_drops(host, pattern, more_than, what):
    """Waits until the drops that match exceed `more_than`; returns their names."""
    wait_until(lambda: drop_reasons.total(host.drops(), pattern) > more_than, 10,
               f"{what} to be counted on host {host.name}, which has {host.drops()}")
    return drop_reasons.matching(host.drops(), pattern)


def check_ledger(host):
    """received + made + copied + taken over = sent + merged + dropped + handed over: no packet without a fate."""
    def closes():
        ledger = {key: int(value) for key, value in host.json("counters")["ledger"].items()}
        return (ledger["received"] + ledger["made"] + ledger["copied"] + ledger["taken_over"]
                == ledger["sent"] + ledger["merged"] + ledger["dropped"] + ledger["handed_over"] + ledger["held"])
    wait_until(closes, 10, f"the ledger of host {host.name} to close: {host.json('counters')['ledger']}")
