/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask.c - asks from many addresses for many names, and says what became of it.
 *
 *   ask DEVICE MAC ADDRESS SECONDS STREAM...       up to 4 streams at a time, each KEY=VALUE,KEY=VALUE,...
 *
 *   rate=N       queries a second, evenly; as many as it can when the machine does not get there
 *   queries=N    no more than these; when all streams have asked theirs, that is the end
 *   name=TEXT    eight digits in the place of '%'; type is A, with RD and without EDNS
 *   names=N      how many numbers there are (1)
 *   first=N      the smallest (0)
 *   step=N       from one to the next (1)
 *   order=WORD   turn: one after the other; random: each alike; zipf: the k-th 1/k as often as the first (turn)
 *   from=ADDRESS of the first client
 *   clients=N    how many addresses from there on (1), each alike
 *   spread=N     from one to the next (1)
 *
 * For each stream a line of JSON: sent, answered (NOERROR), truncated, failed (another rcode), lost, seconds, and of
 * the answered ones the percentiles of the time from just before the system call that sent a batch of queries to the
 * answer's arrival in XDP on the same device, in microseconds.
 *
 * Frames leave by a packet socket; answers cost this process nothing, ask.bpf.c notes them in a map that is mapped
 * here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/ask.skel.h"
#include "tests/bench/ask_shared.h"
#include "tests/bench/attach.h"

enum {
	BATCH = 64,			/* a burst stays shorter than a receive ring */
	NAME_MAX_LEN = 128,
	DIGITS = 8,
	PAUSE_NS = 40 * 1000,
	PATIENCE_MS = 500,		/* then what is not answered is lost */
	RATE_MAX = 1000 * 1000,
	SECONDS_MAX = 600,
	NUMBERS_MAX = 100 * 1000 * 1000,
};

enum order { TURN, RANDOM, ZIPF };

struct query {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t header[12];
	uint8_t question[NAME_MAX_LEN + 4];
} __attribute__((packed));

struct stream {
	uint64_t rate, queries, names, first, step, clients, spread;
	enum order order;
	uint32_t from;			/* host order */
	uint8_t question[NAME_MAX_LEN + 4];
	unsigned question_len, digits_at;
	double *cumulative;		/* of zipf: share of the names up to this one */
	uint64_t random;		/* state of the generator */
	_Atomic uint64_t *slots;
	struct query frame[BATCH];
	uint64_t sent, judged;
	uint64_t answered, truncated, failed, lost;
	uint32_t *latency_ns;		/* of the answered ones, in the order of sending */
	uint64_t latency_room;
};

static struct stream streams[ASK_STREAMS_MAX];
static unsigned n_streams;

