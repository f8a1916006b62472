/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_render.c - what tandemctl prints: columns, units, and nothing that a terminal would obey.
 */
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#include "node/document.h"
#include "node/render.h"
#include "node/table.h"

static char text[65536];

static FILE *begin(void)
{
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	return out;
}

static void print(const char *command, const char *json)
{
	json_error_t error;
	json_t *document = json_loads(json, 0, &error);
	FILE *out = begin();

	assert_non_null(document);
	assert_true(render(out, command, document));
	fclose(out);
	json_decref(document);
}

static void test_columns(void **unused)
{
	struct table *t = table_new("NAME|>COUNT|WHY");
	FILE *out = begin();

	(void)unused;
	table_text(t, "a");
	table_number(t, 12345678901ull);
	table_text(t, "");
	table_text(t, "longer");
	table_number(t, 1);
	table_text(t, "because");
	table_print(t, out);
	fclose(out);
	assert_string_equal(text, "NAME          COUNT  WHY\n"
				  "a       12345678901  -\n"
				  "longer            1  because\n");
}

static void test_units(void **unused)
{
	static const struct {
		void (*add)(struct table *table, uint64_t n);
		uint64_t n;
		const char *shown;
	} cases[] = {
		{ table_duration, 0, "0 ms" },
		{ table_duration, 9999, "9999 ms" },
		{ table_duration, 10000, "10 s" },
		{ table_duration, 119999, "119 s" },
		{ table_duration, 120000, "2 min 0 s" },
		{ table_duration, 7200000, "2 h 0 min" },
		{ table_duration, 172800000, "2 d 0 h" },
		{ table_latency, 0, "-" },
		{ table_latency, 420, "0.42 ms" },
		{ table_octets, 1023, "1023 octets" },
		{ table_octets, 18 << 20, "18.0 MiB" },
		{ table_octets, 3ull << 40, "3072.0 GiB" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct table *t = table_new("X");
		FILE *out = begin();

		cases[i].add(t, cases[i].n);
		table_print(t, out);
		fclose(out);
		text[strlen(text) - 1] = '\0';
		assert_string_equal(text + 2, cases[i].shown);
	}
}

static void test_terminal_is_safe(void **unused)
{
	(void)unused;
	print("routes", "{\"loaded\":1,\"more\":false,\"routes\":"
			"[{\"suffix\":\"a\\u001b[31m\\r\\n\\u009b\",\"pool\":\"x\\u0007\"}]}");
	for (const char *at = text; *at; at++)
		assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
	assert_non_null(strstr(text, "a?[31m??"));
}

/* One router on a page: what counts, in words. */
static void test_router_page(void **unused)
{
	static const char *const expected[] = {
		"VIRTUAL ROUTER  eth0/51\n", "addresses       192.0.2.53 192.0.2.54\n",
		"state           Backup for 90 s, lingering\n",
		"last event      peer-better\n", "190, configured 250: pool:rec: no server is up\n",
		"held off for 12 s\n",
		"linger, 280 ms left\n", "17 advertisements from 192.0.2.1, the last 35 ms ago; 2 with priority 0, 1 refused by the kernel\n",
		"every 100 ms, worst gap 104.2 ms; 3 timers late, 4 leases lapsed\n",
		"6 times; 7 requests heard, 5 answered, 0 over",
		"peer            192.0.2.2, priority 200, every 100 ms, checksum rfc9568, heard 34 ms ago\n",
		"rejected        ttl 2, checksum 1\n", "two Actives     9 times\n",
		"remark          both have the same priority\n",
	};

	(void)unused;
	print("vrrp", "{\"details\":true,\"routers\":[{\"interface\":\"eth0\",\"vrid\":51,\"addresses\":[\"192.0.2.53\",\"192.0.2.54\"],"
	      "\"state\":\"Backup\",\"since_ms\":90000,\"lingering\":true,\"event\":\"peer-better\",\"cause\":\"x\",\"priority\":250,"
	      "\"effective_priority\":190,\"why\":\"pool:rec: no server is up\",\"preempt\":true,\"holding\":true,"
	      "\"preempt_in_ms\":11500,\"interval_cs\":10,\"cadence_worst_us\":104200,\"source\":\"192.0.2.1\",\"sent_ms\":35,"
	      "\"lease\":{\"mode\":\"linger\",\"left_ms\":280},\"dead_man\":true,"
	      "\"peer\":{\"address\":\"192.0.2.2\",\"priority\":200,\"interval_cs\":10,\"checksum\":\"rfc9568\",\"heard_ms\":34,"
	      "\"priority_equal\":true},\"other\":null,"
	      "\"counters\":{\"sent\":17,\"sent_release\":2,\"send_errors\":1,\"late\":3,\"lapsed\":4,\"announcements\":6,"
	      "\"arp_requests\":7,\"arp_replies\":5,\"two_actives\":9,\"rejected\":{\"ttl\":2,\"length\":0,\"checksum\":1}}}]}");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (!strstr(text, expected[i]))
			fail_msg("missing: %s in\n%s", expected[i], text);
	}
}

