/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_build.c - a snapshot from a configuration: what is in it, what it shares with the one before, and
 * that a failure leaves no trace.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/lease.h"
#include "dataplane/acl.h"
#include "dataplane/conf.h"
#include "dataplane/sockio.h"
#include "node/config.h"
#include "pools/local.h"
#include "pools/name.h"
#include "pools/suffix.h"
#include "tests/tap.h"

enum { NOW_NS = 1000 };

static struct pool_registry registry;
static char dir[] = "/tmp/test_build.XXXXXX";
static unsigned port_a, port_b;		/* free on 127.0.0.1 */

static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int set_up(void **state)
{
	(void)state;
	name_hash_init_fixed();
	port_a = free_port();
	do {
		port_b = free_port();
	} while (port_b == port_a);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/conf", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/list", dir);
	unlink(path);
	return rmdir(dir);
}

static int empty_registry(void **state)
{
	(void)state;
	memset(&registry, 0, sizeof(registry));
	return 0;
}

static FILE *create(const char *name)
{
	char path[64];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	return out;
}

struct parts {
	const char *listen, *auth, *rec, *routes, *more;	/* NULL = as usual */
	const char *acl, *edns;		/* more keys of these groups */
};

static int try_load(const struct parts *parts, struct config **config, char *error, size_t size)
{
	char path[64], listen[128];
	FILE *out = create("conf");

	snprintf(listen, sizeof(listen), "{ address = \"127.0.0.1\"; port = %u; }", port_a);
	fprintf(out, "node = { name = \"n1\"; io = \"socket\"; version_text = \"v\"; };\n"
		     "listen = ( %s );\nacl = { recursive = [ \"192.0.2.0/24\" ]; %s };\n"
		     "edns = { size = 1000; %s }; tcp = { idle_ms = 3000; connections = 7; };\n"
		     "pools = ( { name = \"auth\"; kind = \"authoritative\"; servers = ( %s );\n"
		     "probe = { name = \"Example.org\"; fall = 4; }; },\n"
		     "{ name = \"rec\"; kind = \"recursive\"; policy = \"round-robin\"; timeout_ms = 900; servers = ( %s ); } );\n"
		     "routes = ( %s );\n%s\n",
		parts->listen ? parts->listen : listen, parts->acl ? parts->acl : "", parts->edns ? parts->edns : "",
		parts->auth ? parts->auth : "{ address = \"192.0.2.53\"; }",
		parts->rec ? parts->rec : "{ address = \"192.0.2.54\"; }, { address = \"192.0.2.53\"; }",
		parts->routes ? parts->routes : "{ suffixes = [ \"example.org\" ]; pool = \"auth\"; },\n"
						"{ suffixes = [ \".\" ]; pool = \"rec\"; }",
		parts->more ? parts->more : "");
	fclose(out);
	snprintf(path, sizeof(path), "%s/conf", dir);
	return config_load(path, config, error, size);
}

static struct config *load(const struct parts *parts)
{
	char error[CONFIG_ERROR_MAX] = "";
	struct config *config = NULL;

	if (try_load(parts, &config, error, sizeof(error)))
		fail_msg("%s", error);
	return config;
}

static struct dp_conf *build(const struct parts *parts, const struct dp_conf *old)
{
	struct config *config = load(parts);
	char error[CONFIG_ERROR_MAX] = "";
	struct dp_conf *conf = NULL;

	if (config_build(config, old, &registry, NOW_NS, &conf, error, sizeof(error)))
		fail_msg("%s", error);
	config_free(config);
	return conf;
}

static unsigned servers_in_use(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		n += registry.servers[i].in_use;
	return n;
}

/* Every port of a virtual address hangs on the lease of its router; the node's own addresses on none. */
static void virtual_addresses_have_leases(void **state)
{
	char listen[256];
	struct dp_conf *conf;

	(void)state;
	snprintf(listen, sizeof(listen), "{ address = \"127.0.0.1\"; port = %u; }, { address = \"192.0.2.100\"; port = %u; }, "
		 "{ address = \"192.0.2.101\"; port = %u; }, { address = \"192.0.2.100\"; port = %u; }", port_a, port_a,
		 port_a,
		 port_b);
	conf = build(&(struct parts){ .listen = listen, .more =
		     "vrrp = ( { interface = \"e0\"; vrid = 1; addresses = [ \"192.0.2.101\" ]; },\n"
		     "{ interface = \"e0\"; vrid = 2; addresses = [ \"192.0.2.100\" ]; } );" }, NULL);
	assert_int_equal(conf->listens, 4);
	assert_int_equal(conf->listen[0].lease, LEASE_NONE);
	assert_int_equal(conf->listen[1].lease, 1);
	assert_int_equal(conf->listen[2].lease, 0);
	assert_int_equal(conf->listen[3].lease, 1);
	dp_conf_free(conf);
}

