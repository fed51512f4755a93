# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# common.sh: what every part of ./lu uses: messages, progress, logs, the lock.
# Messages and progress go to stderr; stdout belongs to a command's result.

LU_LOGS=$LU_OUT/logs
LU_JOBS=${LU_JOBS:-$(nproc)}

say() { printf 'lu: %s\n' "$*" >&2; }

die() {
	printf 'lu: error: %s\n' "$*" >&2
	exit 1
}

# The one lock: two ./lu in the same folder must not write one tree.
take_lock() {
	[ -z "${LU_LOCKED:-}" ] || return 0
	mkdir -p "$LU_OUT"
	exec 9> "$LU_OUT/.lock"
	flock -n 9 || {
		say "another ./lu works in build/; waiting for it"
		flock 9
	}
	export LU_LOCKED=1
	# Of one that was ended half way.
	rm -rf -- "$LU_OUT"/.index.* "$LU_OUT"/.lint.* "$LU_OUT"/.overlay.new "$LU_OUT"/.patches.new
}

# git as it is everywhere, whatever the user has configured.
tree_git() {
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null \
		git -C "$LU_TREE" -c core.autocrlf=false -c gc.auto=0 \
		-c core.fsmonitor=false -c advice.detachedHead=false "$@" 9>&-
}

hash_of() { sha256sum | cut -c1-32; }

# step WHAT LOG PATTERN TOTAL COMMAND...: run COMMAND with its output in
# LOG. On a terminal one line counts the log lines that match PATTERN against
# TOTAL (0: not known); elsewhere a plain line at the start, each half minute and
# at the end. Returns what COMMAND returns.
step() {
	local what=$1 log=$2 pattern=$3 total=$4 begin=$SECONDS pid rc=0 shown=0 n
	shift 4

	mkdir -p "$(dirname "$log")"
	[ -t 2 ] || say "$what (log: ${log#"$LU_TOP"/})"
	# In a process group of its own, so that all of it can be ended: two makes must not
	# work in one folder. And none of it may keep the lock.
	set -m
	"$@" > "$log" 2>&1 9>&- < /dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # the pid of now is meant
	trap "kill -- -$pid 2> /dev/null || :; exit 130" INT TERM HUP
	while kill -0 "$pid" 2> /dev/null; do
		sleep 0.3
		if [ ! -t 2 ]; then
			[ $((SECONDS - begin)) -ge $((shown + 30)) ] || continue
			shown=$((SECONDS - begin))
		fi
		n=$(grep -cE -- "$pattern" "$log" || :)
		if [ "$total" -gt 0 ]; then
			[ "$n" -le "$total" ] || n=$total
			n="$((n * 100 / total)) %"
		fi
		if [ -t 2 ]; then
			printf '\r\033[Klu: %s: %s, %d s' "$what" "$n" $((SECONDS - begin)) >&2
		else
			say "$what: $n, $shown s"
		fi
	done
	wait "$pid" || rc=$?
	trap - INT TERM HUP
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$rc" -eq 0 ]; then
		say "$what: done, $((SECONDS - begin)) s"
	else
		say "$what: failed after $((SECONDS - begin)) s"
	fi
	return "$rc"
}

# The last lines that matter of a failed step's log.
show_failure() {
	local log=$1

	{
		grep -nE '(error|Error|undefined reference|warning: .*\[-Werror)' "$log" | grep -v '^--$' | head -n 20 ||
			tail -n 20 "$log"
	} | sed 's/^/    /' >&2
}
