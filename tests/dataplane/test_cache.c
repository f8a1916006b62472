/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache.c - the packet cache: keys, life, collisions, eviction under floods, readers and writers at once.
 * TANDEM_CACHE_SECONDS=600 has the threads run for so long, TANDEM_CACHE_FLOOD=10000000 so many names asked.
 */
#include "tests/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/epoch.h"
#include "dataplane/cache.h"
#include "dataplane/wire.h"
#include "tests/dataplane/answers.h"
#include "tests/dataplane/message.h"

enum { MIB = 1 << 20, LIFE_S = 3600, DATA_LEN = 40 };

static struct epoch epoch;
static struct answer_message scratch;

static struct dp_cache *open_cache(uint64_t memory, unsigned writers)
{
	struct dp_cache_conf conf = { .memory = memory, .epoch = &epoch, .writers = writers };
	struct dp_cache *cache = NULL;
	char error[128] = "";

	epoch_init(&epoch);
	assert_int_equal(dp_cache_open(&cache, &conf, error, sizeof(error)), 0);
	return cache;
}

static struct dp_cache_stats stats_of(const struct dp_cache *cache)
{
	struct dp_cache_stats stats;

	dp_cache_stats(cache, &stats);
	return stats;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool count_visit(void *context, const struct dp_cache_entry *entry)
{
	(void)entry;
	++*(uint64_t *)context;
	return false;
}

/* All entries, by walking. */
static uint64_t walk_count(struct dp_cache *cache)
{
	uint64_t n = 0, at = 0;

	while (!dp_cache_walk(cache, &at, count_visit, &n))
		;
	return n;
}

static void assert_books(struct dp_cache *cache)
{
	struct dp_cache_stats s = stats_of(cache);

	assert_int_equal(s.open + s.probation + s.main + s.emptying + s.resting, s.segments);
	assert_int_equal(walk_count(cache), s.entries);
}

/* ---- life of an entry ---- */

static void test_what_is_kept(void **state)
{
	static struct message m;
	struct dp_cache *cache = open_cache(2 * MIB, 1);
	struct answer_key k;
	struct dp_answer answer;
	struct dp_ttls ttls = { .life_s = 60, .negative = true, .n = 4, .at = { 6, 22, 38, 54 } };
	const struct dp_cache_entry *entry;

	(void)state;
	answer_key(&k, 1);
	put_header(&m, DNS_QR | DNS_AA | DNS_RA | DNS_AD | 3, 1, 1, 1, 3);
	put_question(&m, "n1.example.net", ANSWER_TYPE);
	for (unsigned i = 1; i <= 4; i++) {
		put_pointer(&m, DNS_HEADER_LEN);
		put_address(&m, i);
	}
	put_opt(&m, 1232, 0, "\0\3\0\2id", 6);
	assert_int_equal(dp_answer_parse(m.octets, m.len, &answer), DP_ANSWER_OK);
	assert_true(dp_cache_store(cache, 0, &k.key, m.octets, m.len, &answer, &ttls, 1000));

	entry = dp_cache_find(cache, &k.key, 1000);
	assert_non_null(entry);
	assert_int_equal(entry->hash, k.key.hash);
	assert_int_equal(entry->stored, 1000);
	assert_int_equal(entry->expires, 1000 + 60 * DP_CACHE_TICKS);
	assert_int_equal(entry->flags, DNS_QR | DNS_AA | DNS_RA | DNS_AD | 3);
	assert_int_equal(entry->answers, 1);
	assert_int_equal(entry->authorities, 1);
	assert_int_equal(entry->additionals, 2);	/* without the OPT */
	assert_int_equal(entry->answer_end, 16);
	assert_int_equal(entry->authority_end, 32);
	assert_int_equal(entry->body_len, 64);
	assert_int_equal(entry->ttls, 4);
	assert_int_equal(entry->kind, DP_CACHE_NEGATIVE);
	assert_int_equal(entry->name_len, k.key.name_len);
	assert_memory_equal(dp_cache_name(entry), k.name, k.key.name_len);
	assert_memory_equal(dp_cache_ttls(entry), ttls.at, 4 * sizeof(uint16_t));
	assert_memory_equal(dp_cache_body(entry), m.octets + answer.question_end, 64);

	ttls.negative = false;
	assert_true(dp_cache_store(cache, 0, &k.key, m.octets, m.len, &answer, &ttls, 1000));
	assert_int_equal(dp_cache_find(cache, &k.key, 1000)->kind, DP_CACHE_POSITIVE);
	ttls.failure = true;
	assert_true(dp_cache_store(cache, 0, &k.key, m.octets, m.len, &answer, &ttls, 1000));
	assert_int_equal(dp_cache_find(cache, &k.key, 1000)->kind, DP_CACHE_FAILURE);
	assert_int_equal(stats_of(cache).replaced, 2);
	dp_cache_close(cache);
}

/* Every name length, odd and even, and every length of data comes back as it went in. */
static void test_all_sizes(void **state)
{
	struct dp_cache *cache = open_cache(4 * MIB, 1);
	uint64_t number = 1;

	(void)state;
	for (unsigned i = 0; i < 15; i++, number *= 10) {
		for (uint16_t len = ANSWER_DATA_MIN; len < 600; len += 7) {
			const struct dp_cache_entry *entry;

			assert_true(answer_store(cache, 0, &scratch, number, len, len, LIFE_S, 0));
			entry = answer_find(cache, number, 0);
			assert_non_null(entry);
			assert_true(answer_whole(entry, number));
			assert_int_equal(entry->body_len, 12 + len);
		}
	}
	assert_int_equal(stats_of(cache).entries, 15);
	assert_books(cache);
	dp_cache_close(cache);
}

static void test_largest(void **state)
{
	static uint8_t octets[DNS_HEADER_LEN + 255 + 4 + DP_TTL_BODY_MAX];
	static struct dp_ttls ttls = { .life_s = 60, .n = DP_TTLS_MAX };
	struct dp_cache *cache = open_cache(1 * MIB, 1);
	struct dp_answer answer = { .question_end = DNS_HEADER_LEN + 255 + 4, .answers = DP_TTLS_MAX };
	struct dp_cache_key key = { .name = octets + DNS_HEADER_LEN, .name_len = 255, .type = 1 };

	(void)state;
	answer.answer_end = answer.authority_end = sizeof(octets);
	for (unsigned i = 0; i < 200; i++) {
		key.hash = answer_mix(i);
		assert_true(dp_cache_store(cache, 0, &key, octets, sizeof(octets), &answer, &ttls, 0));
		assert_non_null(dp_cache_find(cache, &key, 0));
		assert_books(cache);
	}
	dp_cache_close(cache);
}

static void test_ticks(void **state)
{
	static const uint32_t begins[] = { 0, 5, 0x7fffffff - 20, UINT32_MAX - 20, UINT32_MAX };
	struct dp_cache *cache = open_cache(2 * MIB, 1);

	(void)state;
	assert_int_equal(dp_cache_ticks(0), 0);
	assert_int_equal(dp_cache_ticks(CLOCK_NS_PER_S), DP_CACHE_TICKS);
	assert_int_equal(dp_cache_ticks(CLOCK_NS_PER_S - 1), DP_CACHE_TICKS - 1);
	for (unsigned i = 0; i < 5; i++) {
		uint32_t now = begins[i], life = 2 * DP_CACHE_TICKS;

		assert_true(answer_store(cache, 0, &scratch, i, 0, DATA_LEN, 2, now));
		for (uint32_t age = 0; age < life; age++)
			assert_non_null(answer_find(cache, i, now + age));
		assert_null(answer_find(cache, i, now + life));
		assert_null(answer_find(cache, i, now + life + 1));
		assert_null(answer_find(cache, i, now + 0x80000000));
		assert_null(answer_find(cache, i, now - 1));	/* never older than it is: ages are not negative */
		/* the longest life there is */
		assert_true(answer_store(cache, 0, &scratch, i, 0, DATA_LEN, 604800, now));
		assert_non_null(answer_find(cache, i, now + 604800 * DP_CACHE_TICKS - 1));
		assert_null(answer_find(cache, i, now + 604800 * DP_CACHE_TICKS));
	}
	dp_cache_close(cache);
}

/* ---- keys ---- */

/* One name with every combination of what else is in a key; distinct says whether the hashes may differ. */
enum { TYPES = 4, POOLS = 3, KEYS = TYPES * POOLS * 4 };

static void key_variant(struct answer_key *k, unsigned variant, bool collide)
{
	static const uint16_t types[TYPES] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_DS, 65535 };
	struct dp_cache_key *key = &k->key;

