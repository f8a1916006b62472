/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello.c - what the two nodes tell each other, and what is made of it. Contract in hello.h.
 *
 * A beat of 100 ms says how we are by every path, and judges: conditions are about time, so they are judged by the beat
 * and not by what comes in. What comes in has gone through the box of its path (hellopath.c), which lets nothing pass
 * that the peer did not just write; then the last message is simply replaced.
 *
 * The second path's word goes on to the VRRP thread as two times: when the peer sent its last advertisement as a
 * healthy Active, by our clock, and until when that counts. Both are bounded by what our own datagram that it echoes
 * proves, so a delayed message cannot hold a Backup back for longer than a fresh one.
 */
#include "node/hello.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/hellokey.h"
#include "node/hellomac.h"
#include "node/hellopath.h"
#include "node/macprobe.h"
#include "node/vrrp.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum {
	PATIENCE_MS = 3000,		/* after the start, before a silent peer is one */
	ECHO_HOLDS_MS = 500,		/* what the second path said of our datagram's time cannot count longer */
	FALL = 3, FALL_SLOW = 10, FALL_DEAF = 2,
	SECOND = 1,			/* index of the second path */
};

struct router {
	char name[VRRP_NAME_MAX];		/* "" = there is none at this place */
	struct hello_mac mac;
	struct health_condition *lan;
};

/* Of an interface. */
struct probe {
	char interface[IF_NAMESIZE];	/* "" = free */
	struct macprobe *probe;		/* NULL: it could not be opened */
};

struct hello {
	struct hello_parts parts;
	char name[HELLO_NAME_MAX];
	struct loop_timer beat;
	uint64_t started_ns;
	unsigned n_paths;
	struct hello_path path[HELLO_PATHS];
	struct health_condition *path_alive[HELLO_PATHS];	/* none of a single path */
	struct router router[VRRP_ROUTERS_MAX];
	struct probe probe[VRRP_ROUTERS_MAX];
	uint64_t part[CONFHASH_COUNT];
	uint64_t clock_ns, hold_ms;
	bool alive;
	uint64_t since_ns;
	bool has_message;
	struct hello_message message;	/* the peer's last */
	uint64_t message_ns;
	int64_t skew_ns;
	struct hello_prelude unpaired;	/* of a version that cannot pair */
	uint64_t unpaired_ns;
	struct health_condition *peer, *version, *config, *clock;
};

_Static_assert((int)CONFHASH_COUNT <= (int)HELLO_PARTS_MAX, "a number for each part");
_Static_assert((int)VRRP_GROUP_MAX == (int)HELLO_GROUP_MAX, "so does its name");
_Static_assert((int)VRRP_ROUTERS_MAX <= (int)HELLO_ROUTERS_MAX, "all routers fit");

/* Is there a message, and is it of now? */
static bool knows_peer(const struct hello *h, uint64_t now_ns)
{
	return h->has_message && hello_is_within(h->message_ns, HELLO_SILENT_MS, now_ns);
}

/* ---- virtual routers, ours and the peer's ---- */

static uint8_t family_of(const struct vrrp_conf *conf)
{
	return vrrp_is_ipv6(conf) ? 6 : 4;
}

static bool is_same_router(const struct vrrp_conf *a, const struct vrrp_conf *b)
{
	return a->vrid == b->vrid && family_of(a) == family_of(b);
}

/* At place i, as far as hello knows it: a reload may have taken it out since the last beat. NULL: there is none. */
static const struct vrrp_conf *conf_at(const struct hello *h, unsigned i)
{
	return h->router[i].name[0] ? node_vrrp_conf(h->parts.vrrp, i) : NULL;
}

/* The router at a position of the configuration, and its place; NULL = none, or not yet. */
static const struct vrrp_conf *conf_in_order(const struct hello *h, unsigned position, unsigned *place)
{
	int at = h->parts.vrrp ? node_vrrp_at(h->parts.vrrp, position) : -1;

	*place = at < 0 ? 0 : (unsigned)at;
	return at < 0 ? NULL : conf_at(h, *place);
}

