/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mutations.c - the parsers of frames, queries and answers on broken input: valid ones cut at every
 * length, and a million mutations of them. Each lies in memory of exactly its length, so that with SAN=1 every
 * octet read too much is an error. The same million in every run.
 */
#include <time.h>
#include "tests/tap.h"
#include "tests/dataplane/message.h"
#include "tests/fuzz/exercise.h"

enum { SAMPLE_MAX = 1600, MUTATIONS = 1000 * 1000, SAMPLES_MAX = 24 };

enum kind { FRAME, QUERY, ANSWER, KINDS };

struct sample {
	enum kind kind;
	size_t len;
	uint8_t octets[SAMPLE_MAX];
};

static struct sample samples[SAMPLES_MAX];
static unsigned n_samples;
static unsigned verdicts[KINDS][DP_QUERY_VERDICTS];

static void exercise(enum kind kind, const uint8_t *octets, size_t len, unsigned bits)
{
	unsigned verdict;

	if (kind == FRAME)
		verdict = exercise_frame(octets, len);
	else if (kind == QUERY)
		verdict = exercise_query(octets, len, bits & 1);
	else
		verdict = exercise_answer(octets, len, bits);
	verdicts[kind][verdict]++;
}

/* ---- the valid ones ---- */

static void add_sample(enum kind kind, const uint8_t *octets, size_t len)
{
	struct sample *sample = &samples[n_samples++];

	assert_true(n_samples <= SAMPLES_MAX && len <= SAMPLE_MAX);
	sample->kind = kind;
	sample->len = len;
	memcpy(sample->octets, octets, len);
}

static void add_frame(const struct message *m, const char *peer, const char *own, uint16_t vlan)
{
	struct dp_flow flow = { .peer_port = 40000, .own_port = 53, .vlan = vlan };
	uint8_t room[DP_HEADERS_MAX + SAMPLE_MAX], *frame;

	assert_int_equal(addr_parse(peer, &flow.peer), 0);
	assert_int_equal(addr_parse(own, &flow.own), 0);
	memcpy(room + DP_HEADERS_MAX, m->octets, m->len);
	frame = dp_packet_write(room + DP_HEADERS_MAX, (uint16_t)m->len, &flow);
	add_sample(FRAME, frame, (size_t)(room + DP_HEADERS_MAX - frame) + m->len);
}

static void add_queries(struct message *m)
{
	static const uint8_t options[] = "\0\3\0\0\0\12\0\10abcdefgh\0\14\0\4\0\0\0";

	put_header(m, DNS_RD, 1, 0, 0, 0);
	put_question(m, "www.example.net", DNS_TYPE_A);
	add_sample(QUERY, m->octets, m->len);
	add_frame(m, "10.0.0.1", "10.0.0.2", 0);
	add_frame(m, "fd00::1", "fd00::2", 100);

	put_header(m, DNS_RD | DNS_AD, 1, 0, 0, 1);
	put_question(m, "wWw.ExAmPlE.nEt", 65);
	put_opt(m, 1232, 0x8000, options, sizeof(options));
	add_sample(QUERY, m->octets, m->len);
	add_frame(m, "10.0.0.1", "10.0.0.2", 100);
	add_frame(m, "fd00::1", "fd00::2", 0);

	put_header(m, 0, 1, 0, 0, 3);
	put_question(m, "a.b.c.d.e.f.g.h.i.j", DNS_TYPE_DS);
	put_opt(m, 4096, 0, "", 0);
	put_pointer(m, DNS_HEADER_LEN);
	put_address(m, 1);
	put_name(m, "key");
	put_data(m, DNS_TYPE_TSIG, "\4hmac\0", 6);
	add_sample(QUERY, m->octets, m->len);

	put_header(m, DNS_OPCODE_NOTIFY << 11, 1, 1, 0, 0);
	put_question(m, "example.net", DNS_TYPE_SOA);
	put_pointer(m, DNS_HEADER_LEN);
	put_data(m, DNS_TYPE_SOA, "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 22);
	add_sample(QUERY, m->octets, m->len);
}

/* Every section, compressed owners; with the OPT last, first or not there. */
static void add_answer(struct message *m, unsigned answers, int opt_at, unsigned flags)
{
	put_header(m, DNS_QR | flags, 1, answers, 1, 2 + (opt_at >= 0));
	put_question(m, "www.example.net", DNS_TYPE_A);
	for (unsigned i = 0; i < answers; i++) {
		put_pointer(m, DNS_HEADER_LEN);
		put_address(m, i);
	}
	put_pointer(m, DNS_HEADER_LEN + 4);
	put_data(m, 2, "\2ns\xc0\x10", 5);
	for (int i = 0; i < 2; i++) {
		if (opt_at == i)
			put_opt(m, 1232, 0x8000, "\0\3\0\2me", 6);
		put_labels(m, "ns");
		put_pointer(m, DNS_HEADER_LEN + 4);
		put_address(m, 1);
	}
	if (opt_at == 2)
		put_opt(m, 1232, 0x01000000, "", 0);
	add_sample(ANSWER, m->octets, m->len);
}

static void add_answers(struct message *m)
{
	add_answer(m, 1, -1, DNS_AA);
	add_answer(m, 2, 0, DNS_RA | DNS_AD);
	add_answer(m, 0, 1, 0);
	add_answer(m, 3, 2, DNS_RA | DNS_RCODE_NXDOMAIN);
	add_answer(m, 30, 2, DNS_RA);
	add_answer(m, 80, 0, DNS_AA | DNS_TC);
	put_header(m, DNS_QR, 1, 2, 0, 0);
	put_question(m, "www.example.net", 65);
	put_pointer(m, DNS_HEADER_LEN);
	put_data(m, 5, "\3cdn\xc0\x10", 6);
	put_pointer(m, 12 + 17 + 4 + 12);
	put_data(m, 65, "\0\1\0\0\1\0\3\2h2", 10);
	add_sample(ANSWER, m->octets, m->len);
}

static int build_samples(void **state)
{
	static struct message m;

	(void)state;
	name_hash_init_fixed();
	add_queries(&m);
	add_answers(&m);
	return 0;
}

/* ---- the broken ones ---- */

static uint64_t random_state = 0x2545f4914f6cdd1d;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * limit >> 32);
}

