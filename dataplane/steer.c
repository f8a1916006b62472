/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steer.c - the XDP filter's life: load, tables, links, self-check, counters. Control thread.
 * The program itself is steer.bpf.c, embedded by its skeleton. Contract in steer.h.
 *
 * The program reads one of two struct steer_conf, both mapped here. A new configuration is written
 * into the other one and switched to by a store, so no frame ever meets half a table.
 */
#include "dataplane/steer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/packet.h"
#include "dataplane/steer.skel.h"

enum {
	FRAME_LIMIT_DEFAULT = 2048 - 256,
	SALT_TRIES = 64,			/* one nearly always does: a table is at most a third full */
	ATTACH_PATIENCE_MS = 1000,		/* a killed process's link stays for 50-110 ms */
	ATTACH_PAUSE_MS = 20,
	CHECK_QUERY_LEN = 12 + 5,		/* DNS header and the root as question */
	CHECK_FRAME_MAX = DP_HEADERS_MAX + CHECK_QUERY_LEN,
};

struct steer_port {
	int link_fd;
	unsigned ifindex;			/* 0 = not attached */
	unsigned vlan;
};

struct steer {
	struct steer_bpf *skeleton;
	int prog_fd;
	uint32_t prog_id;
	struct lease_page *leases;
	uint64_t only_dns;		/* a bit for each lease */
	struct steer_port ports[STEER_PORTS_MAX];
	bool bypassed;				/* no socket is left in the program's map */
	uint64_t checked[STEER_COUNTERS];	/* what steer_check() added */
	unsigned cpus;
	uint64_t *per_cpu;	/* room for one reading of one counter */
};

const char *steer_mode_name(enum steer_mode mode)
{
	static const char *const names[] = {
		[STEER_AUTO] = "auto",
		[STEER_NATIVE] = "native",
		[STEER_GENERIC] = "generic",
	};

	return names[mode];
}

const char *steer_counter_name(enum steer_counter counter)
{
	static const char *const names[STEER_COUNTERS] = {
		[STEER_QUERY] = "query",
		[STEER_ANSWER] = "answer",
		[STEER_QUERY_KERNEL] = "query-kernel",
		[STEER_ANSWER_NO_SOCKET] = "answer-no-socket",
		[STEER_NO_LEASE] = "no-lease",
		[STEER_NOT_ACCEPTED] = "not-accepted",
		[STEER_BLOCKED] = "blocked",
		[STEER_FRAGMENT] = "fragment",
		[STEER_OPTIONS] = "ip-options",
		[STEER_EXTENSION] = "extension-header",
		[STEER_OTHER_VLAN] = "other-vlan",
		[STEER_OVERSIZE] = "oversize",
		[STEER_MALFORMED] = "malformed",
		[STEER_OTHER] = "other",
	};

	return names[counter];
}

/* ---- load ---- */

/* libbpf's own words, the verifier's among them, are for the developer; ours go into error. */
static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_DEBUG)
		log_library("libbpf", format, args);
	return 0;
}

static const char *missing_capability(void)
{
	if (capng_get_caps_process() || capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return NULL;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF))
		return "CAP_BPF";
	/* the verifier lets no one else compare and subtract packet pointers */
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON))
		return "CAP_PERFMON";
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return "CAP_NET_ADMIN";
	return NULL;
}

static int explain(int err, const char *what, char *error, size_t size)
{
	const char *missing = err == -EPERM || err == -EACCES ? missing_capability() : NULL;

	if (missing)
		return log_fail(err, error, size, "%s: missing %s", what, missing);
	return log_fail(err, error, size, "%s: %s", what, strerror(-err));
}

static int read_prog_id(struct steer *steer)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(steer->prog_fd, &info, &len);

	if (!err)
		steer->prog_id = info.id;
	return err;
}

