/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config.c - the configuration as a whole: samples, every check between keys, what a reload may change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "node/config.h"
#include "node/routerconf.h"
#include "node/schema.h"
#include "pools/name.h"
#include "tests/tap.h"
#include "vrrp/advert.h"

#define GOOD "tests/node/conf/good.conf"
#define VRRP "tests/node/conf/vrrp.conf"
#define VRRP6 "tests/node/conf/vrrp6.conf"

static char *read_text(const char *path)
{
	static char text[16384];
	FILE *in = fopen(path, "r");
	size_t len;

	assert_non_null(in);
	len = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[len] = '\0';
	return text;
}

/* A copy of the base file in which the first find is replace; "" = put in front. */
static void write_changed(const char *base, char *path, const char *find, const char *replace)
{
	const char *text = read_text(base), *at = strstr(text, find);
	int fd = mkstemp(path);
	FILE *out = fdopen(fd, "w");

	assert_non_null(out);
	assert_non_null(at);
	fprintf(out, "%.*s%s%s", (int)(at - text), text, replace, at + strlen(find));
	fclose(out);
}

static int load_changed_from(const char *base, const char *find, const char *replace, struct config **config,
			     char *error, size_t size)
{
	char path[] = "/tmp/test_config.XXXXXX", text[CONFIG_ERROR_MAX] = "", *cut;
	int err;

	write_changed(base, path, find, replace);
	*config = NULL;
	err = config_load(path, config, text, sizeof(text));
	unlink(path);
	while ((cut = strstr(text, path))) {	/* "good" stands for the file */
		memcpy(cut, "good", 4);
		memmove(cut + 4, cut + strlen(path), strlen(cut + strlen(path)) + 1);
	}
	snprintf(error, size, "%s", text);
	return err;
}

static int load_changed(const char *find, const char *replace, struct config **config, char *error, size_t size)
{
	return load_changed_from(GOOD, find, replace, config, error, size);
}

static struct config *load(const char *path)
{
	char error[CONFIG_ERROR_MAX] = "";
	struct config *config = NULL;

	if (config_load(path, &config, error, sizeof(error)))
		fail_msg("%s", error);
	return config;
}

static void samples_are_good(void **state)
{
	static const char *const files[] = { "etc/dd1.conf", "etc/dd2.conf", "etc/dd1-interface-mac.conf",
						"etc/tandem.conf" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct config *config = load(files[i]);

		assert_int_equal(config->n_pools, 2);
		assert_int_equal(config->n_routes, 2);
		assert_int_equal(config->n_vrrp, i == 3 ? 2 : 1);
		config_free(config);
	}
}

static void expect_keys_in(const char *text, const struct schema_key *keys)
{
	for (; keys->name; keys++) {
		if (!strstr(text, keys->name))
			fail_msg("%s is not shown", keys->name);
		if (keys->children)
			expect_keys_in(text, keys->children);
	}
}

/* The file with everything commented out made real must say what the file without it says. */
static void sample_shows_all_defaults(void **state)
{
	const char *text = read_text("etc/tandem.conf");
	struct config *before = load("etc/tandem.conf");
	char path[] = "/tmp/test_config.XXXXXX", error[CONFIG_ERROR_MAX] = "";
	FILE *out = fdopen(mkstemp(path), "w");
	struct config *after;

	(void)state;
	expect_keys_in(text, schema_root);
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		const char *hash = line + strspn(line, "\t");

		end = strchrnul(line, '\n');
		/* a commented key: "# key = value;", "#\tkey = value;", or the "# };" of a group */
		if (*hash == '#' && memmem(hash, (size_t)(end - hash), ";", 1) &&
		    (memmem(hash, (size_t)(end - hash), " = ", 3) || strncmp(hash, "# };", 4) == 0) &&
		    !memmem(hash, (size_t)(end - hash), "cpus", 4) &&
		    !memmem(hash, (size_t)(end - hash), "file =", 6))
			line = hash + 1;
		else if (*hash == '#' && end[-1] == '{')
			line = hash + 1;
		fprintf(out, "%.*s\n", (int)(end - line), line);
	}
	fclose(out);
	after = load(path);
	for (const struct schema_key *key = schema_root; key->name; key++) {
		if (!schema_same(key, before, after))
			fail_msg("the sample shows a value for %s that is not its default", key->name);
	}
	assert_true(config_may_reload(before, after, error, sizeof(error)));
	unlink(path);
	config_free(before);
	config_free(after);
}

static void values_and_defaults(void **state)
{
	struct config *config = load(GOOD);

	(void)state;
	assert_string_equal(config->node_name, "dd1");
	assert_string_equal(config->version_text, "");
	assert_int_equal(config->io, CONFIG_IO_XDP);
	assert_int_equal(config->workers, 0);
	assert_int_equal(config->inflight, 32768);
	assert_int_equal(config->xdp_mode, STEER_AUTO);
	assert_int_equal(config->copy, DP_COPY_AUTO);
	assert_int_equal(config->source_port_first, 16384);
	assert_int_equal(config->source_port_count, 16384);
	assert_int_equal(config->interfaces[0].side, DP_SIDE_BOTH);
	assert_int_equal(config->listens[0].port, 53);
	assert_int_equal(config->acl[POOL_RECURSIVE].n, 2);
	assert_false(config->acl[POOL_RECURSIVE].item[1].allow);
	assert_int_equal(config->acl[POOL_AUTHORITATIVE].n, 2);
	assert_int_equal(config->pools[0].kind, POOL_AUTHORITATIVE);
	assert_int_equal(config->pools[0].policy, POOL_LEAST_OUTSTANDING);
	assert_int_equal(config->pools[1].policy, POOL_ROUND_ROBIN);
	assert_int_equal(config->pools[1].n_servers, 2);
	assert_int_equal(config->pools[1].servers[1].port, 5353);
	assert_int_equal(config->pools[1].probe.interval_ms, 2000);
	assert_int_equal(config->pools[1].probe.timeout_ms, 500);
	assert_string_equal(config->pools[0].probe.rcode, "NOERROR");
	assert_int_equal(config->edns_size, 1232);
	assert_int_equal(config->tcp_connections, 1000);
	assert_int_equal(config->check_interval_ms, 20);
	assert_string_equal(config->control_socket, "/run/tandem/control.sock");
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->deny.n, 0);
	assert_int_equal(config->limit_memory, 16 << 20);
	assert_int_equal(config->limit.kind[POOL_RECURSIVE].qps, 0);
	assert_int_equal(config->limit.kind[POOL_RECURSIVE].over, DP_OVER_CACHE_ONLY);
	assert_int_equal(config->limit.kind[POOL_AUTHORITATIVE].over, DP_OVER_SLIP);
	assert_int_equal(config->limit.n_wider, 2);
	assert_int_equal(config->limit.wider[1].ipv4_prefix, 20);
	assert_int_equal(config->limit.wider[1].factor, 64);
	assert_int_equal(config->limit.amplification, 0);
	assert_false(config->block.automatic);
	assert_int_equal(config_pool(config, "rec"), 1);
	assert_int_equal(config_pool(config, "none"), -1);
	config_free(config);
}

static void included_files(void **state)
{
	struct config *config = load("tests/node/conf/included.conf");

	(void)state;
	assert_int_equal(config->n_pools, 2);
	assert_string_equal(config->pools[0].name, "auth");
	assert_string_equal(config->routes[0].file, "tests/node/conf/lists/suffixes.txt");
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	config_free(config);
}

