# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2001
#
# lib.sh - the frame of a system test: TAP, namespaces of its own, processes, waiting, cleaning up.
#
#   #!/bin/bash
#   . "$(dirname "$0")/lib.sh"
#   need_root
#   need_programs ip dig
#   add_host a                            a namespace called tt<pid>-a, loopback up
#   add_host b
#   add_link a eth0 192.0.2.1/24 b eth0 192.0.2.2/24 2
#   spawn server b some-server --option   in the background; output in $TMP/server.log
#   ok "D001 the server answers" wait_for "answers" 5
#   is "it says 42" "$(on a ask b)" 42
#   finish
#
# A test that wants the whole lab: lab_up --layout two, then lab exec client -- dig ...
# Everything named here belongs to this test's process id and goes away when the test ends, however it
# ends. Only processes started by spawn are killed, by pid.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../../lab/common"

PREFIX=tt$$
TMP=$(mktemp -d "/tmp/$PREFIX.XXXXXX")
declare -A SPAWNED=()           # name -> pid
EXIT_COMMANDS=()                # last one first
TESTS=0
FAILED=0

# --- TAP -------------------------------------------------------------------------------------------

diag() { sed 's/^/# /' <<<"$*"; }

report() {                      # STATUS DESCRIPTION
	TESTS=$((TESTS + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TESTS - $2"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $TESTS - $2"
	fi
	return "$1"
}

# ok DESCRIPTION COMMAND... - the command succeeds. Its output is shown when it does not. It runs in a
# subshell: what it changes in the shell (spawn, halt) is lost.
ok() {
	local description=$1 output status

	shift
	output=$("$@" 2>&1)
	status=$?
	report "$status" "$description" || diag "$output"
}

# fails DESCRIPTION COMMAND...
fails() {
	local description=$1 output

	shift
	if output=$("$@" 2>&1); then
		report 1 "$description" || diag "$output"
	else
		report 0 "$description"
	fi
}

is() {                          # DESCRIPTION GOT WANT
	[ "$2" = "$3" ]
	report $? "$1" || diag "got:  $2"$'\n'"want: $3"
}

like() {                        # DESCRIPTION GOT EXTENDED-REGEX
	[[ $2 =~ $3 ]]
	report $? "$1" || diag "got:  $2"$'\n'"want: $3"
}

# is_within GOT MIN MAX - numbers, with fractions or not.
is_within() {
	awk -v got="$1" -v min="$2" -v max="$3" \
		'BEGIN { exit !(got ~ /^-?[0-9.]+$/ && got + 0 >= min + 0 && got + 0 <= max + 0) }'
}

within() {                      # DESCRIPTION GOT MIN MAX
	is_within "$2" "$3" "$4"
	report $? "$1" || diag "got:  $2"$'\n'"want: $3 to $4"
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

bail() {
	echo "Bail out! $*"
	exit 1
}

finish() {
	echo "1..$TESTS"
	exit $((FAILED > 0))
}

# --- what the test needs ---------------------------------------------------------------------------

need_root() {
	[ "$(id -u)" = 0 ] || skip_all "needs root"
}

need_programs() {
	local program

	for program; do
		command -v "$program" >/dev/null || skip_all "$program is missing"
	done
}

# --- hosts and processes ---------------------------------------------------------------------------

at_exit() { EXIT_COMMANDS=("$*" "${EXIT_COMMANDS[@]}"); }

add_host() {
	ip netns add "$PREFIX-$1" || bail "cannot make namespace $PREFIX-$1"
	at_exit "ip netns delete $PREFIX-$1"
	ip -n "$PREFIX-$1" link set lo up
	on "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0
}

# on HOST COMMAND...
on() {
	local host=$1

	shift
	ip netns exec "$PREFIX-$host" "$@"
}

# add_link HOST DEVICE ADDRESS/LEN HOST DEVICE ADDRESS/LEN [QUEUES] - ADDRESS "-" for none. Checksums
# are finished by the sender, as on a wire.
add_link() {
	local queues=${7:-1} end

	ip link add "$2" netns "$PREFIX-$1" numrxqueues "$queues" numtxqueues "$queues" type veth \
		peer name "$5" netns "$PREFIX-$4" numrxqueues "$queues" numtxqueues "$queues" ||
		bail "cannot link $1 $2 to $4 $5"
	for end in "$1 $2 $3" "$4 $5 $6"; do
		# shellcheck disable=SC2086 # three words
		set_up_end $end
	done
}

set_up_end() {                  # HOST DEVICE ADDRESS/LEN
	on "$1" ethtool -K "$2" tx off >/dev/null || bail "ethtool on $1 $2"
	ip -n "$PREFIX-$1" link set "$2" up
	[ "$3" = - ] || add_address "$@"
}

add_address() {                 # HOST DEVICE ADDRESS/LEN
	case $3 in
	*:*) ip -n "$PREFIX-$1" address add "$3" dev "$2" nodad ;;
	*) ip -n "$PREFIX-$1" address add "$3" dev "$2" ;;
	esac || bail "address $3 on $1 $2"
}

# spawn NAME HOST COMMAND... - HOST "-": where the test itself runs.
spawn() {
	local name=$1 host=$2

	shift 2
	if [ "$host" = - ]; then
		"$@" >>"$TMP/$name.log" 2>&1 </dev/null &
	else
		ip netns exec "$PREFIX-$host" "$@" >>"$TMP/$name.log" 2>&1 </dev/null &
	fi
	SPAWNED[$name]=$!
}

is_alive() {                    # NAME
	[ -n "${SPAWNED[$1]:-}" ] && kill -0 "${SPAWNED[$1]}" 2>/dev/null
}

# halt NAME [SIGNAL] - waits for the end (5 s, then SIGKILL); the result is its exit status.
halt() {
	local pid=${SPAWNED[$1]:-}

	[ -n "$pid" ] || return 1
	unset "SPAWNED[$1]"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait_for "! [ -e /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status" 5 ||
		kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# --- the lab ---------------------------------------------------------------------------------------

# lab COMMAND... - lab/lab on a lab of this test's own.
lab() { TANDEM_LAB=$PREFIX "$ROOT/lab/lab" "$@"; }

lab_up() {
	at_exit "lab down"
	lab up "$@" || bail "the lab did not come up"
}

# --- end -------------------------------------------------------------------------------------------

clean_up() {
	local name command

	for name in "${!SPAWNED[@]}"; do
		halt "$name"
	done
	for command in "${EXIT_COMMANDS[@]}"; do
		eval "$command"
	done
	rm -rf "$TMP"
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
