/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_probe.c - probes against a small responder on loopback, all on one loop.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "pools/pool.h"
#include "pools/probe.h"
#include "tests/tap.h"

enum { QUERIES_MAX = 256, WIRE_MAX = 512, DEADLINE_MS = 5000 };

enum deed {			/* what the responder does with a query */
	ANSWER = 0,		/* to ANSWER + 15: with this rcode */
	SILENT = 100,
	WRONG_ID, WRONG_NAME, WRONG_TYPE, NO_QUESTION, NOT_AN_ANSWER, GARBAGE, EMPTY, BADVERS,
	OTHER_SOURCE,		/* a good answer, from another port */
	NO_EDNS, NO_EDNS_BARE,	/* FORMERR without OPT, or as a header alone; a good answer to a query without EDNS */
	NEVER,			/* FORMERR without OPT, whatever comes */
	THEN_GOOD = 1000,	/* added: a good answer follows */
};

struct query_seen {
	uint64_t at_ns;
	uint16_t id, source_port;
	bool server_up;		/* as the results of the queries before have left it */
};

struct responder {
	struct loop_fd fd;
	const int *script;		/* a deed a query; the last one stays */
	unsigned script_len;
	unsigned count;
	struct query_seen seen[QUERIES_MAX];
	char last_name[256];
	uint16_t last_type;
};

static struct loop loop;
static struct pool_server server;
static struct responder responder;
static unsigned changes;		/* calls of on_change */
static struct probe *probe_to_stop;	/* by on_change */

static int open_udp(struct sockaddr_storage *address, socklen_t len)
{
	int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)address, len) || getsockname(fd, (struct sockaddr *)address, &len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct endpoint loopback(const char *text, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	assert_int_equal(addr_parse(text, &endpoint.addr), 0);
	return endpoint;
}

/* The query turned into an answer, spoilt as deed says. Returns the length. */
static size_t make_answer(uint8_t *wire, size_t len, int deed)
{
	bool edns = wire[11];
	size_t question_end = edns ? len - 11 : len;	/* the OPT without options is the last */

	wire[2] |= 0x80;
	wire[3] = 0x80 | (deed < SILENT ? deed - ANSWER : 0);
	switch (deed) {
	case WRONG_ID:
		wire[0] ^= 1;
		break;
	case WRONG_NAME:
		wire[13] ^= 1;
		break;
	case WRONG_TYPE:
		wire[question_end - 3] ^= 1;
		break;
	case NO_QUESTION:
		memset(wire + 4, 0, 8);
		return 12;
	case NO_EDNS:
	case NEVER:
		if (!edns && deed == NO_EDNS)
			break;
		wire[3] |= 1;
		wire[11] = 0;
		return question_end;
	case NO_EDNS_BARE:
		if (!edns)
			break;
		wire[3] |= 4;
		memset(wire + 4, 0, 8);
		return 12;
	case NOT_AN_ANSWER:
		wire[2] &= 0x7f;
		break;
	case GARBAGE:
		memset(wire + 2, 0xff, len - 2);
		break;
	case EMPTY:
		return 0;
	case BADVERS:
		wire[question_end + 5] = 1;	/* upper bits of the rcode: 16 */
		break;
	}
	return len;
}

static void respond(int fd, const uint8_t *query, size_t len, int deed, const struct sockaddr_storage *to,
		    socklen_t to_len)
{
	uint8_t wire[WIRE_MAX];

	if (deed == SILENT)
		return;
	memcpy(wire, query, len);
	len = make_answer(wire, len, deed);
	assert_int_equal(sendto(fd, wire, len, 0, (const struct sockaddr *)to, to_len), len);
}

static void respond_from_elsewhere(const uint8_t *query, size_t len, const struct sockaddr_storage *to,
				   socklen_t to_len)
{
	struct sockaddr_storage any = { .ss_family = to->ss_family };
	int fd = open_udp(&any, to_len);

	assert_true(fd >= 0);
	respond(fd, query, len, ANSWER, to, to_len);
	close(fd);
}

static void note_question(struct responder *self, const uint8_t *wire, size_t len)
{
	ldns_pkt *packet = NULL;
	ldns_rr *question;
	char *name;

	assert_int_equal(ldns_wire2pkt(&packet, wire, len), LDNS_STATUS_OK);
	question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
	name = ldns_rdf2str(ldns_rr_owner(question));
	snprintf(self->last_name, sizeof(self->last_name), "%s", name);
	self->last_type = ldns_rr_get_type(question);
	free(name);
	ldns_pkt_free(packet);
}

static void on_query(struct loop_fd *fd, uint32_t events)
{
	struct responder *self = (struct responder *)fd;
	struct query_seen *seen = &self->seen[self->count];
	uint8_t wire[WIRE_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct endpoint client;
	ssize_t len = recvfrom(fd->fd, wire, sizeof(wire), 0, (struct sockaddr *)&from, &from_len);
	int deed;

	(void)events;
	if (len < 0)	/* an answer to a probe that has given up */
		return;
	assert_true(self->count < QUERIES_MAX);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&from, &client), 0);
	*seen = (struct query_seen){ loop.now_ns, wire[0] << 8 | wire[1], client.port,
				     pool_server_is_up(&server) };
	note_question(self, wire, len);
	deed = self->script[self->count < self->script_len ? self->count : self->script_len - 1];
	self->count++;
	if (deed == OTHER_SOURCE)
		respond_from_elsewhere(wire, len, &from, from_len);
	else
		respond(fd->fd, wire, len, deed % THEN_GOOD, &from, from_len);
	if (deed >= THEN_GOOD)
		respond(fd->fd, wire, len, ANSWER, &from, from_len);
}

