# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# setup.sh: the packages that a command needs, installed when they are missing.

PACKAGES_BUILD=(bc bison cpio flex gcc git libc6-dev libelf-dev libssl-dev make
	perl-base python3 xz-utils zstd)
PACKAGES_VM=(busybox-static qemu-system-x86)
PACKAGES_CHECK=(debootstrap e2fsprogs groff-base liblzma-dev liburcu-dev libzstd-dev ovmf
	zlib1g-dev)
PACKAGES_LINT=(gcc-aarch64-linux-gnu perl python3 shellcheck sparse)

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo > /dev/null; then
		sudo -- "$@"
	else
		die "not root and no sudo: cannot run '$*'; run it as root, then try again"
	fi
}

have_package() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

# need_packages_of COMMAND: all that it needs, for one list if nothing is installed.
need_packages_of() {
	local packages=("${PACKAGES_BUILD[@]}")

	[ -n "${LU_NO_INSTALL:-}" ] || return 0
	[ -n "${LU_BASE:-}" ] || packages+=(linux-source-6.12)
	case $1 in
	check) packages+=("${PACKAGES_VM[@]}" "${PACKAGES_CHECK[@]}") ;;
	bench | demo | shell) packages+=("${PACKAGES_VM[@]}") ;;
	lint) packages+=("${PACKAGES_LINT[@]}") ;;
	clean | patch) return 0 ;;
	esac
	need_packages "for ./lu $1" "${packages[@]}"
}

# need_packages WHY PACKAGE...
need_packages() {
	local why=$1 missing=() p log=$LU_LOGS/apt.log
	shift

	command -v dpkg-query > /dev/null ||
		die "no dpkg: ./lu works on Debian 12 and 13; elsewhere use ./lu series from a Debian machine"
	for p in "$@"; do
		[[ " ${missing[*]} " == *" $p "* ]] || have_package "$p" || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	say "needed $why and missing: ${missing[*]}"
	if [ -n "${LU_NO_INSTALL:-}" ]; then
		say "LU_NO_INSTALL is set; install them with: apt-get install --no-install-recommends ${missing[*]}"
		exit 1
	fi
	# A step has no terminal: here sudo can ask for a password, and a refusal is seen.
	(as_root true) || die "cannot become root to install them; run ./lu as root, or: apt-get install --no-install-recommends ${missing[*]}"
	if ! apt-cache show "${missing[@]}" > /dev/null 2>&1; then
		step "asking apt what there is" "$log" '^(Get|Hit)' 0 as_root apt-get update ||
			say "apt-get update failed (log: build/logs/apt.log); trying with the lists that are here"
	fi
	if ! step "installing ${missing[*]}" "$log" '^(Unpacking|Setting up)' 0 \
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; then
		# Lists that are out of date name packages that are gone.
		as_root apt-get update >> "$log" 2>&1 || :
		step "installing once more, with fresh lists" "$log" '^(Unpacking|Setting up)' 0 \
			as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" || {
			grep -E '^E:' "$log" | sed 's/^/    /' >&2 || :
			die "apt could not install ${missing[*]}; see build/logs/apt.log, install them by hand, then try again"
		}
	fi
}