	answer_key(k, 7);
	key->cd = variant & 1;
	key->dnssec_ok = variant & 2;
	key->type = types[variant / 4 % TYPES];
	key->pool = (uint16_t)(variant / 4 / TYPES * 511);
	key->hash = collide ? 42 : dp_cache_hash(answer_mix(7), key->type, key->pool, key->cd, key->dnssec_ok);
}

static void store_variant(struct dp_cache *cache, const struct answer_key *k, uint64_t version)
{
	answer_message(&scratch, k, 7, version, DATA_LEN, LIFE_S);
	assert_true(dp_cache_store(cache, 0, &k->key, scratch.octets, scratch.len, &scratch.answer, &scratch.ttls, 0));
}

static void test_keys_apart(void **state)
{
	struct dp_cache *cache = open_cache(2 * MIB, 1);
	struct answer_key k;

	(void)state;
	for (unsigned stored = 0; stored < KEYS; stored++) {
		key_variant(&k, stored, false);
		assert_null(dp_cache_find(cache, &k.key, 0));
		store_variant(cache, &k, stored);
		for (unsigned i = 0; i < KEYS; i++) {
			const struct dp_cache_entry *entry;

			key_variant(&k, i, false);
			entry = dp_cache_find(cache, &k.key, 0);
			assert_true(i <= stored ? entry && answer_version(entry) == i : !entry);
		}
	}
	assert_int_equal(stats_of(cache).entries, KEYS);
	dp_cache_close(cache);
}

