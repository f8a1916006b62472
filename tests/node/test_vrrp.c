/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vrrp.c - the control thread's side of virtual routers: what it tells the engine, what it does to the kernel's
 * addresses, conditions and history. Engine, guard, kernel and filter are stand-ins; the clock is the real one.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/lease.h"
#include "base/loop.h"
#include "dataplane/steer.h"
#include "dataplane/vmac.h"
#include "node/config.h"
#include "node/groups.h"
#include "node/guard.h"
#include "node/links.h"
#include "node/peers.h"
#include "node/resign.h"
#include "node/selfcheck.h"
#include "node/sysctls.h"
#include "node/vip.h"
#include "node/vrrp.h"

enum { SOON_MS = 300, STEER_FD = 70, VMAC_FD = 71 };

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 };

static struct {
	/* the kernel */
	struct link_state link;
	int link_err, clean_err, vip_err;
	bool on_device[4];			/* 192.0.2.100 to .103, or 2001:db8::65, on the TAP device */
	unsigned vip_calls;
	void (*on_change)(void *context);
	void *on_change_context;
	/* filter, tcx, guard */
	bool has_tcx, received[4];	/* .100 to .103 at the virtual MAC */
	unsigned macs_removed;
	int guard_lease_fd, guard_fd;
	unsigned rewrites;
	struct lease_page filter_page, tcx_page;
	/* engine and self-check */
	const struct vrrp_conf *conf, *configured, *in_use;	/* the last two: of router 0 */
	struct lease_page *engine_page;
	int notify_fd;
	const struct vrrp_conf *added;
	int add_err;
	unsigned removed, gone, forgotten, released;	/* bits, by place; the last: how often */
	struct vrrp_status status[2];
	struct vrrp_link told[2];
	struct vrrp_second second[2];
	unsigned tellings, notes;
	/* peers */
	void (*on_hops)(void *context, unsigned router, const struct vrrp_hops *hops);
	void *on_hops_context;
	struct vrrp_hops hops, hops_told;
	const char *peer_fault;
	unsigned looks;
	struct vrrp_transition transitions[150];
	unsigned transition, n_transitions;
	bool proved, sysctls_good;
	unsigned families;
	/* groups */
	bool in_groups[4];		/* VRID 51 to 54 */
	int groups_err;
} world;

static struct loop loop;
static struct health health;
static struct config config;
static struct config_vrrp routers[2];
static struct addr addresses[2], peer_addresses[2];
static struct node_vrrp *vrrp;

/* ---- stand-ins ---- */

int link_read(const char *name, struct link_state *state)
{
	assert_string_equal(name, "eth0");
	*state = world.link;
	return world.link_err;
}

bool link_reaches(const struct link_state *state, const struct addr *addr)
{
	for (unsigned i = 0; i < state->addresses; i++)
		if (memcmp(state->address[i].addr.bytes, addr->bytes, 15) == 0)
			return true;
	return false;
}

int links_open(struct links **links, struct loop *l, void (*on_change)(void *context), void *context)
{
	(void)l;
	*links = NULL;
	world.on_change = on_change;
	world.on_change_context = context;
	return 0;
}

void links_close(struct links *links)
{
	(void)links;
}

int vip_open(struct vip **vip, char *error, size_t size)
{
	(void)error;
	(void)size;
	*vip = (struct vip *)&world;
	return 0;
}

void vip_close(struct vip *vip)
{
	(void)vip;
	memset(world.on_device, 0, sizeof(world.on_device));
}

static int place(const struct addr *address, bool there)
{
	world.vip_calls++;
	if (!world.vip_err)
		world.on_device[address->bytes[15] - 100] = there;
	return world.vip_err;
}

int vip_add(struct vip *vip, const struct addr *address)
{
	(void)vip;
	return place(address, true);
}

int vip_remove(struct vip *vip, const struct addr *address)
{
	(void)vip;
	return place(address, false);
}

bool vip_has(struct vip *vip, const struct addr *address)
{
	(void)vip;
	return world.on_device[address->bytes[15] - 100];
}

int vip_clean(const struct addr *address, const char *interface)
{
	(void)address;
	assert_string_equal(interface, "eth0");
	return world.clean_err;
}

int steer_lease_fd(const struct steer *steer)
{
	(void)steer;
	return STEER_FD;
}

struct lease_page *steer_leases(struct steer *steer)
{
	(void)steer;
	return &world.filter_page;
}

int steer_rewrite(struct steer *steer, uint8_t lease, const uint8_t virtual_mac[6], const uint8_t mac[6])
{
	(void)steer;
	assert_int_equal(lease, 0);
	assert_int_equal(virtual_mac[5], 51);
	assert_memory_equal(mac, world.link.mac, 6);
	world.rewrites++;
	return 0;
}

int vmac_open(struct vmac **vmac, int lease_fd, char *error, size_t size)
{
	assert_true(lease_fd == STEER_FD || lease_fd == -1);
	snprintf(error, size, "no tcx here");
	if (!world.has_tcx)
		return -EOPNOTSUPP;
	*vmac = (struct vmac *)&world;
	return 0;
}