/* One change: a bit, an octet, 16 bits, a pointer, a cut, or a piece copied over another. */
static void mutate(uint8_t *octets, size_t *len)
{
	static const uint8_t edges[] = { 0, 1, 12, 41, 63, 64, 127, 128, 191, 192, 250, 255 };
	uint32_t at = random_below((uint32_t)*len), from, n;

	switch (random_below(8)) {
	case 0:
		octets[at] ^= 1 << random_below(8);
		break;
	case 1:
		octets[at] = (uint8_t)random_below(256);
		break;
	case 2:
		octets[at] = edges[random_below(sizeof(edges))];
		break;
	case 3:		/* counts, flags and lengths are near the front */
		octets[random_below(*len < 48 ? (uint32_t)*len : 48)] = edges[random_below(sizeof(edges))];
		break;
	case 4:
		octets[at] = 0xc0;
		if (at + 1 < *len)
			octets[at + 1] = (uint8_t)random_below(256);
		break;
	case 5:
		*len = at + 1;
		break;
	case 6:
		octets[*len] = (uint8_t)random_below(256);
		*len += 1;
		break;
	default:
		from = random_below((uint32_t)*len);
		n = random_below((uint32_t)*len - (from > at ? from : at));
		memmove(octets + at, octets + from, n);
	}
}

static void every_truncation(void **state)
{
	unsigned lengths = 0;

	(void)state;
	for (unsigned i = 0; i < n_samples; i++) {
		for (size_t len = 0; len <= samples[i].len; len++, lengths++)
			exercise(samples[i].kind, samples[i].octets, len, lengths);
	}
	print_message("# %u samples cut at %u lengths\n", n_samples, lengths);
}

static void a_million_mutations(void **state)
{
	clock_t start = clock();

	(void)state;
	memset(verdicts, 0, sizeof(verdicts));
	for (unsigned i = 0; i < MUTATIONS; i++) {
		const struct sample *sample = &samples[i % n_samples];
		uint8_t octets[SAMPLE_MAX + 8];
		size_t len = sample->len;

		memcpy(octets, sample->octets, len);
		for (unsigned changes = 1 + random_below(4); changes; changes--)
			mutate(octets, &len);
		exercise(sample->kind, octets, len, i / n_samples);
	}
	print_message("# %d mutations in %.1f s; parsed: %u frames, %u queries, %u answers\n", MUTATIONS,
		      (double)(clock() - start) / CLOCKS_PER_SEC, verdicts[FRAME][DP_PARSE_OK],
		      verdicts[QUERY][DP_QUERY_OK], verdicts[ANSWER][DP_ANSWER_OK]);
	/* Enough gets through to exercise what lies behind the parsers, and every way to fail is taken. */
	assert_true(verdicts[QUERY][DP_QUERY_OK] > 1000 && verdicts[ANSWER][DP_ANSWER_OK] > 1000);
	for (unsigned verdict = 0; verdict < DP_QUERY_VERDICTS; verdict++)
		assert_int_not_equal(verdicts[QUERY][verdict], 0);
	for (unsigned verdict = 0; verdict < DP_ANSWER_VERDICTS; verdict++)
		assert_int_not_equal(verdicts[ANSWER][verdict], 0);
}

static const struct CMUnitTest cases[] = {
	CASE("D028 D034 valid frames, queries and answers cut at every length", every_truncation),
	CASE("D034 a million mutations of them", a_million_mutations),
};

int main(void)
{
	return cmocka_run_group_tests(cases, build_samples, NULL);
}