static void on_change(void *context, struct pool_server *changed)
{
	assert_ptr_equal(context, &changes);
	assert_ptr_equal(changed, &server);
	changes++;
	if (probe_to_stop)
		probe_stop(probe_to_stop);
	probe_to_stop = NULL;
}

static struct pool_probe conf_of(const char *name)
{
	struct pool_probe conf = { .type = LDNS_RR_TYPE_SOA, .interval_ms = 4, .timeout_ms = 2000,
				   .fall = 3, .rise = 2, .rcode = 0 };

	snprintf(conf.name, sizeof(conf.name), "%s", name);
	return conf;
}

/* A responder at text, an address of loopback, and a server that points to it; false if the family is missing. */
static bool begin_at(const char *text, const int *script, unsigned script_len)
{
	struct endpoint endpoint = loopback(text, 0);
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &address);

	assert_int_equal(loop_init(&loop), 0);
	memset(&responder, 0, sizeof(responder));
	memset(&server, 0, sizeof(server));
	changes = 0;
	responder.fd.fd = open_udp(&address, len);
	if (responder.fd.fd < 0) {
		loop_fini(&loop);
		return false;
	}
	responder.fd.on_ready = on_query;
	responder.script = script;
	responder.script_len = script_len;
	assert_int_equal(loop_fd_add(&loop, &responder.fd, EPOLLIN), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&address, &server.endpoint), 0);
	server.up = 1;
	strcpy(server.pool_name, "rec");
	return true;
}

#define BEGIN(script) assert_true(begin_at("127.0.0.1", script, sizeof(script) / sizeof(*(script))))

static void end(struct probe *probe)
{
	probe_stop(probe);
	loop_fd_remove(&loop, &responder.fd);
	close(responder.fd.fd);
	loop_fini(&loop);
}

static struct probe *start(const struct pool_probe *conf)
{
	const char *error = NULL;
	struct probe *probe = probe_start(&loop, &server, conf, on_change, &changes, &error);

	assert_non_null(probe);
	return probe;
}

/* Turns the loop until condition holds, five seconds at most. */
#define TURN_UNTIL(condition) \
	do { \
		uint64_t give_up_ns = clock_mono_ns() + (uint64_t)DEADLINE_MS * CLOCK_NS_PER_MS; \
		while (!(condition)) { \
			assert_true(clock_mono_ns() < give_up_ns); \
			assert_int_equal(loop_turn(&loop, 20), 0); \
		} \
	} while (0)

static unsigned results(void)
{
	return server.probes_failed + (server.probe_latency_us > 0);
}

static void test_wire(void **state)
{
	struct pool_probe conf = conf_of("Example.net");
	uint8_t wire[WIRE_MAX];
	ldns_pkt *packet = NULL;
	int len = probe_query_wire(&conf, 0x1234, wire, sizeof(wire));
	ldns_rr *question;

	(void)state;
	assert_int_equal(len, 12 + 13 + 4 + 11);
	assert_int_equal(ldns_wire2pkt(&packet, wire, len), LDNS_STATUS_OK);
	question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
	assert_int_equal(ldns_pkt_id(packet), 0x1234);
	assert_true(ldns_pkt_rd(packet));
	assert_false(ldns_pkt_qr(packet) || ldns_pkt_cd(packet) || ldns_pkt_ad(packet) || ldns_pkt_edns_do(packet));
	assert_int_equal(ldns_pkt_edns_udp_size(packet), 1232);
	assert_int_equal(ldns_rr_get_type(question), LDNS_RR_TYPE_SOA);
	assert_int_equal(ldns_rr_get_class(question), LDNS_RR_CLASS_IN);
	ldns_pkt_free(packet);

	assert_int_equal(probe_query_wire(&conf, 1, wire, 39), -EINVAL);
	conf = conf_of("a..b");
	assert_int_equal(probe_query_wire(&conf, 1, wire, sizeof(wire)), -EINVAL);
}

