/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hello.c - one node's side of the channel: what it says, what it makes of what it hears, and of silence. The
 * clock, the sockets, the virtual routers and the probes of virtual MACs are stand-ins; the other node is a box of its
 * own.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/hello.h"
#include "node/hellosocket.h"
#include "node/macprobe.h"
#include "node/vrrp.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum { WAITING = 400, LONGEST = 2048 };

struct datagram {
	uint8_t octets[LONGEST];
	size_t len;
};

static struct {
	uint64_t now_ns, wall_ns;
	/* what waits at each of the two sockets, and what was sent last */
	struct datagram *waits[2];
	unsigned n_waits[2], taken[2];
	uint64_t age_ns;
	struct datagram sent[2];
	unsigned sends[2], opens;
	int open_err, fd[2];
	/* our virtual routers */
	unsigned n;
	bool backward;			/* places the other way round than the configuration */
	struct vrrp_conf conf[2];
	struct vrrp_status status[2];
	uint64_t sent_ns;
	struct vrrp_second second[2];
	/* probes */
	void (*on_number)(void *context, uint64_t number);
	void *context;
	uint64_t number;
	unsigned probes;
	uint8_t probe_mac[6];
} world;

static struct loop loop;
static struct health health;
static struct config config;
static struct hello *hello;
static char key_path[] = "/tmp/test_hello.XXXXXX";

/* ---- stand-ins ---- */

#include "tests/node/world_clock.h"

uint64_t clock_wall_ns(void)
{
	return world.wall_ns + world.now_ns;
}

static unsigned path_of(int fd)
{
	return fd == world.fd[1];
}

int hellosocket_open(const struct endpoint *peer, const char *interface)
{
	unsigned path = interface[0] != '\0';

	assert_int_equal(peer->port, 11253);
	world.opens++;
	if (world.open_err)
		return world.open_err;
	world.fd[path] = eventfd(0, EFD_NONBLOCK);
	return world.fd[path];
}

void hellosocket_close(int fd)
{
	close(fd);
}

int hellosocket_send(int fd, const uint8_t *datagram, size_t len)
{
	unsigned path = path_of(fd);

	assert_true(len <= LONGEST);
	memcpy(world.sent[path].octets, datagram, len);
	world.sent[path].len = len;
	world.sends[path]++;
	return 0;
}

ssize_t hellosocket_receive(int fd, uint8_t *datagram, size_t size, uint64_t *age_ns, uint32_t *lost)
{
	unsigned path = path_of(fd);
	uint64_t rung;
	struct datagram *d;

	if (world.taken[path] == world.n_waits[path]) {
		world.taken[path] = world.n_waits[path] = 0;
		assert_true(read(fd, &rung, sizeof(rung)) > 0 || errno == EAGAIN);
		return -EAGAIN;
	}
	d = &world.waits[path][world.taken[path]++];
	assert_true(d->len <= size);
	memcpy(datagram, d->octets, d->len);
	*age_ns = world.age_ns;
	(void)lost;
	return (ssize_t)d->len;
}

int macprobe_open(struct macprobe **probe, struct loop *l, const char *interface,
		  void (*on_number)(void *context, uint64_t number), void *context)
{
	(void)l;
	assert_string_equal(interface, "eth0");
	world.on_number = on_number;
	world.context = context;
	*probe = (struct macprobe *)&world;
	return 0;
}

void macprobe_close(struct macprobe *probe)
{
	(void)probe;
}

int macprobe_send(struct macprobe *probe, const uint8_t virtual_mac[6], uint64_t number)
{
	(void)probe;
	memcpy(world.probe_mac, virtual_mac, 6);
	world.number = number;
	world.probes++;
	return 0;
}

unsigned node_vrrp_count(const struct node_vrrp *vrrp)
{
	(void)vrrp;
	return world.n;
}

const struct vrrp_conf *node_vrrp_conf(const struct node_vrrp *vrrp, unsigned router)
{
	(void)vrrp;
	return router < world.n && world.conf[router].vrid ? &world.conf[router] : NULL;
}