static void many_mistakes_at_once(void **state)
{
	static const char *const lines =
		"conf/mistakes.conf:1: node.speed: unknown key, allowed here: name, io, workers, cpus, version_text, inflight\n"
		"conf/mistakes.conf:1: node.workers: 65 is out of range, must be a number 0-64\n"
		"conf/mistakes.conf:2: listen[0].port: must be a number 1-65535\n"
		"conf/mistakes.conf:4: pools[0].kind: \"authoritive\" is not one of \"authoritative\", \"recursive\"\n"
		"conf/mistakes.conf:4: pools[0].servers: has 0 elements, must be a list of 1-32 groups ( { ... }, ... )\n"
		"conf/mistakes.conf:5: pools[1].name: missing, must be text of 1-31 characters\n"
		"conf/mistakes.conf:6: pools[1].servers[0].address: \"192.0.2\" is no IP address\n"
		"conf/mistakes.conf:6: pools[1].servers[1].port: 0 is out of range, must be a number 1-65535\n"
		"conf/mistakes.conf:8: routes[0].pool: must be text of 1-31 characters";
	char error[CONFIG_ERROR_MAX], got[CONFIG_ERROR_MAX] = "";
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load("tests/node/conf/mistakes.conf", &config, error, sizeof(error)), -EINVAL);
	assert_null(config);
	for (char *line = strtok(error, "\n"); line; line = strtok(NULL, "\n"))
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", *got ? "\n" : "",
			 line + strlen("tests/node/"));
	assert_string_equal(got, lines);
}

static void more_mistakes_than_are_shown(void **state)
{
	char path[] = "/tmp/test_config.XXXXXX", error[CONFIG_ERROR_MAX], *last;
	FILE *out = fdopen(mkstemp(path), "w");
	struct config *config = NULL;

	(void)state;
	for (int i = 0; i < 30; i++)
		fprintf(out, "key_%d = 1;\n", i);
	fclose(out);
	assert_int_equal(config_load(path, &config, error, sizeof(error)), -EINVAL);
	last = strrchr(error, '\n');
	assert_string_equal(last, "\nand 24 more mistakes");	/* 30 unknown, 4 missing */
	assert_int_equal(config_load(path, &config, error, 300), -EINVAL);
	assert_true(strlen(error) < 300);
	assert_non_null(strstr(error, " more mistakes"));
	unlink(path);
}

struct change { const char *find, *replace, *error; };

/* Each change makes a file of base that is refused with exactly this error. */
static void refuse_all(const char *base, const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char error[CONFIG_ERROR_MAX];
		struct config *config;

		assert_int_equal(load_changed_from(base, changes[i].find, changes[i].replace, &config, error,
						   sizeof(error)), -EINVAL);
		assert_string_equal(error, changes[i].error);
		assert_null(config);
	}
}

