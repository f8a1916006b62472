/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hitrate.c - the packet cache's policy and cost. A trace (Zipf over many names, and beside it a flood of names that
 * are asked once) runs through our cache and, in the same run and with as many entries as ours holds, through
 *
 *      lru     exact least recently used;
 *      random  what dnsdist's packet cache does when it is full: a new answer takes the place of any other. (It keeps
 *              answers in hash maps without order of use; what has expired is swept by a timer, and a full map
 *              takes no more until then. Random replacement is that with a sweep that is always in time, so it
 *              flatters it.)
 *
 *      hitrate [NAMES [SHARE [EXPONENT]]]      names of the trace (1,000,000); how many of a hundred of them the
 *                                              cache holds (10); exponent of the distribution (1.0)
 *
 * Prints, per share of flood among what is asked: hit rates of all the trace's names and of the thousand most asked;
 * then nanoseconds a call and octets an entry. Same seed in every run. The first half of a trace warms up.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/epoch.h"
#include "dataplane/cache.h"
#include "tests/dataplane/answers.h"

enum {
	HOT = 1000,
	BATCH = 64,
	DATA_LEN = 64,			/* makes answers of about 100 octets */
	ENTRY_OCTETS = 170,		/* about what one takes, index and all */
	LIFE_S = 3600,
	NONE = -1,
	FLOOD_FIRST = 1 << 30,		/* numbers of names from here on are flood */
	CALLS = 1 << 21,
};

static struct answer_message scratch;
static struct epoch epoch;
static uint64_t random_state;

static uint64_t draw(void)
{
	return answer_mix(random_state += UINT64_C(0x9e3779b97f4a7c15));
}

static double draw_share(void)
{
	return (double)(draw() >> 11) / 9007199254740992.0;
}

/* ---- the trace ---- */

struct zipf {
	double *sum;			/* of the weights up to and with a rank, the whole = 1 */
	uint32_t names;
};

static void zipf_init(struct zipf *z, uint32_t names, double exponent)
{
	double sum = 0;

	z->names = names;
	z->sum = malloc(names * sizeof(*z->sum));
	for (uint32_t i = 0; i < names; i++)
		z->sum[i] = sum += pow(i + 1, -exponent);
	for (uint32_t i = 0; i < names; i++)
		z->sum[i] /= sum;
}

