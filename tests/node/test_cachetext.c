/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cachetext.c - entries of the cache as text: sections, TTLs less the age, and names and data that strangers
 * chose.
 */
#include "tests/tap.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/cache.h"
#include "dataplane/wire.h"
#include "node/cachetext.h"
#include "tests/dataplane/message.h"

enum { TYPE_NS = 2, TYPE_SOA = 6, TYPE_MX = 15, TYPE_OF_NOBODY = 65280, TTL_SENT = 300, NOW = 1 << 20 };

static struct message m;

static void *must(void *memory)
{
	assert_non_null(memory);
	return memory;
}

/* What dp_cache_store() would make of the message: all its records kept, nothing judged. */
static struct dp_cache_entry *entry_of(const struct message *message, uint32_t age_ticks, uint32_t life_ticks)
{
	struct dp_cache_entry head = { .stored = NOW - age_ticks, .expires = NOW - age_ticks + life_ticks };
	uint16_t ttls[512];
	struct dp_answer answer;
	struct dp_record record;
	struct dp_cache_entry *entry;

	assert_int_equal(dp_answer_parse(message->octets, message->len, &answer), DP_ANSWER_OK);
	head.name_len = (uint8_t)(answer.question_end - DNS_HEADER_LEN - DNS_QUESTION_FIXED_LEN);
	head.type = answer.type;
	head.flags = answer.flags;
	head.answers = answer.answers;
	head.authorities = answer.authorities;
	head.additionals = answer.additionals;
	head.body_len = (uint16_t)(message->len - answer.question_end);
	for (size_t at = answer.question_end; at < message->len; at = record.end) {
		assert_true(dp_record_read(message->octets, message->len, at, &record));
		ttls[head.ttls++] = (uint16_t)(record.rdata - 6 - answer.question_end);
	}
	entry = must(malloc(sizeof(head) + head.name_len + 1 + 2 * head.ttls + head.body_len));
	*entry = head;
	memcpy(entry->data, message->octets + DNS_HEADER_LEN, head.name_len);
	memcpy((void *)dp_cache_ttls(entry), ttls, 2 * head.ttls);
	memcpy((void *)dp_cache_body(entry), message->octets + answer.question_end, head.body_len);
	return entry;
}

/* All of it, "section: record" a line. */
static char *text_of(struct dp_cache_entry *entry, uint32_t age_s)
{
	struct cachetext text;
	unsigned section;
	char *all, *line;
	size_t size;
	FILE *out = must(open_memstream(&all, &size));

	assert_true(cachetext_open(&text, entry, age_s));
	while ((line = cachetext_next(&text, &section))) {
		fprintf(out, "%s: %s\n", cachetext_section(section), line);
		free(line);
	}
	cachetext_close(&text);
	fclose(out);
	free(entry);
	return all;
}

static void expect(struct dp_cache_entry *entry, uint32_t age_s, const char *wanted)
{
	char *text = text_of(entry, age_s);

	assert_string_equal(text, wanted);
	free(text);
}

static void test_sections(void **unused)
{
	(void)unused;
	put_header(&m, DNS_QR, 1, 2, 1, 1);
	put_question(&m, "www.example.com", DNS_TYPE_A);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 1);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 2);
	put_pointer(&m, DNS_HEADER_LEN + 4);
	put_data(&m, TYPE_NS, "\2ns\xc0\x10", 5);
	put_name(&m, "ns.example.com");
	put_address(&m, 3);
	expect(entry_of(&m, 0, 16), 12,
	       "answer: www.example.com. 288 IN A 192.0.2.1\n"
	       "answer: www.example.com. 288 IN A 192.0.2.2\n"
	       "authority: example.com. 288 IN NS ns.example.com.\n"
	       "additional: ns.example.com. 288 IN A 192.0.2.3\n");
	expect(entry_of(&m, 0, 16), TTL_SENT + 1,
	       "answer: www.example.com. 0 IN A 192.0.2.1\n"
	       "answer: www.example.com. 0 IN A 192.0.2.2\n"
	       "authority: example.com. 0 IN NS ns.example.com.\n"
	       "additional: ns.example.com. 0 IN A 192.0.2.3\n");
}

static void test_nothing(void **unused)
{
	(void)unused;
	put_header(&m, DNS_QR | DNS_RCODE_SERVFAIL, 1, 0, 0, 0);
	put_question(&m, "", DNS_TYPE_A);
	expect(entry_of(&m, 0, 16), 0, "");
}