static void mistakes_between_keys(void **state)
{
	static const struct change cases[] = {
		{ "name = \"dd1\"", "name = \"dd 1\"", "good:2: node.name: must be letters, digits, '.', '_' and '-'" },
		{ "\"dd1\";", "\"dd1\"; inflight = 3000;", "good:2: node.inflight: 3000 must be a power of two" },
		{ "\"dd1\";", "\"dd1\"; cpus = [ 1, 2 ];",
		  "good:2: node.cpus: names 2 CPUs for 0 workers, must be one each; set workers = 2" },
		{ "\"dd1\";", "\"dd1\"; workers = 2; cpus = [ 1, 1 ];", "good:2: node.cpus[1]: CPU 1 is given twice" },
		{ "acl", "xdp = { ring_size = 1000; frame_size = 3000; };\nacl",
		  "good:5: xdp.ring_size: 1000 must be a power of two\n"
		  "good:5: xdp.frame_size: 3000 must be 2048 or 4096" },
		{ "acl", "control = { socket = \"run/x\"; };\nacl",
		  "good:5: control.socket: must be an absolute path" },
		{ "acl", "self_check = { interval_ms = 100; };\nacl",
		  "good:5: self_check.hang_ms: 50 must not be below interval_ms, which is 100" },
		{ "side = \"both\"", "side = \"client\"",
		  "good:3: interfaces: with io = \"xdp\" one must have side \"client\" or \"both\", and one side \"server\" or \"both\"" },
		{ "interfaces = ( { name = \"eth0\"; side = \"both\"; } );", "",
		  "good:1: interfaces: with io = \"xdp\" one must have side \"client\" or \"both\", and one side \"server\" or \"both\"" },
		{ "side = \"both\"; }", "}, { name = \"eth0\"; }",
		  "good:3: interfaces[1].name: \"eth0\" is given twice" },
		{ "\"eth0\"", "\"a/b\"", "good:3: interfaces[0].name: \"a/b\" is no name of a network device" },
		{ "\"eth0\"", "\"an-interface-name\"",
		  "good:3: interfaces[0].name: has 17 characters, must be text of 1-15 characters" },
		{ "acl", "source_ports = { first = 20000; count = 3000; };\nacl",
		  "good:5: source_ports.count: 3000 must be a power of two" },
		{ "acl", "source_ports = { first = 60000; count = 8192; };\nacl",
		  "good:5: source_ports.count: 8192 ports from 60000 end at 68191, must end at 65535 or below" },
		{ "\"dd1\"; };", "\"dd1\"; workers = 8; };\nsource_ports = { count = 256; };",
		  "good:3: source_ports.count: 256 are too few for 8 workers, must be at least 512" },
		{ "\"192.0.2.1\";", "\"192.0.2.1\"; port = 20000;",
		  "good:4: listen[0].port: 20000 lies inside source_ports, 16384-32767" },
		{ "\"192.0.2.1\"; }", "\"192.0.2.1\"; }, { address = \"192.0.2.1\"; port = 54; },\n{ address = \"192.0.2.1\"; }",
		  "good:5: listen[2].address: same address and port as listen[0]" },
		{ "\"192.0.2.1\"", "\"0.0.0.0\"", "good:4: listen[0].address: must be the address of one host" },
		{ "\"192.0.2.1\"", "\"224.0.0.1\"", "good:4: listen[0].address: must be the address of one host" },
		{ "\"192.0.2.1\"", "\"ff02::1\"", "good:4: listen[0].address: must be the address of one host" },
		{ "\"192.0.2.1\"", "\"fe80::1\"", "good:4: listen[0].address: must not be a link-local address" },
		{ "	recursive = [ \"192.0.2.0/24\", \"!192.0.2.99\" ];", "",
		  "good:5: acl.recursive: missing, required by the recursive pool \"rec\"; list your clients, like [ \"10.0.0.0/8\" ]" },
		{ "acl", "deny = [ \"!192.0.2.1\" ];\nacl",
		  "good:5: deny[0]: \"!\" has no meaning here, must be a prefix" },
		{ "acl", "deny = [ \"10.0.0.0/8\", \"10.0.0.0/8\" ];\nacl",
		  "good:5: deny[1]: 10.0.0.0/8 is given twice" },
		{ "acl", "deny = [ \"10.0.0.0/7\",\n\"127.0.0.1\",\n\"::/0\", \"2000::/15\" ];\nacl",
		  "good:5: deny[0]: 10.0.0.0/7 is too wide, must be a /8 or longer, a /16 for IPv6\n"
		  "good:6: deny[1]: 127.0.0.1/32 holds a loopback address, which this node checks itself from\n"
		  "good:7: deny[2]: ::/0 holds a loopback address, which this node checks itself from\n"
		  "good:7: deny[3]: 2000::/15 is too wide, must be a /8 or longer, a /16 for IPv6" },
		{ "acl", "limit = { recursive = { qps = 1000001; over = \"slip\"; };\n"
		  "authoritative = { over = \"cache-only\"; slip = 0; }; };\nacl",
		  "good:5: limit.recursive.qps: 1000001 is out of range, must be a number 0-1000000\n"
		  "good:5: limit.recursive.over: \"slip\" is not one of \"cache-only\", \"drop\", \"refuse\"\n"
		  "good:6: limit.authoritative.over: \"cache-only\" is not one of \"drop\", \"refuse\", \"slip\"\n"
		  "good:6: limit.authoritative.slip: 0 is out of range, must be a number 1-100" },
		{ "acl", "limit = { recursive = { qps = 10; burst = 601; };\nauthoritative = { qps = 1; burst = 61; }; };\nacl",
		  "good:5: limit.recursive.burst: 601 must be at most 60 times qps, which is 10\n"
		  "good:6: limit.authoritative.burst: 61 must be at most 60 times qps, which is 1" },
		{ "acl", "limit = { ipv4_prefix = 24; };\nacl",
		  "good:5: limit.wider[0].ipv4_prefix: 24 must be below 24, the one before" },
		{ "acl", "limit = { wider = ( { ipv4_prefix = 24; ipv6_prefix = 48; factor = 8; },\n"
		  "{ ipv4_prefix = 25; ipv6_prefix = 48; factor = 7; } ); };\nacl",
		  "good:6: limit.wider[1].ipv4_prefix: 25 must be below 24, the one before\n"
		  "good:6: limit.wider[1].ipv6_prefix: 48 must be below 48, the one before\n"
		  "good:6: limit.wider[1].factor: 7 must not be below 8, the one before" },
		{ "acl", "limit = { wider = ( { ipv4_prefix = 24; } ); };\nacl",
		  "good:5: limit.wider[0].ipv6_prefix: missing, must be a number 1-127\n"
		  "good:5: limit.wider[0].factor: missing, must be a number 1-10000" },
		{ "acl", "limit = { exempt = [ \"192.0.2.1\",\n\"!192.0.2.2\" ]; };\nacl",
		  "good:6: limit.exempt[1]: \"!\" has no meaning here, must be a prefix" },
		{ "acl", "limit = { exempt = [ \"192.0.2.1\" ];\noverride = ( { prefix = \"192.0.2.1/32\"; factor = 2; },\n"
		  "{ prefix = \"10.0.0.0/8\"; factor = 2; }, { prefix = \"10.0.0.0/8\"; factor = 3; } ); };\nacl",
		  "good:6: limit.override[0].prefix: 192.0.2.1/32 is in limit.exempt already\n"
		  "good:7: limit.override[2].prefix: 10.0.0.0/8 is given twice" },
		{ "acl", "limit = { override = ( { prefix = \"100.64.0.0/9\"; factor = 2; },\n"
		  "{ prefix = \"nets\"; factor = 0; }, { prefix = 7; factor = 1; } ); };\nacl",
		  "good:5: limit.override[0].prefix: \"100.64.0.0/9\" has bits set behind its length\n"
		  "good:6: limit.override[1].prefix: \"nets\" is no prefix; write \"192.0.2.0/24\"\n"
		  "good:6: limit.override[1].factor: 0 is out of range, must be a number 1-10000\n"
		  "good:6: limit.override[2].prefix: must be a prefix like \"192.0.2.0/24\"" },
		{ "acl", "limit = { memory = \"1M\"; tcp_factor = 0; amplification = { ratio = 101; }; };\nacl",
		  "good:5: limit.memory: 1048576 is out of range, must be a size 2097152-68719476736 octets, as a number or "
		  "like \"512M\"\n"
		  "good:5: limit.tcp_factor: 0 is out of range, must be a number 1-100\n"
		  "good:5: limit.amplification.ratio: 101 is out of range, must be a number 0-100" },
		{ "acl", "limit = { block = { automatic = true; }; };\nacl",
		  "good:5: limit.block.automatic: needs a limit: set limit.recursive.qps or limit.authoritative.qps" },
		{ "\"!192.0.2.99\"", "\"!192.0.2.0/24\"", "good:6: acl.recursive[1]: 192.0.2.0/24 is given twice" },
		{ "\"!192.0.2.99\"", "\"!192.0.2.9/24\"",
		  "good:6: acl.recursive[1]: \"!192.0.2.9/24\" has bits set behind its length" },
		{ "name = \"rec\"", "name = \"auth\"",
		  "good:12: pools[1].name: \"auth\" is the name of pools[0] too\n"
		  "good:18: routes[1].pool: there is no pool \"rec\"" },
		{ "name = \"auth\"", "name = \"a.b\"",
		  "good:9: pools[0].name: must be letters, digits, '_' and '-'\n"
		  "good:17: routes[0].pool: there is no pool \"auth\"" },
		{ "\"192.0.2.53\"", "\"192.0.2.1\"",
		  "good:10: pools[0].servers[0].address: is listen[0]: queries would go round in a loop" },
		{ "\"192.0.2.53\"", "\"192.0.2.1\"; port = 54",
		  "good:10: pools[0].servers[0].address: is this node's own (listen[0]); with io = \"xdp\" a server must be another host" },
		{ "\"192.0.2.53\"", "\"127.0.0.1\"",
		  "good:10: pools[0].servers[0].address: with io = \"xdp\" a server must be another host" },
		{ "\"192.0.2.53\"", "\"255.255.255.255\"",
		  "good:10: pools[0].servers[0].address: must be the address of one host" },
		{ "\"192.0.2.53\"", "\"::\"", "good:10: pools[0].servers[0].address: must be the address of one host" },
		{ "\"192.0.2.53\"", "\"::1\"", "good:10: pools[0].servers[0].address: with io = \"xdp\" a server must be another host" },
		{ "\"192.0.2.53\"", "\"febf::1\"",
		  "good:10: pools[0].servers[0].address: must not be a link-local address" },
		{ "\"192.0.2.55\"; port = 5353", "\"192.0.2.54\"",
		  "good:13: pools[1].servers[1].address: same address and port as servers[0]" },
		{ "name = \"example.org.\"", "name = \"a..b\"",
		  "good:11: pools[0].probe.name: \"a..b\" is no domain name" },
		{ "type = \"SOA\"", "type = \"SAO\"",
		  "good:11: pools[0].probe.type: \"SAO\" is no type a server can be asked for, must be a name like \"SOA\" or TYPEnnn" },
		{ "type = \"SOA\"", "type = \"ANY\"",
		  "good:11: pools[0].probe.type: \"ANY\" is no type a server can be asked for, must be a name like \"SOA\" or TYPEnnn" },
		{ "NXDOMAIN", "NXDOMAN", "good:14: pools[1].probe.rcode: \"NXDOMAN\" is no response code, must be a name like \"NOERROR\"" },
		{ "interval_ms = 2000", "interval_ms = 400",
		  "good:14: pools[1].probe.timeout_ms: 500 must not exceed interval_ms, which is 400" },
		{ "\"example.org.\", ", "\"bad..name\", ",
		  "good:17: routes[0].suffixes[0]: \"bad..name\" is no domain name in printable ASCII" },
		{ "\"example.org.\", ", "\"b\303\274cher.example\", ",
		  "good:17: routes[0].suffixes[0]: \"b\303\274cher.example\" is no domain name in printable ASCII" },
		{ "\".\" ]", "\".\",\n\"EXAMPLE.org\" ]",
		  "good:19: routes[1].suffixes[1]: \"example.org.\" is given twice, first at good:17" },
		{ "suffixes = [ \".\" ];", "", "good:18: routes[1]: must have suffixes, or a file of them" },
		{ "suffixes = [ \".\" ]", "file = \"absent.txt\"",
		  "/tmp/absent.txt:1: routes[1].file: cannot be read: No such file or directory" },
		{ "suffixes = [ \".\" ]", "file = \"/tmp\"", "/tmp:1: routes[1].file: cannot be read: Is a directory" },
		{ "suffixes = [ \".\" ]", "file = \"/dev/zero\"",
		  "/dev/zero:1: routes[1].file: cannot be read: not a regular file" },
		{ "acl", "vrrp = ();\nacl",
		  "good:5: vrrp: has 0 elements, must be a list of 1-32 groups ( { ... }, ... )" },
		{ "node = { name = \"dd1\"; };", "", "good:1: node: missing, must be a group { ... }" },
		{ "routes", "rootes", "good:16: rootes: unknown key, allowed here: node, xdp, source_ports, interfaces, listen, "
		  "vrrp, track, hook, peer, acl, deny, limit, pools, routes, cache, rules, edns, tcp, self_check, control, log\n"
		  "good:1: routes: missing, must be a list of 1-1024 groups ( { ... }, ... )" },
	};

	(void)state;
	refuse_all(GOOD, cases, sizeof(cases) / sizeof(cases[0]));
}

