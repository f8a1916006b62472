/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema.c - the table of configuration keys, and what can be said and done knowing only the table:
 * describe a key, free, compare, print the reference. Contract in schema.h; reading a file is settings.c.
 * Immutable data and pure functions; any thread.
 */
#include "node/schema.h"

#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/log.h"
#include "dataplane/conf.h"
#include "dataplane/worker.h"
#include "node/config.h"
#include "vrrp/engine.h"

#define MEMBER(type, member) \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
#define ELEMENTS(type, member) \
	.offset = offsetof(struct type, member), .size = sizeof(*((struct type *)NULL)->member)

/* struct schema_array describes every list */
#define COUNT_FOLLOWS(type, list, count) \
	_Static_assert(offsetof(struct type, count) == offsetof(struct type, list) + sizeof(void *), \
		       "the count stands right behind the pointer")
COUNT_FOLLOWS(config, interfaces, n_interfaces);
COUNT_FOLLOWS(config, listens, n_listens);
COUNT_FOLLOWS(config, vrrp, n_vrrp);
COUNT_FOLLOWS(config, tracks, n_tracks);
COUNT_FOLLOWS(config, pools, n_pools);
COUNT_FOLLOWS(config, routes, n_routes);
COUNT_FOLLOWS(config_pool, servers, n_servers);
COUNT_FOLLOWS(dp_limit_conf, wider, n_wider);
COUNT_FOLLOWS(dp_limit_conf, exempt, n_exempt);
COUNT_FOLLOWS(dp_limit_conf, overrides, n_overrides);
COUNT_FOLLOWS(config_strings, item, n);
COUNT_FOLLOWS(config_ints, item, n);
COUNT_FOLLOWS(config_prefixes, item, n);
COUNT_FOLLOWS(config_addrs, item, n);

/* Words in the order of the enumeration named behind them. */
static const char *const io_words[] = { "xdp", "socket", NULL };			/* config_io */
static const char *const side_words[] = { "client", "server", "both", NULL };		/* dp_side */
static const char *const mode_words[] = { "auto", "native", "generic", NULL };		/* steer_mode */
static const char *const copy_words[] = { "auto", "zero-copy", "copy", NULL };		/* dp_copy */
static const char *const verify_words[] = { "verify", "trust", NULL };			/* config_checksums */
static const char *const kind_words[] = { "authoritative", "recursive", NULL };		/* pool_kind */
static const char *const policy_words[] = { "least-outstanding", "round-robin", NULL };	/* pool_policy */
static const char *const checksum_words[] = { "rfc9568", "rfc5798", NULL };		/* vrrp_checksum */
static const char *const accept_words[] = { "dns", "all", NULL };			/* config_accept */
static const char *const checksum_rx_words[] = { "both", "strict", NULL };		/* config_checksum_rx */
static const char *const track_words[] = { "interface", "command", "file", "gateway", NULL };	/* config_track_type */
static const char *const over_recursive_words[] = { "cache-only", "drop", "refuse", NULL };	/* dp_over */
static const char *const over_authoritative_words[] = { "drop", "refuse", "slip", NULL };	/* dp_over */
static const char *const any_words[] = { "truncate", "hinfo", "forward", NULL };		/* dp_any */
static const char *const rd0_words[] = { "refuse", "cache-only", NULL };		/* config_rd0 */
static const char *const trailing_words[] = { "formerr", "ignore", NULL };		/* config_trailing */
static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };	/* log_level */

static const struct schema_key node_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .restart = true, .min = 1, .max = 63,
	  MEMBER(config, node_name),
	  .help = "Name of this node; the answer to id.server. and hostname.bind. (class CH)." },
	{ "io", SCHEMA_ENUM, .restart = true, .fallback = "\"xdp\"", .words = io_words,
	  .min = CONFIG_IO_XDP, MEMBER(config, io),
	  .help = "How queries come in: AF_XDP on the interfaces, or kernel sockets only." },
	{ "workers", SCHEMA_INT, .restart = true, .min = 0, .max = DP_WORKERS_MAX, .fallback = "0",
	  MEMBER(config, workers),
	  .help = "Workers. With AF_XDP every interface needs as many queues. 0: as many as cores and queues allow." },
	{ "cpus", SCHEMA_CPU_LIST, .restart = true, .min = 1, .max = DP_WORKERS_MAX,
	  MEMBER(config, cpus),
	  .help = "CPU of each worker, first to last. Without it workers are not pinned." },
	{ "version_text", SCHEMA_STRING, .restart = true, .min = 0, .max = 63, .fallback = "\"\"",
	  MEMBER(config, version_text),
	  .help = "Answer to version.server. and version.bind. (class CH); empty: REFUSED." },
	{ "inflight", SCHEMA_INT, .restart = true, .min = 1024, .max = 1 << 20, .fallback = "32768",
	  MEMBER(config, inflight),
	  .help = "Queries under way at most, per worker; a power of two." },
	{ 0 }
};

static const struct schema_key xdp_keys[] = {
	{ "mode", SCHEMA_ENUM, .restart = true, .fallback = "\"auto\"", .words = mode_words,
	  .min = STEER_AUTO, MEMBER(config, xdp_mode),
	  .help = "Where the filter runs: in the driver or in the kernel's generic hook; auto tries both." },
	{ "copy", SCHEMA_ENUM, .restart = true, .fallback = "\"auto\"", .words = copy_words,
	  .min = DP_COPY_AUTO, MEMBER(config, copy),
	  .help = "Whether the card writes into our memory; auto takes zero-copy where every interface can." },
	{ "frame_size", SCHEMA_INT, .restart = true, .min = 2048, .max = 4096, .fallback = "2048",
	  .unit = "octets", MEMBER(config, frame_size),
	  .help = "Memory of one frame: 2048 or 4096. Longer frames take the kernel's way." },
	{ "ring_size", SCHEMA_INT, .restart = true, .min = 64, .max = 32768, .fallback = "2048",
	  MEMBER(config, ring_size),
	  .help = "Entries of each AF_XDP ring; a power of two." },
	{ "checksums", SCHEMA_ENUM, .restart = true, .fallback = "\"verify\"", .words = verify_words,
	  .min = CONFIG_CHECKSUMS_VERIFY, MEMBER(config, checksums),
	  .help = "UDP checksums of what comes in: verified here, or trusted where the card has done it." },
	{ "busy_poll_us", SCHEMA_INT, .restart = true, .min = 0, .max = 1000, .fallback = "0", .unit = "us",
	  MEMBER(config, busy_poll_us),
	  .help = "Let the worker run the card's receive loop itself for up to this time; 0: not." },
	{ 0 }
};

