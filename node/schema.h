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

enum schema_type {
	SCHEMA_BOOL,
	SCHEMA_INT,		/* uint32_t in the struct */
	SCHEMA_SIZE,		/* "512M" or octets; uint64_t */
	SCHEMA_STRING,		/* char[] of .size octets */
	SCHEMA_ENUM,		/* one of .words; int */
	SCHEMA_ADDR,		/* struct addr */
	SCHEMA_PREFIX_LIST,	/* array of strings, "!" denies; struct config_prefixes */
	SCHEMA_STRING_LIST,	/* array of strings; struct config_strings */
	SCHEMA_CPU_LIST,	/* array of CPU numbers; struct config_ints */
	SCHEMA_GROUP,		/* { } : .children */
	SCHEMA_LIST,		/* ( {}, {} ) : .children per element */
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

/* Top level of the file. */
extern const struct schema_key schema_root[];

/* Writes the reference as text, a line or two a key, to a stream (FILE *). "tandemd --keys" prints it. */
struct _IO_FILE;
void schema_print(struct _IO_FILE *out);

#endif