/* How many in front of the router at place i, in the configuration, have the same family and VRID. */
static unsigned count_twins(const struct hello *h, unsigned i)
{
	const struct vrrp_conf *conf = node_vrrp_conf(h->parts.vrrp, i), *other;
	unsigned twins = 0, place;

	for (unsigned p = 0; p < VRRP_ROUTERS_MAX; p++) {
		other = conf_in_order(h, p, &place);
		if (other == conf)
			break;
		twins += other && is_same_router(other, conf);
	}
	return twins;
}

/* The peer's counterpart of our router i; NULL = it has none. */
static const struct hello_router *find_peer_router(const struct hello *h, unsigned i)
{
	const struct vrrp_conf *conf = node_vrrp_conf(h->parts.vrrp, i);
	unsigned twin = 0, twins = count_twins(h, i);

	for (unsigned j = 0; j < h->message.n_routers; j++) {
		const struct hello_router *router = &h->message.router[j];

		if (router->vrid == conf->vrid && router->family == family_of(conf) && twin++ == twins)
			return router;
	}
	return NULL;
}

/* ---- what we say ---- */

static uint32_t advert_age_ms(const struct hello *h, unsigned i, const struct vrrp_status *status)
{
	uint64_t sent_ns = node_vrrp_sent_ns(h->parts.vrrp, i), now_ns = clock_mono_ns();
	uint64_t age_ms = now_ns > sent_ns ? (now_ns - sent_ns) / MS : 0;

	return status->state == VRRP_ACTIVE && sent_ns && age_ms < HELLO_NEVER ? (uint32_t)age_ms : HELLO_NEVER;
}

static void fill_router(const struct hello *h, unsigned i, struct hello_router *out)
{
	const struct vrrp_conf *conf = node_vrrp_conf(h->parts.vrrp, i);
	struct vrrp_status status;

	node_vrrp_status(h->parts.vrrp, i, &status);
	*out = (struct hello_router){
		.family = family_of(conf),
		.vrid = conf->vrid,
		.state = (uint8_t)status.state,
		.virtual_mac = conf->virtual_mac,
		.released = status.released,
		.priority = conf->priority,
		.effective = status.effective_priority,
		.interval_cs = conf->interval_cs,
		.advert_age_ms = advert_age_ms(h, i, &status),
		.wanted = h->router[i].mac.wanted,
		.probed = h->router[i].mac.probed,
	};
	memcpy(out->group, conf->group, sizeof(out->group));
}

/* Those of one kind that have failed. */
static void add_conditions(const struct hello *h, enum health_kind kind, struct hello_message *m)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		const struct health_condition *c = &h->parts.health->conditions[i];

		if (!c->in_use || c->kind != kind || !health_failed(c))
			continue;
		m->failed++;
		if (m->n_conditions == HELLO_CONDITIONS_MAX)
			continue;
		m->condition[m->n_conditions].kind = (uint8_t)kind;
		snprintf(m->condition[m->n_conditions++].name, HELLO_NAME_MAX, "%s", c->name);
	}
}

static void fill_message(const struct hello *h, struct hello_message *m)
{
	struct hello_figures figures = { 0 };
	unsigned place;

	memset(m, 0, sizeof(*m));
	m->prelude.version = HELLO_VERSION;
	m->prelude.needs = HELLO_NEEDS;
	snprintf(m->prelude.program, sizeof(m->prelude.program), "%s", TANDEM_VERSION);
	h->parts.figures(h->parts.context, &figures);
	m->wall_ns = clock_wall_ns();
	m->uptime_ms = figures.uptime_ms;
	m->queries = figures.queries;
	m->cache_entries = figures.cache_entries;
	m->cache_octets = figures.cache_octets;
	snprintf(m->name, sizeof(m->name), "%s", h->name);
	m->n_parts = CONFHASH_COUNT;
	memcpy(m->part, h->part, sizeof(h->part));
	for (unsigned p = 0; p < VRRP_ROUTERS_MAX; p++)
		if (conf_in_order(h, p, &place))
			fill_router(h, place, &m->router[m->n_routers++]);
	add_conditions(h, HEALTH_FAULT, m);
	m->faulty = m->failed;
	add_conditions(h, HEALTH_WEIGHT, m);
	add_conditions(h, HEALTH_NOTICE, m);
}

