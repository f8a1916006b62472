/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.h - names the node answers by itself, without any server: the canary of the self-check and
 * the identity names of class CH (RFC 4892). Immutable part of a snapshot.
 */
#ifndef POOLS_LOCAL_H
#define POOLS_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct name;
struct local_table;

enum {
	LOCAL_CLASS_CH = 3,
	LOCAL_TEXT_MAX = 255,
};

#define LOCAL_CANARY_NAME "canary.tandem."	/* CH TXT; asked only by the node itself */

struct local_answer {
	uint8_t rcode;			/* NOERROR with one TXT, or REFUSED */
	uint8_t text_len;
	char text[LOCAL_TEXT_MAX];
};

/* id.server. and hostname.bind. give node_name; version.server. and version.bind. give version, or REFUSED
 * when it is NULL or "". NULL without memory. */
struct local_table *local_table_new(const char *node_name, const char *version);
void local_table_free(struct local_table *table);

/* The answer for a class CH query: a table entry, else one that says REFUSED (never NULL). type other than
 * TXT and ANY on a known name gives NOERROR with text_len 0 (NODATA). Any thread. */
const struct local_answer *local_find(const struct local_table *table, const struct name *name,
				      uint16_t type);

#endif
