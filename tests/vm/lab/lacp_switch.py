#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A switch with an aggregated link, after IEEE 802.1AX and without the kernel's bonding, which not every
kernel has: lacp_switch.py STATE NETWORK LINK LINK... joins the links, on which it speaks LACP, with the
interface NETWORK. Keeps in the file STATE, as JSON by link: what the other end says of itself (its bits),
whether the link is in use, and how many frames have come by it and gone.

      NETWORK ─── switch ═══ LINK, LINK: one aggregate
"""

import json
import pathlib
import select
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING, PACKET_ADD_MEMBERSHIP = 263, 8, 23, 1
PACKET_MR_PROMISC, PACKET_MR_ALLMULTI, ETH_P_ALL = 1, 2, 3
TP_STATUS_VLAN_VALID = 0x10
SLOW, GROUP = b"\x88\x09", bytes.fromhex("0180c2000002")
ACTIVE, SHORT, AGGREGATION, SYNC, COLLECTING, DISTRIBUTING = 1, 2, 4, 8, 16, 32
SYSTEM = bytes.fromhex("020000005300")
PARTY = struct.Struct("!H6sHHHB")  # system priority, system, key, port priority, port, state
EVERY, SILENCE = 0.5, 3.0  # seconds


class Interface:
    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((name, ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        for kind in (PACKET_MR_PROMISC, PACKET_MR_ALLMULTI):
            member = struct.pack("iHH8s", socket.if_nametoindex(name), kind, 0, b"")
            self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
        self.mac = self.socket.getsockname()[4]
        self.heard_at = -SILENCE  # the partner, if there is one

    def receive(self):
        """A frame with its tag, which the kernel hands over beside it; None: the link has gone down."""
        try:
            frame, ancillary, _, _ = self.socket.recvmsg(65536, 64)
        except OSError:
            return None
        for level, kind, data in ancillary:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
                if status & TP_STATUS_VLAN_VALID:
                    frame = frame[:12] + struct.pack("!HH", 0x8100, tci) + frame[12:]
        return frame

    def send(self, frame):
        try:
            self.socket.send(frame)
        except OSError:
            return False
        return True


class Link(Interface):
    def __init__(self, name, number):
        super().__init__(name)
        self.number = number
        self.partner = PARTY.pack(0, bytes(6), 0, 0, 0, 0)
        self.said_at = -SILENCE
        self.state = ACTIVE | SHORT | AGGREGATION
        self.is_known = False
        self.received = self.sent = 0

    def us(self):
        return PARTY.pack(0x8000, SYSTEM, 7, 0x80, self.number, self.state)

    def take(self, frame, now):
        """An LACPDU: what the partner is, and whether it knows us."""
        if frame[14:18] != b"\x01\x01\x01\x14" or frame[36:38] != b"\x02\x14":
            return
        self.partner, self.heard_at = frame[18:33], now
        self.is_known = frame[38:52] == self.us()[:14]
        self.look(now)
        if not self.is_known or (frame[52] ^ self.state) & (SHORT | AGGREGATION | SYNC):
            self.said_at = -SILENCE

    def look(self, now):
        theirs = self.partner[14] if now - self.heard_at < SILENCE else 0
        state = ACTIVE | SHORT | AGGREGATION
        if theirs & AGGREGATION:
            state |= SYNC
            if theirs & SYNC and self.is_known:
                state |= COLLECTING | (DISTRIBUTING if theirs & COLLECTING else 0)
        if state != self.state:
            self.state, self.said_at = state, -SILENCE
        if now - self.said_at >= EVERY:
            self.said_at = now
            self.send(GROUP + self.mac + SLOW + b"\x01\x01\x01\x14" + self.us() + bytes(3) + b"\x02\x14" +
                      self.partner + bytes(3) + b"\x03\x10" + bytes(14) + bytes(52))

    def told(self):
        return {"partner": self.partner[14], "system": self.partner[2:8].hex(":"), "received": self.received,
                "sent": self.sent, "in_use": bool(self.state & DISTRIBUTING)}


def main(state_file, network_name, *link_names):
    network = Interface(network_name)
    links = [Link(name, 20 + number) for number, name in enumerate(link_names)]
    by_descriptor = {port.socket.fileno(): port for port in [network, *links]}
    poll = select.poll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    told_at = 0
    while True:
        ready = poll.poll(50)
        now = time.monotonic()
        for descriptor, _ in ready:
            port = by_descriptor[descriptor]
            frame = port.receive()
            if frame is None:
                port.heard_at = -SILENCE
                continue
            if port is network:
                in_use = [link for link in links if link.state & DISTRIBUTING]
                if in_use:
                    link = in_use[sum(frame[26:42]) % len(in_use)]
                    link.sent += link.send(frame)
            elif frame[12:14] == SLOW:
                port.take(frame, now)
            elif port.state & COLLECTING:
                port.received += 1
                network.send(frame)
        for link in links:
            link.look(now)
        if now - told_at >= 0.1:
            told_at = now
            new = pathlib.Path(state_file + ".new")
            new.write_text(json.dumps({link.name: link.told() for link in links}), encoding="utf-8")
            new.rename(state_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
