# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
#
# vm.sh - hosts that are virtual machines under QEMU, on the bridges of the switch's namespace. The functions that
# netns.sh lists, and what only machines can do: machine kill, boot, pause, resume, unplug, plug, panic.
# Sourced by lab/lab and lab/drill.
#
# Every host has a machine of its own; in a small lab all name servers share one, "servers". Machines share one root
# image (lab/vm/image) and get their own files as a tar archive. In it are the installed project (make install) and
# the lab's own files under the paths that they have here. Commands go through lab/vm/remote to lab/vm/agent.
#
# STATE/vm/MACHINE has: files.tar, arguments (of QEMU), pid, agent.sock, qmp.sock, exec.sock; STATE/log/MACHINE-console
# is the serial console.

QEMU=${TANDEM_QEMU:-qemu-system-x86_64}
REMOTE=$ROOT/lab/vm/remote
BOOT_SERVICES_DEADLINE=60   # seconds from the boot until services answer
KERNEL_ARGUMENTS='console=ttyS0 quiet loglevel=4 panic=1 net.ifnames=0 systemd.show_status=no systemd.unit=multi-user.target'
TRIAL_DEADLINE=10           # seconds for the first program of a machine under KVM
SPARE_MB=256                # memory left to this machine

# Megabytes and processors, by kind.
machine_memory() {
	case $1 in
	dd*) echo "$MEMORY" ;;
	servers) echo 384 ;;
	*) echo 256 ;;
	esac
}

machine_cpus() { [[ $1 == dd* ]] && echo "$QUEUES" || echo 1; }

# A card with more pairs of queues than the machine has processors receives on more of them when a filter is attached,
# and its kernel (6.1 as well) cannot let go of it when it is unplugged then.
machine_queues() { [[ $1 == dd* ]] && echo "${PAIRS:-$QUEUES}" || echo 1; }

machines() {
	local node

	if [ "$SMALL" = yes ]; then
		echo servers client
	else
		echo internet auth1 rec1 rec2 client
	fi
	for node in dd1 dd2; do
		case ",$NODES," in *",$node,"*) echo "$node" ;; esac
	done
}

machine_of() {
	case $SMALL-$1 in
	yes-internet | yes-auth1 | yes-rec*) echo servers ;;
	*) echo "$1" ;;
	esac
}

hosts_of() {
	local host

	for host in "${HOSTS[@]}"; do
		[ "$(machine_of "$host")" != "$1" ] || echo "$host"
	done
}

reach() {
	if [ "$1" = switch ]; then
		REACH=(ip netns exec "$LAB-switch")
	else
		REACH=("$REMOTE" run "$STATE/vm/$(machine_of "$1")/exec.sock" --)
	fi
}

reach_pids() { reach "$1"; }

# The switch asks: that is quicker than a program's start in a machine.
asker() { echo "$LAB-switch"; }

mode_tools() {
	echo ip dig setsid flock pgrep awk python3 tar make "$QEMU"
	[ "$NODES" = none ] || node_programs
}

available_mb() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }

check_room() {
	local machine wanted=$SPARE_MB

	for machine in $(machines); do
		wanted=$((wanted + $(machine_memory "$machine")))
	done
	[ "$wanted" -le "$(available_mb)" ] ||
		die "the machines need $wanted MB of memory and $(available_mb) MB are available (--small, --memory MB)"
	[ -w /dev/net/tun ] || die "no /dev/net/tun (modprobe tun)"
}

# --- acceleration ----------------------------------------------------------------------------------

# boots_with ACCELERATOR - really: a /dev/kvm that is there may hang.
boots_with() {
	timeout -k 1 $TRIAL_DEADLINE "$QEMU" -nodefaults -no-user-config -display none -no-reboot -machine "pc,accel=$1" \
		-cpu "$(machine_cpu "$1")" -m 256 -kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd" \
		-append "console=ttyS0 quiet panic=-1 lab.trial" -serial stdio </dev/null 2>/dev/null 9>&- |
		grep -q 'lab: trial ok'
}

machine_cpu() { [ "$1" = kvm ] && echo host || echo max; }

