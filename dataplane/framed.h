/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framed.h - a TCP connection that carries DNS messages, each behind two octets of length (RFC
 * 1035, 4.2.2). Whatever the segments, messages come out whole; what cannot be written yet waits.
 * Both directions are bounded. Nothing blocks. Stream worker's thread.
 */
#ifndef DATAPLANE_FRAMED_H
#define DATAPLANE_FRAMED_H

#include <stdbool.h>
#include <stdint.h>

enum { DP_FRAMED_MESSAGE_MAX = 65535 };

struct dp_framed {
	int fd;
	uint8_t *in;
	uint32_t in_room, in_begin, in_end;
	uint32_t in_lost;		/* octets of the message at in_begin that did not fit and went */
	uint8_t *out;			/* NULL while nothing waits */
	uint32_t out_room, out_max, out_begin, out_end;
};

/*
 * fd stays the caller's. A message of more than message_max octets is delivered cut to message_max,
 * when all of it has come. At most out_max octets (one message at least) wait to be written. 0 or
 * -ENOMEM.
 */
int dp_framed_init(struct dp_framed *framed, int fd, uint32_t message_max, uint32_t out_max);
void dp_framed_fini(struct dp_framed *framed);

/* Reads once. True: something came, or nothing was there. False: *err is 0 after the peer's FIN,
 * else -errno. */
bool dp_framed_receive(struct dp_framed *framed, int *err);

/* Is a whole message there? The next one, valid until the next call of dp_framed_receive(), or
 * false. */
bool dp_framed_ready(const struct dp_framed *framed);
bool dp_framed_next(struct dp_framed *framed, uint8_t **message, uint16_t *len);
/* Forgets what has come in. */
void dp_framed_discard(struct dp_framed *framed);

/* Queues a message, and writes only where it would not fit otherwise. -ENOBUFS when the peer
 * does not read, -ENOMEM, or the error of the write. */
int dp_framed_put(struct dp_framed *framed, const uint8_t *message, uint16_t len);
/* Writes what it can: 0, also when something still waits, or -errno. */
int dp_framed_flush(struct dp_framed *framed);

static inline bool dp_framed_unsent(const struct dp_framed *framed)
{
	return framed->out_begin != framed->out_end;
}

#endif
