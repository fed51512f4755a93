# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# build.sh: the kernel of a flavour, in build/prod, build/debug or build/bare.

# What a build is made of, in a second: patches, our files, edits, configuration, tools.
build_key() { # FLAVOUR
	local f
	{
		cat "$LU_TREE/.git/lu-base-key" "$LU_TREE/.git/lu-patch-key"
		tree_git diff "$(cat "$LU_TREE/.git/lu-patched")" --
		(cd "$LU_TOP" && overlay_files | xargs -r -d '\n' sha256sum)
		for f in $(flavour_fragments "$1"); do
			cat "$LU_TESTS/$f"
		done
		cat "$LU_DEV/config.sh" "$LU_DEV/build.sh"
		gcc --version
		ld --version
	} | hash_of
}

# How many steps a whole build has, to tell how far one is.
build_steps() { sed -n "s/^$1 //p" "$LU_DEV/build-steps"; }

compile_kernel() { # OUT
	kernel_make "$1" bzImage modules
}

configure_kernel() { # FLAVOUR
	step "configuring $1" "$LU_LOGS/config-$1.log" . 0 make_config "$1" "$LU_OUT/$1" || {
		sed 's/^/    /' "$LU_LOGS/config-$1.log" >&2
		die "flavour $1 cannot be configured; mend the fragments named above in tools/testing/selftests/liveupdate"
	}
}

# Compiles FLAVOUR, which differs from prod in a few symbols, in prod's folder: a few objects and a
# link instead of a whole kernel. prod's image stays what it is; what has become of its objects, the
# next build of it sorts out. Until prod's image is back it has no key: whoever interrupts this must
# not be left with the variant as prod.
compile_variant() { # FLAVOUR
	local prod=$LU_OUT/prod boot=$LU_OUT/prod/arch/x86/boot key rc=0

	mkdir -p "$LU_OUT/$1/arch/x86/boot"
	key=$(cat "$prod/.lu-key" 2> /dev/null) || :
	rm -f -- "$prod/.lu-key" "$boot/.bzImage.prod"
	[ ! -f "$boot/bzImage" ] || cp -p -- "$boot/bzImage" "$boot/.bzImage.prod"
	{ make_config "$1" "$LU_OUT/prod" && compile_kernel "$LU_OUT/prod" &&
		cp -p -- "$boot/bzImage" "$LU_OUT/$1/arch/x86/boot/bzImage"; } || rc=$?
	rm -f -- "$boot/bzImage"
	if [ -f "$boot/.bzImage.prod" ]; then
		mv -- "$boot/.bzImage.prod" "$boot/bzImage"
		[ -z "$key" ] || echo "$key" > "$prod/.lu-key"
	fi
	return "$rc"
}

build_variant() { # FLAVOUR
	local flavour=$1 out=$LU_OUT/$1 log=$LU_LOGS/build-$1.log key

	take_lock
	prepare_tree
	key=$(build_key "$flavour")
	[ "$(cat "$out/.lu-key" 2> /dev/null)" != "$key" ] || return 0
	rm -f -- "$out/.lu-key"
	step "compiling $flavour" "$log" '^  [A-Z]' 0 compile_variant "$flavour" || {
		show_failure "$log"
		die "flavour $flavour does not compile; all of it is in ${log#"$LU_TOP"/}"
	}
	echo "$key" > "$out/.lu-key"
}

# build_kernel FLAVOUR: leaves the image in build/FLAVOUR and the link to it.
build_kernel() {
	local flavour=$1 out=$LU_OUT/$1 log=$LU_LOGS/build-$1.log image link=bzImage key steps

	case $flavour in
	bumped | optional | required)
		build_variant "$flavour"
		return 0
		;;
	esac
	[ "$flavour" = prod ] || link=bzImage.$flavour
	image=$out/arch/x86/boot/bzImage
	take_lock
	prepare_tree
	key=$(build_key "$flavour")
	if [ -f "$image" ] && [ "$(cat "$out/.lu-key" 2> /dev/null)" = "$key" ]; then
		ln -sfn "$flavour/arch/x86/boot/bzImage" "$LU_OUT/$link"
		return 0
	fi
	rm -f -- "$out/.lu-key"
	configure_kernel "$flavour"
	# A rebuild has no known number of steps.
	steps=0
	[ -f "$image" ] || steps=$(build_steps "$flavour")
	step "compiling $flavour" "$log" '^  [A-Z]' "${steps:-0}" compile_kernel "$out" || {
		show_failure "$log"
		die "flavour $flavour does not compile; all of it is in ${log#"$LU_TOP"/}"
	}
	echo "$key" > "$out/.lu-key"
	ln -sfn "$flavour/arch/x86/boot/bzImage" "$LU_OUT/$link"
}

cmd_build() {
	local flavour=${1:-prod}

	[ $# -le 1 ] || die "build: takes one flavour: prod, debug, bare, bumped, optional or required"
	flavour_fragments "$flavour" > /dev/null
	build_kernel "$flavour"
	echo "$LU_OUT/$flavour/arch/x86/boot/bzImage"
}