void vmac_close(struct vmac *vmac)
{
	(void)vmac;
}

struct lease_page *vmac_leases(struct vmac *vmac)
{
	(void)vmac;
	return &world.tcx_page;
}

int vmac_lease_fd(const struct vmac *vmac)
{
	(void)vmac;
	return VMAC_FD;
}

int vmac_add(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6], uint8_t lease, char *error, size_t size)
{
	(void)vmac;
	(void)error;
	(void)size;
	assert_int_equal(ifindex, 7);
	assert_int_equal(mac[5], 51);
	assert_int_equal(lease, 0);
	return 0;
}

int vmac_add_address(struct vmac *vmac, unsigned ifindex, const struct addr *address, uint8_t lease, char *error,
		     size_t size)
{
	(void)vmac;
	(void)error;
	(void)size;
	assert_int_equal(ifindex, 7);
	assert_int_equal(lease, 0);
	world.received[address->bytes[15] - 100] = true;
	return 0;
}

void vmac_remove(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6])
{
	(void)vmac;
	assert_int_equal(ifindex, 7);
	assert_int_equal(mac[5], 51);
	world.macs_removed++;
}

void vmac_remove_address(struct vmac *vmac, unsigned ifindex, const struct addr *address)
{
	(void)vmac;
	assert_int_equal(ifindex, 7);
	world.received[address->bytes[15] - 100] = false;
}

int vmac_check(const struct vmac *vmac, char *cause, size_t size)
{
	(void)vmac;
	(void)cause;
	(void)size;
	return 0;
}

void vmac_counters(const struct vmac *vmac, uint64_t counts[VMAC_COUNTERS])
{
	(void)vmac;
	memset(counts, 0, VMAC_COUNTERS * sizeof(counts[0]));
}

struct vrrp_last_words *guard_last_words(struct guard *guard)
{
	static struct vrrp_last_words words[VRRP_ROUTERS_MAX];

	(void)guard;
	return words;
}

int guard_give_leases(struct guard *guard, int lease_fd)
{
	(void)guard;
	world.guard_lease_fd = lease_fd;
	return 0;
}

int guard_catch_fatal(struct guard *guard, struct lease_page *leases)
{
	(void)guard;
	(void)leases;
	return 0;
}

int guard_hold(struct guard *guard)
{
	(void)guard;
	return 0;
}

void guard_let_go(struct guard *guard)
{
	(void)guard;
}

int guard_thread_stack(void)
{
	return 0;
}

pid_t guard_pid(const struct guard *guard)
{
	(void)guard;
	return 4711;
}

int guard_pidfd(const struct guard *guard)
{
	(void)guard;
	return world.guard_fd;
}

int resign_open(struct resign **resign, const char *control_socket, const struct vrrp_last_words *words, char *error,
		size_t size)
{
	(void)error;
	(void)size;
	assert_non_null(words);
	assert_string_equal(control_socket, "/run/x");
	*resign = NULL;
	return 0;
}

int resign_note(struct resign *resign)
{
	(void)resign;
	world.notes++;
	return 0;
}

void resign_close(struct resign *resign)
{
	(void)resign;
}

bool sysctls_check(const char *interface, unsigned families, char *text, size_t size)
{
	(void)interface;
	world.families = families;
	snprintf(text, size, "arp_announce");
	return world.sysctls_good;
}

int groups_follow(struct groups *groups, const struct vrrp_conf *conf, bool wanted)
{
	if (wanted == (groups->fd >= 0))
		return 0;
	if (wanted && world.groups_err)
		return world.groups_err;
	groups->fd = wanted ? 0 : -1;
	world.in_groups[conf->vrid - 51] = wanted && vrrp_is_ipv6(conf);
	return 0;
}

bool selfcheck_proved(const struct selfcheck *check)
{
	(void)check;
	return world.proved;
}

int vrrp_engine_open(struct vrrp_engine **engine, const struct vrrp_engine_conf *conf, char *error, size_t size)
{
	(void)error;
	(void)size;
	assert_in_range(conf->n, 1, 2);
	world.conf = conf->router;
	world.engine_page = conf->leases;
	world.notify_fd = conf->notify_fd;
	*engine = (struct vrrp_engine *)&world;
	return 0;
}

int vrrp_engine_start(struct vrrp_engine *engine)
{
	(void)engine;
	return 0;
}

void vrrp_engine_stop(struct vrrp_engine *engine)
{
	(void)engine;
}

void vrrp_engine_close(struct vrrp_engine *engine)
{
	(void)engine;
}

void vrrp_engine_link(struct vrrp_engine *engine, unsigned router, const struct vrrp_link *link)
{
	(void)engine;
	world.told[router] = *link;
	world.tellings++;
}

int vrrp_engine_configure(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf)
{
	(void)engine;
	assert_int_equal(router, 0);
	world.configured = conf;
	return 0;
}

const struct vrrp_conf *vrrp_engine_conf_in_use(const struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	return router ? NULL : world.in_use;
}

int vrrp_engine_add(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf, char *error, size_t size)
{
	(void)engine;
	snprintf(error, size, "no sockets");
	assert_int_equal(conf->lease, router);
	world.added = conf;
	world.removed &= ~(1u << router);
	return world.add_err;
}

