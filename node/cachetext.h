/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachetext.h - an entry of the packet cache as people read it: names by name_to_text(), records by ldns, nothing but
 * printable ASCII (D252). Records whose data no parser takes are shown as octets (RFC 3597, 5). Control thread.
 */
#ifndef NODE_CACHETEXT_H
#define NODE_CACHETEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_cache_entry;

enum { CACHETEXT_SECTIONS = 3 };

const char *cachetext_section(unsigned section);	/* "answer", "authority", "additional" */
const char *cachetext_kind(const struct dp_cache_entry *entry);
/* The presentation forms; room 24 each is enough. Return text. */
const char *cachetext_type(uint16_t type, char *text, size_t size);
const char *cachetext_rcode(const struct dp_cache_entry *entry, char *text, size_t size);

/* Whole seconds at now (ticks): in the cache; to go, 0 = none. */
uint32_t cachetext_age_s(const struct dp_cache_entry *entry, uint32_t now);
uint32_t cachetext_left_s(const struct dp_cache_entry *entry, uint32_t now);

/* Goes through an entry's records, with TTLs less age_s. The entry must live as long. */
struct cachetext {
	uint8_t *message;		/* what a server would send without OPT */
	size_t len, at;
	unsigned section;
	uint16_t left[CACHETEXT_SECTIONS];
};

/* False without memory. cachetext_close() in any case. */
bool cachetext_open(struct cachetext *text, const struct dp_cache_entry *entry, uint32_t age_s);
/* The next record, "owner TTL class type data", the caller's to free, and its section; NULL at the end or without
 * memory. */
char *cachetext_next(struct cachetext *text, unsigned *section);
void cachetext_close(struct cachetext *text);

#endif
