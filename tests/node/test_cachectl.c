/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cachectl.c - survey, find, purge and dump of a real cache, asked over a real control socket. Daemon and client
 * take turns in one thread; the workers are two readers of the epoch that the cases move.
 */
#define clock_mono_ns real_mono_ns
#include "base/clock.c"		/* instead of the library's */
#undef clock_mono_ns
uint64_t clock_mono_ns(void);

#include "tests/tap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/counters.h"
#include "dataplane/cache.h"
#include "dataplane/ttl.h"
#include "node/cachectl.h"
#include "node/control.h"
#include "node/node.h"
#include "tests/dataplane/message.h"

enum { TYPE_MX = 15, LIFE_S = 300, ANSWER_MAX = 8 << 20 };

static struct node node;
static struct dp_conf conf;
static struct pool auth = { .name = "auth", .kind = POOL_AUTHORITATIVE, .cache = { .enabled = true, .no_age = true } };
static struct pool rec = { .name = "rec", .kind = POOL_RECURSIVE, .cache = { .enabled = true } };
static char directory[64], path[108];
static char answer[ANSWER_MAX];
static uint64_t began_ns;
/* Where a machine's time would judge the machine: every look at the clock moves it on by look_ns. 0: it is the real
 * one. */
static uint64_t look_ns, pretended_ns;
static uint64_t slowest_ns;	/* the longest turn of the loop by that clock */

uint64_t clock_mono_ns(void)
{
	return look_ns ? pretended_ns += look_ns : real_mono_ns();
}

/* ---- the cache ---- */

/* An answer with one address under name, stored age_s ago. */
static void keep(const struct pool *pool, const char *text, uint16_t type, bool dnssec_ok, uint32_t age_s)
{
	static struct message m;
	struct dp_ttls ttls;
	struct dp_answer parsed;
	struct name name;
	struct dp_cache_key key = { .type = type, .pool = pool->id, .dnssec_ok = dnssec_ok };
	struct pool_cache policy = { .enabled = true, .max_ttl = 86400, .max_negative_ttl = 3600, .failure_ttl = 1 };

	assert_int_equal(name_from_text(text, &name), 0);
	put_header(&m, DNS_QR, 1, 1, 0, 0);
	put_octets(&m, name.wire, name.len);
	put16(&m, type);
	put16(&m, DNS_CLASS_IN);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, type, type == TYPE_MX ? "\0\1\0" : "\300\0\2\1", type == TYPE_MX ? 3 : 4);
	assert_int_equal(dp_answer_parse(m.octets, m.len, &parsed), DP_ANSWER_OK);
	assert_int_equal(dp_ttl_read(m.octets, m.len, &parsed, &policy, &ttls), DP_TTL_KEEP);
	key.name = name.wire;
	key.name_len = name.len;
	key.hash = dp_cache_hash(name_hash(&name), type, pool->id, false, dnssec_ok);
	assert_true(dp_cache_store(node.shared.cache, 0, &key, m.octets, m.len, &parsed, &ttls,
				   dp_cache_ticks(clock_mono_ns()) - age_s * DP_CACHE_TICKS));
}

static bool has(const struct pool *pool, const char *text, uint16_t type, bool dnssec_ok)
{
	struct dp_cache_key key = { .type = type, .pool = pool->id, .dnssec_ok = dnssec_ok };
	struct name name;

	assert_int_equal(name_from_text(text, &name), 0);
	key.name = name.wire;
	key.name_len = name.len;
	key.hash = dp_cache_hash(name_hash(&name), type, pool->id, false, dnssec_ok);
	return dp_cache_find(node.shared.cache, &key, dp_cache_ticks(clock_mono_ns()));
}

static uint64_t entries(void)
{
	struct dp_cache_stats stats;

	dp_cache_stats(node.shared.cache, &stats);
	return stats.entries;
}