# The choice is kept beside the images, for this kernel, processor and image.
choose_accelerator() {
	local kept

	[ "$ACCEL" = auto ] || return 0
	ACCEL=tcg
	[ -w /dev/kvm ] || return 0
	kept=$(dirname "$IMAGE")/accel-$({ uname -r && "$QEMU" --version && grep -m 1 '^model name' /proc/cpuinfo &&
		echo "$IMAGE"; } | sha256sum | cut -c 1-12)
	if [ ! -e "$kept" ]; then
		progress "trying KVM"
		! boots_with kvm || ACCEL=kvm
		[ $ACCEL = kvm ] || progress "a machine does not boot under KVM here: emulation"
		echo $ACCEL >"$kept"
	fi
	ACCEL=$(cat "$kept")
}

# --- images and files ------------------------------------------------------------------------------

progress() { echo "lab: $(((($(now_ms) - STARTED_MS)) / 1000)) s: $*" >&2; }

# In the background, so that a signal to this shell is not kept waiting; remove_hosts ends it.
find_image() {
	setsid "$ROOT/lab/vm/image" ${KERNEL:+--kernel "$KERNEL"} >"$STATE/image" 9>&- &
	echo $! >"$STATE/image.pid"
	wait $! || return 1
	rm "$STATE/image.pid"
	IMAGE=$(cat "$STATE/image")
}

install_project() {
	local sub=("B=$BUILD")

	[ "$BUILD" != "$ROOT/build" ] || sub=()
	make --no-print-directory -s -C "$ROOT" "${sub[@]}" install \
		DESTDIR="$STATE/vm/install" UNITDIR=/usr/lib/systemd/system >"$STATE/vm/install.log" 2>&1 || {
		tail -n 5 "$STATE/vm/install.log" >&2
		return 1
	}
}

# put TREE FILE... - the files, under the paths that they have here.
put() {
	local tree=$1

	shift
	tar -c -h -C / "${@#/}" | tar -x -C "$tree"
}

# unit TREE NAME - a unit that starts at boot, from standard input.
unit() {
	mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
	cat >"$1/etc/systemd/system/$2"
	ln -sf "../$2" "$1/etc/systemd/system/multi-user.target.wants/$2"
}

server_command() {
	case $1 in
	*-nsd) echo "/usr/sbin/nsd -d -c $STATE/${1%-*}/nsd.conf" ;;
	*-unbound) echo "/usr/sbin/unbound -d -c $STATE/${1%-*}/unbound.conf" ;;
	*-odd) echo "$ROOT/lab/servers/odd.py $(ipv4 "$(server_net)" $ODD_NUMBER)" ;;
	esac
}

unit_of() { [[ $1 == *-tandemd ]] && echo tandemd.service || echo "$1.service"; }

write_server_units() {
	local host service

	for host in $(hosts_of "$2"); do
		for service in $(services_of "$host"); do
			[[ $service != *-tandemd ]] || continue
			unit "$1" "$service.service" <<-END
				[Unit]
				After=network.target
				[Service]
				ExecStart=$(server_command "$service")
				LimitNOFILE=65536
			END
		done
	done
}

# "DEVICE NET" a line, as host_links.
machine_links() { host_links "$(hosts_of "$1" | head -n 1)"; }

machine_number() { echo "${HOST_NUMBER[$(hosts_of "$1" | head -n 1)]}"; }

write_network() {
	local host device net

	while read -r device net; do
		for host in $(hosts_of "$1"); do
			echo "address replace $(ipv4 "$net" "${HOST_NUMBER[$host]}")/24 dev $device"
			echo "address replace $(ipv6 "$net" "${HOST_NUMBER[$host]}")/64 dev $device nodad"
			[ "$host" != internet ] || echo "address replace $(ipv4 "$net" $ODD_NUMBER)/24 dev $device"
		done
		echo "link set $device up"
	done <<<"$(machine_links "$1")"
}