int node_vrrp_at(const struct node_vrrp *vrrp, unsigned position)
{
	(void)vrrp;
	return position < world.n ? (int)(world.backward ? world.n - 1 - position : position) : -1;
}

void node_vrrp_status(const struct node_vrrp *vrrp, unsigned router, struct vrrp_status *status)
{
	(void)vrrp;
	*status = world.status[router];
}

void node_vrrp_second(struct node_vrrp *vrrp, unsigned router, const struct vrrp_second *second)
{
	(void)vrrp;
	world.second[router] = *second;
}

uint64_t node_vrrp_sent_ns(const struct node_vrrp *vrrp, unsigned router)
{
	(void)vrrp;
	(void)router;
	return world.sent_ns;
}

static void figures(void *context, struct hello_figures *out)
{
	assert_ptr_equal(context, &world);
	*out = (struct hello_figures){ 111, 222, 333, 444 };
}

/* ---- the other node ---- */

static struct {
	struct hello_box box[2];
	struct hello_message says, heard;	/* what it says; what it heard of us last */
	bool silent[2], deaf[2];
	uint64_t wall_off_ns;
} peer;

static void peer_start(uint8_t run)
{
	static const uint8_t key[HELLO_KEY] = { 0xab, 0xcd };
	uint8_t session[HELLO_SESSION];

	memset(session, run, sizeof(session));
	for (unsigned i = 0; i < 2; i++)
		hello_box_init(&peer.box[i], key, (uint8_t)i, session);
}

static void ring(unsigned path)
{
	uint64_t one = 1;

	if (world.fd[path] >= 0)
		assert_int_equal(write(world.fd[path], &one, sizeof(one)), sizeof(one));
}

static struct datagram *queue(unsigned path)
{
	assert_true(world.n_waits[path] < WAITING);
	ring(path);
	return &world.waits[path][world.n_waits[path]++];
}

static void peer_say(unsigned path)
{
	static uint8_t octets[HELLO_DATAGRAM_MAX];
	struct datagram *d;
	size_t len;

	peer.says.wall_ns = clock_wall_ns() + peer.wall_off_ns;
	len = hello_box_seal(&peer.box[path], &peer.says, world.now_ns, octets);
	if (peer.silent[path])
		return;
	assert_true(len <= LONGEST);
	d = queue(path);
	memcpy(d->octets, octets, len);
	d->len = len;
}

static void peer_hear(unsigned path)
{
	uint64_t echo;

	if (world.sent[path].len && !peer.deaf[path])
		hello_box_open(&peer.box[path], world.sent[path].octets, world.sent[path].len, world.now_ns,
			       &peer.heard,
			       &echo);
	world.sent[path].len = 0;
}

/* Turns until all is done that is to be done now. */
static void turn(void)
{
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(loop_turn(&loop, 0), 0);
}

/* One beat: we speak, the peer hears and speaks, we hear. */
static void beats(unsigned n)
{
	while (n--) {
		world.now_ns += HELLO_INTERVAL_MS * MS;
		turn();
		for (unsigned path = 0; path < 2; path++) {
			peer_hear(path);
			peer_say(path);
		}
		turn();
	}
}

/* ---- helpers ---- */

static struct health_condition *condition(const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, name) == 0)
			return &health.conditions[i];
	fail_msg("no condition %s", name);
	return NULL;
}

static bool failed(const char *name)
{
	return health_failed(condition(name));
}

static void assert_cause(const char *name, const char *words)
{
	assert_true(failed(name));
	if (!strstr(condition(name)->cause, words))
		fail_msg("%s: %s", name, condition(name)->cause);
}

static void add_vrrp(void)
{
	struct vrrp_conf *conf = &world.conf[0];

	world.n = 1;
	strcpy(conf->interface, "eth0");
	conf->vrid = 51;
	strcpy(conf->group, "pair");
	conf->priority = 250;
	conf->interval_cs = 10;
	conf->virtual_mac = true;
	conf->count = 1;
	addr_parse("192.0.2.160", &conf->addresses[0]);
	world.status[0].state = VRRP_BACKUP;
	world.status[0].effective_priority = 200;
	peer.says.n_routers = 1;
	peer.says.router[0] = (struct hello_router){
		.family = 4, .vrid = 51, .state = VRRP_BACKUP, .virtual_mac = true, .priority = 200, .effective = 200,
		.interval_cs = 10, .advert_age_ms = HELLO_NEVER,
	};
}

