/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients.c - who asks most, who is not answered. Contract in clients.h.
 *
 * The deny list is part of the snapshot, where the workers look it up. Blocks come and go between reloads: they are
 * here, in a list, and a copy of it as an access list is published to the workers on every change. What the filter is
 * told for a prefix follows from both, and is found anew whenever one of them changes (tell_filter()).
 *
 * Once a second: blocks whose time is up go, and, if that is wanted, clients that went far over their limit in the
 * second before are blocked.
 */
#include "node/clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/acl.h"
#include "dataplane/conf.h"
#include "dataplane/limit.h"
#include "dataplane/offender.h"
#include "dataplane/steer.h"
#include "node/config.h"
#include "node/control.h"
#include "node/document.h"
#include "node/node.h"

enum {
	TICK_MS = 1000,
	TOP_DEFAULT = 20,
	BLOCK_MAX_S = 365 * 86400,
	LOGGED_MAX = 8,			/* automatic blocks named in one second */
};

_Static_assert(CONFIG_DENY_MAX + CLIENTS_BLOCKS_MAX <= STEER_BLOCKS_MAX, "the filter has room for all");

struct block {
	struct prefix prefix;
	uint64_t since_ns, until_ns;	/* monotonic; until 0 = for good */
	uint32_t let_through;		/* every n-th; 0 = none */
	bool automatic;
	bool in_filter;
};

struct clients {
	struct node *node;
	struct loop_timer tick;
	size_t n;
	struct block block[CLIENTS_BLOCKS_MAX];
	struct dp_offender *rows;	/* of all workers, while they are looked at */
};

/* ---- blocks, workers, filter ---- */

static bool is_same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static bool holds(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

static struct block *find_block(struct clients *c, const struct prefix *prefix)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_same(&c->block[i].prefix, prefix))
			return &c->block[i];
	return NULL;
}

static bool is_listed(const struct config_prefixes *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_same(&list->item[i].prefix, prefix))
			return true;
	return false;
}

static void free_acl(void *acl)
{
	dp_acl_free(acl);
}

/* What the workers see of the blocks. */
static void publish(struct clients *c)
{
	struct dp_shared *shared = &c->node->shared;
	struct dp_acl_rule rules[CLIENTS_BLOCKS_MAX];
	struct dp_acl *acl = NULL, *old;

	for (size_t i = 0; i < c->n; i++)
		rules[i] = (struct dp_acl_rule){ .prefix = c->block[i].prefix, .allow = c->block[i].in_filter,
						 .value = (uint16_t)c->block[i].let_through };
	if (c->n) {
		acl = dp_acl_new(rules, c->n);
		if (!acl) {
			log_error("clients: no memory: the workers do not see the last block");
			return;
		}
	}
	old = atomic_exchange(&shared->blocked, acl);
	if (old && epoch_retire(&shared->epoch, free_acl, old))
		log_error("no memory: an old list of blocked clients is never freed");
}

/* Has the filter do for exactly this prefix what the deny list and the blocks say. 0 or -errno. */
static int tell_filter(struct clients *c, const struct prefix *prefix, const struct config_prefixes *deny)
{
	struct steer *steer = c->node->steer;
	struct steer_block entry = { .prefix = *prefix };
	struct block *block = find_block(c, prefix);
	bool is_denied = is_listed(deny, prefix);
	int err = 0;

	if (!steer)
		return 0;
	if (!is_denied && !block)
		return steer_unblock(steer, prefix);
	if (!is_denied) {
		entry.let_through = block->let_through;
		if (block->until_ns)
			entry.until_ns = clock_boot_ns() + (block->until_ns - clock_mono_ns());
	}
	err = steer_block(steer, &entry);
	if (block)
		block->in_filter = !err;
	return err;
}

static void log_full_filter(const struct prefix *prefix, int err)
{
	char text[PREFIX_TEXT_MAX];

	log_warning("clients: %s is dropped by the workers, not by the filter: %s",
		    prefix_format(prefix, text, sizeof(text)), strerror(-err));
}

