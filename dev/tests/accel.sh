#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# accel.sh: KVM is used where this kernel has booted with it, and nowhere else.
#
# Needs no machine: the QEMU here plays what a case says of KVM and of emulation, and notes with
# what it was started. Prints KTAP; each test is a function test_NAME.
#
# shellcheck disable=SC2317

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=dev/ktap.sh
source "$top/dev/ktap.sh"
vm=$top/tools/testing/selftests/liveupdate/vm
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

# A machine boots, hangs before init or in it, ends at once, or does not start.
fresh() {
	rm -rf -- "${work:?}"/*
	mkdir "$work/bin" "$work/logs"
	echo kernel > "$work/bzImage"
	: > "$work/kvm"
	: > "$work/started"
	touch "$work/lu_init"
	cat > "$work/bin/qemu-system-x86_64" <<-'QEMU'
		#!/usr/bin/env python3
		import os, signal, socket, sys
		if "--version" in sys.argv:
		    print("QEMU of a test", os.environ.get("VERSION", "1"))
		    sys.exit()
		name = sys.argv[sys.argv.index("-accel") + 1].partition(",")[0]
		with open(os.environ["STARTED"], "a") as f:
		    f.write(name + "\n")
		for option in "-kernel", "-initrd":
		    open(sys.argv[sys.argv.index(option) + 1]).close()
		plays = os.environ[name.upper()]
		if plays == "refused":
		    sys.exit(f"failed to initialize {name}: Operation not permitted")
		wire = socket.socket(socket.AF_UNIX)
		wire.connect("wire")
		if plays != "silent":
		    wire.sendall(b"@lu boot 0 6.12 1\n")
		if plays == "boots":
		    wire.sendall(b"@lu done\n")
		elif plays != "ends":
		    signal.pause()
	QEMU
	chmod +x "$work/bin/qemu-system-x86_64"
}

# What the probe finds, and the machines that it started.
expect() { # WANTED KVM TCG
	local wanted=$1 got

	got=$(KVM=$2 TCG=$3 STARTED=$work/started PATH=$work/bin:$PATH PYTHONPATH=$vm python3 - "${folder:-$work}" <<-'PYTHON'
		import sys
		import accel

		work = sys.argv[1]
		accel.DEVICE = work + "/kvm"
		accel.PROBE_LIMIT = {"kvm": 1, "tcg": 1}
		found = accel.probe(work + "/bzImage", {"lu_init": work + "/lu_init"}, work + "/logs")
		print(found and f"{found.name} {found.arguments[1].partition(',')[0]}")
	PYTHON
	)
	got+=": $(paste -sd' ' "$work/started")"
	: > "$work/started"
	[ "$got" = "$wanted" ] || fail "KVM $2, emulation $3: '$got', not '$wanted'"
}

test_a_boot_is_proof() {
	expect 'kvm kvm: kvm' boots boots
}

# The device opens each time.
test_all_else_is_none() {
	local plays

	for plays in refused ends silent hangs; do
		fresh
		expect 'tcg tcg: kvm tcg' "$plays" boots || return
	done
}

test_no_device() {
	rm "$work/kvm"
	expect 'tcg tcg: tcg' boots boots
}

test_no_boot_at_all() {
	expect 'None: kvm tcg' silent refused
}

# Until the kernel, QEMU or the device is another.
test_it_is_kept() {
	expect 'tcg tcg: kvm tcg' hangs boots && expect 'tcg tcg: ' boots boots || return
	echo other > "$work/bzImage"
	expect 'kvm kvm: kvm' boots boots && expect 'kvm kvm: ' hangs boots || return
	VERSION=2 expect 'tcg tcg: kvm tcg' hangs boots || return
	rm "$work/kvm"
	VERSION=2 expect 'tcg tcg: tcg' boots boots
}

# QEMU runs in a folder of its own.
test_relative_paths() {
	(cd "$work" && folder=. expect 'kvm kvm: kvm' boots boots)
}

# What did not boot is tried again.
test_no_boot_is_not_kept() {
	expect 'None: kvm tcg' silent silent && expect 'kvm kvm: kvm' boots boots
}

run_tests