static void test_documents_take_any_octet(void **unused)
{
	json_t *object = json_object();

	(void)unused;
	document_text(object, "cause", "caf\xe9 \xff\x1b two\nlines");
	assert_string_equal(json_string_value(json_object_get(object, "cause")), "caf? ?? two\nlines");
	json_decref(object);
}

/* Every command, given nothing at all and given the wrong types. */
static void test_odd_documents(void **unused)
{
	static const char *const commands[] = { "ping", "status", "pools", "servers", "routes", "counters",
						"query", "check", "vrrp", "history", "reload", "peer" };
	static const char *const documents[] = {
		"{}", "[]", "{\"routes\":7,\"pools\":{},\"servers\":[1,null,[]],\"conditions\":[{}],"
		"\"workers\":[{\"name\":3}],\"ports\":[{}],\"counters\":[],\"control\":null,\"listen\":[5]}",
		"{\"routers\":[{},7,{\"addresses\":[7],\"peer\":3,\"counters\":[]}],\"transitions\":[{},1],\"vrrp\":7}",
		"{\"routers\":[{},7,{\"peer\":{},\"other\":7,\"lease\":[],\"counters\":{\"rejected\":7}}],\"details\":true}",
		"{\"routers\":[{},7],\"action\":\"release\",\"vrrp\":{\"routers\":[{},null]}}",
		"{\"configured\":true,\"peer\":{},\"paths\":[{},7],\"routers\":[{},7,{\"peer\":3}],\"differs\":[{}],\"failed\":3}",
		"{\"workers\":{\"0\":{},\"1\":7},\"counters\":{\"queries\":\"x\"},\"sockets\":[{}]}",
	};

	(void)unused;
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++)
		for (size_t d = 0; d < sizeof(documents) / sizeof(documents[0]); d++)
			print(commands[c], documents[d]);
	assert_false(render(stdout, "capture", NULL));
}

static void test_counters_per_worker(void **unused)
{
	(void)unused;
	print("counters", "{\"counters\":{\"queries\":7,\"answers\":5},\"inflight\":1,\"unaccounted\":-1,"
			  "\"workers\":{\"0\":{\"queries\":4,\"answers\":5},\"stream\":{\"queries\":3}}}");
	assert_string_equal(text, "COUNTER  ALL  0  stream\n"
				  "queries    7  4       3\n"
				  "answers    5  5       0\n"
				  "in flight 1, unaccounted -1\n");
}

static void test_routers(void **unused)
{
	(void)unused;
	print("vrrp", "{\"routers\":[{\"interface\":\"eth0\",\"vrid\":51,\"addresses\":[\"192.0.2.1\",\"192.0.2.2\"],"
		      "\"state\":\"Initialize\",\"released\":true,\"lingering\":true,\"since_ms\":7,\"priority\":250,"
		      "\"effective_priority\":190,\"why\":\"routes:rec\",\"missing\":\"\",\"cause\":\"command\","
		      "\"peer\":null,\"counters\":{\"heard\":3}}]}");
	assert_string_equal(text,
		"VIRTUAL ROUTER  ADDRESS              STATE                  SINCE  GROUP  PRIORITY  EFFECTIVE  WHY         MISSING               CAUSE\n"
		"eth0/51         192.0.2.1 192.0.2.2  Initialize, lingering  7 ms   -           250        190  routes:rec  standby until resume  command\n"
		"\n"
		"VIRTUAL ROUTER  PEER  PRIORITY  INTERVAL cs  CHECKSUM  LAST HEARD  HEARD  MISSED  TWO ACTIVES  REMARK\n"
		"eth0/51         -            0            0  -         0 ms            3       0            0  -\n"
		"\n"
		"VIRTUAL ROUTER  LEASE  LEFT ms  SENT  REFUSED  WORST GAP  LATE  LAPSED  ANNOUNCED  REJECTED\n"
		"eth0/51         -            0     0        0          -     0       0          0         0\n");
	print("vrrp", "{\"action\":\"release\",\"routers\":[\"eth0/51\"]}");
	assert_string_equal(text, "VIRTUAL ROUTER  ORDER\neth0/51         release\n");
}

