# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# build.sh: the kernel of a flavour, in build/FLAVOUR.

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

# A flavour that differs from prod in a few symbols begins as a copy of its folder: a few objects
# and a link instead of a whole kernel.
begin_variant() { # FLAVOUR
	local out=$LU_OUT/$1

	case $1 in
	bare | bumped | optional | required) ;;
	*) return 0 ;;
	esac
	[ ! -f "$out/.config" ] || return 0
	build_kernel prod
	rm -rf -- "$out" "$out.new"
	cp -a -- "$LU_OUT/prod" "$out.new"
	rm -f -- "$out.new/.lu-key" "$out.new/.lu-config-key"
	mv -- "$out.new" "$out"
}

# build_kernel FLAVOUR: leaves the image in build/FLAVOUR and the link to it.
build_kernel() {
	local flavour=$1 out=$LU_OUT/$1 log=$LU_LOGS/build-$1.log image link=bzImage key steps

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
	begin_variant "$flavour"
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