__attribute__((format(printf, 1, 2), noreturn))
static void die(const char *format, ...)
{
	va_list args;

	fputs("ask: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		die("out of memory");
	return memory;
}

/* ---- which query is next ---- */

/* xorshift64*; the streams repeat from run to run. */
static uint64_t next_random(struct stream *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t random_below(struct stream *s, uint64_t n)
{
	return (uint64_t)((unsigned __int128)next_random(s) * n >> 64);
}

static uint64_t zipf(struct stream *s)
{
	double wanted = (double)(next_random(s) >> 11) / (double)(UINT64_C(1) << 53);
	uint64_t low = 0, high = s->names - 1;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (s->cumulative[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t next_number(struct stream *s, uint64_t n)
{
	uint64_t k;

	switch (s->order) {
	case RANDOM: k = random_below(s, s->names); break;
	case ZIPF: k = zipf(s); break;
	default: k = n % s->names;
	}
	return s->first + k * s->step;
}

/* ---- frames ---- */

static uint32_t add_words(uint32_t sum, const void *from, size_t len)
{
	const uint8_t *octets = from;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)octets[i] << 8 | octets[i + 1];
	return i < len ? sum + ((uint32_t)octets[i] << 8) : sum;
}

static uint16_t checksum_of(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void write_digits(uint8_t *to, uint64_t number)
{
	for (int i = DIGITS - 1; i >= 0; i--) {
		to[i] = (uint8_t)('0' + number % 10);
		number /= 10;
	}
}

/* Query n, written over an earlier one. */
static void write_query(struct stream *s, struct query *q, uint64_t n)
{
	uint32_t slot = (uint32_t)((uint64_t)(s - streams) * ASK_SLOTS + n % ASK_SLOTS);
	size_t udp_len = sizeof(q->udp) + sizeof(q->header) + s->question_len;
	uint32_t sum;

	write_digits(q->question + s->digits_at, next_number(s, n));
	q->header[0] = (uint8_t)(slot >> 8);
	q->header[1] = (uint8_t)slot;
	q->udp.source = htons((uint16_t)(ASK_PORT_FIRST + (slot >> 16)));
	q->ip.saddr = htonl(s->from + (uint32_t)(random_below(s, s->clients) * s->spread));
	q->ip.check = 0;
	q->ip.check = checksum_of(add_words(0, &q->ip, sizeof(q->ip)));
	q->udp.check = 0;
	sum = add_words(IPPROTO_UDP + (uint32_t)udp_len, &q->ip.saddr, 8);
	q->udp.check = checksum_of(add_words(sum, &q->udp, udp_len));
	if (!q->udp.check)
		q->udp.check = 0xffff;
}

static void prepare_frames(struct stream *s, const uint8_t *own_mac, const uint8_t *mac, struct in_addr to)
{
	uint16_t udp_len = (uint16_t)(sizeof(struct udphdr) + 12 + s->question_len);

	for (unsigned i = 0; i < BATCH; i++) {
		struct query *q = &s->frame[i];

		memcpy(q->eth.h_dest, mac, ETH_ALEN);
		memcpy(q->eth.h_source, own_mac, ETH_ALEN);
		q->eth.h_proto = htons(ETH_P_IP);
		q->ip = (struct iphdr){
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = to.s_addr,
			.tot_len = htons((uint16_t)(sizeof(struct iphdr) + udp_len)),
		};
		q->udp.dest = htons(53);
		q->udp.len = htons(udp_len);
		q->header[2] = 0x01;		/* RD */
		q->header[5] = 1;
		memcpy(q->question, s->question, s->question_len);
	}
}

/* ---- sending, and what became of it ---- */

static void judge(struct stream *s, uint64_t n)
{
	uint64_t slot = atomic_load_explicit(&s->slots[n % ASK_SLOTS], memory_order_relaxed);

	if (!(slot & ASK_ANSWERED))
		s->lost++;
	else if (slot >> ASK_RCODE_SHIFT & 15)
		s->failed++;
	else if (slot >> ASK_TC_SHIFT & 1)
		s->truncated++;
	else if (s->answered < s->latency_room)
		s->latency_ns[s->answered++] = (uint32_t)(slot & ASK_LATENCY_MASK);
}

static void judge_before(struct stream *s, uint64_t end)
{
	for (; s->judged < end; s->judged++)
		judge(s, s->judged);
}

/* Sends up to BATCH of the stream's queries. What the device does not take was not sent. */
static void send_batch(struct stream *s, int fd, unsigned count)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	uint64_t now_ns;
	int n;

	if (s->sent + count > ASK_SLOTS)
		judge_before(s, s->sent + count - ASK_SLOTS);
	for (unsigned i = 0; i < count; i++) {
		write_query(s, &s->frame[i], s->sent + i);
		parts[i] = (struct iovec){ &s->frame[i], offsetof(struct query, question) + s->question_len };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	now_ns = clock_mono_ns();
	for (unsigned i = 0; i < count; i++)
		atomic_store_explicit(&s->slots[(s->sent + i) % ASK_SLOTS], now_ns, memory_order_relaxed);
	n = sendmmsg(fd, messages, count, 0);
	if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("sending: %s", strerror(errno));
	s->sent += n > 0 ? (unsigned)n : 0;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_done(void)
{
	for (unsigned i = 0; i < n_streams; i++)
		if (streams[i].sent < streams[i].queries)
			return false;
	return true;
}

/* Everything that is due at this time, at most a batch of each stream. True when that was not all of it. */
static bool send_due(int fd, uint64_t elapsed_ns)
{
	bool is_behind = false;

	for (unsigned i = 0; i < n_streams; i++) {
		struct stream *s = &streams[i];
		uint64_t due = min(elapsed_ns * s->rate / CLOCK_NS_PER_S + 1, s->queries);
		uint64_t wanted = due > s->sent ? due - s->sent : 0;

		if (wanted)
			send_batch(s, fd, (unsigned)min(wanted, BATCH));
		is_behind |= wanted > BATCH;
	}
	return is_behind;
}

/* How long it took. */
static uint64_t ask(int fd, uint64_t run_ns)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t begin_ns = clock_mono_ns(), elapsed_ns = 0;

	while (elapsed_ns < run_ns && !is_done() && !stopping) {
		if (!send_due(fd, elapsed_ns))
			nanosleep(&pause, NULL);
		elapsed_ns = clock_mono_ns() - begin_ns;
	}
	clock_pause_ms(PATIENCE_MS);
	for (unsigned i = 0; i < n_streams; i++)
		judge_before(&streams[i], streams[i].sent);
	return elapsed_ns;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const struct stream *s, double share)
{
	uint64_t at = (uint64_t)(share * (double)(s->answered - 1));

	return s->answered ? (double)s->latency_ns[at] / CLOCK_NS_PER_US : 0;
}

static void report(struct stream *s, uint64_t elapsed_ns)
{
	qsort(s->latency_ns, s->answered, sizeof(*s->latency_ns), compare);
	printf("{\"sent\": %lu, \"answered\": %lu, \"truncated\": %lu, \"failed\": %lu, \"lost\": %lu, "
	       "\"seconds\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
	       s->sent, s->answered, s->truncated, s->failed, s->lost, (double)elapsed_ns / CLOCK_NS_PER_S,
	       percentile_us(s, 0.5), percentile_us(s, 0.99), percentile_us(s, 0.999), percentile_us(s, 1));
}

/* ---- start ---- */

/* Wire form; where the digits are. */
static void set_name(struct stream *s, const char *text)
{
	unsigned at = 0;

	while (*text) {
		unsigned len_at = at++;

		for (; *text && *text != '.'; text++) {
			if (at + DIGITS + 1 >= NAME_MAX_LEN)
				die("name= is too long");
			if (*text == '%') {
				s->digits_at = at;
				at += DIGITS;
			} else {
				s->question[at++] = (uint8_t)*text;
			}
		}
		if (at - len_at == 1 || at - len_at > 64)
			die("name= has an empty label or one that is too long");
		s->question[len_at] = (uint8_t)(at - len_at - 1);
		text += *text == '.';
	}
	if (!s->digits_at)
		die("name= has no '%%'");
	s->question[at + 2] = 1;
	s->question[at + 4] = 1;
	s->question_len = at + 5;
}

static void set_order(struct stream *s, const char *word)
{
	static const char *const words[] = { [TURN] = "turn", [RANDOM] = "random", [ZIPF] = "zipf" };

	for (s->order = TURN; strcmp(words[s->order], word); s->order++)
		if (s->order == ZIPF)
			die("order=%s: turn, random or zipf", word);
}

static uint64_t number(const char *key, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		die("%s: a number from %lu to %lu, not %s", key, min, max, text);
	return value;
}

static void set_key(struct stream *s, const char *key, const char *value)
{
	struct in_addr address;

	if (!strcmp(key, "rate"))
		s->rate = number(key, value, 1, RATE_MAX);
	else if (!strcmp(key, "queries"))
		s->queries = number(key, value, 1, UINT32_MAX);
	else if (!strcmp(key, "name"))
		set_name(s, value);
	else if (!strcmp(key, "names"))
		s->names = number(key, value, 1, NUMBERS_MAX);
	else if (!strcmp(key, "first"))
		s->first = number(key, value, 0, NUMBERS_MAX - 1);
	else if (!strcmp(key, "step"))
		s->step = number(key, value, 1, NUMBERS_MAX);
	else if (!strcmp(key, "clients"))
		s->clients = number(key, value, 1, 1 << 28);
	else if (!strcmp(key, "spread"))
		s->spread = number(key, value, 1, 1 << 24);
	else if (!strcmp(key, "order"))
		set_order(s, value);
	else if (!strcmp(key, "from") && inet_pton(AF_INET, value, &address) == 1)
		s->from = ntohl(address.s_addr);
	else
		die("%s=%s: no such key or value", key, value);
}

static void compute_zipf(struct stream *s)
{
	double sum = 0;

	s->cumulative = allocate(s->names, sizeof(*s->cumulative));
	for (uint64_t k = 0; k < s->names; k++) {
		sum += 1 / (double)(k + 1);
		s->cumulative[k] = sum;
	}
	for (uint64_t k = 0; k < s->names; k++)
		s->cumulative[k] /= sum;
}

static void add_stream(char *text, uint64_t seconds)
{
	struct stream *s = &streams[n_streams];
	char *save = NULL;

	if (n_streams == ASK_STREAMS_MAX)
		die("up to %d streams", ASK_STREAMS_MAX);
	*s = (struct stream){ .queries = UINT64_MAX, .names = 1, .step = 1, .clients = 1, .spread = 1,
			      .random = 0x9e3779b97f4a7c15 + n_streams };
	n_streams++;
	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *value = strchr(item, '=');

		if (!value)
			die("%s: KEY=VALUE", item);
		*value = '\0';
		set_key(s, item, value + 1);
	}
	if (!s->rate || !s->question_len || !s->from)
		die("a stream needs rate, name and from");
	if (s->first + (s->names - 1) * s->step >= NUMBERS_MAX)
		die("numbers of up to %d digits", DIGITS);
	if (s->order == ZIPF)
		compute_zipf(s);
	s->latency_room = s->rate * seconds + BATCH;
	s->latency_ns = allocate(s->latency_room, sizeof(*s->latency_ns));
}

/* A socket that only sends; the device's own address into mac. */
static int open_device(const char *device, uint8_t *mac)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device) };
	socklen_t len = sizeof(to);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    getsockname(fd, (struct sockaddr *)&to, &len))
		die("%s: %s", device, strerror(errno));
	memcpy(mac, to.sll_addr, ETH_ALEN);
	return fd;
}

