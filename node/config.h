/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - the node's configuration file: read, checked as a whole, compared (config.c), and turned into
 * the data plane's snapshot (build.c). At start-up, or in the thread that prepares a reload; name_hash_init()
 * comes first.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "pools/pool.h"
#include "dataplane/acl.h"
#include "dataplane/limit.h"
#include "dataplane/port.h"
#include "dataplane/xsk.h"
#include "node/confhash.h"
#include "vrrp/fsm.h"

struct dp_conf;
struct name;
struct pool_registry;

enum config_io { CONFIG_IO_XDP, CONFIG_IO_SOCKET };
enum config_checksums { CONFIG_CHECKSUMS_VERIFY, CONFIG_CHECKSUMS_TRUST };
enum config_rd0 { CONFIG_RD0_REFUSE, CONFIG_RD0_CACHE_ONLY };
enum config_trailing { CONFIG_TRAILING_FORMERR, CONFIG_TRAILING_IGNORE };
enum config_checksum_rx { CONFIG_CHECKSUM_RX_BOTH, CONFIG_CHECKSUM_RX_STRICT };
enum config_accept { CONFIG_ACCEPT_DNS, CONFIG_ACCEPT_ALL };

/* In every list the count stands right behind the pointer (struct schema_array). */
struct config_strings { char **item; size_t n; };
struct config_ints { uint32_t *item; size_t n; };
struct config_prefixes { struct dp_acl_rule *item; size_t n; };
struct config_addrs { struct addr *item; size_t n; };

enum {
	CONFIG_WHERE_MAX = 512,
	CONFIG_QPS_MAX = 1000000,
	CONFIG_BURST_MAX = CONFIG_QPS_MAX * DP_LIMIT_BURST_MAX_S,
	CONFIG_FACTOR_MAX = 10000,
	CONFIG_TRACKS_MAX = 32,
	CONFIG_WEIGHT_MAX = 253,
	CONFIG_COMMAND_MAX = 4096,	/* octets of a command's words, with their NULs */
	CONFIG_DENY_MAX = 2048,		/* of the filter's STEER_BLOCKS_MAX; the rest is for blocks by command */
};

/* Blocking of clients that ask far too much. */
struct config_block {
	bool automatic;
	uint32_t factor;		/* times the limit */
	uint32_t seconds;
	uint32_t let_through;		/* every n-th query; 0 = none */
};

struct config_interface {
	char name[IF_NAMESIZE];
	int side;			/* enum dp_side */
	uint32_t vlan;			/* 802.1Q id, 0 = untagged */
};

struct config_listen {
	struct addr address;
	uint32_t port;
};

/* A virtual router; its position in the list is the index of its lease. */
struct config_vrrp {
	char interface[IF_NAMESIZE];
	char group[VRRP_GROUP_MAX];	/* "" = none */
	uint32_t vrid, priority, interval_cs;
	struct config_addrs addresses;	/* of one family; of IPv6 the link-local one first */
	bool link_local_derived;	/* that one was not given */
	bool virtual_mac, preempt, last_resort;
	bool foreign_subnet;		/* addresses need not lie in a subnet of the interface */
	uint32_t preempt_delay_s, start_delay_s, link_up_delay_s, linger_ms;
	int checksum;			/* enum vrrp_checksum */
	int checksum_rx;		/* enum config_checksum_rx */
	int accept;			/* enum config_accept */
	struct config_addrs peers;	/* unicast; empty = the group */
	uint32_t max_hops;
	struct config_addrs accept_from;	/* of the group's; empty = everybody */
	uint32_t announce_count, announce_gap_ms, announce_pace_ms, announce_again_ms, announce_refresh_ms;
	char where[CONFIG_WHERE_MAX];	/* "file:line: vrrp[i]", for what only the start can find */
	uint8_t place;			/* its number among leases and in the engine, for as long as it is there */
};

enum config_track_type { CONFIG_TRACK_INTERFACE, CONFIG_TRACK_COMMAND, CONFIG_TRACK_FILE, CONFIG_TRACK_GATEWAY };

/* Something outside that speaks for or against this node. */
struct config_track {
	char name[32];
	int type;			/* enum config_track_type */
	char interface[IF_NAMESIZE];	/* "" = none */
	struct config_strings command;
	char file[256];
	struct addr address;		/* unspecified = none */
	uint32_t interval_ms, timeout_ms, fall, rise;
	uint32_t weight;		/* 0: fault, or, of a file, the number that stands in it */
	bool fault;
	uint32_t absent;		/* the number of a file that is not there */
	char where[CONFIG_WHERE_MAX];	/* "file:line: track[i]" */
};

struct config_hook {
	struct config_strings command;	/* none = no hook */
	uint32_t timeout_s;
};

/* The other node, for the channel between the two (hello.h). */
struct config_peer {
	struct addr address;		/* all zero: there is none */
	char interface[IF_NAMESIZE];	/* "" = whichever the route says */
	char secret[4096];		/* path */
	uint32_t port, clock_ms;
	struct addr second_address;	/* all zero: there is no second path */
	char second_interface[IF_NAMESIZE];
	uint32_t hold_s;
	char where[CONFIG_WHERE_MAX];	/* "file:line: peer" */
};

