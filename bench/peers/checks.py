# SPDX-License-Identifier: Apache-2.0
"""Before anything is measured: does each rig really forward what it is sent, and does it name what
it drops? Every frame that arrives is read, and the sums must agree."""

from lab.shell import CommandFailed


def account(rig, flows, family=4):
    """Sends for a moment at full speed; {sent, arrived, drops}. The rig must be thawed. Raises
    CommandFailed when frames were lost without a reason, or changed."""
    before = rig.drops()
    answer = rig.stream(flows, family=family, ms=200, all=1)
    after = rig.drops()
    drops = {reason: count - before.get(reason, 0) for reason, count in after.items()
             if count != before.get(reason, 0)}
    sent = answer["sent"] + answer["acks_sent"]
    arrived = answer["arrived"] + answer["acks_arrived"]
    words = f"{rig.name}, {flows} flows: sent {sent}, arrived {arrived}, dropped {drops or 'nothing'}"
    if answer["unread"]:
        raise CommandFailed(f"{words}; {answer['unread']} frames changed: {answer.get('example', '')}")
    if not arrived:
        raise CommandFailed(f"{words}: nothing arrived")
    if arrived > sent:
        raise CommandFailed(f"{words}: {arrived - sent} came twice")
    if sent - arrived > sum(drops.values()):
        raise CommandFailed(f"{words}: {sent - arrived - sum(drops.values())} lost without a reason")
    return {"sent": sent, "arrived": arrived, "drops": drops, "words": words}
