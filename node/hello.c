/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello.c - what the two nodes tell each other, and what is made of it. Contract in hello.h.
 *
 * A beat of 100 ms says how we are by every path, and judges: conditions are about time, so they are judged by the beat and
 * not by what comes in. What comes in goes through the box of its path (hellobox.c), which lets nothing pass that the
 * peer did not just write; then the last message is simply replaced.
 *
 * A flood costs little: a path reads so many datagrams in a beat, then its socket rests until the next and the kernel drops
 * what its small buffer cannot take.
 *
 * The second path's word goes on to the VRRP thread as two times: when the peer sent its last advertisement as a healthy
 * Active, by our clock, and until when that counts. Both are bounded by what our own datagram that it echoes proves,
 * so a delayed message cannot hold a Backup back for longer than a fresh one.
 */
#include "node/hello.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/hellokey.h"
#include "node/hellosocket.h"
#include "node/macprobe.h"
#include "node/vrrp.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum {
	READS_PER_TURN = 32,
	READS_PER_BEAT = 200,		/* ten would do */
	PATIENCE_MS = 3000,		/* after the start, before a silent peer is one */
	REOPEN_MS = 5000,		/* a silent path: the route may have changed */
	ECHO_HOLDS_MS = 500,		/* what the second path said of our datagram's time cannot count longer */
	PROBE_MS = 2000,		/* between numbers for our virtual MAC */
	PROBE_TRIES = 3,		/* frames of one number */
	LOG_MS = 10000,
	FALL = 3, FALL_SLOW = 10, FALL_DEAF = 2,
	SECOND = 1,			/* index of the second path */
};

struct path {
	struct hello *hello;
	unsigned index;
	struct endpoint peer;
	char interface[IF_NAMESIZE];
	struct loop_fd io;		/* fd -1: not open */
	uint64_t opened_ns;		/* last try */
	char trouble[64];
	struct hello_box box;
	uint64_t heard_ns;		/* something accepted, or of a version that cannot pair; 0 = never */
	uint64_t deaf_ns;		/* the peer spoke and did not know us */
	unsigned reads;			/* left of this beat */
	uint64_t sent, send_errors;
	uint64_t counts[HELLO_VERDICT_COUNT];
	uint32_t lost;			/* as the socket told last */
	struct log_limit reject_log[HELLO_VERDICT_COUNT];
	struct health_condition *condition;
};

struct router {
	unsigned twin;			/* how many before it have the same family and VRID */
	struct macprobe *probe;		/* of its interface, shared; NULL: no virtual MAC, or no socket */
	uint64_t wanted, wanted_ns;	/* number asked for as Active; 0 = none */
	bool came, peer_sent;
	uint64_t probed;		/* number sent as Backup */
	unsigned tries;
	enum hello_reach reach;
	uint64_t probes_sent, probes_seen, probes_missed;
	struct health_condition *deaf, *lan;
};

struct hello {
	struct hello_parts parts;
	char name[HELLO_NAME_MAX];
	struct loop_timer beat;
	uint64_t started_ns;
	unsigned n_paths, n_routers;
	struct path path[HELLO_PATHS];
	struct router router[VRRP_ROUTERS_MAX];
	struct macprobe *probe[VRRP_ROUTERS_MAX];	/* at the first router of each interface */
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
	uint8_t datagram[HELLO_DATAGRAM_MAX + 1];	/* one octet more shows what is too long */
};

_Static_assert((int)CONFHASH_COUNT <= (int)HELLO_PARTS_MAX, "a number for each part");
_Static_assert((int)VRRP_GROUP_MAX == (int)HELLO_GROUP_MAX, "so does its name");
_Static_assert((int)VRRP_ROUTERS_MAX <= (int)HELLO_ROUTERS_MAX, "all routers fit");

static bool is_within(uint64_t then_ns, uint64_t ms, uint64_t now_ns)
{
	return then_ns && (now_ns <= then_ns || now_ns - then_ns <= ms * MS);
}

static bool is_alive(const struct path *path, uint64_t now_ns)
{
	return is_within(path->heard_ns, HELLO_SILENT_MS, now_ns);
}