static int set_up(void **state)
{
	struct datagram *waits[2] = { world.waits[0], world.waits[1] };

	(void)state;
	memset(&world, 0, sizeof(world));
	memset(&config, 0, sizeof(config));
	memset(&peer, 0, sizeof(peer));
	for (unsigned i = 0; i < 2; i++)
		world.waits[i] = waits[i] ? waits[i] : calloc(WAITING, sizeof(struct datagram));
	world.fd[0] = world.fd[1] = -1;
	world.now_ns = 1000 * (uint64_t)CLOCK_NS_PER_S;
	world.wall_ns = 1700000000 * (uint64_t)CLOCK_NS_PER_S;
	strcpy(config.node_name, "dd1");
	addr_parse("192.0.2.2", &config.peer.address);
	config.peer.port = 11253;
	config.peer.clock_ms = 1000;
	config.peer.hold_s = 60;
	strcpy(config.peer.secret, key_path);
	strcpy(config.peer.where, "conf:7: peer");
	for (unsigned i = 0; i < CONFHASH_COUNT; i++)
		config.part[i] = peer.says.part[i] = 100 + i;
	peer.says.n_parts = CONFHASH_COUNT;
	peer.says.prelude.version = HELLO_VERSION;
	peer.says.prelude.needs = HELLO_NEEDS;
	strcpy(peer.says.prelude.program, TANDEM_VERSION);
	strcpy(peer.says.name, "dd2");
	peer_start(0x21);
	hello = NULL;
	return hello_box_ready() || loop_init(&loop) || health_init(&health);
}

static int tear_down(void **state)
{
	(void)state;
	hello_close(hello);
	health_fini(&health);
	loop_fini(&loop);
	return 0;
}

static void open_hello(void)
{
	const struct hello_parts parts = {
		.loop = &loop, .health = &health, .vrrp = world.n ? (struct node_vrrp *)&world : NULL,
		.figures = figures, .context = &world,
	};
	char error[512] = "";

	if (hello_open(&hello, &parts, &config, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(world.opens, config_has_second_path(&config) ? 2 : 1);
}

static void add_second(void)
{
	addr_parse("10.9.0.2", &config.peer.second_address);
	strcpy(config.peer.second_interface, "eth9");
}

static struct hello_status status_now(void)
{
	struct hello_status s;

	hello_status(hello, &s);
	return s;
}

/* ---- cases ---- */

static void what_is_said(void **state)
{
	(void)state;
	add_vrrp();
	world.status[0].state = VRRP_ACTIVE;
	world.sent_ns = world.now_ns;
	health_report(&health, health_add(&health, "pool:rec", HEALTH_WEIGHT, 1, 1, false, 0), false, "x", 0);
	health_report(&health, health_add(&health, "filter:eth0", HEALTH_FAULT, 1, 1, false, 0), false, "x", 0);
	open_hello();
	beats(3);
	assert_string_equal(peer.heard.name, "dd1");
	assert_string_equal(peer.heard.prelude.program, TANDEM_VERSION);
	assert_int_equal(peer.heard.uptime_ms, 111);
	assert_int_equal(peer.heard.queries, 222);
	assert_int_equal(peer.heard.cache_entries, 333);
	assert_int_equal(peer.heard.cache_octets, 444);
	assert_int_equal(peer.heard.wall_ns, clock_wall_ns());
	assert_int_equal(peer.heard.n_parts, CONFHASH_COUNT);
	assert_int_equal(peer.heard.part[CONFHASH_RULES], 100 + CONFHASH_RULES);
	assert_int_equal(peer.heard.n_routers, 1);
	assert_int_equal(peer.heard.router[0].vrid, 51);
	assert_int_equal(peer.heard.router[0].family, 4);
	assert_int_equal(peer.heard.router[0].state, VRRP_ACTIVE);
	assert_string_equal(peer.heard.router[0].group, "pair");
	assert_int_equal(peer.heard.router[0].priority, 250);
	assert_int_equal(peer.heard.router[0].effective, 200);
	assert_int_equal(peer.heard.router[0].advert_age_ms, 3 * HELLO_INTERVAL_MS);
	assert_true(peer.heard.faulty);
	assert_int_equal(peer.heard.failed, 2);
	assert_string_equal(peer.heard.condition[0].name, "filter:eth0");
	assert_string_equal(peer.heard.condition[1].name, "pool:rec");
	world.status[0].state = VRRP_BACKUP;
	beats(1);
	assert_int_equal(peer.heard.router[0].advert_age_ms, HELLO_NEVER);
}

static bool has_condition(const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, name) == 0)
			return true;
	return false;
}