static void test_good(void **state)
{
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("zaibdns.lab.");
	struct probe *probe;
	unsigned same_id = 0, same_port = 0;
	uint64_t start_ns;

	(void)state;
	BEGIN(script);
	start_ns = clock_mono_ns();
	probe = start(&conf);
	TURN_UNTIL(responder.count == 20);
	assert_true(responder.seen[0].at_ns - start_ns < (uint64_t)CLOCK_NS_PER_S);
	assert_string_equal(responder.last_name, "zaibdns.lab.");
	assert_int_equal(responder.last_type, LDNS_RR_TYPE_SOA);
	for (unsigned i = 1; i < 20; i++) {
		same_id += responder.seen[i].id == responder.seen[i - 1].id;
		same_port += responder.seen[i].source_port == responder.seen[i - 1].source_port;
	}
	assert_true(same_id < 2 && same_port < 5);
	assert_int_equal(server.probes_sent, 20);
	assert_int_equal(server.probes_failed, 0);
	assert_in_range(server.probe_latency_us, 1, 1000000);
	assert_true(pool_server_is_up(&server));
	assert_int_equal(changes, 0);
	end(probe);
}

/* The state that the queries see, each after the results of those before it; fall is 3, rise is 2. */
static void check_fall_rise(const int *script, const char *up_before, unsigned n)
{
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;
	unsigned expected_changes = 0;

	assert_true(begin_at("127.0.0.1", script, n));
	probe = start(&conf);
	TURN_UNTIL(responder.count > n);
	for (unsigned i = 0; i < n; i++) {
		if (responder.seen[i].server_up != (up_before[i] == '+'))
			fail_msg("query %u finds the server %s", i, responder.seen[i].server_up ? "up" : "down");
		expected_changes += i && up_before[i] != up_before[i - 1];
	}
	assert_int_equal(changes, expected_changes);
	assert_int_equal(server.changes, expected_changes);
	end(probe);
}

static void test_fall_rise(void **state)
{
	enum { OK = ANSWER, BAD = ANSWER + 2 };
	static const int good_first[] = { OK, BAD, BAD, OK, BAD, BAD, BAD, OK, BAD, OK, OK, BAD, BAD, OK, OK };
	static const int bad_first[] = { BAD, OK, BAD, OK, OK, BAD, BAD, BAD, BAD, OK, OK, OK };

	(void)state;
	check_fall_rise(good_first, "+++++++----++++", 15);
	check_fall_rise(bad_first, "+----+++---+", 12);
}

static void test_timeout(void **state)
{
	static const int script[] = { SILENT };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;
	uint64_t start_ns;

	(void)state;
	BEGIN(script);
	conf.timeout_ms = 50;
	start_ns = clock_mono_ns();
	probe = start(&conf);
	TURN_UNTIL(!pool_server_is_up(&server));
	assert_true(clock_mono_ns() - start_ns >= 50ULL * CLOCK_NS_PER_MS);
	assert_int_equal(responder.count, 1);
	assert_int_equal(server.probes_failed, 1);
	assert_string_equal(server.last_cause, "no answer within 50 ms");
	assert_int_equal(changes, 1);
	end(probe);
}

static void test_ignored(void **state)
{
	static const int spoilt[] = { WRONG_ID, WRONG_NAME, WRONG_TYPE, NO_QUESTION, NOT_AN_ANSWER, GARBAGE, EMPTY,
				      OTHER_SOURCE };
	struct pool_probe conf = conf_of("example.net");

	(void)state;
	for (unsigned i = 0; i < sizeof(spoilt) / sizeof(*spoilt); i++) {
		int alone = spoilt[i], then_good = spoilt[i] + THEN_GOOD;
		struct probe *probe;

		assert_true(begin_at("127.0.0.1", &alone, 1));
		conf.timeout_ms = 60;
		probe = start(&conf);
		TURN_UNTIL(results());
		assert_string_equal(server.last_cause, "no answer within 60 ms");
		end(probe);

		if (spoilt[i] == OTHER_SOURCE)
			continue;
		assert_true(begin_at("127.0.0.1", &then_good, 1));
		conf.timeout_ms = 2000;
		probe = start(&conf);
		TURN_UNTIL(results());
		assert_int_equal(server.probes_failed, 0);
		end(probe);
	}
}