# write_files MACHINE - STATE/vm/MACHINE/files.tar
write_files() {
	local machine=$1 dir=$STATE/vm/$1 host
	local tree=$dir/tree

	mkdir -p "$tree/etc/lab" "$tree/etc/sysctl.d"
	echo "$machine" >"$tree/etc/hostname"
	echo "127.0.0.1 localhost $machine" >"$tree/etc/hosts"
	write_network "$machine" >"$tree/etc/lab/network"
	printf 'net.ipv6.conf.%s.%s = 0\n' all accept_ra default accept_ra all router_solicitations >"$tree/etc/sysctl.d/10-lab.conf"
	# what udev, which is not there, would have allowed
	mkdir -p "$tree/etc/tmpfiles.d" && echo 'z /dev/net/tun 0666' >"$tree/etc/tmpfiles.d/lab.conf"
	# Debian's of this name empties /tmp at boot, where the tree may be.
	echo 'd /tmp 1777 root root' >"$tree/etc/tmpfiles.d/tmp.conf"
	unit "$tree" lab-network.service <<-END
		[Unit]
		DefaultDependencies=no
		After=systemd-sysctl.service
		Before=network.target network-online.target
		Wants=network.target
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/sbin/ip -batch /etc/lab/network
	END
	# There when nothing else is yet, and until nothing else is any more.
	unit "$tree" lab-agent.service <<-END
		[Unit]
		DefaultDependencies=no
		IgnoreOnIsolate=yes
		[Service]
		ExecStart=$ROOT/lab/vm/agent
		KillMode=process
		OOMScoreAdjust=-1000
	END
	put "$tree" "$ROOT/lab/vm/agent" "$ROOT/lab/hold-thread" "$ROOT/lab/servers/odd.py" "$PROBE" "$BUILD"/lab/{slow,witness} || return 1
	for host in $(hosts_of "$machine"); do
		[ ! -d "$STATE/$host" ] || put "$tree" "$STATE/$host" || return 1
	done
	write_server_units "$tree" "$machine"
	case $machine in
	client) put "$tree" "$STATE/names" || return 1 ;;
	dd*) write_node_files "$tree" "$machine" || return 1 ;;
	esac
	tar -c -f "$dir/files.tar" -C "$tree" --owner=0 --group=0 . && rm -rf "$tree"
}

# As an operator does: make install, the file in /etc/tandem, the unit enabled.
write_node_files() {
	cp -a "$STATE/vm/install/." "$1/" && cp "$STATE/$2/tandem.conf" "$1/etc/tandem/tandem.conf" &&
		ln -sf /usr/lib/systemd/system/tandemd.service "$1/etc/systemd/system/multi-user.target.wants/tandemd.service"
}

take_config() {
	[[ $1 != dd* ]] || on "$1" sh -c 'cat >/etc/tandem/tandem.conf' <"$STATE/$1/tandem.conf"
}

# --- machines --------------------------------------------------------------------------------------

# The processor's own clock: emulation may find it wrong when this machine is busy as a machine boots.
clock_arguments() {
	local khz

	[ "$ACCEL" = tcg ] || return 0
	khz=$(awk '/^cpu MHz/ { print int($4 * 1000); exit }' /proc/cpuinfo)
	echo "tsc=reliable no_timer_check mitigations=off random.trust_cpu=on${khz:+ tsc_early_khz=$khz}"
}

network_arguments() {
	local machine=$1 device net i=0 queues

	queues=$(machine_queues "$machine")
	while read -r device net; do
		echo -netdev
		echo "tap,id=net$i,ifname=$machine-$net,script=no,downscript=no,vhost=off,queues=$queues"
		echo -device
		echo "$(network_device "$machine" $i "$net"),bus=pci.0,addr=0x$((10 + i))"
		i=$((i + 1))
	done <<<"$(machine_links "$machine")"
}

# network_device MACHINE I NET
network_device() {
	local queues

	queues=$(machine_queues "$1")
	echo "virtio-net-pci,id=nic$2,netdev=net$2,mac=$(mac "$3" "$(machine_number "$1")"),mq=$(
		[ "$queues" -gt 1 ] && echo on || echo off),vectors=$((2 * queues + 2))${NIC_OPTIONS:+,$NIC_OPTIONS}"
}