/* 0 or -ENOSPC. */
static int add_block(struct clients *c, const struct block *block)
{
	struct block *at = find_block(c, &block->prefix);
	int err;

	if (!at && c->n == CLIENTS_BLOCKS_MAX)
		return -ENOSPC;
	if (!at)
		at = &c->block[c->n++];
	*at = *block;
	err = tell_filter(c, &block->prefix, &c->node->config->deny);
	if (err)
		log_full_filter(&block->prefix, err);
	return 0;
}

static void remove_block(struct clients *c, struct block *block)
{
	struct prefix prefix = block->prefix;
	bool was_in_filter = block->in_filter;
	int err;

	*block = c->block[--c->n];
	err = tell_filter(c, &prefix, &c->node->config->deny);
	if (err && was_in_filter)
		log_full_filter(&prefix, err);
}

const char *clients_blocked_by(const struct clients *c, const struct prefix *prefix)
{
	const struct config_prefixes *deny = &c->node->config->deny;

	for (size_t i = 0; i < deny->n; i++)
		if (holds(&deny->item[i].prefix, prefix))
			return "deny list";
	for (size_t i = 0; i < c->n; i++)
		if (holds(&c->block[i].prefix, prefix))
			return c->block[i].automatic ? "automatic" : "command";
	return NULL;
}

/* ---- the deny list ---- */

void clients_adopt(struct clients *c, const struct config *new)
{
	const struct config_prefixes *before = &c->node->config->deny, *after = &new->deny;

	for (size_t i = 0; i < before->n; i++)
		if (!is_listed(after, &before->item[i].prefix))
			tell_filter(c, &before->item[i].prefix, after);
	for (size_t i = 0; i < after->n; i++) {
		const struct prefix *prefix = &after->item[i].prefix;
		int err = is_listed(before, prefix) ? 0 : tell_filter(c, prefix, after);

		if (err)
			log_full_filter(prefix, err);
	}
	publish(c);
}

/* ---- every second ---- */

static size_t read_offenders(struct clients *c, uint64_t now_ns)
{
	const struct dp_shared *shared = &c->node->shared;
	size_t n = 0;

	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (shared->worker[i])
			n += dp_offenders_read(shared->worker[i]->offenders, c->rows + n, now_ns);
	return dp_offenders_merge(c->rows, n);
}

/* What a client may ask in a second: subscribers ask the recursive pools, strangers the others. */
static uint64_t limit_of(const struct dp_conf *conf, const struct addr *client)
{
	bool is_subscriber = dp_acl_allows(conf->acl[POOL_RECURSIVE], client);

	return dp_limit_qps(conf->limit, client, is_subscriber ? POOL_RECURSIVE : POOL_AUTHORITATIVE);
}

/* Single clients only: a wider prefix, or one with a rate of its own, has too many innocent ones in it. */
static bool is_too_much(struct clients *c, const struct dp_offender *row)
{
	const struct dp_conf *conf = node_conf(c->node);
	struct prefix client = dp_limit_client(conf->limit, &row->prefix.addr);
	uint64_t limit = limit_of(conf, &row->prefix.addr);

	return limit && row->rate > limit * c->node->config->block.factor && is_same(&client, &row->prefix) &&
	       !dp_limit_is_special(conf->limit, &row->prefix) && !config_block_fault(&row->prefix) &&
	       !clients_blocked_by(c, &row->prefix);
}

static void log_automatic(const struct dp_offender *row, unsigned nth, uint32_t seconds)
{
	char text[PREFIX_TEXT_MAX];

	if (nth < LOGGED_MAX)
		log_info("clients: %s asked %u times in a second, blocked for %u s",
			 prefix_format(&row->prefix, text, sizeof(text)), row->rate, seconds);
	else if (nth == LOGGED_MAX)
		log_info("clients: and others; \"tandemctl clients blocked\" lists them");
}

/* How many. */
static unsigned block_offenders(struct clients *c, uint64_t now_ns)
{
	const struct config_block *how = &c->node->config->block;
	size_t n = how->automatic ? read_offenders(c, now_ns) : 0;
	unsigned begun = 0;

	for (size_t i = 0; i < n && c->n < CLIENTS_BLOCKS_MAX; i++) {
		const struct dp_offender *row = &c->rows[i];
		struct block block = { .prefix = row->prefix, .since_ns = now_ns, .let_through = how->let_through,
				       .until_ns = now_ns + (uint64_t)how->seconds * CLOCK_NS_PER_S,
				       .automatic = true };

		if (is_too_much(c, row) && add_block(c, &block) == 0)
			log_automatic(row, begun++, how->seconds);
	}
	return begun;
}