static const struct schema_key source_port_keys[] = {
	{ "first", SCHEMA_INT, .restart = true, .min = 1024, .max = 65535, .fallback = "16384",
	  MEMBER(config, source_port_first),
	  .help = "First UDP port that queries to servers leave from." },
	{ "count", SCHEMA_INT, .restart = true, .min = 64, .max = 32768, .fallback = "16384",
	  MEMBER(config, source_port_count),
	  .help = "How many; a power of two, at least 64 per worker. The kernel must not use them itself." },
	{ 0 }
};

static const struct schema_key interface_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .restart = true, .min = 1, .max = IF_NAMESIZE - 1,
	  MEMBER(config_interface, name),
	  .help = "Network device. A bond is given as its members." },
	{ "side", SCHEMA_ENUM, .restart = true, .fallback = "\"both\"", .words = side_words,
	  .min = DP_SIDE_CLIENT, MEMBER(config_interface, side),
	  .help = "Who is reached through it." },
	{ "vlan", SCHEMA_INT, .restart = true, .min = 0, .max = 4094, .fallback = "0",
	  MEMBER(config_interface, vlan),
	  .help = "802.1Q tag of the fast path's frames; the rest is the kernel's. 0: those without a tag." },
	{ 0 }
};

static const struct schema_key listen_keys[] = {
	{ "address", SCHEMA_ADDR, .required = true, MEMBER(config_listen, address),
	  .help = "IPv4 or IPv6 address of this node that clients ask." },
	{ "port", SCHEMA_INT, .min = 1, .max = 65535, .fallback = "53", MEMBER(config_listen, port),
	  .help = "UDP and TCP port." },
	{ 0 }
};

static const struct schema_key announce_keys[] = {
	{ "count", SCHEMA_INT, .restart = true, .min = 1, .max = 20, .fallback = "3",
	  MEMBER(config_vrrp, announce_count),
	  .help = "Gratuitous ARPs, or neighbour advertisements, for each address when the node becomes Active." },
	{ "gap_ms", SCHEMA_INT, .restart = true, .min = 1, .max = 1000, .fallback = "20", .unit = "ms",
	  MEMBER(config_vrrp, announce_gap_ms),
	  .help = "Time between them." },
	{ "pace_ms", SCHEMA_INT, .restart = true, .min = 0, .max = 100, .fallback = "1", .unit = "ms",
	  MEMBER(config_vrrp, announce_pace_ms),
	  .help = "With many addresses: time after every four of them, so that no switch drops some." },
	{ "again_ms", SCHEMA_INT, .restart = true, .min = 0, .max = 60000, .fallback = "5000", .unit = "ms",
	  MEMBER(config_vrrp, announce_again_ms),
	  .help = "The same once more after this time; 0: not." },
	{ "refresh_ms", SCHEMA_INT, .restart = true, .min = 0, .max = 3600000, .fallback = "0", .unit = "ms",
	  MEMBER(config_vrrp, announce_refresh_ms),
	  .help = "Again and again in this interval while Active; 0: not." },
	{ 0 }
};

static const struct schema_key vrrp_keys[] = {
	{ "interface", SCHEMA_STRING, .required = true, .min = 1, .max = IF_NAMESIZE - 1,
	  MEMBER(config_vrrp, interface),
	  .help = "Network device on the clients' side that has the addresses' subnet." },
	{ "vrid", SCHEMA_INT, .required = true, .min = 1, .max = 255,
	  MEMBER(config_vrrp, vrid),
	  .help = "Number of the virtual router: the same on both nodes, nobody else's on this network." },
	{ "priority", SCHEMA_INT, .min = 1, .max = 254, .fallback = "100", MEMBER(config_vrrp, priority),
	  .help = "The greater one of the two nodes is Active." },
	{ "interval_cs", SCHEMA_INT, .restart = true, .min = 1, .max = VRRP_INTERVAL_MAX_CS,
	  .fallback = "100", .unit = "cs", MEMBER(config_vrrp, interval_cs),
	  .help = "Time between advertisements, in hundredths of a second; the peer waits three of them." },
	{ "group", SCHEMA_STRING, .restart = true, .min = 0, .max = VRRP_GROUP_MAX - 1, .fallback = "\"\"",
	  MEMBER(config_vrrp, group),
	  .help = "Routers with the same name here are Active together or not at all; the same on both nodes." },
	{ "addresses", SCHEMA_ADDR_LIST, .required = true, .min = 1,
	  .max = VRRP_ADDRESSES_MAX, MEMBER(config_vrrp, addresses),
	  .help = "Of one family, each with an entry in listen. IPv6: link-local first, or made of the VRID." },
	{ "virtual_mac", SCHEMA_BOOL, .restart = true, .fallback = "true", MEMBER(config_vrrp, virtual_mac),
	  .help = "Use 00:00:5e:00:01:VRID (IPv6: 02); false: the interface's own, where a hypervisor refuses "
		  "others." },
	{ "preempt", SCHEMA_BOOL, .fallback = "true", MEMBER(config_vrrp, preempt),
	  .help = "Take the addresses from an Active with a smaller priority." },
	{ "preempt_delay_s", SCHEMA_INT, .min = 0, .max = 3600, .fallback = "30", .unit = "s",
	  MEMBER(config_vrrp, preempt_delay_s),
	  .help = "Not before this time has passed since the start, a crash or a fault." },
	{ "start_delay_s", SCHEMA_INT, .min = 0, .max = 3600, .fallback = "0", .unit = "s",
	  MEMBER(config_vrrp, start_delay_s),
	  .help = "Out of the election until the machine is up for this time; a restart of the service does not "
		  "count." },
	{ "link_up_delay_s", SCHEMA_INT, .min = 0, .max = 3600, .fallback = "0", .unit = "s",
	  MEMBER(config_vrrp, link_up_delay_s),
	  .help = "Out of the election until the link is up for this time: as long as spanning tree keeps the port "
		  "closed." },
	{ "linger_ms", SCHEMA_INT, .min = 0, .max = 10000, .fallback = "1000", .unit = "ms",
	  MEMBER(config_vrrp, linger_ms),
	  .help = "After a planned release, go on answering what still arrives for this time." },
	{ "checksum", SCHEMA_ENUM, .restart = true, .fallback = "\"rfc9568\"", .words = checksum_words,
	  .min = VRRP_CHECKSUM_RFC9568, MEMBER(config_vrrp, checksum),
	  .help = "Of what is sent: without (RFC 9568) or with pseudo-header (RFC 5798 as many read it)." },
	{ "checksum_rx", SCHEMA_ENUM, .restart = true, .fallback = "\"both\"", .words = checksum_rx_words,
	  .min = CONFIG_CHECKSUM_RX_BOTH, MEMBER(config_vrrp, checksum_rx),
	  .help = "Which of the two the peer may use; strict: the one that we send." },
	{ "peers", SCHEMA_ADDR_LIST, .restart = true, .min = 0, .max = VRRP_PEERS_MAX, MEMBER(config_vrrp, peers),
	  .help = "The other nodes' own addresses: advertise to each by unicast, and hear nobody else." },
	{ "max_hops", SCHEMA_INT, .restart = true, .min = 0, .max = VRRP_TTL - 1, .fallback = "0",
	  MEMBER(config_vrrp, max_hops),
	  .help = "Routers on the way from peers: a TTL of 255 less these is accepted, and no smaller one." },
	{ "accept_from", SCHEMA_ADDR_LIST, .restart = true, .min = 0, .max = VRRP_PEERS_MAX,
	  MEMBER(config_vrrp, accept_from),
	  .help = "Advertise to the group as ever, but hear these addresses only." },
	{ "last_resort", SCHEMA_BOOL, .restart = true, .fallback = "true", MEMBER(config_vrrp, last_resort),
	  .help = "With a fault on both nodes, stay in the election at priority 1." },
	{ "accept", SCHEMA_ENUM, .fallback = "\"dns\"", .words = accept_words, .min = CONFIG_ACCEPT_DNS,
	  MEMBER(config_vrrp, accept),
	  .help = "What the filter (io = \"xdp\") lets to the kernel for the addresses: \"dns\" and the ICMP it needs, "
		  "or \"all\"." },
	{ "foreign_subnet", SCHEMA_BOOL, .restart = true, .fallback = "false",
	  MEMBER(config_vrrp, foreign_subnet),
	  .help = "Addresses may lie outside every subnet of the interface." },
	{ "announce", SCHEMA_GROUP, .restart = true, .children = announce_keys,
	  .help = "Gratuitous ARP, or unsolicited neighbour advertisements." },
	{ 0 }
};