/* In the order of the configuration, wherever their places are: what the nodes make of it must be the same. */
static void routers_come_and_go(void **state)
{
	(void)state;
	add_vrrp();
	open_hello();
	beats(3);
	assert_int_equal(peer.heard.n_routers, 1);
	world.conf[1] = world.conf[0];
	world.conf[1].vrid = 52;
	world.status[1] = world.status[0];
	world.conf[1].virtual_mac = false;
	world.n = 2;
	world.backward = true;
	beats(1);
	assert_int_equal(peer.heard.n_routers, 2);
	assert_int_equal(peer.heard.router[0].vrid, 52);
	assert_int_equal(peer.heard.router[1].vrid, 51);
	assert_true(has_condition("lan:eth0/52") && has_condition("virtual-mac-deaf:eth0/51"));
	assert_false(has_condition("virtual-mac-deaf:eth0/52"));
	world.conf[0].vrid = 0;			/* its place is free */
	beats(1);
	assert_int_equal(peer.heard.n_routers, 1);
	assert_int_equal(peer.heard.router[0].vrid, 52);
	assert_false(has_condition("lan:eth0/51") || has_condition("virtual-mac-deaf:eth0/51"));
	world.conf[0] = world.conf[1];		/* and another's, at once */
	world.conf[0].vrid = 53;
	world.conf[1].vrid = 54;
	beats(1);
	assert_int_equal(peer.heard.router[0].vrid, 54);
	assert_int_equal(peer.heard.router[1].vrid, 53);
	assert_true(has_condition("lan:eth0/53") && has_condition("lan:eth0/54"));
	assert_false(has_condition("lan:eth0/52"));
}

static void seen_and_dead(void **state)
{
	struct hello_status s;

	(void)state;
	open_hello();
	beats(3);
	s = status_now();
	assert_true(s.alive && s.message && s.compared);
	assert_string_equal(s.message->name, "dd2");
	assert_int_equal(s.path[0].sessions, 1);
	beats(50);
	assert_false(failed("peer"));
	assert_int_equal(world.sends[0], 53);
	peer.silent[0] = true;
	beats(9);
	assert_false(failed("peer"));
	beats(3);
	assert_cause("peer", "dd2: it has fallen silent");
	assert_false(status_now().alive);
	peer.silent[0] = false;
	beats(3);
	assert_false(failed("peer"));
}

static void never_there(void **state)
{
	(void)state;
	peer.silent[0] = true;
	open_hello();
	beats(29);
	assert_false(failed("peer"));
	beats(2);
	assert_cause("peer", "192.0.2.2: nothing was ever heard");
	assert_null(status_now().message);
}

static void hears_us_not(void **state)
{
	(void)state;
	open_hello();
	beats(3);
	peer.deaf[0] = true;
	beats(40);
	assert_cause("peer", "ours do not reach it");
	assert_true(status_now().path[0].counts[HELLO_STALE] > 5);
}

static void started_again(void **state)
{
	(void)state;
	open_hello();
	beats(5);
	peer_start(0x22);
	beats(4);
	assert_true(status_now().alive);
	assert_int_equal(status_now().path[0].sessions, 2);
	beats(30);
	assert_false(failed("peer"));
}