/* A server that does not know EDNS is asked a second time, and is up. */
static void test_without_edns(void **state)
{
	static const int deeds[] = { NO_EDNS, NO_EDNS_BARE, NEVER };

	(void)state;
	for (unsigned i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		struct pool_probe conf = conf_of("example.net");
		struct probe *probe;

		assert_true(begin_at("127.0.0.1", &deeds[i], 1));
		probe = start(&conf);
		TURN_UNTIL(results());
		assert_true(responder.count >= 2);
		assert_int_not_equal(responder.seen[0].id, responder.seen[1].id);
		assert_int_equal(responder.seen[0].source_port, responder.seen[1].source_port);
		assert_int_equal(pool_server_is_up(&server), deeds[i] != NEVER);
		assert_string_equal(server.last_cause, deeds[i] == NEVER ? "rcode 1 where 0 is expected" : "");
		end(probe);
	}
}

static void test_rcode(void **state)
{
	static const struct {
		int deed, expected;
		const char *cause;
	} cases[] = {
		{ ANSWER + 0, 0, "" },
		{ ANSWER + 2, 0, "rcode 2 where 0 is expected" },
		{ ANSWER + 3, 0, "rcode 3 where 0 is expected" },
		{ ANSWER + 5, 0, "rcode 5 where 0 is expected" },
		{ ANSWER + 3, 3, "" },
		{ ANSWER + 0, 3, "rcode 0 where 3 is expected" },
		{ BADVERS, 0, "rcode 16 where 0 is expected" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pool_probe conf = conf_of("example.net");
		struct probe *probe;

		assert_true(begin_at("127.0.0.1", &cases[i].deed, 1));
		conf.rcode = cases[i].expected;
		probe = start(&conf);
		TURN_UNTIL(results());
		assert_string_equal(server.last_cause, cases[i].cause);
		assert_int_equal(pool_server_is_up(&server), cases[i].cause[0] == '\0');
		end(probe);
	}
}

static void test_refused(void **state)
{
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;
	uint64_t start_ns;

	(void)state;
	BEGIN(script);
	loop_fd_remove(&loop, &responder.fd);
	close(responder.fd.fd);
	responder.fd.fd = -1;
	conf.timeout_ms = 60000;
	start_ns = clock_mono_ns();
	probe = start(&conf);
	TURN_UNTIL(!pool_server_is_up(&server));
	assert_true(clock_mono_ns() - start_ns < 10 * (uint64_t)CLOCK_NS_PER_S);
	assert_string_equal(server.last_cause, "Connection refused");
	end(probe);
}

static void test_no_route(void **state)
{
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;

	(void)state;
	BEGIN(script);
	server.endpoint = loopback("255.255.255.255", 53);	/* the kernel refuses to connect */
	probe = start(&conf);
	TURN_UNTIL(!pool_server_is_up(&server));
	assert_string_equal(server.last_cause, "Permission denied");
	end(probe);
}

static void test_v6(void **state)
{
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;

	(void)state;
	if (!begin_at("::1", script, 1))
		skip();
	probe = start(&conf);
	TURN_UNTIL(results());
	assert_int_equal(server.probes_failed, 0);
	loop_fd_remove(&loop, &responder.fd);
	close(responder.fd.fd);
	TURN_UNTIL(!pool_server_is_up(&server));
	assert_string_equal(server.last_cause, "Connection refused");
	probe_stop(probe);
	loop_fini(&loop);
}

static void test_change(void **state)
{
	static const int script[] = { ANSWER, ANSWER + 2 };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probe;

	(void)state;
	BEGIN(script);
	probe = start(&conf);
	TURN_UNTIL(server.probes_failed == 2);
	assert_true(pool_server_is_up(&server));

	assert_int_equal(probe_change(probe, &conf), 0);
	snprintf(conf.name, sizeof(conf.name), "a..b");
	assert_int_equal(probe_change(probe, &conf), -EINVAL);
	assert_string_equal(responder.last_name, "example.net.");
	conf = conf_of("other.example.");
	conf.type = LDNS_RR_TYPE_A;
	assert_int_equal(probe_change(probe, &conf), 0);
	TURN_UNTIL(!pool_server_is_up(&server));	/* the third failure in a row: nothing was forgotten */
	assert_int_equal(server.probes_failed, 3);
	assert_string_equal(responder.last_name, "other.example.");
	assert_int_equal(responder.last_type, LDNS_RR_TYPE_A);

	conf.name[0] = '\0';
	assert_int_equal(probe_change(probe, &conf), 0);
	assert_true(pool_server_is_up(&server));
	assert_int_equal(changes, 2);
	end(probe);
}

static void test_no_probe(void **state)
{
	static const int script[] = { ANSWER + 2 };
	struct pool_probe conf = conf_of("");
	struct probe *probe;

	(void)state;
	BEGIN(script);
	server.up = 0;		/* by a probe of an earlier configuration */
	probe = start(&conf);
	assert_true(pool_server_is_up(&server));
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(&loop, 1), 0);
	assert_int_equal(responder.count, 0);
	conf = conf_of("example.net");
	assert_int_equal(probe_change(probe, &conf), 0);
	TURN_UNTIL(!pool_server_is_up(&server));
	end(probe);
}