static int map_leases(struct steer *steer)
{
	int fd = bpf_map__fd(steer->skeleton->maps.leases);
	void *page = mmap(NULL, sizeof(*steer->leases), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	steer->leases = page;
	return 0;
}

int steer_open(struct steer **out, char *error, size_t size)
{
	struct steer *steer = calloc(1, sizeof(*steer));
	const char *what = "memory";
	int err = -ENOMEM, cpus = libbpf_num_possible_cpus();

	if (!steer || cpus < 0)
		goto err_free;
	steer->cpus = cpus;
	steer->per_cpu = calloc(cpus, sizeof(*steer->per_cpu));
	if (!steer->per_cpu)
		goto err_free;

	what = "loading the XDP filter";
	libbpf_set_print(log_libbpf);
	steer->skeleton = steer_bpf__open();
	if (!steer->skeleton) {
		err = -errno;
		goto err_free_counters;
	}
	err = steer_bpf__load(steer->skeleton);
	if (err)
		goto err_destroy;
	steer->prog_fd = bpf_program__fd(steer->skeleton->progs.tandem_steer);
	err = read_prog_id(steer);
	if (err)
		goto err_destroy;
	what = "mapping the lease page";
	err = map_leases(steer);
	if (err)
		goto err_destroy;
	steer_set_frame_limit(steer, FRAME_LIMIT_DEFAULT);
	*out = steer;
	return 0;

err_destroy:
	steer_bpf__destroy(steer->skeleton);
err_free_counters:
	free(steer->per_cpu);
err_free:
	free(steer);
	return explain(err, what, error, size);
}

void steer_close(struct steer *steer)
{
	if (!steer)
		return;
	for (unsigned port = 0; port < STEER_PORTS_MAX; port++)
		steer_detach(steer, port);
	munmap(steer->leases, sizeof(*steer->leases));
	steer_bpf__destroy(steer->skeleton);
	free(steer->per_cpu);
	free(steer);
}

struct lease_page *steer_leases(struct steer *steer)
{
	return steer->leases;
}

int steer_lease_fd(const struct steer *steer)
{
	return bpf_map__fd(steer->skeleton->maps.leases);
}

int steer_rewrite(struct steer *steer, uint8_t lease, const uint8_t virtual_mac[6], const uint8_t own_mac[6])
{
	struct steer_rewrite rewrite = { .used = own_mac != NULL };
	uint32_t key = lease;

	if (own_mac) {
		memcpy(rewrite.virtual_mac, virtual_mac, sizeof(rewrite.virtual_mac));
		memcpy(rewrite.own_mac, own_mac, sizeof(rewrite.own_mac));
	}
	return bpf_map_update_elem(bpf_map__fd(steer->skeleton->maps.rewrites), &key, &rewrite, BPF_ANY);
}

void steer_set_frame_limit(struct steer *steer, unsigned octets)
{
	__atomic_store_n(&steer->skeleton->bss->frame_limit, octets, __ATOMIC_RELAXED);
}

/* Of all CPUs, but for the self-check's runs. */
static uint64_t read_counter(struct steer *steer, enum steer_counter counter)
{
	uint32_t key = counter;
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(steer->skeleton->maps.counters), &key, steer->per_cpu))
		return 0;
	for (unsigned cpu = 0; cpu < steer->cpus; cpu++)
		sum += steer->per_cpu[cpu];
	return sum - steer->checked[counter];
}

/* ---- tables ---- */

static struct steer_conf *conf_in_use(const struct steer *steer)
{
	struct steer_bpf__bss *bss = steer->skeleton->bss;

	return &bss->confs[bss->conf_in_use];
}

static struct steer_endpoint make_entry(const struct addr *addr, uint16_t port, uint8_t lease)
{
	struct steer_endpoint entry = { .port = htons(port), .used = 1, .lease = lease };

	memcpy(entry.addr, addr->words_be, sizeof(entry.addr));
	return entry;
}

