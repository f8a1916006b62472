/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slow.c - a recursive server that thinks: every query over UDP is answered 300 to 800 ms after it came, whoever asks
 * and however many wait; but google.com., which the nodes probe with, at once, as from a cache. Names have one address;
 * other types have nothing. Usage: slow ADDRESS [FROM_MS TO_MS]
 *
 * What waits is in a wheel of milliseconds: one list a slot, and everything in a slot is sent when its time has come.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"

enum {
	WHEEL = 4096,			/* ms; the longest delay is shorter */
	WAITING_MAX = 1 << 17,		/* more are not answered */
	MESSAGE_MAX = 320,		/* header, question, one record */
	BATCH = 64,
	PORT = 53,
	HEADER = 12,
	TYPE_A = 1,
	TTL = 60,
};

struct answer {
	struct answer *next;
	struct sockaddr_in to;
	uint16_t len;
	uint8_t wire[MESSAGE_MAX];
};

static struct answer *wheel[WHEEL], *unused;
static uint64_t begun_ns, sent_until_ms;
static uint32_t from_ms = 300, to_ms = 800;
static int fd;

static uint64_t now_ms(void)
{
	return (clock_mono_ns() - begun_ns) / CLOCK_NS_PER_MS;
}

static struct answer *take_unused(void)
{
	static unsigned made;
	struct answer *a = unused;

	if (a)
		unused = a->next;
	else if (made < WAITING_MAX && (a = malloc(sizeof(*a))))
		made++;
	return a;
}

static uint32_t choose_delay(void)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return from_ms + state % (to_ms - from_ms + 1);
}

/* Octets up to the end of the only question; 0 when there is none. */
static size_t question_end(const uint8_t *wire, size_t len)
{
	size_t at = HEADER;

	if (len < HEADER || wire[2] & 0x80 || wire[4] || wire[5] != 1)
		return 0;
	while (at < len && wire[at] && wire[at] < 64)
		at += wire[at] + 1u;
	at += 5;
	return at <= len && wire[at - 5] == 0 ? at : 0;
}

static bool is_probe(const uint8_t *wire)
{
	static const uint8_t name[] = "\6google\3com";

	return memcmp(wire + HEADER, name, sizeof(name)) == 0;
}

/* The query at wire becomes its answer. Returns its length, 0 for what gets none. */
static size_t make_answer(uint8_t *wire, size_t len, size_t room)
{
	static const uint8_t record[] = { 0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, TTL, 0, 4, 192, 0, 2, 1 };
	size_t end = question_end(wire, len);
	bool has_address = end && wire[end - 4] == 0 && wire[end - 3] == TYPE_A;

	if (!end || end + sizeof(record) > room)
		return 0;
	wire[2] = (uint8_t)(0x80 | (wire[2] & 0x79));	/* response; opcode and RD as they were */
	wire[3] = 0x80;					/* recursion available, no error */
	memset(wire + 6, 0, 6);
	wire[7] = has_address;
	if (!has_address)
		return end;
	memcpy(wire + end, record, sizeof(record));
	return end + sizeof(record);
}

static void put_aside(const uint8_t *wire, size_t len, const struct sockaddr_in *to)
{
	uint64_t due_ms = now_ms() + (is_probe(wire) ? 0 : choose_delay());
	struct answer *a = take_unused(), **slot = &wheel[due_ms % WHEEL];

	if (!a)
		return;
	a->to = *to;
	a->len = (uint16_t)len;
	memcpy(a->wire, wire, len);
	a->next = *slot;
	*slot = a;
}

/* True when there may be more. */
static bool read_queries(void)
{
	static uint8_t wire[BATCH][MESSAGE_MAX];
	static struct sockaddr_in from[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ wire[i], sizeof(wire[i]) };
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
							     .msg_iov = &parts[i], .msg_iovlen = 1 } };
	}
	n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		size_t len = make_answer(wire[i], messages[i].msg_len, sizeof(wire[i]));

		if (len)
			put_aside(wire[i], len, &from[i]);
	}
	return n == BATCH;
}

static void send_slot(struct answer **slot)
{
	while (*slot) {
		struct answer *a = *slot;

		*slot = a->next;
		sendto(fd, a->wire, a->len, 0, (struct sockaddr *)&a->to, sizeof(a->to));
		a->next = unused;
		unused = a;
	}
}

static void send_due(void)
{
	uint64_t now = now_ms();

	for (; sent_until_ms < now; sent_until_ms++)
		send_slot(&wheel[sent_until_ms % WHEEL]);
}

static int open_socket(const char *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int size = 8 << 20;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
		return -EINVAL;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return bind(fd, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	int err;

	if (argc == 4) {
		from_ms = (uint32_t)atoi(argv[2]);
		to_ms = (uint32_t)atoi(argv[3]);
	}
	if ((argc != 2 && argc != 4) || from_ms < 1 || to_ms < from_ms || to_ms >= WHEEL) {
		fprintf(stderr, "usage: slow ADDRESS [FROM_MS TO_MS]\n");
		return 2;
	}
	err = open_socket(argv[1]);
	if (err) {
		fprintf(stderr, "slow: %s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	begun_ns = clock_mono_ns();
	for (p.fd = fd;; poll(&p, 1, 1)) {
		while (read_queries())
			send_due();
		send_due();
	}
}
