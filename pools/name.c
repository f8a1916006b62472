/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name.c - names in wire form: read, fold, hash, write, print. Contract in name.h.
 * Pure but for the hash key, which is written once before any thread starts.
 *
 * Octets are handled eight at a time. Folding a whole name at once is safe because a length octet
 * (0-63) is never a letter (65 and up). The hash takes a label, length octet first, in chunks of
 * eight: the length octet says how many chunks follow, so no two names give the same chunks.
 */
#include "pools/name.h"

#include <endian.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>
#include <sys/random.h>

enum { CHUNK = 8 };

#define EACH_OCTET(value) ((value) * UINT64_C(0x0101010101010101))

static uint64_t hash_seed;		/* hash of the root */
static uint64_t hash_multiplier;	/* odd */

int name_hash_init(void)
{
	uint64_t key[2];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -errno;
	hash_seed = key[0];
	hash_multiplier = key[1] | 1;
	return 0;
}

void name_hash_init_fixed(void)
{
	hash_seed = UINT64_C(0x9e3779b97f4a7c15);
	hash_multiplier = UINT64_C(0xd1b54a32d192ed03);
}

static uint64_t load_chunk(const uint8_t *from)
{
	uint64_t chunk;

	memcpy(&chunk, from, sizeof(chunk));
	return le64toh(chunk);
}

static void store_chunk(uint8_t *to, uint64_t chunk)
{
	chunk = htole64(chunk);
	memcpy(to, &chunk, sizeof(chunk));
}

static uint64_t load_half(const uint8_t *from)
{
	uint32_t half;

	memcpy(&half, from, sizeof(half));
	return le32toh(half);
}

/* The first n octets (1-7) at from, zero padded, reading no other: overlapping loads agree where they meet. */
static uint64_t load_part(const uint8_t *from, size_t n)
{
	if (n >= 4)
		return load_half(from) | load_half(from + n - 4) << 8 * (n - 4);
	return from[0] | (uint64_t)from[n / 2] << 8 * (n / 2) | (uint64_t)from[n - 1] << 8 * (n - 1);
}

/* 0x80 in every octet that is A-Z, 0 in the others. */
static uint64_t upper_octets(uint64_t chunk)
{
	uint64_t low = chunk & EACH_OCTET(0x7f);
	uint64_t from_a = low + EACH_OCTET(0x80 - 'A');
	uint64_t past_z = low + EACH_OCTET(0x80 - 'Z' - 1);

	return (from_a ^ past_z) & ~chunk & EACH_OCTET(0x80);
}

