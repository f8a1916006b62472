/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - the lab's prober: queries at a fixed rate over kernel UDP sockets, and what became of each.
 *
 * Two threads. The sender is open loop: query n leaves at start + n / rate whether or not anything comes
 * back. The receiver (the main thread) matches answers, and retires queries in the order they were sent,
 * when they are answered or their time is over; outages are judged in that order.
 *
 * Query n uses socket n % sockets and id (n / sockets) % 65536, so (socket, id) is a position in one ring
 * of sockets x 65536 slots and nothing is ever searched. Half of a slot belongs to the sender (struct
 * question_sent), the other half to the receiver (struct outcome); `sent` and `retired` publish them.
 *
 * Query n goes to server n % servers. Every socket has one server, so sockets are a multiple of servers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

enum {
	IDS = 65536,			/* per socket */
	SOCKETS_MAX = 64,
	SERVERS_MAX = 4,
	BATCH = 64,			/* messages per sendmmsg, recvmmsg */
	HEADER_LEN = 12,
	QUESTION_MAX = 255 + 4,
	OPT_LEN = 11,
	QUERY_MAX = HEADER_LEN + QUESTION_MAX + OPT_LEN,
	ANSWER_MAX = 4096,
	RATE_MAX = 200000,
	TICK_NS = 200 * CLOCK_NS_PER_US,	/* least time between two wake-ups of the sender */
	SLEEP_MAX_NS = 100 * CLOCK_NS_PER_MS,	/* so that a signal is seen */
	RCVBUF = 8 << 20,
};

enum { RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODES = 16 };

/* Latencies in a log-linear histogram: 64 steps per power of two, so within 1.6 %. */
enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, BUCKETS = STEPS * 40 };

struct question {
	uint16_t len;
	uint8_t wire[QUESTION_MAX];	/* name, type, class */
};

struct server {
	const char *text;		/* as it was given */
	struct sockaddr_storage address;
	socklen_t len;
};

struct options {
	struct server server[SERVERS_MAX];
	unsigned servers;
	struct sockaddr_storage source;
	socklen_t source_len;			/* 0: the kernel chooses */
	const char *name, *names_file;
	uint16_t type, edns_size;		/* edns_size 0: no OPT */
	unsigned sockets;
	uint64_t rate, run_ns, timeout_ns;
	bool json;
};

/* The sender's half of a slot: written before `sent` passes it. */
struct question_sent {
	uint64_t sent_ns;
	uint32_t question;
};

enum outcome_state { WAITING, GOOD, FAILED, LOST };

/* The receiver's half; stale until its round is that of the query looked at. */
struct outcome {
	uint32_t round;			/* n / slots, plus one */
	uint8_t state;
};

struct tally {
	uint64_t answered, good, failed, lost, late, duplicates, wrong, truncated, stray;
	uint64_t rcode[RCODES];
	uint64_t latency[BUCKETS];
	uint64_t latency_max_ns;
};

/* What became of the queries to one server. */
struct service {
	uint64_t sent, answered, failed, lost;	/* sent, lost: at the end */
	uint64_t last_good_ns, gap_ns;		/* by arrival */
	uint64_t outage_since_ns, outage_ns;	/* by time of sending; since 0 = none */
	uint64_t first_bad_ns, last_bad_ns;	/* likewise; 0 = none */
};

struct prober {
	struct options opt;
	struct question *questions;
	uint32_t n_questions;
	int fd[SOCKETS_MAX];
	uint64_t slots;
	struct question_sent *asked;
	struct outcome *outcome;
	_Atomic uint64_t sent, retired;
	_Atomic bool sender_done;
	uint64_t start_ns;
	uint64_t end_ns;		/* last send; read after sender_done */
	uint64_t send_errors, sender_late_ns;	/* sender's, read after sender_done */
	struct tally tally;
	struct service service[SERVERS_MAX];
};

static volatile sig_atomic_t stop;

static const char *const rcode_names[RCODES] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
	"NXRRSET", "NOTAUTH", "NOTZONE", "RCODE11", "RCODE12", "RCODE13", "RCODE14", "RCODE15",
};

static void on_signal(int signal)
{
	(void)signal;
	stop = stop + 1;	/* the second one does not wait for answers */
}

