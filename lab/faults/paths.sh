# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# paths.sh - the drills in which both nodes live on: what is between them fails, or dd1 stands still for less than the
# other waits. dd1 has the VIP at the start and at the end. However many virtual routers a node has, they are counted
# together. Sourced by lab/drill, after pair.sh.

FLAP=0.02               # seconds without carrier
PATH_FAULT=1.5          # seconds that adverts are kept back: several times what the other node waits
BURST_MS=60             # of announcements: three, 20 ms apart
WATCH_START=5           # seconds until tcpdump must listen
RULES=drill             # name of our table in the switch

# --- the switch ------------------------------------------------------------------------------------

in_switch() { ip netns exec "$LAB-switch" "$@"; }

# block_adverts FROM:TO... - advertisements of FROM no longer come to TO; everybody else hears them.
block_adverts() {
	local pair

	{
		echo "add table bridge $RULES"
		echo "add chain bridge $RULES paths { type filter hook forward priority 0; }"
		for pair; do
			echo "add rule bridge $RULES paths iifname ${pair%:*}-2 oifname ${pair#*:}-2 meta l4proto 112 drop"
		done
	} | in_switch nft -f - || die "cannot block advertisements in the switch"
}

let_adverts_pass() { in_switch nft delete table bridge $RULES; }

# flap NODE
flap() {
	set_carrier "$1" down
	sleep $FLAP
	set_carrier "$1" up
}

# stop_for MS PID... - of dd1, with real-time priority, or a busy machine would make it longer.
stop_for() {
	at dd1 chrt -f 70 perl -e '$ms = shift; kill STOP => @ARGV; select undef, undef, undef, $ms / 1000; kill CONT => @ARGV' "$@"
}

# --- what the nodes count --------------------------------------------------------------------------

# sum_of NODE COUNTER - of all virtual routers of the node; nothing for a peer, which does not count so.
sum_of() {
	[ "$SYSTEM" = peer ] || lab ctl "$1" --json vrrp | grep -o "\"$2\": *[0-9]*" | awk '{ n += $NF } END { print n + 0 }'
}

routers() { lab ctl dd1 --json vrrp | grep -c '"effective_priority":'; }

# note_counts / grown NODE COUNTER - since note_counts.
note_counts() {
	local node counter

	for node in dd1 dd2; do
		for counter in transitions two_actives; do
			BEFORE[$node-$counter]=$(sum_of $node $counter)
		done
	done
}

grown() {
	[ "$SYSTEM" = peer ] && echo 0 || echo $(($(sum_of "$1" "$2") - BEFORE[$1-$2]))
}

# moved_as DD1 DD2 - changes of state of each node; "0|2": either. Each virtual router goes the same way.
moved_as() {
	local n

	[ "$SYSTEM" = tandem ] || return 0
	n=$(routers)
	is_one_of $(($(grown dd1 transitions) / n)) "$1" && is_one_of $(($(grown dd2 transitions) / n)) "$2"
}

is_one_of() { [[ "|$2|" == *"|$1|"* ]]; }

# --- what each node says on the wire ---------------------------------------------------------------

# What comes in by the switch's port of each node, with the switch's time.
watch_words() {
	local node

	for node in dd1 dd2; do
		ip netns exec "$LAB-switch" tcpdump -i $node-2 -Q in -n -tt -l --immediate-mode \
			'ip proto 112 or arp or ip6 proto 112 or (icmp6 and ip6[40] == 136)' >"$TMP/said-$node" 2>"$TMP/tcpdump-$node" &
		WATCHERS+=("$!")
	done
	for node in dd1 dd2; do
		wait_for "grep -q '^listening' $TMP/tcpdump-$node" $WATCH_START || die "tcpdump does not start"
	done
}