static void allowed_combinations(void **state)
{
	static const struct change cases[] = {
		{ "\"dd1\";", "\"dd1\"; workers = 2; cpus = [ 1, 0 ];", "" },
		{ "\"dd1\"; };\ninterfaces = ( { name = \"eth0\"; side = \"both\"; } );",
		  "\"dd1\"; io = \"socket\"; };", "" },
		{ "side = \"both\"; }", "side = \"client\"; }, { name = \"eth1\"; side = \"server\"; }", "" },
		{ "\"192.0.2.1\"; }", "\"127.0.0.1\"; }, { address = \"127.0.0.2\"; port = 1; }", "" },
		{ "acl", "source_ports = { first = 32768; count = 32768; };\nacl", "" },
		{ "\"!192.0.2.99\"", "\"!2001:db8::/32\", \"!192.0.2.0/25\"", "" },
		{ "acl", "control = { group = \"\"; };\nacl", "" },
		{ "kind = \"recursive\"", "kind = \"authoritative\"", "" },
		{ "acl", "limit = { wider = ( ); exempt = [ ]; ipv4_prefix = 24; };\ndeny = [ ];\nacl", "" },
		{ "acl", "limit = { recursive = { qps = 10; burst = 600; over = \"drop\"; }; block = { automatic = true; }; "
		  "exempt = [ \"10.0.0.0/8\" ]; override = ( { prefix = \"10.0.0.0/9\"; factor = 9; } ); };\nacl", "" },
		{ "\"Example.NET\"", "\"a\\\\.b.c\", \"\\\\032.x\", \"a.example.org\"", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[CONFIG_ERROR_MAX];
		struct config *config;

		load_changed(cases[i].find, cases[i].replace, &config, error, sizeof(error));
		assert_string_equal(error, "");
		config_free(config);
	}
}

static void virtual_routers(void **state)
{
	struct config *config = load(VRRP);
	struct addr address;

	(void)state;
	assert_int_equal(config->n_vrrp, 2);
	assert_string_equal(config->vrrp[0].interface, "eth0");
	assert_int_equal(config->vrrp[0].vrid, 51);
	assert_int_equal(config->vrrp[0].priority, 250);
	assert_int_equal(config->vrrp[0].interval_cs, 10);
	assert_int_equal(config->vrrp[0].addresses.n, 1);
	assert_true(config->vrrp[0].virtual_mac);
	assert_int_equal(config->vrrp[0].checksum, VRRP_CHECKSUM_RFC9568);
	assert_int_equal(config->vrrp[0].checksum_rx, CONFIG_CHECKSUM_RX_BOTH);
	assert_string_equal(config->vrrp[1].where, VRRP ":11: vrrp[1]");
	assert_int_equal(config->vrrp[1].priority, 100);
	assert_int_equal(config->vrrp[1].interval_cs, 100);
	assert_false(config->vrrp[1].virtual_mac);
	assert_true(config->vrrp[1].preempt);
	assert_int_equal(config->vrrp[1].preempt_delay_s, 30);
	assert_int_equal(config->vrrp[1].linger_ms, 1000);
	assert_int_equal(config->vrrp[1].checksum_rx, CONFIG_CHECKSUM_RX_STRICT);
	assert_true(config->vrrp[1].last_resort);
	assert_false(config->vrrp[1].foreign_subnet);
	assert_int_equal(config->vrrp[1].announce_count, 3);
	assert_int_equal(config->vrrp[1].announce_again_ms, 5000);
	assert_int_equal(config->vrrp[1].announce_refresh_ms, 0);
	addr_parse("192.0.2.101", &address);
	assert_int_equal(config_router(config, &address), 1);
	addr_parse("192.0.2.1", &address);
	assert_int_equal(config_router(config, &address), -1);
	config_free(config);
}

static void mistakes_of_virtual_routers(void **state)
{
	static const struct change cases[] = {
		{ "vrid = 51", "vrid = 0", "good:9: vrrp[0].vrid: 0 is out of range, must be a number 1-255" },
		{ "vrid = 51", "vrid = 256", "good:9: vrrp[0].vrid: 256 is out of range, must be a number 1-255" },
		{ "vrid = 51; ", "", "good:9: vrrp[0].vrid: missing, must be a number 1-255" },
		{ "priority = 250", "priority = 0",
		  "good:9: vrrp[0].priority: 0 is out of range, must be a number 1-254" },
		{ "priority = 250", "priority = 255",
		  "good:9: vrrp[0].priority: 255 is out of range, must be a number 1-254" },
		{ "priority = 250", "priority = 300",
		  "good:9: vrrp[0].priority: 300 is out of range, must be a number 1-254" },
		{ "interval_cs = 10", "interval_cs = 0",
		  "good:9: vrrp[0].interval_cs: 0 is out of range, must be a number 1-4095 cs" },
		{ "interval_cs = 10", "interval_cs = 4096",
		  "good:9: vrrp[0].interval_cs: 4096 is out of range, must be a number 1-4095 cs" },
		{ "vrid = 52", "preempt_delay_s = 3601; linger_ms = 10001; vrid = 52",
		  "good:11: vrrp[1].preempt_delay_s: 3601 is out of range, must be a number 0-3600 s\n"
		  "good:11: vrrp[1].linger_ms: 10001 is out of range, must be a number 0-10000 ms" },
		{ "\"strict\"", "\"rfc5798\"",
		  "good:11: vrrp[1].checksum_rx: \"rfc5798\" is not one of \"both\", \"strict\"" },
		{ "[ \"192.0.2.100\" ]", "[ ]",
		  "good:10: vrrp[0].addresses: has 0 elements, must be an array of 1-16 addresses like [ \"192.0.2.1\" ]" },
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2\" ]",
		  "good:10: vrrp[0].addresses[0]: \"192.0.2\" is no IP address" },
		{ "[ \"192.0.2.100\" ]", "[ \"::1\" ]",
		  "good:10: vrrp[0].addresses[0]: ::1: must not be a loopback address" },
		{ "[ \"192.0.2.100\" ]", "[ \"ff02::1\" ]",
		  "good:10: vrrp[0].addresses[0]: ff02::1: must be the address of one host" },
		{ "[ \"192.0.2.100\" ]", "[ \"127.0.0.1\" ]",
		  "good:10: vrrp[0].addresses[0]: 127.0.0.1: must not be a loopback address" },
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2.102\" ]",
		  "good:10: vrrp[0].addresses[0]: 192.0.2.102 has no entry in listen: clients would get no answer" },
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2.100\",\n\"192.0.2.100\" ]",
		  "good:11: vrrp[0].addresses[1]: 192.0.2.100 is given twice" },
		{ "[ \"192.0.2.101\" ]", "[ \"192.0.2.100\" ]",
		  "good:12: vrrp[1].addresses[0]: 192.0.2.100 belongs to vrrp[0] already" },
		{ "vrid = 52", "vrid = 51",
		  "good:11: vrrp[1].vrid: 51 is the number of vrrp[0] on eth0 too, must be another one of 1-255" },
		{ "{ interface = \"eth0\"; vrid = 52", "{ interface = \"eth1\"; vrid = 52",
		  "good:11: vrrp[1].interface: \"eth1\" has side \"server\" in interfaces[1], must be \"client\" or \"both\"" },
		{ "vrid = 51; priority = 250; interval_cs = 10;\n\t  addresses = [ \"192.0.2.100\" ]; },\n\t{ interface",
		  "vrid = 51; group = \"a\"; priority = 250; interval_cs = 10;\n\t  addresses = [ \"192.0.2.100\" ]; },\n\t"
		  "{ group = \"a\"; priority = 200; interface",
		  "good:11: vrrp[1].priority: differs from vrrp[0], must be the same in group \"a\"" },
		{ "vrid = 51; priority = 250; interval_cs = 10;\n\t  addresses = [ \"192.0.2.100\" ]; },\n\t{ interface",
		  "vrid = 51; group = \"a\";\n\t  addresses = [ \"192.0.2.100\" ]; },\n\t"
		  "{ group = \"a\"; preempt = false; interface",
		  "good:11: vrrp[1].preempt: differs from vrrp[0], must be the same in group \"a\"" },
		{ "vrid = 52", "start_delay_s = 3601; link_up_delay_s = -1; vrid = 52",
		  "good:11: vrrp[1].start_delay_s: 3601 is out of range, must be a number 0-3600 s\n"
		  "good:11: vrrp[1].link_up_delay_s: -1 is out of range, must be a number 0-3600 s" },
		{ "{ name = \"eth0\";", "{ name = \"eth0\"; vlan = 4095;",
		  "good:3: interfaces[0].vlan: 4095 is out of range, must be a number 0-4094" },
		{ "{ name = \"eth0\";", "{ name = \"eth0\"; vlan = 100;",
		  "good:9: vrrp[0].interface: \"eth0\" has vlan = 100 in interfaces[0]: a virtual router needs an interface without\n"
		  "good:11: vrrp[1].interface: \"eth0\" has vlan = 100 in interfaces[0]: a virtual router needs an interface without" },
		{ "{ interface = \"eth0\"; vrid = 52", "{ interface = \"eth2\"; vrid = 52",
		  "good:11: vrrp[1].interface: \"eth2\" is none of the interfaces with side \"client\" or \"both\"" },
		{ "priority = 250", "peers = [ \"192.0.2.101\" ]",
		  "good:9: vrrp[0].peers[0]: 192.0.2.101: is a virtual address of vrrp[1], must be the other node's own" },
		{ "priority = 250", "peers = [ \"192.0.2.1\" ]",
		  "good:9: vrrp[0].peers[0]: 192.0.2.1: is an address of this node in listen, must be the other node's own" },
		{ "priority = 250", "peers = [ \"fe80::2\" ]",
		  "good:9: vrrp[0].peers[0]: fe80::2: is IPv6, must be IPv4 like the virtual addresses" },
		{ "priority = 250", "peers = [ \"192.0.2.2\", \"192.0.2.2\" ]",
		  "good:9: vrrp[0].peers[1]: 192.0.2.2: is given twice" },
		{ "priority = 250", "accept_from = [ \"224.0.0.18\", \"127.0.0.1\", \"192.0.2\" ]",
		  "good:9: vrrp[0].accept_from[2]: \"192.0.2\" is no IP address" },
		{ "priority = 250", "accept_from = [ \"224.0.0.18\", \"127.0.0.1\" ]",
		  "good:9: vrrp[0].accept_from[0]: 224.0.0.18: must be the address of one other host\n"
		  "good:9: vrrp[0].accept_from[1]: 127.0.0.1: must be the address of one other host" },
		{ "priority = 250", "peers = [ \"192.0.2.2\" ]; accept_from = [ \"192.0.2.2\" ]",
		  "good:9: vrrp[0].accept_from: must not stand beside peers, who are the only ones heard" },
		{ "priority = 250", "max_hops = 3",
		  "good:9: vrrp[0].max_hops: 3 needs peers: the group is never routed" },
		{ "priority = 250", "peers = [ \"192.0.2.2\" ]; max_hops = 255",
		  "good:9: vrrp[0].max_hops: 255 is out of range, must be a number 0-254" },
		{ "192.0.2.53", "192.0.2.100",
		  "good:14: pools[0].servers[0].address: is listen[1]: queries would go round in a loop\n"
		  "good:14: pools[0].servers[0].address: is this node's own (listen[3]); with io = \"xdp\" a server must "
		  "be another host" },
	};

	(void)state;
	refuse_all(VRRP, cases, sizeof(cases) / sizeof(cases[0]));
}