static const struct schema_key track_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .min = 1, .max = 31, MEMBER(config_track, name),
	  .help = "Name of the condition, behind \"track:\": letters, digits, '.', '-' and '_'." },
	{ "type", SCHEMA_ENUM, .required = true, .words = track_words, .min = CONFIG_TRACK_INTERFACE,
	  MEMBER(config_track, type),
	  .help = "Carrier of an interface, a command's exit status, a number in a file, a neighbour that answers." },
	{ "interface", SCHEMA_STRING, .min = 1, .max = IF_NAMESIZE - 1, MEMBER(config_track, interface),
	  .help = "interface, gateway: the network device." },
	{ "command", SCHEMA_COMMAND, .min = 1, .max = 32, MEMBER(config_track, command),
	  .help = "command: what is run, without a shell; the first word is an absolute path. Exit status 0 is good." },
	{ "file", SCHEMA_STRING, .min = 1, .max = 255, MEMBER(config_track, file),
	  .help = "file: path of a local file with a number 0-253; 0 is good." },
	{ "absent", SCHEMA_INT, .min = 0, .max = CONFIG_WEIGHT_MAX, .fallback = "0", MEMBER(config_track, absent),
	  .help = "file: the number that counts when it does not exist." },
	{ "address", SCHEMA_ADDR, MEMBER(config_track, address),
	  .help = "gateway: IPv4 or IPv6 address on the interface's network, asked by ARP or Neighbour Discovery." },
	{ "weight", SCHEMA_INT, .min = 1, .max = CONFIG_WEIGHT_MAX, MEMBER(config_track, weight),
	  .help = "Bad lowers the priority of every virtual router by this. Default for a file: the number in it." },
	{ "fault", SCHEMA_BOOL, .fallback = "false", MEMBER(config_track, fault),
	  .help = "Bad gives every virtual router up, as a fault of the node itself does; instead of a weight." },
	{ "interval_ms", SCHEMA_INT, .min = 100, .max = 3600000, .fallback = "1000", .unit = "ms",
	  MEMBER(config_track, interval_ms),
	  .help = "Time from one check to the next." },
	{ "timeout_ms", SCHEMA_INT, .min = 10, .max = 60000, .fallback = "500", .unit = "ms",
	  MEMBER(config_track, timeout_ms),
	  .help = "command, gateway: wait for the result; not longer than the interval." },
	{ "fall", SCHEMA_INT, .min = 1, .max = 100, MEMBER(config_track, fall),
	  .help = "Bad checks in a row that count. Default: 3 for command and gateway, 1 for interface and file." },
	{ "rise", SCHEMA_INT, .min = 1, .max = 1000, MEMBER(config_track, rise),
	  .help = "Good checks in a row that end it. Default: 2 for command and gateway, 1 for interface and file." },
	{ 0 }
};

static const struct schema_key hook_keys[] = {
	{ "command", SCHEMA_COMMAND, .min = 1, .max = 32, MEMBER(config, hook.command),
	  .help = "What is run, without a shell; the first word is an absolute path. TANDEM_... say what happened." },
	{ "timeout_s", SCHEMA_INT, .min = 1, .max = 300, .fallback = "5", .unit = "s", MEMBER(config, hook.timeout_s),
	  .help = "Killed after this time." },
	{ 0 }
};

