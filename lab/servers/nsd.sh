# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# nsd.sh - an nsd of its own for auth1 and for the internet host. Sourced by lab/lab.

# nsd_zone_name FILE - the zone that a file of zones.sh is about.
nsd_zone_name() {
	[ "$1" = root ] && echo . || echo "$1"
}

# write_nsd HOST DIR - configuration for every zone file in DIR/zones.
write_nsd() {
	local host=$1 dir=$2 file

	cat <<-END >"$dir/nsd.conf"
		server:
			ip-address: $(host_ipv4 "$host")
			ip-address: $(host_ipv6 "$host")
			username: ""
			database: ""
			pidfile: ""
			zonesdir: "$dir/zones"
			zonelistfile: "$dir/zone.list"
			xfrdfile: "$dir/xfrd.state"
			xfrdir: "$dir"
			server-count: 1
			tcp-count: 200
			ipv4-edns-size: 1232
			ipv6-edns-size: 1232
			rrl-ratelimit: 0
			rrl-whitelist-ratelimit: 0
		remote-control:
			control-enable: no
	END
	for file in "$dir"/zones/*; do
		file=${file##*/}
		printf 'zone:\n\tname: "%s"\n\tzonefile: "%s"\n' "$(nsd_zone_name "$file")" "$file"
	done >>"$dir/nsd.conf"
}
