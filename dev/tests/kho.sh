#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kho.sh: the parts of KHO that need no kernel.

exec "$(dirname "$0")/../host.sh" kho 8