static const struct schema_key second_keys[] = {
	{ "address", SCHEMA_ADDR, .required = true, .restart = true, MEMBER(config, peer.second_address),
	  .help = "The other node's address there." },
	{ "interface", SCHEMA_STRING, .restart = true, .min = 1, .max = IF_NAMESIZE - 1,
	  MEMBER(config, peer.second_interface),
	  .help = "Use this device only. Default: the route to the address." },
	{ "hold_s", SCHEMA_INT, .min = 0, .max = 3600, .fallback = "60", .unit = "s", MEMBER(config, peer.hold_s),
	  .help = "So long at most a Backup waits whose peer is silent, but Active by the second path; 0: not at "
		  "all." },
	{ 0 }
};

static const struct schema_key peer_keys[] = {
	{ "address", SCHEMA_ADDR, .required = true, .restart = true, MEMBER(config, peer.address),
	  .help = "The other node's own address; not a shared one." },
	{ "interface", SCHEMA_STRING, .restart = true, .min = 1, .max = IF_NAMESIZE - 1,
	  MEMBER(config, peer.interface),
	  .help = "Reach it through this device only. Default: the route to the address." },
	{ "port", SCHEMA_INT, .restart = true, .min = 1, .max = 65535, .fallback = "11253", MEMBER(config, peer.port),
	  .help = "UDP port, the same on both nodes." },
	{ "secret", SCHEMA_STRING, .required = true, .restart = true, .min = 1, .max = 4095,
	  MEMBER(config, peer.secret),
	  .help = "File of the key that both nodes have; made by tandemd --make-key, readable by nobody else." },
	{ "clock_ms", SCHEMA_INT, .min = 10, .max = 3600000, .fallback = "1000", .unit = "ms",
	  MEMBER(config, peer.clock_ms),
	  .help = "A notice when the clocks of the nodes differ by more." },
	{ "second", SCHEMA_GROUP, .children = second_keys,
	  .help = "A second way to the other node, apart from the first: whether silence on the LAN is the LAN's "
		  "fault." },
	{ 0 }
};

static const struct schema_key acl_keys[] = {
	{ "recursive", SCHEMA_PREFIX_LIST, .min = 1, .max = 4096,
	  MEMBER(config, acl[POOL_RECURSIVE]),
	  .help = "Clients that recursive pools serve; required with such a pool. Longest prefix decides." },
	{ "authoritative", SCHEMA_PREFIX_LIST, .min = 1, .max = 4096,
	  .fallback = "[ \"0.0.0.0/0\", \"::/0\" ]", MEMBER(config, acl[POOL_AUTHORITATIVE]),
	  .help = "Clients that authoritative pools serve." },
	{ "update", SCHEMA_PREFIX_LIST, .min = 0, .max = 4096, MEMBER(config, acl_update),
	  .help = "Of these, who may send NOTIFY and UPDATE; default nobody." },
	{ 0 }
};

static const struct schema_key server_keys[] = {
	{ "address", SCHEMA_ADDR, .required = true, MEMBER(config_server, address),
	  .help = "IPv4 or IPv6 address of a name server." },
	{ "port", SCHEMA_INT, .min = 1, .max = 65535, .fallback = "53", MEMBER(config_server, port),
	  .help = "UDP and TCP port." },
	{ 0 }
};

static const struct schema_key probe_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .min = 1, .max = 255, MEMBER(config_probe, name),
	  .help = "Name asked of every server of the pool. Without a probe servers count as up." },
	{ "type", SCHEMA_STRING, .min = 1, .max = 15, .fallback = "\"SOA\"", MEMBER(config_probe, type),
	  .help = "Record type asked, by name or as TYPEnnn." },
	{ "interval_ms", SCHEMA_INT, .min = 100, .max = 600000, .fallback = "1000", .unit = "ms",
	  MEMBER(config_probe, interval_ms),
	  .help = "Time from one probe of a server to its next." },
	{ "timeout_ms", SCHEMA_INT, .min = 10, .max = 60000, .fallback = "500", .unit = "ms",
	  MEMBER(config_probe, timeout_ms),
	  .help = "Wait for the answer; not longer than the interval." },
	{ "fall", SCHEMA_INT, .min = 1, .max = 100, .fallback = "3", MEMBER(config_probe, fall),
	  .help = "Failed probes in a row that take a server out." },
	{ "rise", SCHEMA_INT, .min = 1, .max = 100, .fallback = "2", MEMBER(config_probe, rise),
	  .help = "Good probes in a row that bring it back." },
	{ "rcode", SCHEMA_STRING, .min = 1, .max = 15, .fallback = "\"NOERROR\"",
	  MEMBER(config_probe, rcode),
	  .help = "The only response code that counts as good." },
	{ 0 }
};

static const struct schema_key pool_cache_keys[] = {
	{ "enabled", SCHEMA_BOOL, .fallback = "true", MEMBER(config_pool, cache.enabled),
	  .help = "Keep the pool's answers and give them to whoever asks the same." },
	{ "min_ttl", SCHEMA_INT, .min = 0, .max = 3600, .fallback = "0", .unit = "s",
	  MEMBER(config_pool, cache.min_ttl),
	  .help = "Keep answers at least this long, but for signed ones." },
	{ "max_ttl", SCHEMA_INT, .min = 1, .max = 604800, .fallback = "86400", .unit = "s",
	  MEMBER(config_pool, cache.max_ttl),
	  .help = "Keep and show no TTL longer than this." },
	{ "max_negative_ttl", SCHEMA_INT, .min = 0, .max = 10800, .fallback = "3600", .unit = "s",
	  MEMBER(config_pool, cache.max_negative_ttl),
	  .help = "Keep NXDOMAIN and empty answers no longer than this; 0: not at all." },
	{ "failure_ttl", SCHEMA_INT, .min = 1, .max = 300, .fallback = "1", .unit = "s",
	  MEMBER(config_pool, cache.failure_ttl),
	  .help = "Keep a server's SERVFAIL for this long (RFC 9520)." },
	{ "no_age", SCHEMA_BOOL, .fallback = "false", MEMBER(config_pool, cache.no_age),
	  .help = "Show TTLs as the server sent them, not less the time in the cache; authoritative pools only." },
	{ 0 }
};

