/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachectl.c - walks through the packet cache for tandemctl. Contract in cachectl.h.
 *
 * A walk goes in slices of SLICE_MS, as a reader of the epoch for one call of dp_cache_walk() at a time, so that it
 * holds up neither the loop nor the reuse of memory. Survey, find and purge are jobs: a timer drives them and their
 * client waits. A dump is a stream, driven by the client that reads it. What is to be shown is copied during the walk
 * and made text afterwards, because making text takes a hundred times as long.
 *
 * A purge must not be undone by an answer that is on its way. It sets shared.purged_ns, waits until every worker has
 * begun another batch (one that had looked at the old stamp may still be storing), and only then walks.
 */
#include "node/cachectl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "dataplane/cache.h"
#include "node/cachetext.h"
#include "node/control.h"
#include "node/document.h"
#include "node/explain.h"
#include "node/node.h"
#include "pools/name.h"

enum {
	SLICE_MS = 2,
	BEAT_MS = 1,			/* between slices */
	WORKERS_PATIENCE_MS = 1000,	/* a worker that hangs does not hold up a purge for ever */
	FIND_OCTETS_MAX = 256 << 10,	/* of entries */
	EVERY_TYPE = -1,
};

/* ---- copies of entries ---- */

struct pile {
	uint8_t *octets;
	size_t len, room, at;		/* at: the next to be taken */
	uint64_t entries, left_out;	/* left_out: for want of memory */
};

static size_t entry_size(const struct dp_cache_entry *entry)
{
	return (size_t)(dp_cache_body(entry) - (const uint8_t *)entry) + entry->body_len;
}

static size_t round_up(size_t size)
{
	return (size + _Alignof(struct dp_cache_entry) - 1) & ~(_Alignof(struct dp_cache_entry) - 1);
}

static bool make_room(struct pile *pile, size_t size)
{
	size_t room = 2 * pile->room + size;
	uint8_t *octets;

	if (pile->room - pile->len >= size)
		return true;
	octets = realloc(pile->octets, room);
	if (!octets)
		return false;
	pile->octets = octets;
	pile->room = room;
	return true;
}

static void pile_add(struct pile *pile, const struct dp_cache_entry *entry)
{
	size_t size = entry_size(entry);

	if (!make_room(pile, round_up(size))) {
		pile->left_out++;
		return;
	}
	memcpy(pile->octets + pile->len, entry, size);
	pile->len += round_up(size);
	pile->entries++;
}

/* The next one, valid until another is added; NULL when all are taken. */
static const struct dp_cache_entry *pile_take(struct pile *pile)
{
	const struct dp_cache_entry *entry = (const void *)(pile->octets + pile->at);

	if (pile->at == pile->len)
		return NULL;
	pile->at += round_up(entry_size(entry));
	return entry;
}

static void pile_clear(struct pile *pile)
{
	pile->len = pile->at = 0;
}

/* ---- walking ---- */

static bool walk(struct node *node, uint64_t *at,
		 bool (*visit)(void *context, const struct dp_cache_entry *entry), void *context)
{
	struct dp_shared *shared = &node->shared;
	struct epoch_reader *reader = &shared->epoch.readers[DP_CONTROL];
	bool is_over;

	epoch_enter(&shared->epoch, reader);
	is_over = dp_cache_walk(shared->cache, at, visit, context);
	epoch_sleep(reader);
	return is_over;
}

struct wanted {
	struct name name;
	int32_t type;			/* EVERY_TYPE */
	bool below;			/* the names under it too */
};

static bool is_wanted(const struct wanted *wanted, const struct dp_cache_entry *entry)
{
	const uint8_t *name = dp_cache_name(entry);
	size_t at = 0;

	if (wanted->type != EVERY_TYPE && wanted->type != entry->type)
		return false;
	while (wanted->below && entry->name_len - at > wanted->name.len)
		at += 1u + name[at];
	return entry->name_len - at == wanted->name.len &&
	       memcmp(name + at, wanted->name.wire, wanted->name.len) == 0;
}

