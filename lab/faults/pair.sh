# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154
#
# pair.sh - the drills that break dd1, which has the VIP, or move the VIP on purpose. The same for a pair of Tandem
# and for one of dnsdist and keepalived. Sourced by lab/drill.

PAIR_LEAD=0.5           # seconds of load before the fault, and after it has moved the VIP
PAIR_TAIL=1.2           # after a planned change: the one that let go answers for a second more; and while dd1 is
                        # frozen, so that whatever it had when it stood still is older than PATIENCE when it wakes
TAKEOVER_DEADLINE=8     # seconds until somebody must have the VIP; keepalived needs 3.6 s at best with its defaults
SETTLE_DEADLINE=30      # until dd1 has it again and dd2 stands by
FULL_KB=$((4 << 20))

# fault | what ends it | who answers for the VIP between the two
declare -A PAIR_DRILLS=(
	[kill]='       signal_daemon KILL | start_node         | dd2'
	[kill-full]='  signal_daemon KILL | start_node         | dd2'
	[crash]='      signal_daemon SEGV | start_node         | dd2'
	[kill-both]='  signal_node KILL   | start_node         | dd2'
	[kill-ha]='    kill_keepalived    | start_node         | dd2'
	[freeze]='     signal_frozen STOP | signal_frozen CONT | dd2'
	[hang-worker]='hold_worker        | let_worker_go      | dd2'
	[filter-gone]='detach_filter      | restart_node       | dd2'
	[power-off]='  set_link down      | set_link up        | dd2'
	[release]='    hand_over          | take_back          | dd2'
	[failback]='   start_node         | true               | dd1'
	[upgrade]='    restart_node       | true               | dd1'
	# of machines only
	[vm-kill]='    machine_dd1 kill   | boot_dd1           | dd2'
	[vm-pause]='   machine_dd1 pause  | machine_dd1 resume | dd2'
	[nic-remove]=' machine_dd1 unplug | plug_dd1           | dd2'
	[kernel-panic]='machine_dd1 panic | boot_dd1           | dd2'
	[reboot]='     reboot_dd1         | await_dd1          | dd2'
)
# What ends these is part of what is measured: the load goes on meanwhile.
MENDED_UNDER_LOAD='freeze vm-pause reboot'

# --- processes of dd1 ------------------------------------------------------------------------------

daemon() { [ "$SYSTEM" = peer ] && echo dd1-dnsdist || echo dd1-tandemd; }

# pids_of SERVICE - its helpers first, so that none is left for a moment to speak for it.
pids_of() {
	local pid

	pid=$(lab pid "$1") || die "$1 does not run"
	at dd1 pgrep -P "$pid"
	echo "$pid"
}

node_pids() {
	local service

	for service in $(host_services dd1); do
		pids_of "dd1-$service"
	done
}

signal_daemon() {
	local pid

	pid=$(lab pid "$(daemon)") || die "$(daemon) does not run"
	kill_noted "$1" "$pid"
}

signal_node() {
	# shellcheck disable=SC2046 # words
	kill_noted "$1" $(node_pids)
}

# What stands still when the daemon does: of the peer also keepalived, or its check would move the VIP.
frozen_pids() {
	if [ "$SYSTEM" = peer ]; then
		node_pids
	else
		lab pid "$(daemon)"
	fi
}

signal_frozen() {
	# shellcheck disable=SC2046 # words
	at dd1 kill "-$1" $(frozen_pids)
}

kill_keepalived() {
	# shellcheck disable=SC2046 # words
	at dd1 kill -KILL $(pids_of dd1-keepalived)
}

start_node() {
	local service

	for service in $(host_services dd1); do
		lab start "dd1-$service" || return 1
	done
}

stop_node() {
	local service

	for service in $(host_services dd1 | tr ' ' '\n' | tac); do
		lab stop "dd1-$service"
	done
}

# A node of ours as its unit does it: what stops says goodbye first.
restart_node() {
	if [ "$SYSTEM" = tandem ]; then
		lab restart dd1-tandemd
	else
		stop_node
		start_node
	fi
}

# dd1 is not there, and nobody brings it back: in a machine systemd would.
take_down() {
	if [ "$MODE" = vm ]; then
		stop_node
	else
		signal_node KILL
	fi
}

# --- other faults ----------------------------------------------------------------------------------

