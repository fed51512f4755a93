# SPDX-License-Identifier: GPL-2.0
"""The host's half of pci_carry.c."""

from pcitrace import ask  # noqa: F401