static unsigned end_blocks(struct clients *c, uint64_t now_ns)
{
	unsigned ended = 0;

	for (size_t i = c->n; i-- > 0;) {
		if (!c->block[i].until_ns || c->block[i].until_ns > now_ns)
			continue;
		remove_block(c, &c->block[i]);
		ended++;
	}
	return ended;
}

static void on_tick(struct loop_timer *timer, uint64_t now_ns)
{
	struct clients *c = (struct clients *)((char *)timer - offsetof(struct clients, tick));
	unsigned changes = end_blocks(c, now_ns) + block_offenders(c, now_ns);

	if (changes)
		publish(c);
	loop_timer_start(&c->node->loop, timer, now_ns + (uint64_t)TICK_MS * CLOCK_NS_PER_MS);
}

/* ---- commands ---- */

/* The worker's clock may be a moment ahead. */
static uint32_t ago_s(const struct clients *c, uint32_t then_s)
{
	uint32_t now_s = (uint32_t)(c->node->loop.now_ns / CLOCK_NS_PER_S);

	return now_s > then_s ? now_s - then_s : 0;
}

static json_t *top_object(const struct clients *c, const struct dp_offender *row)
{
	const char *by = clients_blocked_by(c, &row->prefix);
	json_t *object = json_object();
	char text[PREFIX_TEXT_MAX];

	document_text(object, "client", prefix_format(&row->prefix, text, sizeof(text)));
	document_count(object, "rate", row->rate);
	document_count(object, "limited_rate", row->limited_rate);
	document_count(object, "queries", row->queries);
	document_count(object, "limited", row->limited);
	document_count(object, "first_seen_s", ago_s(c, row->first_s));
	document_count(object, "last_seen_s", ago_s(c, row->last_s));
	document_flag(object, "blocked", by);
	document_text(object, "blocked_by", by ? by : "");
	return object;
}

static void run_top(struct clients *c, struct control_client *client, const json_t *request)
{
	json_int_t wanted = json_integer_value(json_object_get(request, "count"));
	size_t n = read_offenders(c, clock_mono_ns()), shown = wanted > 0 ? (size_t)wanted : TOP_DEFAULT;
	json_t *answer = json_object(), *list = json_array();

	if (shown > CLIENTS_TOP_MAX)
		shown = CLIENTS_TOP_MAX;
	for (size_t i = 0; i < n && i < shown; i++)
		json_array_append_new(list, top_object(c, &c->rows[i]));
	document_count(answer, "known", n);
	json_object_set_new(answer, "clients", list);
	control_answer(client, answer);
}

static json_t *blocked_object(const struct clients *c, const struct prefix *prefix, const struct block *block)
{
	json_t *object = json_object();
	char text[PREFIX_TEXT_MAX];

	document_text(object, "client", prefix_format(prefix, text, sizeof(text)));
	document_text(object, "by", !block ? "deny list" : block->automatic ? "automatic" : "command");
	if (!block)
		return object;
	document_count(object, "since_ms", (c->node->loop.now_ns - block->since_ns) / CLOCK_NS_PER_MS);
	if (block->until_ns > c->node->loop.now_ns)
		document_count(object, "left_ms", (block->until_ns - c->node->loop.now_ns) / CLOCK_NS_PER_MS);
	document_count(object, "let_through", block->let_through);
	document_flag(object, "in_filter", block->in_filter);
	return object;
}

static void run_blocked(struct clients *c, struct control_client *client, const json_t *request)
{
	const struct config_prefixes *deny = &c->node->config->deny;
	json_t *answer = json_object(), *list = json_array();

	(void)request;
	for (size_t i = 0; i < deny->n; i++)
		json_array_append_new(list, blocked_object(c, &deny->item[i].prefix, NULL));
	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(list, blocked_object(c, &c->block[i].prefix, &c->block[i]));
	if (c->node->steer)
		document_count(answer, "dropped_in_filter", steer_blocked(c->node->steer));
	json_object_set_new(answer, "blocked", list);
	control_answer(client, answer);
}

