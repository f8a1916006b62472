/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hellobox.c - two nodes, the wire between them, and somebody who records, changes, keeps back and plays again.
 */
#include "tests/tap.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "node/hellobox.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

struct datagram {
	uint8_t octets[HELLO_DATAGRAM_MAX + 1];
	size_t len;
};

static const uint8_t key[HELLO_KEY] = "a key that both nodes have";
static struct hello_box one, two;
static uint64_t now, echo;
static struct hello_message heard;

static void start(struct hello_box *box, uint8_t run)
{
	uint8_t session[HELLO_SESSION];

	memset(session, run, sizeof(session));
	hello_box_init(box, key, 0, session);
}

static int set_up(void **state)
{
	(void)state;
	now = 1000 * MS;
	start(&one, 0x11);
	start(&two, 0x21);
	return hello_box_ready();
}

static struct datagram say(struct hello_box *from)
{
	static struct hello_message message;
	struct datagram d;

	memset(&message, 0, sizeof(message));
	message.prelude.version = HELLO_VERSION;
	message.prelude.needs = HELLO_NEEDS;
	strcpy(message.name, "dd1");
	d.len = hello_box_seal(from, &message, now, d.octets);
	return d;
}

static enum hello_verdict open_at(struct hello_box *to, const struct datagram *d)
{
	return hello_box_open(to, d->octets, d->len, now, &heard, &echo);
}

/* One from each side, a beat later. The verdicts, first one's of what two says. */
static void beat(enum hello_verdict *at_one, enum hello_verdict *at_two)
{
	struct datagram of_one, of_two;

	now += 100 * MS;
	of_one = say(&one);
	*at_two = open_at(&two, &of_one);
	of_two = say(&two);
	*at_one = open_at(&one, &of_two);
}

static void settle(void)
{
	enum hello_verdict at_one = HELLO_FORGED, at_two = HELLO_FORGED;

	for (unsigned i = 0; i < 20 && (at_one || at_two); i++)
		beat(&at_one, &at_two);
	assert_int_equal(at_one, HELLO_ACCEPTED);
	assert_int_equal(at_two, HELLO_ACCEPTED);
}

static void two_that_start(void **state)
{
	enum hello_verdict at_one, at_two;

	(void)state;
	beat(&at_one, &at_two);
	assert_int_equal(at_two, HELLO_UNPROVEN);
	assert_int_equal(at_one, HELLO_ACCEPTED);
	beat(&at_one, &at_two);
	assert_int_equal(at_two, HELLO_ACCEPTED);
	assert_int_equal(at_one, HELLO_ACCEPTED);
	assert_int_equal(echo, now);
	assert_string_equal(heard.name, "dd1");
	for (unsigned i = 0; i < 1000; i++)
		beat(&at_one, &at_two);
	assert_int_equal(at_two, HELLO_ACCEPTED);
	assert_int_equal(one.sessions, 1);
	assert_int_equal(two.sessions, 1);
}

static void played_again(void **state)
{
	struct datagram d, later;

	(void)state;
	settle();
	d = say(&two);
	later = say(&two);
	assert_int_equal(open_at(&one, &d), HELLO_ACCEPTED);
	assert_int_equal(open_at(&one, &d), HELLO_REPLAY);
	assert_int_equal(open_at(&one, &later), HELLO_ACCEPTED);
	assert_int_equal(open_at(&one, &d), HELLO_REPLAY);
	/* out of order: the earlier one is no news */
	d = say(&two);
	later = say(&two);
	assert_int_equal(open_at(&one, &later), HELLO_ACCEPTED);
	assert_int_equal(open_at(&one, &d), HELLO_REPLAY);
}

static void changed_anywhere(void **state)
{
	struct datagram d, changed;

	(void)state;
	settle();
	d = say(&two);
	for (size_t at = 0; at < d.len; at++) {
		enum hello_verdict verdict;

		changed = d;
		changed.octets[at] ^= 0x10;
		verdict = open_at(&one, &changed);
		assert_int_equal(verdict, at < 5 ? HELLO_FOREIGN : at == 5 ? HELLO_PATH : HELLO_FORGED);
	}
	for (size_t n = 0; n < d.len; n++) {
		changed = d;
		changed.len = n;
		assert_int_not_equal(open_at(&one, &changed), HELLO_ACCEPTED);
	}
	changed = d;
	changed.len++;
	assert_int_equal(open_at(&one, &changed), HELLO_FORGED);
	assert_int_equal(hello_box_open(&one, d.octets, 0, now, &heard, &echo), HELLO_LENGTH);
	assert_int_equal(hello_box_open(&one, d.octets, HELLO_DATAGRAM_MAX + 1, now, &heard, &echo), HELLO_LENGTH);
	assert_int_equal(open_at(&one, &d), HELLO_ACCEPTED);
}

static void another_key(void **state)
{
	uint8_t other[HELLO_KEY] = "another key";
	struct hello_box stranger;
	struct datagram d;

	(void)state;
	settle();
	hello_box_init(&stranger, other, 0, two.session);
	d = say(&stranger);
	assert_int_equal(open_at(&one, &d), HELLO_FORGED);
}

static void thrown_back(void **state)
{
	struct datagram d;

	(void)state;
	settle();
	d = say(&one);
	assert_int_equal(open_at(&one, &d), HELLO_OWN);
}

static void by_the_other_path(void **state)
{
	struct hello_box second;
	struct datagram d;

	(void)state;
	settle();
	hello_box_init(&second, key, 1, one.session);
	d = say(&two);
	assert_int_equal(open_at(&second, &d), HELLO_PATH);
}