static void ipv6_routers(void **state)
{
	struct config *config = load(VRRP6), *again = load(VRRP6);
	char text[ADDR_TEXT_MAX], error[CONFIG_ERROR_MAX] = "";
	struct addr address;

	(void)state;
	assert_int_equal(config->n_vrrp, 3);
	assert_int_equal(config->vrrp[0].addresses.n, 1);
	assert_false(config->vrrp[0].link_local_derived);
	assert_int_equal(config->vrrp[1].addresses.n, 3);
	assert_true(config->vrrp[1].link_local_derived);
	assert_string_equal(addr_format(&config->vrrp[1].addresses.item[0], text, sizeof(text)),
			    "fe80::200:5eff:fe00:233");
	assert_string_equal(addr_format(&config->vrrp[1].addresses.item[2], text, sizeof(text)), "2001:db8::101");
	assert_int_equal(config->vrrp[2].addresses.n, 2);
	assert_false(config->vrrp[2].link_local_derived);
	addr_parse("2001:db8::101", &address);
	assert_int_equal(config_router(config, &address), 1);
	assert_true(config_may_reload(config, again, error, sizeof(error)));
	config_free(config);
	config_free(again);
}

static void mistakes_of_ipv6_routers(void **state)
{
	static const struct change cases[] = {
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2.100\", \"fe80::1\" ]",
		  "good:11: vrrp[0].addresses[1]: fe80::1: a link-local address must be the first one, and the only one of "
		  "its kind" },
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2.100\", \"2001:db8::103\" ]",
		  "good:11: vrrp[0].addresses[1]: 2001:db8::103: the first one is of the other family; a virtual router has "
		  "one, so make another vrrp with the same vrid" },
		{ "\"2001:db8::100\", \"2001:db8::101\" ]", "\"2001:db8::100\", \"fe80::1\" ]",
		  "good:13: vrrp[1].addresses[1]: fe80::1: a link-local address must be the first one, and the only one of "
		  "its kind" },
		{ "\"2001:db8::100\", \"2001:db8::101\" ]", "\"fe80::1\" ]",
		  "good:13: vrrp[1].addresses: nobody is served at a link-local address: name another one behind it" },
		{ "[ \"2001:db8::100\", \"2001:db8::101\" ]",
		  "[ \"2001:db8::100\", \"2001:db8::101\", \"2001:db8::102\", \"2001:db8::103\", \"2001:db8::104\", \"2001:db8::105\", \"2001:db8::106\", \"2001:db8::107\", \"2001:db8::108\", \"2001:db8::109\", \"2001:db8::10a\", \"2001:db8::10b\", \"2001:db8::10c\", \"2001:db8::10d\", \"2001:db8::10e\", \"2001:db8::10f\" ]",
		  "good:15: vrrp[2].addresses[1]: 2001:db8::102 belongs to vrrp[1] already" },
		{ "\"2001:db8::102\" ]; }", "\"2001:db8::102\" ]; },\n{ interface = \"eth0\"; vrid = 52; addresses = [ \"2001:db8::103\" ]; }",
		  "good:16: vrrp[3].vrid: 52 is the number of vrrp[2] on eth0 too, must be another one of 1-255" },
		{ "vrid = 51;\n\t  addresses = [ \"2001:db8::100\"",
		  "vrid = 51; peers = [ \"2001:db8::2\", \"192.0.2.2\", \"fe80::200:5eff:fe00:233\" ];\n"
		  "\t  addresses = [ \"2001:db8::100\"",
		  "good:12: vrrp[1].peers[0]: 2001:db8::2: must be link-local: advertisements over IPv6 come from such\n"
		  "good:12: vrrp[1].peers[1]: 192.0.2.2: is IPv4, must be IPv6 like the virtual addresses\n"
		  "good:12: vrrp[1].peers[2]: fe80::200:5eff:fe00:233: is a virtual address of vrrp[1], must be the other node's own" },
		{ "\"fe80::52\"", "\"fe80::200:5eff:fe00:233\"",
		  "good:15: vrrp[2].addresses: the link-local address is that of vrrp[1] too" },
	};

	(void)state;
	refuse_all(VRRP6, cases, sizeof(cases) / sizeof(cases[0]));
}