void vrrp_engine_remove(struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	world.removed |= 1u << router;
}

bool vrrp_engine_is_gone(const struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	return world.gone & world.removed & 1u << router;
}

void vrrp_engine_forget(struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	world.forgotten |= 1u << router;
}

void peers_forget(struct peers *peers, unsigned router)
{
	(void)peers;
	(void)router;
}

void vrrp_engine_hops(struct vrrp_engine *engine, unsigned router, const struct vrrp_hops *hops)
{
	(void)engine;
	assert_int_equal(router, 1);
	world.hops_told = *hops;
}

int peers_open(struct peers **peers, struct loop *l, const struct vrrp_conf *conf, unsigned n,
	       void (*on_change)(void *context, unsigned router, const struct vrrp_hops *hops), void *context)
{
	(void)l;
	assert_true(conf[1].unicast);
	assert_int_equal(n, VRRP_ROUTERS_MAX);
	*peers = (struct peers *)&world;
	world.on_hops = on_change;
	world.on_hops_context = context;
	return 0;
}

void peers_close(struct peers *peers)
{
	(void)peers;
}

void peers_look(struct peers *peers)
{
	(void)peers;
	world.looks++;
}

const struct vrrp_hops *peers_hops(const struct peers *peers, unsigned router)
{
	(void)peers;
	(void)router;
	return &world.hops;
}

const char *peers_fault(const struct peers *peers, unsigned router, unsigned peer)
{
	(void)peers;
	assert_int_equal(router, 1);
	return peer == 1 && world.peer_fault ? world.peer_fault : "";
}

void vrrp_engine_release(struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	(void)router;
	world.released++;
}

void vrrp_engine_resume(struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	(void)router;
}

void vrrp_engine_second(struct vrrp_engine *engine, unsigned router, const struct vrrp_second *second)
{
	(void)engine;
	world.second[router] = *second;
}

uint64_t vrrp_engine_sent_ns(const struct vrrp_engine *engine, unsigned router)
{
	(void)engine;
	return 1000 + router;
}

void vrrp_engine_status(struct vrrp_engine *engine, unsigned router, struct vrrp_status *status)
{
	(void)engine;
	*status = world.status[router];
}

unsigned vrrp_engine_transitions(struct vrrp_engine *engine, struct vrrp_transition *out, unsigned max, uint64_t *lost)
{
	unsigned n = 0;

	(void)engine;
	*lost = 0;
	while (n < max && world.transition < world.n_transitions)
		out[n++] = world.transitions[world.transition++];
	return n;
}

/* ---- helpers ---- */

static int set_up(void **state)
{
	static const char *const texts[] = { "192.0.2.100", "192.0.2.101" };

	(void)state;
	memset(&world, 0, sizeof(world));
	world.has_tcx = world.sysctls_good = true;
	world.link = (struct link_state){ .ifindex = 7, .up = true, .addresses = 2 };
	memcpy(world.link.mac, own_mac, sizeof(own_mac));
	addr_parse("192.0.2.101", &world.link.address[0].addr);
	addr_parse("192.0.2.1", &world.link.address[1].addr);
	world.link.address[0].len = 128;
	world.link.address[1].len = 120;
	world.guard_fd = eventfd(0, EFD_NONBLOCK);
	for (unsigned i = 0; i < 2; i++) {
		addr_parse(texts[i], &addresses[i]);
		routers[i] = (struct config_vrrp){
			.interface = "eth0", .vrid = 51 + i, .priority = 200, .interval_cs = 10,
			.addresses = { &addresses[i], 1 }, .virtual_mac = i == 0, .preempt = true,
			.preempt_delay_s = 30, .linger_ms = 500, .checksum = VRRP_CHECKSUM_RFC5798,
			.checksum_rx = i ? CONFIG_CHECKSUM_RX_STRICT : CONFIG_CHECKSUM_RX_BOTH,
			.announce_count = 3, .where = "conf:9: vrrp[0]", .place = (uint8_t)i,
		};
		world.status[i].state = VRRP_INITIALIZE;
	}
	config.vrrp = routers;
	config.n_vrrp = 2;
	strcpy(config.control_socket, "/run/x");
	vrrp = NULL;
	return loop_init(&loop) || health_init(&health);
}

static int tear_down(void **state)
{
	(void)state;
	node_vrrp_stop(vrrp);
	node_vrrp_close(vrrp);
	close(world.guard_fd);
	health_fini(&health);
	loop_fini(&loop);
	return 0;
}

static int open_on(bool has_filter, char *error, size_t size)
{
	const struct node_vrrp_parts parts = {
		.loop = &loop,
		.health = &health,
		.steer = has_filter ? (struct steer *)&world : NULL,
		.guard = (struct guard *)&world,
	};

	return node_vrrp_open(&vrrp, &parts, &config, error, size);
}

static void start_on(bool has_filter)
{
	char error[256] = "";

	assert_int_equal(open_on(has_filter, error, sizeof(error)), 0);
	assert_int_equal(node_vrrp_start(vrrp, NULL, NULL, &config, error, sizeof(error)), 0);
}

