# SPDX-License-Identifier: GPL-2.0
"""The host's half of pci_driver.c."""

from pcitrace import ask  # noqa: F401
