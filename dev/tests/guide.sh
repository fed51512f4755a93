#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# guide.sh: the commands of "In five minutes" in the admin guide, run as they are written there,
# with Debian's kexec, in a machine that has busybox besides. What the page says that they print has
# to be printed, in that order; time stamps and process ids may differ, and there may be more.
#
# Needs a built prod kernel and the test programs. Prints KTAP.

set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
page=$top/Documentation/admin-guide/liveupdate.rst
out=$top/build/guide
limit=300

fail() {
	printf '# %s\nnot ok 1 in_five_minutes\n' "$*"
	exit 1
}

# Debian's kexec with its libraries, in $out/root. It is not installed: that would change how
# this machine reboots.
get_kexec() {
	local kexec=/usr/sbin/kexec libraries=

	if [ ! -x "$kexec" ]; then
		kexec=$out/deb/sbin/kexec
		libraries=$out/deb/usr/lib/x86_64-linux-gnu
	fi
	if [ ! -x "$kexec" ]; then
		mkdir -p "$out/deb"
		(cd "$out/deb" && apt-cache depends --recurse --important kexec-tools |
			grep -E '^(kexec-tools|libxen[a-z0-9.]*)$' | sort -u | xargs -r apt-get download &&
			for deb in *.deb; do dpkg-deb -x "$deb" . || exit 1; done) || return 1
		[ -x "$kexec" ] || kexec=$out/deb/usr/sbin/kexec
	fi
	install -D "$kexec" "$out/root/sbin/kexec"
	LD_LIBRARY_PATH=$libraries ldd "$kexec" | grep -o '/[^ ]*' | while read -r library; do
		case $library in
		*/ld-*) install -D "$library" "$out/root$library" ;;
		*) install -D "$library" "$out/root/lib/x86_64-linux-gnu/${library##*/}" ;;
		esac || exit 1
	done
}

# The indented lines of the section.
transcript() {
	sed -n '/^In five minutes$/,/^Enabling$/p' "$page" | sed -n 's/^\t//p'
}

make_machine() {
	rm -rf -- "$out/root"
	mkdir -p "$out/root"/{bin,boot,dev,proc,sys,tmp}
	get_kexec || return 1
	cp /bin/busybox "$out/root/bin/" &&
		cp "$top/build/selftests/lu_example" "$out/root/bin/" &&
		cp -L "$top/build/bzImage" "$out/root/boot/vmlinuz" || return 1
	ln -s /sys/firmware/initrd "$out/root/boot/initrd.img"
	transcript | sed -n 's/^# //p' > "$out/root/commands"
	cat > "$out/root/init" <<-'INIT'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t devtmpfs devtmpfs /dev
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		exec > /dev/ttyS1 2>&1 < /dev/null
		# The old kernel's end with kexec -e.
		[ "$(cat /sys/kernel/liveupdate/number)" = 0 ] || sed -i '1,/^kexec -e$/d' /commands
		while read -r line; do
			echo "# $line"
			eval "$line"
			case $line in *'&') sleep 1 ;; esac
		done < /commands
		poweroff -f
	INIT
	chmod 755 "$out/root/init"
	(cd "$out/root" && find . | cpio -o -H newc -R 0:0 --quiet) > "$out/initrd"
}

# Each line of the page, in order, among those that were printed.
compare() {
	sed -E 's/\r$//; s/^\[ *[0-9.]+\] //; s/process [0-9]+/process N/' "$out/printed" > "$out/got"
	transcript | sed -E 's/process [0-9]+/process N/' > "$out/want"
	awk 'NR == FNR { want[++n] = $0; next } BEGIN { at = 1 } $0 == want[at] { at++ }
		END { if (at <= n) { print want[at]; exit 1 } }' "$out/want" "$out/got"
}

echo "KTAP version 1"
echo "1..1"
mkdir -p "$out" "$top/build/logs"
make_machine > "$top/build/logs/guide.log" 2>&1 ||
	fail "the machine cannot be made: $(tail -n 1 "$top/build/logs/guide.log")"
begin=$SECONDS
timeout "$limit" qemu-system-x86_64 -nodefaults -display none -no-reboot -machine q35 -m 1G \
	-accel tcg,tb-size=64 -cpu max,la57=off -serial "file:$out/console.log" -serial "file:$out/printed" \
	-kernel "$top/build/bzImage" -initrd "$out/initrd" \
	-append "console=ttyS0 panic=-1 retain_initrd no_timer_check kho=on liveupdate=on" < /dev/null ||
	fail "the machine did not end well; see build/guide/console.log"
complaints=$("$top/tools/testing/selftests/liveupdate/vm/kernellog.py" "$out/console.log") ||
	fail "the kernel complains: $(head -n 1 <<< "$complaints"); see build/guide/console.log"
missing=$(compare) || fail "'$missing' was not printed when it should; see build/guide/printed"
echo "ok 1 in_five_minutes # $((SECONDS - begin)) s"