static void test_tracks(void **unused)
{
	(void)unused;
	print("status", "{\"tracks\":[{\"name\":\"uplink\",\"type\":\"interface\",\"target\":\"eth1\",\"effect\":\"weight\","
			"\"weight\":60,\"failed\":true,\"unknown\":false,\"since_ms\":15,\"checks\":9,\"bad_checks\":2,"
			"\"result\":\"no carrier\",\"output\":\"\",\"under_way\":false,\"next_ms\":400},"
			"{\"name\":\"script\",\"type\":\"command\",\"target\":\"/a b\",\"effect\":\"fault\",\"weight\":0,"
			"\"failed\":true,\"unknown\":true,\"since_ms\":15,\"checks\":1,\"bad_checks\":1,"
			"\"result\":\"lost\",\"output\":\"o\\u001bk\",\"under_way\":true,\"next_ms\":0}],"
			"\"runner\":{\"alive\":false,\"pid\":0,\"running\":0,\"queued\":1,\"commands\":{\"good\":5}}}");
	assert_non_null(strstr(text, "\n"
		"TRACKED  TYPE       WHAT  EFFECT     STATE                SINCE  CHECKS  BAD  LAST RESULT  OUTPUT  NEXT IN\n"
		"uplink   interface  eth1  weight 60  FAILED               15 ms       9    2  no carrier   -       400 ms\n"
		"script   command    /a b  fault      unknown, was FAILED  15 ms       1    1  lost         o?k     under way\n"
		"runner DEAD, commands: 0 running, 1 waiting, 5 good\n"));
}

static void test_peer(void **unused)
{
	(void)unused;
	print("peer", "{\"configured\":false}");
	assert_string_equal(text, "this node has no peer in its configuration\n");
	print("peer", "{\"configured\":true,\"alive\":true,\"since_ms\":61000,\"heard_ms\":40,\"paired\":true,\"faulty\":true,"
		      "\"name\":\"dd2\",\"program\":\"0.1.0\",\"uptime_ms\":62000,\"queries\":7,\"cache_entries\":8,"
		      "\"skew_ms\":-12,\"compared\":true,\"differs\":[\"routes\",\"limits\"],\"failed\":2,"
		      "\"conditions\":[{\"name\":\"filter:eth0\",\"kind\":\"fault\"}],"
		      "\"routers\":[{\"interface\":\"eth0\",\"vrid\":51,\"family\":\"ipv6\",\"own\":{\"state\":\"Active\","
		      "\"effective_priority\":250},\"peer\":{\"state\":\"Backup\",\"priority\":200,\"effective_priority\":140,"
		      "\"group\":\"pair\"},\"held\":false,\"holds\":1,\"own_virtual_mac\":\"arrives\"}],"
		      "\"paths\":[{\"path\":\"first\",\"peer\":\"192.0.2.2:11253\",\"interface\":\"\",\"alive\":true,"
		      "\"heard_ms\":40,\"sent\":10,\"accepted\":9,\"sessions\":1,\"rejected\":{\"forged\":3,\"path\":0,\"replay\":1}},"
		      "{\"path\":\"second\",\"peer\":\"10.9.0.2:11253\",\"interface\":\"eth9\",\"trouble\":\"no route\"}]}");
	assert_string_equal(text,
		"PEER  VERSION  STATE   SINCE  HEARD AGO  UPTIME  CLOCK ms  DIFFERS        QUERIES  CACHED\n"
		"dd2   0.1.0    FAULTY  61 s   40 ms      62 s         -12  routes limits        7       8\n"
		"\n"
		"VIRTUAL ROUTER  HERE    PRIORITY  THERE   PRIORITY  EFFECTIVE  GROUP  HELD  HOLDS  OWN VIRTUAL MAC\n"
		"eth0/51v6       Active       250  Backup       200        140  pair   no        1  arrives\n"
		"\n"
		"PATH    PEER             INTERFACE  STATE     HEARD AGO  SENT  ERRORS  ACCEPTED  STARTS  REJECTED\n"
		"first   192.0.2.2:11253  -          there     40 ms        10       0         9       1  3 forged, 1 replay\n"
		"second  10.9.0.2:11253   eth9       no route  never         0       0         0       0  -\n"
		"\n"
		"FAILED THERE  KIND\n"
		"filter:eth0   fault\n"
		"2 in all\n");
}