/* With one hash, all keys want the same places: what is found is right, whatever was pushed out. */
static void test_collisions(void **state)
{
	struct dp_cache *cache = open_cache(2 * MIB, 1);
	unsigned found = 0;
	struct answer_key k;

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < KEYS; i++) {
			key_variant(&k, i, true);
			store_variant(cache, &k, i);
			assert_int_equal(answer_version(dp_cache_find(cache, &k.key, 0)), i);
		}
		for (unsigned i = 0; i < KEYS; i++) {
			const struct dp_cache_entry *entry;

			key_variant(&k, i, true);
			entry = dp_cache_find(cache, &k.key, 0);
			found += entry != NULL;
			assert_true(!entry || answer_version(entry) == i);
		}
	}
	assert_int_equal(stats_of(cache).entries, 16);
	assert_int_equal(found, 1600);
	assert_int_equal(stats_of(cache).crowded, KEYS - 16 + 99 * KEYS - stats_of(cache).replaced);
	assert_books(cache);

	/* names of one length and one hash, and lengths that differ by what the other holds as padding */
	for (uint64_t number = 10; number < 20; number++) {
		const struct dp_cache_entry *entry;

		answer_key(&k, number);
		k.key.hash = 43;
		answer_message(&scratch, &k, number, 0, DATA_LEN, LIFE_S);
		assert_null(dp_cache_find(cache, &k.key, 0));
		assert_true(dp_cache_store(cache, 0, &k.key, scratch.octets, scratch.len, &scratch.answer,
					   &scratch.ttls, 0));
		entry = dp_cache_find(cache, &k.key, 0);
		assert_true(entry && answer_whole(entry, number));
		k.key.name_len--;
		assert_null(dp_cache_find(cache, &k.key, 0));
	}
	dp_cache_close(cache);
}

