/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/epoch.h"

static struct epoch epoch;
static int released;

static void release(void *object)
{
	released++;
	free(object);
}

static void waits_for_readers(void **state)
{
	struct epoch_reader *a = &epoch.readers[0], *b = &epoch.readers[1];

	(void)state;
	epoch_init(&epoch);
	released = 0;
	epoch_enter(&epoch, a);
	epoch_enter(&epoch, b);
	assert_int_equal(epoch_retire(&epoch, release, malloc(1)), 0);
	assert_int_equal(epoch_reclaim(&epoch), 1);	/* both may still hold it */
	epoch_enter(&epoch, a);
	assert_int_equal(epoch_reclaim(&epoch), 1);	/* b has not passed a boundary */
	epoch_sleep(b);
	assert_int_equal(epoch_reclaim(&epoch), 0);	/* asleep counts as passed */
	assert_int_equal(released, 1);
	epoch_fini(&epoch);
}

static void frozen_reader_stops_nobody(void **state)
{
	(void)state;
	epoch_init(&epoch);
	released = 0;
	epoch_enter(&epoch, &epoch.readers[3]);
	for (int i = 0; i < 100; i++)
		assert_int_equal(epoch_retire(&epoch, release, malloc(1)), 0);
	assert_int_equal(epoch_reclaim(&epoch), 100);
	epoch_fini(&epoch);
	assert_int_equal(released, 100);
}

static void progress_changes_with_every_batch(void **state)
{
	struct epoch_reader *r = &epoch.readers[0];
	uint64_t before;

	(void)state;
	epoch_init(&epoch);
	assert_true(epoch_asleep(r));
	epoch_enter(&epoch, r);
	before = epoch_progress(r);
	assert_false(epoch_asleep(r));
	epoch_enter(&epoch, r);
	assert_int_not_equal(epoch_progress(r), before);
	epoch_sleep(r);
	assert_true(epoch_asleep(r));
}

static void stamps_pass_with_the_readers(void **state)
{
	struct epoch_reader *a = &epoch.readers[0], *b = &epoch.readers[EPOCH_READERS_MAX - 1];
	uint64_t first, second;

	(void)state;
	epoch_init(&epoch);
	assert_true(epoch_passed(&epoch, epoch_stamp(&epoch)));	/* everybody sleeps */
	epoch_enter(&epoch, a);
	first = epoch_stamp(&epoch);
	epoch_enter(&epoch, b);		/* begins behind the first, before the second */
	second = epoch_stamp(&epoch);
	assert_true(second > first);
	assert_false(epoch_passed(&epoch, first));
	epoch_enter(&epoch, a);
	assert_true(epoch_passed(&epoch, first));
	assert_false(epoch_passed(&epoch, second));
	epoch_sleep(b);
	assert_true(epoch_passed(&epoch, second));
	epoch_enter(&epoch, b);		/* who wakes up later sees nothing of what went before */
	assert_true(epoch_passed(&epoch, second));
}

/* What is retired and what is stamped count the same epochs. */
static void stamps_do_not_disturb_retired(void **state)
{
	struct epoch_reader *a = &epoch.readers[0];

	(void)state;
	epoch_init(&epoch);
	released = 0;
	epoch_enter(&epoch, a);
	for (int i = 0; i < 1000; i++)
		epoch_stamp(&epoch);
	assert_int_equal(epoch_retire(&epoch, release, malloc(1)), 0);
	assert_int_equal(epoch_reclaim(&epoch), 1);
	epoch_enter(&epoch, a);
	assert_int_equal(epoch_reclaim(&epoch), 0);
	assert_int_equal(released, 1);
	epoch_fini(&epoch);
}

/* A reader's count of batches runs over into nothing, and the epoch beside it stays. */
static void batches_run_over(void **state)
{
	struct epoch_reader *r = &epoch.readers[0];
	uint64_t before, stamp;

	(void)state;
	epoch_init(&epoch);
	r->batches = (1U << EPOCH_BATCH_BITS) - 1;
	epoch_enter(&epoch, r);		/* all batch bits 0: not asleep */
	assert_false(epoch_asleep(r));
	stamp = epoch_stamp(&epoch);
	before = epoch_progress(r);
	assert_false(epoch_passed(&epoch, stamp));
	epoch_enter(&epoch, r);
	assert_int_not_equal(epoch_progress(r), before);
	assert_true(epoch_passed(&epoch, stamp));
}

