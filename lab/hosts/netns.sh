# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
#
# netns.sh - hosts that are network namespaces of this kernel. Sourced by lab/lab and lab/drill, which reach hosts by
# these functions alone, and by those of vm.sh in their place when hosts are virtual machines:
#
#   reach HOST             sets REACH: the words in front of a command that make it run on the host ("switch": one too)
#   reach_pids HOST        likewise, where the host's processes have the numbers that pid_of gives
#   asker HOST             the namespace from which one asks as HOST does
#   mode_tools             programs that hosts need
#   check_room             dies when this machine is too small
#   build_hosts, await_hosts, remove_hosts
#   start_service, stop_service, restart_service, kill_service, is_running, pid_of, service_log
#   tell_node NODE         tandemctl on the node
#   take_config NODE       STATE/NODE/tandem.conf has changed
#   set_carrier NODE up|down    of its first link

reach() { REACH=(ip netns exec "$LAB-$1"); }

# Processes of all hosts are this machine's.
reach_pids() { REACH=(); }

asker() { echo "$LAB-$1"; }

mode_tools() {
	echo ip ethtool nsd unbound dig setsid flock pgrep awk
	[ "$NODES" = none ] || node_programs
}

check_room() { :; }

tell_node() {
	local node=$1

	shift
	"$BUILD/tandemctl" --socket "$STATE/$node/control.sock" "$@"
}

# The node reads the file itself.
take_config() { :; }

set_carrier() { ip -n "$LAB-switch" link set "$1-2" "$2"; }

# --- processes -------------------------------------------------------------------------------------
# A pid file has the pid and its start time, so that a number that was used again is not ours. Each
# service leads a process group of its own.

# pid_of SERVICE - its pid while it lives.
pid_of() {
	local pid since

	read -r pid since 2>/dev/null <"$STATE/pid/$1" || return 1
	[ "$(start_time "$pid")" = "$since" ] || return 1
	echo "$pid"
}

is_running() { pid_of "$1" >/dev/null; }

# A service runs in its host's directory and leaves a core dump there when it crashes.
launch() {
	local service=$1 host=${1%-*} pid

	shift
	(cd "$STATE/$host" && ulimit -c unlimited && exec setsid ip netns exec "$LAB-$host" "$@") \
		</dev/null >>"$STATE/log/$service" 2>&1 9>&- &
	pid=$!
	disown "$pid"
	echo "$pid $(start_time "$pid")" >"$STATE/pid/$service"
}

# --- services --------------------------------------------------------------------------------------

spawn_service() {
	local service=$1 host=${1%-*}

	case $service in
	*-nsd) launch "$service" nsd -d -c "$STATE/$host/nsd.conf" ;;
	*-unbound) launch "$service" unbound -d -c "$STATE/$host/unbound.conf" ;;
	*-odd) launch "$service" "$ROOT/lab/servers/odd.py" "$(ipv4 "$(server_net)" $ODD_NUMBER)" ;;
	*-tandemd) launch "$service" "$BUILD/tandemd" --config "$STATE/$host/tandem.conf" ;;
	*-dnsdist)
		launch "$service" dnsdist --supervised --disable-syslog -C "$STATE/$host/dnsdist.conf"
		;;
	*-keepalived)
		# of one that was killed: while nobody has reaped it, keepalived takes it for another that runs
		rm -f "$STATE/$host"/{keepalived,vrrp}.pid
		launch "$service" keepalived --dont-fork --vrrp --log-console --log-detail \
			--use-file "$STATE/$host/keepalived.conf" --pid "$STATE/$host/keepalived.pid" \
			--vrrp_pid "$STATE/$host/vrrp.pid"
		;;
	esac
}

start_service() {
	is_running "$1" && return 0
	spawn_service "$1"
	await_service "$1"
}

restart_service() {
	stop_service "$1"
	start_service "$1"
}

# service_log SERVICE LINES
service_log() { tail -n "$2" "$STATE/log/$1"; }

# True as well when it died: the caller looks at which of the two it was.
answers_or_died() { service_answers "$1" || ! is_running "$1"; }

# Zombies do not count: who reaps them is up to the machine's init.
group_gone() { ! pgrep -g "$1" -r D,R,S,T >/dev/null; }

stop_service() {
	local pid

	pid=$(pid_of "$1") || return 0
	kill -TERM "$pid" 2>/dev/null
	wait_for "! is_running $1" $STOP_DEADLINE
	kill -KILL -- "-$pid" 2>/dev/null
	wait_for "group_gone $pid" $STOP_DEADLINE
}

# A process whose first thread is a zombie still has its sockets while others of its threads end.
threads_gone() { [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ]; }

# What a crash looks like: no signal it could handle. Others die with their children; of tandemd only the
# daemon itself, because what its helpers do then is what one wants to see.
kill_service() {
	local pid

	pid=$(pid_of "$1") || die "$1 is not running"
	case $1 in
	*-tandemd) kill -KILL "$pid" && wait_for "threads_gone $pid" $STOP_DEADLINE ;;
	*) kill -KILL -- "-$pid" && wait_for "group_gone $pid" $STOP_DEADLINE ;;
	esac
	wait_for "! is_running $1" $STOP_DEADLINE
}

# --- building --------------------------------------------------------------------------------------

# Checksums are finished by the sender ("tx off"): nothing behind a veth would finish them for AF_XDP.
add_link() {
	local host=$1 device=$2 net=$3 number=${HOST_NUMBER[$1]} port=$1-$3

	ip link add "$device" netns "$LAB-$host" numrxqueues "$QUEUES" numtxqueues "$QUEUES" \
		address "$(mac "$net" "$number")" mtu 1500 type veth \
		peer name "$port" netns "$LAB-switch" numrxqueues "$QUEUES" numtxqueues "$QUEUES" mtu 1500 &&
		on switch ethtool -K "$port" tx off >/dev/null &&
		on "$host" ethtool -K "$device" tx off >/dev/null &&
		ip -n "$LAB-switch" link set "$port" master "br$net" up &&
		ip -n "$LAB-$host" -batch - <<-END
			address add $(ipv4 "$net" "$number")/24 dev $device
			address add $(ipv6 "$net" "$number")/64 dev $device nodad
			link set $device up
		END
}

# The kernel of a node must neither answer ARP for an address that another device has, nor ask from one.
quiet_arp() {
	on "$1" sysctl -qw "net.ipv4.conf.$2.arp_ignore=1" "net.ipv4.conf.$2.arp_announce=2"
}

add_odd_address() {
	ip -n "$LAB-internet" address add "$(ipv4 "$(server_net)" $ODD_NUMBER)/24" dev eth0
}

build_hosts() {
	local host device net

	add_switch || return 1
	for host in "${HOSTS[@]}"; do
		add_host "$host" || return 1
		while read -r device net; do
			add_link "$host" "$device" "$net" || return 1
			[[ $host != dd* ]] || quiet_arp "$host" "$device" || return 1
		done <<<"$(host_links "$host")"
	done
	add_odd_address
}

# Namespaces need no time to come up.
await_hosts() { :; }

remove_hosts() {
	local service host

	for service in "$STATE"/pid/*; do
		[ -e "$service" ] && stop_service "${service##*/}"
	done
	for host in switch "${HOSTS[@]}"; do
		ip netns delete "$LAB-$host" 2>/dev/null
	done
}
