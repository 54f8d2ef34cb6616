# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions with a deadline: the lab never sleeps and hopes.
`wait_until` polls; what it waited for is in the error."""

import time


class WaitTimeout(Exception):
    """A condition that did not come true before its deadline."""


def wait_until(condition, timeout, what, interval=0.1):
    """Returns the first true value of `condition()`; raises WaitTimeout naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise WaitTimeout(f"waited {timeout:g} s for {what}")
        time.sleep(interval)