struct config_server {
	struct addr address;
	uint32_t port;
};

struct config_probe {
	char name[256];			/* "" = no probe */
	char type[16];			/* mnemonic or TYPEnnn */
	uint32_t interval_ms, timeout_ms, fall, rise;
	char rcode[16];			/* "NOERROR" */
};

struct config_pool {
	char name[POOL_NAME_MAX];
	int kind, policy;		/* enum pool_kind, pool_policy */
	uint32_t timeout_ms;
	struct config_server *servers;
	size_t n_servers;
	uint32_t retry_percent, max_outstanding;
	struct pool_cache cache;
	struct config_probe probe;
};

struct config_route {
	struct config_strings suffixes;
	char file[4096];		/* one suffix a line, '#' comments; path from here, "" = none */
	char pool[POOL_NAME_MAX];
};

struct config {
	char path[4096];
	/* node = { } */
	char node_name[64];
	char version_text[64];		/* answer to version.server CH TXT; "" = REFUSED */
	int io;				/* enum config_io */
	uint32_t workers;		/* 0 = min(queues, cores) */
	unsigned udp_sockets;		/* no key: of every listen address; 0 = 1. The node's socket workers */
	struct config_ints cpus;	/* [i] = CPU of worker i; empty = not pinned */
	int xdp_mode;			/* enum steer_mode */
	int copy;			/* enum dp_copy */
	uint32_t frame_size, ring_size;
	int checksums;			/* enum config_checksums */
	uint32_t busy_poll_us;		/* 0 = off */
	uint32_t inflight;		/* queries in flight per worker, a power of two */
	/* source_ports = { first, count } */
	uint32_t source_port_first, source_port_count;
	/* lists */
	struct config_interface *interfaces;
	size_t n_interfaces;
	struct config_listen *listens;
	size_t n_listens;
	struct config_vrrp *vrrp;
	size_t n_vrrp;
	struct config_track *tracks;
	size_t n_tracks;
	struct config_hook hook;
	struct config_peer peer;
	uint64_t part[CONFHASH_COUNT];	/* no key; what the peer must have as well, when there is one */
	struct config_prefixes acl[POOL_KINDS];
	struct config_prefixes deny;
	/* limit = { } */
	uint64_t limit_memory;		/* octets */
	struct dp_limit_conf limit;
	struct config_block block;
	struct config_prefixes acl_update;	/* NOTIFY and UPDATE; empty = nobody */
	struct config_pool *pools;
	size_t n_pools;
	struct config_route *routes;
	size_t n_routes;
	/* cache = { } */
	uint64_t cache_memory;		/* octets; 0 = no cache */
	bool cache_prefault;
	/* rules = { } */
	int any[POOL_KINDS];		/* enum dp_any */
	int rd0;			/* enum config_rd0 */
	int trailing;			/* enum config_trailing */
	bool edns_fallback;
	/* edns, tcp, self_check, control, log */
	uint32_t edns_size;
	char nsid[64];			/* "" = none is given */
	uint32_t tcp_idle_ms, tcp_connections;
	uint32_t check_interval_ms, hang_ms, check_fall, check_rise;
	char control_socket[108], control_group[32];
	int log_level;			/* enum log_level */
};

enum { CONFIG_ERROR_MAX = 4096 };

/*
 * Reads and checks path with its includes (relative to the including file). 0, or -EINVAL and
 * error = "file:line: key: what is wrong, allowed range" (several lines when several mistakes were found, up
 * to the buffer). Suffix files are read too: what passes here fails later only for lack of memory or of a
 * socket. Touches nothing but files. -ENOMEM, -ENOENT likewise with text.
 */
int config_load(const char *path, struct config **config, char *error, size_t size);
void config_free(struct config *config);

/* Position of the pool with this name, or -1. */
int config_pool(const struct config *config, const char *name);

bool config_has_peer(const struct config *config);
bool config_has_second_path(const struct config *config);

/* Position of the virtual router that has the address, or -1. Not for link-local ones: an interface each may have the
 * same. */
int config_router(const struct config *config, const struct addr *address);

/* Why neither a node can have the address nor the data plane serve it; NULL when they can. */
const char *config_address_fault(const struct addr *address);

/* Why this prefix cannot be denied or blocked; NULL when it can. */
const char *config_block_fault(const struct prefix *prefix);

/* What stands as text in struct config, as a name or a number. 0 or -EINVAL. */
int config_name(const char *text, struct name *name);		/* printable ASCII only, no blanks */
int config_rr_type(const char *text, uint16_t *type);		/* no meta types */
int config_rcode(const char *text, int16_t *rcode);

/* True when only live keys differ; else error lists the keys that need a restart. */
bool config_may_reload(const struct config *old, const struct config *new, char *error, size_t size);

/*
 * Builds the snapshot: suffix table (files are read), pools with servers of the registry, ACLs, local names.
 * Opens listeners that old (may be NULL) does not have, and shares the rest. May fail and then changes nothing:
 * 0, or -errno with error. Two phases of a reload: this is "prepare", publishing the pointer is "commit".
 */
int config_build(const struct config *config, const struct dp_conf *old,
		 struct pool_registry *registry, uint64_t now_ns, struct dp_conf **conf,
		 char *error, size_t size);

#endif
