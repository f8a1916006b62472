# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# slow.sh - planned changes of the VIP while hundreds of queries wait for recursive servers that take 300 to 800 ms.
# Sourced by lab/drill, after pair.sh.

SLOW_PIDS=()
UNDO_SLOW=()            # commands; they outlive the ones of the drill inside

# set_outstanding WORDS - of the recursive pool, in configurations of lab/servers/node.sh. As many queries wait for slow
# servers as are asked in their time, and the usual bound is for servers that are not.
set_outstanding() {
	reconfigure "s/kind = \"recursive\";\( max_outstanding = [0-9]*;\)\{0,1\}/kind = \"recursive\";$1/"
}

# In the place of unbound, on both.
slow_recursion() {
	local host

	UNDO_SLOW+=("set_outstanding ''")
	set_outstanding ' max_outstanding = 65536;' || die "the nodes do not reload"
	for host in rec1 rec2; do
		lab stop $host-unbound
		UNDO_SLOW+=("lab start $host-unbound")
		reach $host
		"${REACH[@]}" "$BUILD/lab/slow" "$(host_ipv4 $host)" &
		SLOW_PIDS+=("$!")
	done
	wait_for both_pools_answer $HEALTHY_DEADLINE || die "the slow servers do not answer"
}

normal_recursion() {
	local command

	[ ${#SLOW_PIDS[@]} -gt 0 ] || return 0
	kill "${SLOW_PIDS[@]}"
	wait "${SLOW_PIDS[@]}" 2>/dev/null
	SLOW_PIDS=()
	for command in "${UNDO_SLOW[@]}"; do
		eval "$command" || return 1
	done
	UNDO_SLOW=()
}

drill_slow() {
	slow_recursion
	drill_pair
	normal_recursion || die "the recursive servers do not start again"
	await_health after
}
