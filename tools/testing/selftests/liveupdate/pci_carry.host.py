# SPDX-License-Identifier: GPL-2.0
"""The host's half of pci_carry.c: eyes and hands."""

import pcihands
import pcitrace


def ask(vm, words):
    """To whom the verb belongs."""
    return (pcihands if words[0] in pcihands.VERBS else pcitrace).ask(vm, words)