static void test_check(void **unused)
{
	(void)unused;
	print("check", "{\"good\":true,\"conditions\":[]}");
	assert_string_equal(text, "good\n");
	print("check", "{\"good\":false,\"conditions\":[{\"name\":\"filter:eth0\",\"kind\":\"fault\","
		       "\"failed\":true,\"since_ms\":15,\"changes\":1,\"cause\":\"detached\"}]}");
	assert_string_equal(text, "NOT GOOD\n"
				  "CONDITION    KIND   STATE   SINCE  CHANGES  CAUSE\n"
				  "filter:eth0  fault  FAILED  15 ms        1  detached\n");
}

static void test_cache(void **unused)
{
	(void)unused;
	print("cache", "{\"memory\":536870912,\"arena_used\":1048576,\"huge_pages\":true,\"entries\":3,\"expired\":1,"
	      "\"oldest_ms\":12000,\"pools\":[{\"pool\":\"rec\",\"enabled\":true,\"hits\":70,\"hits_negative\":5,\"misses\":20,"
	      "\"joined\":5},{\"pool\":\"auth\",\"enabled\":false}],\"kept\":[{\"pool\":\"rec\",\"positive\":2}]}");
	assert_non_null(strstr(text, "512.0 MiB  huge"));
	assert_non_null(strstr(text, "rec     75.0 %"));
	assert_non_null(strstr(text, "auth       off"));
	assert_non_null(strstr(text, "12 s"));
	print("cache", "{\"entries\":[{\"name\":\"a.test.\",\"type\":\"A\",\"pool\":\"rec\",\"do\":true,\"cd\":true,\"age_s\":20,"
	      "\"left_s\":0,\"kind\":\"positive\",\"rcode\":\"NOERROR\",\"octets\":80,\"answer\":[\"one\\u001b[2J\",\"two\"]},"
	      "{\"name\":\"b.test.\"}],\"more\":true}");
	assert_non_null(strstr(text, "DO CD"));
	assert_non_null(strstr(text, "expired"));
	assert_non_null(strstr(text, "answer   one?[2J\n"));
	assert_non_null(strstr(text, "   answer   two\n"));
	assert_non_null(strstr(text, "and more\n"));
	print("cache", "{\"action\":\"purge\",\"removed\":17}");
	assert_string_equal(text, "17 entries removed\n");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("columns are as wide as they must be, numbers to the right", test_columns),
		CASE("durations, latencies and sizes in units people read", test_units),
		CASE("octets that a stranger chose never reach the terminal", test_terminal_is_safe),
		CASE("texts that are no UTF-8 do not lose the document", test_documents_take_any_octet),
		CASE("documents with members missing or of other types are printed, too",
		     test_odd_documents),
		CASE("counters down, workers across", test_counters_per_worker),
		CASE("virtual routers and their peers", test_routers),
		CASE("what is tracked, and the runner", test_tracks),
		CASE("one virtual router on a page", test_router_page),
		CASE("the other node: how it is, what it is in each virtual router, the paths", test_peer),
		CASE("check: one word when good, else what is not", test_check),
		CASE("the cache: rates and kinds; entries with their records; what a purge removed", test_cache),
	};

	return RUN(cases);
}
