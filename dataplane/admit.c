/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * admit.c - two of the passes over a batch: may this client ask this, and so often? Contract in passes.h.
 */
#include "dataplane/passes.h"

#include "dataplane/acl.h"
#include "dataplane/limit.h"
#include "dataplane/offender.h"

enum {
	TYPE_TKEY = 249,
	SAMPLE = 16,			/* of so many queries within their limits one is looked at */
	V4_CLIENT = 128, V6_CLIENT = 56,	/* what counts as a client where no rules say it */
};

/* Types that are no data to look up: OPT, TKEY, TSIG and zone transfers. */
static bool is_meta_type(uint16_t type)
{
	return type == DNS_TYPE_OPT || (type >= TYPE_TKEY && type <= DNS_TYPE_AXFR);
}

/* Is the client on this list, and not the one in .value that is let through? The filter, where it knows the prefix
 * (.allow), has chosen those from what comes by AF_XDP already. */
static bool is_denied(struct dp_worker *worker, const struct dp_acl *list, const struct dp_return *back)
{
	const struct dp_acl_rule *rule = list ? dp_acl_match(list, &back->flow.peer) : NULL;

	if (!rule)
		return false;
	if (!rule->value)
		return true;
	if (rule->allow && back->origin == DP_ORIGIN_XSK)
		return false;
	return ++worker->denied % rule->value != 0;
}

/* The node's own queries come from no client. */
static void deny(struct dp_worker *worker)
{
	const struct dp_acl *list = worker->conf->deny, *blocked = worker->blocked;

	if (!list && !blocked)
		return;
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict == DP_DROP || p->back.origin == DP_ORIGIN_SELF ||
		    (!is_denied(worker, list, &p->back) && !is_denied(worker, blocked, &p->back)))
			continue;
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_DROP_DENIED;
	}
}

/* What a stranger asks over UDP may be asked in the name of another. */
static void bound_reply(const struct dp_conf *conf, struct dp_packet *p)
{
	struct dp_asker *asker = &p->query.asker;
	uint16_t bound;

	if (!conf->limit || asker->tcp)
		return;
	bound = dp_limit_reply_max(conf->limit, p->payload_len, asker->reply_max);
	if (bound < asker->reply_max && !dp_acl_allows(conf->acl[POOL_RECURSIVE], &p->back.flow.peer))
		asker->reply_max = bound;
}

/* NOTIFY and UPDATE: to authoritative pools, from those listed for it (D112). */
static void admit_update(const struct dp_conf *conf, struct dp_packet *p)
{
	if (p->pool->kind != POOL_AUTHORITATIVE || !dp_acl_allows(conf->update_acl, &p->back.flow.peer))
		dp_refuse(p, DP_COUNT_REFUSED_UPDATE, DNS_RCODE_REFUSED, EDE_PROHIBITED);
}

/* RD = 0 asks what others have asked (RFC 5358, 4): by default nothing is said. */
static void admit_rd0(const struct dp_conf *conf, struct dp_packet *p)
{
	p->cache_only = conf->rules.rd0_from_cache;
	p->cache_only_outcome = DP_COUNT_REFUSED_RD;
	if (!p->cache_only)
		dp_refuse(p, DP_COUNT_REFUSED_RD, DNS_RCODE_REFUSED, EDE_PROHIBITED);
}

/* ANY over UDP would amplify (D117). The HINFO cannot be signed, so who wants DNSSEC is sent to TCP, too. */
static void admit_any(const struct dp_conf *conf, struct dp_packet *p)
{
	unsigned rule = conf->rules.any[p->pool->kind];

	if (rule == DP_ANY_FORWARD)
		return;
	dp_refuse(p, DP_COUNT_LOCAL_ANY, DNS_RCODE_NOERROR, EDE_NONE);
	p->own_answer = rule == DP_ANY_HINFO && !p->query.asker.dnssec_ok && p->query.class == DNS_CLASS_IN ?
			DP_OWN_HINFO : DP_OWN_TRUNCATED;
}

static void admit_one(const struct dp_conf *conf, struct dp_packet *p)
{
	if (!dp_acl_allows(conf->acl[p->pool->kind], &p->back.flow.peer))
		dp_refuse(p, DP_COUNT_REFUSED_ACL, DNS_RCODE_REFUSED, EDE_PROHIBITED);
	else if (p->query_verdict == DP_QUERY_UPDATE)
		admit_update(conf, p);
	else if (is_meta_type(p->query.type))
		dp_refuse(p, DP_COUNT_REFUSED_TYPE, DNS_RCODE_NOTIMP, EDE_NOT_SUPPORTED);
	else if (p->query.type == DNS_TYPE_ANY && !p->query.asker.tcp)
		admit_any(conf, p);
	if (p->verdict != DP_PASS)
		return;
	if (p->pool->kind == POOL_AUTHORITATIVE)
		bound_reply(conf, p);
	else if (!p->query.asker.rd)
		admit_rd0(conf, p);
}