/* The prefix that is to be blocked or not. False, and the client has its answer. */
static bool read_prefix(struct control_client *client, const json_t *request, struct prefix *prefix)
{
	const char *text = json_string_value(json_object_get(request, "prefix"));
	const char *fault;

	if (!text || prefix_parse(text, prefix)) {
		control_refuse(client, "\"%.64s\" is no prefix; write 192.0.2.0/24 or 192.0.2.1", text ? text : "");
		return false;
	}
	fault = config_block_fault(prefix);
	if (fault)
		control_refuse(client, "%.64s %s", text, fault);
	return !fault;
}

static void answer_order(struct control_client *client, const char *action, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];

	prefix_format(prefix, text, sizeof(text));
	log_info("clients: %s %s by command", action, text);
	control_answer(client, json_pack("{s:s, s:s}", "action", action, "client", text));
}

static void run_block(struct clients *c, struct control_client *client, const json_t *request)
{
	json_int_t seconds = json_integer_value(json_object_get(request, "seconds"));
	struct block block = { .since_ns = c->node->loop.now_ns };

	if (!read_prefix(client, request, &block.prefix))
		return;
	if (seconds < 0 || seconds > BLOCK_MAX_S) {
		control_refuse(client, "seconds: must be 1-%d", BLOCK_MAX_S);
		return;
	}
	if (seconds)
		block.until_ns = block.since_ns + (uint64_t)seconds * CLOCK_NS_PER_S;
	if (add_block(c, &block)) {
		control_refuse(client, "%d prefixes are blocked already, which is all there is room for",
			       CLIENTS_BLOCKS_MAX);
		return;
	}
	publish(c);
	answer_order(client, "block", &block.prefix);
}

static void run_unblock(struct clients *c, struct control_client *client, const json_t *request)
{
	struct prefix prefix;
	struct block *block;

	if (!read_prefix(client, request, &prefix))
		return;
	block = find_block(c, &prefix);
	if (!block) {
		control_refuse(client, "this prefix is not blocked%s", is_listed(&c->node->config->deny, &prefix) ?
			       ", it is on the deny list of the node's file" : "");
		return;
	}
	remove_block(c, block);
	publish(c);
	answer_order(client, "unblock", &prefix);
}

void clients_run(struct node *node, struct control_client *client, const json_t *request)
{
	static const struct {
		const char *action;
		void (*run)(struct clients *c, struct control_client *client, const json_t *request);
	} actions[] = {
		{ "top", run_top },
		{ "block", run_block },
		{ "unblock", run_unblock },
		{ "blocked", run_blocked },
	};
	const char *action = json_string_value(json_object_get(request, "action"));

	for (size_t i = 0; action && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].action) == 0) {
			actions[i].run(node->clients, client, request);
			return;
		}
	}
	control_refuse(client, "action: must be top, block, unblock or blocked");
}

/* ---- life ---- */

int clients_open(struct clients **clients, struct node *node)
{
	const struct config_prefixes *deny = &node->config->deny;
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->rows = calloc((size_t)(DP_STREAM + 1) * DP_OFFENDERS_MAX, sizeof(*c->rows));
	if (!c->rows) {
		free(c);
		return -ENOMEM;
	}
	c->node = node;
	c->tick.on_due = on_tick;
	for (size_t i = 0; i < deny->n; i++) {
		int err = tell_filter(c, &deny->item[i].prefix, deny);

		if (err)
			log_full_filter(&deny->item[i].prefix, err);
	}
	loop_timer_start(&node->loop, &c->tick, clock_mono_ns() + (uint64_t)TICK_MS * CLOCK_NS_PER_MS);
	*clients = c;
	return 0;
}

void clients_close(struct clients *c)
{
	if (!c)
		return;
	loop_timer_stop(&c->node->loop, &c->tick);
	dp_acl_free(atomic_exchange(&c->node->shared.blocked, NULL));
	free(c->rows);
	free(c);
}
