/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name.h - a domain name in wire form, folded to lower case (A-Z only, RFC 4343), with a keyed hash of
 * every suffix. The packet parser, the suffix table and the in-flight table all use this one hash.
 *
 * The hash of a suffix is chained from the root: h(root) = seed, h(label.rest) = mix(h(rest), label).
 * The key is random per process, because the names come from strangers.
 */
#ifndef POOLS_NAME_H
#define POOLS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_WIRE_MAX = 255,
	NAME_LABELS_MAX = 127,		/* without the root */
	NAME_TEXT_MAX = 1024,		/* presentation form with every octet escaped, and the NUL */
	NAME_CASE_OCTETS = 32,
};

struct name {
	uint8_t len;			/* octets of wire, root included: 1-255 */
	uint8_t labels;			/* root not counted: 0-127 */
	/* label i (0 = leftmost) starts, with its length octet, at wire[offset[i]]; offset[labels] is the root */
	uint8_t offset[NAME_LABELS_MAX + 1];
	uint8_t wire[NAME_WIRE_MAX + 1];		/* folded; one spare octet so that len fits */
	uint64_t suffix_hash[NAME_LABELS_MAX + 1];	/* [d] = hash of the last d labels; [labels] = of all */
};

/* Fills the process-wide key from getrandom(). Call once, before any name is hashed. 0 or -errno. */
int name_hash_init(void);
/* Fixed key for tests and the instruction benchmark only: same numbers in every run. */
void name_hash_init_fixed(void);

enum name_error {
	NAME_OK,
	NAME_TRUNCATED,		/* runs past end */
	NAME_LABEL_TYPE,	/* compression pointer or label type 01/10 */
	NAME_TOO_LONG,		/* over 255 octets */
};

/*
 * Reads an uncompressed name at msg[at], reading nothing at or behind msg[len]. Fills every field of
 * *name. Bit i of case_bits (NAME_CASE_OCTETS octets, all written; bit i%8 of octet i/8) is set where
 * octet i of the name was A-Z; NULL if not wanted.
 */
enum name_error name_parse(const uint8_t *msg, size_t len, size_t at, struct name *name,
			   uint8_t *case_bits);

/* Writes the name's octets with the letter case of case_bits (NULL: as folded). Returns name->len. */
size_t name_write(uint8_t *out, const uint8_t *wire, size_t wire_len, const uint8_t *case_bits);

/* The same in place, whatever case the letters at wire have now; other octets stay. */
void name_set_case(uint8_t *wire, size_t wire_len, const uint8_t *case_bits);

/* Presentation form with escapes, with or without final dot (ldns). 0 or -EINVAL. Control thread. */
int name_from_text(const char *text, struct name *name);
/* Always absolute ("a.b."), every octet that is not printable or is special escaped as \DDD or \c: safe
 * for logs. Returns text. */
const char *name_to_text(const uint8_t *wire, size_t wire_len, char *text, size_t size);

/* Hash of all of it. */
static inline uint64_t name_hash(const struct name *name)
{
	return name->suffix_hash[name->labels];
}

bool name_equal(const struct name *a, const struct name *b);

#endif