static bool same_key(const struct steer_endpoint *a, const struct steer_endpoint *b)
{
	return a->port == b->port && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* The entry of the same key, found as the program finds it, or NULL. */
static const struct steer_endpoint *find(const struct steer_endpoint *table, uint32_t slots, uint32_t salt,
					 const struct steer_endpoint *key)
{
	uint32_t at = steer_hash(salt, key->addr, key->port);

	for (unsigned i = 0; i < STEER_PROBES; i++, at++) {
		const struct steer_endpoint *entry = &table[at & (slots - 1)];

		if (!entry->used)
			return NULL;
		if (same_key(entry, key))
			return entry;
	}
	return NULL;
}

/* Slots between where the search for the entry begins and at. */
static uint32_t distance(const struct steer_endpoint *entry, uint32_t slots, uint32_t salt, uint32_t at)
{
	return (at - steer_hash(salt, entry->addr, entry->port)) & (slots - 1);
}

/*
 * Inserts unless the key is there. Whoever is nearer to its first slot makes room (Robin Hood), which keeps
 * the longest search short. False: some entry would lie beyond STEER_PROBES.
 */
static bool insert(struct steer_endpoint *table, uint32_t slots, uint32_t salt, struct steer_endpoint entry)
{
	uint32_t at = steer_hash(salt, entry.addr, entry.port), probes = 0;

	if (find(table, slots, salt, &entry))
		return true;
	for (; probes < STEER_PROBES; probes++, at++) {
		struct steer_endpoint *slot = &table[at & (slots - 1)];
		struct steer_endpoint settled = *slot;
		uint32_t settled_probes;

		if (!settled.used) {
			*slot = entry;
			return true;
		}
		settled_probes = distance(&settled, slots, salt, at);
		if (settled_probes < probes) {
			*slot = entry;
			entry = settled;
			probes = settled_probes;
		}
	}
	return false;
}

static struct steer_port_conf port_conf(const struct steer_port *port)
{
	return (struct steer_port_conf) { .ifindex = port->ifindex, .vlan = port->vlan };
}

/* An address with a lease on any of its ports needs it on all of them: those go in first. */
static bool insert_listens(struct steer_conf *conf, const struct steer_listen *listens, unsigned n, bool leased,
			   uint64_t only_dns)
{
	for (unsigned i = 0; i < n; i++) {
		const struct steer_listen *l = &listens[i];
		const struct addr *addr = &l->endpoint.addr;
		struct steer_endpoint whole = make_entry(addr, 0, l->lease);

		if ((l->lease != LEASE_NONE) != leased)
			continue;
		whole.only_dns = leased && l->lease < LEASE_MAX && (only_dns >> l->lease & 1);
		if (!insert(conf->listen, STEER_LISTEN_SLOTS, conf->salt,
			    make_entry(addr, l->endpoint.port, l->lease)) ||
		    !insert(conf->address, STEER_LISTEN_SLOTS, conf->salt, whole))
			return false;
	}
	return true;
}

static bool insert_servers(struct steer_conf *conf, const struct endpoint *servers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!insert(conf->server, STEER_SERVER_SLOTS, conf->salt,
			    make_entry(&servers[i].addr, servers[i].port, LEASE_NONE)))
			return false;
	return true;
}

void steer_set_only_dns(struct steer *steer, uint64_t leases)
{
	steer->only_dns = leases;
}