/* ---- jobs ---- */

struct cachectl_job;

struct action {
	const char *name;
	bool of_names;			/* the request names entries */
	/* Before the walk; true when it may begin. NULL: at once. */
	bool (*prepare)(struct cachectl_job *job, uint64_t now_ns);
	bool (*visit)(void *job, const struct dp_cache_entry *entry);
	/* After the walk, piece by piece; true when all is done. NULL: nothing to do. */
	bool (*digest)(struct cachectl_job *job);
	json_t *(*document)(struct cachectl_job *job);
};

struct cachectl_job {
	struct cachectl_job *next;
	struct node *node;
	const struct action *action;
	uint64_t ticket;		/* of the client that waits */
	struct loop_timer beat;
	struct wanted wanted;
	uint64_t at;
	bool walked;
	/* survey */
	uint32_t now;			/* ticks; find's too */
	uint32_t oldest;		/* age in ticks */
	uint64_t expired;
	uint64_t entries[POOL_IDS_MAX][DP_CACHE_KINDS];
	/* find */
	struct pile pile;
	json_t *list;
	bool more;
	/* purge */
	uint64_t removed, patience_ns;
	uint64_t progress[DP_CONTROL];	/* of the workers, when the stamp was set */
};

static const char *pool_name(const struct node *node, uint16_t id)
{
	return id < node->registry.n_ids ? node->registry.id_name[id] : "?";
}

static bool is_expired(const struct dp_cache_entry *entry, uint32_t now)
{
	return (int32_t)(entry->expires - now) <= 0;
}

/* ---- figures ---- */

json_t *cachectl_figures(const struct node *node)
{
	struct dp_cache_stats stats;
	json_t *object;

	if (!node->shared.cache)
		return NULL;
	dp_cache_stats(node->shared.cache, &stats);
	object = json_object();
	document_count(object, "memory", stats.memory);
	document_count(object, "arena_used", stats.arena_used);
	document_count(object, "index_slots", stats.index_slots);
	document_flag(object, "huge_pages", stats.huge_pages);
	document_count(object, "entries", stats.entries);
	document_count(object, "stored", stats.stored);
	document_count(object, "replaced", stats.replaced);
	document_count(object, "evicted", stats.evicted);
	document_count(object, "kept_on", stats.kept_on);
	document_count(object, "no_room", stats.no_room);
	document_count(object, "crowded", stats.crowded);
	document_count(object, "purged", stats.purged);
	return object;
}

static json_t *pool_object(const struct node *node, const struct pool *pool)
{
	uint64_t counts[DP_POOL_COUNTERS] = { 0 };
	json_t *object = json_object();

	for (unsigned i = 0; i <= DP_STREAM; i++) {
		const struct dp_worker *worker = node->shared.worker[i];

		if (worker)
			counters_sum(counts, dp_pool_counter(worker, pool->id, 0), DP_POOL_COUNTERS);
	}
	document_text(object, "pool", pool->name);
	document_flag(object, "enabled", pool->cache.enabled);
	for (unsigned i = 0; i < DP_POOL_COUNTERS; i++)
		document_count(object, dp_pool_counter_name((enum dp_pool_counter)i), counts[i]);
	return object;
}

json_t *cachectl_pools(const struct node *node)
{
	const struct dp_conf *conf = node_conf(node);
	json_t *list = json_array();

	for (unsigned i = 0; i < conf->n_pools; i++)
		json_array_append_new(list, pool_object(node, conf->pools[i]));
	return list;
}

/* ---- survey ---- */

static bool visit_survey(void *context, const struct dp_cache_entry *entry)
{
	struct cachectl_job *job = context;
	uint32_t age = job->now - entry->stored;

	if (is_expired(entry, job->now)) {
		job->expired++;
		return false;
	}
	if ((int32_t)age > (int32_t)job->oldest)	/* stored since the walk began: a negative age */
		job->oldest = age;
	if (entry->pool < POOL_IDS_MAX && entry->kind < DP_CACHE_KINDS)
		job->entries[entry->pool][entry->kind]++;
	return false;
}