static void test_strange_octets(void **unused)
{
	static const uint8_t text[] = { 5, '"', '\\', 0x1b, '[', 0xff };

	(void)unused;
	put_header(&m, DNS_QR, 1, 2, 0, 0);
	put8(&m, 6);
	put_octets(&m, "a\n.\x1b \xe4", 6);
	put_name(&m, "x");
	put16(&m, DNS_TYPE_TXT);
	put16(&m, DNS_CLASS_IN);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, DNS_TYPE_TXT, text, sizeof(text));
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, TYPE_OF_NOBODY, "\n\0", 2);
	expect(entry_of(&m, 0, 16), 0,
	       "answer: a\\010\\.\\027\\032\\228.x. 300 IN TXT \"\\\"\\\\\\027[\\255\"\n"
	       "answer: a\\010\\.\\027\\032\\228.x. 300 IN TYPE65280 \\# 2 0a00\n");
}

/* Data that is not what its type says, in front of a good record. */
static void test_bad_data(void **unused)
{
	(void)unused;
	put_header(&m, DNS_QR, 1, 4, 0, 0);
	put_question(&m, "x.test", DNS_TYPE_A);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, DNS_TYPE_A, "\1\2\3", 3);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, TYPE_MX, "\0\1\xc0\xff", 4);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, TYPE_SOA, "", 0);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 9);
	expect(entry_of(&m, 0, 16), 0,
	       "answer: x.test. 300 IN TYPE1 \\# 3 010203\n"
	       "answer: x.test. 300 IN TYPE15 \\# 4 0001c0ff\n"
	       "answer: x.test. 300 IN SOA \\# 0\n"
	       "answer: x.test. 300 IN A 192.0.2.9\n");
}

/* Whatever a server puts into records of whatever type: lines of printable characters, one for each. */
static void test_random(void **unused)
{
	uint8_t data[300];

	(void)unused;
	srandom(7);
	for (unsigned i = 0; i < 40000; i++) {
		unsigned type = i % 4 ? i / 4 % 300 : (unsigned)random() & 0xffff, lines = 0;
		size_t len = (size_t)random() % (i % 8 ? 40 : sizeof(data));
		char *text;

		if (type == DNS_TYPE_OPT)
			continue;
		for (size_t k = 0; k < len; k++)
			data[k] = (uint8_t)(i % 3 ? random() : random() % 8);
		put_header(&m, DNS_QR, 1, 2, 0, 0);
		put_question(&m, "a.b", type);
		for (unsigned k = 0; k < 2; k++) {
			put_pointer(&m, DNS_HEADER_LEN);
			put_data(&m, type, data, len);
		}
		text = text_of(entry_of(&m, 0, 16), 0);
		for (const char *at = text; *at; at++) {
			assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
			lines += *at == '\n';
		}
		assert_int_equal(lines, 2);
		free(text);
	}
}

static void test_times(void **unused)
{
	/* two seconds, across the wrap */
	struct dp_cache_entry entry = { .stored = UINT32_MAX - 7, .expires = 24 };

	(void)unused;
	assert_int_equal(cachetext_age_s(&entry, UINT32_MAX - 7), 0);
	assert_int_equal(cachetext_left_s(&entry, UINT32_MAX - 7), 2);
	assert_int_equal(cachetext_age_s(&entry, 8), 1);
	assert_int_equal(cachetext_left_s(&entry, 8), 1);
	assert_int_equal(cachetext_age_s(&entry, 23), 1);
	assert_int_equal(cachetext_left_s(&entry, 23), 1);
	assert_int_equal(cachetext_age_s(&entry, 24), 2);
	assert_int_equal(cachetext_left_s(&entry, 24), 0);
	assert_int_equal(cachetext_left_s(&entry, 1000), 0);
}

static void test_words(void **unused)
{
	struct dp_cache_entry entry = { .flags = DNS_QR | DNS_RCODE_NXDOMAIN, .kind = DP_CACHE_NEGATIVE };
	char text[24];

	(void)unused;
	assert_string_equal(cachetext_kind(&entry), "negative");
	assert_string_equal(cachetext_rcode(&entry, text, sizeof(text)), "NXDOMAIN");
	assert_string_equal(cachetext_type(DNS_TYPE_AAAA, text, sizeof(text)), "AAAA");
	assert_string_equal(cachetext_type(TYPE_OF_NOBODY, text, sizeof(text)), "TYPE65280");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("an entry's records by section, TTLs less its age and never below 0", test_sections),
		CASE("an entry without records", test_nothing),
		CASE("D252 octets of names and texts are escaped, unknown types in hexadecimal", test_strange_octets),
		CASE("data that its type forbids is shown as octets, and the records behind it", test_bad_data),
		CASE("D252 any data in any type: one printable line a record", test_random),
		CASE("age in whole seconds, time left rounded up, across the end of the clock's range", test_times),
		CASE("kinds, codes and types have names", test_words),
	};

	return RUN(cases);
}
