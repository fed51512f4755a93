#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# host.sh kho|luo SECONDS: what of KHO or LUO needs no kernel, on the host under ASan and UBSan:
# unit tests, and the fuzzers for about that long. Prints KTAP.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/build/host/$1
mkdir -p "$out"
exec make -s -C "$top/tools/testing/selftests/liveupdate/host" KSRC="$top/build/linux" PART="$1" OUT="$out" \
	FUZZ_ARGS="--seconds $2" check