static json_t *kept_object(const struct cachectl_job *job, uint16_t id)
{
	const uint64_t *entries = job->entries[id];
	json_t *object = json_object();

	document_text(object, "pool", pool_name(job->node, id));
	document_count(object, "positive", entries[DP_CACHE_POSITIVE]);
	document_count(object, "negative", entries[DP_CACHE_NEGATIVE]);
	document_count(object, "failure", entries[DP_CACHE_FAILURE]);
	return object;
}

/* Of pools that are gone as well, as long as they have entries. */
static json_t *kept_list(const struct cachectl_job *job)
{
	json_t *list = json_array();

	for (unsigned id = 0; id < job->node->registry.n_ids; id++) {
		const uint64_t *entries = job->entries[id];

		if (entries[DP_CACHE_POSITIVE] + entries[DP_CACHE_NEGATIVE] + entries[DP_CACHE_FAILURE])
			json_array_append_new(list, kept_object(job, (uint16_t)id));
	}
	return list;
}

static json_t *document_survey(struct cachectl_job *job)
{
	json_t *object = cachectl_figures(job->node);

	document_count(object, "expired", job->expired);
	document_count(object, "oldest_ms", job->oldest * UINT64_C(1000) / DP_CACHE_TICKS);
	json_object_set_new(object, "kept", kept_list(job));
	json_object_set_new(object, "pools", cachectl_pools(job->node));
	return object;
}

/* ---- find ---- */

static bool visit_find(void *context, const struct dp_cache_entry *entry)
{
	struct cachectl_job *job = context;

	if (!is_wanted(&job->wanted, entry))
		return false;
	if (job->pile.entries < CACHECTL_FIND_MAX && job->pile.len < FIND_OCTETS_MAX)
		pile_add(&job->pile, entry);
	else
		job->more = true;
	return false;
}

static bool is_same_key(const struct dp_cache_entry *a, const struct dp_cache_entry *b)
{
	return a->hash == b->hash && a->type == b->type && a->pool == b->pool && a->key_flags == b->key_flags &&
	       a->name_len == b->name_len && memcmp(dp_cache_name(a), dp_cache_name(b), a->name_len) == 0;
}

/* Seen again later in the walk, because it moved or was replaced meanwhile. */
static bool comes_again(struct pile pile, const struct dp_cache_entry *entry)
{
	const struct dp_cache_entry *later = pile_take(&pile);

	while (later && !is_same_key(later, entry))
		later = pile_take(&pile);
	return later;
}

static bool shows_no_age(const struct node *node, uint16_t pool_id)
{
	const struct dp_conf *conf = node_conf(node);

	for (unsigned i = 0; i < conf->n_pools; i++)
		if (conf->pools[i]->id == pool_id)
			return conf->pools[i]->cache.no_age;
	return false;
}

static bool open_text(struct cachetext *text, const struct node *node, const struct dp_cache_entry *entry,
		      uint32_t now)
{
	bool no_age = shows_no_age(node, entry->pool);

	return cachetext_open(text, entry, no_age ? 0 : cachetext_age_s(entry, now));
}

static void put_records(json_t *object, const struct cachectl_job *job, const struct dp_cache_entry *entry)
{
	json_t *list[CACHETEXT_SECTIONS];
	struct cachetext text;
	unsigned section;
	char *line;

	for (unsigned i = 0; i < CACHETEXT_SECTIONS; i++) {
		list[i] = json_array();
		json_object_set_new(object, cachetext_section(i), list[i]);
	}
	if (open_text(&text, job->node, entry, job->now)) {
		while ((line = cachetext_next(&text, &section))) {
			json_array_append_new(list[section], document_string(line));
			free(line);
		}
	}
	cachetext_close(&text);
}