/* Sixteen of its own: the first could not be added. */
static void no_room_for_link_local(void **state)
{
	char error[CONFIG_ERROR_MAX];
	struct config *config;

	(void)state;
	assert_int_equal(load_changed_from(VRRP6, "[ \"2001:db8::100\", \"2001:db8::101\" ]; },\n\t{ interface = \"eth0\"; vrid = 52;"
					   "\n\t  addresses = [ \"fe80::52\", \"2001:db8::102\" ]; }",
					   "[ \"2001:db8::100\", \"2001:db8::101\", \"2001:db8::102\", \"2001:db8::103\", \"2001:db8::104\", \"2001:db8::105\", \"2001:db8::106\", \"2001:db8::107\", \"2001:db8::108\", \"2001:db8::109\", \"2001:db8::10a\", \"2001:db8::10b\", \"2001:db8::10c\", \"2001:db8::10d\", \"2001:db8::10e\", \"2001:db8::10f\" ]; }",
					   &config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "good:13: vrrp[1].addresses: 16 leave no room for the link-local address that virtual "
			    "router 51 needs as its first: name at most 15 others");
	assert_null(config);
}

static void virtual_routers_that_pass(void **state)
{
	static const struct change cases[] = {
		{ "vrid = 52", "vrid = 255; priority = 254; interval_cs = 4095", "" },
		{ "vrid = 52", "vrid = 1; priority = 1; interval_cs = 1; preempt_delay_s = 0; linger_ms = 0", "" },
		{ "vrid = 52", "vrid = 52; peers = [ \"192.0.2.2\", \"198.51.100.2\" ]; max_hops = 254", "" },
		{ "vrid = 52", "vrid = 52; accept_from = [ \"192.0.2.2\" ]; peers = [ ]", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[CONFIG_ERROR_MAX];
		struct config *config;

		load_changed_from(VRRP, cases[i].find, cases[i].replace, &config, error, sizeof(error));
		assert_string_equal(error, "");
		config_free(config);
	}
}

/* What "track = ( { ... } );" gets wrong, in line 14 of the file. */
static void mistakes_of_tracks(void **state)
{
#define TRACK(text) "track = ( { " text " } );\npools"
#define TWO(text) TRACK("name = \"a\"; type = \"interface\"; interface = \"eth0\"; weight = 1; }, { " text)
	static const struct change cases[] = {
		{ "pools", TRACK("name = \"a b\"; type = \"interface\"; interface = \"eth0\"; weight = 253;"),
		  "good:14: track[0].name: must be letters, digits, '.', '_' and '-'" },
		{ "pools", TWO("name = \"a\"; type = \"file\"; file = \"/a\";"),
		  "good:14: track[1].name: \"a\" is the name of track[0] too" },
		{ "pools", TRACK("name = \"a\"; type = \"link\"; weight = 254; fall = 0;"),
		  "good:14: track[0].type: \"link\" is not one of \"interface\", \"command\", \"file\", \"gateway\"\n"
		  "good:14: track[0].weight: 254 is out of range, must be a number 1-253\n"
		  "good:14: track[0].fall: 0 is out of range, must be a number 1-100" },
		{ "pools", TRACK("name = \"a\"; type = \"interface\"; interface = \"eth0\"; weight = 1; fault = true;"),
		  "good:14: track[0].fault: cannot stand beside a weight: a fault gives the addresses up whatever the priority" },
		{ "pools", TRACK("name = \"a\"; type = \"interface\"; file = \"/a\"; timeout_ms = 10;"),
		  "good:14: track[0].interface: missing, required by type \"interface\"\n"
		  "good:14: track[0].file: is not for type \"interface\"\n"
		  "good:14: track[0].timeout_ms: is not for type \"interface\"\n"
		  "good:14: track[0].weight: missing, must be a number 1-253, or fault = true" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; absent = 3;"),
		  "good:14: track[0].command: missing, required by type \"command\"\n"
		  "good:14: track[0].absent: is not for type \"command\"" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = \"true\";"),
		  "good:14: track[0].command: \"true\" must begin with an absolute path" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = [ \"/no/such\", \"x\" ];"),
		  "good:14: track[0].command: /no/such: No such file or directory" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = \"/etc/passwd\"; interval_ms = 100;"),
		  "good:14: track[0].command: /etc/passwd cannot be executed\n"
		  "good:14: track[0].timeout_ms: 500 must not exceed interval_ms, which is 100" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = \"  \";"),
		  "good:14: track[0].command: has 0 words, must be a command of 1-32 words, as text or like [ \"/bin/a\", \"b c\" ]" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = 7;"),
		  "good:14: track[0].command: must be a command of 1-32 words, as text or like [ \"/bin/a\", \"b c\" ]" },
		{ "pools", TRACK("name = \"a\"; type = \"command\"; weight = 1; command = \"/usr/bin\";"),
		  "good:14: track[0].command: /usr/bin cannot be executed" },
		{ "pools", TRACK("name = \"a\"; type = \"file\"; file = \"weight\"; absent = 254;"),
		  "good:14: track[0].absent: 254 is out of range, must be a number 0-253" },
		{ "pools", TRACK("name = \"a\"; type = \"file\"; file = \"weight\";"),
		  "good:14: track[0].file: must be an absolute path" },
		{ "pools", TRACK("name = \"a\"; type = \"gateway\"; interface = \"eth0\"; address = \"224.0.0.1\"; weight = 1;"),
		  "good:14: track[0].address: must be the address of one host" },
		{ "pools", "hook = { timeout_s = 5; };\npools", "good:14: hook.command: missing" },
		{ "pools", "hook = { command = \"/no/such\"; timeout_s = 5; };\npools",
		  "good:14: hook.command: /no/such: No such file or directory" },
	};

	(void)state;
	refuse_all(VRRP, cases, sizeof(cases) / sizeof(cases[0]));
}

static void tracks_need_virtual_routers(void **state)
{
	char error[CONFIG_ERROR_MAX];
	struct config *config;

	(void)state;
	load_changed("acl", "track = ( { name = \"a\"; type = \"file\"; file = \"/a\"; } );\n"
		     "hook = { command = \"/bin/true\"; };\nacl", &config, error, sizeof(error));
	assert_string_equal(error, "good:5: track: is for virtual routers, and this node has none (vrrp)\n"
			    "good:6: hook: is for virtual routers, and this node has none (vrrp)");
}