/* ---- what we hear ---- */

/* By the clock of our datagram that the message echoes: it was written after that. */
static void tell_router(struct hello *h, unsigned i, uint64_t heard_ns, uint64_t echo_ns)
{
	const struct hello_router *peer = find_peer_router(h, i);
	struct vrrp_second second = { 0 };

	if (peer && peer->state == VRRP_ACTIVE && !h->message.faulty && peer->advert_age_ms != HELLO_NEVER &&
	    peer->advert_age_ms * MS < heard_ns) {
		second.sent_ns = heard_ns - peer->advert_age_ms * MS;
		second.until_ns = heard_ns + HELLO_STALE_MS * MS;
		if (second.until_ns > echo_ns + ECHO_HOLDS_MS * MS)
			second.until_ns = echo_ns + ECHO_HOLDS_MS * MS;
		second.hold_ms = h->hold_ms;
	}
	node_vrrp_second(h->parts.vrrp, i, &second);
}

static bool is_active(const struct hello *h, unsigned i)
{
	struct vrrp_status status;

	node_vrrp_status(h->parts.vrrp, i, &status);
	return status.state == VRRP_ACTIVE;
}

static void take_message(struct hello *h, bool by_second, const struct hello_times *times)
{
	uint64_t heard_ns = times->age_ns < times->now_ns ? times->now_ns - times->age_ns : times->now_ns;

	h->has_message = true;
	h->message_ns = times->now_ns;
	h->skew_ns = (int64_t)(h->message.wall_ns - (clock_wall_ns() - times->age_ns));
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (!conf_at(h, i))
			continue;
		if (by_second)
			tell_router(h, i, heard_ns, times->echo_ns);
		hello_mac_hear(&h->router[i].mac, find_peer_router(h, i), is_active(h, i));
	}
}

static void on_message(struct hello_path *path, enum hello_verdict verdict, const struct hello_message *message,
		       const struct hello_times *times)
{
	struct hello *h = path->context;

	if (verdict == HELLO_UNPAIRED) {
		h->unpaired = message->prelude;
		h->unpaired_ns = times->now_ns;
		return;
	}
	h->message = *message;
	h->unpaired_ns = 0;
	take_message(h, path->index == SECOND, times);
}

/* ---- judging ---- */

static void judge(struct hello *h, struct health_condition *condition, bool good, const char *cause, uint64_t now_ns)
{
	if (condition)
		health_report(h->parts.health, condition, good, cause, now_ns);
}

static const char *peer_name(const struct hello *h, char *text, size_t size)
{
	if (h->has_message)
		return h->message.name;
	return addr_format(&h->path[0].peer.addr, text, size);
}

static void judge_paths(struct hello *h, uint64_t now_ns)
{
	char cause[HEALTH_CAUSE_MAX], address[ADDR_TEXT_MAX];
	bool alive = false, patient = now_ns - h->started_ns < PATIENCE_MS * MS;

	for (unsigned i = 0; i < h->n_paths; i++)
		alive |= hello_path_is_alive(&h->path[i], now_ns);
	if (alive != h->alive)
		h->since_ns = now_ns;
	h->alive = alive;
	snprintf(cause, sizeof(cause), "%s: %s", peer_name(h, address, sizeof(address)),
		 hello_path_why_silent(&h->path[0], now_ns));
	judge(h, h->peer, alive || patient, cause, now_ns);
	for (unsigned i = 0; i < h->n_paths; i++)
		judge(h, h->path_alive[i], hello_path_is_alive(&h->path[i], now_ns) || !alive || patient,
		      hello_path_why_silent(&h->path[i], now_ns), now_ns);
}

static void judge_version(struct hello *h, uint64_t now_ns)
{
	const struct hello_prelude *p = &h->unpaired;
	bool bad = hello_is_within(h->unpaired_ns, HELLO_SILENT_MS, now_ns);
	char cause[HEALTH_CAUSE_MAX];

	snprintf(cause, sizeof(cause), "tandemd %s speaks version %u and needs %u; " TANDEM_VERSION " speaks "
		 "%d and needs %d",
		 p->program, p->version, p->needs, HELLO_VERSION, HELLO_NEEDS);
	judge(h, h->version, !bad, cause, now_ns);
}