static json_t *entry_object(const struct cachectl_job *job, const struct dp_cache_entry *entry)
{
	json_t *object = json_object();
	char text[NAME_TEXT_MAX];

	document_text(object, "name", name_to_text(dp_cache_name(entry), entry->name_len, text, sizeof(text)));
	document_text(object, "type", cachetext_type(entry->type, text, sizeof(text)));
	document_text(object, "pool", pool_name(job->node, entry->pool));
	document_flag(object, "cd", entry->key_flags & 1);
	document_flag(object, "do", entry->key_flags & 2);
	document_text(object, "kind", cachetext_kind(entry));
	document_text(object, "rcode", cachetext_rcode(entry, text, sizeof(text)));
	document_count(object, "age_s", cachetext_age_s(entry, job->now));
	document_count(object, "left_s", cachetext_left_s(entry, job->now));
	document_count(object, "octets", entry_size(entry));
	put_records(object, job, entry);
	return object;
}

static bool digest_find(struct cachectl_job *job)
{
	const struct dp_cache_entry *entry = pile_take(&job->pile);

	job->now = dp_cache_ticks(clock_mono_ns());
	if (entry && !comes_again(job->pile, entry))
		json_array_append_new(job->list, entry_object(job, entry));
	return !entry;
}

static json_t *document_find(struct cachectl_job *job)
{
	json_t *object = json_object();

	json_object_set(object, "entries", job->list);
	document_flag(object, "more", job->more || job->pile.left_out);
	return object;
}

/* ---- purge ---- */

static bool prepare_purge(struct cachectl_job *job, uint64_t now_ns)
{
	struct dp_shared *shared = &job->node->shared;
	bool first = !job->patience_ns;

	if (first) {
		job->patience_ns = now_ns + WORKERS_PATIENCE_MS * (uint64_t)CLOCK_NS_PER_MS;
		atomic_store(&shared->purged_ns, clock_mono_ns());
		for (unsigned i = 0; i <= DP_STREAM; i++)
			job->progress[i] = epoch_progress(&shared->epoch.readers[i]);
	}
	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (job->progress[i] && job->progress[i] == epoch_progress(&shared->epoch.readers[i]))
			return now_ns >= job->patience_ns;
	return true;
}

/* Asked again when a worker was quicker, so what was removed is not counted here. */
static bool visit_purge(void *context, const struct dp_cache_entry *entry)
{
	const struct cachectl_job *job = context;

	return is_wanted(&job->wanted, entry);
}

static uint64_t count_purged(const struct node *node)
{
	struct dp_cache_stats stats;

	dp_cache_stats(node->shared.cache, &stats);
	return stats.purged;
}

static json_t *document_purge(struct cachectl_job *job)
{
	char name[NAME_TEXT_MAX], type[24] = "all types";
	json_t *object = json_object();

	name_to_text(job->wanted.name.wire, job->wanted.name.len, name, sizeof(name));
	if (job->wanted.type != EVERY_TYPE)
		cachetext_type((uint16_t)job->wanted.type, type, sizeof(type));
	log_info("cache: purged %s%s, %s: %" PRIu64 " entries", name,
		 job->wanted.below ? " and all below it" : "", type, job->removed);
	document_text(object, "action", "purge");
	document_text(object, "name", name);
	document_flag(object, "suffix", job->wanted.below);
	document_count(object, "removed", job->removed);
	return object;
}

/* ---- a job's life ---- */

static const struct action actions[] = {
	{ "", false, NULL, visit_survey, NULL, document_survey },
	{ "find", true, NULL, visit_find, digest_find, document_find },
	{ "purge", true, prepare_purge, visit_purge, NULL, document_purge },
};

static void free_job(struct cachectl_job *job)
{
	struct cachectl_job **at = &job->node->cachectl;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	loop_timer_stop(&job->node->loop, &job->beat);
	json_decref(job->list);
	free(job->pile.octets);
	free(job);
}