/* Bit i of the result is the top bit of octet i; the products do not overlap, so nothing carries. */
static uint8_t gather_bits(uint64_t octets)
{
	return (octets >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* The reverse: 0x20, the bit between the cases of a letter, in octet i where bit i is set. */
static uint64_t spread_case(uint8_t bits)
{
	uint64_t own_bit = EACH_OCTET((uint64_t)bits) & UINT64_C(0x8040201008040201);

	return (own_bit + EACH_OCTET(0x7f)) >> 2 & EACH_OCTET(0x20);
}

static uint64_t mix(uint64_t hash, uint64_t chunk)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ chunk) * hash_multiplier;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * label points at the length octet. The last mix takes nothing in: without it one key in some hundred
 * lets short labels that differ in an octet or two crowd in few places of a table.
 */
static uint64_t mix_label(uint64_t hash, const uint8_t *label)
{
	size_t left = 1 + label[0];

	for (; left >= CHUNK; left -= CHUNK, label += CHUNK)
		hash = mix(hash, load_chunk(label));
	if (left)
		hash = mix(hash, load_part(label, left));
	return mix(hash, hash_seed);
}

/* Finds the labels of the name at from and checks its form; sets len, labels and offset. */
static enum name_error find_labels(const uint8_t *from, size_t room, struct name *name)
{
	size_t at = 0;
	unsigned labels = 0;

	for (;;) {
		if (at >= NAME_WIRE_MAX)
			return NAME_TOO_LONG;
		if (at >= room)
			return NAME_TRUNCATED;
		name->offset[labels] = at;
		if (from[at] == 0)
			break;
		if (from[at] > 63)
			return NAME_LABEL_TYPE;
		at += 1 + from[at];
		labels++;	/* at most 127: a label takes two octets of the 255 */
	}
	name->labels = labels;
	name->len = at + 1;
	return NAME_OK;
}

/* Copies n octets in lower case and, where wanted, notes which were not. to has room up to the next chunk. */
static void fold(uint8_t *to, const uint8_t *from, size_t n, uint8_t *case_bits)
{
	for (size_t at = 0; at < n; at += CHUNK) {
		size_t left = n - at;
		uint64_t chunk = left >= CHUNK ? load_chunk(from + at) : load_part(from + at, left);
		uint64_t upper = upper_octets(chunk);

		store_chunk(to + at, chunk | upper >> 2);
		if (case_bits)
			case_bits[at / CHUNK] = gather_bits(upper);
	}
}

static void hash_suffixes(struct name *name)
{
	uint64_t hash = hash_seed;

	name->suffix_hash[0] = hash;
	for (unsigned depth = 1; depth <= name->labels; depth++) {
		hash = mix_label(hash, &name->wire[name->offset[name->labels - depth]]);
		name->suffix_hash[depth] = hash;
	}
}

enum name_error name_parse(const uint8_t *msg, size_t len, size_t at, struct name *name,
			   uint8_t *case_bits)
{
	enum name_error error;

	if (case_bits)
		memset(case_bits, 0, NAME_CASE_OCTETS);
	if (at >= len)
		return NAME_TRUNCATED;
	error = find_labels(msg + at, len - at, name);
	if (error)
		return error;
	fold(name->wire, msg + at, name->len, case_bits);
	hash_suffixes(name);
	return NAME_OK;
}

size_t name_write(uint8_t *out, const uint8_t *wire, size_t wire_len, const uint8_t *case_bits)
{
	size_t at = 0;

	memcpy(out, wire, wire_len);
	if (!case_bits)
		return wire_len;
	for (; at + CHUNK <= wire_len; at += CHUNK)
		store_chunk(out + at, load_chunk(wire + at) & ~spread_case(case_bits[at / CHUNK]));
	for (; at < wire_len; at++) {
		if (case_bits[at / CHUNK] >> at % CHUNK & 1)
			out[at] &= ~0x20;
	}
	return wire_len;
}

void name_set_case(uint8_t *wire, size_t wire_len, const uint8_t *case_bits)
{
	size_t at = 0;

	for (; at + CHUNK <= wire_len; at += CHUNK) {
		uint64_t chunk = load_chunk(wire + at);
		uint64_t letters = upper_octets(chunk & ~EACH_OCTET(0x20)) >> 2;

		store_chunk(wire + at, (chunk | letters) & ~(spread_case(case_bits[at / CHUNK]) & letters));
	}
	for (; at < wire_len; at++) {
		uint8_t lower = wire[at] | 0x20;

		if (lower >= 'a' && lower <= 'z')
			wire[at] = lower ^ (case_bits[at / CHUNK] >> at % CHUNK & 1) << 5;
	}
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_';
}

/* Writes the length octet of the label at wire[label..end); false if that is no label's length. */
static bool close_label(uint8_t *wire, size_t label, size_t end)
{
	size_t len = end - label - 1;

	wire[label] = len;
	return len >= 1 && len <= 63;
}

/*
 * Wire form of a name of letters, digits, '-' and '_', which is nearly every line of a long list of
 * suffixes. Returns its length, or 0 for anything else: whether that is a name is left to ldns.
 */
static size_t plain_to_wire(const char *text, uint8_t wire[static NAME_WIRE_MAX])
{
	size_t label = 0;	/* where the length octet goes */
	size_t at = 1;

	for (; *text; text++) {
		if (at == NAME_WIRE_MAX)
			return 0;
		if (is_plain(*text))
			wire[at++] = *text;
		else if (*text == '.' && close_label(wire, label, at))
			label = at++;
		else
			return 0;
	}
	if (at < NAME_WIRE_MAX && close_label(wire, label, at))
		label = at++;		/* no final dot */
	if (!label || at - label != 1)
		return 0;
	wire[label] = 0;
	return at;
}

static int parse_escaped(const char *text, struct name *name)
{
	ldns_rdf *rdf = NULL;
	int err = -EINVAL;

	if (ldns_str2rdf_dname(&rdf, text) != LDNS_STATUS_OK)
		return -EINVAL;
	if (name_parse(ldns_rdf_data(rdf), ldns_rdf_size(rdf), 0, name, NULL) == NAME_OK &&
	    name->len == ldns_rdf_size(rdf))
		err = 0;
	ldns_rdf_deep_free(rdf);
	return err;
}

int name_from_text(const char *text, struct name *name)
{
	uint8_t wire[NAME_WIRE_MAX];
	size_t len = plain_to_wire(text, wire);

	if (!len)
		return parse_escaped(text, name);
	return name_parse(wire, len, 0, name, NULL) == NAME_OK ? 0 : -EINVAL;
}

/* One octet of a label as text; its length, 1 to 4. */
static size_t escape(char out[static 4], uint8_t octet)
{
	if (octet <= ' ' || octet > '~') {
		out[0] = '\\';
		out[1] = '0' + octet / 100;
		out[2] = '0' + octet / 10 % 10;
		out[3] = '0' + octet % 10;
		return 4;
	}
	if (!strchr(".\\\"();@$", octet)) {
		out[0] = octet;
		return 1;
	}
	out[0] = '\\';
	out[1] = octet;
	return 2;
}

const char *name_to_text(const uint8_t *wire, size_t wire_len, char *text, size_t size)
{
	size_t at = 0, out = 0;

	if (wire_len && wire[0] == 0 && size > 1)
		text[out++] = '.';
	while (at < wire_len && wire[at]) {
		size_t end = at + 1 + wire[at];

		/* An octet and the dot behind its label take five and the NUL one. */
		for (at++; at < end && at < wire_len && out + 6 <= size; at++)
			out += escape(text + out, wire[at]);
		if (at < end || out + 2 > size)
			break;
		text[out++] = '.';
	}
	if (size)
		text[out] = '\0';
	return text;
}

bool name_equal(const struct name *a, const struct name *b)
{
	return name_hash(a) == name_hash(b) && a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}
