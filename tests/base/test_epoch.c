/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <pthread.h>
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

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("what is retired waits for every reader that is awake", waits_for_readers),
		CASE("a frozen reader keeps memory, and nobody waits", frozen_reader_stops_nobody),
		CASE("the word is a progress counter, 0 asleep", progress_changes_with_every_batch),
		CASE("two readers against a writer never see freed memory", readers_never_see_freed_memory),
	};

	return RUN(cases);
}