/* Another program may have other keys, and its numbers mean something else. */
static bool is_comparable(const struct hello *h)
{
	return strcmp(h->message.prelude.program, TANDEM_VERSION) == 0 && h->message.n_parts == CONFHASH_COUNT;
}

static uint32_t differing_parts(const struct hello *h)
{
	uint32_t differ = 0;

	for (unsigned i = 0; i < CONFHASH_COUNT; i++)
		if (h->message.part[i] != h->part[i])
			differ |= 1u << i;
	return differ;
}

static void judge_config(struct hello *h, uint64_t now_ns)
{
	uint32_t differ = differing_parts(h);
	char cause[HEALTH_CAUSE_MAX];
	size_t at;

	if (!is_comparable(h)) {
		judge(h, h->config, true, NULL, now_ns);
		return;
	}
	at = (size_t)snprintf(cause, sizeof(cause), "other than on %s:", h->message.name);
	for (unsigned i = 0; i < CONFHASH_COUNT; i++)
		if (differ & 1u << i)
			at += (size_t)snprintf(cause + at, sizeof(cause) - at, " %s",
					       confhash_name((enum confhash_part)i));
	judge(h, h->config, !differ, cause, now_ns);
}

static void judge_clock(struct hello *h, uint64_t now_ns)
{
	uint64_t off = (uint64_t)(h->skew_ns < 0 ? -h->skew_ns : h->skew_ns);
	char cause[HEALTH_CAUSE_MAX];

	snprintf(cause, sizeof(cause), "that of %s is %" PRIu64 " ms %s", h->message.name, off / MS,
		 h->skew_ns < 0 ? "behind" : "ahead");
	judge(h, h->clock, off <= h->clock_ns, cause, now_ns);
}

/* What differed when the peer fell silent differs until it says otherwise. */
static void judge_peer(struct hello *h, uint64_t now_ns)
{
	judge_paths(h, now_ns);
	judge_version(h, now_ns);
	if (!knows_peer(h, now_ns))
		return;
	judge_config(h, now_ns);
	judge_clock(h, now_ns);
}

static void judge_lan(struct hello *h, unsigned i, const struct vrrp_status *status, uint64_t now_ns)
{
	bool is_new = h->has_message && hello_is_within(h->message_ns, HELLO_STALE_MS, now_ns);
	const struct hello_router *peer = is_new ? find_peer_router(h, i) : NULL;
	bool both = peer && status->state == VRRP_ACTIVE && peer->state == VRRP_ACTIVE;
	char cause[HEALTH_CAUSE_MAX];

	if (both)
		snprintf(cause, sizeof(cause), "%s is Active as well: advertisements do not get through",
			 h->message.name);
	else
		snprintf(cause, sizeof(cause), "%s is Active and sends advertisements that do not come: waiting as "
			 "Backup",
			 h->message.name);
	judge(h, h->router[i].lan, !both && !status->held, cause, now_ns);
}

static void on_number(void *context, uint64_t number)
{
	struct hello *h = context;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		hello_mac_note(&h->router[i].mac, number);
}

static void judge_routers(struct hello *h, uint64_t now_ns)
{
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		struct vrrp_status status;

		if (!conf_at(h, i))
			continue;
		node_vrrp_status(h->parts.vrrp, i, &status);
		judge_lan(h, i, &status, now_ns);
		hello_mac_judge(&h->router[i].mac, h->parts.health,
				status.state == VRRP_ACTIVE && knows_peer(h, now_ns), now_ns);
	}
}

/* ---- virtual routers come and go ---- */

static struct health_condition *watch(struct hello *h, uint16_t fall, const char *format, const char *what)
{
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), format, what);
	return health_add(h->parts.health, name, HEALTH_NOTICE, fall, 1, false, h->started_ns);
}

/* The probe of an interface; one that cannot be opened leaves the question open. */
static struct macprobe *find_probe(struct hello *h, const char *interface)
{
	struct probe *probe = h->probe;
	int err;