static void turn_for(unsigned ms)
{
	uint64_t end_ns = clock_mono_ns() + ms * (uint64_t)CLOCK_NS_PER_MS;

	while (clock_mono_ns() < end_ns)
		loop_turn(&loop, 5);
}

/* As the engine does after a transition. */
static void ring(void)
{
	uint64_t one = 1;

	assert_int_equal(write(world.notify_fd, &one, sizeof(one)), sizeof(one));
	turn_for(20);
}

static const struct health_condition *condition(const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, name) == 0)
			return &health.conditions[i];
	fail_msg("there is no condition %s", name);
	return NULL;
}

static bool failed_within(const char *name, unsigned ms)
{
	for (unsigned passed = 0; passed < ms && !health_failed(condition(name)); passed += 20)
		turn_for(20);
	return health_failed(condition(name));
}

/* ---- cases ---- */

static void reload(void)
{
	struct node_vrrp_plan *plan;
	char error[256] = "";

	assert_int_equal(node_vrrp_prepare(vrrp, &config, &plan, error, sizeof(error)), 0);
	node_vrrp_adopt(vrrp, &config, plan);
}

static void configuration_reaches_the_engine(void **state)
{
	(void)state;
	start_on(true);
	assert_int_equal(world.conf[0].vrid, 51);
	assert_int_equal(world.conf[0].lease, 0);
	assert_int_equal(world.conf[1].lease, 1);
	assert_int_equal(world.conf[0].preempt_delay_ms, 30000);
	assert_int_equal(world.conf[0].checksum, VRRP_CHECKSUM_RFC5798);
	assert_int_equal(world.conf[0].checksum_rx, VRRP_CHECKSUM_BOTH);
	assert_int_equal(world.conf[1].checksum_rx, VRRP_CHECKSUM_RFC5798);
	assert_true(addr_equal(&world.conf[1].addresses[0], &addresses[1]));
	routers[0].priority = 9;
	routers[0].preempt = false;
	routers[0].preempt_delay_s = 1;
	routers[0].linger_ms = 2;
	reload();
	assert_null(world.configured);
	assert_int_equal(world.conf[0].priority, 9);
	assert_false(world.conf[0].preempt);
	assert_int_equal(world.conf[0].preempt_delay_ms, 1000);
	assert_int_equal(world.conf[0].linger_ms, 2);
}