/* Is there a message, and is it of now? */
static bool knows_peer(const struct hello *h, uint64_t now_ns)
{
	return h->has_message && is_within(h->message_ns, HELLO_SILENT_MS, now_ns);
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

/* The peer's counterpart of our router i; NULL = it has none. */
static const struct hello_router *find_peer_router(const struct hello *h, unsigned i)
{
	const struct vrrp_conf *conf = node_vrrp_conf(h->parts.vrrp, i);
	unsigned twin = 0;

	for (unsigned j = 0; j < h->message.n_routers; j++) {
		const struct hello_router *router = &h->message.router[j];

		if (router->vrid == conf->vrid && router->family == family_of(conf) && twin++ == h->router[i].twin)
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
		.wanted = h->router[i].wanted,
		.probed = h->router[i].probed,
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
	m->n_routers = (uint8_t)h->n_routers;
	for (unsigned i = 0; i < h->n_routers; i++)
		fill_router(h, i, &m->router[i]);
	add_conditions(h, HEALTH_FAULT, m);
	m->faulty = m->failed;
	add_conditions(h, HEALTH_WEIGHT, m);
	add_conditions(h, HEALTH_NOTICE, m);
}

static void say(struct path *path, struct hello_message *message, uint64_t now_ns)
{
	struct hello *h = path->hello;
	size_t len;

	if (path->io.fd < 0)
		return;
	len = hello_box_seal(&path->box, message, now_ns, h->datagram);
	if (hellosocket_send(path->io.fd, h->datagram, len))
		path->send_errors++;
	else
		path->sent++;
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

/* The peer's virtual MAC is to be sent a number: a few times, in case one is lost. */
static void probe_peer(struct hello *h, unsigned i)
{
	const struct hello_router *peer = find_peer_router(h, i);
	struct router *router = &h->router[i];
	struct vrrp_status status;
	uint8_t mac[6];

	if (!router->probe || !peer || !peer->wanted || peer->state != VRRP_ACTIVE)
		return;
	node_vrrp_status(h->parts.vrrp, i, &status);
	if (status.state == VRRP_ACTIVE || (peer->wanted == router->probed && router->tries == PROBE_TRIES))
		return;
	if (peer->wanted != router->probed)
		router->tries = 0;
	vrrp_virtual_mac(peer->vrid, peer->family == 6, mac);
	if (macprobe_send(router->probe, mac, peer->wanted))
		return;
	router->probed = peer->wanted;
	router->tries++;
	router->probes_sent++;
}

static void note_answer(struct hello *h, unsigned i)
{
	const struct hello_router *peer = find_peer_router(h, i);
	struct router *router = &h->router[i];

	if (peer && router->wanted && peer->probed == router->wanted)
		router->peer_sent = true;
}

static void take_message(struct path *path, uint64_t age_ns, uint64_t echo_ns, uint64_t now_ns)
{
	struct hello *h = path->hello;
	uint64_t heard_ns = age_ns < now_ns ? now_ns - age_ns : now_ns;

	h->has_message = true;
	h->message_ns = now_ns;
	h->skew_ns = (int64_t)(h->message.wall_ns - (clock_wall_ns() - age_ns));
	for (unsigned i = 0; i < h->n_routers; i++) {
		if (path->index == SECOND)
			tell_router(h, i, heard_ns, echo_ns);
		probe_peer(h, i);
		note_answer(h, i);
	}
}

static void log_session(const struct path *path, const struct hello_message *m)
{
	char address[ADDR_TEXT_MAX];

	log_info("peer: %s at %s is there, tandemd %s", m->name,
		 addr_format(&path->peer.addr, address, sizeof(address)), m->prelude.program);
}

static void log_reject(struct path *path, enum hello_verdict verdict, uint64_t now_ns)
{
	char address[ENDPOINT_TEXT_MAX];
	uint32_t held_back;

	if (log_limit_pass(&path->reject_log[verdict], now_ns, LOG_MS * MS, &held_back))
		log_warning("peer: datagram from %s rejected: %s (%u more not logged)",
			    endpoint_format(&path->peer, address, sizeof(address)), hello_verdict_help(verdict),
			    held_back);
}

/* One that starts, or that does not hear us, is no cause for alarm: the conditions tell. */
static bool is_alarming(enum hello_verdict verdict)
{
	return verdict != HELLO_ACCEPTED && verdict != HELLO_UNPROVEN && verdict != HELLO_STALE &&
	       verdict != HELLO_UNPAIRED;
}

static void hear(struct path *path, size_t len, uint64_t age_ns, uint64_t now_ns)
{
	struct hello *h = path->hello;
	uint64_t echo_ns = 0, sessions = path->box.sessions;
	struct hello_message message;
	enum hello_verdict verdict = hello_box_open(&path->box, h->datagram, len, now_ns, &message, &echo_ns);

	path->counts[verdict]++;
	if (verdict == HELLO_ACCEPTED || verdict == HELLO_UNPAIRED)
		path->heard_ns = now_ns;
	if (verdict == HELLO_UNPROVEN || verdict == HELLO_STALE)
		path->deaf_ns = now_ns;
	if (verdict == HELLO_UNPAIRED) {
		h->unpaired = message.prelude;
		h->unpaired_ns = now_ns;
	} else if (verdict == HELLO_ACCEPTED) {
		h->message = message;
		h->unpaired_ns = 0;
		if (path->box.sessions != sessions)
			log_session(path, &message);
		take_message(path, age_ns, echo_ns, now_ns);
	}
	if (is_alarming(verdict))
		log_reject(path, verdict, now_ns);
}

static void count_lost(struct path *path, uint32_t lost, uint64_t now_ns)
{
	if (lost == path->lost)
		return;
	path->counts[HELLO_LIMITED] += lost - path->lost;
	path->lost = lost;
	log_reject(path, HELLO_LIMITED, now_ns);
}

static void rest(struct path *path)
{
	loop_fd_remove(path->hello->parts.loop, &path->io);
}

static void on_io(struct loop_fd *self, uint32_t events)
{
	struct path *path = (struct path *)((char *)self - offsetof(struct path, io));
	struct hello *h = path->hello;
	uint64_t now_ns = clock_mono_ns(), age_ns;

	(void)events;
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		uint32_t lost = path->lost;
		ssize_t n;

		if (!path->reads) {
			rest(path);
			return;
		}
		n = hellosocket_receive(self->fd, h->datagram, sizeof(h->datagram), &age_ns, &lost);
		if (n == -EAGAIN)
			return;
		path->reads--;
		if (n < 0)
			continue;	/* an ICMP error for what was sent */
		count_lost(path, lost, now_ns);
		hear(path, (size_t)n, age_ns, now_ns);
	}
}

/* ---- paths ---- */

static void close_path(struct path *path)
{
	if (path->io.added)
		loop_fd_remove(path->hello->parts.loop, &path->io);
	if (path->io.fd >= 0)
		hellosocket_close(path->io.fd);
	path->io.fd = -1;
}

static void open_path(struct path *path, uint64_t now_ns)
{
	int fd = hellosocket_open(&path->peer, path->interface);

	path->opened_ns = now_ns;
	path->lost = 0;
	path->trouble[0] = '\0';
	if (fd < 0) {
		snprintf(path->trouble, sizeof(path->trouble), "%s", strerror(-fd));
		return;
	}
	path->io = (struct loop_fd){ .fd = fd, .on_ready = on_io };
}

/* A socket keeps the source address that the route gave it when it was opened. */
static void keep_open(struct path *path, uint64_t now_ns)
{
	bool is_due = now_ns - path->opened_ns >= (path->io.fd < 0 ? HELLO_SILENT_MS : REOPEN_MS) * MS;

	if (!is_alive(path, now_ns) && is_due) {
		close_path(path);
		open_path(path, now_ns);
	}
	path->reads = READS_PER_BEAT;
	if (path->io.fd >= 0 && !path->io.added && loop_fd_add(path->hello->parts.loop, &path->io, EPOLLIN))
		close_path(path);
}

static void init_path(struct hello *h, unsigned index, const struct addr *address, uint32_t port,
		      const char *interface, const uint8_t key[HELLO_KEY], const uint8_t session[HELLO_SESSION])
{
	struct path *path = &h->path[index];

	path->hello = h;
	path->index = index;
	path->peer = (struct endpoint){ *address, (uint16_t)port };
	snprintf(path->interface, sizeof(path->interface), "%s", interface);
	path->io.fd = -1;
	hello_box_init(&path->box, key, (uint8_t)index, session);
	h->n_paths++;
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

/* What can be said of a path that is silent. */
static const char *why_silent(const struct path *path, uint64_t now_ns)
{
	if (path->trouble[0])
		return path->trouble;
	if (is_within(path->deaf_ns, HELLO_SILENT_MS, now_ns))
		return "its datagrams come, ours do not reach it";
	return path->heard_ns ? "it has fallen silent" : "nothing was ever heard";
}

static void judge_paths(struct hello *h, uint64_t now_ns)
{
	char cause[HEALTH_CAUSE_MAX], address[ADDR_TEXT_MAX];
	bool alive = false, patient = now_ns - h->started_ns < PATIENCE_MS * MS;

	for (unsigned i = 0; i < h->n_paths; i++)
		alive |= is_alive(&h->path[i], now_ns);
	if (alive != h->alive)
		h->since_ns = now_ns;
	h->alive = alive;
	snprintf(cause, sizeof(cause), "%s: %s", peer_name(h, address, sizeof(address)),
		 why_silent(&h->path[0], now_ns));
	judge(h, h->peer, alive || patient, cause, now_ns);
	for (unsigned i = 0; i < h->n_paths; i++)
		judge(h, h->path[i].condition, is_alive(&h->path[i], now_ns) || !alive || patient,
		      why_silent(&h->path[i], now_ns), now_ns);
}

static void judge_version(struct hello *h, uint64_t now_ns)
{
	const struct hello_prelude *p = &h->unpaired;
	bool bad = is_within(h->unpaired_ns, HELLO_SILENT_MS, now_ns);
	char cause[HEALTH_CAUSE_MAX];

	snprintf(cause, sizeof(cause), "tandemd %s speaks version %u and needs %u; " TANDEM_VERSION " speaks %d and needs %d",
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
	bool is_new = h->has_message && is_within(h->message_ns, HELLO_STALE_MS, now_ns);
	const struct hello_router *peer = is_new ? find_peer_router(h, i) : NULL;
	bool both = peer && status->state == VRRP_ACTIVE && peer->state == VRRP_ACTIVE;
	char cause[HEALTH_CAUSE_MAX];

	if (both)
		snprintf(cause, sizeof(cause), "%s is Active as well: advertisements do not get through", h->message.name);
	else
		snprintf(cause, sizeof(cause), "%s is Active and sends advertisements that do not come: waiting as Backup",
			 h->message.name);
	judge(h, h->router[i].lan, !both && !status->held, cause, now_ns);
}

/* ---- does our virtual MAC hear? ---- */

static void ask_for_number(struct router *router, uint64_t now_ns)
{
	randombytes_buf(&router->wanted, sizeof(router->wanted));
	router->wanted |= 1;		/* 0 is none */
	router->wanted_ns = now_ns;
	router->came = router->peer_sent = false;
}

/* A number that the peer has sent and that did not come is missed; one that it has not sent says nothing. */
static void judge_number(struct hello *h, struct router *router, uint64_t now_ns)
{
	if (!router->came && !router->peer_sent)
		return;
	router->reach = router->came ? HELLO_REACH_ARRIVES : HELLO_REACH_DEAF;
	router->probes_seen += router->came;
	router->probes_missed += !router->came;
	judge(h, router->deaf, router->came, "frames from the other node to the virtual MAC do not arrive: look at the "
	      "switch, or take virtual_mac = false on both", now_ns);
}

static void judge_reach(struct hello *h, unsigned i, const struct vrrp_status *status, uint64_t now_ns)
{
	struct router *router = &h->router[i];
	bool asks = router->probe && status->state == VRRP_ACTIVE && knows_peer(h, now_ns);

	if (!asks) {
		router->wanted = 0;
		router->reach = HELLO_REACH_UNKNOWN;
		judge(h, router->deaf, true, NULL, now_ns);
	} else if (!router->wanted) {
		ask_for_number(router, now_ns);
	} else if (now_ns - router->wanted_ns >= PROBE_MS * MS) {
		judge_number(h, router, now_ns);
		ask_for_number(router, now_ns);
	}
}

static void on_number(void *context, uint64_t number)
{
	struct hello *h = context;

	for (unsigned i = 0; i < h->n_routers; i++)
		if (h->router[i].wanted && h->router[i].wanted == number)
			h->router[i].came = true;
}

static void judge_routers(struct hello *h, uint64_t now_ns)
{
	for (unsigned i = 0; i < h->n_routers; i++) {
		struct vrrp_status status;

		node_vrrp_status(h->parts.vrrp, i, &status);
		judge_lan(h, i, &status, now_ns);
		judge_reach(h, i, &status, now_ns);
	}
}

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct hello *h = (struct hello *)((char *)timer - offsetof(struct hello, beat));
	struct hello_message message;

	for (unsigned i = 0; i < h->n_paths; i++)
		keep_open(&h->path[i], now_ns);
	judge_peer(h, now_ns);
	judge_routers(h, now_ns);
	fill_message(h, &message);
	for (unsigned i = 0; i < h->n_paths; i++)
		say(&h->path[i], &message, now_ns);
	loop_timer_start(h->parts.loop, timer, now_ns + HELLO_INTERVAL_MS * MS);
}

/* ---- opening ---- */

static struct health_condition *watch(struct hello *h, uint16_t fall, const char *format, const char *what)
{
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), format, what);
	return health_add(h->parts.health, name, HEALTH_NOTICE, fall, 1, false, h->started_ns);
}

static void add_peer_conditions(struct hello *h)
{
	char address[ADDR_TEXT_MAX];

	h->peer = watch(h, 1, "%s", "peer");
	h->version = watch(h, 1, "%s", "peer-version");
	h->config = watch(h, FALL, "%s", "peer-config");
	h->clock = watch(h, FALL_SLOW, "%s", "peer-clock");
	for (unsigned i = 0; i < h->n_paths && h->n_paths > 1; i++)
		h->path[i].condition = watch(h, FALL, "peer-path:%s",
					     addr_format(&h->path[i].peer.addr, address, sizeof(address)));
}

/* The probe of the router's interface; one that cannot be opened leaves the question open. */
static struct macprobe *open_probe(struct hello *h, unsigned i)
{
	const char *interface = node_vrrp_conf(h->parts.vrrp, i)->interface;
	int err;

	for (unsigned j = 0; j < i; j++)
		if (h->probe[j] && strcmp(node_vrrp_conf(h->parts.vrrp, j)->interface, interface) == 0)
			return h->probe[j];
	err = macprobe_open(&h->probe[i], h->parts.loop, interface, on_number, h);
	if (err)
		log_warning("peer: %s: whether the virtual MAC is heard is not known: %s", interface, strerror(-err));
	return h->probe[i];
}

static void add_router(struct hello *h, unsigned i)
{
	const struct vrrp_conf *conf = node_vrrp_conf(h->parts.vrrp, i);
	struct router *router = &h->router[i];
	char name[IF_NAMESIZE + 8];

	for (unsigned j = 0; j < i; j++)
		router->twin += is_same_router(node_vrrp_conf(h->parts.vrrp, j), conf);
	snprintf(name, sizeof(name), VRRP_NAME, VRRP_NAME_OF(conf));
	router->lan = watch(h, FALL_SLOW, "lan:%s", name);
	if (!conf->virtual_mac)
		return;
	router->probe = open_probe(h, i);
	if (router->probe)
		router->deaf = watch(h, FALL_DEAF, "virtual-mac-deaf:%s", name);
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
	h->n_routers = parts->vrrp ? node_vrrp_count(parts->vrrp) : 0;
	for (unsigned i = 0; i < h->n_routers; i++)
		add_router(h, i);
	hello_adopt(h, config);
	for (unsigned i = 0; i < h->n_paths; i++)
		open_path(&h->path[i], h->started_ns);
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
		close_path(&h->path[i]);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		macprobe_close(h->probe[i]);
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
		.unpaired = is_within(h->unpaired_ns, HELLO_SILENT_MS, now_ns) ? &h->unpaired : NULL,
		.skew_ns = h->skew_ns,
		.compared = h->has_message && is_comparable(h),
		.paths = h->n_paths,
	};
	s->differ = s->compared ? differing_parts(h) : 0;
	for (unsigned i = 0; i < h->n_paths; i++) {
		const struct path *path = &h->path[i];

		s->path[i] = (struct hello_path_status){
			.name = names[i],
			.peer = path->peer,
			.interface = path->interface,
			.alive = is_alive(path, now_ns),
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
	const struct router *router = &h->router[i];

	*s = (struct hello_router_status){
		.peer = knows_peer(h, clock_mono_ns()) ? find_peer_router(h, i) : NULL,
		.reach = router->reach,
		.probes_sent = router->probes_sent,
		.probes_seen = router->probes_seen,
		.probes_missed = router->probes_missed,
	};
}