/* Every kind of neighbour of example.com. */
static void keep_family(void)
{
	keep(&rec, "example.com", DNS_TYPE_A, false, 0);
	keep(&rec, "example.com", DNS_TYPE_A, true, 0);
	keep(&rec, "example.com", TYPE_MX, false, 0);
	keep(&auth, "example.com", DNS_TYPE_A, false, 0);
	keep(&rec, "www.example.com", DNS_TYPE_A, false, 0);
	keep(&rec, "a.b.c.example.com", TYPE_MX, false, 0);
	keep(&rec, "badexample.com", DNS_TYPE_A, false, 0);
	keep(&rec, "com", DNS_TYPE_A, false, 0);
	keep(&rec, "example.com.org", DNS_TYPE_A, false, 0);
	keep(&rec, "\\007example\\003com.test", DNS_TYPE_A, false, 0);
}

/* ---- the daemon and its client ---- */

static void on_request(void *context, struct control_client *client, const json_t *request)
{
	cachectl_run(context, client, request);
}

static void turn(void)
{
	uint64_t before_ns = pretended_ns;

	assert_int_equal(loop_turn(&node.loop, 1), 0);
	if (pretended_ns - before_ns > slowest_ns)
		slowest_ns = pretended_ns - before_ns;
}

static int begin(const char *request)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(name.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	assert_int_equal(send(fd, "\n", 1, 0), 1);
	return fd;
}

/* The whole of what comes until the daemon closes. */
static size_t end(int fd)
{
	uint64_t deadline_ns = clock_mono_ns() + 60ull * CLOCK_NS_PER_S;
	size_t len = 0;
	ssize_t n = -1;

	while (n && clock_mono_ns() < deadline_ns) {
		turn();
		while ((n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
			len += (size_t)n;
	}
	assert_int_equal(n, 0);
	close(fd);
	answer[len] = '\0';
	return len;
}

static json_t *ask(const char *request)
{
	json_error_t error;
	json_t *document;

	end(begin(request));
	document = json_loads(answer, 0, &error);
	assert_non_null(document);
	return document;
}

static json_int_t number(const char *request, const char *key)
{
	json_t *document = ask(request);
	json_int_t n = json_integer_value(json_object_get(document, key));

	assert_true(json_is_integer(json_object_get(document, key)));
	json_decref(document);
	return n;
}

static size_t found(const char *request)
{
	json_t *document = ask(request);
	size_t n = json_array_size(json_object_get(document, "entries"));

	assert_true(json_is_array(json_object_get(document, "entries")));
	json_decref(document);
	return n;
}

/* ---- set-up ---- */

static int open_node(void **unused)
{
	struct dp_cache_conf cache = { .memory = 64 << 20, .epoch = &node.shared.epoch, .writers = 1 };
	char error[256];

	(void)unused;
	name_hash_init_fixed();
	memset(&node, 0, sizeof(node));
	began_ns = clock_mono_ns();
	look_ns = 0;
	epoch_init(&node.shared.epoch);
	auth.id = (uint16_t)pool_registry_id(&node.registry, auth.name);
	rec.id = (uint16_t)pool_registry_id(&node.registry, rec.name);
	conf = (struct dp_conf){ .n_pools = 2, .pools = { &auth, &rec } };
	atomic_store(&node.shared.conf, &conf);
	strcpy(directory, "/tmp/tandem-cachectl-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/control.sock", directory);
	assert_int_equal(loop_init(&node.loop), 0);
	assert_int_equal(control_open(&node.control, &node.loop, path, "", on_request, &node, error, sizeof(error)), 0);
	assert_int_equal(dp_cache_open(&node.shared.cache, &cache, error, sizeof(error)), 0);
	return 0;
}

static int close_node(void **unused)
{
	(void)unused;
	control_close(node.control);
	cachectl_stop(&node);
	dp_cache_close(node.shared.cache);
	loop_fini(&node.loop);
	epoch_fini(&node.shared.epoch);
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

/* ---- cases ---- */

static void test_survey(void **unused)
{
	struct dp_worker *worker = dp_worker_new(&node.shared, 0, 4, 4);
	json_t *document, *pool, *kept;

	(void)unused;
	node.shared.worker[0] = worker;
	counters_add(dp_pool_counter(worker, rec.id, DP_POOL_HITS), 7);
	counters_add(dp_pool_counter(worker, rec.id, DP_POOL_NOT_KEPT), 1);
	keep_family();
	keep(&auth, "old.example.com", DNS_TYPE_A, false, LIFE_S - 60);
	keep(&rec, "gone.example.com", DNS_TYPE_A, false, LIFE_S + 60);
	document = ask("{\"command\":\"cache\"}");
	assert_int_equal(json_integer_value(json_object_get(document, "memory")), 64 << 20);
	assert_int_equal(json_integer_value(json_object_get(document, "entries")), 12);
	assert_int_equal(json_integer_value(json_object_get(document, "expired")), 1);
	assert_in_range(json_integer_value(json_object_get(document, "oldest_ms")), 240000, 242000);
	assert_int_equal(json_integer_value(json_object_get(document, "stored")), 12);
	kept = json_object_get(document, "kept");
	assert_int_equal(json_array_size(kept), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(kept, 0), "positive")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(kept, 1), "positive")), 9);
	pool = json_array_get(json_object_get(document, "pools"), 1);
	assert_string_equal(json_string_value(json_object_get(pool, "pool")), "rec");
	assert_int_equal(json_integer_value(json_object_get(pool, "hits")), 7);
	assert_int_equal(json_integer_value(json_object_get(pool, "not_kept")), 1);
	json_decref(document);
	node.shared.worker[0] = NULL;
	dp_worker_free(worker);
}

