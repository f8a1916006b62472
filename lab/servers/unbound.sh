# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# unbound.sh - a recursive server for rec1 and rec2. It resolves from the lab's own root: no
# forwarding, no validation (the lab's zones are not signed). Sourced by lab/lab.

write_unbound() {
	local host=$1 dir=$2

	cat <<-END >"$dir/root.hints"
		. 3600000 NS a.root-servers.net.
		a.root-servers.net. 3600000 A $(host_ipv4 internet)
		a.root-servers.net. 3600000 AAAA $(host_ipv6 internet)
	END
	cat <<-END >"$dir/unbound.conf"
		server:
			interface: $(host_ipv4 "$host")
			interface: $(host_ipv6 "$host")
			access-control: 0.0.0.0/0 allow
			access-control: ::/0 allow
			username: ""
			chroot: ""
			directory: "$dir"
			pidfile: ""
			do-daemonize: no
			use-syslog: no
			logfile: ""
			log-time-ascii: yes
			root-hints: "$dir/root.hints"
			module-config: "iterator"
			num-threads: 1
			outgoing-range: 4096
			num-queries-per-thread: 2048
			incoming-num-tcp: 200
			so-rcvbuf: 4m
			so-sndbuf: 4m
			edns-buffer-size: 1232
			max-udp-size: 1232
		remote-control:
			control-enable: yes
			control-interface: "$dir/control.sock"
			control-use-cert: no
	END
}
