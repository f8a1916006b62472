/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffix.c - longest-suffix table. Contract in suffix.h.
 *
 * Two arrays: slots (hash, value, where the octets are) and octets (every suffix in wire form, each behind
 * its length). A lookup tries the depths that occur, deepest first: one slot a depth in the usual case,
 * and the octets once, to confirm. At most half of the slots are taken, so that a run of taken slots is short.
 */
#include "pools/suffix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pools/name.h"

enum {
	SLOTS_FIRST = 64,		/* a power of two, as ever after */
	OCTETS_FIRST = 1024,
	DEPTH_WORDS = 2,		/* 64 depths each */
};

struct slot {
	uint64_t hash;
	uint32_t octets_at;		/* of the length octet; 0 = slot is free */
	uint32_t value;
};

_Static_assert(sizeof(struct slot) == 16, "no slot lies on two cache lines");

struct suffix_table {
	struct slot *slots;
	uint64_t slot_mask;
	uint8_t *octets;		/* the first is not used, so that 0 can mean free */
	uint64_t depths[DEPTH_WORDS];	/* bit d: some suffix has d labels */
	unsigned deepest;
	uint32_t octets_len;
	size_t count;
};

struct suffix_builder {
	struct suffix_table *table;
	size_t octets_room;
};

static bool has_depth(const struct suffix_table *table, unsigned depth)
{
	return table->depths[depth / 64] >> depth % 64 & 1;
}

static unsigned deepest_of(const struct suffix_table *table, const struct name *name)
{
	return name->labels < table->deepest ? name->labels : table->deepest;
}

/* The slot that holds the last depth labels of name, or the free one where they would go. */
static struct slot *find_slot(const struct suffix_table *table, const struct name *name, unsigned depth)
{
	uint64_t hash = name->suffix_hash[depth];
	unsigned start = name->offset[name->labels - depth];
	unsigned len = name->len - start;

	for (uint64_t at = hash;; at++) {
		struct slot *slot = &table->slots[at & table->slot_mask];
		const uint8_t *octets = &table->octets[slot->octets_at];

		if (!slot->octets_at)
			return slot;
		if (slot->hash == hash && octets[0] == len && !memcmp(octets + 1, &name->wire[start], len))
			return slot;
	}
}

struct suffix_builder *suffix_builder_new(void)
{
	struct suffix_builder *builder = calloc(1, sizeof(*builder));
	struct suffix_table *table = calloc(1, sizeof(*table));

	if (!builder || !table)
		goto err_free;
	table->slots = calloc(SLOTS_FIRST, sizeof(*table->slots));
	table->octets = malloc(OCTETS_FIRST);
	if (!table->slots || !table->octets)
		goto err_free;
	table->slot_mask = SLOTS_FIRST - 1;
	table->octets_len = 1;
	builder->table = table;
	builder->octets_room = OCTETS_FIRST;
	return builder;

err_free:
	suffix_table_free(table);
	free(builder);
	return NULL;
}

void suffix_builder_free(struct suffix_builder *builder)
{
	if (!builder)
		return;
	suffix_table_free(builder->table);
	free(builder);
}

/* Makes room for one suffix more, so that half of the slots stay free. */
static int grow_slots(struct suffix_table *table)
{
	uint64_t old_slots = table->slot_mask + 1;
	uint64_t new_mask = 2 * old_slots - 1;
	struct slot *slots;

	if ((table->count + 1) * 2 <= old_slots)
		return 0;
	slots = calloc(2 * old_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint64_t i = 0; i < old_slots; i++) {
		uint64_t at = table->slots[i].hash;

		if (!table->slots[i].octets_at)
			continue;
		while (slots[at & new_mask].octets_at)
			at++;
		slots[at & new_mask] = table->slots[i];
	}
	free(table->slots);
	table->slots = slots;
	table->slot_mask = new_mask;
	return 0;
}

static int grow_octets(struct suffix_builder *builder, size_t more)
{
	struct suffix_table *table = builder->table;
	size_t room = 2 * builder->octets_room;
	uint8_t *octets;

	if (table->octets_len + more <= builder->octets_room)
		return 0;
	if (table->octets_len + more > UINT32_MAX)
		return -ENOMEM;
	octets = realloc(table->octets, room);
	if (!octets)
		return -ENOMEM;
	table->octets = octets;
	builder->octets_room = room;
	return 0;
}

int suffix_builder_add(struct suffix_builder *builder, const struct name *suffix, uint32_t value,
		       uint32_t *clash)
{
	struct suffix_table *table = builder->table;
	struct slot *slot;
	int err;

	err = grow_slots(table);
	if (err)
		return err;
	err = grow_octets(builder, 1 + suffix->len);
	if (err)
		return err;
	slot = find_slot(table, suffix, suffix->labels);
	if (slot->octets_at) {
		if (clash)
			*clash = slot->value;
		return -EEXIST;
	}
	*slot = (struct slot){ name_hash(suffix), table->octets_len, value };
	table->octets[table->octets_len] = suffix->len;
	memcpy(&table->octets[table->octets_len + 1], suffix->wire, suffix->len);
	table->octets_len += 1 + suffix->len;
	table->depths[suffix->labels / 64] |= UINT64_C(1) << suffix->labels % 64;
	if (suffix->labels > table->deepest)
		table->deepest = suffix->labels;
	table->count++;
	return 0;
}

struct suffix_table *suffix_builder_finish(struct suffix_builder *builder)
{
	struct suffix_table *table = builder->table;
	uint8_t *octets = realloc(table->octets, table->octets_len);

	if (octets)
		table->octets = octets;
	builder->table = NULL;
	return table;
}

void suffix_table_free(struct suffix_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table->octets);
	free(table);
}

size_t suffix_table_count(const struct suffix_table *table)
{
	return table->count;
}

size_t suffix_table_memory(const struct suffix_table *table)
{
	return sizeof(*table) + (table->slot_mask + 1) * sizeof(*table->slots) + table->octets_len;
}

/* The root's slot is not worth it: a default route is looked up all the time. */
void suffix_prefetch(const struct suffix_table *table, const struct name *name)
{
	for (unsigned depth = deepest_of(table, name); depth > 0; depth--) {
		if (has_depth(table, depth))
			__builtin_prefetch(&table->slots[name->suffix_hash[depth] & table->slot_mask]);
	}
}

uint32_t suffix_find(const struct suffix_table *table, const struct name *name, bool above_apex,
		     unsigned *depth)
{
	for (int d = deepest_of(table, name); d >= 0; d--) {
		const struct slot *slot;

		if (!has_depth(table, d) || (above_apex && d > 0 && d == name->labels))
			continue;
		slot = find_slot(table, name, d);
		if (!slot->octets_at)
			continue;
		if (depth)
			*depth = d;
		return slot->value;
	}
	return SUFFIX_NOT_FOUND;
}