static void test_find(void **unused)
{
	json_t *document, *entry;

	(void)unused;
	keep_family();
	assert_int_equal(found("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"EXAMPLE.com.\"}"), 4);
	assert_int_equal(found("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"example.com\",\"type\":\"MX\"}"),
			 1);
	assert_int_equal(found("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"example.com\",\"suffix\":true}"),
			 6);
	assert_int_equal(found("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"no.example\"}"), 0);
	keep(&rec, "aged.test", DNS_TYPE_A, true, 100);
	document = ask("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"aged.test\"}");
	entry = json_array_get(json_object_get(document, "entries"), 0);
	assert_string_equal(json_string_value(json_object_get(entry, "name")), "aged.test.");
	assert_string_equal(json_string_value(json_object_get(entry, "type")), "A");
	assert_string_equal(json_string_value(json_object_get(entry, "pool")), "rec");
	assert_string_equal(json_string_value(json_object_get(entry, "rcode")), "NOERROR");
	assert_string_equal(json_string_value(json_object_get(entry, "kind")), "positive");
	assert_true(json_is_true(json_object_get(entry, "do")));
	assert_true(json_is_false(json_object_get(entry, "cd")));
	assert_int_equal(json_integer_value(json_object_get(entry, "age_s")), 100);
	assert_int_equal(json_integer_value(json_object_get(entry, "left_s")), LIFE_S - 100);
	assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "answer"), 0)),
			    "aged.test. 200 IN A 192.0.2.1");
	json_decref(document);
	/* a pool without ageing shows its TTLs as they came */
	keep(&auth, "shown.test", DNS_TYPE_A, false, 100);
	document = ask("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"shown.test\"}");
	entry = json_array_get(json_object_get(document, "entries"), 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "answer"), 0)),
			    "shown.test. 300 IN A 192.0.2.1");
	json_decref(document);
}

static void test_find_many(void **unused)
{
	json_t *document;
	char name[64];

	(void)unused;
	for (unsigned i = 0; i < CACHECTL_FIND_MAX + 1; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		keep(&rec, name, DNS_TYPE_A, false, 0);
	}
	document = ask("{\"command\":\"cache\",\"action\":\"find\",\"name\":\"test\",\"suffix\":true}");
	assert_int_equal(json_array_size(json_object_get(document, "entries")), CACHECTL_FIND_MAX);
	assert_true(json_is_true(json_object_get(document, "more")));
	json_decref(document);
}