/* One writer replaces an object 2,000 times, readers check that what they see is alive. */
struct object { int alive; };
static _Atomic(struct object *) shared;
static _Atomic int done;

static void kill_object(void *p)
{
	((struct object *)p)->alive = 0;
	free(p);
}

static struct object *object_new(void)
{
	struct object *o = malloc(sizeof(*o));

	o->alive = 1;
	return o;
}

static void *reads(void *context)
{
	struct epoch_reader *reader = context;
	long bad = 0;

	while (!atomic_load(&done)) {
		epoch_enter(&epoch, reader);
		bad += atomic_load(&shared)->alive != 1;
		if (reader->batches % 64 == 0)
			epoch_sleep(reader);
	}
	epoch_sleep(reader);
	return (void *)bad;
}

static void readers_never_see_freed_memory(void **state)
{
	pthread_t threads[2];
	void *bad;

	(void)state;
	epoch_init(&epoch);
	atomic_store(&done, 0);
	atomic_store(&shared, object_new());
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, reads, &epoch.readers[i]);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(epoch_retire(&epoch, kill_object,
					      atomic_exchange(&shared, object_new())), 0);
		epoch_reclaim(&epoch);
	}
	atomic_store(&done, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	epoch_fini(&epoch);
	free(atomic_load(&shared));
}

/* Two writers, each with two blocks it uses in turn: a block is written anew only when its stamp has passed. */
enum { BLOCK_WORDS = 16, TURNS = 500 };
struct block { uint64_t words[BLOCK_WORDS]; };
static _Atomic(struct block *) current[2];

static void *reuses(void *context)
{
	static struct block blocks[2][2];
	unsigned writer = (unsigned)(uintptr_t)context;
	struct epoch_reader *reader = &epoch.readers[2 + writer];
	uint64_t stamp = 0;

	for (uint64_t turn = 1; turn <= TURNS; turn++) {
		struct block *block = &blocks[writer][turn & 1];

		for (epoch_enter(&epoch, reader); !epoch_passed(&epoch, stamp); epoch_enter(&epoch, reader))
			sched_yield();
		for (int i = 0; i < BLOCK_WORDS; i++)
			block->words[i] = turn;
		atomic_store(&current[writer], block);
		stamp = epoch_stamp(&epoch);	/* of the other block, which the store has hidden */
	}
	epoch_sleep(reader);
	return NULL;
}

static void *checks_blocks(void *context)
{
	struct epoch_reader *reader = context;
	long bad = 0;

	while (!atomic_load(&done)) {
		epoch_enter(&epoch, reader);
		for (int w = 0; w < 2; w++) {
			const struct block *block = atomic_load(&current[w]);

			for (int i = 1; block && i < BLOCK_WORDS; i++)
				bad += block->words[i] != block->words[0];
		}
		if (reader->batches % 16 == 0)
			epoch_sleep(reader);
	}
	epoch_sleep(reader);
	return (void *)bad;
}

static void stamped_memory_is_whole(void **state)
{
	pthread_t writers[2], readers[2];
	void *bad;

	(void)state;
	epoch_init(&epoch);
	atomic_store(&done, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, checks_blocks, &epoch.readers[i]);
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, reuses, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&done, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], &bad);
		assert_null(bad);
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("what is retired waits for every reader that is awake", waits_for_readers),
		CASE("a frozen reader keeps memory, and nobody waits", frozen_reader_stops_nobody),
		CASE("the word is a progress counter, 0 asleep", progress_changes_with_every_batch),
		CASE("two readers against a writer never see freed memory", readers_never_see_freed_memory),
		CASE("a stamp passes when every reader that was awake has", stamps_pass_with_the_readers),
		CASE("stamps and retired objects share the epochs", stamps_do_not_disturb_retired),
		CASE("a count of batches that runs over leaves the epoch alone", batches_run_over),
		CASE("two writers reuse stamped memory under two readers, 500 times each", stamped_memory_is_whole),
	};

	return RUN(cases);
}