/* A peer that is started again is heard within three beats, and what it said before is worth nothing then. */
static void started_again(void **state)
{
	struct datagram kept[3];
	enum hello_verdict at_one, at_two;

	(void)state;
	settle();
	for (unsigned i = 0; i < 3; i++)
		kept[i] = say(&two);		/* never delivered */
	start(&two, 0x22);
	for (unsigned i = 0; i < 3; i++)
		beat(&at_one, &at_two);
	assert_int_equal(at_one, HELLO_ACCEPTED);
	assert_int_equal(at_two, HELLO_ACCEPTED);
	assert_int_equal(one.sessions, 2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(open_at(&one, &kept[i]), HELLO_REPLAY);
	assert_int_equal(one.sessions, 2);
	beat(&at_one, &at_two);
	assert_int_equal(at_one, HELLO_ACCEPTED);
}

/* We are started again: nothing that was ever recorded counts, in whatever number. */
static void recorded_before_our_start(void **state)
{
	struct datagram record[200];
	enum hello_verdict at_one, at_two;

	(void)state;
	settle();
	for (unsigned i = 0; i < 200; i++) {
		beat(&at_one, &at_two);
		record[i] = say(&two);
	}
	start(&one, 0x12);
	for (unsigned i = 0; i < 200; i++) {
		now += 10 * MS;
		assert_int_equal(open_at(&one, &record[i]), HELLO_UNPROVEN);
	}
	assert_int_equal(one.sessions, 0);
	/* and they do not keep the peer out */
	settle();
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(open_at(&one, &record[i]), HELLO_REPLAY);
}

/* Recordings of the former runs of both come right behind what they say, while both start. */
static void recordings_do_not_crowd_out(void **state)
{
	struct datagram of_one[8], of_two[8], d;
	enum hello_verdict at_one = HELLO_FORGED;

	(void)state;
	for (uint8_t i = 0; i < 8; i++) {
		start(&one, (uint8_t)(0x80 + i));
		start(&two, (uint8_t)(0x90 + i));
		of_one[i] = say(&one);
		of_two[i] = say(&two);
	}
	start(&one, 0x12);
	start(&two, 0x22);
	for (unsigned beats = 0; at_one && beats < 10; beats++) {
		now += 100 * MS;
		d = say(&one);
		open_at(&two, &d);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(open_at(&two, &of_one[i]), HELLO_UNPROVEN);
		d = say(&two);
		at_one = open_at(&one, &d);
		for (unsigned i = 0; i < 8; i++)
			open_at(&one, &of_two[i]);
	}
	assert_int_equal(at_one, HELLO_ACCEPTED);
}

static void kept_back(void **state)
{
	struct datagram d;

	(void)state;
	settle();
	d = say(&two);
	now += (HELLO_FRESH_MS + 200) * MS;
	assert_int_equal(open_at(&one, &d), HELLO_STALE);
	settle();
	assert_int_equal(open_at(&one, &d), HELLO_REPLAY);
}

/* What two says comes, what one says does not: then two does not know that one lives, and one cannot know how old two
 * is. */
static void one_way_only(void **state)
{
	enum hello_verdict verdict = HELLO_ACCEPTED;
	struct datagram d;

	(void)state;
	settle();
	for (unsigned i = 0; i < 30; i++) {
		now += 100 * MS;
		say(&one);
		d = say(&two);
		verdict = open_at(&one, &d);
	}
	assert_int_equal(verdict, HELLO_STALE);
	settle();
	assert_int_equal(one.sessions, 1);
}

static void cannot_pair(void **state)
{
	static struct hello_message message;
	struct datagram d;

	(void)state;
	settle();
	memset(&message, 0, sizeof(message));
	message.prelude.version = 9;
	message.prelude.needs = 9;
	strcpy(message.prelude.program, "9.0");
	d.len = hello_box_seal(&two, &message, now, d.octets);
	assert_int_equal(open_at(&one, &d), HELLO_UNPAIRED);
	assert_string_equal(heard.prelude.program, "9.0");
	assert_int_equal(open_at(&one, &d), HELLO_REPLAY);
}

static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HELLO_VERDICT_COUNT; i++) {
		assert_true(strlen(hello_verdict_name((enum hello_verdict)i)) > 2);
		assert_true(strlen(hello_verdict_help((enum hello_verdict)i)) > 2);
	}
}

#define FRESH(description, function) { description, function, set_up, NULL, NULL }

static const struct CMUnitTest cases[] = {
	FRESH("two that start hear each other in the second beat, and go on to", two_that_start),
	FRESH("D232 what was heard once is rejected, and what was overtaken", played_again),
	FRESH("D232 one octet changed anywhere, cut or longer: rejected", changed_anywhere),
	FRESH("D232 written with another key: forged", another_key),
	FRESH("D232 our own, thrown back at us, is rejected", thrown_back),
	FRESH("D232 what was for one path is rejected by the other", by_the_other_path),
	FRESH("D232 a peer that was started again is accepted, its former run never again", started_again),
	FRESH("D232 after our own start no recording is accepted, and none keeps the peer out",
	      recorded_before_our_start),
	FRESH("D232 recordings of former runs do not crowd out a peer that starts", recordings_do_not_crowd_out),
	FRESH("D232 what was kept back for two seconds is stale", kept_back),
	FRESH("who does not hear us is not believed; both ways again, it is the same session", one_way_only),
	FRESH("D232 a version that cannot pair is told apart, once it is proven", cannot_pair),
	FRESH("every verdict has a name", names),
};

int main(void)
{
	return RUN(cases);
}
