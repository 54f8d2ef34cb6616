# SPDX-License-Identifier: Apache-2.0
"""Changes of intent: what control_bench measures in process, and the same through the API of a real
butterflyd, which also stores them."""

import argparse
import json
import pathlib
import time

from lab.shell import run

from guests import addresses
from guests.session import Session, run_main, say, table, where
from peers import ROOT
from peers.butterfly_rig import ButterflyRig

NICS = 1000
TAPS = 1000
NICS_A_TENANT = 10
CLIENTS = (1, 4, 16)
SECONDS = 4.0
BENCH_SECONDS = 300


class Host(ButterflyRig):
    """The daemon alone, with `nics` of that type and nobody behind them."""

    name = "control"
    uplink = ""
    flows = 65_536
    log_level = "warning"

    def __init__(self, directory, binaries, kind, nics):
        super().__init__(directory, binaries)
        self.kind = kind
        self.nics = nics
        if kind == "NIC_TYPE_TAP":
            self.namespace = self.run.make_namespace("taps")
            run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)

    def intent(self):
        whole = addresses.intent([1000 + number // NICS_A_TENANT for number in range(self.nics)])
        for nic in whole["nics"]:
            nic["type"] = self.kind
        return whole

    def start_empty(self):
        full, self.intent = self.intent, lambda: {"nics": [], "groups": [], "peers": [], "fdb": []}
        self.start_switch()
        self.intent = full

    def from_nothing(self):
        """Seconds until the client is told that all is in force, its own start included."""
        text = json.dumps(self.intent())
        began = time.monotonic()
        self.cli("apply", "-", text_in=text)
        return time.monotonic() - began

    def back_to_nothing(self):
        began = time.monotonic()
        self.cli("apply", "-", text_in=json.dumps({"nics": [], "groups": [], "peers": [], "fdb": []}))
        return time.monotonic() - began

    def rate(self, clients):
        answer = run(self.binaries / "api_client", f"unix:{self.directory}/api.sock", str(clients), str(SECONDS), "open",
                     timeout=60)
        return json.loads(answer.stdout)


def through_the_api(session, kind, nics, clients):
    rig = Host(session.directory, session.binaries, kind, nics)
    try:
        rig.start_empty()
        found = {"up": rig.from_nothing(), "rates": {count: rig.rate(count) for count in clients}}
        found["down"] = rig.back_to_nothing()
    finally:
        rig.stop()
    say(f"  {nics} nics of {kind}: {found}")
    return found


def report(in_process, vhost, taps):
    rates = [[str(count), f"{rate['a_second']:,.0f}", f"{rate['p50_ms']:.2f}", f"{rate['p99_ms']:.2f}"]
             for count, rate in vhost["rates"].items()]
    return f"""# Changes of intent

{where()} [How it is measured](../README.md#changes-of-intent-make-bench-control).

## In process: without API and disk

```
{in_process.strip()}
```

## Through the API, each change stored before it is answered

Seconds for {NICS:,} nics from nothing, in one change, and away again, the client's start included:

{table(["nics", "there", "away"], [[f"{NICS:,} vhost-user", f"{vhost['up']:.2f}", f"{vhost['down']:.2f}"],
                                   [f"{TAPS:,} taps", f"{taps['up']:.2f}", f"{taps['down']:.2f}"]])}
A rule of a group that all {NICS:,} nics have, added and taken away by so many clients at once, each one change after the
other:

{table(["clients", "changes a second", "p50, ms", "p99, ms"], rates)}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    arguments = parser.parse_args()
    run_main("bench-control", lambda: work(arguments))


def work(arguments):
    with Session(arguments.build_dir, milliseconds=250) as session:
        session.machine.need_hugepages(Host.hugepages)
        in_process = run(arguments.build_dir / "control_bench", timeout=BENCH_SECONDS).stdout
        say(in_process)
        vhost = through_the_api(session, "NIC_TYPE_VHOST_USER", NICS, CLIENTS)
        taps = through_the_api(session, "NIC_TYPE_TAP", TAPS, ())
    (arguments.results / "control.md").write_text(report(in_process, vhost, taps))
    say(f"results: {arguments.results}/control.md")
