# SPDX-License-Identifier: Apache-2.0
"""QEMU's machine protocol, as much as the lab needs: one command, one answer.
Events that come in between are skipped."""

import json
import socket


def qmp(path, command, timeout=10, **arguments):
    """Runs one QMP command on the socket at `path`; returns what it returned."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        with connection.makefile("rw", encoding="utf-8") as lines:
            json.loads(lines.readline())  # greeting
            for execute, values in (("qmp_capabilities", {}), (command, arguments)):
                lines.write(json.dumps({"execute": execute, "arguments": values}) + "\n")
                lines.flush()
                answer = {}
                while not ({"return", "error"} & answer.keys()):
                    line = lines.readline()
                    if not line:
                        raise ConnectionError(f"QEMU hung up on {execute}")
                    answer = json.loads(line)
                if "error" in answer:
                    raise RuntimeError(f"QMP {execute}: {answer['error'].get('desc')}")
            return answer["return"]