void dp_admit(struct dp_worker *worker)
{
	deny(worker);
	for (unsigned i = 0; i < worker->batch_len; i++) {
		if (worker->batch[i].verdict == DP_PASS)
			admit_one(worker->conf, &worker->batch[i]);
	}
}

/* ---- limits ---- */

static void note_client(struct dp_worker *worker, const struct addr *client)
{
	const struct dp_limit_rules *rules = worker->conf->limit;
	struct prefix prefix = { *client, V4_CLIENT };

	if (rules) {
		prefix = dp_limit_client(rules, client);
	} else if (!addr_is_v4(client)) {
		prefix.len = V6_CLIENT;
		prefix.addr.bytes[7] = 0;
		prefix.addr.halves_be[1] = 0;
	}
	dp_offenders_count(worker->offenders, &prefix, SAMPLE, 0, worker->now_ns);
}

/* Looks at one query in SAMPLE, at uneven distances, so that no client falls into step with them. Those over a limit
 * (a bit each) are counted as they are. */
static void sample_clients(struct dp_worker *worker, uint64_t limited)
{
	while (worker->until_sample < worker->batch_len) {
		const struct dp_packet *p = &worker->batch[worker->until_sample];

		if (p->back.origin != DP_ORIGIN_SELF && !(limited >> worker->until_sample & 1))
			note_client(worker, &p->back.flow.peer);
		worker->random = worker->random * 1664525 + 1013904223;
		worker->until_sample += 1 + (worker->random >> 16) % (2 * SAMPLE - 1);
	}
	worker->until_sample -= worker->batch_len;
}

static void obey(struct dp_packet *p, enum dp_limit_verdict verdict)
{
	switch (verdict) {
	case DP_LIMIT_PASS:
		break;
	case DP_LIMIT_CACHE_ONLY:
		p->cache_only = true;
		p->cache_only_outcome = p->query.asker.tcp ? DP_COUNT_LIMITED_REFUSED : DP_COUNT_LIMITED_CACHE_ONLY;
		break;
	case DP_LIMIT_SLIP:
		dp_refuse(p, DP_COUNT_LIMITED_SLIP, DNS_RCODE_NOERROR, EDE_NONE);
		p->own_answer = DP_OWN_TRUNCATED;
		break;
	case DP_LIMIT_REFUSE:
		dp_refuse(p, DP_COUNT_LIMITED_REFUSED, DNS_RCODE_REFUSED, EDE_NONE);
		break;
	case DP_LIMIT_DROP:
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_LIMITED_DROP;
		break;
	}
}

/* Whose buckets a query is charged to: everybody's, too, where the node answers itself, refusals among it. */
static enum pool_kind charged_kind(const struct dp_packet *p)
{
	return p->verdict == DP_PASS ? p->pool->kind : POOL_AUTHORITATIVE;
}

/* Two loops, so that the buckets come from memory while other queries are looked at. Which ones are over a limit. */
static uint64_t judge(struct dp_worker *worker)
{
	const struct dp_limit_rules *rules = worker->conf->limit;
	struct dp_limit *table = worker->shared->limit;
	struct dp_limit_ask ask[DP_BATCH_MAX];
	uint16_t asked[DP_BATCH_MAX];
	uint64_t limited = 0;
	unsigned n = 0;

	if (!rules || !table || !dp_limit_rules_active(rules))
		return 0;
	for (unsigned i = 0; i < worker->batch_len; i++) {
		const struct dp_packet *p = &worker->batch[i];

		if (p->verdict != DP_DROP && p->back.origin != DP_ORIGIN_SELF &&
		    dp_limit_prepare(table, rules, &p->back.flow.peer, charged_kind(p), p->query.asker.tcp, &ask[n]))
			asked[n++] = (uint16_t)i;
	}
	for (unsigned i = 0; i < n; i++) {
		struct prefix over;
		enum dp_limit_verdict verdict = dp_limit_judge(table, rules, &ask[i], worker->now_ns, &worker->slips,
							       &over);

		if (verdict == DP_LIMIT_PASS)
			continue;
		obey(&worker->batch[asked[i]], verdict);
		dp_offenders_count(worker->offenders, &over, 1, 1, worker->now_ns);
		limited |= 1ull << asked[i];
	}
	return limited;
}

void dp_limit_clients(struct dp_worker *worker)
{
	sample_clients(worker, judge(worker));
}