hold_worker() {
	local name='worker 0'

	[ "$SYSTEM" = tandem ] || name=dnsdist/udpClie
	reach_pids dd1
	"${REACH[@]}" "$ROOT/lab/hold-thread" "$(lab pid "$(daemon)")" "$name" >"$TMP/held" &
	HOLDER=$!
	wait_for "[ -s $TMP/held ]" 20 || die "cannot hold thread $name"
}

let_worker_go() {
	kill "$HOLDER"
	wait "$HOLDER"
}

# A link is known by its program; of two links with one program the first is eth0's.
detach_filter() {
	local program link

	program=$(on dd1 ip -d link show dev eth0 | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p')
	link=$(at dd1 bpftool link show | awk -v program="$program" \
		'$2 == "xdp" && $4 == program { print $1 + 0; exit }')
	[ -n "$link" ] || die "dd1 has no filter on eth0"
	at dd1 bpftool link detach id "$link" || die "cannot detach the filter"
}

# The switch's end of every link of dd1: dd1 cannot be heard, and hears nobody.
set_link() {
	local net

	while read -r _ net; do
		ip -n "$LAB-switch" link set "dd1-$net" "$1"
	done <<<"$(host_links dd1)"
}

hand_over() {
	if [ "$SYSTEM" = peer ]; then
		lab stop dd1-keepalived
	else
		lab ctl dd1 vrrp release >/dev/null
	fi
}

take_back() {
	if [ "$SYSTEM" = peer ]; then
		lab start dd1-keepalived
	else
		lab ctl dd1 vrrp resume >/dev/null
	fi
}

# --- machines --------------------------------------------------------------------------------------

machine_dd1() { lab machine "$1" dd1; }

boot_id() { on dd1 cat /proc/sys/kernel/random/boot_id 2>/dev/null; }

has_rebooted() {
	local now

	now=$(boot_id) && [ -n "$now" ] && [ "$now" != "$BOOT_ID" ]
}

# A command to a kernel that has gone ends when the next one is there.
await_dd1() { wait_for has_rebooted "$BOOT_TIMEOUT" && lab start dd1-tandemd; }

boot_dd1() { lab machine boot dd1 && await_dd1; }

# systemd takes the services down first, and tells nobody when that is over.
reboot_dd1() { on dd1 systemctl start --no-block reboot.target; }

# A card with the same address in the same place; the daemon has to find it.
plug_dd1() { machine_dd1 plug && lab start dd1-tandemd; }

# --- who has the VIP -------------------------------------------------------------------------------

# owner_is NODE - of every address, as the client sees it. A question that is lost is not waited for.
owner_is() {
	local address

	for address in "${SERVICES[@]}"; do
		timeout 0.3 ip netns exec "$(asker client)" dig +short +noedns +tries=1 +time=1 "@$address" id.server. CH TXT |
			grep -qx "\"$1\"" || return 1
	done
}

stands_by() {
	local state

	[ "$(dns_status "$(asker client)" "$(host_ipv4 "$1")" zaibdns.lab. SOA)" = NOERROR ] || return 1
	[ "$SYSTEM" = tandem ] || return 0
	state=$(lab ctl "$1" vrrp)
	[[ $state == *Backup* && $state != *lingering* ]]
}

is_ready() { owner_is dd1 && stands_by dd2; }

# owners - who answers for the addresses that the load goes to.
owners() { lab owners "${FAMILIES[@]/#/--}"; }

# answers NODE... - what "owners" says when these nodes do, for every address.
answers() {
	local ipv4="${*/%/:arp+dns}" ipv6="${*/%/:dns+nd}"

	case ${FAMILIES[*]} in
	ipv4) echo "$ipv4" ;;
	ipv6) echo "$ipv6" ;;
	*) echo "ipv4 $ipv4, ipv6 $ipv6" ;;
	esac
}

# OWNERS is what "owners" said last; that takes a third of a second, so the quick questions come first.
is_settled() {
	is_ready && OWNERS=$(owners) && [ "$OWNERS" = "$(answers dd1)" ]
}

# --- the drill -------------------------------------------------------------------------------------

