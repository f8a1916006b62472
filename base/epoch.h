/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoch.h - when may memory that readers may still see be reused? Readers publish, at every batch
 * boundary, the epoch they have seen (0 = asleep); what is retired in epoch e is freed once every
 * reader that is awake has published a later one. Nobody waits for anybody. C11 atomics only.
 *
 * A reader's word is (epoch << EPOCH_BATCH_BITS | batches), so the same store is its progress counter.
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	EPOCH_READERS_MAX = 68,
	EPOCH_BATCH_BITS = 24,		/* 40 bits are left for epochs: 30 years at a thousand a second */
};

struct epoch_reader {
	_Alignas(64) _Atomic uint64_t word;
	uint32_t batches;		/* reader's own */
};

struct epoch_retired;

struct epoch {
	_Alignas(64) _Atomic uint64_t now;	/* starts at 1; 0 in a reader means asleep */
	struct epoch_reader readers[EPOCH_READERS_MAX];
	struct epoch_retired *retired;		/* control thread only, oldest first */
	struct epoch_retired **retired_tail;
};

void epoch_init(struct epoch *epoch);
/* Frees everything retired; no reader may run any more. */
void epoch_fini(struct epoch *epoch);

/* Reader's thread. enter at each batch boundary, before the shared pointers are loaded; sleep before a
 * wait that may be long. A pointer loaded in an earlier batch must not be used in a later one. */
void epoch_enter(struct epoch *epoch, struct epoch_reader *reader);
void epoch_sleep(struct epoch_reader *reader);

/* Any thread. Is the reader asleep? Publish first, ask then, ring if so: no wake-up is lost, provided the
 * sleeper looks once more between epoch_sleep() and its wait. */
bool epoch_asleep(struct epoch_reader *reader);
/* A number that changes with every batch; 0 while asleep. */
uint64_t epoch_progress(const struct epoch_reader *reader);

/*
 * Any thread, without allocation, for memory that its owner takes back itself. A stamp is taken after the last
 * pointer to the memory has gone (by a sequentially consistent store or exchange); once epoch_passed(stamp),
 * no reader can still see it, for good. A reader that asks has passed only after its own next epoch_enter().
 */
uint64_t epoch_stamp(struct epoch *epoch);
bool epoch_passed(struct epoch *epoch, uint64_t stamp);

/* Control thread. release(object) is called by a later epoch_reclaim(). 0 or -ENOMEM (then the object is
 * leaked on purpose and said so by the caller). */
int epoch_retire(struct epoch *epoch, void (*release)(void *), void *object);
/* Calls release for all that no reader can still see. Returns how many are still waiting. */
unsigned epoch_reclaim(struct epoch *epoch);

#endif
