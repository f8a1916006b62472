# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# node.sh - the configuration of a Tandem node for the lab's addresses. Sourced by lab/lab.

node_interfaces() {
	if [ "$LAYOUT" = two ]; then
		echo '{ name = "eth0"; side = "client"; }, { name = "eth1"; side = "server"; }'
	else
		echo '{ name = "eth0"; side = "both"; }'
	fi
}

# The own addresses of a node always answer, the VIPs while the node is Active.
node_listen() {
	[ "$VIP_CS" = 0 ] || echo "{ address = \"$(vip)\"; }, { address = \"$(vip6)\"; },"
	echo "{ address = \"$(host_ipv4 "$1")\"; }, { address = \"$(host_ipv6 "$1")\"; }"
}

# A virtual router a family, which are Active together.
node_vrrp() {
	local common="group = \"pair\"; interface = \"eth0\"; vrid = $VRID; priority = ${NODE_PRIORITY[$1]}; interval_cs = $VIP_CS;"

	common+=" virtual_mac = true; preempt = true; preempt_delay_s = $PREEMPT_DELAY;"
	[ "$VIP_CS" = 0 ] || cat <<-END
		vrrp = ( { $common addresses = [ "$(vip)" ]; },
		         { $common addresses = [ "$(vip6)" ]; } );
	END
}

# Machines are small; otherwise there is the default.
node_cache() {
	if [ -n "$CACHE" ]; then
		echo "cache = { memory = \"$CACHE\"; prefault = true; };"
	elif [ "$MODE" = vm ]; then
		echo 'cache = { memory = "64M"; };'
	fi
}

# A machine has one node, as its package has it; namespaces share a file system.
node_control() {
	if [ "$MODE" = vm ]; then
		echo 'control = { socket = "/run/tandem/control.sock"; group = "tandem"; };'
	else
		echo "control = { socket = \"$1/control.sock\"; group = \"root\"; };"
	fi
}

# node_config HOST DIR - on standard output; the control socket of a node in a namespace will be in DIR.
node_config() {
	local host=$1 dir=$2

	cat <<-END
		node = { name = "$host"; io = "$IO"; };
		interfaces = ( $(node_interfaces) );
		listen = ( $(node_listen "$host") );
		$(node_vrrp "$host")
		acl = {
		  recursive = [ "10.10.0.0/16", "fd10:10::/32" ];
		  authoritative = [ "0.0.0.0/0", "::/0" ];
		};
		pools = (
		  { name = "auth"; kind = "authoritative";
		    servers = ( { address = "$(host_ipv4 auth1)"; } ); cache = { enabled = true; };
		    probe = { name = "zaibdns.lab."; type = "SOA"; }; },
		  { name = "rec"; kind = "recursive"; policy = "least-outstanding";
		    servers = ( { address = "$(host_ipv4 rec1)"; }, { address = "$(host_ipv4 rec2)"; } ); cache = { enabled = true; };
		    probe = { name = "google.com."; type = "A"; interval_ms = 1000; fall = 3; rise = 2; }; }
		);
		routes = (
		  { suffixes = [ "zaibdns.lab." ]; pool = "auth"; },
		  { suffixes = [ "." ]; pool = "rec"; }
		);
		$(node_cache)
		source_ports = { first = 16384; count = 16384; };
		$(node_control "$dir")
	END
}
