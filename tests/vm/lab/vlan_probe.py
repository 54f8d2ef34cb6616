#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for the MAC of an IPv4 address, in a VLAN or in none (0), without the kernel's help: vlan_probe.py
INTERFACE VLAN SENDER TARGET. Prints JSON: whether an answer came, and the VLAN that it came in."""

import json
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL = 263, 8, 3
TP_STATUS_VLAN_VALID = 0x10
WAIT = 1.0  # seconds


def arp_request(mac, sender, target, vlan):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + socket.inet_aton(sender) + bytes(6) + \
        socket.inet_aton(target)
    return b"\xff" * 6 + mac + tag + struct.pack("!H", 0x0806) + arp + bytes(18)


def vlan_of(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
            return tci & 0xfff if status & TP_STATUS_VLAN_VALID else 0
    return 0


def main(interface, vlan, sender, target):
    probe = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    probe.bind((interface, ETH_P_ALL))
    probe.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    mac = probe.getsockname()[4]
    probe.send(arp_request(mac, sender, target, int(vlan)))
    deadline = time.monotonic() + WAIT
    while (left := deadline - time.monotonic()) > 0:
        probe.settimeout(left)
        try:
            frame, ancillary, _, _ = probe.recvmsg(2048, 64)
        except TimeoutError:
            break
        is_reply = frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02" and frame[:6] == mac
        if is_reply and frame[28:32] == socket.inet_aton(target):
            return {"answered": True, "vlan": vlan_of(ancillary)}
    return {"answered": False}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