static const struct schema_key pool_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .min = 1, .max = POOL_NAME_MAX - 1,
	  MEMBER(config_pool, name),
	  .help = "Name of the pool: letters, digits, '-' and '_'." },
	{ "kind", SCHEMA_ENUM, .required = true, .words = kind_words, .min = POOL_AUTHORITATIVE,
	  MEMBER(config_pool, kind),
	  .help = "What its servers are; decides which client list applies." },
	{ "policy", SCHEMA_ENUM, .fallback = "\"least-outstanding\"", .words = policy_words,
	  .min = POOL_LEAST_OUTSTANDING, MEMBER(config_pool, policy),
	  .help = "Which usable server takes a query." },
	{ "timeout_ms", SCHEMA_INT, .min = 50, .max = 30000, .fallback = "2000", .unit = "ms",
	  MEMBER(config_pool, timeout_ms),
	  .help = "Time after which the client gets SERVFAIL." },
	{ "servers", SCHEMA_LIST, .required = true, .min = 1, .max = POOL_MEMBERS_MAX,
	  .children = server_keys, ELEMENTS(config_pool, servers),
	  .help = "Its name servers." },
	{ "retry_percent", SCHEMA_INT, .min = 0, .max = 100, .fallback = "10", .unit = "%",
	  MEMBER(config_pool, retry_percent),
	  .help = "Queries whose server is slower than usual for it are asked of a second one: at most this share." },
	{ "max_outstanding", SCHEMA_INT, .min = 16, .max = 1 << 20, .fallback = "4096",
	  MEMBER(config_pool, max_outstanding),
	  .help = "Queries under way to one server at most; over it another one is asked, or SERVFAIL given." },
	{ "cache", SCHEMA_GROUP, .children = pool_cache_keys, .help = "What is kept of its answers." },
	{ "probe", SCHEMA_GROUP, .children = probe_keys, MEMBER(config_pool, probe),
	  .help = "How its servers are checked." },
	{ 0 }
};

static const struct schema_key route_keys[] = {
	{ "suffixes", SCHEMA_STRING_LIST, .min = 1, .max = 100000, MEMBER(config_route, suffixes),
	  .help = "Names that end in one of these go to the pool; \".\" is everything else." },
	{ "file", SCHEMA_STRING, .min = 1, .max = 4095, MEMBER(config_route, file),
	  .help = "More suffixes, one a line, '#' begins a comment; relative to the file that names it." },
	{ "pool", SCHEMA_STRING, .required = true, .min = 1, .max = POOL_NAME_MAX - 1,
	  MEMBER(config_route, pool),
	  .help = "Name of the pool." },
	{ 0 }
};

static const struct schema_key limit_recursive_keys[] = {
	{ "qps", SCHEMA_INT, .min = 0, .max = CONFIG_QPS_MAX, .fallback = "0",
	  MEMBER(config, limit.kind[POOL_RECURSIVE].qps),
	  .help = "Queries a second that one client may ask recursive pools; 0: no limit." },
	{ "burst", SCHEMA_INT, .min = 0, .max = CONFIG_BURST_MAX, .fallback = "0",
	  MEMBER(config, limit.kind[POOL_RECURSIVE].burst),
	  .help = "Queries at once after a rest; 0: twice qps." },
	{ "over", SCHEMA_ENUM, .fallback = "\"cache-only\"", .words = over_recursive_words,
	  .min = DP_OVER_CACHE_ONLY, MEMBER(config, limit.kind[POOL_RECURSIVE].over),
	  .help = "Over it: answer what is in the cache, drop, or answer REFUSED. Over TCP nothing is dropped." },
	{ "hit_qps", SCHEMA_INT, .min = 0, .max = CONFIG_QPS_MAX, .fallback = "2000",
	  MEMBER(config, limit.hit_qps),
	  .help = "Queries a second over the limit that the cache may answer, the others are dropped; 0: all." },
	{ 0 }
};

static const struct schema_key limit_authoritative_keys[] = {
	{ "qps", SCHEMA_INT, .min = 0, .max = CONFIG_QPS_MAX, .fallback = "0",
	  MEMBER(config, limit.kind[POOL_AUTHORITATIVE].qps),
	  .help = "Queries a second that one client may ask authoritative pools; 0: no limit." },
	{ "burst", SCHEMA_INT, .min = 0, .max = CONFIG_BURST_MAX, .fallback = "0",
	  MEMBER(config, limit.kind[POOL_AUTHORITATIVE].burst),
	  .help = "Queries at once after a rest; 0: twice qps." },
	{ "over", SCHEMA_ENUM, .fallback = "\"slip\"", .words = over_authoritative_words,
	  .min = DP_OVER_DROP, MEMBER(config, limit.kind[POOL_AUTHORITATIVE].over),
	  .help = "Over it: drop, answer REFUSED, or drop all but every slip-th, which is sent to TCP (TC = 1)." },
	{ "slip", SCHEMA_INT, .min = 1, .max = 100, .fallback = "2", MEMBER(config, limit.slip),
	  .help = "1: every one." },
	{ 0 }
};

static const struct schema_key limit_wider_keys[] = {
	{ "ipv4_prefix", SCHEMA_INT, .required = true, .min = 1, .max = 31, MEMBER(dp_limit_wider, ipv4_prefix),
	  .help = "Length of an IPv4 prefix wider than the ones before." },
	{ "ipv6_prefix", SCHEMA_INT, .required = true, .min = 1, .max = 127, MEMBER(dp_limit_wider, ipv6_prefix),
	  .help = "The same for IPv6." },
	{ "factor", SCHEMA_INT, .required = true, .min = 1, .max = CONFIG_FACTOR_MAX, MEMBER(dp_limit_wider, factor),
	  .help = "Its clients together may ask so many times what one may." },
	{ 0 }
};

static const struct schema_key limit_override_keys[] = {
	{ "prefix", SCHEMA_PREFIX, .required = true, MEMBER(dp_limit_override, prefix),
	  .help = "Clients behind shared addresses, like a CGNAT pool." },
	{ "factor", SCHEMA_INT, .required = true, .min = 1, .max = CONFIG_FACTOR_MAX, MEMBER(dp_limit_override, factor),
	  .help = "Each of its addresses may ask so many times what others may." },
	{ 0 }
};

static const struct schema_key limit_amplification_keys[] = {
	{ "ratio", SCHEMA_INT, .min = 0, .max = 100, .fallback = "0", MEMBER(config, limit.amplification),
	  .help = "UDP answers to clients outside acl.recursive: so many times their query or 512 octets; 0: as "
		  "asked." },
	{ 0 }
};