static void tracks_and_hook(void **state)
{
	char error[CONFIG_ERROR_MAX];
	struct config *config, *other;

	(void)state;
	load_changed_from(VRRP, "pools", "track = (\n{ name = \"c\"; type = \"command\"; command = \"/bin/sh  -c   true \"; weight = 1; },"
			  "\n{ name = \"i\"; type = \"interface\"; interface = \"eth1\"; fault = true; } );\n"
			  "hook = { command = [ \"/bin/sh\", \"a b\", \"\" ]; };\npools", &config, error,
			  sizeof(error));
	assert_string_equal(error, "");
	assert_int_equal(config->n_tracks, 2);
	assert_int_equal(config->tracks[0].command.n, 3);
	assert_string_equal(config->tracks[0].command.item[1], "-c");
	assert_string_equal(config->tracks[0].command.item[2], "true");
	assert_int_equal(config->tracks[0].fall, 3);
	assert_int_equal(config->tracks[0].rise, 2);
	assert_int_equal(config->tracks[1].fall, 1);
	assert_int_equal(config->tracks[1].rise, 1);
	assert_int_equal(config->tracks[1].interval_ms, 1000);
	assert_non_null(strstr(config->tracks[1].where, ":16: track[1]"));
	assert_int_equal(config->hook.command.n, 3);
	assert_string_equal(config->hook.command.item[1], "a b");
	assert_int_equal(config->hook.timeout_s, 5);
	other = load(VRRP);
	assert_int_equal(other->hook.command.n, 0);
	assert_true(config_may_reload(config, other, error, sizeof(error)));	/* all of it is live */
	assert_true(config_may_reload(other, config, error, sizeof(error)));
	config_free(config);
	config_free(other);
}

static void peers(void **state)
{
#define PEER(text) { "pools", "peer = { " text " };\npools"
	static const struct change cases[] = {
		PEER("address = \"192.0.2.2\"; secret = \"/k\";"), "" },
		PEER("address = \"2001:db8::2\"; secret = \"/k\"; port = 1; second = { address = \"192.0.2.2\"; hold_s = 0; };"),
		  "" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; second = { address = \"192.0.2.2\"; interface = \"eth9\"; };"),
		  "" },
		PEER("secret = \"/k\";"), "good:14: peer.address: missing, must be an IP address like \"192.0.2.1\"" },
		PEER("address = \"192.0.2.2\";"), "good:14: peer.secret: missing, must be text of 1-4095 characters" },
		PEER("address = \"192.0.2.2\"; secret = \"k\";"), "good:14: peer.secret: must be an absolute path" },
		PEER("address = \"192.0.2.1\"; secret = \"/k\";"),
		  "good:14: peer.address: is this node's own (it stands in listen), must be the other node's" },
		PEER("address = \"192.0.2.100\"; secret = \"/k\";"),
		  "good:14: peer.address: is a shared address, must be the other node's own" },
		PEER("address = \"127.0.0.2\"; secret = \"/k\";"), "good:14: peer.address: must not be a loopback address" },
		PEER("address = \"224.0.0.1\"; secret = \"/k\";"), "good:14: peer.address: must be the address of one host" },
		PEER("address = \"fe80::1\"; secret = \"/k\";"), "good:14: peer.address: must not be a link-local address" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; port = 53;"),
		  "good:14: peer.port: 53 is the port of listen[0], must be another" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; port = 20000;"),
		  "good:14: peer.port: 20000 lies inside source_ports, 16384-32767" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; port = 0;"),
		  "good:14: peer.port: 0 is out of range, must be a number 1-65535" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; clock_ms = 9;"),
		  "good:14: peer.clock_ms: 9 is out of range, must be a number 10-3600000 ms" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; second = { };"),
		  "good:14: peer.second.address: missing, must be an IP address like \"192.0.2.1\"" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; second = { address = \"192.0.2.2\"; };"),
		  "good:14: peer.second: is the same way as the first, must have another address or interface" },
		PEER("address = \"192.0.2.2\"; secret = \"/k\"; second = { address = \"192.0.2.3\"; hold_s = 3601; };"),
		  "good:14: peer.second.hold_s: 3601 is out of range, must be a number 0-3600 s" },
	};
#undef PEER

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[CONFIG_ERROR_MAX];
		struct config *config;

		load_changed_from(VRRP, cases[i].find, cases[i].replace, &config, error, sizeof(error));
		assert_string_equal(error, cases[i].error);
		if (config)
			assert_true(config_has_peer(config) && config->part[CONFHASH_VRRP]);
		config_free(config);
	}
}

static void what_a_reload_may_change(void **state)
{
	static const struct change cases[] = {
		{ "\"dd1\"", "\"dd2\"", "node.name" },
		{ "\"dd1\";", "\"dd1\"; workers = 2; inflight = 4096; version_text = \"x\";",
		  "node.workers, node.version_text, node.inflight" },
		{ "\"dd1\";", "\"dd1\"; workers = 1; cpus = [ 3 ];", "node.workers, node.cpus" },
		{ "\"dd1\";", "\"dd1\"; io = \"socket\";", "node.io" },
		{ "eth0", "eth1", "interfaces" },
		{ "side = \"both\"; }", "side = \"client\"; }, { name = \"eth1\"; side = \"server\"; }", "interfaces" },
		{ "acl", "xdp = { mode = \"native\"; copy = \"copy\"; }; source_ports = { first = 2048; };\nacl",
		  "xdp.mode, xdp.copy, source_ports.first" },
		{ "acl", "control = { socket = \"/x\"; group = \"y\"; };\nacl", "control.socket, control.group" },
		{ "acl", "log = { level = \"debug\"; }; tcp = { idle_ms = 1000; }; edns = { size = 512; };\n"
		  "self_check = { interval_ms = 10; hang_ms = 60; fall = 1; rise = 1; };\nacl", NULL },
		{ "192.0.2.1", "192.0.2.2", NULL },
		{ "\"!192.0.2.99\"", "\"192.0.2.99\"", NULL },
		{ "\"192.0.2.53\"", "\"192.0.2.54\"", NULL },
		{ "\"example.org.\", ", "", NULL },
		{ "node", "node", NULL },
	};
	struct config *old = load(GOOD), *new;
	char error[CONFIG_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *list;

		load_changed(cases[i].find, cases[i].replace, &new, error, sizeof(error));
		assert_string_equal(error, "");
		assert_int_equal(config_may_reload(old, new, error, sizeof(error)), !cases[i].error);
		if (cases[i].error) {
			list = strstr(error, ": a change of these keys needs a restart: ");
			assert_non_null(list);
			assert_string_equal(list + strlen(": a change of these keys needs a restart: "),
					    cases[i].error);
		}
		config_free(new);
	}
	config_free(old);
}

