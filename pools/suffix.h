/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffix.h - longest-suffix table: name to a value. Immutable once built; any number of readers.
 * Open addressing over the keyed hashes of name.h, one cache line a probe in the usual case, only depths
 * that occur are probed; every match is confirmed by comparing the octets.
 */
#ifndef POOLS_SUFFIX_H
#define POOLS_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct name;
struct suffix_table;
struct suffix_builder;

enum { SUFFIX_NOT_FOUND = UINT32_MAX };

/* Builder: control thread. NULL only without memory. */
struct suffix_builder *suffix_builder_new(void);
void suffix_builder_free(struct suffix_builder *builder);

/* 0; -EEXIST when the suffix is there already (then *clash, if not NULL, is its value); -ENOMEM. */
int suffix_builder_add(struct suffix_builder *builder, const struct name *suffix, uint32_t value,
		       uint32_t *clash);

/* Takes the content out of the builder, which is then only good for freeing. */
struct suffix_table *suffix_builder_finish(struct suffix_builder *builder);
void suffix_table_free(struct suffix_table *table);

size_t suffix_table_count(const struct suffix_table *table);
size_t suffix_table_memory(const struct suffix_table *table);	/* octets */

/* First of two passes over a batch: touches the cache lines that suffix_find() will want. */
void suffix_prefetch(const struct suffix_table *table, const struct name *name);

/*
 * Longest suffix of name on whole labels; its value or SUFFIX_NOT_FOUND. With above_apex, a suffix
 * equal to the whole name does not count: the parent's route, for DS (RFC 4035, 3.1.4.1). The root, which
 * has no parent, keeps its own.
 * *depth, if not NULL, receives the number of labels matched.
 */
uint32_t suffix_find(const struct suffix_table *table, const struct name *name, bool above_apex,
		     unsigned *depth);

#endif