static _Atomic uint64_t *map_slots(const struct ask_bpf *skeleton)
{
	size_t size = (size_t)ASK_STREAMS_MAX * ASK_SLOTS * sizeof(uint64_t);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(skeleton->maps.slots), 0);

	if (memory == MAP_FAILED)
		die("mapping the slots: %s", strerror(errno));
	return memory;
}

int main(int argc, char **argv)
{
	uint8_t mac[ETH_ALEN], own_mac[ETH_ALEN];
	struct ask_bpf *skeleton;
	_Atomic uint64_t *slots;
	uint64_t seconds, elapsed_ns;
	struct in_addr to;
	int fd;

	if (argc < 6 || sscanf(argv[2], "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
			       &mac[4], &mac[5]) != 6 || inet_pton(AF_INET, argv[3], &to) != 1)
		die("usage: ask DEVICE MAC ADDRESS SECONDS STREAM...");
	seconds = number("SECONDS", argv[4], 1, SECONDS_MAX);
	for (int i = 5; i < argc; i++)
		add_stream(argv[i], seconds);
	fd = open_device(argv[1], own_mac);
	skeleton = ask_bpf__open_and_load();
	if (!skeleton || attach(skeleton->progs.take_answer, argv[1]) < 0)
		die("%s: no XDP", argv[1]);
	slots = map_slots(skeleton);
	for (unsigned i = 0; i < n_streams; i++) {
		streams[i].slots = slots + (size_t)i * ASK_SLOTS;
		prepare_frames(&streams[i], own_mac, mac, to);
	}
	catch_signals();
	prctl(PR_SET_TIMERSLACK, 1);
	elapsed_ns = ask(fd, seconds * CLOCK_NS_PER_S);
	for (unsigned i = 0; i < n_streams; i++)
		report(&streams[i], elapsed_ns);
	return 0;
}