	while (probe->interface[0] && strcmp(probe->interface, interface) != 0)
		if (++probe == h->probe + VRRP_ROUTERS_MAX)
			return NULL;
	if (probe->interface[0])
		return probe->probe;
	snprintf(probe->interface, sizeof(probe->interface), "%s", interface);
	err = macprobe_open(&probe->probe, h->parts.loop, interface, on_number, h);
	if (err)
		log_warning("peer: %s: whether the virtual MAC is heard is not known: %s", interface, strerror(-err));
	return probe->probe;
}

static void add_router(struct hello *h, unsigned i, const struct vrrp_conf *conf, const char *name)
{
	struct router *router = &h->router[i];

	snprintf(router->name, sizeof(router->name), "%s", name);
	router->lan = watch(h, FALL_SLOW, "lan:%s", name);
	if (!conf->virtual_mac)
		return;
	router->mac.probe = find_probe(h, conf->interface);
	if (router->mac.probe)
		router->mac.deaf = watch(h, FALL_DEAF, "virtual-mac-deaf:%s", name);
}

static void drop_router(struct hello *h, unsigned i)
{
	struct router *router = &h->router[i];

	if (router->lan)
		health_remove(h->parts.health, router->lan);
	if (router->mac.deaf)
		health_remove(h->parts.health, router->mac.deaf);
	memset(router, 0, sizeof(*router));
}

/* A reload adds and removes them. */
static void follow_routers(struct hello *h)
{
	unsigned n = h->parts.vrrp ? node_vrrp_count(h->parts.vrrp) : 0;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		const struct vrrp_conf *conf = i < n ? node_vrrp_conf(h->parts.vrrp, i) : NULL;
		char name[VRRP_NAME_MAX] = "";

		if (conf)
			snprintf(name, sizeof(name), VRRP_NAME, VRRP_NAME_OF(conf));
		if (strcmp(name, h->router[i].name) == 0)
			continue;
		if (h->router[i].name[0])
			drop_router(h, i);
		if (conf)
			add_router(h, i, conf, name);
	}
}

/* ---- the beat ---- */

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct hello *h = (struct hello *)((char *)timer - offsetof(struct hello, beat));
	struct hello_message message;

	for (unsigned i = 0; i < h->n_paths; i++)
		hello_path_keep_open(&h->path[i], now_ns);
	follow_routers(h);
	judge_peer(h, now_ns);
	judge_routers(h, now_ns);
	fill_message(h, &message);
	for (unsigned i = 0; i < h->n_paths; i++)
		hello_path_say(&h->path[i], &message, now_ns);
	loop_timer_start(h->parts.loop, timer, now_ns + HELLO_INTERVAL_MS * MS);
}

/* ---- opening ---- */

static void add_peer_conditions(struct hello *h)
{
	char address[ADDR_TEXT_MAX];

	h->peer = watch(h, 1, "%s", "peer");
	h->version = watch(h, 1, "%s", "peer-version");
	h->config = watch(h, FALL, "%s", "peer-config");
	h->clock = watch(h, FALL_SLOW, "%s", "peer-clock");
	for (unsigned i = 0; i < h->n_paths && h->n_paths > 1; i++)
		h->path_alive[i] = watch(h, FALL, "peer-path:%s",
					     addr_format(&h->path[i].peer.addr, address, sizeof(address)));
}

static void init_path(struct hello *h, unsigned index, const struct addr *address, uint32_t port,
		      const char *interface, const uint8_t key[HELLO_KEY], const uint8_t session[HELLO_SESSION])
{
	struct hello_path *path = &h->path[index];

	path->loop = h->parts.loop;
	path->on_message = on_message;
	path->context = h;
	path->index = index;
	path->peer = (struct endpoint){ *address, (uint16_t)port };
	snprintf(path->interface, sizeof(path->interface), "%s", interface);
	hello_path_init(path, key, session);
	h->n_paths++;
}

