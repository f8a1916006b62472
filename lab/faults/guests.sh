# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# guests.sh - what a takeover took by the nodes' own clocks, where they are machines: emulation adds to it, before,
# between and after, and the client cannot tell one from the other. Sourced by lab/drill, before pair.sh's drills run.
#
#   guest_dying_ms      dd1: from the signal to its priority 0 (null: it could say nothing)
#   guest_takeover_ms   dd2: from dd1's last advertisement to its own first
#   guest_wait_ms       of this, what RFC 9568 makes it wait: the skew time, after silence three intervals more
#   guest_late_ms       within both spans, what a thread of the highest priority waited for its machine to run
#
# lab/vm/witness writes down what they are made of.

declare -A GUESTS=()            # NODE: process here

watch_guests() {
	local node

	[ "$MODE-$SYSTEM" = vm-tandem ] || return 0
	rm -f "$TMP"/witness-* "$TMP/fault-at"
	for node in dd1 dd2; do
		reach $node
		"${REACH[@]}" "$BUILD/lab/witness" eth0 >"$TMP/witness-$node" 2>/dev/null &
		GUESTS[$node]=$!
	done
}

# One whose machine has gone has ended.
end_guests() {
	[ ${#GUESTS[@]} -gt 0 ] || return 0
	kill "${GUESTS[@]}" 2>/dev/null
	wait "${GUESTS[@]}" 2>/dev/null
	GUESTS=()
}

# kill_noted SIGNAL PID... - on dd1, with the time by its clock.
kill_noted() {
	# shellcheck disable=SC2016 # its shell's
	at dd1 bash -c 'echo "$EPOCHREALTIME"; kill "-$0" "$@"' "$@" >"$TMP/fault-at"
}

# JSON members, or nothing.
guests_say() {
	[ -e "$TMP/witness-dd2" ] || return 0
	awk -v fault="$(cat "$TMP/fault-at" 2>/dev/null)" -v interval=$((10 * VIP_CS)) -v priority="${NODE_PRIORITY[dd2]}" '
		FNR == 1 { node = FILENAME; sub(/.*-/, "", node) }
		$1 == "late" { n++; late_node[n] = node; woke[n] = $2; processor[n] = $3; late[n] = $4 / 1000 }
		$1 != "advert" { next }
		node == "dd1" && $3 == "out" && $4 == 0 && fault && $2 >= fault && !bye { bye = $2 }
		node == "dd2" && !took && $3 == "out" && $4 > 0 { took = $2 }
		node == "dd2" && !took && $3 == "in" { heard = $2; said = $4 }

		# The processor of the node that was late for longest, between two times.
		function late_within(which, from, to,    i, begin, end, sum, most) {
			for (i = 1; i <= n; i++) {
				begin = woke[i] - late[i] > from ? woke[i] - late[i] : from
				end = woke[i] < to ? woke[i] : to
				if (late_node[i] == which && end > begin)
					sum[processor[i]] += end - begin
			}
			most = 0
			for (i in sum)
				if (sum[i] > most)
					most = sum[i]
			return most * 1000
		}
		END {
			if (!took || !heard)
				exit
			if (said > 0)           # what dd1 said came too late, from systemd
				bye = 0
			wait_ms = (256 - priority) / 256 * interval + (said > 0 ? 3 * interval : 0)
			late_ms = late_within("dd2", heard, took) + (bye ? late_within("dd1", fault, bye) : 0)
			printf "\"guest_dying_ms\": %s, ", bye ? sprintf("%.1f", (bye - fault) * 1000) : "null"
			printf "\"guest_takeover_ms\": %.1f, \"guest_wait_ms\": %.1f, ", (took - heard) * 1000, wait_ms
			printf "\"guest_late_ms\": %.1f, ", late_ms
		}
	' "$TMP/witness-dd1" "$TMP/witness-dd2"
}