__attribute__((format(printf, 1, 2), noreturn))
static void die(const char *format, ...)
{
	va_list args;

	fputs("probe: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		die("out of memory");
	return memory;
}

static void put_be16(uint8_t *to, uint16_t value)
{
	to[0] = value >> 8;
	to[1] = value & 0xff;
}

static uint16_t get_be16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

/* Of a query, or of a socket. */
static unsigned server_of(const struct prober *p, uint64_t n)
{
	return (unsigned)(n % p->opt.servers);
}

/* Questions */

static uint16_t parse_type(const char *text)
{
	static const struct { const char *name; uint16_t value; } types[] = {
		{ "A", 1 }, { "NS", 2 }, { "CNAME", 5 }, { "SOA", 6 }, { "PTR", 12 }, { "MX", 15 },
		{ "TXT", 16 }, { "AAAA", 28 }, { "SRV", 33 }, { "DS", 43 }, { "DNSKEY", 48 },
		{ "SVCB", 64 }, { "HTTPS", 65 }, { "ANY", 255 },
	};
	unsigned number;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(text, types[i].name) == 0)
			return types[i].value;
	if (strncasecmp(text, "TYPE", 4) == 0 && sscanf(text + 4, "%u", &number) == 1 && number < 65536)
		return (uint16_t)number;
	die("unknown type %s", text);
}

/* Plain names only: labels of any characters but '.', no escapes. */
static int encode_question(const char *name, uint16_t type, struct question *question)
{
	uint8_t *wire = question->wire;
	size_t at = 0;

	while (*name && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");

		if (len == 0 || len > 63 || at + len + 2 > 255)
			return -EINVAL;
		wire[at++] = (uint8_t)len;
		memcpy(wire + at, name, len);
		at += len;
		name += len;
		if (*name == '.')
			name++;
	}
	wire[at++] = 0;
	put_be16(wire + at, type);
	put_be16(wire + at + 2, 1);
	question->len = (uint16_t)(at + 4);
	return 0;
}

static void add_question(struct prober *p, const char *name, uint16_t type)
{
	if ((p->n_questions & (p->n_questions - 1)) == 0) {
		size_t room = p->n_questions ? 2 * (size_t)p->n_questions : 1;

		p->questions = realloc(p->questions, room * sizeof(p->questions[0]));
		if (!p->questions)
			die("out of memory");
	}
	if (encode_question(name, type, &p->questions[p->n_questions]))
		die("not a domain name: %s", name);
	p->n_questions++;
}

/* One "NAME [TYPE]" a line, as dnsperf reads it. */
static void read_questions(struct prober *p)
{
	char line[512], name[256], type[32];
	FILE *file = fopen(p->opt.names_file, "r");

	if (!file)
		die("%s: %s", p->opt.names_file, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		int fields = sscanf(line, "%255s %31s", name, type);

		if (fields >= 1 && name[0] != '#')
			add_question(p, name, fields == 2 ? parse_type(type) : p->opt.type);
	}
	fclose(file);
	if (p->n_questions == 0)
		die("%s: no names", p->opt.names_file);
}

static size_t encode_query(const struct prober *p, uint64_t n, uint8_t *wire)
{
	const struct question *question = &p->questions[n % p->n_questions];
	uint8_t *opt = wire + HEADER_LEN + question->len;

	memset(wire, 0, HEADER_LEN);
	put_be16(wire, (uint16_t)(n / p->opt.sockets));
	wire[2] = 0x01;			/* RD */
	put_be16(wire + 4, 1);
	memcpy(wire + HEADER_LEN, question->wire, question->len);
	if (!p->opt.edns_size)
		return HEADER_LEN + (size_t)question->len;
	put_be16(wire + 10, 1);
	memset(opt, 0, OPT_LEN);
	put_be16(opt + 1, 41);		/* root name, type OPT, class = size (RFC 6891, 6.1.2) */
	put_be16(opt + 3, p->opt.edns_size);
	return HEADER_LEN + (size_t)question->len + OPT_LEN;
}

/* Sender thread */