static void snapshot_is_complete(void **state)
{
	struct dp_conf *conf = build(&(struct parts){ 0 }, NULL);
	struct addr inside = addr_from_v4(htonl(0xc0000207)), outside = addr_from_v4(htonl(0xc6336407));
	const struct pool *auth = conf->pools[0], *rec = conf->pools[1];
	struct name name;

	(void)state;
	assert_int_equal(conf->generation, 1);
	assert_int_equal(conf->listens, 1);
	assert_int_equal(conf->listen[0].lease, LEASE_NONE);
	assert_int_equal(conf->listen[0].endpoint.port, port_a);
	assert_int_equal(conf->listen[0].listener->refs, 1);
	assert_int_equal(conf->n_pools, 2);
	assert_string_equal(auth->name, "auth");
	assert_int_equal(auth->kind, POOL_AUTHORITATIVE);
	assert_int_equal(auth->members, 1);
	assert_int_equal(auth->timeout_ms, 2000);
	assert_int_equal(auth->probe.type, 6);
	assert_int_equal(auth->probe.fall, 4);
	assert_int_equal(auth->probe.rcode, 0);
	assert_int_equal(rec->index, 1);
	assert_int_equal(rec->kind, POOL_RECURSIVE);
	assert_int_equal(rec->policy, POOL_ROUND_ROBIN);
	assert_int_equal(rec->timeout_ms, 900);
	assert_int_equal(rec->members, 2);
	assert_int_equal(rec->member[1]->endpoint.port, 53);
	assert_string_equal(rec->probe.name, "");
	assert_null(conf->probe_name[1]);
	assert_int_equal(name_from_text("example.ORG.", &name), 0);
	assert_true(name_equal(conf->probe_name[0], &name));
	assert_true(dp_acl_allows(conf->acl[POOL_RECURSIVE], &inside));
	assert_false(dp_acl_allows(conf->acl[POOL_RECURSIVE], &outside));
	assert_true(dp_acl_allows(conf->acl[POOL_AUTHORITATIVE], &outside));
	assert_int_equal(name_from_text("version.bind", &name), 0);
	assert_int_equal(local_find(conf->local, &name, 16)->text_len, 1);
	assert_int_equal(conf->edns_size, 1000);
	assert_int_equal(conf->tcp_idle_ms, 3000);
	assert_int_equal(conf->tcp_connections, 7);
	assert_int_equal(servers_in_use(), 3);	/* one address in two pools is two servers */
	dp_conf_free(conf);
}

static void rules_are_as_set(void **state)
{
	struct addr inside = addr_from_v4(htonl(0xc0000207)), outside = addr_from_v4(htonl(0xc6336407));
	struct dp_conf *conf = build(&(struct parts){ 0 }, NULL);

	(void)state;
	assert_int_equal(conf->rules.any[POOL_RECURSIVE], DP_ANY_TRUNCATE);
	assert_int_equal(conf->rules.any[POOL_AUTHORITATIVE], DP_ANY_TRUNCATE);
	assert_false(conf->rules.rd0_from_cache || conf->rules.ignore_trailing);
	assert_true(conf->rules.edns_fallback);
	assert_false(dp_acl_allows(conf->update_acl, &inside));
	assert_int_equal(conf->nsid_len, 2);
	assert_memory_equal(conf->nsid, "n1", 2);
	dp_conf_free(conf);

	conf = build(&(struct parts){
		.more = "rules = { any = { recursive = \"hinfo\"; authoritative = \"forward\"; }; rd0 = \"cache-only\";"
			" trailing = \"ignore\"; edns_fallback = false; };",
		.acl = "update = [ \"192.0.2.0/24\" ];", .edns = "nsid = \"\";" }, NULL);
	assert_int_equal(conf->rules.any[POOL_RECURSIVE], DP_ANY_HINFO);
	assert_int_equal(conf->rules.any[POOL_AUTHORITATIVE], DP_ANY_FORWARD);
	assert_true(conf->rules.rd0_from_cache && conf->rules.ignore_trailing);
	assert_false(conf->rules.edns_fallback);
	assert_true(dp_acl_allows(conf->update_acl, &inside));
	assert_false(dp_acl_allows(conf->update_acl, &outside));
	assert_int_equal(conf->nsid_len, 0);
	dp_conf_free(conf);
}