static void addresses_that_cannot_be(void **state)
{
	char error[256] = "";

	(void)state;
	addr_parse("198.51.100.1", &addresses[0]);
	assert_int_equal(open_on(true, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_string_equal(error, "conf:9: vrrp[0]: 198.51.100.1 lies in no subnet of eth0, which has 192.0.2.101/32; set "
			    "foreign_subnet = true if it is meant so");
	addr_parse("192.0.2.1", &addresses[0]);
	assert_int_equal(open_on(true, error, sizeof(error)), -EADDRINUSE);
	assert_string_equal(error, "conf:9: vrrp[0]: 192.0.2.1 is an address that this host has for itself; a virtual address "
			    "must be another one");
	addr_parse("198.51.100.1", &addresses[0]);
	world.link_err = -ENODEV;
	assert_int_equal(open_on(true, error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "conf:9: vrrp[0]: interface eth0: No such device");
	world.link_err = 0;
	world.link.addresses = 0;	/* none yet: the router waits for one */
	assert_int_equal(open_on(true, error, sizeof(error)), 0);
	node_vrrp_close(vrrp);
	world.link.addresses = 2;
	routers[0].foreign_subnet = true;
	assert_int_equal(open_on(true, error, sizeof(error)), 0);
	world.clean_err = -EADDRINUSE;	/* another interface has it */
	assert_int_equal(node_vrrp_start(vrrp, NULL, NULL, &config, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "conf:9: vrrp[0]: 198.51.100.1 is an address that this host has for itself"));
}

static void peers_are_followed(void **state)
{
	struct vrrp_hops hops = { .mac = { { 2, 0, 0, 0, 0, 2 } } };
	char error[256] = "";
	unsigned looks;

	(void)state;
	addr_parse("192.0.2.2", &peer_addresses[0]);
	addr_parse("192.0.2.1", &peer_addresses[1]);
	routers[1].peers = (struct config_addrs){ peer_addresses, 2 };
	routers[1].max_hops = 3;
	routers[0].accept_from = (struct config_addrs){ peer_addresses, 1 };
	assert_int_equal(open_on(true, error, sizeof(error)), -EADDRINUSE);
	assert_string_equal(error, "conf:9: vrrp[0]: peer 192.0.2.1 is an address of this host; it must be the other node's");
	addr_parse("192.0.2.3", &peer_addresses[1]);
	start_on(true);
	assert_false(world.conf[0].unicast);
	assert_int_equal(world.conf[0].n_peers, 1);
	assert_null(node_vrrp_peer_mac(vrrp, 0, 0));
	assert_string_equal(node_vrrp_peer_fault(vrrp, 0, 0), "");
	assert_true(world.conf[1].unicast);
	assert_int_equal(world.conf[1].n_peers, 2);
	assert_int_equal(world.conf[1].max_hops, 3);
	assert_true(addr_equal(&world.conf[1].peers[1], &peer_addresses[1]));
	assert_ptr_equal(node_vrrp_peer_mac(vrrp, 1, 1), world.hops.mac[1]);
	looks = world.looks;
	world.on_change(world.on_change_context);
	assert_int_equal(world.looks, looks + 1);
	world.on_hops(world.on_hops_context, 1, &hops);
	assert_memory_equal(&world.hops_told, &hops, sizeof(hops));
	assert_false(health_failed(condition("peers:eth0/52")));
	world.peer_fault = "no route to 192.0.2.3 by eth0";
	assert_true(failed_within("peers:eth0/52", 1500));
	assert_string_equal(condition("peers:eth0/52")->cause, world.peer_fault);
	assert_int_equal(condition("peers:eth0/52")->kind, HEALTH_NOTICE);
}

static void links_are_followed(void **state)
{
	struct addr own;

	(void)state;
	start_on(true);
	turn_for(50);
	addr_parse("192.0.2.1", &own);
	assert_true(addr_equal(&world.told[0].source, &own));	/* .101 is a virtual one */
	assert_memory_equal(world.told[0].mac, own_mac, 6);
	assert_true(world.told[0].up);
	assert_false(world.told[0].ready);
	world.proved = true;
	turn_for(50);
	assert_true(world.told[0].ready && world.told[1].ready);
	assert_int_equal(world.tellings, 4);
	world.on_change(world.on_change_context);
	assert_int_equal(world.tellings, 4);	/* nothing new */
	world.link.up = false;
	world.on_change(world.on_change_context);
	assert_false(world.told[1].up);
	world.link.up = true;
	world.link.addresses = 1;
	turn_for(600);				/* an event was lost: the beat sees it */
	assert_true(addr_equal(&world.told[0].source, &(struct addr){ 0 }));
	assert_true(world.told[0].up && world.told[0].ready);
}

/* The second router is one of IPv6: fe80::65 and 2001:db8::65. */
static void make_second_ipv6(void)
{
	static const char *const own[] = { "fe80::1", "2001:db8::1" };
	static struct addr of_router[2];

	addr_parse("fe80::65", &of_router[0]);
	addr_parse("2001:db8::65", &of_router[1]);
	routers[1].addresses = (struct config_addrs){ of_router, 2 };
	for (unsigned i = 0; i < 2; i++) {
		struct link_address *a = &world.link.address[world.link.addresses++];

		addr_parse(own[i], &a->addr);
		a->len = 64;
	}
}

static bool told_source(unsigned router, const char *text)
{
	struct addr wanted = { 0 };

	if (text)
		addr_parse(text, &wanted);
	return addr_equal(&world.told[router].source, &wanted);
}

static void ipv6_source(void **state)
{
	struct link_address *first, *more;

	(void)state;
	make_second_ipv6();
	first = &world.link.address[2];
	first->tentative = true;
	start_on(true);
	turn_for(20);
	assert_true(told_source(0, "192.0.2.101"));	/* no virtual one here */
	assert_true(told_source(1, NULL));		/* it may turn out to be another host's */
	first->tentative = false;
	world.on_change(world.on_change_context);
	assert_true(told_source(1, "fe80::1"));
	assert_true(told_source(0, "192.0.2.101"));	/* no virtual one here */
	more = &world.link.address[world.link.addresses++];
	*more = *first;
	addr_parse("fe80::7", &first->addr);
	world.on_change(world.on_change_context);
	assert_true(told_source(1, "fe80::1"));		/* still there: no reason to change */
	addr_parse("fe80::65", &more->addr);		/* a virtual one is none */
	world.on_change(world.on_change_context);
	assert_true(told_source(1, "fe80::7"));
}

static void ipv6_kernel_and_groups(void **state)
{
	(void)state;
	make_second_ipv6();
	start_on(true);
	ring();
	assert_false(world.in_groups[0] || world.in_groups[1]);
	world.status[0].state = world.status[1].state = VRRP_ACTIVE;
	world.groups_err = -ENOBUFS;
	ring();
	assert_true(world.on_device[0] && world.on_device[1]);
	assert_int_equal(world.vip_calls, 2);		/* the link-local one is the engine's alone */
	assert_false(world.in_groups[1]);
	world.groups_err = 0;
	turn_for(600);
	assert_true(world.in_groups[1]);
	assert_false(world.in_groups[0]);
	assert_int_equal(world.families, SYSCTLS_IPV4 | SYSCTLS_IPV6);
	assert_false(health_failed(condition("address:2001:db8::65")));
	assert_false(health_failed(condition("conflict:eth0/52v6")));
	world.status[1].state = VRRP_INITIALIZE;
	world.status[1].lingering = true;
	ring();
	assert_true(world.on_device[1]);
	assert_false(world.in_groups[1]);
	world.status[1].state = VRRP_ACTIVE;
	ring();
	assert_true(world.in_groups[1]);
	node_vrrp_stop(vrrp);
	assert_false(world.in_groups[1]);
}

static void ipv6_addresses_that_cannot_be(void **state)
{
	char error[256] = "";

	(void)state;
	make_second_ipv6();
	addr_parse("2001:db8:1::65", &routers[1].addresses.item[1]);
	assert_int_equal(open_on(true, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_string_equal(error, "conf:9: vrrp[0]: 2001:db8:1::65 lies in no subnet of eth0, which has 2001:db8::1/64; set "
			    "foreign_subnet = true if it is meant so");
	addr_parse("fe80::1", &routers[1].addresses.item[0]);
	assert_int_equal(open_on(true, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "fe80::1 is an address that this host has for itself"));
	addr_parse("fe80::2", &routers[1].addresses.item[0]);
	world.link.addresses = 3;	/* only a link-local one yet: nothing to compare with */
	assert_int_equal(open_on(true, error, sizeof(error)), 0);
	node_vrrp_close(vrrp);
	world.link.addresses = 4;
	routers[1].foreign_subnet = true;
	assert_int_equal(open_on(true, error, sizeof(error)), 0);
}

static void kernel_addresses_follow(void **state)
{
	(void)state;
	start_on(true);
	world.status[0].state = VRRP_ACTIVE;
	ring();
	assert_true(world.on_device[0]);
	assert_false(world.on_device[1]);
	assert_true(world.notes > 0);
	world.status[0].state = VRRP_INITIALIZE;
	world.status[0].lingering = true;
	ring();
	assert_true(world.on_device[0]);
	world.status[0].lingering = false;
	ring();
	assert_false(world.on_device[0]);
	assert_int_equal(world.vip_calls, 2);
	world.vip_err = -ENOBUFS;
	world.status[0].state = VRRP_ACTIVE;
	ring();
	assert_false(world.on_device[0]);
	world.vip_err = 0;
	turn_for(600);
	assert_true(world.on_device[0]);
}

static void conditions_tell(void **state)
{
	uint64_t one = 1;

	(void)state;
	start_on(true);
	world.vip_err = -EPERM;
	world.status[0].state = VRRP_ACTIVE;
	snprintf(world.status[1].conflict, sizeof(world.status[1].conflict), "another host");
	world.sysctls_good = false;
	ring();
	assert_true(failed_within("conflict:eth0/52", 700));
	assert_true(failed_within("sysctl:eth0", 700));
	assert_false(health_failed(condition("address:192.0.2.100")));
	assert_true(failed_within("address:192.0.2.100", 2000));
	assert_false(health_failed(condition("address:192.0.2.101")));
	assert_false(health_failed(condition("virtual-mac")));
	assert_int_equal(node_vrrp_guard_pid(vrrp), 4711);
	assert_int_equal(write(world.guard_fd, &one, sizeof(one)), sizeof(one));
	assert_true(failed_within("guard", SOON_MS));
	assert_int_equal(node_vrrp_guard_pid(vrrp), 0);
	assert_false(health_any_fault(&health));
}

static void history_keeps_the_last_hundred(void **state)
{
	struct health_condition *c;

	(void)state;
	start_on(true);
	c = health_add(&health, "worker:0", HEALTH_FAULT, 1, 1, false, 1);
	health_report(&health, c, false, "hangs", 2);
	c = health_add(&health, "pool:rec", HEALTH_WEIGHT, 1, 1, false, 1);
	health_report(&health, c, false, "no server is up", 2);
	for (unsigned i = 0; i < 150; i++)
		world.transitions[i] = (struct vrrp_transition){ .mono_ns = i, .event = VRRP_EV_RELEASE };
	world.transitions[149].event = VRRP_EV_PEER_BETTER;
	world.n_transitions = 150;
	ring();
	assert_int_equal(node_vrrp_events(vrrp), VRRP_HISTORY);
	for (unsigned i = 0; i < VRRP_HISTORY; i++)
		assert_int_equal(node_vrrp_event(vrrp, i)->transition.mono_ns, 50 + i);
	assert_string_equal(node_vrrp_event(vrrp, 98)->because, "worker:0: hangs; pool:rec: no server is up");
	assert_string_equal(node_vrrp_event(vrrp, 99)->because, "worker:0: hangs; pool:rec: no server is up");
}

static void why_the_priority_is_lower(void **state)
{
	struct vrrp_status status = { .weights = 60 };
	struct health_condition *c;
	char text[256];

	(void)state;
	start_on(true);
	c = health_add(&health, "routes:rec", HEALTH_WEIGHT, 1, 1, false, 1);
	health_report(&health, c, false, "no member is up", 2);
	c = health_add(&health, "carrier:eth1", HEALTH_FAULT, 1, 1, false, 1);
	health_report(&health, c, false, "no carrier", 2);
	assert_string_equal(node_vrrp_why(vrrp, &status, text, sizeof(text)), "routes:rec: no member is up");
	status.demoted = true;
	assert_string_equal(node_vrrp_why(vrrp, &status, text, sizeof(text)), "carrier:eth1: no carrier");
	status = (struct vrrp_status){ 0 };
	assert_string_equal(node_vrrp_why(vrrp, &status, text, sizeof(text)), "");
	assert_string_equal(node_vrrp_why(vrrp, &(struct vrrp_status){ .weights = 1 }, text, 8), "routes:");
}

static bool has_condition(const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, name) == 0)
			return true;
	return false;
}

/* Twice, the second time before the engine has taken the first one up: nothing is freed under it. */
static void addresses_change_by_reload(void **state)
{
	struct addr list[2];
	const struct vrrp_conf *first;

	(void)state;
	start_on(true);
	world.in_use = &world.conf[0];
	world.status[0].state = VRRP_ACTIVE;
	ring();
	assert_true(world.on_device[0]);
	list[0] = addresses[0];
	addr_parse("192.0.2.103", &list[1]);
	routers[0].addresses.item = list;
	routers[0].addresses.n = 2;
	routers[0].priority = 7;
	reload();
	first = world.configured;
	assert_int_equal(first->count, 2);
	assert_int_equal(first->priority, 7);
	assert_int_equal(first->lease, 0);
	assert_true(first->virtual_mac);
	assert_true(world.on_device[0] && world.on_device[3]);
	assert_true(world.received[0] && world.received[3]);
	assert_true(has_condition("address:192.0.2.103") && has_condition("address:192.0.2.100"));
	assert_int_equal(node_vrrp_conf(vrrp, 0)->count, 2);

	routers[0].addresses.item = &list[1];
	routers[0].addresses.n = 1;
	reload();
	assert_ptr_not_equal(world.configured, first);
	assert_false(world.on_device[0]);
	assert_true(world.on_device[3]);
	assert_true(!world.received[0] && world.received[3]);
	assert_false(has_condition("address:192.0.2.100"));
	turn_for(600);
	assert_int_equal(first->count, 2);
	world.in_use = world.configured;
	turn_for(600);
	routers[0].priority = 8;
	reload();
	assert_int_equal(world.configured->priority, 8);
	assert_true(world.on_device[3]);
}

static void addresses_that_no_reload_takes(void **state)
{
	struct node_vrrp_plan *plan = NULL;
	char error[256] = "";

	(void)state;
	start_on(true);
	addr_parse("198.51.100.1", &addresses[0]);
	assert_int_equal(node_vrrp_prepare(vrrp, &config, &plan, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_non_null(strstr(error, "conf:9: vrrp[0]: 198.51.100.1 lies in no subnet"));
	assert_null(plan);
	assert_null(world.configured);
}

/* The second one goes, when the engine is done with it; another takes its place, with what the file of standby and its
 * group say; the first one is not touched. */
static void routers_come_and_go_by_reload(void **state)
{
	struct node_vrrp_plan *plan;
	char error[256] = "";

	(void)state;
	start_on(true);
	for (unsigned i = 0; i < 2; i++)
		world.status[i].state = VRRP_ACTIVE;
	world.in_use = &world.conf[0];
	ring();
	assert_true(world.on_device[0] && world.on_device[1]);
	config.n_vrrp = 1;
	reload();
	assert_int_equal(world.removed, 1 << 1);
	assert_int_equal(world.conf[1].linger_ms, 0);
	assert_int_equal(node_vrrp_places(vrrp), 3);
	ring();
	assert_non_null(node_vrrp_conf(vrrp, 1));	/* it may still say priority 0 */
	assert_true(has_condition("conflict:eth0/52"));
	world.status[1].state = VRRP_INITIALIZE;
	world.transitions[0] = (struct vrrp_transition){ .router = 1, .from = VRRP_ACTIVE, .to = VRRP_INITIALIZE };
	world.n_transitions = 1;
	world.gone = 1 << 1;
	ring();
	assert_int_equal(world.forgotten, 1 << 1);
	assert_null(node_vrrp_conf(vrrp, 1));
	assert_int_equal(node_vrrp_count(vrrp), 1);
	assert_int_equal(node_vrrp_places(vrrp), 1);
	assert_true(world.on_device[0] && !world.on_device[1]);
	assert_false(has_condition("conflict:eth0/52") || has_condition("address:192.0.2.101"));
	assert_true(has_condition("conflict:eth0/51") && has_condition("sysctl:eth0"));
	assert_int_equal(node_vrrp_event(vrrp, 0)->vrid, 52);	/* of one that is no more */
	assert_string_equal(node_vrrp_event(vrrp, 0)->interface, "eth0");

	config.n_vrrp = 2;
	routers[1].vrid = 53;
	routers[1].virtual_mac = false;
	addr_parse("192.0.2.102", &addresses[1]);
	reload();
	assert_int_equal(world.added->vrid, 53);
	assert_int_equal(world.told[1].up, true);
	assert_int_equal(world.released, 0);
	assert_true(has_condition("conflict:eth0/53") && has_condition("address:192.0.2.102"));
	assert_int_equal(node_vrrp_count(vrrp), 2);
	world.status[1].state = VRRP_ACTIVE;
	ring();
	assert_true(world.on_device[2]);
	assert_null(world.configured);
	assert_int_equal(world.removed, 0);

	/* One that the engine does not take is none; the next reload tries again. The first one goes: the interface
	 * keeps its condition. */
	memmove(&routers[0], &routers[1], sizeof(routers[0]));
	routers[1].vrid = 54;
	routers[1].place = 2;
	world.add_err = -ENOBUFS;
	reload();
	assert_null(node_vrrp_conf(vrrp, 2));
	assert_int_equal(world.removed, 1 << 0);
	world.status[0].state = VRRP_INITIALIZE;
	world.gone |= 1 << 0;
	world.in_use = NULL;
	ring();
	assert_null(node_vrrp_conf(vrrp, 0));
	assert_int_equal(world.macs_removed, 1);
	assert_false(world.received[0]);
	assert_true(has_condition("sysctl:eth0"));
	world.add_err = -ENODEV;
	world.added = NULL;
	reload();
	assert_non_null(world.added);
	addr_parse("198.51.100.1", &addresses[1]);
	routers[0].addresses.n = 0;	/* only the new one is looked at */
	config.vrrp = &routers[1];
	config.n_vrrp = 1;
	assert_int_equal(node_vrrp_prepare(vrrp, &config, &plan, error, sizeof(error)), -EADDRNOTAVAIL);
}

static void a_first_virtual_mac_needs_a_restart(void **state)
{
	struct node_vrrp_plan *plan;
	char error[256] = "";

	(void)state;
	config.n_vrrp = 1;
	routers[0].virtual_mac = false;
	start_on(true);
	config.n_vrrp = 2;
	routers[1].virtual_mac = true;
	assert_int_equal(node_vrrp_prepare(vrrp, &config, &plan, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "conf:9: vrrp[0]: a first virtual router with virtual_mac = true needs a restart");
}

/* Who reads the leases, and what is left of the virtual MAC. */
static void every_way_to_keep_silent(void **state)
{
	static const struct {
		bool has_filter, has_tcx;
		int guard_fd;
		bool virtual_mac, dead_man[2], rewritten;
	} cases[] = {
		{ true, true, STEER_FD, true, { true, true }, false },
		{ true, false, STEER_FD, true, { true, true }, true },
		{ false, true, VMAC_FD, true, { true, false }, false },
		{ false, false, -1, false, { false, false }, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (i) {
			tear_down(state);
			set_up(state);
		}
		world.has_tcx = cases[i].has_tcx;
		start_on(cases[i].has_filter);
		assert_int_equal(world.guard_lease_fd, cases[i].guard_fd);
		assert_ptr_equal(world.engine_page, node_vrrp_leases(vrrp));
		assert_int_equal(world.conf[0].virtual_mac, cases[i].virtual_mac);
		assert_false(world.conf[1].virtual_mac);
		assert_int_equal(node_vrrp_dead_man(vrrp, 0), cases[i].dead_man[0]);
		assert_int_equal(node_vrrp_dead_man(vrrp, 1), cases[i].dead_man[1]);
		assert_int_equal(world.rewrites, cases[i].rewritten);
		world.link.mac[5]++;	/* a new MAC of the interface is taken over */
		world.on_change(world.on_change_context);
		assert_int_equal(world.rewrites, 2 * cases[i].rewritten);
	}
}

#define CASE_IN_WORLD(text, function) { text, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE_IN_WORLD("the configuration reaches the engine, and so does a reload",
			      configuration_reaches_the_engine),
		CASE_IN_WORLD("addresses that the kernel contradicts are refused with file and line",
			      addresses_that_cannot_be),
		CASE_IN_WORLD("V040 peers reach the engine, are followed, and none is this host", peers_are_followed),
		CASE_IN_WORLD("V035 V093 V171 the engine is told of links when they change, and ready once proved",
			      links_are_followed),
		CASE_IN_WORLD("V104 V178 the kernel's address follows the state, and stays through the linger",
			      kernel_addresses_follow),
		CASE_IN_WORLD("V035 IPv6: the source is link-local, checked, not virtual, and stays", ipv6_source),
		CASE_IN_WORLD("V101 V141 IPv6: groups while Active; the kernel has all but the link-local address",
			      ipv6_kernel_and_groups),
		CASE_IN_WORLD("IPv6 addresses that the kernel contradicts", ipv6_addresses_that_cannot_be),
		CASE_IN_WORLD("conditions: address, conflict, settings, guard; no fault among them", conditions_tell),
		CASE_IN_WORLD("the history keeps the last hundred, with what was behind them",
			      history_keeps_the_last_hundred),
		CASE_IN_WORLD("V165 why the priority is lower than configured", why_the_priority_is_lower),
		CASE_IN_WORLD("V176 a reload changes the addresses of a virtual router", addresses_change_by_reload),
		CASE_IN_WORLD("V177 but not to those that cannot be", addresses_that_no_reload_takes),
		CASE_IN_WORLD("a reload adds and removes virtual routers", routers_come_and_go_by_reload),
		CASE_IN_WORLD("but not the first one with a virtual MAC", a_first_virtual_mac_needs_a_restart),
		CASE_IN_WORLD("dead-man and virtual MAC with and without filter and tcx", every_way_to_keep_silent),
	};

	return RUN(cases);
}