static void sleep_until(uint64_t when_ns)
{
	struct timespec when = {
		.tv_sec = (time_t)(when_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(when_ns % CLOCK_NS_PER_S),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static uint64_t due_ns(const struct prober *p, uint64_t n)
{
	return p->start_ns + n * CLOCK_NS_PER_S / p->opt.rate;
}

/* Sends queries first, first + sockets, ... : all of one socket. What the socket refuses stays unanswered. */
static void send_on_socket(struct prober *p, uint64_t first, unsigned count)
{
	static uint8_t wire[BATCH][QUERY_MAX];
	struct server *server = &p->opt.server[server_of(p, first)];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++) {
		parts[i].iov_base = wire[i];
		parts[i].iov_len = encode_query(p, first + (uint64_t)i * p->opt.sockets, wire[i]);
		messages[i] = (struct mmsghdr){ .msg_hdr = {
			.msg_name = &server->address, .msg_namelen = server->len,
			.msg_iov = &parts[i], .msg_iovlen = 1,
		} };
	}
	while (done < count) {
		int sent = sendmmsg(p->fd[first % p->opt.sockets], messages + done, count - done, 0);

		if (sent <= 0)
			p->send_errors++;
		done += sent > 0 ? (unsigned)sent : 1;
	}
}

/* Publishes the slots before the queries leave: an answer must find its query. */
static void send_queries(struct prober *p, uint64_t first, unsigned count)
{
	uint64_t now_ns = clock_mono_ns();

	for (uint64_t n = first; n < first + count; n++)
		p->asked[n % p->slots] = (struct question_sent){
			.sent_ns = now_ns, .question = (uint32_t)(n % p->n_questions),
		};
	atomic_store_explicit(&p->sent, first + count, memory_order_release);
	p->end_ns = now_ns;
	for (unsigned i = 0; i < p->opt.sockets && i < count; i++)
		send_on_socket(p, first + i, (count - i + p->opt.sockets - 1) / p->opt.sockets);
}

/* Queries from n on that are due, as far as the ring has room (it has, unless the receiver starved). */
static unsigned count_due(const struct prober *p, uint64_t n, uint64_t last, uint64_t now_ns)
{
	uint64_t room = p->slots - (n - atomic_load_explicit(&p->retired, memory_order_acquire));
	unsigned count = 0;

	while (count < BATCH && count < room && n + count < last && due_ns(p, n + count) <= now_ns)
		count++;
	return count;
}

static void *run_sender(void *argument)
{
	struct prober *p = argument;
	uint64_t last = (p->opt.run_ns * p->opt.rate + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S;
	uint64_t n = 0;

	prctl(PR_SET_TIMERSLACK, 1000UL);
	while (n < last && !stop) {
		uint64_t now_ns = clock_mono_ns();
		uint64_t wake_ns = due_ns(p, n);
		unsigned count = count_due(p, n, last, now_ns);

		if (count == 0) {
			if (wake_ns < now_ns + TICK_NS)
				wake_ns = now_ns + TICK_NS;
			if (wake_ns > now_ns + SLEEP_MAX_NS)
				wake_ns = now_ns + SLEEP_MAX_NS;
			sleep_until(wake_ns);
			continue;
		}
		if (now_ns - wake_ns > p->sender_late_ns)
			p->sender_late_ns = now_ns - wake_ns;
		send_queries(p, n, count);
		n += count;
	}
	atomic_store_explicit(&p->sender_done, true, memory_order_release);
	return NULL;
}

/* Receiver: histogram */

static unsigned bucket_of(uint64_t value_ns)
{
	unsigned shift, bucket;

	if (value_ns < STEPS)
		return (unsigned)value_ns;
	shift = 63 - (unsigned)__builtin_clzll(value_ns) - STEP_BITS;
	bucket = (shift + 1) * STEPS + (unsigned)((value_ns >> shift) - STEPS);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_value_ns(unsigned bucket)
{
	unsigned shift;

	if (bucket < STEPS)
		return bucket;
	shift = bucket / STEPS - 1;
	return (uint64_t)(STEPS + bucket % STEPS) << shift;
}

static double percentile_us(const struct tally *t, double part)
{
	uint64_t wanted = (uint64_t)((double)t->answered * part);
	uint64_t seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += t->latency[i];
		if (seen > wanted)
			return (double)bucket_value_ns(i) / CLOCK_NS_PER_US;
	}
	return (double)t->latency_max_ns / CLOCK_NS_PER_US;
}

/* Receiver: accounting */

static struct outcome *outcome_of(struct prober *p, uint64_t n)
{
	struct outcome *outcome = &p->outcome[n % p->slots];
	uint32_t round = (uint32_t)(n / p->slots) + 1;

	if (outcome->round != round)
		*outcome = (struct outcome){ .round = round, .state = WAITING };
	return outcome;
}

static void extend_outage(struct service *s, uint64_t until_ns)
{
	if (s->outage_since_ns && until_ns - s->outage_since_ns > s->outage_ns)
		s->outage_ns = until_ns - s->outage_since_ns;
}

/* In the order of sending: an outage runs from its first failed query to the next good one. */
static void judge_outage(struct service *s, uint64_t sent_ns, bool is_good)
{
	extend_outage(s, sent_ns);
	if (is_good) {
		s->outage_since_ns = 0;
		return;
	}
	if (!s->outage_since_ns)
		s->outage_since_ns = sent_ns;
	if (!s->first_bad_ns)
		s->first_bad_ns = sent_ns;
	s->last_bad_ns = sent_ns;
}

static void retire_finished(struct prober *p, uint64_t now_ns)
{
	uint64_t sent = atomic_load_explicit(&p->sent, memory_order_acquire);
	uint64_t n = atomic_load_explicit(&p->retired, memory_order_relaxed);

	for (; n < sent; n++) {
		uint64_t sent_ns = p->asked[n % p->slots].sent_ns;
		struct outcome *outcome = outcome_of(p, n);

		if (outcome->state == WAITING && now_ns < sent_ns + p->opt.timeout_ns)
			break;
		if (outcome->state == WAITING)
			outcome->state = LOST;
		judge_outage(&p->service[server_of(p, n)], sent_ns, outcome->state == GOOD);
	}
	atomic_store_explicit(&p->retired, n, memory_order_release);
}

static void extend_gap(struct service *s, uint64_t until_ns)
{
	if (until_ns > s->last_good_ns && until_ns - s->last_good_ns > s->gap_ns)
		s->gap_ns = until_ns - s->last_good_ns;
}

static void note_good(struct service *s, uint64_t now_ns)
{
	extend_gap(s, now_ns);
	s->last_good_ns = now_ns;
}

static void count_answer(struct prober *p, uint64_t n, const uint8_t *wire, uint64_t now_ns)
{
	struct tally *t = &p->tally;
	struct service *s = &p->service[server_of(p, n)];
	uint64_t latency_ns = now_ns - p->asked[n % p->slots].sent_ns;
	uint8_t rcode = wire[3] & 0x0f;
	bool is_good = rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;

	t->answered++;
	s->answered++;
	t->rcode[rcode]++;
	t->latency[bucket_of(latency_ns)]++;
	if (latency_ns > t->latency_max_ns)
		t->latency_max_ns = latency_ns;
	if (wire[2] & 0x02)
		t->truncated++;
	if (is_good) {
		t->good++;
		note_good(s, now_ns);
	} else {
		t->failed++;
		s->failed++;
	}
	outcome_of(p, n)->state = is_good ? GOOD : FAILED;
}

static bool same_question(const struct prober *p, uint64_t n, const uint8_t *wire, size_t len)
{
	const struct question *question = &p->questions[p->asked[n % p->slots].question];

	return len >= HEADER_LEN + (size_t)question->len && get_be16(wire + 4) == 1 &&
	       memcmp(wire + HEADER_LEN, question->wire, question->len) == 0;
}

/* The last query sent from (socket, id), or false when none was. */
static bool find_query(const struct prober *p, unsigned socket, uint16_t id, uint64_t *n)
{
	uint64_t sent = atomic_load_explicit(&p->sent, memory_order_acquire);
	uint64_t slot = (uint64_t)id * p->opt.sockets + socket;

	if (sent <= slot)
		return false;
	*n = sent - 1 - (sent - 1 - slot) % p->slots;
	return true;
}

static void take_answer(struct prober *p, unsigned socket, const uint8_t *wire, size_t len,
			uint64_t now_ns)
{
	struct tally *t = &p->tally;
	uint64_t n;

	if (len < HEADER_LEN || !(wire[2] & 0x80) || !find_query(p, socket, get_be16(wire), &n)) {
		t->stray++;
		return;
	}
	if (n < atomic_load_explicit(&p->retired, memory_order_relaxed)) {
		if (outcome_of(p, n)->state == LOST)
			t->late++;
		else
			t->duplicates++;
		return;
	}
	if (!same_question(p, n, wire, len))
		t->wrong++;
	else if (outcome_of(p, n)->state != WAITING)
		t->duplicates++;
	else
		count_answer(p, n, wire, now_ns);
}

static bool is_from_server(const struct server *server, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *v4 = (const void *)from, *server4 = (const void *)&server->address;
	const struct sockaddr_in6 *v6 = (const void *)from, *server6 = (const void *)&server->address;

	if (from->ss_family == AF_INET)
		return v4->sin_port == server4->sin_port &&
		       v4->sin_addr.s_addr == server4->sin_addr.s_addr;
	return v6->sin6_port == server6->sin6_port &&
	       memcmp(&v6->sin6_addr, &server6->sin6_addr, sizeof(v6->sin6_addr)) == 0;
}

/* Reads one batch; true when there may be more. */
static bool read_answers(struct prober *p, unsigned socket)
{
	static uint8_t wire[BATCH][ANSWER_MAX];
	static struct sockaddr_storage from[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	uint64_t now_ns;
	int count;

	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = wire[i], .iov_len = ANSWER_MAX };
		messages[i] = (struct mmsghdr){ .msg_hdr = {
			.msg_name = &from[i], .msg_namelen = sizeof(from[i]),
			.msg_iov = &parts[i], .msg_iovlen = 1,
		} };
	}
	count = recvmmsg(p->fd[socket], messages, BATCH, MSG_DONTWAIT, NULL);
	now_ns = clock_mono_ns();
	for (int i = 0; i < count; i++) {
		if (is_from_server(&p->opt.server[server_of(p, socket)], &from[i]))
			take_answer(p, socket, wire[i], messages[i].msg_len, now_ns);
		else
			p->tally.stray++;
	}
	return count == BATCH;
}

static bool is_finished(const struct prober *p)
{
	if (!atomic_load_explicit(&p->sender_done, memory_order_acquire))
		return false;
	return stop > 1 || atomic_load_explicit(&p->retired, memory_order_relaxed) ==
			   atomic_load_explicit(&p->sent, memory_order_relaxed);
}

/* What is known only when all is over. */
static void close_accounts(struct prober *p)
{
	uint64_t sent = atomic_load(&p->sent);

	p->tally.lost = sent - p->tally.answered;
	for (unsigned i = 0; i < p->opt.servers; i++) {
		struct service *s = &p->service[i];

		s->sent = (sent + p->opt.servers - 1 - i) / p->opt.servers;
		s->lost = s->sent - s->answered;
		extend_outage(s, p->end_ns);
		extend_gap(s, p->end_ns);
	}
}

/* Every query retires by its timeout, so this ends timeout after the sender did. */
static void run_receiver(struct prober *p, int epoll_fd)
{
	struct epoll_event events[SOCKETS_MAX];

	for (unsigned i = 0; i < p->opt.servers; i++)
		p->service[i].last_good_ns = p->start_ns;
	while (!is_finished(p)) {
		int ready = epoll_wait(epoll_fd, events, SOCKETS_MAX, 5);

		for (int i = 0; i < ready; i++)
			while (read_answers(p, events[i].data.u32))
				;
		retire_finished(p, clock_mono_ns());
	}
	close_accounts(p);
}

/* Report */

static double to_ms(uint64_t ns)
{
	return (double)ns / CLOCK_NS_PER_MS;
}

/* Answers our own sockets had no room for: a loss that is not the server's. */
static uint64_t count_socket_drops(const struct prober *p)
{
	uint64_t drops = 0;

	for (unsigned i = 0; i < p->opt.sockets; i++) {
		uint32_t info[SK_MEMINFO_VARS] = { 0 };
		socklen_t len = sizeof(info);

		if (getsockopt(p->fd[i], SOL_SOCKET, SO_MEMINFO, info, &len) == 0)
			drops += info[SK_MEMINFO_DROPS];
	}
	return drops;
}

static double affected_ms(const struct service *s)
{
	return to_ms(s->last_bad_ns - s->first_bad_ns);
}

/* The times of the servers together: the longest outage and gap of any, and from the first failure to the last of
 * all. */
static struct service times_of_all(const struct prober *p)
{
	struct service all = { .first_bad_ns = 0 };

	for (unsigned i = 0; i < p->opt.servers; i++) {
		const struct service *s = &p->service[i];

		all.outage_ns = s->outage_ns > all.outage_ns ? s->outage_ns : all.outage_ns;
		all.gap_ns = s->gap_ns > all.gap_ns ? s->gap_ns : all.gap_ns;
		if (!all.first_bad_ns || (s->first_bad_ns && s->first_bad_ns < all.first_bad_ns))
			all.first_bad_ns = s->first_bad_ns;
		all.last_bad_ns = s->last_bad_ns > all.last_bad_ns ? s->last_bad_ns : all.last_bad_ns;
	}
	return all;
}

static void print_json_servers(const struct prober *p)
{
	for (unsigned i = 0; i < p->opt.servers; i++) {
		const struct service *s = &p->service[i];

		printf("%s{\"address\": \"%s\", \"sent\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"lost\": %" PRIu64
		       ", \"gap_ms\": %.3f, \"outage_ms\": %.3f, \"affected_ms\": %.3f}", i ? ", " : "",
		       p->opt.server[i].text, s->sent, s->failed, s->lost, to_ms(s->gap_ns), to_ms(s->outage_ns),
		       affected_ms(s));
	}
}

static void print_json(const struct prober *p, uint64_t sent)
{
	const struct service all = times_of_all(p);
	const struct tally *t = &p->tally;
	const char *comma = "";

	printf("{\"sent\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"good\": %" PRIu64
	       ", \"failed\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"late\": %" PRIu64
	       ", \"duplicates\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"stray\": %" PRIu64
	       ", \"truncated\": %" PRIu64 ", \"rcodes\": {",
	       sent, t->answered, t->good, t->failed, t->lost, t->late, t->duplicates, t->wrong,
	       t->stray, t->truncated);
	for (unsigned i = 0; i < RCODES; i++) {
		if (!t->rcode[i])
			continue;
		printf("%s\"%s\": %" PRIu64, comma, rcode_names[i], t->rcode[i]);
		comma = ", ";
	}
	printf("}, \"gap_ms\": %.3f, \"outage_ms\": %.3f, \"affected_ms\": %.3f, \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f"
	       ", \"p999\": %.1f, \"max\": %.1f}, \"seconds\": %.3f, \"sender_late_ms\": %.3f"
	       ", \"send_errors\": %" PRIu64 ", \"socket_drops\": %" PRIu64 ", \"servers\": [",
	       to_ms(all.gap_ns), to_ms(all.outage_ns), affected_ms(&all),
	       percentile_us(t, 0.5), percentile_us(t, 0.99), percentile_us(t, 0.999),
	       (double)t->latency_max_ns / CLOCK_NS_PER_US,
	       to_ms(p->end_ns - p->start_ns) / 1000, to_ms(p->sender_late_ns), p->send_errors,
	       count_socket_drops(p));
	print_json_servers(p);
	puts("]}");
}

static void print_text(const struct prober *p, uint64_t sent)
{
	const struct service all = times_of_all(p);
	const struct tally *t = &p->tally;

	printf("sent        %10" PRIu64 "   in %.3f s\n", sent, to_ms(p->end_ns - p->start_ns) / 1000);
	printf("answered    %10" PRIu64 "   good %" PRIu64 ", failed %" PRIu64 ", truncated %" PRIu64 "\n",
	       t->answered, t->good, t->failed, t->truncated);
	for (unsigned i = 0; i < RCODES; i++)
		if (t->rcode[i])
			printf("  %-9s %10" PRIu64 "\n", rcode_names[i], t->rcode[i]);
	printf("lost        %10" PRIu64 "   late %" PRIu64 "\n", t->lost, t->late);
	printf("duplicates  %10" PRIu64 "   wrong %" PRIu64 ", stray %" PRIu64 "\n",
	       t->duplicates, t->wrong, t->stray);
	printf("gap         %10.3f ms longest time without a good answer\n", to_ms(all.gap_ns));
	printf("outage      %10.3f ms longest time in which every query sent failed\n",
	       to_ms(all.outage_ns));
	printf("affected    %10.3f ms from the first query that failed to the last\n",
	       affected_ms(&all));
	for (unsigned i = 0; p->opt.servers > 1 && i < p->opt.servers; i++)
		printf("  sent %" PRIu64 ", failed %" PRIu64 ", lost %" PRIu64 ", outage %.3f ms: %s\n",
		       p->service[i].sent,
		       p->service[i].failed, p->service[i].lost, to_ms(p->service[i].outage_ns), p->opt.server[i].text);
	printf("latency     %10.1f us p50, %.1f p99, %.1f p99.9, %.1f max\n", percentile_us(t, 0.5),
	       percentile_us(t, 0.99), percentile_us(t, 0.999),
	       (double)t->latency_max_ns / CLOCK_NS_PER_US);
	printf("prober      %10.3f ms behind its schedule at worst, %" PRIu64 " send errors, %" PRIu64
	       " answers dropped by its own sockets\n",
	       to_ms(p->sender_late_ns), p->send_errors, count_socket_drops(p));
}

/* Start */

static int open_socket(const struct options *opt, const struct server *server)
{
	int size = RCVBUF;
	int fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (opt->source_len && bind(fd, (const struct sockaddr *)&opt->source, opt->source_len))
		die("bind: %s", strerror(errno));
	return fd;
}

/* Not connected: a connected socket would answer an ICMP error instead of sending the next query. */
static int open_sockets(struct prober *p)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		die("epoll: %s", strerror(errno));
	for (unsigned i = 0; i < p->opt.sockets; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		p->fd[i] = open_socket(&p->opt, &p->opt.server[server_of(p, i)]);
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p->fd[i], &event))
			die("epoll: %s", strerror(errno));
	}
	return epoll_fd;
}