static void routes_lead_to_pools(void **state)
{
	static const struct { const char *name; uint32_t pool; } cases[] = {
		{ "example.org", 0 }, { "www.EXAMPLE.org.", 0 }, { "badexample.org", 1 }, { "org", 1 }, { ".", 1 },
		{ "one.list.example", 0 }, { "two.list.example", 0 }, { "x.three.list.example", 0 },
		{ "list.example", 1 },
		{ "a\\.b.example", 0 }, { "a.b.example", 1 }, { "\\032x.example", 0 }, { "x.example", 1 },
	};
	struct dp_conf *conf;
	FILE *list = create("list");

	(void)state;
	fprintf(list, "# names\none.list.example\n\n  Two.List.Example.\t# second\r\nthree.list.example  \na\\.b.example");
	fclose(list);
	conf = build(&(struct parts){ .routes =
		"{ suffixes = [ \"example.org\", \"\\\\032x.example\" ]; file = \"list\"; pool = \"auth\"; },"
		"{ suffixes = [ \".\" ]; pool = \"rec\"; }" }, NULL);
	assert_int_equal(suffix_table_count(conf->suffixes), 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct name name;

		assert_int_equal(name_from_text(cases[i].name, &name), 0);
		assert_int_equal(suffix_find(conf->suffixes, &name, false, NULL), cases[i].pool);
	}
	dp_conf_free(conf);
}

static void reload_shares_what_stays(void **state)
{
	struct dp_conf *old = build(&(struct parts){ 0 }, NULL), *new;
	struct dp_listener *listener = old->listen[0].listener;
	struct pool_server *kept = old->pools[1]->member[0];
	char listen[160];

	(void)state;
	pool_server_set_up(kept, false, "test", NOW_NS);
	snprintf(listen, sizeof(listen),
		 "{ address = \"127.0.0.1\"; port = %u; }, { address = \"127.0.0.1\"; port = %u; }", port_b, port_a);
	new = build(&(struct parts){ .listen = listen,
		    .rec = "{ address = \"192.0.2.56\"; }, { address = \"192.0.2.54\"; }" }, old);
	assert_int_equal(new->generation, 2);
	assert_int_equal(new->listens, 2);
	assert_ptr_equal(new->listen[1].listener, listener);
	assert_int_equal(listener->refs, 2);
	assert_ptr_equal(new->pools[1]->member[1], kept);
	assert_false(pool_server_is_up(kept));
	assert_true(pool_server_is_up(new->pools[1]->member[0]));
	assert_int_equal(servers_in_use(), 4);
	dp_conf_free(old);
	assert_int_equal(listener->refs, 1);
	dp_conf_free(new);
}

static void expect_no_trace(const struct parts *parts, int expected, const char *message)
{
	struct dp_conf *old = build(&(struct parts){ 0 }, NULL), *conf = NULL;
	struct config *config = load(parts);
	struct pool_registry before = registry;
	char error[CONFIG_ERROR_MAX] = "";

	assert_int_equal(config_build(config, old, &registry, NOW_NS + 1, &conf, error, sizeof(error)), expected);
	assert_non_null(strstr(error, message));
	assert_null(conf);
	assert_int_equal(old->listen[0].listener->refs, 1);
	assert_int_equal(servers_in_use(), 3);
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		assert_true(!before.servers[i].in_use ||
			    (registry.servers[i].in_use && registry.servers[i].since_ns == NOW_NS &&
			     endpoint_equal(&registry.servers[i].endpoint, &before.servers[i].endpoint)));
	config_free(config);
	dp_conf_free(old);
}

static void failing_listener_leaves_no_trace(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port_b),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char listen[160];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(listen, sizeof(listen),
		 "{ address = \"127.0.0.1\"; port = %u; }, { address = \"127.0.0.1\"; port = %u; }", port_a, port_b);
	expect_no_trace(&(struct parts){ .listen = listen, .auth = "{ address = \"192.0.2.77\"; }" }, -EADDRINUSE,
			"127.0.0.1:");
	close(fd);
}

static void failing_file_leaves_no_trace(void **state)
{
	struct dp_conf *conf = NULL;
	struct config *config;
	char error[CONFIG_ERROR_MAX] = "", path[64];
	FILE *list = create("list");

	(void)state;
	fprintf(list, "example.net\n");
	fclose(list);
	config = load(&(struct parts){ .routes = "{ file = \"list\"; pool = \"auth\"; }" });
	snprintf(path, sizeof(path), "%s/list", dir);
	unlink(path);		/* after the check */
	assert_int_equal(config_build(config, NULL, &registry, NOW_NS, &conf, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "/list:1: routes[0].file: cannot be read: No such file or directory"));
	assert_null(conf);
	assert_int_equal(servers_in_use(), 0);
	config_free(config);
}

static void full_registry_leaves_no_trace(void **state)
{
	struct endpoint other = { addr_from_v4(htonl(0xc6336401)), 0 };
	struct config *config = load(&(struct parts){ 0 });
	struct dp_conf *conf = NULL;
	char error[CONFIG_ERROR_MAX] = "";

	(void)state;
	for (other.port = 1; other.port < POOL_SERVERS_MAX; other.port++)
		pool_registry_get(&registry, "other", &other, NOW_NS);
	assert_int_equal(config_build(config, NULL, &registry, NOW_NS, &conf, error, sizeof(error)), -ENOSPC);
	assert_non_null(strstr(error, "no place for more servers"));
	assert_int_equal(servers_in_use(), POOL_SERVERS_MAX - 1);
	config_free(config);
}

