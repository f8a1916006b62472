/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_framed.c - length-framed messages over a pair of connected sockets.
 */
#include "dataplane/framed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tap.h"

enum { MESSAGE_MAX = 4096, OUT_MAX = 128 * 1024 };

struct pair {
	struct dp_framed framed;
	int peer;
};

static void open_pair(struct pair *pair, uint32_t message_max)
{
	int fds[2], octets = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
	assert_int_equal(dp_framed_init(&pair->framed, fds[0], message_max, OUT_MAX), 0);
	pair->peer = fds[1];
}

static void close_pair(struct pair *pair)
{
	close(pair->framed.fd);
	close(pair->peer);
	dp_framed_fini(&pair->framed);
}

/* Message number i: its length, filled with octets that depend on i. */
static void fill(uint8_t *out, unsigned i, uint16_t len)
{
	for (unsigned k = 0; k < len; k++)
		out[k] = (uint8_t)(i * 7 + k);
}

static size_t frame(uint8_t *out, unsigned i, uint16_t len)
{
	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	fill(out + 2, i, len);
	return 2 + (size_t)len;
}

/* Writes all of it in steps of step octets, reading after each, and checks what comes out. */
static void check_stream(const uint16_t *lengths, unsigned n, size_t step)
{
	static uint8_t stream[256 * 1024], expected[65536];
	size_t len = 0;
	unsigned seen = 0;
	struct pair pair;

	for (unsigned i = 0; i < n; i++)
		len += frame(stream + len, i, lengths[i]);
	open_pair(&pair, MESSAGE_MAX);
	for (size_t at = 0; at < len;) {
		ssize_t sent = send(pair.peer, stream + at, at + step > len ? len - at : step, 0);
		uint8_t *message;
		uint16_t got;
		int err;

		if (sent > 0)
			at += (size_t)sent;
		do {
			assert_true(dp_framed_receive(&pair.framed, &err));
			while (dp_framed_next(&pair.framed, &message, &got)) {
				uint16_t cut = lengths[seen] > MESSAGE_MAX ? MESSAGE_MAX : lengths[seen];

				fill(expected, seen, cut);
				assert_int_equal(got, cut);
				assert_memory_equal(message, expected, cut);
				seen++;
			}
		} while (at == len && seen < n);
	}
	assert_false(dp_framed_ready(&pair.framed));
	close_pair(&pair);
}

static void test_fragmentation(void **state)
{
	static const uint16_t lengths[] = { 12, 1, 0, 300, MESSAGE_MAX - 1, MESSAGE_MAX, 17, 0, 0,
					    MESSAGE_MAX + 1, 5, 65535, 65535, 12, MESSAGE_MAX + 2 };
	static const size_t steps[] = { 1, 2, 3, 13, 512, MESSAGE_MAX, MESSAGE_MAX + 2, 65536, 262144 };

	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		check_stream(lengths, sizeof(lengths) / sizeof(*lengths), steps[i]);
}

/* Reading goes on without taking messages: nothing is lost or overrun, reading just stops. */
static void test_not_taken(void **state)
{
	uint8_t stream[3 * 2002], expected[2000], *message;
	struct pair pair;
	uint16_t len;
	int err;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		frame(stream + i * 2002, i, 2000);
	open_pair(&pair, MESSAGE_MAX);
	assert_int_equal(send(pair.peer, stream, sizeof(stream), 0), sizeof(stream));
	for (unsigned i = 0; i < 5; i++)
		assert_true(dp_framed_receive(&pair.framed, &err));
	for (unsigned i = 0; i < 3; i++) {
		if (!dp_framed_ready(&pair.framed))
			assert_true(dp_framed_receive(&pair.framed, &err));
		assert_true(dp_framed_next(&pair.framed, &message, &len));
		fill(expected, i, 2000);
		assert_memory_equal(message, expected, 2000);
	}
	assert_false(dp_framed_next(&pair.framed, &message, &len));
	close_pair(&pair);
}

static void test_end(void **state)
{
	struct pair pair;
	int err = 1;

	(void)state;
	open_pair(&pair, MESSAGE_MAX);
	assert_int_equal(send(pair.peer, "\0\5abc", 5, 0), 5);
	shutdown(pair.peer, SHUT_WR);
	assert_true(dp_framed_receive(&pair.framed, &err));
	assert_false(dp_framed_receive(&pair.framed, &err));
	assert_int_equal(err, 0);
	assert_false(dp_framed_ready(&pair.framed));
	dp_framed_discard(&pair.framed);
	close_pair(&pair);
}

/* Reads what framed writes, and checks that messages come in order and whole. */
struct reader {
	uint8_t got[70000];
	size_t len;
	unsigned seen;
};

static void read_some(struct reader *reader, int fd)
{
	ssize_t n = recv(fd, reader->got + reader->len, sizeof(reader->got) - reader->len, 0);
	size_t at = 0;

	if (n > 0)
		reader->len += (size_t)n;
	while (reader->len - at >= 2) {
		uint16_t len = (uint16_t)(reader->got[at] << 8 | reader->got[at + 1]);
		uint8_t *expected = malloc(65536);

		if (reader->len - at < 2 + (size_t)len) {
			free(expected);
			break;
		}
		fill(expected, reader->seen++, len);
		assert_memory_equal(reader->got + at + 2, expected, len);
		free(expected);
		at += 2 + (size_t)len;
	}
	memmove(reader->got, reader->got + at, reader->len - at);
	reader->len -= at;
}

static void test_output(void **state)
{
	static struct reader reader;
	static uint8_t message[65535];
	struct pair pair;
	unsigned put = 0;

	(void)state;
	open_pair(&pair, MESSAGE_MAX);
	for (unsigned i = 0; i < 200; i++) {
		uint16_t len = i % 50 == 49 ? 65535 : (uint16_t)(i * 37 % 3000);

		fill(message, i, len);
		while (dp_framed_put(&pair.framed, message, len) == -ENOBUFS)
			read_some(&reader, pair.peer);
		put++;
	}
	for (unsigned i = 0; i < 10000 && reader.seen < put; i++) {
		assert_int_equal(dp_framed_flush(&pair.framed), 0);
		read_some(&reader, pair.peer);
	}
	assert_int_equal(reader.seen, put);
	assert_false(dp_framed_unsent(&pair.framed));
	assert_null(pair.framed.out);
	close_pair(&pair);
}

static void test_output_bound(void **state)
{
	uint8_t message[1000] = { 0 };
	struct pair pair;
	unsigned put = 0;

	(void)state;
	open_pair(&pair, MESSAGE_MAX);
	while (dp_framed_put(&pair.framed, message, sizeof(message)) == 0)
		put++;
	assert_int_equal(dp_framed_put(&pair.framed, message, sizeof(message)), -ENOBUFS);
	assert_true(pair.framed.out_room <= OUT_MAX);
	assert_true(put * 1002 >= OUT_MAX - 1002);
	assert_true(put * 1002 < OUT_MAX + 64 * 1024);
	close(pair.peer);
	assert_int_equal(dp_framed_flush(&pair.framed), -EPIPE);
	pair.peer = dup(pair.framed.fd);
	close_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D067 messages of any length come out whole, whatever the segments", test_fragmentation),
		CASE("messages that nobody takes stop the reading, none is lost", test_not_taken),
		CASE("half a message before the end is no message", test_end),
		CASE("messages go out in order and whole to a peer that reads slowly", test_output),
		CASE("what waits for a peer that does not read is bounded", test_output_bound),
	};
	return RUN(cases);
}