static void parse_address(const char *text, const char *port, struct sockaddr_storage *out,
			  socklen_t *len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;
	int error = getaddrinfo(text, port, &hints, &found);

	if (error)
		die("%s port %s: %s", text, port, gai_strerror(error));
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
}

/* ADDR, ADDR4:PORT or [ADDR6]:PORT. */
static void add_server(struct options *opt, const char *text)
{
	struct server *server = &opt->server[opt->servers];
	char host[64];
	const char *colon = strrchr(text, ':');
	bool has_port = colon && (text[0] == '[' ? colon[-1] == ']' : strchr(text, ':') == colon);
	size_t len = has_port ? (size_t)(colon - text) : strlen(text);

	if (opt->servers++ == SERVERS_MAX)
		die("more than %d servers", SERVERS_MAX);
	server->text = text;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		die("bad address %s", text);
	memcpy(host, text, len);
	host[len] = '\0';
	parse_address(host, has_port ? colon + 1 : "53", &server->address, &server->len);
}

static double parse_number(const char *option, const char *text, double min, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		die("--%s %s: want a number from %g to %g", option, text, min, max);
	return value;
}

static uint64_t parse_seconds(const char *option, const char *text, double max)
{
	return (uint64_t)(parse_number(option, text, 0.001, max) * CLOCK_NS_PER_S);
}