static void test_bad_requests(void **unused)
{
	static const struct {
		const char *request, *error;
	} cases[] = {
		{ "{\"command\":\"cache\",\"action\":\"burn\"}", "action" },
		{ "{\"command\":\"cache\",\"action\":\"find\"}", "name" },
		{ "{\"command\":\"cache\",\"action\":\"find\",\"name\":\"a..b\"}", "name" },
		{ "{\"command\":\"cache\",\"action\":\"find\",\"name\":7}", "name" },
		{ "{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"a.\",\"type\":\"NOTYPE\"}", "type" },
	};
	struct dp_cache *cache = node.shared.cache;

	(void)unused;
	keep_family();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *document = ask(cases[i].request);
		const char *error = json_string_value(json_object_get(document, "error"));

		assert_non_null(error);
		assert_non_null(strstr(error, cases[i].error));
		json_decref(document);
	}
	assert_int_equal(entries(), 10);
	node.shared.cache = NULL;
	end(begin("{\"command\":\"cache\"}"));
	node.shared.cache = cache;
	assert_non_null(strstr(answer, "no cache"));
}

static void test_purge_name(void **unused)
{
	(void)unused;
	keep_family();
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"Example.COM\",\"type\":\"A\"}",
				"removed"), 3);
	assert_false(has(&rec, "example.com", DNS_TYPE_A, false));
	assert_false(has(&rec, "example.com", DNS_TYPE_A, true));
	assert_false(has(&auth, "example.com", DNS_TYPE_A, false));
	assert_true(has(&rec, "example.com", TYPE_MX, false));
	assert_true(has(&rec, "www.example.com", DNS_TYPE_A, false));
	assert_int_equal(entries(), 7);
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"example.com\"}", "removed"), 1);
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"example.com\"}", "removed"), 0);
	assert_int_equal(entries(), 6);
}

static void test_purge_suffix(void **unused)
{
	(void)unused;
	keep_family();
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"example.com\",\"suffix\":true,"
				"\"type\":\"MX\"}", "removed"), 2);
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"example.com\",\"suffix\":true}",
				"removed"), 4);
	assert_true(has(&rec, "badexample.com", DNS_TYPE_A, false));
	assert_true(has(&rec, "com", DNS_TYPE_A, false));
	assert_true(has(&rec, "example.com.org", DNS_TYPE_A, false));
	assert_true(has(&rec, "\\007example\\003com.test", DNS_TYPE_A, false));
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\".\",\"suffix\":true}",
				"removed"), 4);
	assert_int_equal(entries(), 0);
}

/* Workers that are in a batch when the purge begins may store until its end. */
static void test_purge_waits(void **unused)
{
	struct epoch_reader *busy = &node.shared.epoch.readers[0], *stream = &node.shared.epoch.readers[DP_STREAM];
	char piece[64];
	int fd;

	(void)unused;
	keep_family();
	epoch_enter(&node.shared.epoch, busy);
	epoch_enter(&node.shared.epoch, stream);
	fd = begin("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\".\",\"suffix\":true}");
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_true(atomic_load(&node.shared.purged_ns) >= began_ns);
	assert_int_equal(entries(), 10);
	epoch_enter(&node.shared.epoch, busy);
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_int_equal(entries(), 10);
	keep(&rec, "late.test", DNS_TYPE_A, false, 0);	/* by the worker that had seen no stamp */
	epoch_sleep(stream);
	assert_int_equal(recv(fd, piece, sizeof(piece), 0), -1);
	end(fd);
	assert_non_null(strstr(answer, "\"removed\":11"));
	assert_int_equal(entries(), 0);
	epoch_sleep(busy);
}

static void test_purge_of_hung(void **unused)
{
	uint64_t before_ns = clock_mono_ns();

	(void)unused;
	keep_family();
	epoch_enter(&node.shared.epoch, &node.shared.epoch.readers[3]);
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\".\",\"suffix\":true}",
				"removed"), 10);
	assert_in_range(clock_mono_ns() - before_ns, 900 * CLOCK_NS_PER_MS, 5ull * CLOCK_NS_PER_S);
	epoch_sleep(&node.shared.epoch.readers[3]);
}

static unsigned lines_with(const char *text)
{
	unsigned n = 0;

	for (const char *at = strstr(answer, text); at; at = strstr(at + 1, text))
		n++;
	return n;
}

