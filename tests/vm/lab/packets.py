#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends frames that no honest stack makes: packets.py INTERFACE COUNT EXPRESSION
The expression makes a scapy packet from Ethernet on, or a list of them. Run inside a namespace."""

import logging
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

# pylint: disable=wrong-import-position,wildcard-import,unused-wildcard-import
from scapy.layers.dhcp import *  # noqa: E402,F401,F403
from scapy.layers.inet import *  # noqa: E402,F401,F403
from scapy.layers.inet6 import *  # noqa: E402,F401,F403
from scapy.layers.l2 import *  # noqa: E402,F401,F403
from scapy.sendrecv import sendp  # noqa: E402


def main():
    interface, count, expression = sys.argv[1:]
    packets = eval(expression)  # pylint: disable=eval-used
    sendp(packets, iface=interface, count=int(count), verbose=False)


if __name__ == "__main__":
    main()