static const struct schema_key limit_failures_keys[] = {
	{ "qps", SCHEMA_INT, .min = 0, .max = CONFIG_QPS_MAX, .fallback = "0", MEMBER(config, limit.failures_qps),
	  .help = "Failures a second below one name of two labels or more, before its servers are spared; 0: no "
		  "limit." },
	{ "burst", SCHEMA_INT, .min = 0, .max = CONFIG_BURST_MAX, .fallback = "0", MEMBER(config, limit.failures_burst),
	  .help = "Failures at once after a rest; 0: twice qps." },
	{ 0 }
};

static const struct schema_key limit_block_keys[] = {
	{ "automatic", SCHEMA_BOOL, .fallback = "false", MEMBER(config, block.automatic),
	  .help = "Block clients that go far over their limit. A spoofed flood then silences whom it names." },
	{ "factor", SCHEMA_INT, .min = 2, .max = CONFIG_FACTOR_MAX, .fallback = "50", MEMBER(config, block.factor),
	  .help = "So many times the limit, in one second." },
	{ "seconds", SCHEMA_INT, .min = 1, .max = 86400, .fallback = "10", .unit = "s", MEMBER(config, block.seconds),
	  .help = "The block ends after this time." },
	{ "let_through", SCHEMA_INT, .min = 0, .max = 65535, .fallback = "10", MEMBER(config, block.let_through),
	  .help = "Every so many-th of a blocked client's queries passes; 0: none." },
	{ 0 }
};

static const struct schema_key limit_keys[] = {
	{ "memory", SCHEMA_SIZE, .restart = true, .min = 2 << 20, .max = 1LL << 36, .fallback = "\"16M\"",
	  MEMBER(config, limit_memory),
	  .help = "For what clients have asked, eight octets a bucket; old ones make room." },
	{ "recursive", SCHEMA_GROUP, .children = limit_recursive_keys, .help = "Your subscribers." },
	{ "authoritative", SCHEMA_GROUP, .children = limit_authoritative_keys,
	  .help = "Everybody; what the node answers itself too." },
	{ "ipv4_prefix", SCHEMA_INT, .min = 8, .max = 32, .fallback = "32", MEMBER(config, limit.ipv4_prefix),
	  .help = "What counts as one client: the length of its IPv4 prefix." },
	{ "ipv6_prefix", SCHEMA_INT, .min = 16, .max = 128, .fallback = "56", MEMBER(config, limit.ipv6_prefix),
	  .help = "The same for IPv6." },
	{ "wider", SCHEMA_LIST, .min = 0, .max = DP_LIMIT_WIDER_MAX, .children = limit_wider_keys,
	  .fallback = "( { ipv4_prefix = 24; ipv6_prefix = 48; factor = 8; }, "
		      "{ ipv4_prefix = 20; ipv6_prefix = 32; factor = 64; } )",
	  ELEMENTS(config, limit.wider),
	  .help = "Limits of the prefixes around a client, which hold back many sources that are close." },
	{ "exempt", SCHEMA_PREFIX_LIST, .min = 0, .max = 1024, MEMBER(config, limit.exempt),
	  .help = "Clients without limits, not counted for a wider prefix either." },
	{ "override", SCHEMA_LIST, .min = 0, .max = DP_LIMIT_OVERRIDES_MAX, .children = limit_override_keys,
	  ELEMENTS(config, limit.overrides), .help = "Clients with higher limits. The longest prefix decides." },
	{ "tcp_factor", SCHEMA_INT, .min = 1, .max = 100, .fallback = "4", MEMBER(config, limit.tcp_factor),
	  .help = "Over TCP a client may ask so many times as much, apart from what it asks over UDP." },
	{ "failures", SCHEMA_GROUP, .children = limit_failures_keys,
	  .help = "Random names below one domain, in recursive pools: NXDOMAIN, SERVFAIL and no answer." },
	{ "amplification", SCHEMA_GROUP, .children = limit_amplification_keys,
	  .help = "Longest answers to strangers." },
	{ "block", SCHEMA_GROUP, .children = limit_block_keys, .help = "Dropping clients in the filter." },
	{ 0 }
};

static const struct schema_key cache_keys[] = {
	{ "memory", SCHEMA_SIZE, .restart = true, .min = 0, .max = 1LL << 40, .fallback = "\"512M\"",
	  MEMBER(config, cache_memory),
	  .help = "All that the packet cache may use, at least 8M; 0: no cache." },
	{ "prefault", SCHEMA_BOOL, .restart = true, .fallback = "false", MEMBER(config, cache_prefault),
	  .help = "Take the memory at the start, a second or more for 4 GB, not as it fills." },
	{ 0 }
};

static const struct schema_key any_keys[] = {
	{ "recursive", SCHEMA_ENUM, .fallback = "\"truncate\"", .words = any_words, .min = DP_ANY_TRUNCATE,
	  MEMBER(config, any[POOL_RECURSIVE]),
	  .help = "For recursive pools." },
	{ "authoritative", SCHEMA_ENUM, .fallback = "\"truncate\"", .words = any_words, .min = DP_ANY_TRUNCATE,
	  MEMBER(config, any[POOL_AUTHORITATIVE]),
	  .help = "For authoritative pools." },
	{ 0 }
};

static const struct schema_key rules_keys[] = {
	{ "any", SCHEMA_GROUP, .children = any_keys,
	  .help = "ANY over UDP: TC, one made-up HINFO (RFC 8482; TC for DO), or the servers' answer." },
	{ "rd0", SCHEMA_ENUM, .fallback = "\"refuse\"", .words = rd0_words, .min = CONFIG_RD0_REFUSE,
	  MEMBER(config, rd0),
	  .help = "Queries without RD for recursive pools: REFUSED, or what the cache has and else REFUSED." },
	{ "trailing", SCHEMA_ENUM, .fallback = "\"formerr\"", .words = trailing_words,
	  .min = CONFIG_TRAILING_FORMERR, MEMBER(config, trailing),
	  .help = "Octets behind a query's last record: FORMERR, or ignored; never passed on." },
	{ "edns_fallback", SCHEMA_BOOL, .fallback = "true", MEMBER(config, edns_fallback),
	  .help = "Ask a server that says FORMERR or NOTIMP, without OPT, once more without EDNS." },
	{ 0 }
};