/* The hash itself tells what differs. */
static void test_hash(void **state)
{
	uint64_t seen[KEYS];
	struct answer_key k;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++) {
		key_variant(&k, i, false);
		seen[i] = k.key.hash;
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

/* ---- full lines ---- */

static void test_crowded(void **state)
{
	struct dp_cache *cache = open_cache(2 * MIB, 1);
	struct answer_key k;

	(void)state;
	for (uint64_t number = 0; number < 40; number++) {
		answer_key(&k, number);
		k.key.hash = number & 1 ? 99 : 99 | UINT64_C(1) << 20;	/* the same lines, two tags */
		answer_message(&scratch, &k, number, 0, DATA_LEN, number == 5 ? 1 : LIFE_S);
		assert_true(dp_cache_store(cache, 0, &k.key, scratch.octets, scratch.len, &scratch.answer,
					   &scratch.ttls,
					   number < 16 ? 0 : DP_CACHE_TICKS));
		if (number == 3)
			assert_non_null(dp_cache_find(cache, &k.key, 0));
		if (number == 16) {	/* the one that has expired went, nobody else */
			assert_int_equal(stats_of(cache).crowded, 1);
			answer_key(&k, 0);
			k.key.hash = 99 | UINT64_C(1) << 20;
			assert_non_null(dp_cache_find(cache, &k.key, DP_CACHE_TICKS));
		}
	}
	assert_int_equal(stats_of(cache).entries, 16);
	assert_int_equal(stats_of(cache).crowded, 24);
	answer_key(&k, 3);		/* used, as the others were not */
	k.key.hash = 99;
	assert_non_null(dp_cache_find(cache, &k.key, DP_CACHE_TICKS));
	assert_books(cache);
	dp_cache_close(cache);
}

/* ---- memory ---- */

static void test_too_little(void **state)
{
	struct dp_cache_conf conf = { .memory = 64 << 10, .epoch = &epoch, .writers = 2 };
	struct dp_cache *cache = NULL;
	char error[128] = "";

	(void)state;
	assert_int_equal(dp_cache_open(&cache, &conf, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "cache.memory"));
	conf.memory = 0;
	assert_int_equal(dp_cache_open(&cache, &conf, error, sizeof(error)), -EINVAL);
	conf.memory = UINT64_C(1) << 60;
	assert_int_not_equal(dp_cache_open(&cache, &conf, error, sizeof(error)), 0);
	assert_null(cache);
	dp_cache_close(NULL);
}

/* Octets of this process in memory. */
static uint64_t resident(void)
{
	unsigned long long all, in_memory = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &all, &in_memory), 2);
	fclose(f);
	return in_memory * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void test_prefault(void **state)
{
	struct dp_cache_conf conf = { .memory = 16 * MIB, .prefault = true, .epoch = &epoch, .writers = 1 };
	uint64_t before = resident();
	struct dp_cache *cache;
	char error[128];

	(void)state;
	epoch_init(&epoch);
	assert_int_equal(dp_cache_open(&cache, &conf, error, sizeof(error)), 0);
	assert_true(resident() - before >= 15 * MIB);
	assert_int_equal(stats_of(cache).memory, 16 * MIB);
	dp_cache_close(cache);
	assert_true(resident() - before < 2 * MIB);
}

/* A million answers of 100 octets: what each takes with all that belongs to it. */
static void test_a_million(void **state)
{
	enum { NAMES = 1000 * 1000, MEMORY = 152 * 1000 * 1000, HUNDRED = 50 };
	uint64_t before = resident(), found = 0;
	struct dp_cache *cache = open_cache(MEMORY, 1);
	struct dp_cache_stats s;

	(void)state;
	for (uint64_t number = NAMES; number < 2 * NAMES; number++)
		assert_true(answer_store(cache, 0, &scratch, number, 0, HUNDRED, LIFE_S, 0));
	assert_int_equal(scratch.len, 100);
	for (uint64_t number = NAMES; number < 2 * NAMES; number++) {
		const struct dp_cache_entry *entry = answer_find(cache, number, 0);

		assert_true(!entry || answer_whole(entry, number));
		found += entry != NULL;
	}
	s = stats_of(cache);
	print_message("# %llu found, %llu crowded, index %.2f full, %.1f MB resident\n", (unsigned long long)found,
		      (unsigned long long)s.crowded, (double)s.entries / (double)s.index_slots,
		      (double)(resident() - before) / 1e6);
	assert_true(found > NAMES - NAMES / 50);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
	assert_true(resident() - before < MEMORY + MIB);
#endif
	assert_books(cache);
	dp_cache_close(cache);
}

struct hits { uint64_t asked, hit; };

/* Asks as a resolver's client would: what is not there comes from the server. */
static void ask(struct dp_cache *cache, uint64_t number, struct hits *hits, uint32_t now)
{
	const struct dp_cache_entry *entry = answer_find(cache, number, now);

	hits->asked++;
	if (!entry) {
		answer_store(cache, 0, &scratch, number, 0, DATA_LEN, LIFE_S, now);
		return;
	}
	hits->hit++;
	assert_true(answer_whole(entry, number));
}

/* A flood of names that never come back, fifteen for one of 10,000 hot names: 150,000 entries come between two askings
 * of a hot name, over twice what the cache holds, so that least recently used would lose them all. */
