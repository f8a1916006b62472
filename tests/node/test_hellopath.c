/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hellopath.c - one path to the other node: what is read of a flood, what is counted, when it is opened anew. The
 * clock and the socket are stand-ins; the other node is a box of its own.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/loop.h"
#include "node/hellopath.h"
#include "node/hellosocket.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum { BEAT_MS = 100, WAITING = 4000 };

struct datagram {
	uint8_t octets[HELLO_DATAGRAM_MAX];
	size_t len;
};

static struct {
	uint64_t now_ns;
	int open_err, fd;
	unsigned opens, reads;
	struct datagram *waits;
	unsigned n_waits, taken;
	struct datagram sent;
	uint32_t lost;
	unsigned accepted, unpaired;
	struct hello_message message;
} world;

static const uint8_t key[HELLO_KEY] = { 0xab, 0xcd };
static struct loop loop;
static struct hello_path path;
static struct hello_box peer;
static struct hello_message says;

/* ---- stand-ins ---- */

#include "tests/node/world_clock.h"

uint64_t clock_wall_ns(void)
{
	return world.now_ns;
}

int hellosocket_open(const struct endpoint *to, const char *interface)
{
	(void)to;
	assert_string_equal(interface, "eth9");
	world.opens++;
	world.fd = world.open_err ? world.open_err : eventfd(0, EFD_NONBLOCK);
	return world.fd;
}

void hellosocket_close(int fd)
{
	close(fd);
}

int hellosocket_send(int fd, const uint8_t *datagram, size_t len)
{
	assert_int_equal(fd, world.fd);
	memcpy(world.sent.octets, datagram, len);
	world.sent.len = len;
	return 0;
}

ssize_t hellosocket_receive(int fd, uint8_t *datagram, size_t size, uint64_t *age_ns, uint32_t *lost)
{
	struct datagram *d;
	uint64_t rung;

	if (world.taken == world.n_waits) {
		world.taken = world.n_waits = 0;
		assert_true(read(fd, &rung, sizeof(rung)) > 0 || errno == EAGAIN);
		return -EAGAIN;
	}
	d = &world.waits[world.taken++];
	assert_true(d->len <= size);
	memcpy(datagram, d->octets, d->len);
	*age_ns = 0;
	*lost = world.lost;
	world.reads++;
	return (ssize_t)d->len;
}

static void on_message(struct hello_path *self, enum hello_verdict verdict, const struct hello_message *message,
		       const struct hello_times *times)
{
	assert_ptr_equal(self->context, &world);
	assert_true(times->now_ns == world.now_ns);
	world.accepted += verdict == HELLO_ACCEPTED;
	world.unpaired += verdict == HELLO_UNPAIRED;
	world.message = *message;
}

/* ---- the two sides ---- */

static struct datagram *queue(void)
{
	uint64_t one = 1;

	assert_true(world.n_waits < WAITING);
	assert_int_equal(write(world.fd, &one, sizeof(one)), sizeof(one));
	return &world.waits[world.n_waits++];
}

static void peer_says(void)
{
	struct datagram *d = queue();

	d->len = hello_box_seal(&peer, &says, world.now_ns, d->octets);
}

/* What we said last; so the peer knows us. */
static void peer_hears(void)
{
	struct hello_message heard;
	uint64_t echo_ns;

	hello_box_open(&peer, world.sent.octets, world.sent.len, world.now_ns, &heard, &echo_ns);
}

static void turn(void)
{
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(loop_turn(&loop, 0), 0);
}

static void beat(void)
{
	struct hello_message ours = { .prelude = { .version = HELLO_VERSION, .needs = HELLO_NEEDS } };

	world.now_ns += BEAT_MS * MS;
	hello_path_keep_open(&path, world.now_ns);
	hello_path_say(&path, &ours, world.now_ns);
}

/* Both speak and hear until each knows the other. */
static void meet(void)
{
	for (unsigned i = 0; i < 5; i++) {
		beat();
		peer_hears();
		peer_says();
		turn();
	}
	assert_true(hello_path_is_alive(&path, world.now_ns));
}

static int set_up(void **state)
{
	static const uint8_t ours[HELLO_SESSION] = { 1 }, theirs[HELLO_SESSION] = { 2 };
	struct datagram *waits = world.waits ? world.waits : calloc(WAITING, sizeof(*waits));

	(void)state;
	memset(&world, 0, sizeof(world));
	world.waits = waits;
	world.now_ns = 1000 * (uint64_t)CLOCK_NS_PER_S;
	if (hello_box_ready() || loop_init(&loop))
		return -1;
	path = (struct hello_path){ .loop = &loop, .on_message = on_message, .context = &world, .interface = "eth9" };
	hello_path_init(&path, key, ours);
	hello_box_init(&peer, key, 0, theirs);
	memset(&says, 0, sizeof(says));
	says.prelude.version = HELLO_VERSION;
	says.prelude.needs = HELLO_NEEDS;
	strcpy(says.name, "dd2");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hello_path_close(&path);
	loop_fini(&loop);
	return 0;
}

/* ---- cases ---- */