static void test_dump(void **unused)
{
	size_t len;

	(void)unused;
	keep_family();
	keep(&rec, "a\\027[2j\\010b.test", DNS_TYPE_A, false, 100);
	len = end(begin("{\"command\":\"cache\",\"action\":\"dump\"}"));
	assert_memory_equal(answer, "{\"action\":\"dump\"}\n", 18);
	assert_int_equal(lines_with("\n; "), 12);
	assert_int_equal(lines_with(" IN A 192.0.2.1\n"), 9);
	assert_int_equal(lines_with(" IN MX 1 .\n"), 2);
	assert_non_null(strstr(answer, "\n; a\\027[2j\\010b.test. IN A pool=rec cd=0 do=0 positive NOERROR age=100 left=200 "));
	assert_non_null(strstr(answer, "\na\\027[2j\\010b.test. 200 IN A 192.0.2.1\n"));
	assert_non_null(strstr(answer, "\n; end: 11 entries, 0 left out for want of memory\n"));
	for (size_t i = 0; i < len; i++)
		assert_true(answer[i] == '\n' || (answer[i] >= ' ' && answer[i] <= '~'));
	assert_int_equal(epoch_progress(&node.shared.epoch.readers[DP_CONTROL]), 0);
}

static void keep_many(unsigned n)
{
	char name[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%u.many.test", i);
		keep(&rec, name, DNS_TYPE_A, false, 0);
	}
}

static void test_slices(void **unused)
{
	enum { MANY = 50000 };
	char wanted[64];

	(void)unused;
	keep_many(MANY);
	pretended_ns = clock_mono_ns();
	look_ns = CLOCK_NS_PER_MS / 20;
	slowest_ns = 0;
	assert_int_equal(number("{\"command\":\"cache\"}", "entries"), entries());
	end(begin("{\"command\":\"cache\",\"action\":\"dump\"}"));
	snprintf(wanted, sizeof(wanted), "; end: %llu entries", (unsigned long long)entries());
	assert_non_null(strstr(answer, wanted));
	assert_int_equal(number("{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"many.test\",\"suffix\":true}",
				"removed"), MANY);
	assert_in_range(slowest_ns, CLOCK_NS_PER_MS, 5 * CLOCK_NS_PER_MS);
}

/* Clients that go away, and a stop, in the middle of everything. */
static void test_left(void **unused)
{
	static const char *const requests[] = {
		"{\"command\":\"cache\"}",
		"{\"command\":\"cache\",\"action\":\"find\",\"name\":\"many.test\",\"suffix\":true}",
		"{\"command\":\"cache\",\"action\":\"dump\"}",
		"{\"command\":\"cache\",\"action\":\"purge\",\"name\":\"n7.many.test\"}",
	};
	int fd[8];

	(void)unused;
	keep_many(20000);
	for (unsigned i = 0; i < 8; i++) {
		fd[i] = begin(requests[i % 4]);
		turn();
		turn();
	}
	for (unsigned i = 0; i < 4; i++)
		close(fd[i]);
	for (unsigned i = 0; i < 4; i++)
		turn();
	for (unsigned i = 4; i < 8; i++)
		close(fd[i]);
	turn();
	/* close_node() ends what is left */
}

#define WITH_NODE(description, function) { description, function, open_node, close_node, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		WITH_NODE("figures, entries by pool and kind, expired ones and the age of the oldest", test_survey),
		WITH_NODE("find: by name, by type, below a name; flags, age and records", test_find),
		WITH_NODE("find: shows so many and says that there are more", test_find_many),
		WITH_NODE("requests that cannot be read, and a node without cache, are refused", test_bad_requests),
		WITH_NODE("purge of a name and of a type removes exactly those", test_purge_name),
		WITH_NODE("purge of a suffix keeps whole labels; of the root, everything", test_purge_suffix),
		WITH_NODE("purge waits for every worker's batch: what was stored meanwhile goes too", test_purge_waits),
		WITH_NODE("purge does not wait for ever for a worker that hangs", test_purge_of_hung),
		WITH_NODE("D252 dump: a line an entry and a line a record, names and data escaped", test_dump),
		WITH_NODE("walks of many entries never hold the loop for over 5 ms", test_slices),
		WITH_NODE("clients that leave, and a stop, in the middle of walks", test_left),
	};

	return RUN(cases);
}