static void test_flood(void **state)
{
	enum { HOT = 10000, COLD_PER_HOT = 15, MEMORY = 8 * MIB };
	uint64_t asked = from_environment("TANDEM_CACHE_FLOOD", 3 * 1000 * 1000);
	struct epoch_reader *reader = &epoch.readers[0];
	uint64_t before = resident(), cold_number = 1000 * 1000, most = 0;
	struct dp_cache *cache = open_cache(MEMORY, 1);
	struct hits first = { 0 }, last = { 0 }, cold = { 0 };
	struct dp_cache_stats s;

	(void)state;
	for (uint64_t i = 0; i < asked; i += COLD_PER_HOT + 1) {
		epoch_enter(&epoch, reader);
		ask(cache, answer_mix(i) % HOT, i < asked / 2 ? &first : &last, 0);
		for (unsigned j = 0; j < COLD_PER_HOT; j++)
			ask(cache, cold_number++, &cold, 0);
		if (i % 65536 == 0 && resident() - before > most)
			most = resident() - before;
	}
	s = stats_of(cache);
	print_message("# %llu asked, hot %.2f %% hit in the second half; %llu entries, %.1f octets each; "
		      "%llu kept on, %llu crowded, %llu refused\n", (unsigned long long)asked,
		      100.0 * (double)last.hit / (double)last.asked, (unsigned long long)s.entries,
		      (double)MEMORY / (double)s.entries, (unsigned long long)s.kept_on,
		      (unsigned long long)s.crowded, (unsigned long long)s.no_room);
	assert_true((double)last.hit > 0.95 * (double)last.asked);
	assert_int_equal(cold.hit, 0);
	assert_int_equal(s.no_room, 0);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
	assert_true(most <= MEMORY + MIB / 2);
#endif
	assert_books(cache);
	dp_cache_close(cache);
}

/* Every name is asked again and again, so that nothing deserves to go: room is made all the same, at every store. */
static void test_all_hot(void **state)
{
	enum { NAMES = 60 * 1000 };
	struct dp_cache *cache = open_cache(4 * MIB, 1);
	struct epoch_reader *reader = &epoch.readers[0];
	struct dp_cache_stats s;

	(void)state;
	for (uint64_t i = 0; i < 400 * 1000; i++) {
		if (i % 16 == 0)
			epoch_enter(&epoch, reader);
		assert_true(answer_store(cache, 0, &scratch, answer_mix(i) % NAMES, 0, DATA_LEN, LIFE_S, 0));
		for (unsigned j = 0; j < 8; j++)
			answer_find(cache, answer_mix(i * 8 + j) % NAMES, 0);
	}
	s = stats_of(cache);
	assert_int_equal(s.no_room, 0);
	assert_true(s.kept_on > 0);
	assert_books(cache);
	dp_cache_close(cache);
}

static void test_expired_go(void **state)
{
	struct dp_cache *cache = open_cache(4 * MIB, 1);
	struct epoch_reader *reader = &epoch.readers[0];
	uint64_t number = 0, kept_on;

	(void)state;
	for (; number < 15000; number++) {
		answer_store(cache, 0, &scratch, number, 0, DATA_LEN, 1, 0);
		assert_non_null(answer_find(cache, number, 0));
	}
	kept_on = stats_of(cache).kept_on;
	assert_int_equal(kept_on, 0);
	for (; number < 60000; number++) {	/* used, but over */
		epoch_enter(&epoch, reader);
		answer_store(cache, 0, &scratch, number, 0, DATA_LEN, 1, (uint32_t)number);
	}
	assert_int_equal(stats_of(cache).kept_on, 0);
	assert_int_equal(stats_of(cache).no_room, 0);
	assert_books(cache);
	dp_cache_close(cache);
}

/* A worker that hangs in its batch holds memory back: stores are refused and counted, nobody waits, and what is there
 * stays and is read; when it goes on, so do the stores. */