static void reload_of_virtual_routers(void **state)
{
	static const struct change cases[] = {
		{ "priority = 250", "priority = 1; preempt = false; preempt_delay_s = 0; linger_ms = 0", NULL },
		{ "pools", "peer = { address = \"192.0.2.2\"; secret = \"/k\"; };\npools",
		  "peer.address, peer.secret" },
		{ "pools", "peer = { address = \"192.0.2.2\"; secret = \"/k\"; port = 9; second = { address = \"192.0.2.3\"; }; };\n"
		  "pools", "peer.address, peer.port, peer.secret, peer.second.address" },
		{ "interval_cs = 10", "interval_cs = 20; checksum = \"rfc5798\"",
		  "vrrp[0].interval_cs, vrrp[0].checksum" },
		{ "vrid = 52", "vrid = 52; announce = { count = 1; }", "vrrp[1].announce" },
		{ "vrid = 52", "vrid = 53; announce = { count = 1; }", NULL },
		{ "vrid = 52", "vrid = 52; last_resort = false; foreign_subnet = true",
		  "vrrp[1].last_resort, vrrp[1].foreign_subnet" },
		{ "[ \"192.0.2.100\" ]", "[ \"192.0.2.1\" ]; start_delay_s = 60; link_up_delay_s = 30", NULL },
		{ "vrid = 52", "vrid = 52; group = \"a\"", "vrrp[1].group" },
		{ "vrid = 52", "vrid = 52; peers = [ \"192.0.2.2\" ]; max_hops = 1",
		  "vrrp[1].peers, vrrp[1].max_hops" },
		{ "vrid = 52", "vrid = 52; accept_from = [ \"192.0.2.2\" ]", "vrrp[1].accept_from" },
		{ "[ \"192.0.2.100\" ]; },\n\t{ interface = \"eth0\"; vrid = 52; virtual_mac = false; checksum_rx = \"strict\";\n"
		  "\t  addresses = [ \"192.0.2.101\" ]; }", "[ \"192.0.2.100\" ]; }", NULL },
	};
	struct config *old = load(VRRP), *new;
	char error[CONFIG_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load_changed_from(VRRP, cases[i].find, cases[i].replace, &new, error, sizeof(error));
		assert_string_equal(error, "");
		assert_int_equal(config_may_reload(old, new, error, sizeof(error)), !cases[i].error);
		if (cases[i].error)
			assert_string_equal(strrchr(error, ':') + 2, cases[i].error);
		config_free(new);
	}
	new = load(VRRP);
	new->n_vrrp = 0;
	assert_false(config_may_reload(old, new, error, sizeof(error)));
	assert_string_equal(strrchr(error, ':') + 2, "vrrp");
	assert_false(config_may_reload(new, old, error, sizeof(error)));
	new->n_vrrp = 2;
	config_free(new);
	config_free(old);
}

/* Which router has which place, as "VRID:PLACE VRID:PLACE". */
static const char *places_of(const struct config *config, char text[64])
{
	size_t at = 0;

	for (size_t i = 0; i < config->n_vrrp; i++)
		at += (size_t)snprintf(text + at, 64 - at, "%s%u:%u", i ? " " : "", config->vrrp[i].vrid,
				       config->vrrp[i].place);
	return text;
}

static void places_of_virtual_routers(void **state)
{
	static const char second[] = "{ interface = \"eth0\"; vrid = 52; virtual_mac = false; checksum_rx = \"strict\";\n"
				     "\t  addresses = [ \"192.0.2.101\" ]; }";
	static const char other[] = "{ interface = \"eth0\"; vrid = 7; addresses = [ \"192.0.2.1\" ]; }";
	struct config *old = load(VRRP), *new;
	char error[CONFIG_ERROR_MAX], text[64], more[400];

	(void)state;
	assert_string_equal(places_of(old, text), "51:0 52:1");
	/* one in front of those that were, which keep theirs; one in the place of another, which may not be free yet */
	snprintf(more, sizeof(more), "vrrp = (\n\t%s,", other);
	load_changed_from(VRRP, "vrrp = (", more, &new, error, sizeof(error));
	assert_string_equal(error, "");
	assert_true(routerconf_place(old, new, 3, error, sizeof(error)));
	assert_string_equal(places_of(new, text), "7:2 51:0 52:1");
	assert_true(routerconf_place(old, new, 7, error, sizeof(error)));
	assert_string_equal(places_of(new, text), "7:3 51:0 52:1");
	assert_false(routerconf_place(old, new, UINT32_MAX, error, sizeof(error)));
	assert_non_null(strstr(error, ": vrrp[0]: too many virtual routers while others are being taken out"));
	config_free(new);
	load_changed_from(VRRP, second, other, &new, error, sizeof(error));
	assert_true(routerconf_place(old, new, 3, error, sizeof(error)));
	assert_string_equal(places_of(new, text), "51:0 7:2");
	assert_true(config_may_reload(old, new, error, sizeof(error)));
	config_free(new);
	load_changed_from(VRRP, "vrid = 52", "vrid = 53", &new, error, sizeof(error));
	assert_false(routerconf_place(old, new, 3, error, sizeof(error)));
	assert_non_null(strstr(error, ": vrrp[1]: 192.0.2.101 is another virtual router's until a reload has taken it "
			       "from there"));
	config_free(new);
	config_free(old);
}

static void files_that_cannot_be_read(void **state)
{
	char error[CONFIG_ERROR_MAX], path[5000];
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load("tests/node/conf/absent", &config, error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "tests/node/conf/absent: No such file or directory");
	assert_int_equal(config_load("tests/node/conf", &config, error, sizeof(error)), -EISDIR);
	assert_int_equal(config_load("/dev/null", &config, error, sizeof(error)), -EINVAL);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(config_load(path, &config, error, sizeof(error)), -ENAMETOOLONG);
	assert_null(config);
	config_free(NULL);
}

/* The good file cut off at every octet, and with every octet exchanged: a result or a message, nothing else. */
static void damaged_files(void **state)
{
	const char *good = read_text(GOOD);
	char path[] = "/tmp/test_config.XXXXXX", error[CONFIG_ERROR_MAX], text[4096];
	size_t len = strlen(good);
	int fd = mkstemp(path);

	(void)state;
	for (size_t i = 0; i < 2 * len; i++) {
		struct config *config = NULL;
		size_t n = i < len ? i : len;

		memcpy(text, good, len);
		if (i >= len)
			text[i - len] = "\"{}()[];=\n\\\x01\xff"[i % 13];
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, n, 0), n);
		error[0] = '\0';
		if (config_load(path, &config, error, sizeof(error)))
			assert_true(strstr(error, path) || strstr(error, "/tmp/"));
		config_free(config);
	}
	close(fd);
	unlink(path);
}

/* libconfig 1.5 loses a few octets when a syntax error follows a text; they are not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\n";
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("the samples are good", samples_are_good),
		CASE("the full sample shows every key and its default", sample_shows_all_defaults),
		CASE("values and defaults stand where the daemon reads them", values_and_defaults),
		CASE("included files and suffix files are relative to the file that names them", included_files),
		CASE("one run shows all mistakes, each with file, line, key and range", many_mistakes_at_once),
		CASE("what is not shown any more is counted", more_mistakes_than_are_shown),
		CASE("keys that contradict each other are refused", mistakes_between_keys),
		CASE("unusual but right combinations pass", allowed_combinations),
		CASE("V075 V076 virtual routers: values and defaults", virtual_routers),
		CASE("V016 V040 V075 V076 virtual routers that cannot be are refused with line and range",
		     mistakes_of_virtual_routers),
		CASE("V015 IPv6: the first address is link-local, given or made of the VRID", ipv6_routers),
		CASE("V015 mistakes in IPv6 virtual routers, with their places", mistakes_of_ipv6_routers),
		CASE("V015 a link-local address that has no room is asked for", no_room_for_link_local),
		CASE("V075 V076 the ends of every range pass", virtual_routers_that_pass),
		CASE("tracks and the hook: values and defaults, a command as text and as a list", tracks_and_hook),
		CASE("tracks and hooks that cannot be are refused with line and range", mistakes_of_tracks),
		CASE("tracks and hooks need a virtual router", tracks_need_virtual_routers),
		CASE("V175 of a virtual router a reload may change priority, preempt, the delays, linger_ms and addresses only",
		     reload_of_virtual_routers),
		CASE("a reload adds and removes virtual routers; those that stay keep their places",
		     places_of_virtual_routers),
		CASE("D232 the other node: what passes, and what cannot be, with line and range", peers),
		CASE("a reload is refused when a key that needs a restart differs, and names it",
		     what_a_reload_may_change),
		CASE("a file that is missing or none is refused", files_that_cannot_be_read),
		CASE("a damaged file gives a message and nothing else", damaged_files),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