int steer_configure(struct steer *steer, const struct steer_listen *listens, unsigned n_listens,
		    const struct endpoint *servers, unsigned n_servers,
		    uint16_t source_port_base, uint16_t source_port_count)
{
	struct steer_bpf__bss *bss = steer->skeleton->bss;
	struct steer_conf *conf = &bss->confs[!bss->conf_in_use];

	/* The other table may still be read where the program was running at the last switch. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	for (unsigned i = 0; i < SALT_TRIES; i++) {
		memset(conf, 0, sizeof(*conf));
		if (getrandom(&conf->salt, sizeof(conf->salt), 0) != sizeof(conf->salt))
			return -EIO;
		if (!insert_listens(conf, listens, n_listens, true, steer->only_dns) ||
		    !insert_listens(conf, listens, n_listens, false, 0) ||
		    !insert_servers(conf, servers, n_servers))
			continue;
		conf->source_port_base = source_port_base;
		conf->source_port_count = source_port_count;
		for (unsigned port = 0; port < STEER_PORTS_MAX; port++)
			conf->port[port] = port_conf(&steer->ports[port]);
		__atomic_store_n(&bss->conf_in_use, !bss->conf_in_use, __ATOMIC_RELEASE);
		return 0;
	}
	return -ENOSPC;
}

/* ---- blocks ---- */

/* What the self-check's frames come from; neither is ever on a wire. */
static const struct addr check_source_v4 = { { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } };
static const struct addr check_source_v6 = { { { [15] = 1 } } };

static int block_table(const struct steer *steer)
{
	return bpf_map__fd(steer->skeleton->maps.blocked);
}

static struct steer_block_key block_key(const struct prefix *prefix)
{
	struct steer_block_key key = { .len = prefix->len };

	memcpy(key.addr, prefix->addr.words_be, sizeof(key.addr));
	return key;
}

static bool has_block(const struct steer *steer, const struct steer_block_key *key)
{
	struct steer_block_entry entry;

	return bpf_map_lookup_elem(block_table(steer), key, &entry) == 0 && entry.len == key->len;
}

static void add_to_blocks(struct steer *steer, int n)
{
	struct steer_bpf__bss *bss = steer->skeleton->bss;

	__atomic_store_n(&bss->blocks, bss->blocks + (uint32_t)n, __ATOMIC_RELAXED);
}

int steer_block(struct steer *steer, const struct steer_block *block)
{
	const struct steer_block_key key = block_key(&block->prefix);
	const struct steer_block_entry entry = {
		.until_ns = block->until_ns,
		.let_through = block->let_through,
		.len = block->prefix.len,
	};
	bool is_new = !has_block(steer, &key);
	int err;

	if (prefix_contains(&block->prefix, &check_source_v4) || prefix_contains(&block->prefix, &check_source_v6))
		return -EINVAL;
	if (is_new && steer->skeleton->bss->blocks == STEER_BLOCKS_MAX)
		return -ENOSPC;
	err = bpf_map_update_elem(block_table(steer), &key, &entry, BPF_ANY);
	if (!err && is_new)
		add_to_blocks(steer, 1);
	return err;
}

int steer_unblock(struct steer *steer, const struct prefix *prefix)
{
	const struct steer_block_key key = block_key(prefix);
	int err = bpf_map_delete_elem(block_table(steer), &key);

	if (!err)
		add_to_blocks(steer, -1);
	return err;
}

uint64_t steer_blocked(struct steer *steer)
{
	return read_counter(steer, STEER_BLOCKED);
}

/* ---- links ---- */

static void set_ifindex(struct steer *steer, unsigned port, unsigned ifindex)
{
	steer->ports[port].ifindex = ifindex;
	__atomic_store_n(&conf_in_use(steer)->port[port].ifindex, ifindex, __ATOMIC_RELAXED);
}

void steer_set_vlan(struct steer *steer, unsigned port, uint16_t vlan)
{
	steer->ports[port].vlan = vlan;
	__atomic_store_n(&conf_in_use(steer)->port[port].vlan, vlan, __ATOMIC_RELAXED);
}

struct occupant {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];	/* "" where we may not ask: that takes CAP_SYS_ADMIN */
};

/* Whatever program sits on the device; false when there is none. */
static bool read_occupant(unsigned ifindex, struct occupant *occupant)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd;

	if (bpf_xdp_query(ifindex, 0, &query))
		return false;
	occupant->id = query.drv_prog_id ? query.drv_prog_id
		     : query.skb_prog_id ? query.skb_prog_id : query.hw_prog_id;
	if (!occupant->id)
		return false;
	fd = bpf_prog_get_fd_by_id(occupant->id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	memcpy(occupant->name, info.name, sizeof(occupant->name));
	return true;
}

static int try_link(struct steer *steer, unsigned ifindex, enum steer_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == STEER_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	return bpf_link_create(steer->prog_fd, ifindex, BPF_XDP, &opts);
}

static bool is_occupied(int err)
{
	return err == -EBUSY || err == -EEXIST;
}