static void heard(void **state)
{
	(void)state;
	hello_path_open(&path, world.now_ns);
	meet();
	assert_true(world.accepted > 0);
	assert_int_equal(world.accepted, path.counts[HELLO_ACCEPTED]);
	assert_string_equal(world.message.name, "dd2");
	assert_int_equal(path.sent, 5);
	world.now_ns += (HELLO_SILENT_MS + 1) * MS;
	assert_false(hello_path_is_alive(&path, world.now_ns));
	assert_string_equal(hello_path_why_silent(&path, world.now_ns), "it has fallen silent");
}

static void another_version(void **state)
{
	(void)state;
	hello_path_open(&path, world.now_ns);
	says.prelude.version = says.prelude.needs = HELLO_VERSION + 1;
	meet();
	assert_int_equal(world.accepted, 0);
	assert_true(world.unpaired > 0);
	assert_int_equal(world.message.prelude.needs, HELLO_VERSION + 1);
}

static void does_not_know_us(void **state)
{
	(void)state;
	hello_path_open(&path, world.now_ns);
	assert_string_equal(hello_path_why_silent(&path, world.now_ns), "nothing was ever heard");
	for (unsigned i = 0; i < 5; i++) {
		beat();
		peer_says();
		turn();
	}
	assert_false(hello_path_is_alive(&path, world.now_ns));
	assert_int_equal(path.counts[HELLO_UNPROVEN], 5);
	assert_string_equal(hello_path_why_silent(&path, world.now_ns), "its datagrams come, ours do not reach it");
}

static void opened_anew(void **state)
{
	unsigned opens;

	(void)state;
	world.open_err = -ENETUNREACH;
	hello_path_open(&path, world.now_ns);
	for (unsigned i = 0; i < 40; i++)
		beat();
	assert_int_equal(world.opens, 5);	/* then every second */
	assert_string_equal(hello_path_why_silent(&path, world.now_ns), strerror(ENETUNREACH));
	assert_int_equal(path.sent, 0);
	world.open_err = 0;
	for (unsigned i = 0; i < 10; i++)
		beat();
	meet();
	/* one that is alive stays as it is, one that is silent is opened now and then */
	opens = world.opens;
	for (unsigned i = 0; i < 10; i++)
		meet();
	assert_int_equal(world.opens, opens);
	for (unsigned i = 0; i < 120; i++)
		beat();
	assert_in_range(world.opens, opens + 2, opens + 3);
}

static void flood(void **state)
{
	unsigned reads;

	(void)state;
	hello_path_open(&path, world.now_ns);
	meet();
	for (unsigned i = 0; i < 3000; i++) {
		struct datagram *d = queue();

		memset(d->octets, 'T', 100);
		d->len = 100;
	}
	reads = world.reads;
	turn();
	assert_int_equal(world.reads - reads, 199);	/* one was read in this beat before */
	assert_int_equal(path.counts[HELLO_FOREIGN], 199);
	beat();
	turn();
	assert_int_equal(world.reads - reads, 399);
	/* what the kernel had no room for is counted as well */
	world.lost = 55;
	for (unsigned i = 0; i < 14; i++) {
		beat();
		turn();
	}
	assert_int_equal(path.counts[HELLO_LIMITED], 55);
	world.lost = 60;
	meet();
	assert_int_equal(path.counts[HELLO_LIMITED], 60);
}

static void bad_datagrams(void **state)
{
	static const struct { size_t len; uint8_t octet; enum hello_verdict verdict; } odd[] = {
		{ 0, 0, HELLO_LENGTH }, { 20, 'T', HELLO_LENGTH }, { 100, 'x', HELLO_FOREIGN },
	};
	unsigned accepted;

	(void)state;
	hello_path_open(&path, world.now_ns);
	meet();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		uint64_t before = path.counts[odd[i].verdict];
		struct datagram *d = queue();

		memset(d->octets, odd[i].octet, sizeof(d->octets));
		d->len = odd[i].len;
		turn();
		assert_int_equal(path.counts[odd[i].verdict], before + 1);
	}
	/* the peer's own, twice, and changed */
	accepted = world.accepted;
	peer_says();
	world.waits[1] = world.waits[0];
	world.waits[2] = world.waits[0];
	world.waits[2].octets[60] ^= 1;
	world.n_waits = 3;
	turn();
	assert_int_equal(path.counts[HELLO_REPLAY], 1);
	assert_int_equal(path.counts[HELLO_FORGED], 1);
	assert_int_equal(world.accepted, accepted + 1);
}

#define FRESH(description, function) { description, function, set_up, tear_down, NULL }

static const struct CMUnitTest cases[] = {
	FRESH("what the peer says is handed on; it is silent a second after its last word", heard),
	FRESH("D232 of a version that cannot pair the prelude is", another_version),
	FRESH("a peer that does not know us is told apart from one that is silent", does_not_know_us),
	FRESH("what cannot be opened is tried every second, what is silent is opened anew", opened_anew),
	FRESH("D232 a flood is read in bounds, the rest is counted, and the peer is heard again", flood),
	FRESH("D232 odd, replayed and forged datagrams are counted by reason", bad_datagrams),
};

int main(void)
{
	int failures = RUN(cases);

	free(world.waits);
	return failures;
}