static void test_frozen_reader(void **state)
{
	struct dp_cache *cache = open_cache(4 * MIB, 1);
	struct epoch_reader *own = &epoch.readers[0], *frozen = &epoch.readers[1];
	const struct dp_cache_entry *held;
	uint64_t number = 0;

	(void)state;
	epoch_enter(&epoch, frozen);
	assert_true(answer_store(cache, 0, &scratch, number++, 0, DATA_LEN, LIFE_S, 0));
	held = answer_find(cache, 0, 0);
	for (; number < 200000; number++) {
		epoch_enter(&epoch, own);
		answer_store(cache, 0, &scratch, number, 0, DATA_LEN, LIFE_S, 0);
	}
	assert_true(stats_of(cache).no_room > 100000);
	assert_true(stats_of(cache).entries > 10000);
	assert_true(answer_whole(held, 0));
	assert_books(cache);

	epoch_sleep(frozen);
	number = stats_of(cache).no_room;
	for (uint64_t i = 300000; i < 400000; i++) {
		epoch_enter(&epoch, own);
		assert_true(answer_store(cache, 0, &scratch, i, 0, DATA_LEN, LIFE_S, 0));
	}
	assert_int_equal(stats_of(cache).no_room, number);
	assert_books(cache);
	dp_cache_close(cache);
}

/* ---- the walk ---- */

static bool remove_odd(void *context, const struct dp_cache_entry *entry)
{
	(void)context;
	return answer_get(dp_cache_body(entry) + 12) & 1;
}

static void test_walk(void **state)
{
	struct dp_cache *cache = open_cache(4 * MIB, 1);
	uint64_t at = 0, slices = 1;

	(void)state;
	for (uint64_t number = 0; number < 10000; number++)
		assert_true(answer_store(cache, 0, &scratch, number, 0, DATA_LEN, LIFE_S, 0));
	assert_int_equal(walk_count(cache), 10000);
	while (!dp_cache_walk(cache, &at, remove_odd, NULL))
		slices++;
	assert_true(slices > 10);
	for (uint64_t number = 0; number < 10000; number++)
		assert_true((answer_find(cache, number, 0) == NULL) == (number & 1));
	assert_int_equal(stats_of(cache).purged, 5000);
	assert_int_equal(stats_of(cache).entries, 5000);
	assert_books(cache);
	dp_cache_close(cache);
}

/* ---- many threads ---- */

enum { THREADS = 4, SHARED_NAMES = 6000 };

struct thread {
	pthread_t thread;
	struct dp_cache *cache;
	unsigned number;
	uint64_t found, torn, stored;
};

static _Atomic bool over;

static void look(struct thread *t, uint64_t number, uint32_t now)
{
	const struct dp_cache_entry *entry = answer_find(t->cache, number, now);

	if (!entry)
		return;
	t->found++;
	t->torn += !answer_whole(entry, number);
}

static void *work(void *context)
{
	struct thread *t = context;
	struct epoch_reader *reader = &epoch.readers[t->number];
	struct answer_message *m = calloc(1, sizeof(*m));
	uint64_t seed = t->number + 1, version = 0;

	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint32_t now = (uint32_t)(version / 1000);

		epoch_enter(&epoch, reader);
		for (unsigned i = 0; i < 32; i++) {
			uint64_t r = answer_mix(seed++ << 8 | t->number);
			uint64_t number = (r & 7) == 0 ? 1000000 + r % 1000003 : (r >> 8) % SHARED_NAMES;
			uint16_t data_len = (uint16_t)(ANSWER_DATA_MIN + (r >> 40) % 300);

			look(t, number, now);
			if ((r >> 32 & 3) == 0)
				t->stored += answer_store(t->cache, t->number, m, number, ++version << 3 | t->number,
							  data_len, 1 + (r >> 50 & 15), now);
			look(t, number, now);
		}
		if (seed % 1024 < 32)
			epoch_sleep(reader);
	}
	epoch_sleep(reader);
	free(m);
	return NULL;
}

static bool remove_some(void *context, const struct dp_cache_entry *entry)
{
	uint64_t *torn = context, number = answer_get(dp_cache_body(entry) + 12);

	*torn += !answer_whole(entry, number);
	return answer_mix(number) % 64 == 0;
}

static void walk_beside(struct dp_cache *cache, struct epoch_reader *reader, uint64_t seconds, uint64_t *torn)
{
	uint64_t end_ns = clock_mono_ns() + seconds * CLOCK_NS_PER_S / 2, at = 0;

	while (clock_mono_ns() < end_ns) {
		epoch_enter(&epoch, reader);
		if (dp_cache_walk(cache, &at, remove_some, torn))
			at = 0;
		epoch_sleep(reader);
		clock_pause_ms(1);
	}
}