static void no_route(void **state)
{
	unsigned opens;

	(void)state;
	world.open_err = -ENETUNREACH;
	open_hello();
	beats(40);
	assert_cause("peer", "unreachable");
	opens = world.opens;
	assert_in_range(opens, 4, 6);
	world.open_err = 0;
	beats(15);
	assert_false(failed("peer"));
	/* a path that is alive stays as it is; one that is not is opened anew now and then */
	opens = world.opens;
	beats(100);
	assert_int_equal(world.opens, opens);
	peer.silent[0] = true;
	beats(120);
	assert_in_range(world.opens, opens + 2, opens + 3);
}

static void other_configuration(void **state)
{
	struct hello_status s;

	(void)state;
	open_hello();
	beats(10);
	assert_false(failed("peer-config"));
	peer.says.part[CONFHASH_ROUTES]++;
	peer.says.part[CONFHASH_LIMITS]++;
	beats(5);
	assert_cause("peer-config", "other than on dd2: routes limits");
	s = status_now();
	assert_int_equal(s.differ, 1 << CONFHASH_ROUTES | 1 << CONFHASH_LIMITS);
	/* a reload here makes it the same */
	config.part[CONFHASH_ROUTES]++;
	config.part[CONFHASH_LIMITS]++;
	hello_adopt(hello, &config);
	beats(3);
	assert_false(failed("peer-config"));
	/* another program counts otherwise */
	peer.says.part[CONFHASH_ROUTES]++;
	strcpy(peer.says.prelude.program, "9.9");
	beats(10);
	assert_false(failed("peer-config"));
	assert_false(status_now().compared);
}

static void other_version(void **state)
{
	(void)state;
	open_hello();
	beats(10);
	peer.says.prelude.version = peer.says.prelude.needs = HELLO_VERSION + 1;
	strcpy(peer.says.prelude.program, "9.9");
	beats(3);
	assert_cause("peer-version", "tandemd 9.9 speaks version 2 and needs 2");
	assert_false(failed("peer"));
	assert_non_null(status_now().unpaired);
	peer.says.prelude.needs = HELLO_VERSION;
	beats(3);
	assert_false(failed("peer-version"));
	assert_null(status_now().unpaired);
}

static void clocks(void **state)
{
	(void)state;
	open_hello();
	peer.wall_off_ns = 900 * MS;
	beats(20);
	assert_false(failed("peer-clock"));
	assert_int_equal(status_now().skew_ns, 900 * MS);
	peer.wall_off_ns = 1500 * MS;
	beats(9);
	assert_false(failed("peer-clock"));
	beats(3);
	assert_cause("peer-clock", "that of dd2 is 1500 ms ahead");
	peer.wall_off_ns = -(2000 * MS);
	beats(2);
	assert_cause("peer-clock", "2000 ms behind");
	peer.wall_off_ns = 0;
	beats(2);
	assert_false(failed("peer-clock"));
	/* it waited in the socket: that is no difference of clocks */
	world.age_ns = 50 * MS;
	beats(1);
	assert_int_equal(status_now().skew_ns, 50 * (int64_t)MS);
}

static void one_of_two_paths(void **state)
{
	(void)state;
	add_second();
	open_hello();
	beats(40);
	assert_false(failed("peer-path:192.0.2.2"));
	assert_false(failed("peer-path:10.9.0.2"));
	peer.silent[1] = true;
	beats(14);
	assert_cause("peer-path:10.9.0.2", "fallen silent");
	assert_false(failed("peer"));
	assert_false(failed("peer-path:192.0.2.2"));
	peer.silent[0] = true;
	beats(12);
	assert_true(failed("peer"));
	assert_false(failed("peer-path:10.9.0.2"));	/* one finding is enough */
}

/* ---- the second heartbeat ---- */