/* Native unless only generic is wanted, then generic unless only native is. A link's fd or -errno. */
static int make_link(struct steer *steer, unsigned ifindex, enum steer_mode wanted, enum steer_mode *obtained)
{
	int fd = -EOPNOTSUPP;

	if (wanted != STEER_GENERIC) {
		*obtained = STEER_NATIVE;
		fd = try_link(steer, ifindex, STEER_NATIVE);
	}
	if (fd < 0 && wanted != STEER_NATIVE && !is_occupied(fd)) {
		*obtained = STEER_GENERIC;
		fd = try_link(steer, ifindex, STEER_GENERIC);
	}
	return fd;
}

/* A predecessor that was killed stays for a moment; worth waiting for, as others are not. */
static bool may_be_predecessor(const struct steer *steer, const struct occupant *occupant)
{
	return !occupant->name[0] ||
	       !strcmp(occupant->name, bpf_program__name(steer->skeleton->progs.tandem_steer));
}

int steer_attach(struct steer *steer, unsigned port, unsigned ifindex, enum steer_mode wanted,
		 enum steer_mode *obtained, char *error, size_t size)
{
	uint64_t give_up_ns = clock_mono_ns() + (uint64_t)ATTACH_PATIENCE_MS * CLOCK_NS_PER_MS;
	char device[IF_NAMESIZE], what[64];
	struct occupant occupant;
	int fd;

	if (!if_indextoname(ifindex, device))
		return log_fail(-ENODEV, error, size, "no interface with index %u", ifindex);
	for (;;) {
		fd = make_link(steer, ifindex, wanted, obtained);
		if (!is_occupied(fd) || !read_occupant(ifindex, &occupant))
			break;
		if (!may_be_predecessor(steer, &occupant) || clock_mono_ns() >= give_up_ns)
			return log_fail(-EBUSY, error, size, "%s has another XDP program: %s, id %u", device,
				    occupant.name[0] ? occupant.name : "name unknown", occupant.id);
		clock_pause_ms(ATTACH_PAUSE_MS);
	}
	if (fd < 0) {
		snprintf(what, sizeof(what), "attaching the filter to %s", device);
		return explain(fd, what, error, size);
	}
	steer->ports[port].link_fd = fd;
	set_ifindex(steer, port, ifindex);
	return 0;
}

void steer_detach(struct steer *steer, unsigned port)
{
	if (!steer->ports[port].ifindex)
		return;
	close(steer->ports[port].link_fd);
	set_ifindex(steer, port, 0);
}

static uint32_t socket_key(unsigned port, unsigned queue)
{
	return port * STEER_QUEUES_MAX + queue;
}

int steer_socket_set(struct steer *steer, unsigned port, unsigned queue, int xsk_fd)
{
	uint32_t key = socket_key(port, queue);

	return bpf_map_update_elem(bpf_map__fd(steer->skeleton->maps.sockets), &key, &xsk_fd, BPF_ANY);
}

int steer_socket_clear(struct steer *steer, unsigned port, unsigned queue)
{
	uint32_t key = socket_key(port, queue);

	return bpf_map_delete_elem(bpf_map__fd(steer->skeleton->maps.sockets), &key);
}

void steer_bypass(struct steer *steer)
{
	steer->bypassed = true;
	for (unsigned port = 0; port < STEER_PORTS_MAX; port++)
		for (unsigned queue = 0; queue < STEER_QUEUES_MAX; queue++)
			steer_socket_clear(steer, port, queue);
}

/* ---- self-check ---- */

int steer_measure(struct steer *steer, const void *frame, unsigned len, unsigned ifindex,
		  unsigned queue, unsigned repeat, uint32_t *verdict, uint32_t *ns)
{
	struct xdp_md context = { .data_end = len, .ingress_ifindex = ifindex, .rx_queue_index = queue };
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		    .data_in = frame,
		    .data_size_in = len,
		    .ctx_in = &context,
		    .ctx_size_in = sizeof(context),
		    .repeat = repeat);
	int err = bpf_prog_test_run_opts(steer->prog_fd, &opts);

	if (err)
		return err;
	*verdict = opts.retval;
	*ns = opts.duration;
	return 0;
}