end_watch() {
	[ ${#WATCHERS[@]} -gt 0 ] || return 0
	kill "${WATCHERS[@]}"
	wait "${WATCHERS[@]}" 2>/dev/null
	WATCHERS=()
}

# claims NODE SINCE - "TIME WHAT" of everything by which it says that an address is its: advertisements with a priority
# and announcements (answers to a question for the VIP count as well).
claims() {
	awk -v since="$2" '
		$1 < since || /prio 0,/ { next }
		/VRRPv3/ { print $1, "advert" }
		/ARP, Request who-has / && match($0, /who-has [^ ]+/) {
			address = substr($0, RSTART + 8, RLENGTH - 8)
			if (index($0, "tell " address ",")) print $1, address
		}
		/neighbor advertisement, tgt is / && match($0, /tgt is [^,]+/) { print $1, substr($0, RSTART + 7, RLENGTH - 7) }
	' "$TMP/said-$1"
}

# last_claim_ms NODE SINCE - milliseconds until its last one; 0 when there was none.
last_claim_ms() {
	claims "$1" "$2" | awk -v since="$2" 'END { printf "%.1f\n", NR ? ($1 - since) * 1000 : 0 }'
}

# second_announcement_ms NODE SINCE - until it has announced some address twice; nothing when it has not.
second_announcement_ms() {
	claims "$1" "$2" | awk -v since="$2" '$2 != "advert" && ++n[$2] == 2 { printf "%.1f\n", ($1 - since) * 1000; exit }'
}

# --- drills ----------------------------------------------------------------------------------------

declare -A BEFORE=()
WATCHERS=()

begin_path_drill() {
	command -v nft >/dev/null || skip "nft is missing (make packages)"
	say "authoritative names at $RATE q/s to the VIP; $1"
	wait_for is_ready $SETTLE_DEADLINE || die "before the drill the VIP is not with dd1: $(owners)"
	note_counts
	start_load main auth "$RATE"
	sleep $PAIR_LEAD
}

# end_path_drill STATUS DURING [MORE] - when the load has run on for a while, everything must be as it was.
end_path_drill() {
	local status=$1

	sleep $PAIR_TAIL
	end_loads
	wait_for is_settled $SETTLE_DEADLINE || OWNERS=$(owners)
	[ "$OWNERS" = "$(answers dd1)" ] && has_right main && keeps_target || status=1
	conclude "$status" main "$(result main sent)" "$(result main lost)" "$(outage_of)" \
		"$(outages main outage_ms)\"failed\": $(result main failed), \"late\": $(result main late), $(
			printf '"%s": "%s", ' owners "$2" owners_after "$OWNERS")${3:-}$(
			printf '"%s": %s, ' dd1_changes "$(grown dd1 transitions)" dd2_changes "$(grown dd2 transitions)")"
	forget_failures || die "dd1 does not start again"
}

# The carrier of one node is away for 20 ms. The Backup's concerns nobody. An Active without carrier cannot say a word:
# it lets go at once, and takes the address back as the settings say (preempt, preempt_delay_s), through Backup.
drill_flap() {
	local node=dd1 changes='0|3 0|2' status during

	[ "$DRILL" = link-flap ] || { node=dd2 changes='0 0|2'; }
	begin_path_drill "the carrier of $node away for $FLAP s"
	note "fault: no carrier for $node"
	flap "$node"
	sleep $PAIR_TAIL
	wait_for is_ready $SETTLE_DEADLINE
	during=$(owners)
	# shellcheck disable=SC2086 # two words
	moved_as $changes
	status=$?
	[ "$during" = "$(answers dd1)" ] || status=1
	end_path_drill $status "$during"
}

# Stopped for one and a half intervals (at 1 cs for one): no lease ends, nobody takes over, and what came meanwhile is
# answered late.
drill_stall() {
	local status

	begin_path_drill "dd1 stands still for $(stall_ms) ms"
	note "fault: dd1 stands still for $(stall_ms) ms"
	# shellcheck disable=SC2046 # words
	stop_for "$(stall_ms)" $(frozen_pids)
	sleep $PAIR_LEAD
	moved_as 0 0
	status=$?
	end_path_drill $status "$(owners)"
}

stall_ms() { [ "$VIP_CS" = 1 ] && echo 10 || echo $((15 * VIP_CS)); }

# Advertisements do not pass, in both directions or from dd1 to dd2 only; everything else does. dd2 must take the VIP,
# for it cannot know better, and both answer. When it is over the better one keeps it, and the other has said its last
# word before that one's announcements can be followed by a wrong one.
drill_split() {
	local since healing_ms during single second status=0

	if [ "$DRILL" = partition ]; then
		begin_path_drill "no advertisements between the nodes for $PATH_FAULT s"
		UNDO+=(let_adverts_pass)
		block_adverts dd1:dd2 dd2:dd1
	else
		begin_path_drill "dd2 does not hear dd1's advertisements for $PATH_FAULT s"
		UNDO+=(let_adverts_pass)
		block_adverts dd1:dd2
	fi
	note "fault: $DRILL"
	sleep $PATH_FAULT
	during=$(owners)
	note "owners: $during"
	watch_words
	since=$EPOCHREALTIME
	note "mend"
	put_back
	healing_ms=$(awk -v since="$since" -v now="$EPOCHREALTIME" 'BEGIN { print int((now - since) * 1000) }')
	sleep $PAIR_LEAD
	end_watch
	single=$(last_claim_ms dd2 "$since")
	second=$(second_announcement_ms dd1 "$since")
	[ "$during" = "$(answers dd1 dd2)" ] && no_more "$single" $((10 * VIP_CS + BURST_MS + healing_ms)) || status=1
	[ -z "$second" ] || no_more "$single" "$second" || status=1
	moved_as 0 2 && counts_two_actives || status=1
	end_path_drill $status "$during" "\"single_ms\": $single, \"healing_ms\": $healing_ms, \"second_announcement_ms\": ${second:-null}, $(
		printf '"%s": %s, ' dd1_two_actives "$(grown dd1 two_actives)" dd2_two_actives "$(grown dd2 two_actives)")"
}

# With one direction open each has a sign of the other: dd1 hears advertisements, dd2 the announcements that dd1 makes
# for them. With none, announcements alone do not show at once that there are two.
counts_two_actives() {
	[ "$SYSTEM-$DRILL" = tandem-one-way ] || return 0
	[ "$(grown dd1 two_actives)" -gt 0 ] && [ "$(grown dd2 two_actives)" -gt 0 ]
}