static void second_path_tells(void **state)
{
	const struct vrrp_second nothing = { 0 };

	(void)state;
	add_vrrp();
	add_second();
	peer.says.router[0].state = VRRP_ACTIVE;
	peer.says.router[0].advert_age_ms = 7;
	open_hello();
	beats(5);
	assert_int_equal(world.second[0].sent_ns, world.now_ns - 7 * MS);
	assert_int_equal(world.second[0].until_ns, world.now_ns + HELLO_STALE_MS * MS);
	assert_int_equal(world.second[0].hold_ms, 60000);
	/* what waited in the socket is as old as it is */
	world.age_ns = 40 * MS;
	beats(1);
	assert_int_equal(world.second[0].sent_ns, world.now_ns - 47 * MS);
	assert_int_equal(world.second[0].until_ns, world.now_ns + (HELLO_STALE_MS - 40) * MS);
	world.age_ns = 0;

	peer.says.faulty = true;
	beats(1);
	assert_memory_equal(&world.second[0], &nothing, sizeof(nothing));
	peer.says.faulty = false;
	beats(1);
	assert_int_not_equal(world.second[0].until_ns, 0);
	peer.says.router[0].state = VRRP_BACKUP;
	beats(1);
	assert_memory_equal(&world.second[0], &nothing, sizeof(nothing));
	peer.says.router[0].state = VRRP_ACTIVE;
	beats(1);
	assert_int_not_equal(world.second[0].until_ns, 0);
	peer.says.router[0].vrid = 52;
	beats(1);
	assert_memory_equal(&world.second[0], &nothing, sizeof(nothing));
}

/* A message that echoes what we sent a while ago may be as old as that. */
static void delayed_by_the_second_path(void **state)
{
	uint64_t echoed;

	(void)state;
	add_vrrp();
	add_second();
	peer.says.router[0].state = VRRP_ACTIVE;
	peer.says.router[0].advert_age_ms = 7;
	open_hello();
	beats(5);
	echoed = world.now_ns;
	peer.deaf[1] = true;
	beats(4);
	assert_true(world.second[0].until_ns <= echoed + 500 * MS);
	assert_true(world.second[0].until_ns > echoed);
	beats(10);
	assert_true(world.second[0].until_ns <= echoed + 500 * MS);
}

static void first_path_alone_tells_nothing(void **state)
{
	(void)state;
	add_vrrp();
	peer.says.router[0].state = VRRP_ACTIVE;
	peer.says.router[0].advert_age_ms = 7;
	open_hello();
	beats(10);
	assert_true(status_now().alive);
	assert_int_equal(world.second[0].until_ns, 0);
}

static void faulty_lan(void **state)
{
	(void)state;
	add_vrrp();
	open_hello();
	peer.says.router[0].state = VRRP_ACTIVE;
	beats(20);
	assert_false(failed("lan:eth0/51"));
	world.status[0].held = true;
	beats(9);
	assert_false(failed("lan:eth0/51"));
	beats(3);
	assert_cause("lan:eth0/51", "waiting as Backup");
	world.status[0].held = false;
	beats(2);
	assert_false(failed("lan:eth0/51"));
	world.status[0].state = VRRP_ACTIVE;
	beats(12);
	assert_cause("lan:eth0/51", "dd2 is Active as well");
	peer.says.router[0].state = VRRP_BACKUP;
	beats(2);
	assert_false(failed("lan:eth0/51"));
	/* a peer that died as Active does not look like a second one */
	peer.says.router[0].state = VRRP_ACTIVE;
	world.status[0].state = VRRP_BACKUP;
	beats(3);
	peer.silent[0] = true;
	world.status[0].state = VRRP_ACTIVE;
	beats(30);
	assert_false(failed("lan:eth0/51"));
}

/* ---- virtual MACs ---- */

/* The peer sends a number that is asked for, says so, and it comes or not. */
static void probe_beats(unsigned n, bool comes)
{
	while (n--) {
		uint64_t wanted = peer.heard.n_routers ? peer.heard.router[0].wanted : 0;

		if (wanted && wanted != peer.says.router[0].probed) {
			peer.says.router[0].probed = wanted;
			if (comes)
				world.on_number(world.context, wanted);
		}
		beats(1);
	}
}

static enum hello_reach reach(void)
{
	struct hello_router_status s;

	hello_router_status(hello, 0, &s);
	return s.reach;
}

