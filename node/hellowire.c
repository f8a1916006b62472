/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellowire.c - the codec of the channel between two nodes. Contract in hellowire.h.
 *
 * Writing and reading go through a cursor that remembers when something did not fit or was not there; the result is
 * asked for once, at the end.
 */
#include "node/hellowire.h"

#include <string.h>

#include "base/health.h"
#include "vrrp/fsm.h"

enum {
	FLAG_FAULTY = 1 << 0,
	FLAG_VIRTUAL_MAC = 1 << 0, FLAG_RELEASED = 1 << 1,	/* of a router */
	FAMILY_V4 = 4, FAMILY_V6 = 6,
};

/* ---- writing ---- */

struct writer {
	uint8_t *at;
};

static void put(struct writer *w, uint64_t value, unsigned octets)
{
	while (octets--)
		*w->at++ = (uint8_t)(value >> 8 * octets);
}

static void put_octets(struct writer *w, const uint8_t *octets, size_t len)
{
	memcpy(w->at, octets, len);
	w->at += len;
}

static void put_text(struct writer *w, const char *text, size_t size)
{
	size_t len = strnlen(text, size - 1);

	put(w, len, 1);
	put_octets(w, (const uint8_t *)text, len);
}

static void put_prelude(struct writer *w, const struct hello_prelude *p)
{
	put_octets(w, p->session, HELLO_SESSION);
	put(w, p->counter, 8);
	for (unsigned i = 0; i < HELLO_ECHOES; i++) {
		put_octets(w, p->echo[i].session, HELLO_SESSION);
		put(w, p->echo[i].counter, 8);
	}
	put(w, p->version, 1);
	put(w, p->needs, 1);
	put_text(w, p->program, sizeof(p->program));
}

static void put_router(struct writer *w, const struct hello_router *r)
{
	put(w, r->family, 1);
	put(w, r->vrid, 1);
	put(w, r->state, 1);
	put(w, (r->virtual_mac ? FLAG_VIRTUAL_MAC : 0u) | (r->released ? FLAG_RELEASED : 0u), 1);
	put(w, r->priority, 1);
	put(w, r->effective, 1);
	put(w, r->interval_cs, 2);
	put(w, r->advert_age_ms, 4);
	put(w, r->wanted, 8);
	put(w, r->probed, 8);
	put_text(w, r->group, sizeof(r->group));
}

size_t hello_encode(const struct hello_message *m, uint8_t *out)
{
	struct writer w = { out };

	put_prelude(&w, &m->prelude);
	put(&w, m->wall_ns, 8);
	put(&w, m->uptime_ms, 8);
	put(&w, m->queries, 8);
	put(&w, m->cache_entries, 8);
	put(&w, m->cache_octets, 8);
	put_text(&w, m->name, sizeof(m->name));
	put(&w, m->faulty ? FLAG_FAULTY : 0, 1);
	put(&w, m->n_parts, 1);
	for (unsigned i = 0; i < m->n_parts; i++)
		put(&w, m->part[i], 8);
	put(&w, m->n_routers, 1);
	for (unsigned i = 0; i < m->n_routers; i++)
		put_router(&w, &m->router[i]);
	put(&w, m->failed, 2);
	put(&w, m->n_conditions, 1);
	for (unsigned i = 0; i < m->n_conditions; i++) {
		put(&w, m->condition[i].kind, 1);
		put_text(&w, m->condition[i].name, sizeof(m->condition[i].name));
	}
	return (size_t)(w.at - out);
}

enum {
	PRELUDE_MOST = (HELLO_SESSION + 8) * (1 + HELLO_ECHOES) + 2 + HELLO_PROGRAM_MAX,
	FIGURES_MOST = 5 * 8 + HELLO_NAME_MAX + 1,
	ROUTER_MOST = 6 + 2 + 4 + 2 * 8 + HELLO_GROUP_MAX,
	CONDITION_MOST = 1 + HELLO_NAME_MAX,
};
_Static_assert(PRELUDE_MOST + FIGURES_MOST + 1 + 8 * HELLO_PARTS_MAX + 1 + ROUTER_MOST * HELLO_ROUTERS_MAX + 3 +
	       CONDITION_MOST * HELLO_CONDITIONS_MAX <= HELLO_PLAIN_MAX, "the longest message fits");

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	bool broken;			/* something was missing, or is not what it must be */
};

static bool has(struct reader *r, size_t octets)
{
	r->broken |= (size_t)(r->end - r->at) < octets;
	return !r->broken;
}

