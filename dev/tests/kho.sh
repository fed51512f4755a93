#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kho.sh: the parts of KHO that need no kernel, on the host under ASan and UBSan: unit
# tests, and a bounded run of the fuzzers. Prints KTAP.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$top/build/host
mkdir -p "$out"
exec make -s -C "$top/tools/testing/selftests/liveupdate/host" KSRC="$top/build/linux" OUT="$out" check
