#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# luo.sh: the parts of LUO, and of what is preserved through it, that need no kernel.

exec "$(dirname "$0")/../host.sh" luo 3