static const struct schema_key edns_keys[] = {
	{ "size", SCHEMA_INT, .min = 512, .max = 1232, .fallback = "1232", .unit = "octets",
	  MEMBER(config, edns_size),
	  .help = "Largest UDP message we offer to take, from clients and from servers." },
	{ "nsid", SCHEMA_STRING, .min = 0, .max = DNS_NSID_MAX, MEMBER(config, nsid),
	  .help = "Id given to clients that ask for it (RFC 5001); empty: none. Default: the node's name." },
	{ 0 }
};

static const struct schema_key tcp_keys[] = {
	{ "idle_ms", SCHEMA_INT, .min = 100, .max = 600000, .fallback = "5000", .unit = "ms",
	  MEMBER(config, tcp_idle_ms),
	  .help = "Connections without traffic are closed after this time." },
	{ "connections", SCHEMA_INT, .min = 1, .max = 60000, .fallback = "1000",
	  MEMBER(config, tcp_connections),
	  .help = "Client connections at most, all addresses together." },
	{ 0 }
};

static const struct schema_key self_check_keys[] = {
	{ "interval_ms", SCHEMA_INT, .min = 10, .max = 1000, .fallback = "20", .unit = "ms",
	  MEMBER(config, check_interval_ms),
	  .help = "Time from one check of filter and workers to the next." },
	{ "hang_ms", SCHEMA_INT, .min = 20, .max = 10000, .fallback = "50", .unit = "ms",
	  MEMBER(config, hang_ms),
	  .help = "A worker that finishes nothing for this long is late." },
	{ "fall", SCHEMA_INT, .min = 1, .max = 100, .fallback = "2", MEMBER(config, check_fall),
	  .help = "Failed checks in a row that make a fault." },
	{ "rise", SCHEMA_INT, .min = 1, .max = 1000, .fallback = "5", MEMBER(config, check_rise),
	  .help = "Good checks in a row that end it." },
	{ 0 }
};

static const struct schema_key control_keys[] = {
	{ "socket", SCHEMA_STRING, .restart = true, .min = 1, .max = 107,
	  .fallback = "\"/run/tandem/control.sock\"", MEMBER(config, control_socket),
	  .help = "Unix socket that tandemctl talks to." },
	{ "group", SCHEMA_STRING, .restart = true, .min = 0, .max = 31, .fallback = "\"tandem\"",
	  MEMBER(config, control_group),
	  .help = "Group that may use it; empty: root and the daemon's user only." },
	{ 0 }
};

static const struct schema_key log_keys[] = {
	{ "level", SCHEMA_ENUM, .fallback = "\"info\"", .words = level_words, .min = LOG_LEVEL_ERROR,
	  MEMBER(config, log_level),
	  .help = "The least important lines that are written." },
	{ 0 }
};

const struct schema_key schema_root[] = {
	{ "node", SCHEMA_GROUP, .required = true, .children = node_keys, .help = "This box." },
	{ "xdp", SCHEMA_GROUP, .children = xdp_keys, .help = "The fast path; unused with io = \"socket\"." },
	{ "source_ports", SCHEMA_GROUP, .children = source_port_keys, .help = "Our ports toward servers." },
	{ "interfaces", SCHEMA_LIST, .restart = true, .min = 1, .max = DP_PORTS_MAX,
	  .children = interface_keys, ELEMENTS(config, interfaces),
	  .help = "Network devices of the fast path; required with io = \"xdp\"." },
	{ "listen", SCHEMA_LIST, .required = true, .min = 1, .max = DP_LISTENS_MAX,
	  .children = listen_keys, ELEMENTS(config, listens), .help = "Where clients are answered." },
	{ "vrrp", SCHEMA_LIST, .min = 1, .max = VRRP_ROUTERS_MAX,
	  .children = vrrp_keys, ELEMENTS(config, vrrp),
	  .help = "Addresses shared with the other node, by VRRPv3; whichever is Active has them." },
	{ "track", SCHEMA_LIST, .min = 0, .max = CONFIG_TRACKS_MAX, .children = track_keys, ELEMENTS(config, tracks),
	  .help = "What else speaks for or against this node as Active." },
	{ "hook", SCHEMA_GROUP, .children = hook_keys,
	  .help = "A command for every change of a virtual router's state." },
	{ "peer", SCHEMA_GROUP, .children = peer_keys,
	  .help = "The other node: each tells the other how it is, ten times a second, sealed." },
	{ "acl", SCHEMA_GROUP, .children = acl_keys,
	  .help = "Who is answered; \"!\" in front of a prefix denies." },
	{ "deny", SCHEMA_PREFIX_LIST, .min = 0, .max = CONFIG_DENY_MAX, MEMBER(config, deny),
	  .help = "Clients that get no answer of any kind; dropped in the filter." },
	{ "limit", SCHEMA_GROUP, .children = limit_keys, .help = "How much one client may ask." },
	{ "pools", SCHEMA_LIST, .required = true, .min = 1, .max = DP_POOLS_MAX,
	  .children = pool_keys, ELEMENTS(config, pools), .help = "Groups of like name servers." },
	{ "routes", SCHEMA_LIST, .required = true, .min = 1, .max = 1024,
	  .children = route_keys, ELEMENTS(config, routes),
	  .help = "Which names go where; the longest suffix decides, no suffix gives REFUSED." },
	{ "cache", SCHEMA_GROUP, .children = cache_keys, .help = "The packet cache." },
	{ "rules", SCHEMA_GROUP, .children = rules_keys, .help = "Choices that the standards leave." },
	{ "edns", SCHEMA_GROUP, .children = edns_keys, .help = "Message sizes, and who answers." },
	{ "tcp", SCHEMA_GROUP, .children = tcp_keys, .help = "Queries over TCP." },
	{ "self_check", SCHEMA_GROUP, .children = self_check_keys, .help = "How the node watches itself." },
	{ "control", SCHEMA_GROUP, .children = control_keys, .help = "tandemctl's way in." },
	{ "log", SCHEMA_GROUP, .children = log_keys, .help = "Messages." },
	{ 0 }
};