static void finish(struct cachectl_job *job)
{
	json_t *document = job->action->document(job);
	struct control_client *client = control_redeem(job->node->control, job->ticket);

	if (client)
		control_answer(client, document);
	else
		json_decref(document);
	free_job(job);
}

static bool step(struct cachectl_job *job)
{
	if (!job->walked) {
		job->walked = walk(job->node, &job->at, job->action->visit, job);
		return job->walked && !job->action->digest;
	}
	return job->action->digest(job);
}

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct cachectl_job *job = (struct cachectl_job *)((char *)timer - offsetof(struct cachectl_job, beat));
	uint64_t until_ns = clock_mono_ns() + SLICE_MS * (uint64_t)CLOCK_NS_PER_MS;
	uint64_t purged = count_purged(job->node);
	bool is_over = false;

	if (!job->at && !job->walked && job->action->prepare && !job->action->prepare(job, now_ns))
		until_ns = 0;
	while (!is_over && clock_mono_ns() < until_ns)
		is_over = step(job);
	job->removed += count_purged(job->node) - purged;
	if (is_over)
		finish(job);
	else
		loop_timer_start(&job->node->loop, timer, clock_mono_ns() + BEAT_MS * (uint64_t)CLOCK_NS_PER_MS);
}

/* The member of the request that cannot be read, or NULL. */
static const char *read_wanted(const json_t *request, struct wanted *wanted)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *type_text = json_string_value(json_object_get(request, "type"));
	uint16_t type;

	wanted->type = EVERY_TYPE;
	wanted->below = json_is_true(json_object_get(request, "suffix"));
	if (!name || name_from_text(name, &wanted->name))
		return "name";
	if (!type_text)
		return NULL;
	if (!explain_read_type(type_text, &type))
		return "type";
	wanted->type = type;
	return NULL;
}

static void start_job(struct node *node, struct control_client *client, const struct action *action,
		      const json_t *request)
{
	struct cachectl_job *job = calloc(1, sizeof(*job));
	const char *bad = NULL;

	if (!job) {
		control_refuse(client, "no memory");
		return;
	}
	if (action->of_names)
		bad = read_wanted(request, &job->wanted);
	if (bad) {
		control_refuse(client, "cache: %s cannot be read", bad);
		free(job);
		return;
	}
	job->node = node;
	job->action = action;
	job->ticket = control_ticket(client);
	job->now = dp_cache_ticks(clock_mono_ns());
	job->list = json_array();
	job->beat.on_due = on_beat;
	job->next = node->cachectl;
	node->cachectl = job;
	loop_timer_start(&node->loop, &job->beat, clock_mono_ns());
}

/* ---- dump ---- */

struct dump {
	struct node *node;
	struct control_client *client;
	struct loop_timer beat;
	struct pile pile;
	uint64_t at, entries;
	bool walked, ended;
	char *text;			/* of the entry under way, malloc */
	size_t text_len, text_at;
};

static bool visit_dump(void *context, const struct dp_cache_entry *entry)
{
	pile_add(context, entry);
	return false;
}

static void print_head(FILE *out, const struct node *node, const struct dp_cache_entry *entry, uint32_t now)
{
	char name[NAME_TEXT_MAX], type[24], rcode[24];

	fprintf(out, "; %s IN %s pool=%s cd=%u do=%u %s %s age=%u left=%u octets=%zu\n",
		name_to_text(dp_cache_name(entry), entry->name_len, name, sizeof(name)),
		cachetext_type(entry->type, type, sizeof(type)), pool_name(node, entry->pool),
		entry->key_flags & 1, entry->key_flags >> 1 & 1, cachetext_kind(entry),
		cachetext_rcode(entry, rcode, sizeof(rcode)), cachetext_age_s(entry, now),
		cachetext_left_s(entry, now), entry_size(entry));
}