static void test_threads(void **state)
{
	uint64_t half_seconds = 2 * from_environment("TANDEM_CACHE_SECONDS", 0), torn = 0;
	struct dp_cache *cache = open_cache(3 * MIB, THREADS);
	struct thread threads[THREADS];
	struct dp_cache_stats s;

	(void)state;
	atomic_store(&over, false);
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .cache = cache, .number = i };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, work, &threads[i]), 0);
	}
	walk_beside(cache, &epoch.readers[THREADS], half_seconds ? half_seconds : 3, &torn);
	atomic_store(&over, true);
	s = (struct dp_cache_stats){ 0 };
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_int_equal(threads[i].torn, 0);
		assert_true(threads[i].found > 0 && threads[i].stored > 0);
		s.stored += threads[i].stored;
		s.entries += threads[i].found;
	}
	assert_int_equal(torn, 0);
	print_message("# %llu found, %llu stored, ", (unsigned long long)s.entries, (unsigned long long)s.stored);
	assert_int_equal(stats_of(cache).stored, s.stored);
	s = stats_of(cache);
	print_message("%llu refused, %llu replaced, %llu evicted, %llu kept on, %llu purged\n",
		      (unsigned long long)s.no_room, (unsigned long long)s.replaced, (unsigned long long)s.evicted,
		      (unsigned long long)s.kept_on, (unsigned long long)s.purged);
	assert_true(s.evicted > 0 && s.kept_on > 0 && s.purged > 0);
	assert_books(cache);
	dp_cache_close(cache);
}

/* Two writers store one key at once, over and over: it never is there twice. */
static void *store_one(void *context)
{
	struct thread *t = context;
	struct epoch_reader *reader = &epoch.readers[t->number];
	struct answer_message *m = calloc(1, sizeof(*m));

	for (uint64_t i = 0; i < 20000; i++) {
		epoch_enter(&epoch, reader);
		answer_store(t->cache, t->number, m, i / 8, i, DATA_LEN, LIFE_S, 0);
		look(t, i / 8, 0);
	}
	epoch_sleep(reader);
	free(m);
	return NULL;
}

static void test_no_twins(void **state)
{
	struct dp_cache *cache = open_cache(32 * MIB, THREADS);
	struct thread threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .cache = cache, .number = i };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, store_one, &threads[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_int_equal(threads[i].torn, 0);
	}
	/* who loses the race again and again gives up: the others have stored the same */
	assert_int_equal(stats_of(cache).stored + stats_of(cache).no_room, THREADS * 20000);
	assert_true(stats_of(cache).no_room < 100);
	assert_int_equal(walk_count(cache), 20000 / 8);
	assert_books(cache);
	dp_cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("an entry is the records behind the question, without OPT", test_what_is_kept),
		CASE("names and answers of all sizes come back as they were", test_all_sizes),
		CASE("255 octets of name with 512 records of 16384 octets are kept, 200 in a megabyte", test_largest),
		CASE("D142 life is counted in monotonic ticks, also where they wrap", test_ticks),
		CASE("D130 D133 D134 name, type, pool, CD and DO keep 48 entries of a name apart", test_keys_apart),
		CASE("D130 all of the key is in the hash", test_hash),
		CASE("D146 48 keys forced on one 64-bit hash, and names of one hash, never get another's answer",
		     test_collisions),
		CASE("where a hash's places are full the expired go, then the unused, then the oldest", test_crowded),
		CASE("too little or too much memory is an error that names the key", test_too_little),
		CASE("prefault takes all memory, close gives it back", test_prefault),
		CASE("a million answers of 100 octets are held in 152 MB", test_a_million),
		CASE("D148 3,000,000 names asked: memory within 8 MiB, over 95 % hits of 10,000 hot names", test_flood),
		CASE("D148 room is made at every store when every entry is in use", test_all_hot),
		CASE("expired entries are not kept on, however much they were used", test_expired_go),
		CASE("a frozen reader costs refused stores, and no one waits", test_frozen_reader),
		CASE("a walk visits every entry and removes what it is told to", test_walk),
		CASE("D147 four threads read and write, a fifth walks and purges: no torn answer", test_threads),
		CASE("D147 four writers of one key leave one entry", test_no_twins),
	};

	return RUN(cases);
}
