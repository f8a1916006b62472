/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.h - keys and answers for whoever fills a packet cache: number n is the name "n<n>.example.net", and its
 * answer one record whose data says which key and version it is of, with a checksum, so that a torn one is known.
 */
#ifndef TESTS_DATAPLANE_ANSWERS_H
#define TESTS_DATAPLANE_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/cache.h"
#include "dataplane/query.h"
#include "dataplane/ttl.h"

enum {
	ANSWER_TYPE = DNS_TYPE_A,
	ANSWER_NAME_MAX = 48,
	ANSWER_DATA_MIN = 24,		/* key, version, checksum */
	ANSWER_ROOM = 2048,
};

struct answer_key {
	struct dp_cache_key key;
	uint8_t name[ANSWER_NAME_MAX];
};

struct answer_message {
	struct dp_answer answer;
	struct dp_ttls ttls;
	size_t len;
	uint8_t octets[ANSWER_ROOM];
};

/* Spreads as a keyed hash does; bijective, so that different numbers differ. */
static inline uint64_t answer_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline void answer_key(struct answer_key *k, uint64_t number)
{
	char label[24];
	int len = snprintf(label, sizeof(label), "n%llu", (unsigned long long)number);

	k->name[0] = (uint8_t)len;
	memcpy(k->name + 1, label, (size_t)len);
	memcpy(k->name + 1 + len, "\7example\3net", 13);
	k->key = (struct dp_cache_key){
		.hash = dp_cache_hash(answer_mix(number + 1), ANSWER_TYPE, 0, false, false),
		.name = k->name,
		.name_len = (uint8_t)(len + 14),
		.type = ANSWER_TYPE,
	};
}

static inline void answer_put(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline uint64_t answer_get(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The answer to k, as dp_answer_parse() and dp_ttl_read() would have it, with data_len octets of data. */
static inline void answer_message(struct answer_message *m, const struct answer_key *k, uint64_t number,
				  uint64_t version, uint16_t data_len, uint32_t life_s)
{
	uint8_t *at = m->octets + DNS_HEADER_LEN;
	const uint8_t record[12] = { 0xc0, DNS_HEADER_LEN, 0, ANSWER_TYPE, 0, DNS_CLASS_IN,
				     (uint8_t)(life_s >> 24), (uint8_t)(life_s >> 16), (uint8_t)(life_s >> 8),
				     (uint8_t)life_s, (uint8_t)(data_len >> 8), (uint8_t)data_len };

	memset(m->octets, 0, DNS_HEADER_LEN);
	memcpy(at, k->name, k->key.name_len);
	at += k->key.name_len;
	memcpy(at, (const uint8_t[]){ 0, ANSWER_TYPE, 0, DNS_CLASS_IN }, DNS_QUESTION_FIXED_LEN);
	at += DNS_QUESTION_FIXED_LEN;
	m->answer = (struct dp_answer){
		.flags = DNS_QR | DNS_RA, .type = ANSWER_TYPE, .class = DNS_CLASS_IN, .answers = 1,
		.question_end = (uint16_t)(at - m->octets),
	};
	memcpy(at, record, sizeof(record));
	at += sizeof(record);
	answer_put(at, number);
	answer_put(at + 8, version);
	answer_put(at + 16, answer_mix(number ^ version << 32) ^ data_len);
	memset(at + ANSWER_DATA_MIN, (int)(number ^ version) & 0xff, data_len - ANSWER_DATA_MIN);
	m->len = (size_t)(at - m->octets) + data_len;
	m->answer.answer_end = m->answer.authority_end = (uint16_t)m->len;
	m->ttls.life_s = life_s;
	m->ttls.negative = m->ttls.failure = false;
	m->ttls.n = 1;
	m->ttls.at[0] = 6;
}

/* Is the entry whole, and the one of this number? */
static inline bool answer_whole(const struct dp_cache_entry *entry, uint64_t number)
{
	const uint8_t *data = dp_cache_body(entry) + 12;
	uint16_t data_len = (uint16_t)(entry->body_len - 12);
	uint64_t version = answer_get(data + 8);

	if (answer_get(data) != number || answer_get(data + 16) != (answer_mix(number ^ version << 32) ^ data_len))
		return false;
	for (unsigned i = ANSWER_DATA_MIN; i < data_len; i++) {
		if (data[i] != ((number ^ version) & 0xff))
			return false;
	}
	return true;
}

static inline uint64_t answer_version(const struct dp_cache_entry *entry)
{
	return answer_get(dp_cache_body(entry) + 12 + 8);
}

static inline bool answer_store(struct dp_cache *cache, unsigned writer, struct answer_message *m, uint64_t number,
				uint64_t version, uint16_t data_len, uint32_t life_s, uint32_t now)
{
	struct answer_key k;

	answer_key(&k, number);
	answer_message(m, &k, number, version, data_len, life_s);
	return dp_cache_store(cache, writer, &k.key, m->octets, m->len, &m->answer, &m->ttls, now);
}

static inline const struct dp_cache_entry *answer_find(struct dp_cache *cache, uint64_t number, uint32_t now)
{
	struct answer_key k;

	answer_key(&k, number);
	return dp_cache_find(cache, &k.key, now);
}

#endif