static int init_paths(struct hello *h, const struct config_peer *peer, char *error, size_t size)
{
	uint8_t key[HELLO_KEY], session[HELLO_SESSION];
	char why[256] = "";
	int err = hello_box_ready();

	if (err)
		return log_fail(err, error, size, "%s: no random numbers", peer->where);
	err = hellokey_read(peer->secret, key, why, sizeof(why));
	if (err)
		return log_fail(err, error, size, "%s.secret: %s", peer->where, why);
	randombytes_buf(session, sizeof(session));
	init_path(h, 0, &peer->address, peer->port, peer->interface, key, session);
	if (!addr_equal(&peer->second_address, &(struct addr){ 0 }))
		init_path(h, SECOND, &peer->second_address, peer->port, peer->second_interface, key, session);
	sodium_memzero(key, sizeof(key));
	return 0;
}

int hello_open(struct hello **result, const struct hello_parts *parts, const struct config *config, char *error,
	       size_t size)
{
	struct hello *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return log_fail(-ENOMEM, error, size, "peer: %s", strerror(ENOMEM));
	h->parts = *parts;
	h->started_ns = h->since_ns = clock_mono_ns();
	snprintf(h->name, sizeof(h->name), "%s", config->node_name);
	h->path[0].io.fd = h->path[SECOND].io.fd = -1;
	err = init_paths(h, &config->peer, error, size);
	if (err) {
		hello_close(h);
		return err;
	}
	add_peer_conditions(h);
	follow_routers(h);
	hello_adopt(h, config);
	for (unsigned i = 0; i < h->n_paths; i++)
		hello_path_open(&h->path[i], h->started_ns);
	h->beat.on_due = on_beat;
	loop_timer_start(parts->loop, &h->beat, h->started_ns);
	*result = h;
	return 0;
}

void hello_close(struct hello *h)
{
	if (!h)
		return;
	if (h->beat.on_due)
		loop_timer_stop(h->parts.loop, &h->beat);
	for (unsigned i = 0; i < h->n_paths; i++)
		hello_path_close(&h->path[i]);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		macprobe_close(h->probe[i].probe);
	sodium_memzero(h, sizeof(*h));
	free(h);
}

void hello_adopt(struct hello *h, const struct config *config)
{
	memcpy(h->part, config->part, sizeof(h->part));
	h->clock_ns = config->peer.clock_ms * MS;
	h->hold_ms = config->peer.hold_s * (uint64_t)1000;
}

/* ---- status ---- */

void hello_status(const struct hello *h, struct hello_status *s)
{
	static const char *const names[HELLO_PATHS] = { "first", "second" };
	uint64_t now_ns = clock_mono_ns();

	*s = (struct hello_status){
		.alive = h->alive,
		.since_ns = h->since_ns,
		.message = h->has_message ? &h->message : NULL,
		.unpaired = hello_is_within(h->unpaired_ns, HELLO_SILENT_MS, now_ns) ? &h->unpaired : NULL,
		.skew_ns = h->skew_ns,
		.compared = h->has_message && is_comparable(h),
		.paths = h->n_paths,
	};
	s->differ = s->compared ? differing_parts(h) : 0;
	for (unsigned i = 0; i < h->n_paths; i++) {
		const struct hello_path *path = &h->path[i];

		s->path[i] = (struct hello_path_status){
			.name = names[i],
			.peer = path->peer,
			.interface = path->interface,
			.alive = hello_path_is_alive(path, now_ns),
			.trouble = path->trouble,
			.heard_ns = path->heard_ns,
			.sent = path->sent,
			.send_errors = path->send_errors,
			.sessions = path->box.sessions,
			.counts = path->counts,
		};
		if (path->heard_ns > s->heard_ns)
			s->heard_ns = path->heard_ns;
	}
}

void hello_router_status(const struct hello *h, unsigned i, struct hello_router_status *s)
{
	const struct hello_mac *mac = &h->router[i].mac;

	*s = (struct hello_router_status){
		.peer = knows_peer(h, clock_mono_ns()) && conf_at(h, i) ? find_peer_router(h, i) : NULL,
		.reach = mac->reach,
		.probes_sent = mac->probes_sent,
		.probes_seen = mac->probes_seen,
		.probes_missed = mac->probes_missed,
	};
}