const struct schema_key *schema_find(const struct schema_key *keys, const char *name)
{
	for (; keys->name; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

static const char *allowed_words(const struct schema_key *key, char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "one of");

	for (unsigned i = 0; key->words[i] && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s \"%s\"", i ? "," : "", key->words[i]);
	return text;
}

const char *schema_allowed(const struct schema_key *key, char *text, size_t size)
{
	static const char *const forms[] = {
		[SCHEMA_BOOL] = "true or false",
		[SCHEMA_INT] = "a number %lld-%lld",
		[SCHEMA_SIZE] = "a size %lld-%lld octets, as a number or like \"512M\"",
		[SCHEMA_STRING] = "text of %lld-%lld characters",
		[SCHEMA_ADDR] = "an IP address like \"192.0.2.1\"",
		[SCHEMA_PREFIX] = "a prefix like \"192.0.2.0/24\"",
		[SCHEMA_ADDR_LIST] = "an array of %lld-%lld addresses like [ \"192.0.2.1\" ]",
		[SCHEMA_PREFIX_LIST] = "an array of %lld-%lld prefixes like [ \"192.0.2.0/24\" ]",
		[SCHEMA_STRING_LIST] = "an array of %lld-%lld texts like [ \"a\", \"b\" ]",
		[SCHEMA_COMMAND] = "a command of %lld-%lld words, as text or like [ \"/bin/a\", \"b c\" ]",
		[SCHEMA_CPU_LIST] = "an array of %lld-%lld CPU numbers like [ 2, 3 ]",
		[SCHEMA_GROUP] = "a group { ... }",
		[SCHEMA_LIST] = "a list of %lld-%lld groups ( { ... }, ... )",
	};
	size_t at;

	if (key->type == SCHEMA_ENUM)
		return allowed_words(key, text, size);
	at = (size_t)snprintf(text, size, forms[key->type], (long long)key->min, (long long)key->max);
	if (key->unit && key->type == SCHEMA_INT && at < size)
		snprintf(text + at, size - at, " %s", key->unit);
	return text;
}

struct schema_array schema_array_get(const void *field)
{
	struct schema_array array;

	memcpy(&array, field, sizeof(array));
	return array;
}

void schema_array_set(void *field, void *item, size_t n)
{
	struct schema_array array = { item, n };

	memcpy(field, &array, sizeof(array));
}

static void clear_list(const struct schema_key *key, void *field)
{
	struct schema_array array = schema_array_get(field);

	for (size_t i = 0; i < array.n; i++) {
		if (key->type == SCHEMA_STRING_LIST || key->type == SCHEMA_COMMAND)
			free(((char **)array.item)[i]);
		else if (key->type == SCHEMA_LIST)
			schema_clear(key->children, (char *)array.item + i * key->size);
	}
	free(array.item);
	schema_array_set(field, NULL, 0);
}

void schema_clear(const struct schema_key *keys, void *base)
{
	for (const struct schema_key *key = keys; key->name; key++) {
		void *field = (char *)base + key->offset;

		switch (key->type) {
		case SCHEMA_GROUP:
			schema_clear(key->children, field);
			break;
		case SCHEMA_ADDR_LIST:
		case SCHEMA_PREFIX_LIST:
		case SCHEMA_STRING_LIST:
		case SCHEMA_COMMAND:
		case SCHEMA_CPU_LIST:
		case SCHEMA_LIST:
			clear_list(key, field);
			break;
		default:
			break;
		}
	}
}

static bool same_group(const struct schema_key *keys, const void *old, const void *new)
{
	for (; keys->name; keys++) {
		if (!schema_same(keys, old, new))
			return false;
	}
	return true;
}

static bool same_element(const struct schema_key *key, const void *old, const void *new, size_t i)
{
	const struct dp_acl_rule *a = old, *b = new;

	switch (key->type) {
	case SCHEMA_CPU_LIST:
		return ((const uint32_t *)old)[i] == ((const uint32_t *)new)[i];
	case SCHEMA_ADDR_LIST:
		return addr_equal(&((const struct addr *)old)[i], &((const struct addr *)new)[i]);
	case SCHEMA_STRING_LIST:
	case SCHEMA_COMMAND:
		return strcmp(((char *const *)old)[i], ((char *const *)new)[i]) == 0;
	case SCHEMA_PREFIX_LIST:
		return a[i].allow == b[i].allow && a[i].prefix.len == b[i].prefix.len &&
		       addr_equal(&a[i].prefix.addr, &b[i].prefix.addr);
	default:
		return same_group(key->children, (const char *)old + i * key->size,
				  (const char *)new + i * key->size);
	}
}

static bool same_list(const struct schema_key *key, const void *old, const void *new)
{
	struct schema_array a = schema_array_get(old), b = schema_array_get(new);

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (!same_element(key, a.item, b.item, i))
			return false;
	}
	return true;
}

bool schema_same(const struct schema_key *key, const void *old, const void *new)
{
	old = (const char *)old + key->offset;
	new = (const char *)new + key->offset;
	switch (key->type) {
	case SCHEMA_STRING:
		return strcmp(old, new) == 0;
	case SCHEMA_GROUP:
		return same_group(key->children, old, new);
	case SCHEMA_ADDR_LIST:
	case SCHEMA_PREFIX_LIST:
	case SCHEMA_STRING_LIST:
	case SCHEMA_COMMAND:
	case SCHEMA_CPU_LIST:
	case SCHEMA_LIST:
		return same_list(key, old, new);
	default:
		return memcmp(old, new, key->size) == 0;
	}
}

static void print_keys(FILE *out, const struct schema_key *keys, const char *prefix)
{
	char allowed[SCHEMA_ALLOWED_MAX], path[128];

	for (; keys->name; keys++) {
		snprintf(path, sizeof(path), "%s%s", prefix, keys->name);
		fprintf(out, "%s: %s", path, schema_allowed(keys, allowed, sizeof(allowed)));
		if (keys->required)
			fputs(", required", out);
		if (keys->fallback)
			fprintf(out, ", default %s", keys->fallback);
		if (keys->restart)
			fputs(", change needs a restart", out);
		fprintf(out, "\n    %s\n", keys->help);
		if (keys->children) {
			size_t at = strlen(path);

			snprintf(path + at, sizeof(path) - at, keys->type == SCHEMA_LIST ? "[]." : ".");
			print_keys(out, keys->children, path);
		}
	}
}

void schema_print(FILE *out)
{
	print_keys(out, schema_root, "");
}