# One argument a line.
write_arguments() {
	local machine=$1 dir=$STATE/vm/$1 accel=$ACCEL

	[ "$ACCEL" = kvm ] || accel=tcg,thread=multi,tb-size=128
	{
		printf '%s\n' -name "$LAB-$machine" -nodefaults -no-user-config -display none \
			-machine pc,usb=off,vmport=off -accel "$accel" -cpu "$(machine_cpu "$ACCEL")" \
			-smp "$(machine_cpus "$machine")" -m "$(machine_memory "$machine")" \
			-kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd" \
			-append "$KERNEL_ARGUMENTS $(clock_arguments)" \
			-drive "if=none,id=root,file=$IMAGE/root.ext4,format=raw,readonly=on,file.locking=off" \
			-device virtio-blk-pci,drive=root \
			-drive "if=none,id=files,file=$dir/files.tar,format=raw,readonly=on,file.locking=off" \
			-device virtio-blk-pci,drive=files -device virtio-rng-pci -device virtio-serial-pci \
			-chardev "socket,id=agent,path=$dir/agent.sock,server=on,wait=off" \
			-device virtserialport,chardev=agent,name=tandem.lab \
			-chardev "file,id=console,path=$STATE/log/$machine-console,append=on" -serial chardev:console \
			-qmp "unix:$dir/qmp.sock,server=on,wait=off"
		network_arguments "$machine"
	} >"$dir/arguments"
}

# keep_pid FILE PID - with its start time, so that a number that was used again is not ours.
keep_pid() { echo "$2 $(start_time "$2")" >"$1"; }

kept_pid() {
	local pid since

	read -r pid since 2>/dev/null <"$1" || return 1
	[ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ] || return 1
	echo "$pid"
}

launch_machine() {
	local machine=$1 dir=$STATE/vm/$1 arguments

	rm -f "$dir"/*.sock
	mapfile -t arguments <"$dir/arguments"
	setsid ip netns exec "$LAB-switch" "$QEMU" "${arguments[@]}" </dev/null >>"$STATE/log/$machine-qemu" 2>&1 9>&- &
	disown $!
	keep_pid "$dir/pid" $!
	setsid "$REMOTE" serve "$dir/agent.sock" "$dir/exec.sock" </dev/null >>"$STATE/log/$machine-qemu" 2>&1 9>&- &
	disown $!
	keep_pid "$dir/remote-pid" $!
}

# Emulated machines must look alike to the bridge whether up or down: a port stays, as a switch's does.
add_port() {
	local port=$1-$2 queues

	queues=$(machine_queues "$1")
	if [ "$queues" -gt 1 ]; then
		ip -n "$LAB-switch" tuntap add dev "$port" mode tap multi_queue vnet_hdr
	else
		ip -n "$LAB-switch" tuntap add dev "$port" mode tap vnet_hdr
	fi && ip -n "$LAB-switch" link set "$port" master "br$2" up
}

# What machines are made of: image, and STATE/vm/MACHINE/files.tar.
prepare_machines() {
	local machine

	find_image || die "no image"
	[ "$NODES" = none ] || { mkdir -p "$STATE/vm" && install_project; } || return 1
	for machine in $(machines); do
		mkdir -p "$STATE/vm/$machine"
		write_files "$machine" || return 1
	done
}

build_hosts() {
	local machine net

	prepare_machines || return 1
	choose_accelerator
	progress "$(machines | wc -w) machines under $([ "$ACCEL" = kvm ] && echo KVM || echo emulation)"
	add_switch || return 1
	for net in 2 3; do
		ip -n "$LAB-switch" address add "$(ipv4 "$net" $WATCHER_NUMBER)/24" dev "br$net" &&
			ip -n "$LAB-switch" address add "$(ipv6 "$net" $WATCHER_NUMBER)/64" dev "br$net" nodad || return 1
	done
	for machine in $(machines); do
		while read -r _ net; do
			add_port "$machine" "$net" || return 1
		done <<<"$(machine_links "$machine")"
		write_arguments "$machine" || return 1
	done
	for machine in $(machines); do
		launch_machine "$machine"
	done
}

machine_runs() { kept_pid "$STATE/vm/$1/pid" >/dev/null; }

show_console() {
	{
		tail -n 5 "$STATE/log/$1-qemu"
		tail -n 12 "$STATE/log/$1-console"
	} 2>/dev/null | tr -d '\r' >&2
}

# await_machine MACHINE SECONDS - until its agent is there.
await_machine() {
	local until=$(($(now_ms) + $2 * 1000))

	until "$REMOTE" wait "$STATE/vm/$1/exec.sock" 1; do
		if ! machine_runs "$1"; then
			echo "lab: the machine $1 has ended:" >&2
			show_console "$1"
			return 1
		elif [ "$(now_ms)" -ge "$until" ]; then
			echo "lab: the machine $1 does not boot within $2 s; its console:" >&2
			show_console "$1"
			return 1
		fi
	done
}

await_hosts() {
	local machine

	for machine in $(machines); do
		await_machine "$machine" "$BOOT_TIMEOUT" || return 1
		progress "$machine has booted"
	done
}

end_process() {
	local pid

	pid=$(kept_pid "$1") || return 0
	kill -KILL "$pid" 2>/dev/null
	wait_for "! kept_pid $1 >/dev/null" 5
}

remove_hosts() {
	local dir pid

	if [ -e "$STATE/image.pid" ]; then
		pid=$(cat "$STATE/image.pid")
		kill -TERM -- "-$pid" 2>/dev/null
		wait_for "! kill -0 -- -$pid 2>/dev/null" 10
	fi
	for dir in "$STATE"/vm/*/; do
		[ ! -e "$dir/pid" ] || end_process "$dir/pid"
		[ ! -e "$dir/remote-pid" ] || end_process "$dir/remote-pid"
	done
	ip netns delete "$LAB-switch" 2>/dev/null
}