static void test_bad_name(void **state)
{
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("a..b");
	const char *error = NULL;

	(void)state;
	BEGIN(script);
	assert_null(probe_start(&loop, &server, &conf, on_change, &changes, &error));
	assert_non_null(error);
	end(NULL);
}

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_stop(void **state)
{
	static const int silent[] = { SILENT }, bad[] = { ANSWER + 2 };
	struct pool_probe conf = conf_of("example.net");
	unsigned descriptors;
	struct probe *probe;

	(void)state;
	BEGIN(silent);
	descriptors = count_descriptors();
	probe = start(&conf);
	TURN_UNTIL(responder.count == 1);
	assert_int_equal(count_descriptors(), descriptors + 1);
	probe_stop(probe);
	assert_int_equal(count_descriptors(), descriptors);
	end(NULL);

	BEGIN(bad);
	probe_to_stop = start(&conf);
	TURN_UNTIL(changes == 1);
	assert_null(probe_to_stop);
	assert_int_equal(count_descriptors(), descriptors);
	end(NULL);
}

/* Probes that start in one instant ask again each at its own time. */
static void test_spread(void **state)
{
	enum { PROBES = 40, INTERVAL_MS = 400 };
	static const int script[] = { ANSWER };
	struct pool_probe conf = conf_of("example.net");
	struct probe *probes[PROBES];
	uint64_t first_ns;
	unsigned early = 0, late = 0;

	(void)state;
	BEGIN(script);
	conf.interval_ms = INTERVAL_MS;
	for (unsigned i = 0; i < PROBES; i++)
		probes[i] = start(&conf);
	TURN_UNTIL(responder.count == 2 * PROBES);
	first_ns = responder.seen[0].at_ns;
	for (unsigned i = PROBES; i < 2 * PROBES; i++) {
		uint64_t after_ms = (responder.seen[i].at_ns - first_ns) / CLOCK_NS_PER_MS;

		early += after_ms < INTERVAL_MS / 2;
		late += after_ms >= INTERVAL_MS / 2;
	}
	assert_true(early > 0 && late > 0);
	for (unsigned i = 0; i < PROBES; i++)
		probe_stop(probes[i]);
	end(NULL);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D223 the query carries name and type as set, RD, EDNS 1232, no CD", test_wire),
		CASE("D224 every probe reaches the server itself, with an id and port of its own", test_good),
		CASE("D222 fall and rise count results in a row; the first result decides alone", test_fall_rise),
		CASE("D223 a timeout is a failure; the first one is enough after the start", test_timeout),
		CASE("D223 what does not match id, question and source is ignored", test_ignored),
		CASE("D046 a server that fails on EDNS is probed once more without it, and is up", test_without_edns),
		CASE("D223 only the expected rcode is good, extended ones told apart", test_rcode),
		CASE("a refused probe fails at once", test_refused),
		CASE("a server that cannot be reached fails at once", test_no_route),
		CASE("a server at an IPv6 address", test_v6),
		CASE("new settings keep the state and the count of failures", test_change),
		CASE("without a probe a server is up", test_no_probe),
		CASE("a probe without a usable name does not start", test_bad_name),
		CASE("a probe may be stopped while it waits and by its own report", test_stop),
		CASE("probes spread over the interval", test_spread),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return RUN(cases);
}
