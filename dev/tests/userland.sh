#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# userland.sh: the prod kernel boots an unmodified Debian userland with systemd as
# PID 1, up to a login prompt on the serial console.
#
# The userland is made by debootstrap in build/userland, once; the disk that the VM boots
# from is made anew each time. Needs a built prod kernel. Prints KTAP.

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$top/build/userland
limit=600

fail() {
	printf '# %s\nnot ok 1 systemd_reaches_login\n' "$*"
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -- "$@"; fi
}

make_disk() {
	if [ ! -e "$out/root.done" ]; then
		as_root rm -rf -- "$out"
		mkdir -p "$out"
		# shellcheck source=/dev/null
		as_root debootstrap --variant=minbase --include=systemd-sysv,udev,dbus \
			"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$out/root" || return 1
		touch "$out/root.done"
	fi
	rm -f -- "$out/disk"
	as_root /sbin/mke2fs -q -t ext4 -d "$out/root" "$out/disk" 900M && as_root chmod 666 "$out/disk"
}

echo "KTAP version 1"
echo "1..1"
mkdir -p "$top/build/logs"
make_disk > "$top/build/logs/userland.log" 2>&1 ||
	fail "the userland cannot be made: $(tail -n 1 "$top/build/logs/userland.log")"
log=$out/console.log
: > "$log"
qemu-system-x86_64 -nodefaults -display none -no-reboot -machine q35 -m 1G \
	-accel tcg,tb-size=64 -cpu max,la57=off -serial "file:$log" \
	-kernel "$top/build/bzImage" -append "console=ttyS0 root=/dev/vda rw panic=-1" \
	-drive "file=$out/disk,format=raw,if=virtio" < /dev/null &
qemu=$!
trap 'kill "$qemu" 2> /dev/null; rm -f -- "$out/disk"' EXIT
begin=$SECONDS
until grep -qa 'login: ' "$log"; do
	kill -0 "$qemu" 2> /dev/null || fail "the machine ended: $(tail -n 1 "$log")"
	[ $((SECONDS - begin)) -lt "$limit" ] || fail "no login prompt after $limit s; see ${log#"$top"/}"
	sleep 1
done
# What systemd misses in a kernel it says while it starts.
if grep -aE 'FAILED|systemd\[1\]: .*(not supported|Failed|not compiled)|Kernel panic|WARNING: |BUG: ' "$log" > "$out/complaints"; then
	fail "$(head -n 1 "$out/complaints")"
fi
echo "ok 1 systemd_reaches_login # $((SECONDS - begin)) s"