qmp() {
	local machine=$1

	shift
	"$ROOT/lab/vm/qmp" "$STATE/vm/$machine/qmp.sock" "$@"
}

# machine ACTION HOST
machine() {
	local name i net

	name=$(machine_of "$2")
	case $1 in
	kill) end_process "$STATE/vm/$name/pid" && end_process "$STATE/vm/$name/remote-pid" ;;
	boot) machine_runs "$name" || { launch_machine "$name" && await_machine "$name" "$BOOT_TIMEOUT"; } ;;
	await) await_machine "$name" "$BOOT_TIMEOUT" ;;
	pause) qmp "$name" stop ;;
	resume) qmp "$name" cont ;;
	unplug) qmp "$name" device_del id=nic0 --until DEVICE_DELETED ;;
	plug)
		read -r _ net <<<"$(machine_links "$name" | head -n 1)"
		# shellcheck disable=SC2046 # words
		qmp "$name" device_add $(network_device "$name" 0 "$net" | sed 's/^/driver=/; s/,/ /g') bus=pci.0 addr=0x10 &&
			wait_for "on $2 test -e /sys/class/net/eth0" 10 && on "$2" systemctl restart lab-network
		;;
	panic) on "$2" sh -c 'echo c >/proc/sysrq-trigger' 2>/dev/null ;;
	*) die "machine kill, boot, pause, resume, unplug, plug or panic" ;;
	esac
}

# A tap that is down does not take the card's carrier away, as the plug of a cable does.
set_carrier() { qmp "$1" set_link name=nic0 up="$([ "$2" = up ] && echo on || echo off)"; }

# --- services --------------------------------------------------------------------------------------

is_running() { [ "$(on "${1%-*}" systemctl is-active "$(unit_of "$1")" 2>/dev/null)" = active ]; }

pid_of() {
	local pid

	pid=$(on "${1%-*}" systemctl show -p MainPID --value "$(unit_of "$1")" 2>/dev/null)
	[ "${pid:-0}" -gt 0 ] && echo "$pid"
}

# systemd tries again, if the unit says so; what the service wrote says more than systemctl does.
start_service() {
	on "${1%-*}" systemctl start "$(unit_of "$1")" 2>/dev/null
	await_service "$1"
}

stop_service() { on "${1%-*}" systemctl stop "$(unit_of "$1")"; }

restart_service() {
	on "${1%-*}" systemctl restart "$(unit_of "$1")" 2>/dev/null
	await_service "$1"
}

kill_service() { on "${1%-*}" systemctl kill -s KILL --kill-whom=main "$(unit_of "$1")"; }

service_log() { on "${1%-*}" journalctl -q --no-pager -o cat -n "$2" -u "$(unit_of "$1")" 2>&1; }

# Whether it died does not end the waiting: while a machine boots, services have not been started yet.
answers_or_died() { service_answers "$1"; }

tell_node() {
	local node=$1

	shift
	on "$node" tandemctl "$@"
}
