/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema.h - the one table of configuration keys. It drives parsing, checking, the reload's "needs a restart",
 * and the manual. A key is added here and nowhere else (and read in config.c from struct config).
 */
#ifndef NODE_SCHEMA_H
#define NODE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum schema_type {
	SCHEMA_BOOL,
	SCHEMA_INT,		/* uint32_t in the struct */
	SCHEMA_SIZE,		/* "512M" or octets; uint64_t */
	SCHEMA_STRING,		/* char[] of .size octets */
	SCHEMA_ENUM,		/* one of .words; int: .min for the first word, .min + 1 for the next */
	SCHEMA_ADDR,		/* struct addr */
	SCHEMA_PREFIX,		/* struct prefix */
	SCHEMA_ADDR_LIST,	/* array of addresses; struct config_addrs */
	SCHEMA_PREFIX_LIST,	/* array of strings, "!" denies; struct config_prefixes */
	SCHEMA_STRING_LIST,	/* array of strings; struct config_strings */
	SCHEMA_COMMAND,		/* the same, or one string that is divided at blanks; struct config_strings */
	SCHEMA_CPU_LIST,	/* array of CPU numbers; struct config_ints */
	SCHEMA_GROUP,		/* { } : .children */
	SCHEMA_LIST,		/* ( {}, {} ) : .children per element; struct schema_array */
};

enum { SCHEMA_CPU_MAX = 1023, SCHEMA_ALLOWED_MAX = 160 };

/* How every list lies in the struct: a pointer and, right behind it, the number of elements. */
struct schema_array {
	void *item;
	size_t n;
};

struct schema_key {
	const char *name;
	enum schema_type type;
	bool required;
	bool restart;			/* a change needs a restart */
	int64_t min, max;		/* of INT, SIZE, string length, list length */
	const char *fallback;		/* default as it would stand in a file; NULL = none */
	const char *const *words;	/* SCHEMA_ENUM: ends with NULL */
	const char *unit;		/* "ms"; "" */
	const char *help;		/* one line */
	const struct schema_key *children;	/* ends with a NULL name */
	size_t offset;			/* into the element's struct */
	size_t size;			/* of the member (STRING), or of one element (LIST) */
};

/* Top level of the file, into struct config. */
extern const struct schema_key schema_root[];

/* NULL when keys has no such name. */
const struct schema_key *schema_find(const struct schema_key *keys, const char *name);

/* Writes what a value of this key must be ("a number 1-65535", "one of \"xdp\", \"socket\""); returns
 * text. */
const char *schema_allowed(const struct schema_key *key, char *text, size_t size);

/* The list at field, which is some typed pointer and its count. */
struct schema_array schema_array_get(const void *field);
void schema_array_set(void *field, void *item, size_t n);

/* Frees what the lists under keys own in base, and empties them. */
void schema_clear(const struct schema_key *keys, void *base);

/* Do the two structs hold the same value for key? */
bool schema_same(const struct schema_key *key, const void *old, const void *new);

/* Writes the reference as text, two lines a key. "tandemd --keys" prints it. */
void schema_print(FILE *out);

#endif
