# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# config.sh: a flavour's .config: nothing at all, plus fragments, verified.

flavour_fragments() {
	case $1 in
	prod) echo config config.x86_64 config.host ;;
	# What differs from prod in nothing but this, see build_variant().
	bumped | optional | required) echo config config.x86_64 config.host "config.$1" ;;
	debug) echo config config.x86_64 config.host config.debug ;;
	# What a test boots as a stranger: without anything of the series.
	bare) echo config config.x86_64 config.bare ;;
	*) die "$1: no such flavour; there are prod, debug, bare, bumped, optional and required" ;;
	esac
}

# make for the kernel. The stamps are fixed, so that equal sources are equal images;
# ccache finds what another folder has compiled.
kernel_make() { # OUT ARGUMENTS...
	local out=$1 cc=${CROSS_COMPILE:-}gcc
	shift

	! command -v ccache > /dev/null || cc="ccache $cc"
	env CCACHE_BASEDIR="$LU_TOP" CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros \
		KBUILD_BUILD_USER=lu KBUILD_BUILD_HOST=lu KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026' \
		make -C "$LU_TREE" O="$out" -j"$LU_JOBS" CC="$cc" LOCALVERSION= "$@"
}

make_config() { # FLAVOUR OUT
	local flavour=$1 out=$2 key f fragments=() dropped=() symbol

	for f in $(flavour_fragments "$flavour"); do
		fragments+=("$LU_TESTS/$f")
	done
	mkdir -p "$out"
	cat "${fragments[@]}" > "$out/.lu-fragment"
	key=$(cat "$out/.lu-fragment" "$LU_DEV/config.sh" | hash_of)
	if [ ! -f "$out/.config" ] || [ "$(cat "$out/.lu-config-key" 2> /dev/null)" != "$key" ]; then
		rm -f -- "$out/.lu-config-key"
		kernel_make "$out" -s KCONFIG_ALLCONFIG="$out/.lu-fragment" allnoconfig
	fi
	kernel_make "$out" -s olddefconfig

	# The last word on a symbol counts, as in a .config.
	while read -r symbol; do
		if [[ $symbol == CONFIG_*=n ]]; then
			! grep -qE "^${symbol%=n}=" "$out/.config" || dropped+=("$symbol")
		elif ! grep -qxF -- "$symbol" "$out/.config"; then
			dropped+=("$symbol")
		fi
	done < <(grep -E '^CONFIG_' "$out/.lu-fragment" | awk -F= '{ v[$1] = $0 } END { for (s in v) print v[s] }' | sort)
	if [ ${#dropped[@]} -gt 0 ]; then
		for symbol in "${dropped[@]}"; do
			f=$(grep -lF -- "$symbol" "${fragments[@]}" | tail -n 1)
			printf '    %s: %s\n' "${f#"$LU_TOP"/}" "$symbol"
		done
		echo "config: kconfig dropped ${#dropped[@]} symbols of flavour $flavour: misspelt, or something that they depend on is missing"
		return 1
	fi
	echo "$key" > "$out/.lu-config-key"
}