static uint32_t zipf_draw(const struct zipf *z)
{
	double share = draw_share();
	uint32_t low = 0, high = z->names - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (z->sum[middle] < share)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t *make_trace(const struct zipf *z, size_t len, double flood)
{
	uint32_t *trace = malloc(len * sizeof(*trace)), next = FLOOD_FIRST;

	random_state = 1;
	for (size_t i = 0; i < len; i++)
		trace[i] = draw_share() < flood ? next++ : zipf_draw(z);
	return trace;
}

/* ---- the others: a hash table of chains over slots, in a list by use or without ---- */

struct slot {
	uint32_t number;
	int chain, older, newer;
};

struct other {
	struct slot *slots;
	int *chains;
	uint32_t capacity, used, mask;
	int oldest, newest;
	bool by_use;
};

static void other_init(struct other *o, uint32_t capacity, bool by_use)
{
	*o = (struct other){ .capacity = capacity, .oldest = NONE, .newest = NONE, .by_use = by_use };
	for (o->mask = 1; o->mask < capacity; o->mask *= 2)
		;
	o->chains = malloc(o->mask * sizeof(*o->chains));
	o->slots = malloc(capacity * sizeof(*o->slots));
	for (uint32_t i = 0; i < o->mask; i++)
		o->chains[i] = NONE;
	o->mask--;
}

static void other_fini(struct other *o)
{
	free(o->slots);
	free(o->chains);
}

static int *chain_of(struct other *o, uint32_t number)
{
	return &o->chains[answer_mix(number) & o->mask];
}

static void unlist(struct other *o, int i)
{
	struct slot *s = &o->slots[i];

	*(s->older == NONE ? &o->oldest : &o->slots[s->older].newer) = s->newer;
	*(s->newer == NONE ? &o->newest : &o->slots[s->newer].older) = s->older;
}

static void list_newest(struct other *o, int i)
{
	struct slot *s = &o->slots[i];

	s->older = o->newest;
	s->newer = NONE;
	*(s->older == NONE ? &o->oldest : &o->slots[s->older].newer) = i;
	o->newest = i;
}

/* A slot for a new name: one that was never used, or somebody's. */
static int take_slot(struct other *o)
{
	int i, *at;

	if (o->used < o->capacity)
		return (int)o->used++;
	i = o->by_use ? o->oldest : (int)(draw() % o->capacity);
	for (at = chain_of(o, o->slots[i].number); *at != i; at = &o->slots[*at].chain)
		;
	*at = o->slots[i].chain;
	unlist(o, i);
	return i;
}

static bool other_ask(struct other *o, uint32_t number)
{
	int *chain = chain_of(o, number), i = *chain;

	while (i != NONE && o->slots[i].number != number)
		i = o->slots[i].chain;
	if (i != NONE) {
		if (o->by_use) {
			unlist(o, i);
			list_newest(o, i);
		}
		return true;
	}
	i = take_slot(o);
	o->slots[i].number = number;
	o->slots[i].chain = *chain;
	*chain = i;
	list_newest(o, i);
	return false;
}

/* ---- ours ---- */

static struct dp_cache *open_cache(uint64_t memory, bool prefault)
{
	struct dp_cache_conf conf = { .memory = memory, .prefault = prefault, .epoch = &epoch, .writers = 1 };
	struct dp_cache *cache;
	char error[128];

	epoch_init(&epoch);
	if (dp_cache_open(&cache, &conf, error, sizeof(error))) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	return cache;
}

static bool our_ask(struct dp_cache *cache, uint32_t number)
{
	if (answer_find(cache, number, 0))
		return true;
	answer_store(cache, 0, &scratch, number, 0, DATA_LEN, LIFE_S, 0);
	return false;
}

/* ---- hit rates ---- */

struct rates { uint64_t asked, hit, hot_asked, hot_hit; };

static void note(struct rates *r, uint32_t number, bool hit)
{
	if (number >= FLOOD_FIRST)
		return;
	r->asked++;
	r->hit += hit;
	if (number < HOT) {
		r->hot_asked++;
		r->hot_hit += hit;
	}
}

static void print_rates(const char *name, double flood, const struct rates *r)
{
	printf("%5.0f %%  %-7s %8.2f %% %8.2f %%", 100 * flood, name, 100.0 * (double)r->hit / (double)r->asked,
	       100.0 * (double)r->hot_hit / (double)r->hot_asked);
}

static void run_trace(const struct zipf *z, double flood, uint64_t memory)
{
	size_t len = (size_t)(10.0 * z->names / (1.0 - flood));
	uint32_t *trace = make_trace(z, len, flood);
	struct dp_cache *cache = open_cache(memory, false);
	struct rates ours = { 0 }, lru = { 0 }, any = { 0 };
	struct dp_cache_stats stats;
	struct other by_use, by_chance;

	for (size_t i = 0; i < len; i++) {
		bool hit;

		if (i % BATCH == 0)
			epoch_enter(&epoch, &epoch.readers[0]);
		hit = our_ask(cache, trace[i]);
		if (i >= len / 2)
			note(&ours, trace[i], hit);
	}
	dp_cache_stats(cache, &stats);
	dp_cache_close(cache);
	other_init(&by_use, (uint32_t)stats.entries, true);
	other_init(&by_chance, (uint32_t)stats.entries, false);
	for (size_t i = 0; i < len; i++) {
		bool lru_hit = other_ask(&by_use, trace[i]), any_hit = other_ask(&by_chance, trace[i]);

		if (i >= len / 2) {
			note(&lru, trace[i], lru_hit);
			note(&any, trace[i], any_hit);
		}
	}
	print_rates("ours", flood, &ours);
	printf("   %llu entries, kept on %.3f a store, crowded %.4f, refused %llu\n",
	       (unsigned long long)stats.entries, (double)stats.kept_on / (double)stats.stored,
	       (double)stats.crowded / (double)stats.stored, (unsigned long long)stats.no_room);
	print_rates("lru", flood, &lru);
	puts("");
	print_rates("random", flood, &any);
	puts("");
	other_fini(&by_use);
	other_fini(&by_chance);
	free(trace);
}

/* ---- cost ---- */

static struct answer_key keys[BATCH];

/* Finds numbers in batches, the three passes apart as the data plane has them. Only the passes are timed. */
static double time_find(struct dp_cache *cache, uint32_t names, uint64_t *found)
{
	uint64_t spent_ns = 0;

	for (uint32_t done = 0; done < CALLS; done += BATCH) {
		uint64_t start_ns;

		for (unsigned i = 0; i < BATCH; i++)
			answer_key(&keys[i], draw() % names);
		epoch_enter(&epoch, &epoch.readers[0]);
		start_ns = clock_mono_ns();
		for (unsigned i = 0; i < BATCH; i++)
			dp_cache_prefetch_index(cache, keys[i].key.hash);
		for (unsigned i = 0; i < BATCH; i++)
			dp_cache_prefetch_entry(cache, keys[i].key.hash);
		for (unsigned i = 0; i < BATCH; i++)
			*found += dp_cache_find(cache, &keys[i].key, 0) != NULL;
		spent_ns += clock_mono_ns() - start_ns;
	}
	return (double)spent_ns / CALLS;
}

/* The same without the passes that prefetch. */
static double time_find_alone(struct dp_cache *cache, uint32_t first, uint32_t names, uint64_t *found)
{
	uint64_t spent_ns = 0;

	for (uint32_t done = 0; done < CALLS; done += BATCH) {
		uint64_t start_ns;

		for (unsigned i = 0; i < BATCH; i++)
			answer_key(&keys[i], first + draw() % names);
		epoch_enter(&epoch, &epoch.readers[0]);
		start_ns = clock_mono_ns();
		for (unsigned i = 0; i < BATCH; i++)
			*found += dp_cache_find(cache, &keys[i].key, 0) != NULL;
		spent_ns += clock_mono_ns() - start_ns;
	}
	return (double)spent_ns / CALLS;
}

static double time_store(struct dp_cache *cache, uint32_t first, uint32_t names)
{
	static struct answer_message messages[BATCH];
	uint64_t spent_ns = 0;

	for (uint32_t done = 0; done < names; done += BATCH) {
		uint64_t start_ns;

		for (unsigned i = 0; i < BATCH; i++) {
			answer_key(&keys[i], first + done + i);
			answer_message(&messages[i], &keys[i], first + done + i, 0, DATA_LEN, LIFE_S);
		}
		epoch_enter(&epoch, &epoch.readers[0]);
		start_ns = clock_mono_ns();
		for (unsigned i = 0; i < BATCH; i++)
			dp_cache_store(cache, 0, &keys[i].key, messages[i].octets, messages[i].len,
				       &messages[i].answer, &messages[i].ttls, 0);
		spent_ns += clock_mono_ns() - start_ns;
	}
	return (double)spent_ns / names;
}

static void run_cost(uint32_t names)
{
	/* index and arena for a million and a bit: nothing is evicted until the names are in */
	struct dp_cache *cache = open_cache((uint64_t)names * ENTRY_OCTETS * 3 / 2, true);
	struct dp_cache_stats stats;
	uint64_t found = 0;

	random_state = 2;
	printf("store, room to spare     %6.1f ns\n", time_store(cache, 0, names));
	dp_cache_stats(cache, &stats);
	printf("octets an entry          %6.1f (%zu of answer), with its share of the index\n",
	       (double)stats.memory * (stats.segments - stats.resting) / stats.segments / (double)stats.entries,
	       scratch.len);
	printf("find, all names          %6.1f ns with prefetching passes, ", time_find(cache, names, &found));
	printf("%.1f without\n", time_find_alone(cache, 0, names, &found));
	printf("find, 1000 names         %6.1f ns with prefetching passes, ", time_find(cache, HOT, &found));
	printf("%.1f without\n", time_find_alone(cache, 0, HOT, &found));
	printf("find, not there          %6.1f ns without\n", time_find_alone(cache, FLOOD_FIRST, names, &found));
	time_store(cache, 2U * FLOOD_FIRST, names);	/* now it is full */
	printf("store, making room       %6.1f ns\n", time_store(cache, 3U * FLOOD_FIRST, names));
	dp_cache_stats(cache, &stats);
	printf("when full                %6.1f octets an entry, index %.2f full, %llu found in all\n",
	       (double)stats.memory / (double)stats.entries, (double)stats.entries / (double)stats.index_slots,
	       (unsigned long long)found);
	dp_cache_close(cache);
}

int main(int argc, char **argv)
{
	static const double floods[] = { 0, 0.5, 0.9, 0.95 };
	uint32_t names = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000 * 1000;
	double share = argc > 2 ? atof(argv[2]) : 10;
	double exponent = argc > 3 ? atof(argv[3]) : 1.0;
	struct zipf z;

	if (names < HOT || names >= FLOOD_FIRST || share <= 0) {
		fputs("usage: hitrate [NAMES [SHARE [EXPONENT]]]\n", stderr);
		return 1;
	}
	zipf_init(&z, names, exponent);
	answer_store(open_cache(2 << 20, false), 0, &scratch, 1, 0, DATA_LEN, LIFE_S, 0);
	printf("%u names, %.0f %% of them held, Zipf %.2f\n", names, share, exponent);
	printf("  flood           all names  first 1000\n");
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		run_trace(&z, floods[i], (uint64_t)(names * share / 100 * ENTRY_OCTETS));
	free(z.sum);
	run_cost(1000 * 1000);
	return 0;
}