__attribute__((noreturn))
static void usage(int code)
{
	fputs("probe --server ADDR[:PORT]... (--name NAME | --names FILE) [options]\n"
	      "  --type TYPE     type of --name, and of names without one in FILE (A)\n"
	      "  --rate N        queries a second, to all servers together (1000)\n"
	      "  --seconds S     how long to send (10)\n"
	      "  --timeout S     unanswered after this is lost (2)\n"
	      "  --sockets N     source ports used in turn (8)\n"
	      "  --bind ADDR     source address\n"
	      "  --edns SIZE     send an OPT with this size (no OPT)\n"
	      "  --json          one line for programs\n"
	      "Several servers are asked in turn; outage and gap are those of the one that had the longest.\n"
	      "FILE has \"NAME [TYPE]\" a line. SIGINT and SIGTERM end the sending and report.\n"
	      "Good answers are NOERROR and NXDOMAIN; every other code is a failure.\n"
	      "Exit: 0 all good, 1 some lost, failed, wrong or doubled, 2 could not run.\n",
	      code ? stderr : stdout);
	exit(code);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	static const struct option known[] = {
		{ "server", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' },
		{ "names", required_argument, NULL, 'f' }, { "type", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' }, { "seconds", required_argument, NULL, 'd' },
		{ "timeout", required_argument, NULL, 'w' }, { "sockets", required_argument, NULL, 'p' },
		{ "bind", required_argument, NULL, 'b' }, { "edns", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int key;

	while ((key = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (key) {
		case 's': add_server(opt, optarg); break;
		case 'n': opt->name = optarg; break;
		case 'f': opt->names_file = optarg; break;
		case 't': opt->type = parse_type(optarg); break;
		case 'r': opt->rate = (uint64_t)parse_number("rate", optarg, 1, RATE_MAX); break;
		case 'd': opt->run_ns = parse_seconds("seconds", optarg, 86400); break;
		case 'w': opt->timeout_ns = parse_seconds("timeout", optarg, 60); break;
		case 'p': opt->sockets = (unsigned)parse_number("sockets", optarg, 1, SOCKETS_MAX); break;
		case 'b': parse_address(optarg, "0", &opt->source, &opt->source_len); break;
		case 'e': opt->edns_size = (uint16_t)parse_number("edns", optarg, 0, 65535); break;
		case 'j': opt->json = true; break;
		case 'h': usage(0);
		default: usage(2);
		}
	}
	if (optind < argc || !opt->servers || !opt->name == !opt->names_file)
		usage(2);
}

/* Ids must not come round again while a query waits; twice the need leaves late answers recognisable. */
static void check_ring(const struct options *opt)
{
	double waiting = (double)opt->rate * (double)opt->timeout_ns / CLOCK_NS_PER_S;

	if (2 * waiting > (double)opt->sockets * IDS)
		die("rate %" PRIu64 " with this timeout needs --sockets %u", opt->rate,
		    (unsigned)(2 * waiting / IDS) + 1);
}

static void check_servers(struct options *opt)
{
	for (unsigned i = 0; i < opt->servers; i++) {
		if (opt->source_len && opt->source.ss_family != opt->server[i].address.ss_family)
			die("--bind and --server are of different families");
	}
	opt->sockets += (opt->servers - opt->sockets % opt->servers) % opt->servers;
	if (opt->sockets > SOCKETS_MAX)
		opt->sockets -= opt->servers;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void run(struct prober *p)
{
	int epoll_fd = open_sockets(p);
	pthread_t sender;

	catch_signals();
	p->start_ns = clock_mono_ns();
	p->end_ns = p->start_ns;
	if (pthread_create(&sender, NULL, run_sender, p))
		die("cannot start a thread");
	run_receiver(p, epoll_fd);
	pthread_join(sender, NULL);
	close(epoll_fd);
}

int main(int argc, char **argv)
{
	static struct prober p = { .opt = {
		.type = 1, .sockets = 8, .rate = 1000,
		.run_ns = 10ULL * CLOCK_NS_PER_S, .timeout_ns = 2ULL * CLOCK_NS_PER_S,
	} };
	uint64_t sent;

	parse_options(&p.opt, argc, argv);
	check_servers(&p.opt);
	check_ring(&p.opt);
	if (p.opt.names_file)
		read_questions(&p);
	else
		add_question(&p, p.opt.name, p.opt.type);
	p.slots = (uint64_t)p.opt.sockets * IDS;
	p.asked = allocate(p.slots, sizeof(p.asked[0]));
	p.outcome = allocate(p.slots, sizeof(p.outcome[0]));

	run(&p);

	sent = atomic_load(&p.sent);
	if (p.opt.json)
		print_json(&p, sent);
	else
		print_text(&p, sent);
	for (unsigned i = 0; i < p.opt.sockets; i++)
		close(p.fd[i]);
	free(p.asked);
	free(p.outcome);
	free(p.questions);
	return p.tally.good == sent && !p.tally.wrong && !p.tally.duplicates ? 0 : 1;
}
