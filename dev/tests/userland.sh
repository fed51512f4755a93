#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# userland.sh: the prod kernel boots an unmodified Debian userland with systemd as
# PID 1, up to a login prompt on the serial console. Then "luctl run" updates it through
# systemd, and what a service has in "luctl hold" is there in the next kernel.
#
# The userland is made by debootstrap in build/userland, once; the disk that the VM boots
# from is made anew each time. Needs a built prod kernel and luctl. Prints KTAP.

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$top/build/userland
limit=600

names=(systemd_reaches_login systemd_keeps_a_session)
done=0

fail() {
	printf '# %s\n' "$*"
	for name in "${names[@]:done}"; do
		echo "not ok $((++done)) $name"
	done
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -- "$@"; fi
}

# What the update takes, and what is to survive it: the unit is that of luctl(8).
add_update() {
	local new=$out/new units=$out/new/etc/systemd/system

	rm -rf -- "$new"
	mkdir -p "$new/boot" "$new/usr/bin" "$units/multi-user.target.wants"
	cp -- "$top/build/bzImage" "$new/boot/vmlinuz" || return 1
	cp -- "$top/build/selftests/lu_ctl" "$new/usr/bin/luctl" || return 1
	cat > "$new/usr/bin/held" <<-'PROGRAM'
	#!/bin/sh
	echo "held: restored $LUCTL_RESTORED, $(tr -d '\0' < /proc/self/fd/7)" > /dev/console
	echo "from kernel $(cat /sys/kernel/liveupdate/number)" >&7
	exec sleep infinity
	PROGRAM
	chmod 755 "$new/usr/bin/held"
	cat > "$units/held.service" <<-'UNIT'
	[Unit]
	DefaultDependencies=no
	After=sysinit.target
	[Service]
	ExecStart=luctl hold --memfd 7:64K -- held
	KillMode=mixed
	KillSignal=SIGINT
	UNIT
	cat > "$units/update.service" <<-'UNIT'
	[Unit]
	DefaultDependencies=no
	After=multi-user.target
	ConditionKernelCommandLine=!updated
	[Service]
	Type=oneshot
	ExecStart=luctl load /boot/vmlinuz --reuse-cmdline --append updated
	ExecStart=luctl run --yes
	StandardOutput=journal+console
	UNIT
	ln -s ../held.service ../update.service "$units/multi-user.target.wants/"
	as_root cp -r -- "$new/." "$out/root/"
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
	add_update || return 1
	rm -f -- "$out/disk"
	as_root /sbin/mke2fs -q -t ext4 -d "$out/root" "$out/disk" 900M && as_root chmod 666 "$out/disk"
}

echo "KTAP version 1"
echo "1..${#names[@]}"
mkdir -p "$top/build/logs"
make_disk > "$top/build/logs/userland.log" 2>&1 ||
	fail "the userland cannot be made: $(tail -n 1 "$top/build/logs/userland.log")"
log=$out/console.log
: > "$log"
qemu-system-x86_64 -nodefaults -display none -no-reboot -machine q35 -m 1G \
	-accel tcg,tb-size=64 -cpu max,la57=off -serial "file:$log" \
	-kernel "$top/build/bzImage" -append "console=ttyS0 root=/dev/vda rw panic=-1 kho=on liveupdate=on" \
	-drive "file=$out/disk,format=raw,if=virtio" < /dev/null &
qemu=$!
trap 'kill "$qemu" 2> /dev/null; rm -f -- "$out/disk"' EXIT
begin=$SECONDS

# A text, that many times in the log.
await() { # TEXT NUMBER
	until [ "$(grep -ca "$1" "$log")" -ge "$2" ]; do
		kill -0 "$qemu" 2> /dev/null || fail "the machine ended: $(tail -n 1 "$log")"
		[ $((SECONDS - begin)) -lt "$limit" ] || fail "no '$1' after $limit s; see ${log#"$top"/}"
		sleep 1
	done
}

# What systemd misses in a kernel it says while it starts.
pass() {
	local complaints

	complaints=$(grep -aE 'FAILED|systemd\[1\]: .*(not supported|Failed|not compiled)' "$log") &&
		fail "$(head -n 1 <<< "$complaints")"
	complaints=$("$top/tools/testing/selftests/liveupdate/vm/kernellog.py" "$log") ||
		fail "the kernel complains: $(head -n 1 <<< "$complaints"); see ${log#"$top"/}"
	echo "ok $((done + 1)) ${names[done]} # $((SECONDS - begin)) s"
	done=$((done + 1))
}

await 'login: ' 1
pass
await 'held: restored' 2
grep -qa 'held: restored 1, from kernel 0' "$log" || fail "$(grep -a 'held: restored' "$log" | tail -n 1)"
pass
