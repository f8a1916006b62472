/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framed.c - length-framed DNS messages over one TCP connection. Contract in framed.h.
 *
 * Input is one buffer, big enough for one message with its length. A message that does not fit
 * fills the buffer from its beginning, and what comes behind is read and let go until its end is
 * reached.
 */
#include "dataplane/framed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/wire.h"

enum {
	LENGTH_LEN = 2,
	OUT_FIRST = 4096,	/* first size of the output buffer, doubled as needed */
	SCRATCH = 4096,
};

int dp_framed_init(struct dp_framed *framed, int fd, uint32_t message_max, uint32_t out_max)
{
	assert(out_max >= LENGTH_LEN + DP_FRAMED_MESSAGE_MAX);
	memset(framed, 0, sizeof(*framed));
	framed->in_room = LENGTH_LEN + message_max;
	framed->in = malloc(framed->in_room);
	if (!framed->in)
		return -ENOMEM;
	framed->fd = fd;
	framed->out_max = out_max;
	return 0;
}

void dp_framed_fini(struct dp_framed *framed)
{
	free(framed->in);
	free(framed->out);
}

/* ---- input ---- */

/* Octets of the message at in_begin, with its length, that did not fit or will not. */
static uint32_t surplus(const struct dp_framed *framed)
{
	uint32_t whole = LENGTH_LEN + wire_get16(framed->in + framed->in_begin);

	return whole > framed->in_room ? whole - framed->in_room : 0;
}

/* Makes the first octet that was not taken yet the first of the buffer. */
static void move_to_front(struct dp_framed *framed)
{
	if (!framed->in_begin)
		return;
	memmove(framed->in, framed->in + framed->in_begin, framed->in_end - framed->in_begin);
	framed->in_end -= framed->in_begin;
	framed->in_begin = 0;
}

bool dp_framed_receive(struct dp_framed *framed, int *err)
{
	uint8_t scratch[SCRATCH];
	bool lost;
	uint32_t room;
	ssize_t n;

	move_to_front(framed);
	lost = framed->in_end == framed->in_room;
	if (lost) {
		room = surplus(framed) - framed->in_lost;
		if (room > sizeof(scratch))
			room = sizeof(scratch);
	} else {
		room = framed->in_room - framed->in_end;
	}
	if (!room)
		return true;		/* a whole message fills the buffer: it has to be taken first */
	n = recv(framed->fd, lost ? scratch : framed->in + framed->in_end, room, MSG_DONTWAIT);
	if (n <= 0) {
		*err = n ? -errno : 0;
		return *err == -EAGAIN || *err == -EINTR;
	}
	if (lost)
		framed->in_lost += (uint32_t)n;
	else
		framed->in_end += (uint32_t)n;
	return true;
}

bool dp_framed_ready(const struct dp_framed *framed)
{
	uint32_t have = framed->in_end - framed->in_begin;

	if (have < LENGTH_LEN)
		return false;
	return have + framed->in_lost >= LENGTH_LEN + (uint32_t)wire_get16(framed->in + framed->in_begin);
}

bool dp_framed_next(struct dp_framed *framed, uint8_t **message, uint16_t *len)
{
	uint32_t fitting;

	if (!dp_framed_ready(framed))
		return false;
	*message = framed->in + framed->in_begin + LENGTH_LEN;
	fitting = wire_get16(framed->in + framed->in_begin) - surplus(framed);
	*len = (uint16_t)fitting;
	framed->in_begin += LENGTH_LEN + fitting;
	framed->in_lost = 0;
	return true;
}

void dp_framed_discard(struct dp_framed *framed)
{
	framed->in_begin = framed->in_end = framed->in_lost = 0;
}

/* ---- output ---- */

static void release_output(struct dp_framed *framed)
{
	free(framed->out);
	framed->out = NULL;
	framed->out_room = framed->out_begin = framed->out_end = 0;
}

/* Room for octets more behind out_end: by moving, else by growing. 0, -ENOBUFS or -ENOMEM. */
static int make_room(struct dp_framed *framed, uint32_t octets)
{
	uint32_t waiting = framed->out_end - framed->out_begin;
	uint32_t room = framed->out_room ? framed->out_room : OUT_FIRST;
	uint8_t *out;

	if (framed->out_room - framed->out_end >= octets)
		return 0;
	if (waiting + octets > framed->out_max)
		return -ENOBUFS;
	if (waiting)
		memmove(framed->out, framed->out + framed->out_begin, waiting);
	framed->out_begin = 0;
	framed->out_end = waiting;
	while (room < waiting + octets)
		room *= 2;
	if (room > framed->out_max)
		room = framed->out_max;
	if (room <= framed->out_room)
		return 0;
	out = realloc(framed->out, room);
	if (!out)
		return -ENOMEM;
	framed->out = out;
	framed->out_room = room;
	return 0;
}

int dp_framed_put(struct dp_framed *framed, const uint8_t *message, uint16_t len)
{
	int err = make_room(framed, LENGTH_LEN + (uint32_t)len);

	if (err == -ENOBUFS) {
		err = dp_framed_flush(framed);
		if (!err)
			err = make_room(framed, LENGTH_LEN + (uint32_t)len);
	}
	if (err)
		return err;
	wire_put16(framed->out + framed->out_end, len);
	memcpy(framed->out + framed->out_end + LENGTH_LEN, message, len);
	framed->out_end += LENGTH_LEN + (uint32_t)len;
	return 0;
}

int dp_framed_flush(struct dp_framed *framed)
{
	while (dp_framed_unsent(framed)) {
		ssize_t n = send(framed->fd, framed->out + framed->out_begin,
				 framed->out_end - framed->out_begin, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		framed->out_begin += (uint32_t)n;
	}
	if (framed->out)
		release_output(framed);
	return 0;
}