/* The message with the directory taken out. */
static void expect_mistakes(const char *list_text, const char *routes, const char *expected)
{
	struct config *config = NULL;
	char error[CONFIG_ERROR_MAX] = "", *cut;
	FILE *list = create("list");

	fputs(list_text, list);
	fclose(list);
	assert_int_equal(try_load(&(struct parts){ .routes = routes }, &config, error, sizeof(error)), -EINVAL);
	while ((cut = strstr(error, dir)))
		memmove(cut, cut + strlen(dir) + 1, strlen(cut + strlen(dir) + 1) + 1);
	assert_string_equal(error, expected);
}

static void mistakes_in_lists(void **state)
{
	static const char routes[] = "{ suffixes = [ \".\" ]; pool = \"rec\"; },\n"
				     "{ suffixes = [ \"a.example\" ]; file = \"list\"; pool = \"auth\"; }";

	(void)state;
	expect_mistakes("b.example\n\nA.example.\n", routes,
			"list:3: routes[1].file: \"a.example.\" is given twice, first at conf:9");
	expect_mistakes("b.example\n# b\nb.example\n", routes,
			"list:3: routes[1].file: \"b.example.\" is given twice, first at list:1");
	expect_mistakes("two names\na..b\n.\n" "\xc3\xbc" ".example\n", routes,
			"list:1: routes[1].file: \"two names\" is no domain name in printable ASCII\n"
			"list:2: routes[1].file: \"a..b\" is no domain name in printable ASCII\n"
			"list:3: routes[1].file: \".\" is given twice, first at conf:8\n"
			"list:4: routes[1].file: \"\xc3\xbc.example\" is no domain name in printable ASCII");
}

static void mistakes_without_end(void **state)
{
	struct config *config = NULL;
	char error[CONFIG_ERROR_MAX] = "";
	FILE *list = create("list");
	unsigned lines = 1;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		fputs("same.example\n", list);
	fclose(list);
	assert_int_equal(try_load(&(struct parts){ .routes = "{ file = \"list\"; pool = \"auth\"; }" }, &config, error,
				  sizeof(error)), -EINVAL);
	for (const char *c = error; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 5, 10);
}

/* CPU time of this thread, which a busy machine does not stretch. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Reading and checking the configuration included: what a start or a reload with this list takes. */
static void long_list_is_fast(void **state)
{
	FILE *list = create("list");
	struct dp_conf *conf;
	struct name name;
	uint64_t begun_ns, ms;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		fprintf(list, "customer-%u.zone%u.example.org.\n", i, i % 100);
	fclose(list);
	begun_ns = cpu_ns();
	conf = build(&(struct parts){ .routes = "{ file = \"list\"; pool = \"auth\"; }" }, NULL);
	ms = (cpu_ns() - begun_ns) / CLOCK_NS_PER_MS;
	printf("# 100000 suffixes built in %u ms\n", (unsigned)ms);
	assert_int_equal(suffix_table_count(conf->suffixes), 100000);
	assert_int_equal(name_from_text("www.customer-99999.zone99.example.org", &name), 0);
	assert_int_equal(suffix_find(conf->suffixes, &name, false, NULL), 0);
	dp_conf_free(conf);
	assert_in_range(ms, 0, 500);
}

#define FRESH(description, function) { description, function, empty_registry, NULL, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		FRESH("everything the data plane needs is in the snapshot", snapshot_is_complete),
		FRESH("D027 D046 D051 D112 D114 D117 rules, NSID and acl.update are as set, and safe by default",
		      rules_are_as_set),
		FRESH("V057 listen entries of virtual addresses have their router's lease",
		      virtual_addresses_have_leases),
		FRESH("D100 D102 D103 routes, escapes and the root suffix lead to the pool", routes_lead_to_pools),
		FRESH("a reload keeps sockets and servers that stay", reload_shares_what_stays),
		FRESH("a listener that cannot be opened leaves no trace", failing_listener_leaves_no_trace),
		FRESH("a list that cannot be read leaves no trace", failing_file_leaves_no_trace),
		FRESH("a full registry leaves no trace", full_registry_leaves_no_trace),
		FRESH("mistakes in lists name the line, and for twins both places", mistakes_in_lists),
		FRESH("a list of nothing but mistakes ends after ten", mistakes_without_end),
		FRESH("100,000 suffixes within half a second", long_list_is_fast),
	};

	return cmocka_run_group_tests(cases, set_up, tear_down);
}
