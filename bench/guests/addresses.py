# SPDX-License-Identifier: Apache-2.0
"""Who is who among the synthetic guests: the same as in frame.h, for setting switches up."""


def nic(number, vni):
    """Guest `number` as a nic of a tenant, in a group that lets everything in."""
    high, low = divmod(number, 256)
    return {"id": f"guest-{number}", "mac": f"52:54:00:10:{high:02x}:{low:02x}", "vni": vni, "antispoof": True,
            "addresses": [f"10.16.{high}.{low}"], "groups": ["open"]}


def intent(vnis):
    """Guest n is of tenant vnis[n]."""
    rules = [{"direction": f"DIRECTION_{way}", "family": f"FAMILY_{family}"}
             for way in ("INGRESS", "EGRESS") for family in ("V4", "V6")]
    return {"nics": [nic(number, vni) for number, vni in enumerate(vnis)],
            "groups": [{"name": "open", "rules": rules}], "peers": [], "fdb": []}