/* A query for the root from a loopback address to endpoint. Returns the frame's length. */
static unsigned make_check_frame(const struct endpoint *to, uint16_t vlan, uint8_t frame[CHECK_FRAME_MAX])
{
	static const uint8_t query[CHECK_QUERY_LEN] = {
		[2] = 0x01 /* RD */, [5] = 1 /* one question */, [14] = 1 /* A */, [16] = 1 /* IN */
	};
	struct dp_flow flow = {
		.peer = to->addr,
		.peer_port = to->port,
		.own = addr_is_v4(&to->addr) ? check_source_v4 : check_source_v6,
		.own_port = 1024,
		.vlan = vlan,
	};
	uint8_t room[CHECK_FRAME_MAX], *payload = room + DP_HEADERS_MAX, *first;
	unsigned len;

	memcpy(payload, query, sizeof(query));
	first = dp_packet_write(payload, sizeof(query), &flow);
	len = (unsigned)(payload + sizeof(query) - first);
	memcpy(frame, first, len);
	return len;
}

/* The counter that a check's run for listen has moved, given its verdict. */
static enum steer_counter moved_by_check(const struct steer *steer, const struct steer_listen *listen,
					 uint32_t verdict)
{
	const struct steer_conf *conf = conf_in_use(steer);
	struct steer_endpoint key = make_entry(&listen->endpoint.addr, listen->endpoint.port, listen->lease);

	if (verdict == XDP_REDIRECT)
		return STEER_QUERY;
	if (verdict == XDP_DROP)
		return STEER_NO_LEASE;
	return find(conf->listen, STEER_LISTEN_SLOTS, conf->salt, &key) ? STEER_QUERY_KERNEL : STEER_OTHER;
}

static const char *verdict_name(uint32_t verdict)
{
	switch (verdict) {
	case XDP_REDIRECT:
		return "redirect";
	case XDP_DROP:
		return "drop";
	case XDP_PASS:
		return "pass";
	default:
		return "abort";
	}
}

/* Does our link, with our program in it, still sit on the device? The kernel lets nobody put another program
 * beside a link; a link that was detached by force or whose device went says interface 0. */
static int check_link(const struct steer *steer, const struct steer_port *p, char *cause, size_t size)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(p->link_fd, &info, &len);

	if (err)
		return log_fail(err, cause, size, "asking for the filter's link: %s", strerror(-err));
	if (info.xdp.ifindex != p->ifindex)
		return log_fail(-ENOLINK, cause, size, "the filter was detached");
	if (info.prog_id != steer->prog_id)
		return log_fail(-ENOLINK, cause, size, "the filter was replaced by program %u", info.prog_id);
	return 0;
}

int steer_check(struct steer *steer, unsigned port, unsigned queue, const struct steer_listen *listen,
		bool expect_redirect, char *cause, size_t size)
{
	const struct steer_port *p = &steer->ports[port];
	uint32_t verdict, ns, taken = steer->bypassed ? XDP_PASS : XDP_REDIRECT;
	uint32_t expected = expect_redirect ? taken : XDP_DROP;
	uint8_t frame[CHECK_FRAME_MAX];
	unsigned len;
	int err;

	if (!p->ifindex)
		return log_fail(-ENOLINK, cause, size, "the filter is not attached");
	err = check_link(steer, p, cause, size);
	if (err)
		return err;
	len = make_check_frame(&listen->endpoint, (uint16_t)p->vlan, frame);
	err = steer_measure(steer, frame, len, p->ifindex, queue, 1, &verdict, &ns);
	if (err)
		return log_fail(err, cause, size, "test run on queue %u: %s", queue, strerror(-err));
	steer->checked[moved_by_check(steer, listen, verdict)]++;
	if (verdict != expected)
		return log_fail(-EPROTO, cause, size, "queue %u: the filter says %s instead of %s", queue,
			    verdict_name(verdict), verdict_name(expected));
	return 0;
}

void steer_counters(struct steer *steer, uint64_t counts[STEER_COUNTERS])
{
	for (uint32_t i = 0; i < STEER_COUNTERS; i++)
		counts[i] = read_counter(steer, i);
}
