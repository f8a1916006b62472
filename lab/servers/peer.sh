# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# peer.sh - what Tandem is compared with: a node of Debian's dnsdist and keepalived, configured as their
# documentation has it. Sourced by lab/lab.

# The same pools and routes as a Tandem node. An answer in any case, as the check script wants one.
write_dnsdist() {
	local host=$1 dir=$2

	cat <<-END >"$dir/dnsdist.conf"
		setLocal("0.0.0.0:53")
		addLocal("[::]:53")
		setACL({"10.10.0.0/16", "127.0.0.0/8", "fd10:10::/32"})
		setSecurityPollSuffix("")
		setServFailWhenNoServer(true)
		setServerPolicy(leastOutstanding)
		newServer({address="$(host_ipv4 auth1)", pool="auth", checkName="zaibdns.lab.", checkType="SOA"})
		newServer({address="$(host_ipv4 rec1)", pool="rec", checkName="google.com."})
		newServer({address="$(host_ipv4 rec2)", pool="rec", checkName="google.com."})
		addAction(AndRule({QClassRule(3), QNameRule("id.server.")}), SpoofRawAction("\\003$host"))
		addAction({"zaibdns.lab."}, PoolAction("auth"))
		addAction(AllRule(), PoolAction("rec"))
	END
}

# keepalived_instance HOST NAME ADDRESS/LENGTH - seconds with fractions.
keepalived_instance() {
	cat <<-END
		vrrp_instance $2 {
			state BACKUP
			interface eth0
			virtual_router_id $VRID
			priority ${NODE_PRIORITY[$1]}
			advert_int $(awk -v cs="$VIP_CS" 'BEGIN { print cs / 100 }')
			virtual_ipaddress {
				$3 dev eth0
			}
		}
	END
}

# IPv4 and IPv6 move together. The check script cannot run more often than once a second.
write_keepalived() {
	local host=$1 dir=$2

	cat <<-END >"$dir/keepalived.conf"
		global_defs {
			router_id $host
			vrrp_version 3
			script_user root
			enable_script_security
		}
		vrrp_script dns {
			script "/usr/bin/dig +time=1 +tries=1 @127.0.0.1 zaibdns.lab. SOA"
			interval 1
			timeout 2
			fall 2
			rise 2
		}
		vrrp_sync_group pair {
			group {
				ipv4
				ipv6
			}
			track_script {
				dns
			}
		}
		$(keepalived_instance "$host" ipv4 "$(vip)/24")
		$(keepalived_instance "$host" ipv6 "$(vip6)/64")
	END
}

write_peer() {
	write_dnsdist "$@"
	write_keepalived "$@"
}