static uint64_t get(struct reader *r, unsigned octets)
{
	uint64_t value = 0;

	if (!has(r, octets))
		return 0;
	while (octets--)
		value = value << 8 | *r->at++;
	return value;
}

static void get_octets(struct reader *r, uint8_t *out, size_t len)
{
	if (!has(r, len))
		return;
	memcpy(out, r->at, len);
	r->at += len;
}

/* It will stand in logs and documents. */
static void get_text(struct reader *r, char *text, size_t size)
{
	size_t len = get(r, 1);

	r->broken |= len >= size;
	if (!has(r, len))
		return;
	for (size_t i = 0; i < len; i++)
		r->broken |= r->at[i] < ' ' || r->at[i] > '~';
	memcpy(text, r->at, len);
	text[len] = '\0';
	r->at += len;
}

static uint8_t get_count(struct reader *r, unsigned most)
{
	uint64_t n = get(r, 1);

	r->broken |= n > most;
	return r->broken ? 0 : (uint8_t)n;
}

static void get_prelude(struct reader *r, struct hello_prelude *p)
{
	memset(p, 0, sizeof(*p));
	get_octets(r, p->session, HELLO_SESSION);
	p->counter = get(r, 8);
	for (unsigned i = 0; i < HELLO_ECHOES; i++) {
		get_octets(r, p->echo[i].session, HELLO_SESSION);
		p->echo[i].counter = get(r, 8);
	}
	p->version = (uint8_t)get(r, 1);
	p->needs = (uint8_t)get(r, 1);
	get_text(r, p->program, sizeof(p->program));
}

static void get_router(struct reader *r, struct hello_router *router)
{
	uint8_t flags;

	router->family = (uint8_t)get(r, 1);
	router->vrid = (uint8_t)get(r, 1);
	router->state = (uint8_t)get(r, 1);
	flags = (uint8_t)get(r, 1);
	router->virtual_mac = flags & FLAG_VIRTUAL_MAC;
	router->released = flags & FLAG_RELEASED;
	router->priority = (uint8_t)get(r, 1);
	router->effective = (uint8_t)get(r, 1);
	router->interval_cs = (uint16_t)get(r, 2);
	router->advert_age_ms = (uint32_t)get(r, 4);
	router->wanted = get(r, 8);
	router->probed = get(r, 8);
	get_text(r, router->group, sizeof(router->group));
	r->broken |= router->family != FAMILY_V4 && router->family != FAMILY_V6;
	r->broken |= router->state < VRRP_INITIALIZE || router->state >= VRRP_STATES;
}

static void get_conditions(struct reader *r, struct hello_message *m)
{
	m->failed = (uint16_t)get(r, 2);
	m->n_conditions = get_count(r, HELLO_CONDITIONS_MAX);
	for (unsigned i = 0; i < m->n_conditions; i++) {
		m->condition[i].kind = (uint8_t)get(r, 1);
		get_text(r, m->condition[i].name, sizeof(m->condition[i].name));
		r->broken |= m->condition[i].kind > HEALTH_NOTICE;
	}
	r->broken |= m->n_conditions > m->failed;
}

bool hello_decode_prelude(const uint8_t *octets, size_t len, struct hello_prelude *prelude, size_t *at)
{
	struct reader r = { octets, octets + len, false };

	get_prelude(&r, prelude);
	*at = (size_t)(r.at - octets);
	return !r.broken;
}

bool hello_can_pair(const struct hello_prelude *prelude)
{
	return prelude->needs <= HELLO_VERSION && prelude->version >= HELLO_NEEDS;
}

bool hello_decode(const uint8_t *octets, size_t len, struct hello_message *m)
{
	struct reader r = { octets, octets + len, false };

	memset(m, 0, sizeof(*m));
	get_prelude(&r, &m->prelude);
	m->wall_ns = get(&r, 8);
	m->uptime_ms = get(&r, 8);
	m->queries = get(&r, 8);
	m->cache_entries = get(&r, 8);
	m->cache_octets = get(&r, 8);
	get_text(&r, m->name, sizeof(m->name));
	m->faulty = get(&r, 1) & FLAG_FAULTY;
	m->n_parts = get_count(&r, HELLO_PARTS_MAX);
	for (unsigned i = 0; i < m->n_parts; i++)
		m->part[i] = get(&r, 8);
	m->n_routers = get_count(&r, HELLO_ROUTERS_MAX);
	for (unsigned i = 0; i < m->n_routers; i++)
		get_router(&r, &m->router[i]);
	get_conditions(&r, m);
	if (m->prelude.version <= HELLO_VERSION)
		r.broken |= r.at != r.end;
	return !r.broken;
}
