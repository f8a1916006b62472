# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# servers.sh - the drills that break name servers behind the nodes. Sourced by lab/drill.

LEAD=1                  # seconds of load before the fault
FAULT=4                 # seconds that the fault lasts
TAIL=4                  # seconds of load after the server is back
HEALTHY_DEADLINE=20
ANSWER_MAX_MS=2500      # a query that cannot be answered gets its SERVFAIL within this

through_node() {
	local address

	for address in "${SERVICES[@]}"; do
		[ "$(dns_status "$(asker client)" "$address" "$@")" = NOERROR ] || return 1
	done
}

both_pools_answer() {
	through_node zaibdns.lab. SOA && through_node google.com. A
}

# nodes_see_up HOST - every node of ours counts the server as up.
nodes_see_up() {
	local node

	[ "$SYSTEM" = tandem ] || return 0
	for node in ${NODES//,/ }; do
		lab ctl "$node" servers | awk -v server="$(host_ipv4 "$1"):53" \
			'$1 == server && $3 == "up" { up = 1 } END { exit !up }' || return 1
	done
}

is_healthy() {
	both_pools_answer && nodes_see_up auth1 && nodes_see_up rec1 && nodes_see_up rec2
}

await_health() {
	wait_for is_healthy $HEALTHY_DEADLINE || die "not healthy $1 the drill: $(lab status)"
}

# set_pool_caches true|false - in configurations of lab/servers/node.sh. What the cache answers does not show that a
# server is gone.
set_pool_caches() {
	reconfigure "s/cache = { enabled = [a-z]*; }/cache = { enabled = $1; }/"
}

# reconfigure SED - the nodes' configurations, and they take it over.
reconfigure() {
	local node

	[ "$SYSTEM" = tandem ] || return 0
	for node in ${NODES//,/ }; do
		sed -i "$1" "$STATE/$node/tandem.conf"
		take_config "$node" || return 1
		lab ctl "$node" reload >/dev/null || return 1
	done
}

break_service() {
	UNDO+=("lab start $1")
	lab kill "$1" || die "cannot kill $1"
}

drill_server_down() {
	say "recursive names at $RATE q/s; rec1 is killed after $LEAD s and back $FAULT s later"
	await_health before
	warm_up
	start_load main rec "$RATE" $((LEAD + FAULT + TAIL))
	sleep $LEAD
	break_service rec1-unbound
	sleep $FAULT
	put_back
	await_loads
	await_health after

	[ "$(result main lost)" = 0 ] && has_right main && no_more "$(result main outage_ms)" "$(target_ms)"
	conclude $? main "$(result main sent)" "$(result main lost)" "$(result main outage_ms)" \
		"$(outages main outage_ms)\"failed\": $(result main failed), \"gap_ms\": $(
			result main gap_ms), \"max_us\": $(result main max), "
}

# start_both MANY FEW - names of pool MANY at full rate, of pool FEW at a tenth of it.
start_both() {
	start_load "$1" "$1" "$RATE" $((LEAD + FAULT + TAIL))
	start_load "$2" "$2" $((RATE / 10 + 1)) $((LEAD + FAULT + TAIL))
}

# gives_up_in_time LOAD - some of its queries failed, none was lost, and none had to wait long for that.
gives_up_in_time() {
	[ "$(result "$1" lost)" = 0 ] && [ "$(result "$1" failed)" != 0 ] &&
		no_more "$(result "$1" max)" $((ANSWER_MAX_MS * 1000))
}

# conclude_both STATUS MANY FEW OUTAGE
conclude_both() {
	conclude "$1" "$2" $(($(result "$2" sent) + $(result "$3" sent))) \
		$(($(result "$2" lost) + $(result "$3" lost))) "$4" \
		"\"$2_failed\": $(result "$2" failed), \"$3_failed\": $(result "$3" failed), \"$3_max_us\": $(
			result "$3" max), "
}

drill_auth_down() {
	local since back_ms

	say "recursive names at $RATE q/s, authoritative at a tenth; auth1 is killed and back $FAULT s later"
	await_health before
	warm_up
	start_both rec auth
	sleep $LEAD
	break_service auth1-nsd
	sleep $FAULT
	put_back
	since=$(now_ms)
	wait_for both_pools_answer $HEALTHY_DEADLINE || die "authoritative names do not come back"
	back_ms=$(($(now_ms) - since))
	await_loads
	await_health after

	has_all rec && gives_up_in_time auth && no_more $back_ms "$(target_ms)"
	conclude_both $? rec auth $back_ms
}

# How often the VIP has moved.
moves() {
	[ "$SYSTEM" = peer ] || [ "$VIP_CS" = 0 ] || lab ctl dd1 history | grep -c ' Active '
}

drill_both_servers_down() {
	local owner before after

	say "authoritative names at $RATE q/s, recursive at a tenth; rec1 and rec2 are killed and back $FAULT s later"
	await_health before
	start_both auth rec
	sleep $LEAD
	before=$(moves)
	break_service rec1-unbound
	break_service rec2-unbound
	sleep $FAULT
	after=$(moves)          # a node without preempt_delay may take it for a moment when its servers are back first
	[ "$VIP_CS" = 0 ] && owner=$(answers dd1) || owner=$(owners)
	put_back
	await_loads
	await_health after

	has_all auth && gives_up_in_time rec && [ "$owner" = "$(answers dd1)" ] && [ "$after" = "$before" ]
	conclude_both $? auth rec "$(result auth outage_ms)"
}