static void deaf_virtual_mac(void **state)
{
	(void)state;
	add_vrrp();
	world.status[0].state = VRRP_ACTIVE;
	open_hello();
	probe_beats(60, true);
	assert_int_equal(reach(), HELLO_REACH_ARRIVES);
	assert_false(failed("virtual-mac-deaf:eth0/51"));
	probe_beats(30, false);
	assert_int_equal(reach(), HELLO_REACH_DEAF);
	probe_beats(20, false);
	assert_cause("virtual-mac-deaf:eth0/51", "virtual_mac = false");
	probe_beats(45, true);
	assert_int_equal(reach(), HELLO_REACH_ARRIVES);
	assert_false(failed("virtual-mac-deaf:eth0/51"));
	/* nobody else's number counts, and a Backup asks for none */
	world.on_number(world.context, 12345);
	world.status[0].state = VRRP_BACKUP;
	beats(2);
	assert_int_equal(reach(), HELLO_REACH_UNKNOWN);
	assert_int_equal(peer.heard.router[0].wanted, 0);
}

static void asked_for_a_number(void **state)
{
	static const uint8_t mac[6] = { 0, 0, 0x5e, 0, 1, 51 };

	(void)state;
	add_vrrp();
	open_hello();
	peer.says.router[0].state = VRRP_ACTIVE;
	beats(5);
	assert_int_equal(world.probes, 0);
	peer.says.router[0].wanted = 77;
	beats(10);
	assert_int_equal(world.number, 77);
	assert_int_equal(world.probes, 3);
	assert_memory_equal(world.probe_mac, mac, sizeof(mac));
	assert_int_equal(peer.heard.router[0].probed, 77);
	peer.says.router[0].wanted = 78;
	beats(10);
	assert_int_equal(world.probes, 6);
	/* an Active sends nothing to its own virtual MAC */
	peer.says.router[0].wanted = 79;
	world.status[0].state = VRRP_ACTIVE;
	beats(10);
	assert_int_equal(world.probes, 6);
}

static void secret_that_others_read(void **state)
{
	const struct hello_parts parts = { .loop = &loop, .health = &health, .figures = figures, .context = &world };
	char error[512] = "";

	(void)state;
	strcpy(config.peer.secret, "/dev/null");
	assert_int_not_equal(hello_open(&hello, &parts, &config, error, sizeof(error)), 0);
	assert_non_null(strstr(error, "conf:7: peer.secret: /dev/null"));
	hello = NULL;
}

#define FRESH(description, function) { description, function, set_up, tear_down, NULL }

static const struct CMUnitTest cases[] = {
	FRESH("name, figures, configuration, conditions and virtual routers are said ten times a second", what_is_said),
	FRESH("virtual routers that a reload adds and removes are followed", routers_come_and_go),
	FRESH("the peer is seen; silent for a second it is missed, and seen again", seen_and_dead),
	FRESH("a peer that never speaks is missed after three seconds", never_there),
	FRESH("a peer that does not hear us is told apart from one that is dead", hears_us_not),
	FRESH("D232 a peer that is started again is no alarm", started_again),
	FRESH("without a route it says so and tries again; a silent path is opened anew", no_route),
	FRESH("D236 what differs is named by part; another program's numbers are not compared", other_configuration),
	FRESH("D232 a version that cannot pair is a condition of its own", other_version),
	FRESH("clocks that differ by more than clock_ms, for a second", clocks),
	FRESH("one of two paths silent is told, both are one finding", one_of_two_paths),
	FRESH("V182 the second path tells of a healthy Active, when it advertised and until when that counts",
	      second_path_tells),
	FRESH("V182 an echo of long ago shortens it", delayed_by_the_second_path),
	FRESH("V182 the first path alone tells nothing", first_path_alone_tells_nothing),
	FRESH("V182 a LAN that is faulty is named, on a Backup that waits and with two Actives", faulty_lan),
	FRESH("a virtual MAC that does not hear, and hears again", deaf_virtual_mac),
	FRESH("a Backup that is asked sends three frames to the virtual MAC, and says so", asked_for_a_number),
	FRESH("a secret that cannot be used ends the start, with its place", secret_that_others_read),
};

int main(void)
{
	int fd = mkstemp(key_path), failures;
	FILE *out = fdopen(fd, "w");

	fprintf(out, "abcd%060d\n", 0);
	fclose(out);
	failures = RUN(cases);
	unlink(key_path);
	return failures;
}
