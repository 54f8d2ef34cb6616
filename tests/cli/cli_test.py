#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every subcommand of `butterfly` with good and bad arguments: exit code and text.

Rows run in order against one daemon: (arguments, exit code, patterns of stdout or stderr).
Usage: cli_test.py BUTTERFLY FAKE_BUTTERFLYD
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
from lab.authority import Authority  # noqa: E402

BUTTERFLY, DAEMON = (os.path.abspath(path) for path in sys.argv[1:3])
DONE, REFUSED, USAGE, NOT_REACHABLE, WOULD_CHANGE = 0, 1, 2, 3, 4


def read_pcapng(data):
    """The blocks of a pcapng file: type and body."""
    while data:
        kind, length = struct.unpack_from("=II", data)
        assert data[length - 4:length] == data[4:8] and length % 4 == 0
        yield kind, data[8:length - 4]
        data = data[length:]


# Bad rows say nothing on stdout and one line on stderr; good rows the other way round.
ROWS = [
    # no command line at all
    ("", USAGE, [r"^butterfly: A subcommand is required"]),
    ("--help", DONE, [r"Exit codes: 0 done, 1 refused", r"nic +Guests' virtual NICs"]),
    ("--version", DONE, [r"^butterfly \d+\.\d+\.\d+$"]),
    ("frobnicate", USAGE, [r"^butterfly: unknown word 'frobnicate' "]),
    ("nic frobnicate", USAGE, [r"^butterfly: unknown word 'frobnicate' "]),
    ("nic show --idd a", USAGE, [r"not expected: --idd"]),
    ("-o xml status", USAGE, [r"xml not in \{table,json\}"]),
    ("--timeout 0 status", USAGE, [r"--timeout"]),
    ("--timeout soon status", USAGE, [r"--timeout"]),

    # nic
    ("nic", USAGE, [r"A subcommand is required"]),
    ("nic --help", DONE, [r"add +Make a nic"]),
    ("nic add --mac 52:54:00:00:00:01 --vni 42", USAGE, [r"--id is required"]),
    ("nic add --id a --vni 42", USAGE, [r"--mac is required"]),
    ("nic add --id a --mac 52:54:00:00:00:01", USAGE, [r"--vni is required"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni many", USAGE, [r"--vni"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni -1", USAGE, [r"--vni"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --type pci", USAGE,
     [r"pci not in \{vhost-user,tap\}"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 stray", USAGE, [r"stray"]),
    ("nic add --id a --mac 52:54:00 --vni 42", REFUSED,
     [r"^butterfly: nic 'a': MAC '52:54:00' is malformed \(wanted six hexadecimal pairs"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 20000000", REFUSED,
     [r"^butterfly: nic 'a': VNI 20000000 exceeds 24 bits \(wanted 1\.\.16777215\)$"]),
    ("nic add --id a/b --mac 52:54:00:00:00:01 --vni 42", REFUSED,
     [r"nic 'a/b': name is malformed"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --ip 10.0.0.300", REFUSED,
     [r"nic 'a': address '10.0.0.300' is malformed"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --tap-name t", REFUSED,
     [r"nic 'a': tap name 't' on a vhost-user nic \(wanted type tap\)"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --mtu 100", REFUSED,
     [r"nic 'a': MTU 100 is out of range \(wanted 576\.\.9000, or 0 for the host's choice\)"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --mtu big", USAGE, [r"--mtu"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --type tap --vhost-server", REFUSED,
     [r"nic 'a': vhost server on a tap \(wanted type vhost-user\)"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --queues 17", REFUSED,
     [r"nic 'a': 17 queues \(wanted 1\.\.16\)"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --type tap --packed", REFUSED,
     [r"nic 'a': packed rings on a tap \(wanted type vhost-user\)"]),
    ("nic add --id refused-by-host --mac 52:54:00:00:00:01 --vni 42", REFUSED,
     [r"nic 'refused-by-host': its port cannot be made"]),
    ("nic list", DONE, [r"^ID +MAC +VNI +TYPE +ADDRESSES +GROUPS +CONNECTED$"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --ip 10.0.0.1 --ip fd00::1 --sg web", DONE,
     [r"^add nic a: vhost-user, mac 52:54:00:00:00:01, vni 42$",
      r"^socket: /run/butterfly/ports/a.sock$",
      r"^-object memory-backend-memfd,.*share=on .*path=/run/butterfly/ports/a.sock,server=on"
      r".*virtio-net-pci,netdev=net-a,mac=52:54:00:00:00:01,host_mtu=1450"]),
    ("nic add --id a --mac 52:54:00:00:00:01 --vni 42 --ip 10.0.0.1 --ip fd00::1 --sg web", DONE,
     [r"^nothing to change$", r"^socket: "]),
    ("nic add --id b --mac 52:54:00:00:00:01 --vni 42", REFUSED,
     [r"nic 'b': MAC 52:54:00:00:00:01 is nic 'a' in VNI 42"]),
    ("nic add --id t --mac 52:54:00:00:00:02 --vni 42 --type tap --tap-name tap7 --no-antispoof",
     DONE, [r"^interface: tap7$"]),
    ("nic list", DONE, [r"^a +52:54:00:00:00:01 +42 +vhost-user +10.0.0.1,fd00::1 +web +yes$",
                        r"^t +52:54:00:00:00:02 +42 +tap +- +- +yes$"]),
    ("nic show t", DONE, [r"^type: tap$", r"^antispoof: off$"]),
    ("nic show a", DONE, [r"^antispoof: on$", r"^socket: "]),
    ("nic show", USAGE, [r"ID is required"]),
    ("nic show nobody", REFUSED, [r"^butterfly: nic 'nobody': not found \(wanted one of ours\)$"]),
    ("nic stats a", DONE, [r"^from guest +7 +700 +3$"]),
    ("nic stats nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("nic update --ip 10.0.0.9", USAGE, [r"--id is required"]),
    ("nic update --id nobody --ip 10.0.0.9", REFUSED, [r"nic 'nobody': not found"]),
    ("nic update --id a --ip 10.0.0.9 --no-ip", USAGE, [r"--ip excludes --no-ip"]),
    ("nic update --id a --ip 10.0.0.9", DONE,
     [r"change nic a: addresses \+10.0.0.9 -10.0.0.1 -fd00::1"]),
    ("nic update --id a --vhost-server --mtu 9000", DONE,
     [r"vhost-server off → on, mtu default → 9000 \(new port: its link drops\)",
      r"path=/run/butterfly/ports/a.sock,reconnect=1 .*,host_mtu=9000,"]),
    ("nic show a", DONE, [r"^mtu: 9000$"]),
    ("nic update --id a --vhost-server --vhost-client", USAGE, [r"excludes"]),
    ("nic update --id a --vhost-client --mtu 0", DONE, [r"server=on,wait=off .*,host_mtu=1450,"]),
    ("nic update --id a --queues 2 --packed", DONE,
     [r"queues 1 → 2, packed off → on", r",queues=2 -device .*,mq=on,vectors=6,packed=on,"]),
    ("nic show a", DONE, [r"^queue pairs: \d+ of 2 in use, packed rings$"]),
    ("nic update --id a --packed --no-packed", USAGE, [r"excludes"]),
    ("nic update --id a --queues 1 --no-packed", DONE, [r"queues 2 → 1, packed on → off"]),
    ("nic update --id a --bypass", DONE, [r"change nic a: bypass off → on$"]),
    ("nic show a", DONE, [r"^firewall: bypassed$"]),
    ("nic update --id a --no-bypass", DONE, [r"change nic a: bypass on → off$"]),
    ("nic show a", DONE, [r"^firewall: on$"]),
    ("nic update --id a --no-ip", DONE, [r"change nic a: addresses -10.0.0.9"]),
    ("nic update --id a --allow 10.0.0.100,00:00:5e:00:01:33 --allow 10.1.0.0/16", DONE,
     [r"change nic a: allowed \+10.0.0.100,00:00:5e:00:01:33 \+10.1.0.0/16$"]),
    ("nic show a", DONE, [r"^allowed: 10.0.0.100,00:00:5e:00:01:33 10.1.0.0/16$"]),
    ("nic update --id a --allow 10.0.0.1/8", REFUSED, [r"nic 'a': allowed: "]),
    ("nic update --id a --allow 10.0.0.1 --no-allow", USAGE, [r"--allow excludes --no-allow"]),
    ("nic update --id a --no-allow", DONE, [r"allowed -10.0.0.100,00:00:5e:00:01:33 -10.1.0.0/16$"]),
    ("nic update --id a --mac 52:54:00:00:00:0a --vni 43", DONE,
     [r"mac 52:54:00:00:00:01 → 52:54:00:00:00:0a, vni 42 → 43"]),
    ("nic update --id a --no-sg --no-antispoof", DONE,
     [r"groups web → none, antispoof on → off"]),
    ("nic update --id a --antispoof --sg web --sg db", DONE,
     [r"groups none → web,db, antispoof off → on"]),
    ("nic update --id a --type tap", DONE, [r"type vhost-user → tap, .*new port: its link drops"]),
    ("nic update --id a --type vhost-user", DONE, [r"type tap → vhost-user"]),
    ("nic update --id t --tap-name tap8", DONE, [r"tap tap7 → tap8"]),
    ("nic update --id a", DONE, [r"nothing to change"]),
    ("nic sg", USAGE, [r"A subcommand is required"]),
    ("nic sg list a", DONE, [r"^web$", r"^db$"]),
    ("nic sg list nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("nic sg add a", USAGE, [r"SG is required"]),
    ("nic sg add a web third", DONE, [r"groups web,db → web,db,third"]),
    ("nic sg add a w/b", REFUSED, [r"nic 'a': group 'w/b': name is malformed"]),
    ("nic sg del a third web", DONE, [r"groups web,db,third → db"]),
    ("nic sg del a third", REFUSED, [r"nic 'a': does not have group 'third'"]),
    ("nic sg set a", DONE, [r"groups db → none"]),
    ("nic sg set a web", DONE, [r"groups none → web"]),
    ("nic sg set a web web", REFUSED, [r"nic 'a': group 'web' listed twice"]),
    ("nic sg set", USAGE, [r"NIC is required"]),

    # conn
    ("conn", USAGE, [r"A subcommand is required"]),
    ("conn list", DONE, [r"^VNI +PROTOCOL +FROM +TO +STATE +IDLE +EXPIRES +SENT +ANSWERED +NICS$",
                         r"^43 +tcp +10.0.0.1:40000 +10.0.0.2:443 +established +1s +86398s +"
                         r"12/3400 +10/90000 +a$",
                         r"^43 +udp +\[fd00::1\]:5000 +\[fd00::2\]:53 +new +0s +30s +1/90 +0/0 "
                         r"+a\*$"]),
    ("conn list --nic a --limit 1", DONE, [r"^43 +tcp "]),
    ("conn list --limit 0", USAGE, [r"--limit"]),
    ("conn list --nic nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("conn list --vni 16777216", REFUSED,
     [r"^butterfly: connections: VNI 16777216 is too large \(wanted 0\.\.16777215\)$"]),
    ("conn list --vni many", USAGE, [r"--vni"]),
    ("conn list --protocol ipx", USAGE, [r"'ipx' is no protocol \(wanted tcp, udp, icmp"]),
    ("conn list --address web", REFUSED, [r"connections: address 'web' is malformed"]),
    ("conn list --port 65536", USAGE, [r"--port"]),
    ("conn list --state over", USAGE, [r"over not in \{new,established"]),
    ("conn list --role both", USAGE, [r"both not in \{initiator,responder\}"]),
    ("conn count", DONE, [r"^PROTOCOL +STATE +CONNECTIONS$", r"^tcp +established +2$",
                          r"^udp +new +2$", r"^all +- +4$"]),
    ("conn count --nic a --state new", DONE, [r"^udp +new +1$", r"^all +- +1$"]),
    ("conn flush", REFUSED,
     [r"^butterfly: connections: nothing says which to flush \(wanted a filter, or all\)$"]),
    ("conn flush --all --port 0", REFUSED, [r"both a filter and all \(wanted one of them\)"]),
    ("conn flush --all", DONE, [r"^flushed 4$"]),
    ("conn flush --nic a --protocol udp --half-open", DONE, [r"^flushed 2$"]),
    ("conn export", USAGE, [r"NIC is required"]),
    ("conn export nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("conn export nobody --when-gone", REFUSED, [r"nic 'nobody': not found"]),
    ("conn export a -o json --when-gone", DONE, [r'"total":"2"']),
    ("conn export a -o json", DONE, [r'"version":1.*"nic":"a".*"vni":43', r'"total":"2"']),
    ("conn import", USAGE, [r"NIC is required"]),
    ("conn import a", REFUSED, [r"^butterfly: connections: version 0 of the format is unknown "]),

    # events
    ("events --kind nonsense", USAGE, [r"nonsense not in \{lost,nic-added,nic-removed,"]),
    ("events --vni 0", REFUSED, [r"^butterfly: events: VNI 0 is out of range \(wanted 1\.\.16777215\)$"]),
    ("events --count 0", USAGE, [r"--count"]),
    ("events --count 1", DONE, [r"^\d\d:\d\d:\d\d\.\d{3} 1 intent-changed revision 1$"]),
    ("events --follow --kind intent-changed --after 1 --count 1", DONE, [r" 2 intent-changed revision 2$"]),
    ("events --after 100000 --count 2", DONE, [r" lost: the daemon has been started anew$",
                                               r" 1 intent-changed revision 1$"]),

    # config
    ("config", USAGE, [r"A subcommand is required"]),
    ("config show", DONE, [r"^KEY +VALUE +FROM +CHANGES +DEFAULT$",
                           r'^daemon.log_level +"info" +default +any time +"info"$',
                           r"^dataplane.lcores +\[1\] +file +start +\(the last CPU\)$"]),
    ("config set", USAGE, [r"KEY=VALUE is required"]),
    ("config set daemon.log_level", USAGE,
     [r"^butterfly: setting 'daemon.log_level' is malformed \(wanted KEY=VALUE\)$"]),
    ("config set =debug", USAGE, [r"is malformed"]),
    ("config set daemon.log_level=debug dataplane.lcores=[2]", REFUSED,
     [r"^butterfly: setting 'dataplane.lcores': not now \(wanted daemon.log_level\)$"]),
    ("config set daemon.log_level=debug", DONE, [r"^set daemon.log_level=debug$"]),
    ("config show", DONE, [r"^daemon.log_level +debug +run time"]),

    # sg
    ("sg", USAGE, [r"A subcommand is required"]),
    ("sg add", USAGE, [r"NAME is required"]),
    ("sg add web db", DONE, [r"^add group db: 2 rules, 0 members$", r"^add group web: "]),
    ("sg add web", DONE, [r"^nothing to change$"]),
    ("sg add 'w b'", REFUSED, [r"group 'w b': name is malformed"]),
    ("sg list", DONE, [r"^NAME +RULES +MEMBERS$", r"^db +2 +0$", r"^web +2 +0$"]),
    ("sg show web", DONE, [r"^nics: a$", r"out +v4 +all +any +any +everything out, IPv4$"]),
    ("sg show nobody", REFUSED, [r"group 'nobody': not found"]),
    ("sg rule", USAGE, [r"A subcommand is required"]),
    ("sg rule list", USAGE, [r"SG is required"]),
    ("sg rule list nobody", REFUSED, [r"group 'nobody': not found"]),
    ("sg rule add web", USAGE, [r"--ip-proto is required"]),
    ("sg rule add web --ip-proto ipx", USAGE,
     [r"'ipx' is no protocol \(wanted tcp, udp, icmp, icmpv6, sctp, all or 0\.\.255\)"]),
    ("sg rule add web --ip-proto 256", USAGE, [r"'256' is no protocol"]),
    ("sg rule add web --ip-proto tcp --dir up", USAGE, [r"up not in \{in,out\}"]),
    ("sg rule add web --ip-proto tcp --port http", USAGE, [r"--port"]),
    ("sg rule add web --ip-proto tcp --port 65536", USAGE, [r"--port"]),
    ("sg rule add web --ip-proto tcp --port 80 --port-start 1 --port-end 2", USAGE,
     [r"excludes"]),
    ("sg rule add web --ip-proto tcp --port-start 1", USAGE, [r"--port-start requires --port-end"]),
    ("sg rule add web --ip-proto icmp --icmp-type 256", USAGE, [r"256 not in range 0 to 255"]),
    ("sg rule add web --ip-proto icmp --icmp-code 0", USAGE, [r"--icmp-code requires --icmp-type"]),
    ("sg rule add web --ip-proto tcp --family v5", USAGE, [r"v5 not in \{v4,v6\}"]),
    ("sg rule add web --ip-proto tcp --cidr 10.0.0.0/8 --sg-members db", USAGE, [r"excludes"]),
    ("sg rule add web --ip-proto tcp --port-start 90 --port-end 80", REFUSED,
     [r"group 'web': rule [0-9a-f]{16}: first port 90 above last port 80 \(wanted first <= last\)"]),
    ("sg rule add web --ip-proto 47 --port 80", REFUSED, [r"ports with protocol 47 \(wanted tcp"]),
    ("sg rule add web --ip-proto tcp --icmp-type 8", REFUSED, [r"ICMP type with protocol 6"]),
    ("sg rule add web --ip-proto tcp --cidr 10.0.0.1/8", REFUSED,
     [r"CIDR '10.0.0.1/8' is malformed \(wanted ADDRESS/LENGTH with clear host bits\)"]),
    ("sg rule add web --ip-proto icmp --family v6", REFUSED, [r"wanted one address family"]),
    ("sg rule add web --expression 'tcp prot 80'", REFUSED,
     [r"group 'web': rule [0-9a-f]{16}: expression 'tcp prot 80': can't parse filter expression: syntax error"]),
    ("sg rule add web --expression 'host localhost'", REFUSED, [r"unknown host 'localhost'"]),
    ("sg rule add web --expression ' '", REFUSED, [r"rule [0-9a-f]{16}: expression is blank"]),
    ("sg rule add web --expression ''", USAGE, [r"--ip-proto is required"]),
    ("sg rule add web --expression 'tcp é'", REFUSED, [r"bytes other than printable ASCII"]),
    ("sg rule add web --expression 'less 9' --ip-proto udp", REFUSED, [r"asks for the packet's length"]),
    ("sg add filtered", DONE, [r"^add group filtered"]),
    ("sg rule add filtered --expression 'tcp[13] = 2' --ip-proto tcp --port 80", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add filtered --expression 'ip6 proto 58'", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg show filtered", DONE, [r"EXPRESSION$", r"in +any +tcp +80 +any +- +tcp\[13\] = 2$",
                                r"in +any +all +any +any +- +ip6 proto 58$", r"everything out, IPv4 +-$"]),
    ("sg del filtered", DONE, [r"^remove group filtered"]),
    ("sg rule add nobody --ip-proto tcp", REFUSED, [r"group 'nobody': not found"]),
    ("sg rule add web --dir in --ip-proto tcp --port 80 --description 'the web'", DONE,
     [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --ip-proto udp --port-start 8000 --port-end 9000 --cidr 10.0.0.0/8", DONE,
     [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --ip-proto icmp --icmp-type 8 --icmp-code 0", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --ip-proto icmpv6 --icmp-type 128 --family v6", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --ip-proto sctp --sg-members db", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --dir out --ip-proto all", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add web --ip-proto 255 --cidr fd00::/8", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule list web", DONE,
     [r"^ID +DIR +FAMILY +PROTOCOL +PORTS +PEER +DESCRIPTION$",
      r"in +any +tcp +80 +any +the web$", r"in +any +udp +8000-9000 +10.0.0.0/8 +-$",
      r"in +any +icmp +type 8 code 0 +any", r"in +v6 +icmpv6 +type 128 +any",
      r"in +any +sctp +any +group db", r"out +any +all +any +any",
      r"in +any +255 +any +fd00::/8"]),
    ("sg rule del web", USAGE, [r"RULE_ID is required"]),
    ("sg rule add db --key 'a b' --ip-proto tcp", REFUSED, [r"key 'a b': name is malformed"]),
    ("sg rule add db --key ssh --ip-proto tcp --port 22", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule add db --key ssh --ip-proto tcp --port 2222", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule list db", DONE, [r"^ID .* KEY$", r"in +any +tcp +2222 +any +- +ssh$"]),
    ("sg rule del db --key http", REFUSED, [r"group 'db': has no rule with key 'http'"]),
    ("sg rule del db --key ssh", DONE, [r"change group db: rules -[0-9a-f]{16}"]),
    ("sg rule del web 7", REFUSED, [r"group 'web': has no rule '7'"]),
    ("sg member", USAGE, [r"A subcommand is required"]),
    ("sg member add db", USAGE, [r"IP is required"]),
    ("sg member add db 10.0.0.9 fd00::9", DONE, [r"change group db: members \+10.0.0.9 \+fd00::9"]),
    ("sg member add db db.example", REFUSED, [r"group 'db': address 'db.example' is malformed"]),
    ("sg member add nobody 10.0.0.9", REFUSED, [r"group 'nobody': not found"]),
    ("sg member list db", DONE, [r"^10.0.0.9$", r"^fd00::9$"]),
    ("sg member del db fd00::9", DONE, [r"members -fd00::9"]),
    ("sg member del db fd00::9", REFUSED, [r"group 'db': has no member fd00::9"]),
    ("sg member replace db 10.0.0.9 10.1.0.0/16", DONE, [r"^change group db: members \+10.1.0.0/16$"]),
    ("sg member replace db 10.1.0.1/16", REFUSED, [r"'10.1.0.1/16' is malformed \(wanted .* clear host bits\)"]),
    ("sg member del db 10.1.0.0/16", DONE, [r"members -10.1.0.0/16"]),
    ("sg del", USAGE, [r"NAME is required"]),
    ("sg del web", REFUSED, [r"group 'web': in use by nic 'a' \(wanted an unused group, or force\)"]),
    ("sg del db", REFUSED, [r"group 'db': in use by a rule of group 'web'"]),
    ("sg del nobody", REFUSED, [r"group 'nobody': not found"]),
    ("sg del web nobody --force", REFUSED, [r"change 2 of 2: group 'nobody': not found"]),
    ("sg show web", DONE, [r"^nics: a$"]),

    # sg check
    ("sg check", USAGE, [r"NIC is required"]),
    ("sg check a", USAGE, [r"--peer is required"]),
    ("sg check a --peer 10.0.0.9", USAGE, [r"--ip-proto is required"]),
    ("sg check a --peer 10.0.0.9 --ip-proto all --port 80", USAGE, [r"'all' is no protocol"]),
    ("sg check a --peer 10.0.0.9 --ip-proto tcp --dir up --port 80", USAGE, [r"up not in \{in,out\}"]),
    ("sg check a --peer 10.0.0.9 --ip-proto tcp", REFUSED,
     [r"^butterfly: nic 'a': check: no destination port \(wanted one, of TCP, UDP and SCTP\)$"]),
    ("sg check a --peer 10.0.0.9 --ip-proto icmp --port 80", REFUSED,
     [r"check: ports with protocol 1 \(wanted TCP, UDP or SCTP\)"]),
    ("sg check a --peer fd00::9 --ip-proto icmp", REFUSED,
     [r"check: protocol 1 with an IPv6 peer \(wanted the ICMP of its family\)"]),
    ("sg check a --peer 10.0.0.9 --ip-proto tcp --port 80 --icmp-type 8", REFUSED,
     [r"check: an ICMP type or code with protocol 6 \(wanted ICMP or ICMPv6\)"]),
    ("sg check a --peer nobody --ip-proto 47", REFUSED, [r"nic 'a': check: address 'nobody' is malformed"]),
    ("sg check nobody --peer 10.0.0.9 --ip-proto tcp --port 80", REFUSED, [r"nic 'nobody': not found"]),
    ("sg check a --peer 10.0.0.9 --ip-proto tcp --port 80", DONE,
     [r"^from uplink to a, 54 bytes$", r"firewall-to +allowed"]),
    ("-o json sg check a --peer 10.0.0.9 --ip-proto udp --port 80", DONE, [r'"passes": true']),
    # guard
    ("guard", USAGE, [r"A subcommand is required"]),
    ("guard list", DONE, [r"^PRIORITY +KEY +ACTION +DIR +VNI +FAMILY +PROTOCOL +PORTS +PEER +HITS +DESCRIPTION$"]),
    ("guard add", USAGE, [r"KEY is required"]),
    ("guard add k", USAGE, [r"ACTION is required"]),
    ("guard add k refuse --priority 1 --ip-proto tcp", USAGE, [r"refuse not in \{allow,deny,groups\}"]),
    ("guard add k deny --ip-proto tcp", USAGE, [r"--priority is required"]),
    ("guard add k deny --priority 1", USAGE, [r"--ip-proto is required"]),
    ("guard add k deny --priority 1 --ip-proto tcp --dir up", USAGE, [r"up not in \{in,out,both\}"]),
    ("guard add k deny --priority 1 --ip-proto tcp --port 1 --port-start 1", USAGE, [r"--port"]),
    ("guard add k deny --priority 1 --ip-proto tcp --sg-members web", USAGE, [r"--sg-members"]),
    ("guard add k deny --priority 65536 --ip-proto tcp", REFUSED,
     [r"^butterfly: guard rule 'k': priority 65536 is too big \(wanted 0\.\.65535\)$"]),
    ("guard add k deny --priority 1 --ip-proto all --vni 16777216", REFUSED,
     [r"guard rule 'k': VNI 16777216 exceeds 24 bits"]),
    ("guard add 'a b' deny --priority 1 --ip-proto all", REFUSED, [r"guard rule 'a b': name is malformed"]),
    ("guard add k deny --priority 1 --ip-proto udp --cidr 10.0.0.1/8", REFUSED,
     [r"guard rule 'k': CIDR '10.0.0.1/8' is malformed"]),
    ("guard add k deny --priority 1 --expression 'tcp prot 1'", REFUSED,
     [r"guard rule 'k': expression 'tcp prot 1': can't parse"]),
    ("guard add no-telnet deny --priority 20 --ip-proto tcp --port 23 --dir in --description 'old'",
     DONE, [r"^add guard rule no-telnet: deny, priority 20, vni every$"]),
    ("guard add office groups --priority 10 --ip-proto all --cidr fd00::/8 --vni 42", DONE,
     [r"^add guard rule office: groups, priority 10, vni 42$"]),
    ("guard list", DONE,
     [r"^PRIORITY.*DESCRIPTION\n10 +office +groups +both +42 +any +all +any +fd00::/8 +7 +-\n"
      r"20 +no-telnet +deny +in +any +any +tcp +23 +any +7 +old$"]),
    ("guard add office allow --priority 30 --expression 'ip[8] < 5'", DONE,
     [r"^change guard rule office: priority 10 → 30, action groups → allow, vni 42 → every, "
      r"match replaced$"]),
    ("guard list", DONE, [r"DESCRIPTION +EXPRESSION$", r"^30 +office .* ip\[8\] < 5$"]),
    ("-o json guard list", DONE, [r'"action": "GUARD_ACTION_DENY"', r'"priority": 30']),
    ("guard del", USAGE, [r"KEY is required"]),
    ("guard del office nobody", REFUSED,
     [r"change 2 of 2: guard rule 'nobody': not found \(wanted one of ours\)"]),
    ("guard del office no-telnet", DONE, [r"^remove guard rule no-telnet$", r"^remove guard rule office$"]),

    # subnet
    ("subnet", USAGE, [r"A subcommand is required"]),
    ("subnet set lan", USAGE, [r"--prefix is required"]),
    ("subnet set lan --prefix 10.0.0.0/24 --mtu big", USAGE, [r"--mtu"]),
    ("subnet set lan --prefix 10.0.0.1/24", REFUSED, [r"subnet 'lan': prefix '10\.0\.0\.1/24' is malformed"]),
    ("subnet set lan --prefix 10.0.0.0/24", REFUSED, [r"subnet 'lan': neither gateway nor server \(wanted"]),
    ("subnet set lan --prefix 10.0.0.0/24 --gateway 10.0.0.1 --lease-s 9", REFUSED, [r"lease of 9 s \(wanted 10\.\."]),
    ("subnet set lan --prefix 10.0.0.0/24 --gateway 10.0.0.1 --dns 10.0.0.3 --dns 10.0.0.4 --domain example.org "
     "--route 10.9.0.0/16,10.0.0.9 --route 10.8.0.0/16 --lease-s 60", DONE,
     [r"^add subnet lan: 10\.0\.0\.0/24, gateway 10\.0\.0\.1$"]),
    ("subnet list", DONE, [r"^NAME +PREFIX +GATEWAY +SERVER +DNS +DOMAINS +ROUTES +MTU +LEASE-S +FLAGS$",
                           r"^lan +10.0.0.0/24 +10.0.0.1 +- +10.0.0.3,10.0.0.4 +example.org "
                           r"+10.9.0.0/16,10.0.0.9;10.8.0.0/16 +- +60 +-$"]),
    ("subnet set six --prefix fd00:7::/64 --gateway fd00:7::1", REFUSED,
     [r"subnet 'six': gateway fd00:7::1 \(wanted a link-local address"]),
    ("subnet set six --prefix fd00:7::/64 --gateway fe80::1 --autonomous --no-on-link --no-managed", DONE,
     [r"^add subnet six: fd00:7::/64, gateway fe80::1$"]),
    ("subnet list", DONE, [r"^six +fd00:7::/64 +fe80::1 +- +- +- +- +- +86400 +autonomous$"]),
    ("subnet set six --prefix fd00:7::/64", DONE, [r"^change subnet six"]),
    ("subnet list", DONE, [r"^six +fd00:7::/64 +- +- +- +- +- +- +86400 +on-link,managed$"]),
    ("subnet del six", DONE, [r"^remove subnet six$"]),
    ("nic update --id t --ip 10.0.0.7 --subnet wan", REFUSED, [r"nic 't': subnet 'wan' is not there"]),
    ("nic update --id t --ip 10.0.0.7 --subnet lan --hostname web-1", DONE,
     [r"^change nic t: addresses \+10.0.0.7, subnets none → lan, hostname none → web-1$"]),
    ("nic show t", DONE, [r"^subnets: lan$", r"^hostname: web-1$"]),
    ("nic update --id t --subnet lan --no-subnet", USAGE, [r"--subnet excludes --no-subnet"]),
    ("subnet del lan", REFUSED, [r"subnet 'lan': in use by nic 't' \(wanted one that no nic names\)"]),
    ("nic update --id t --no-ip --no-subnet --hostname ''", DONE,
     [r"^change nic t: addresses -10.0.0.7, subnets lan → none, hostname web-1 → none$"]),
    ("nic add --id d --mac 52:54:00:00:00:0d --vni 42 --type tap --ip 10.0.0.8 --subnet lan --hostname d", DONE,
     [r"^add nic d: tap"]),
    ("nic show d", DONE, [r"^may be: $"]),
    ("nic update --id d --dhcp-server --router", DONE, [r"^change nic d: dhcp-server off → on, router off → on$"]),
    ("nic show d", DONE, [r"^may be: dhcp-server,router$"]),
    ("nic update --id d --carry-vlans", REFUSED, [r"nic 'd': VLANs carried with antispoof \(wanted antispoof off"]),
    ("nic update --id d --carry-vlans --no-antispoof", DONE, [r"antispoof on → off.*carry-vlans off → on$"]),
    ("nic show d", DONE, [r"^may be: dhcp-server,router,vlan-trunk$"]),
    ("nic update --id d --no-carry-vlans --antispoof", DONE, [r"antispoof off → on.*carry-vlans on → off$"]),
    ("nic update --id d --no-router", DONE, [r"^change nic d: router on → off$"]),
    ("nic add --id d --mac 52:54:00:00:00:0d --vni 42 --type tap --router", DONE,
     [r"dhcp-server on → off, router off → on$"]),
    ("nic del d", DONE, [r"^remove nic d$"]),
    ("subnet del lan", DONE, [r"^remove subnet lan$"]),
    ("subnet del lan", REFUSED, [r"subnet 'lan': not found \(wanted one of ours\)"]),

    # procedure
    ("procedure", USAGE, [r"A subcommand is required"]),
    ("procedure set", USAGE, [r"NAME is required"]),
    ("procedure set slow --bits lots", USAGE, [r"--bits"]),
    ("procedure set 's p'", REFUSED, [r"procedure 's p': name is malformed"]),
    ("procedure set slow --max-mss 63", REFUSED, [r"procedure 'slow': max MSS 63 \(wanted 64\.\.65535, or none\)"]),
    ("procedure set slow --min-ttl 256", REFUSED, [r"procedure 'slow': min TTL 256 is too big"]),
    ("procedure set slow --burst-ms 0", REFUSED, [r"burst of 0 ms \(wanted 1\.\.10000\)"]),
    ("procedure set slow --packets 10 --max-mss 1300 --no-df", DONE,
     [r"^add procedure slow: max-mss none → 1300, no-df off → on, packets/s none → 10$"]),
    ("procedure set slow --bits 8000 --random-id --min-ttl 9 --burst-ms 20", DONE,
     [r"^change procedure slow: max-mss 1300 → none, min-ttl none → 9, no-df on → off, "
      r"random-id off → on, packets/s 10 → none, bits/s none → 8000, burst ms 100 → 20$"]),
    ("procedure list", DONE, [r"^slow +- +9 +- +yes +- +8000 +20 +-$"]),
    ("procedure set quiet --log", DONE, [r"^add procedure quiet: log off → on$"]),
    ("procedure list", DONE, [r"^quiet +- +- +- +- +- +- +100 +yes$"]),
    ("procedure del quiet", DONE, [r"^remove procedure quiet$"]),
    ("sg rule add web --ip-proto udp --procedure fast", REFUSED, [r"procedure 'fast' is not there"]),
    ("sg rule add db --ip-proto udp --procedure slow", DONE, [r"^[0-9a-f]{16}$"]),
    ("sg rule list db", DONE, [r"^ID .* PROCEDURE$", r"in +any +udp +any +any +- +slow$"]),
    ("sg rule list db --hits", DONE, [r"^ID .* PROCEDURE +HITS$", r"slow +12$"]),
    ("sg rule list nobody --hits", REFUSED, [r"group 'nobody': not found"]),
    ("procedure del slow", REFUSED, [r"procedure 'slow': in use by rule [0-9a-f]{16} of group 'db'"]),
    ("sg reject db", USAGE, [r"STATE is required"]),
    ("sg reject db maybe", USAGE, [r"maybe not in \{on,off\}"]),
    ("sg reject nobody on", REFUSED, [r"group 'nobody': not found"]),
    ("sg reject db on", DONE, [r"^change group db: reject off → on$"]),
    ("sg show db", DONE, [r"^reject: on$"]),
    ("procedure del nothing", REFUSED, [r"procedure 'nothing': not found"]),

    # log
    ("log --sample 0", USAGE, [r"--sample"]),
    ("log --rate 10001", USAGE, [r"--rate"]),
    ("log --count 0", USAGE, [r"--count"]),
    ("log stray", USAGE, [r"unknown word 'stray'|not expected: stray"]),
    ("log --nic nobody", REFUSED, [r"^butterfly: nic 'nobody': not found"]),
    ("log --out firewall-to", REFUSED, [r"log: out 'firewall-to' is malformed \(wanted BRICK/OUT"]),
    ("log --out fireball/denied", REFUSED, [r"log: no brick 'fireball' drops anything \(wanted firewall-to\)$"]),
    ("log --count 2", DONE,
     [r"^\d\d:\d\d:20\.123 drop firewall-to/denied from uplink to a vni 42: tcp 10.0.0.9:40000 > 10.0.0.1:22, "
      r"74 bytes \(7 more were not shown\); no rule of the nic's security groups allows it$",
      r"^\d\d:\d\d:20\.123 start firewall-to/allowed from uplink to a vni 42: tcp 10.0.0.9:40000 > 10.0.0.1:22, "
      r"74 bytes, rule 0123456789abcdef of group web$"]),
    ("log --starts --count 1", DONE, [r"^\S+ start "]),
    ("log --drops --nic a --out firewall-to/denied --sample 3 --rate 9 --count 1", DONE, [r"^\S+ drop "]),

    # peer, fdb
    ("peer", USAGE, [r"A subcommand is required"]),
    ("peer add --ip 192.0.2.2", USAGE, [r"--vni is required"]),
    ("peer add --vni 42", USAGE, [r"--ip is required"]),
    ("peer add --ip 192.0.2.2 --vni 0", REFUSED, [r"peer 192.0.2.2: VNI 0 names no segment"]),
    ("peer add --ip 239.0.0.1 --vni 42", REFUSED, [r"peer 239.0.0.1: .* \(wanted unicast\)"]),
    ("peer add --ip 192.0.2.2 --vni 42 --vni 43", DONE, [r"add peer 192.0.2.2: vnis 42,43"]),
    ("peer list", DONE, [r"^192.0.2.2 +42,43 +192.0.2.2 +02:00:00:00:00:02 +no$"]),
    ("fdb add --vni 42 --mac 52:54:00:00:00:99", USAGE, [r"--peer is required"]),
    ("fdb add --vni 42 --mac 52:54:00:00:00:99 --peer 192.0.2.3", REFUSED,
     [r"fdb 42/52:54:00:00:00:99: peer 192.0.2.3 is not configured"]),
    ("fdb add --vni 44 --mac 52:54:00:00:00:99 --peer 192.0.2.2", REFUSED,
     [r"peer 192.0.2.2 does not serve VNI 44"]),
    ("fdb add --vni 42 --mac 52:54:00:00:00:99 --peer 192.0.2.2", DONE,
     [r"add fdb 42/52:54:00:00:00:99: peer 192.0.2.2"]),
    ("fdb add --vni 42 --mac 52:54:00:00:00:99 --peer 192.0.2.2 --ip 10.0.0.99 --ip fd00::99", DONE,
     [r"change fdb 42/52:54:00:00:00:99: addresses \+10.0.0.99 \+fd00::99$"]),
    ("fdb add --vni 42 --mac 52:54:00:00:00:99 --peer 192.0.2.2 --ip 224.0.0.1", REFUSED,
     [r"fdb 42/52:54:00:00:00:99: address 224.0.0.1 is no host's own"]),
    ("fdb list", DONE, [r"^VNI +MAC +WHERE +KIND +AGE$",
                        r"^43 +52:54:00:00:00:0a +nic a +nic +-$",
                        r"^42 +52:54:00:00:00:55 +peer 192.0.2.2 +learnt +61s$",
                        r"^42 +52:54:00:00:00:99 +peer 192.0.2.2 +static +-$",
                        r"^43 +52:54:00:00:00:aa +nic a +learnt \(held\) +4s$"]),
    ("fdb list --learnt --vni 42 --peer 192.0.2.2", DONE,
     [r"^VNI .*\n42 +52:54:00:00:00:55 +peer 192.0.2.2 +learnt +61s\n$"]),
    ("fdb list --nic nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("fdb list --nic a --peer 192.0.2.2", USAGE, [r"--nic excludes --peer"]),
    ("fdb list --peer there", REFUSED, [r"fdb: peer 'there' is malformed \(wanted an IPv4"]),
    ("fdb flush", REFUSED, [r"fdb: nothing says which to flush \(wanted a filter, or all\)"]),
    ("fdb flush --all --vni 42", REFUSED, [r"fdb: both a filter and all \(wanted one of them\)"]),
    ("fdb flush --vni 16777216", REFUSED, [r"fdb: VNI 16777216 is too large \(wanted 0..16777215\)"]),
    ("fdb flush --mac 52:54", REFUSED, [r"fdb: MAC '52:54' is malformed \(wanted xx:xx"]),
    ("fdb flush --mac 52:54:00:00:00:aa", DONE, [r"^flushed 1$"]),
    ("fdb flush --all", DONE, [r"^flushed 2$"]),
    ("peer del --ip 192.0.2.2", REFUSED, [r"in use by fdb entry 42/52:54:00:00:00:99"]),
    ("fdb del --vni 42", USAGE, [r"--mac is required"]),
    ("fdb del --vni 42 --mac 52:54:00:00:00:99", DONE, [r"remove fdb 42/52:54:00:00:00:99"]),
    ("fdb del --vni 42 --mac 52:54:00:00:00:99", REFUSED, [r"not found"]),
    ("segment set --gateway 52:54:00:00:00:01", USAGE, [r"--vni is required"]),
    ("segment set --vni 0 --gateway 52:54:00:00:00:01", REFUSED, [r"segment 0: VNI 0 names no segment"]),
    ("segment set --vni 42 --gateway here", REFUSED, [r"segment 42: gateway: MAC 'here' is malformed"]),
    ("segment set --vni 42 --gateway 52:54:00:00:00:01 --gateway 52:54:00:00:00:0f", DONE,
     [r"^add segment 42: gateways 52:54:00:00:00:01,52:54:00:00:00:0f$"]),
    ("segment list", DONE, [r"^VNI +GATEWAYS +SUPPRESS +LEARN-PEERS +GROUP$",
                            r"^42 +52:54:00:00:00:01,52:54:00:00:00:0f +off +off +-$"]),
    ("segment set --vni 42 --suppress", DONE,
     [r"change segment 42: gateways -52:54:00:00:00:01 -52:54:00:00:00:0f, suppress off → on$"]),
    ("segment list", DONE, [r"^42 +- +on +off +-$"]),
    ("segment set --vni 42 --learn-peers", DONE, [r"change segment 42: suppress on → off, learn-peers off → on$"]),
    ("segment list", DONE, [r"^42 +- +off +on +-$"]),
    ("segment set --vni 42 --group 224.0.0.5", REFUSED, [r"segment 42: group 224.0.0.5 \(wanted a multicast address"]),
    ("segment set --vni 42 --group 10.0.0.5", REFUSED, [r"segment 42: group 10.0.0.5 \(wanted a multicast address"]),
    ("-o json segment list", DONE, [r"\"vni\": ?42"]),
    ("segment del --vni 42", DONE, [r"^remove segment 42$"]),
    ("segment del --vni 42", REFUSED, [r"segment 42: not found \(wanted one that was set\)"]),
    ("peer del", USAGE, [r"--ip is required"]),
    ("peer del --ip 192.0.2.9", REFUSED, [r"peer 192.0.2.9: not found"]),
    ("peer del --ip somewhere", REFUSED, [r"peer 'somewhere': address 'somewhere' is malformed"]),

    # the host
    ("status", DONE, [r"^butterflyd \d", r"^uplink +eth9 and eth8 \(eth8 in use\) up, by net_af_packet, VTEP 192.0.2.1, "
                      r".*, VLAN 100, MTU 1500, inner MTU 1450$",
                      r"^ +eth9: not used, no link, by net_af_packet, 10 packets in, 20 out$",
                      r"^ +eth8: in use, by net_af_packet, partner 02:00:00:00:00:f0, 30 packets in, 40 out$",
                      r"^lcore 0 +CPU 1, awake, 62 % busy, 25.0 % of rounds busy, 3 of 65536 flows$",
                      r"^buffers +10 of 1000 used, hugepages off, at most 700 in use at the same time:$",
                      r"^ +400 uplink: 1 receive queue of 400$", r"^ +300 lcores: 1 of 300$",
                      r"^memory +256 MiB \(computed\): packets 128, super-frames 32, devices 16, free 80$",
                      r"^balance +on, 3 nics moved, the last 90 s ago: web-1 from lcore 0 \(95 % busy\) "
                      r"to lcore 1 \(20 %\)$",
                      r"^nics +2, 2 connected$", r"^peer +192.0.2.2, 2 VNIs, next hop ",
                      r"^fdb +2 learnt of 131072, 0 static, 5 moves, 1 held, 9 not learnt$",
                      r"^warning +uplink MTU 1500 leaves guests 1450"]),
    ("status now", USAGE, [r"now"]),
    ("capture", USAGE, [r"NIC is required"]),
    ("capture a", USAGE, [r"FILE is required"]),
    ("capture a f --bytes 2049", USAGE, [r"--bytes"]),
    ("capture a f --count 0", USAGE, [r"--count"]),
    ("capture a /nonexistent/f", USAGE,
     [r"^butterfly: capture: '/nonexistent/f' cannot be written \(wanted a file in a directory"]),
    ("capture nobody /dev/null", REFUSED, [r"capture: nic 'nobody': not found \(wanted one of ours\)"]),
    ("counters", DONE, [r"^BRICK +OUT +PACKETS +BYTES +MEANING$", r"^parse +ok +10 +1000 +to ",
                        r"^parse +truncated +0 +0 +dropped: ends before its headers do$",
                        r"^received 10 .* = sent 7 \+ merged 0 \+ dropped 3"]),
    ("counters --drops", DONE,
     [r"^antispoof +wrong-mac +3 +180 +dropped: source MAC is not the nic's$"]),
    ("graph", DONE, [r"^parse -> antispoof \(ok\)$"]),
    ("graph --dot", DONE, [r"^digraph butterfly \{$"]),
    ("trace --count 1", USAGE, [r"--nic is required"]),
    ("trace --nic a --count 0", USAGE, [r"--count"]),
    ("trace --nic nobody", REFUSED, [r"nic 'nobody': not found"]),
    ("trace --nic a --count 2", DONE,
     [r"^from a to uplink, 98 bytes$", r"^  parse +ok +to antispoof +IPv4 icmp$",
      r"^  antispoof +wrong-mac +dropped: source MAC is not the nic's"]),
    ("health", DONE, [r"^serving$"]),

    # the end of things
    ("nic del", USAGE, [r"ID is required"]),
    ("nic del a nobody", REFUSED, [r"change 2 of 2: nic 'nobody': not found"]),
    ("nic del a t", DONE, [r"^remove nic a$", r"^remove nic t$"]),
    ("nic del a", REFUSED, [r"nic 'a': not found"]),
    ("sg del web db --force", DONE, [r"^remove group db$", r"^remove group web$"]),
    ("procedure del slow", DONE, [r"^remove procedure slow$"]),
    ("peer del --ip 192.0.2.2", DONE, [r"^remove peer 192.0.2.2$"]),
    # firewall
    ("firewall", USAGE, [r"A subcommand is required"]),
    ("firewall show", DONE, [r"^SETTING +VALUE +UNIT +DEFAULT +MEANING$",
                             r"^tcp_new_s +30 +s +30 +TCP: the handshake",
                             r"^revalidate +on +- +on +on: when rules change"]),
    ("firewall set", USAGE, [r"KEY=VALUE is required"]),
    ("firewall set --help", DONE, [r"tcp_loose \(on or off, default off\): on: a TCP"]),
    ("firewall set tcp_new_s", USAGE, [r"'tcp_new_s' has no value \(wanted KEY=VALUE\)"]),
    ("firewall set frob=1", USAGE, [r"no setting 'frob' \(wanted one of tcp_new_s, "]),
    ("firewall set tcp_new_s=0", USAGE, [r"tcp_new_s 0 is too small \(wanted 1\.\.172800 s\)"]),
    ("firewall set tcp_new_s=172801", USAGE, [r"tcp_new_s 172801 is too big"]),
    ("firewall set tcp_new_s=soon", USAGE, [r"tcp_new_s 'soon' is malformed"]),
    ("firewall set revalidate=yes", USAGE, [r"revalidate 'yes' is malformed \(wanted on or off\)"]),
    ("firewall set tcp_new_s=172800 revalidate=off", DONE,
     [r"^change firewall settings: tcp_new_s 30 → 172800, revalidate on → off$"]),
    ("firewall set tcp_new_s=172800", DONE, [r"^nothing to change$"]),
    ("firewall set tcp_new_s=1 tcp_loose=maybe", USAGE, [r"tcp_loose 'maybe' is malformed"]),
    ("firewall show", DONE, [r"^tcp_new_s +172800 +s +30 ", r"^revalidate +off "]),
    ("-o json firewall show", DONE, [r"\"tcp_new_s\": 172800", r"\"revalidate\": false"]),
    ("firewall reset frob", USAGE, [r"no setting 'frob'"]),
    ("firewall reset tcp_new_s", DONE, [r"^change firewall settings: tcp_new_s 172800 → 30$"]),
    ("firewall reset", DONE, [r"revalidate off → on$"]),
    ("firewall reset", DONE, [r"^nothing to change$"]),

    # switch
    ("switch", USAGE, [r"A subcommand is required"]),
    ("switch show", DONE, [r"^SETTING +VALUE +UNIT +DEFAULT +MEANING$", r"^ageing_s +300 +s +300 ",
                           r"^nic_macs +256 +- +256 "]),
    ("switch set --help", DONE, [r"ageing_s \(10..1000000 s, default 300\): a learnt MAC"]),
    ("switch set tcp_new_s=3", USAGE, [r"switch: no setting 'tcp_new_s' \(wanted one of ageing_s, "]),
    ("switch set ageing_s=9", USAGE, [r"switch: ageing_s 9 is too small \(wanted 10..1000000 s\)"]),
    ("switch set ageing_s=60 nic_macs=0", DONE,
     [r"^change switch settings: ageing_s 300 → 60, nic_macs 256 → 0$"]),
    ("-o json switch show", DONE, [r"\"ageing_s\": 60", r"\"mac_hold_s\": 10"]),
    ("switch reset nic_macs", DONE, [r"^change switch settings: nic_macs 0 → 256$"]),
    ("switch reset", DONE, [r"^change switch settings: ageing_s 60 → 300$"]),
    ("switch reset", DONE, [r"^nothing to change$"]),

    ("dump", DONE, [r"\"nics\": \[\]"]),
]


class Daemon:
    """A fake_butterflyd in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.process = subprocess.Popen([DAEMON, directory], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def run(self, arguments, stdin="", **environment):
        words = arguments if isinstance(arguments, list) else shlex.split(arguments)
        environment = {"BUTTERFLY_API": f"unix:{self.directory}/api.sock", **environment}
        return subprocess.run([BUTTERFLY, *words], input=stdin, capture_output=True, text=True,
                              env={**os.environ, **environment}, timeout=60)

    def json(self, arguments):
        answer = self.run("-o json " + arguments)
        assert answer.returncode == DONE, answer
        return json.loads(answer.stdout)

    def stop(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # it has ended by itself
            pass
        self.process.wait(30)
        self.process.stdout.close()


def verbs(*path):
    """Every command below `path`, as words: what --help lists, down to those that list nothing."""
    said = subprocess.run([BUTTERFLY, *path, "--help"], capture_output=True, text=True, timeout=60)
    assert said.returncode == DONE, said
    listed = said.stdout.partition("\nSubcommands:\n")[2]
    names = re.findall(r"^  ([a-z-]+)(?: |$)", listed, re.M)
    if not names:
        yield path, said.stdout
    for name in names:
        yield from verbs(*path, name)


def documents(text):
    """The JSON values that stand one behind the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


class CliTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="butterfly-cli-")
        self.addCleanup(directory.cleanup)
        self.daemon = Daemon(directory.name)
        self.addCleanup(self.daemon.stop)

    def add_something(self):
        for arguments in ("sg add web", "sg rule add web --ip-proto tcp --port 80",
                          "sg member add web 10.0.0.9",
                          "guard add no-telnet deny --priority 5 --ip-proto tcp --port 23 --vni 42",
                          "nic add --id a --mac 52:54:00:00:00:01 --vni 42 --ip fd00::1 --sg web",
                          "peer add --ip 192.0.2.2 --vni 42",
                          "fdb add --vni 42 --mac 52:54:00:00:00:99 --peer 192.0.2.2"):
            self.assertEqual(self.daemon.run(arguments).returncode, DONE, arguments)

    def test_every_subcommand_with_good_and_bad_arguments(self):
        for arguments, code, patterns in ROWS:
            with self.subTest(arguments):
                answer = self.daemon.run(arguments)
                self.assertEqual(answer.returncode, code, answer)
                said, silent = answer.stdout, answer.stderr
                if code != DONE:
                    said, silent = silent, said
                    self.assertEqual(said.count("\n"), 1, f"one line: {said}")
                    self.assertTrue(said.startswith("butterfly: "), said)
                self.assertEqual(silent, "")
                for pattern in patterns:
                    self.assertTrue(re.search(pattern, said, re.MULTILINE), f"{pattern} in {said}")

    def test_a_packet_that_does_not_pass_is_shown_and_ends_with_1(self):
        self.add_something()
        answer = self.daemon.run("sg check a --peer fd00::9 --ip-proto tcp --port 22")
        self.assertEqual(answer.returncode, REFUSED)
        self.assertRegex(answer.stdout, r"firewall-to +denied")
        self.assertEqual(answer.stderr, "butterfly: nic 'a': the packet does not pass: firewall-to/denied\n")

    def test_dump_reads_back_equal_after_everything_was_removed(self):
        self.add_something()
        dump = self.daemon.run("dump").stdout
        gone = self.daemon.run("apply -", stdin="{}")
        self.assertIn("remove nic a\n", gone.stdout)
        self.assertEqual(self.daemon.json("nic list")["nics"], [])
        file = self.daemon.directory + "/intent.json"
        with open(file, "w") as out:
            out.write(dump)
        planned = self.daemon.run(["apply", file, "--dry-run"])
        plan = self.daemon.run(["plan", file])
        self.assertEqual((plan.returncode, plan.stdout), (WOULD_CHANGE, planned.stdout), plan)
        self.assertIn("add nic a", planned.stdout)
        self.assertEqual(self.daemon.json("nic list")["nics"], [])
        self.assertEqual(self.daemon.run(["apply", file]).stdout, planned.stdout)
        self.assertEqual(self.daemon.run("dump").stdout, dump)
        self.assertEqual(self.daemon.run(["apply", file]).stdout, "nothing to change\n")
        plan = self.daemon.run(["plan", file])
        self.assertEqual((plan.returncode, plan.stdout), (DONE, "nothing to change\n"), plan)

    def test_plan_refuses_what_apply_refuses_and_changes_nothing(self):
        self.add_something()
        dump = self.daemon.run("dump").stdout
        rows = (("nonsense", USAGE, "file '-': no intent: "),
                ('{"groups": [{"name": "g"}, {"name": "g"}]}', REFUSED, "group 'g': listed twice"),
                ("{}", WOULD_CHANGE, ""))
        for text, code, message in rows:
            with self.subTest(text):
                answer = self.daemon.run("plan -", stdin=text)
                self.assertEqual(answer.returncode, code, answer)
                self.assertIn(message, answer.stderr)
        self.assertEqual(self.daemon.run("plan").returncode, USAGE)
        gone = self.daemon.run("--api unix:/nonexistent plan -", stdin="{}")
        self.assertEqual(gone.returncode, NOT_REACHABLE)
        self.assertEqual(self.daemon.run("dump").stdout, dump)

    def test_changes_only_at_the_expected_revision(self):
        self.assertIn(", revision 0\n", self.daemon.run("status").stdout)
        self.assertEqual(self.daemon.run("--expect-revision 0 sg add one").returncode, DONE)
        self.assertIn(", revision 1\n", self.daemon.run("status").stdout)
        refusal = ("butterfly: intent: is at revision 1, expected was 0 "
                   "(wanted a change made from the intent of now)\n")
        nic = "nic add --id b --mac 52:54:00:00:00:0b --vni 42"
        for verb in ("sg add two", "sg add one", nic, "plan -", "apply - --dry-run", "apply -",
                     "sg rule add one --ip-proto tcp"):
            with self.subTest(verb):
                answer = self.daemon.run(f"{verb} --expect-revision 0", stdin="{}")
                self.assertEqual((answer.returncode, answer.stderr), (REFUSED, refusal))
        planned = self.daemon.run("-o json plan - --expect-revision 1", stdin="{}")
        self.assertEqual(planned.returncode, WOULD_CHANGE, planned)
        self.assertEqual(json.loads(planned.stdout)["revision"], "1")
        self.assertEqual(self.daemon.run("apply - --expect-revision 1", stdin="{}").returncode, DONE)
        self.assertEqual(self.daemon.json("status")["revision"], "2")
        for text in ("-1", "soon", "1x", "18446744073709551616"):
            answer = self.daemon.run(["sg", "add", "two", f"--expect-revision={text}"])
            self.assertEqual(answer.returncode, USAGE, answer)
            self.assertIn(f"--expect-revision: '{text}' is no revision (wanted a number as status tells "
                          f"it)", answer.stderr)
        for words in (["--expect-revision", ""], ["--expect-revision="]):  # an unset shell variable
            answer = self.daemon.run(["sg", "add", "two", *words])
            self.assertEqual(answer.returncode, USAGE, answer)
            self.assertIn("--expect-revision", answer.stderr)
        self.assertEqual(self.daemon.json("status")["revision"], "2")

    def test_intent_outlives_the_daemon(self):
        self.add_something()
        dump = self.daemon.run("dump").stdout
        self.daemon.process.send_signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.process.stdout.close()
        self.daemon.process.stdin.close()
        self.daemon.__init__(self.daemon.directory)
        self.assertEqual(self.daemon.run("dump").stdout, dump)

    def test_apply_refuses_what_is_no_intent_and_changes_nothing(self):
        self.add_something()
        dump = self.daemon.run("dump").stdout
        rows = (("nonsense", USAGE, "no intent: "),
                ('{"nicks": []}', USAGE, "nicks: Cannot find field"),
                ('{"nics": [{"id": "x", "mac": "52:54:00:00:00:01", "vni": 16777216}]}', REFUSED,
                 "nic 'x': VNI 16777216 exceeds 24 bits"),
                ('{"groups": [{"name": "g"}, {"name": "g"}]}', REFUSED, "group 'g': listed twice"))
        for text, code, message in rows:
            with self.subTest(text):
                answer = self.daemon.run("apply -", stdin=text)
                self.assertEqual(answer.returncode, code, answer)
                self.assertIn(message, answer.stderr)
                self.assertEqual(answer.stderr.count("\n"), 1)
        missing = self.daemon.run("apply /nonexistent/file")
        self.assertEqual(missing.returncode, USAGE)
        self.assertIn("file '/nonexistent/file': No such file or directory", missing.stderr)
        self.assertEqual(self.daemon.run("apply").returncode, USAGE)
        self.assertEqual(self.daemon.run("dump").stdout, dump)

    # Tested by themselves, below: they read files, write packets, or end the daemon.
    NOT_IN_ROWS = {("apply",), ("capture",), ("conn", "import"), ("plan",), ("request",), ("shutdown",)}

    def test_every_command_prints_json(self):
        seen = set(self.NOT_IN_ROWS)
        commands = {path for path, _ in verbs()}
        for arguments, code, _ in ROWS:
            words = shlex.split(arguments)
            if code != DONE or "--help" in words or "--version" in words:
                self.daemon.run(words)
                continue
            seen |= {command for command in commands if tuple(words[:len(command)]) == command}
            with self.subTest(arguments):
                answer = self.daemon.run(words if "json" in words else ["-o", "json", *words])
                self.assertEqual((answer.returncode, answer.stderr), (DONE, ""), answer)
                documents(answer.stdout)
                self.assertNotRegex(answer.stdout, r"(?m)^[A-Z]{2,}")  # no table
        self.assertEqual(commands - seen, set(), "no row of these commands")

    def test_numbers_are_decimal(self):
        options = 0
        for path, text in verbs():
            for option in re.findall(r"^  (?:-\w,)?(--[a-z-]+) U?INT", text, re.M):
                options += 1
                for word in ("010", "0x10", "1e3", "+1", "-1", " 1", ""):
                    with self.subTest(f"{path} {option} {word!r}"):
                        answer = self.daemon.run([*path, f"{option}={word}"])
                        self.assertEqual(answer.returncode, USAGE, answer)
                        self.assertRegex(answer.stderr, rf"^butterfly: .*{option}")
        self.assertGreater(options, 30)
        self.assertIn("'010' is no number (wanted decimal digits, without 0 in front)",
                      self.daemon.run("nic add --vni 010").stderr)
        for arguments in ("sg rule add web --ip-proto 06", "status --expect-revision 07",
                          "firewall set tcp_new_s=010"):
            self.assertEqual(self.daemon.run(arguments).returncode, USAGE, arguments)

    def test_several_commands_stand_in_a_line(self):
        answer = self.daemon.run("sg add web + sg rule add web --ip-proto tcp --port 80 + "
                                 "nic add --id a --mac 52:54:00:00:00:01 --vni 42 --sg web + nic sg list a")
        self.assertEqual(answer.returncode, DONE, answer)
        self.assertRegex(answer.stdout, r"(?s)^add group web.*\n[0-9a-f]{16}\nadd nic a.*\nweb\n$")
        # Up to the first that fails.
        answer = self.daemon.run("sg add db + nic del nobody + sg add never")
        self.assertEqual((answer.returncode, answer.stderr),
                         (REFUSED, "butterfly: command 2 of 3: nic 'nobody': not found (wanted one of ours)\n"))
        self.assertEqual(self.daemon.run("sg list").stdout.split()[3::3], ["db", "web"])
        # None, when one of them makes no sense.
        answer = self.daemon.run("sg add never + nic frobnicate")
        self.assertEqual(answer.returncode, USAGE)
        self.assertRegex(answer.stderr, r"^butterfly: command 2 of 2: unknown word 'frobnicate' ")
        self.assertEqual(self.daemon.run("sg list").stdout.split()[3::3], ["db", "web"])
        for arguments in ("+", "status +", "+ status", "status + + status"):
            self.assertEqual(self.daemon.run(arguments).returncode, USAGE, arguments)
        # Global options of one hold for those behind it, unless they have their own.
        answer = self.daemon.run("-o json sg list + sg list + -o table sg list")
        self.assertEqual(answer.stdout.count('"groups"'), 2, answer)
        self.assertTrue(answer.stdout.endswith("web   1      0\n") or "NAME" in answer.stdout, answer)
        answer = self.daemon.run(f"--api unix:{self.daemon.directory}/api.sock status + health",
                                 BUTTERFLY_API="unix:/nonexistent")
        self.assertEqual(answer.returncode, DONE, answer)
        # One that ends with something else than 0 without an error is named, too.
        with open(f"{self.daemon.directory}/empty.json", "w") as file:
            file.write("{}")
        answer = self.daemon.run(f"plan {self.daemon.directory}/empty.json + status")
        self.assertEqual((answer.returncode, answer.stderr),
                         (WOULD_CHANGE, "butterfly: command 1 of 2: ended with 4\n"))

    def test_sends_any_request(self):
        text = 'changes { group_add: "web" } changes { nic_put { id: "a" mac: "52:54:00:00:00:01" vni: 42 } }'
        answer = self.daemon.run("request Apply -", text)
        self.assertEqual(answer.returncode, DONE, answer)
        self.assertEqual(json.loads(answer.stdout)["revision"], "1")
        answer = self.daemon.run("request GetNic -", '{"id": "a"}')
        self.assertEqual(json.loads(answer.stdout)["nic"]["nic"]["mac"], "52:54:00:00:00:01")
        answer = self.daemon.run("request WatchEvents -", "kinds: EVENT_KIND_INTENT_CHANGED")
        self.assertEqual([one["revision"] for one in documents(answer.stdout)], ["1"])
        file = f"{self.daemon.directory}/empty"
        open(file, "w").close()
        self.assertEqual(json.loads(self.daemon.run(f"request GetStatus {file}").stdout)["nics"], 1)
        for arguments, stdin, code, message in (
                ("request GetNic -", 'id: "nobody"', REFUSED, "nic 'nobody': not found (wanted one of ours)"),
                ("request GetNic -", "id: 7", USAGE,
                 "file '-': no GetNicRequest: line 1, column 5: Expected string, got: 7 (wanted JSON, or "
                 "protobuf's text format)"),
                ("request GetNic -", '{"idd": "a"}', USAGE, "file '-': no GetNicRequest: "),
                ("request GetNic /nonexistent", "", USAGE, "file '/nonexistent': No such file or directory"),
                ("request Frob -", "", USAGE, "CALL: Frob not in {Apply,Replace,"),
                ("request GetNic", "", USAGE, "FILE is required")):
            with self.subTest(arguments + " " + stdin):
                answer = self.daemon.run(arguments, stdin)
                self.assertEqual(answer.returncode, code, answer)
                self.assertIn(message, answer.stderr)
                self.assertEqual((answer.stdout, answer.stderr.count("\n")), ("", 1))

    def test_shuts_the_daemon_down(self):
        answer = self.daemon.run(f"--api unix:{self.daemon.directory}/read.sock shutdown")
        self.assertEqual(answer.returncode, REFUSED, answer)
        answer = self.daemon.run("shutdown")
        self.assertEqual((answer.returncode, answer.stdout), (DONE, "stopping\n"), answer)
        self.assertEqual(self.daemon.process.wait(30), 0)
        self.assertEqual(self.daemon.run("status").returncode, NOT_REACHABLE)

    def test_json_has_every_field_under_its_own_name(self):
        self.add_something()
        run = self.daemon.json
        nic = run("nic list")["nics"][0]
        self.assertEqual(nic["nic"]["type"], "NIC_TYPE_VHOST_USER")
        self.assertEqual(nic["nic"]["tap_name"], "")
        self.assertEqual(nic["state"]["tx_refused"], "0")
        self.assertEqual(run("nic show a")["nic"]["access"]["socket"],
                         "/run/butterfly/ports/a.sock")
        added = run("nic add --id b --mac 52:54:00:00:00:02 --vni 42")
        self.assertEqual(set(added), {"id", "socket", "tap_name", "qemu_arguments"})
        rule = run("sg rule add web --ip-proto udp --port 53")
        self.assertEqual((rule["direction"], rule["first_port"]), ("DIRECTION_INGRESS", 53))
        self.assertIn(rule["id"], [one["id"] for one in run("sg rule list web")["group"]["rules"]])
        self.assertEqual(run("sg rule del web " + rule["id"])["actions"],
                         ["change group web: rules -" + rule["id"]])
        drops = run("counters --drops")
        self.assertEqual(drops["outs"], [{"brick": "antispoof", "out": "wrong-mac", "drop": True,
                                          "sentence": "source MAC is not the nic's",
                                          "packets": "3", "bytes": "180"}])
        self.assertEqual(drops["ledger"]["handed_over"], "0")
        self.assertEqual(run("status")["uplink"]["inner_mtu"], 1450)
        self.assertEqual(run("health"), {"status": "serving"})
        self.assertEqual(run("peer list")["peers"][0]["peer"]["vnis"], [42])
        stations = [json.loads(line) for line in self.daemon.run("-o json fdb list").stdout.splitlines()]
        self.assertEqual({(one["kind"], one["nic"], one["peer"], one["age_ms"]) for one in stations},
                         {("STATION_KIND_NIC", "a", "", "0"), ("STATION_KIND_NIC", "b", "", "0"),
                          ("STATION_KIND_STATIC", "", "192.0.2.2", "0"),
                          ("STATION_KIND_LEARNT", "a", "", "4200"),
                          ("STATION_KIND_LEARNT", "", "192.0.2.2", "61000")})
        self.assertEqual(run("graph")["dot"].split()[0], "digraph")
        hits = run("sg rule list web")["hits"]
        self.assertEqual([(type(one["rule_id"]), one["hits"]) for one in hits], [(str, "12")] * 3)
        events = [json.loads(line) for line in
                  self.daemon.run("-o json log --count 2").stdout.splitlines()]
        self.assertEqual([(one["kind"], one["suppressed"], one["icmp_code"] if "icmp_code" in one else None)
                          for one in events],
                         [("LOG_KIND_DROP", "7", None), ("LOG_KIND_START", "0", None)])
        events = [json.loads(line) for line in
                  self.daemon.run("-o json events --count 2").stdout.splitlines()]
        self.assertEqual([(one["kind"], one["revision"], one["sequence"], one["limit"]) for one in events],
                         [("EVENT_KIND_INTENT_CHANGED", "1", "1", ""),
                          ("EVENT_KIND_INTENT_CHANGED", "2", "2", "")])
        steps = self.daemon.run("-o json trace --nic a --count 2").stdout.splitlines()
        self.assertEqual([json.loads(step)["length_bytes"] for step in steps], [98, 98])

    def test_an_export_is_imported_whole_or_not_at_all(self):
        self.add_something()
        def butterfly(arguments, stdin=b""):
            return subprocess.run([BUTTERFLY, *shlex.split(arguments)], input=stdin, timeout=30,
                                  capture_output=True, env={
                                      **os.environ,
                                      "BUTTERFLY_API": f"unix:{self.daemon.directory}/api.sock"})
        exported = butterfly("conn export a").stdout
        answer = butterfly("conn import a", exported)
        self.assertEqual(answer.stdout, b"imported 2, renewed 0, kept 0, expired 0\n", answer)
        self.assertEqual(butterfly("conn import nobody", exported).returncode, REFUSED)
        for cut in range(0, len(exported), 7):
            answer = butterfly("conn import a", exported[:cut])
            self.assertEqual(answer.returncode, REFUSED, (cut, answer))
            self.assertRegex(answer.stderr, rb"^butterfly: connections: .*\(wanted ")

    def test_trace_goes_on_until_it_is_interrupted(self):
        self.add_something()
        process = subprocess.Popen([BUTTERFLY, "trace", "--nic", "a", "--count", "100"],
                                   stdout=subprocess.PIPE, text=True,
                                   env={**os.environ,
                                        "BUTTERFLY_API": f"unix:{self.daemon.directory}/api.sock"})
        self.assertEqual(process.stdout.readline(), "from a to uplink, 98 bytes\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(self.daemon.run("status").returncode, DONE)

    def test_log_goes_on_until_it_is_interrupted(self):
        process = subprocess.Popen([BUTTERFLY, "log", "--drops"], stdout=subprocess.PIPE, text=True,
                                   env={**os.environ,
                                        "BUTTERFLY_API": f"unix:{self.daemon.directory}/api.sock"})
        self.assertIn(" drop firewall-to/denied ", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(self.daemon.run("status").returncode, DONE)

    def test_a_capture_is_a_file_that_others_read(self):
        self.add_something()
        path = self.daemon.directory + "/a.pcapng"
        answer = self.daemon.run(f"capture a {path} --count 2")
        self.assertEqual((answer.returncode, answer.stderr), (DONE, "2 packets, 5 more found no room\n"))
        with open(path, "rb") as file:
            blocks = list(read_pcapng(file.read()))
        self.assertEqual([kind for kind, _ in blocks], [0x0a0d0d0a, 1, 1, 6, 6, 5])
        self.assertIn(b"a dropped", blocks[2][1])
        self.assertEqual(blocks[3][1][20:80], bytes([7]) * 60)
        self.assertIn(b"dropped by antispoof/wrong-mac: source MAC is not the nic's", blocks[4][1])
        if shutil.which("tcpdump"):
            read = subprocess.run(["tcpdump", "-nr", path], capture_output=True, text=True, check=True)
            self.assertEqual(len(read.stdout.splitlines()), 2, read)

    def test_a_capture_that_is_interrupted_is_complete(self):
        self.add_something()
        path = self.daemon.directory + "/b.pcapng"
        process = subprocess.Popen([BUTTERFLY, "capture", "a", path], stderr=subprocess.PIPE, text=True,
                                   env={**os.environ,
                                        "BUTTERFLY_API": f"unix:{self.daemon.directory}/api.sock"})
        deadline = time.monotonic() + 20
        while not (os.path.exists(path) and os.path.getsize(path) > 300) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=30)[1], "2 packets, 5 more found no room\n")
        self.assertEqual(process.returncode, DONE)
        with open(path, "rb") as file:
            self.assertEqual([kind for kind, _ in read_pcapng(file.read())], [0x0a0d0d0a, 1, 1, 6, 6, 5])

    def test_global_options_stand_anywhere_and_win_over_the_environment(self):
        api = f"unix:{self.daemon.directory}/api.sock"
        for arguments in (f"--api {api} status", f"status --api {api}",
                          f"nic list -o json --api {api}"):
            answer = self.daemon.run(arguments, BUTTERFLY_API="unix:/nonexistent")
            self.assertEqual(answer.returncode, DONE, answer)

    def test_says_why_no_daemon_answers(self):
        dead = self.daemon.directory + "/dead.sock"
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(dead)
        file = self.daemon.directory + "/state.db"
        rows = (("/nonexistent/api.sock", "No such file or directory"),
                (dead, "Connection refused"), (file, "Connection refused"))
        for path, reason in rows:
            for verb in ("status", "trace --nic a", "health", "dump"):
                with self.subTest(f"{verb} at {path}"):
                    answer = self.daemon.run(f"--api unix:{path} {verb}")
                    self.assertEqual(answer.returncode, NOT_REACHABLE, answer)
                    self.assertEqual(answer.stderr, f"butterfly: no butterflyd answers at "
                                                    f"unix:{path}: {reason}\n")

    def test_speaks_over_tcp_with_certificates(self):
        with tempfile.TemporaryDirectory(prefix="butterfly-cli-") as directory:
            ca = Authority(directory, "ca")
            ca.sign("server", "subjectAltName=IP:127.0.0.1")
            for name in ("orchestrator", "monitor", "retired"):
                ca.sign(name)
            ca.revoke("retired")
            ca.sign("late", days=-1)
            Authority(directory, "stranger").sign("foreign")
            daemon = Daemon(directory)
            self.addCleanup(daemon.stop)
            with open(f"{directory}/port") as port:
                endpoint = f"tcp:127.0.0.1:{port.read()}"

            def options(name, key=None):
                return (f"--endpoint {endpoint} --ca {directory}/ca.pem --cert {directory}/{name}.pem "
                        f"--cert-key {directory}/{key or name}.key")

            for arguments, code, message in (
                    (options("orchestrator") + " sg add web", DONE, ""),
                    (options("monitor") + " sg list", DONE, ""),
                    (options("monitor") + " health", DONE, ""),
                    (options("monitor") + " sg add db", REFUSED,
                     "butterfly: Apply: client 'monitor' has the role read (wanted: write, a "
                     "certificate with a name of api.writers)\n"),
                    (options("late") + " status", USAGE, "late.pem': has expired at "),
                    (options("retired") + " status", REFUSED,
                     "butterfly: client 'retired': certificate revoked (wanted: a certificate that "
                     "counts)\n"),
                    (options("foreign") + " status", NOT_REACHABLE,
                     f"butterfly: no butterflyd answers at {endpoint}: "),
                    (options("monitor", "late") + " status", USAGE, "is not that of certificate"),
                    (options("nobody") + " status", USAGE, "nobody.pem': cannot be read: No such file"),
                    (f"--endpoint {endpoint} status", USAGE,
                     "certificates are missing (wanted --ca, --cert and --cert-key)"),
                    ("--endpoint tcp:127.0.0.1 status", USAGE,
                     "address 'tcp:127.0.0.1': malformed (wanted tcp:HOST:PORT"),
                    (f"--endpoint unix:{directory}/read.sock status", DONE, ""),
                    (f"--endpoint unix:{directory}/read.sock sg del web", REFUSED,
                     "this socket gives the role read (wanted: write, at the socket of daemon.api)")):
                with self.subTest(arguments):
                    answer = daemon.run(arguments)
                    self.assertEqual(answer.returncode, code, answer)
                    self.assertIn(message, answer.stderr)
                    self.assertEqual(answer.stderr.count("\n"), 0 if code == DONE else 1, answer)
            answer = daemon.run("sg list", BUTTERFLY_API=endpoint, BUTTERFLY_CA=f"{directory}/ca.pem",
                                BUTTERFLY_CERT=f"{directory}/monitor.pem",
                                BUTTERFLY_KEY=f"{directory}/monitor.key")
            self.assertIn("web", answer.stdout, answer)

    def test_gives_up_on_a_daemon_that_does_not_answer_in_time(self):
        path = self.daemon.directory + "/mute.sock"
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(path)
            mute.listen()
            answer = self.daemon.run(f"--api unix:{path} --timeout 50 status")
        self.assertEqual(answer.returncode, NOT_REACHABLE, answer)
        self.assertEqual(answer.stderr, f"butterfly: butterflyd at unix:{path} did not answer "
                                        f"within 50 ms\n")

    def test_second_daemon_on_the_same_state_is_refused(self):
        second = subprocess.run([DAEMON, self.daemon.directory], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"state.db': in use by process {self.daemon.process.pid}", second.stderr)
        self.assertEqual(self.daemon.run("status").returncode, DONE)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
