/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoch.c - reclamation of what readers may still see. Contract in epoch.h.
 *
 * The store of a reader's word and the load of the shared pointers that follows are sequentially
 * consistent, and so are the writer's exchange of a pointer and its increment of the epoch: a reader that still
 * loaded the old pointer has published an epoch that is not later than the one the object retired in.
 */
#include "base/epoch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MASK = (1 << EPOCH_BATCH_BITS) - 1 };

struct epoch_retired {
	struct epoch_retired *next;
	uint64_t epoch;
	void (*release)(void *object);
	void *object;
};

void epoch_init(struct epoch *epoch)
{
	memset(epoch, 0, sizeof(*epoch));
	atomic_init(&epoch->now, 1);
	epoch->retired_tail = &epoch->retired;
}

void epoch_enter(struct epoch *epoch, struct epoch_reader *reader)
{
	uint64_t now = atomic_load_explicit(&epoch->now, memory_order_acquire);

	reader->batches++;
	atomic_store_explicit(&reader->word, now << EPOCH_BATCH_BITS | (reader->batches & BATCH_MASK),
			      memory_order_seq_cst);
}

/*
 * Falling asleep and asking whether somebody sleeps are read-modify-writes of the same word, so one comes first:
 * either the asker sees 0 and rings, or the sleeper, looking once more after this call, sees what the asker had
 * published before it asked.
 */
void epoch_sleep(struct epoch_reader *reader)
{
	atomic_exchange_explicit(&reader->word, 0, memory_order_acq_rel);
}

bool epoch_asleep(struct epoch_reader *reader)
{
	return atomic_fetch_or_explicit(&reader->word, 0, memory_order_acq_rel) == 0;
}

uint64_t epoch_progress(const struct epoch_reader *reader)
{
	return atomic_load_explicit((_Atomic uint64_t *)&reader->word, memory_order_seq_cst);
}

/* The oldest epoch that some reader may still be in. */
static uint64_t oldest_seen(struct epoch *epoch)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
		uint64_t word = epoch_progress(&epoch->readers[i]);

		if (word && word >> EPOCH_BATCH_BITS < oldest)
			oldest = word >> EPOCH_BATCH_BITS;
	}
	return oldest;
}

uint64_t epoch_stamp(struct epoch *epoch)
{
	return atomic_fetch_add(&epoch->now, 1);
}

bool epoch_passed(struct epoch *epoch, uint64_t stamp)
{
	return oldest_seen(epoch) > stamp;
}

int epoch_retire(struct epoch *epoch, void (*release)(void *), void *object)
{
	struct epoch_retired *r = malloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct epoch_retired){
		.epoch = epoch_stamp(epoch),
		.release = release,
		.object = object,
	};
	*epoch->retired_tail = r;
	epoch->retired_tail = &r->next;
	return 0;
}

static void release_first(struct epoch *epoch)
{
	struct epoch_retired *r = epoch->retired;

	epoch->retired = r->next;
	if (!epoch->retired)
		epoch->retired_tail = &epoch->retired;
	r->release(r->object);
	free(r);
}

unsigned epoch_reclaim(struct epoch *epoch)
{
	uint64_t oldest = oldest_seen(epoch);
	unsigned waiting = 0;

	while (epoch->retired && epoch->retired->epoch < oldest)
		release_first(epoch);
	for (struct epoch_retired *r = epoch->retired; r; r = r->next)
		waiting++;
	return waiting;
}

void epoch_fini(struct epoch *epoch)
{
	while (epoch->retired)
		release_first(epoch);
}