# What the drill cannot be run with.
check_pair_drill() {
	local resident_kb

	case $DRILL-$MODE in
	vm-*-netns | nic-remove-netns | kernel-panic-netns | reboot-netns)
		skip "needs virtual machines (lab up --mode vm)"
		;;
	esac
	case $DRILL-$SYSTEM in
	kill-ha-tandem) skip "the daemon holds the VIP itself: see kill" ;;
	filter-gone-peer) skip "dnsdist has no filter" ;;
	kill-full-*)
		resident_kb=$(at dd1 sed -n 's/^VmRSS:\s*\([0-9]*\) kB/\1/p' "/proc/$(lab pid "$(daemon)")/status")
		[ "$resident_kb" -ge $FULL_KB ] ||
			skip "the daemon has $((resident_kb >> 10)) MB in memory, a full cache is $((FULL_KB >> 10)) MB (lab up --cache 4G)"
		;;
	esac
}

# Lost, or answered with a failure, as far as the drill is judged by it. One of several workers takes only its share
# of the queries with it.
outage_key() { [ "$DRILL" = hang-worker ] && echo affected_ms || echo outage_ms; }
outage_of() { result main "$(outage_key)"; }

keeps_target() {
	if [ "$(target_ms)" = 0 ]; then
		has_all main
	else
		no_more "$(outage_of)" "$(target_ms)"
	fi
}

# A machine that stood still has old queries in its card, and no clock that tells it so: it may answer those late.
answers_are_right() {
	if [ "$DRILL" = vm-pause ]; then
		[ "$(result main wrong)" = 0 ] && [ "$(result main duplicates)" = 0 ]
	else
		has_right main
	fi
}

# A node that has failed three times in ten minutes stays Backup while it hears the other. A drill must find one that
# has not, so a daemon that lived through its failure is started afresh.
forget_failures() {
	[ "$SYSTEM" = tandem ] || return 0
	case $DRILL in
	freeze | hang-worker | power-off | link-flap | stall | vm-pause) lab kill dd1-tandemd && start_node ;;
	esac
}

# await_owner NODE - and some load on it.
await_owner() {
	wait_for "owner_is $1" $TAKEOVER_DEADLINE
	if [ "$(target_ms)" = 0 ] || [[ $1 == dd2 && " $MENDED_UNDER_LOAD " == *" $DRILL "* ]]; then
		sleep $PAIR_TAIL
	else
		sleep $PAIR_LEAD
	fi
}

drill_pair() {
	local fault mend owner during after

	IFS='|' read -r fault mend owner <<<"${PAIR_DRILLS[${DRILL%-slow}]}"
	owner=${owner// /}
	check_pair_drill
	say "$([ "$KIND" = slow ] && echo recursive || echo authoritative) names at $RATE q/s to the VIP; then$fault"
	wait_for is_ready $SETTLE_DEADLINE || die "before the drill the VIP is not with dd1: $(owners)"
	if [ "${DRILL%-slow}" = failback ]; then
		UNDO+=(start_node)
		take_down
		wait_for "owner_is dd2" $TAKEOVER_DEADLINE
		UNDO=()
	fi

	[ "$(target_ms)" = 0 ] || watch_guests
	start_load main "$([ "$KIND" = slow ] && echo rec || echo auth)" "$RATE"
	sleep $PAIR_LEAD
	[ "$KIND" != slow ] || sleep $PAIR_TAIL
	UNDO+=("$mend")
	case $DRILL in
	vm-kill | kernel-panic | reboot) BOOT_ID=$(boot_id) || die "dd1 does not answer" ;;
	esac
	note "fault:$fault"
	$fault
	await_owner "$owner"
	during=$(owners)
	note "owners: $during"
	if [[ " $MENDED_UNDER_LOAD " == *" $DRILL "* ]]; then   # what it does when it comes back counts
		note "mend:$mend"
		put_back
		await_owner dd1
	fi
	note "end of load"
	end_loads
	put_back
	end_guests                      # in a machine that stands still nothing ends
	wait_for is_settled $SETTLE_DEADLINE || OWNERS=$(owners)
	after=$OWNERS
	forget_failures || die "dd1 does not start again"

	[ "$during" = "$(answers "$owner")" ] && [ "$after" = "$(answers dd1)" ] && answers_are_right && keeps_target
	conclude $? main "$(result main sent)" "$(result main lost)" "$(outage_of)" \
		"$(outages main "$(outage_key)")\"failed\": $(result main failed), \"late\": $(result main late)$(
			printf ', "%s": "%s"' owners "$during" owners_after "$after"), $(guests_say)"
}
