# SPDX-License-Identifier: Apache-2.0
"""The VM lab: hosts (network namespaces with a butterflyd), QEMU guests and a tenant router.
Standard library only; `demo.py`, `run.py` and the tests build on it."""