static void print_entry(FILE *out, const struct node *node, const struct dp_cache_entry *entry)
{
	uint32_t now = dp_cache_ticks(clock_mono_ns());
	struct cachetext text;
	unsigned section;
	char *line;

	print_head(out, node, entry, now);
	if (open_text(&text, node, entry, now)) {
		while ((line = cachetext_next(&text, &section))) {
			fprintf(out, "%s\n", line);
			free(line);
		}
	}
	cachetext_close(&text);
}

/* The text of the next entry or, behind the last, of the end. */
static void make_text(struct dump *d, const struct dp_cache_entry *entry)
{
	FILE *out;

	free(d->text);
	d->text = NULL;
	d->text_len = d->text_at = 0;
	out = open_memstream(&d->text, &d->text_len);
	if (!out) {
		d->pile.left_out++;
		return;
	}
	if (entry)
		print_entry(out, d->node, entry);
	else
		fprintf(out, "; end: %" PRIu64 " entries, %" PRIu64 " left out for want of memory\n", d->entries,
			d->pile.left_out);
	d->entries += entry != NULL;
	fclose(out);
}

/* Brings the next text about, or what leads to one; false when there is nothing more. */
static bool advance(struct dump *d)
{
	const struct dp_cache_entry *entry = pile_take(&d->pile);

	if (entry) {
		make_text(d, entry);
	} else if (!d->walked) {
		pile_clear(&d->pile);
		d->walked = walk(d->node, &d->at, visit_dump, &d->pile);
	} else if (!d->ended) {
		d->ended = true;
		make_text(d, NULL);
	} else {
		return false;
	}
	return true;
}

static size_t move_text(struct dump *d, char *out, size_t size)
{
	size_t n = d->text_len - d->text_at;

	if (n > size)
		n = size;
	if (n)
		memcpy(out, d->text + d->text_at, n);
	d->text_at += n;
	return n;
}

static ssize_t fill(void *context, char *out, size_t size)
{
	struct dump *d = context;
	uint64_t until_ns = clock_mono_ns() + SLICE_MS * (uint64_t)CLOCK_NS_PER_MS;
	bool is_over = false;
	size_t n = 0;

	while (!is_over && n < size && clock_mono_ns() < until_ns) {
		n += move_text(d, out + n, size - n);
		if (n < size)
			is_over = !advance(d);
	}
	if (n)
		return (ssize_t)n;
	if (!is_over)	/* nothing found in this slice */
		loop_timer_start(&d->node->loop, &d->beat,
				 clock_mono_ns() + BEAT_MS * (uint64_t)CLOCK_NS_PER_MS);
	return is_over ? -1 : 0;
}

static void on_dump_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct dump *d = (struct dump *)((char *)timer - offsetof(struct dump, beat));

	(void)now_ns;
	control_stream_more(d->client);
}

static void close_dump(void *context)
{
	struct dump *d = context;

	loop_timer_stop(&d->node->loop, &d->beat);
	free(d->pile.octets);
	free(d->text);
	free(d);
}

static const struct control_source dump_source = { .fill = fill, .close = close_dump };

static void start_dump(struct node *node, struct control_client *client)
{
	struct dump *d = calloc(1, sizeof(*d));

	if (!d) {
		control_refuse(client, "no memory");
		return;
	}
	d->node = node;
	d->client = client;
	d->beat.on_due = on_dump_beat;
	control_stream(client, json_pack("{s:s}", "action", "dump"), &dump_source, d);
}

/* ---- requests ---- */

void cachectl_run(struct node *node, struct control_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "action"));

	if (!node->shared.cache) {
		control_refuse(client, "this node has no cache (cache.memory = 0)");
		return;
	}
	if (name && strcmp(name, "dump") == 0) {
		start_dump(node, client);
		return;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name ? name : "") == 0) {
			start_job(node, client, &actions[i], request);
			return;
		}
	}
	control_refuse(client, "action: must be \"find\", \"purge\" or \"dump\", or missing");
}

void cachectl_stop(struct node *node)
{
	while (node->cachectl)
		free_job(node->cachectl);
}
