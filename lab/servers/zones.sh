# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154
#
# zones.sh - writes the zone files of auth1 and of the small internet, and the lists of names that the
# prober asks for. Sourced by lab/lab. Everything is computed, so two labs have the same names.

SITES=20                # zones site00.com. to site19.com. ...
SITE_NAMES=150          # ... with this many names each
MASS_NAMES=1000         # and so many in names.com.
AUTH_NAMES=500

# soa ZONE - first lines of a zone served by the internet host.
soa() {
	cat <<-END
		\$ORIGIN $1
		\$TTL 3600
		@ IN SOA a.root-servers.net. hostmaster.nic.net. 1 3600 900 604800 60
		@ IN NS a.root-servers.net.
	END
}

# delegate ZONE - to the internet host itself.
delegate() {
	echo "$1 86400 IN NS a.root-servers.net."
}

root_zone() {
	soa .
	delegate com.
	delegate net.
	delegate lab.
	echo "a.root-servers.net. 86400 IN A $(host_ipv4 internet)"
	echo "a.root-servers.net. 86400 IN AAAA $(host_ipv6 internet)"
}

net_zone() {
	soa net.
	echo "a.root-servers.net. IN A $(host_ipv4 internet)"
	echo "a.root-servers.net. IN AAAA $(host_ipv6 internet)"
}

# The parent of auth1's zone; its DS shows that a question for DS goes to the parent.
lab_zone() {
	soa lab.
	cat <<-END
		zaibdns IN NS ns1.zaibdns
		ns1.zaibdns IN A $(host_ipv4 auth1)
		ns1.zaibdns IN AAAA $(host_ipv6 auth1)
		zaibdns IN DS 12345 13 2 (
			8ACBB0CD28F41250A80A491389424D341522D946B0DA0C0291F2D3D771D7805A )
	END
}

com_zone() {
	local site odd

	soa com.
	delegate google.com.
	delegate names.com.
	delegate large.com.
	for site in $(seq -w 0 $((SITES - 1))); do
		delegate "site$site.com."
	done
	for odd in slow fail big; do
		echo "$odd 86400 IN NS ns.$odd"
		echo "ns.$odd 86400 IN A $(ipv4 "$(server_net)" "$ODD_NUMBER")"
	done
}

google_zone() {
	soa google.com.
	cat <<-END
		@ 300 IN A 192.0.2.10
		@ 300 IN AAAA 2001:db8::10
		@ 300 IN MX 10 smtp
		@ 300 IN TXT "v=spf1 include:_spf.google.com ~all"
		www 60 IN A 192.0.2.11
		www 60 IN AAAA 2001:db8::11
		smtp 300 IN A 192.0.2.12
		maps 60 IN CNAME www
		short 1 IN A 192.0.2.13
		zero 0 IN A 192.0.2.14
	END
}

# mass_zone ZONE COUNT NET - names n0000 and on: TTLs from 1 s to a day, every tenth a CNAME into
# names.com., every seventh with AAAA.
mass_zone() {
	soa "$1"
	awk -v count="$2" -v net="$3" -v mass="$MASS_NAMES" 'BEGIN {
		n = split("1 5 30 60 300 3600 86400", ttl, " ")
		for (i = 0; i < count; i++) {
			t = ttl[i % n + 1]
			if (i % 10 == 9 && net > 0) {
				printf "n%04d %d IN CNAME n%04d.names.com.\n", i, t, (i * 7 + net) % mass
				continue
			}
			printf "n%04d %d IN A 198.51.%d.%d\n", i, t, net, i % 250 + 1
			if (i % 7 == 0)
				printf "n%04d %d IN AAAA 2001:db8:%d::%x\n", i, t, net, i + 1
		}
	}'
}

# large_rrsets - answers that do not fit 1232 octets, so UDP gets TC.
large_rrsets() {
	awk 'BEGIN {
		for (size = 1400; size <= 15400; size += 2000) {
			printf "txt%d 300 IN TXT", size
			for (left = size; left > 0; left -= 200)
				printf " \"%0200d\"", left
			print ""
		}
		for (i = 1; i <= 120; i++)
			printf "a120 300 IN A 203.0.113.%d\n", i
	}'
}

auth_zone() {
	cat <<-END
		\$ORIGIN zaibdns.lab.
		\$TTL 300
		@ IN SOA ns1 hostmaster 1 3600 900 604800 60
		@ IN NS ns1
		@ IN A 192.0.2.80
		@ IN AAAA 2001:db8::80
		@ IN MX 10 mail
		@ IN TXT "Tandem lab"
		ns1 IN A $(host_ipv4 auth1)
		ns1 IN AAAA $(host_ipv6 auth1)
		www IN A 192.0.2.81
		www IN AAAA 2001:db8::81
		mail IN A 192.0.2.82
		alias IN CNAME www
		outside IN CNAME www.google.com.
		*.wild IN A 192.0.2.83
		*.wild IN TXT "any name"
		only.below.here IN A 192.0.2.84
		\000bin\255 IN A 192.0.2.85
		short 1 IN A 192.0.2.86
	END
	large_rrsets
	awk -v count="$AUTH_NAMES" 'BEGIN {
		for (i = 0; i < count; i++) {
			printf "h%04d IN A 198.18.%d.%d\n", i, i / 250, i % 250 + 1
			printf "h%04d IN AAAA 2001:db8:80::%x\n", i, i + 1
		}
	}'
}

# write_internet_zones DIR - one file a zone, named like the zone; the root's is "root".
write_internet_zones() {
	local dir=$1 site

	root_zone >"$dir/root"
	net_zone >"$dir/net"
	lab_zone >"$dir/lab"
	com_zone >"$dir/com"
	google_zone >"$dir/google.com"
	mass_zone names.com. $MASS_NAMES 0 >"$dir/names.com"
	{ soa large.com. && large_rrsets; } >"$dir/large.com"
	for site in $(seq -w 0 $((SITES - 1))); do
		mass_zone "site$site.com." $SITE_NAMES $((10#$site + 1)) >"$dir/site$site.com"
	done
}

write_auth_zones() {
	auth_zone >"$1/zaibdns.lab"
}

# write_names DIR - "NAME TYPE" lines: rec (resolved by the recursive pool), auth, and mixed.
write_names() {
	local dir=$1

	awk -v sites=$SITES -v names=$SITE_NAMES -v mass=$MASS_NAMES 'BEGIN {
		for (i = 0; i < names; i++)
			for (s = 0; s < sites; s++)
				printf "n%04d.site%02d.com A\n", i, s
		for (i = 0; i < mass; i++)
			printf "n%04d.names.com A\n", i
	}' >"$dir/rec"
	awk -v count=$AUTH_NAMES 'BEGIN {
		for (i = 0; i < count; i++)
			printf "h%04d.zaibdns.lab A\nh%04d.zaibdns.lab AAAA\n", i, i
	}' >"$dir/auth"
	paste -d '\n' "$dir/rec" "$dir/auth" | sed '/^$/d' >"$dir/mixed"
}
