/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk.h - one UMEM over all ports, and each worker's AF_XDP sockets.
 *
 * Rule that makes it lock-free: worker i owns queue i, i + W, ... of every port, all four rings of those
 * sockets, and its own slice of frames; a frame never leaves its worker. Every frame has one owner at
 * a time: fill ring, kernel, RX ring, the worker's batch, TX ring, completion ring, or the free stack.
 *
 * All ports are zero-copy, or all are copy mode. Binding retries EBUSY for a second (a crashed process's
 * rings live on for some 40 ms).
 */
#ifndef DATAPLANE_XSK_H
#define DATAPLANE_XSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_port;
struct steer;
struct dp_umem;		/* all workers */
struct dp_rings;	/* one worker */

enum dp_copy { DP_COPY_AUTO, DP_COPY_ZERO, DP_COPY_COPY };	/* wanted; AUTO = zero-copy, else copy */

struct dp_xsk_conf {
	uint32_t frame_size;	/* 2048 or 4096 */
	uint32_t ring_size;	/* entries of each ring, a power of two */
	enum dp_copy copy;
	uint32_t busy_poll_us;	/* the kernel polls the device for the worker, this long at a time; 0 = off */
};

enum { DP_XSK_HEADROOM = 256 };	/* octets free in front of a received frame, at least 64 of them ours */

/*
 * Maps the UMEM (huge pages where possible, MADV_DONTFORK | MADV_DONTDUMP), opens and binds a socket for every
 * queue of every port and puts it into the filter's map. The filter must be attached. Sets port->zero_copy and
 * port->busy_poll; a refused busy_poll_us is said in the log.
 * 0 or -errno with error filled. Start-up.
 */
int dp_umem_open(struct dp_umem **umem, struct steer *steer, struct dp_port *const *ports,
		 unsigned n_ports, unsigned workers, const struct dp_xsk_conf *conf,
		 char *error, size_t size);
/* After the workers have stopped. Accepts NULL. */
void dp_umem_close(struct dp_umem *umem);
bool dp_umem_huge(const struct dp_umem *umem);
size_t dp_umem_size(const struct dp_umem *umem);

struct dp_rings *dp_umem_rings(struct dp_umem *umem, unsigned worker);

/* ---- worker's thread from here ---- */

struct dp_frame {
	uint8_t *data;		/* first octet of the Ethernet header */
	uint32_t len;
	uint8_t port;		/* index of the port it came in on */
};

unsigned dp_rings_sockets(const struct dp_rings *rings);
int dp_rings_fd(const struct dp_rings *rings, unsigned socket);	/* for poll() */

/* Takes up to max received frames from one socket; they belong to the caller. */
unsigned dp_rings_receive(struct dp_rings *rings, unsigned socket, struct dp_frame *frames,
			  unsigned max);

/* An empty frame: pointer to where a header may be written with DP_XSK_HEADROOM in front; NULL when none
 * is free. */
uint8_t *dp_rings_take(struct dp_rings *rings);
/* Gives the frame that data (any address inside it) belongs to back. */
void dp_rings_give(struct dp_rings *rings, const uint8_t *data);
/* Octets from data to the end of its frame. */
uint32_t dp_rings_room(const struct dp_rings *rings, const uint8_t *data);

/* Queues a frame for transmission on port. False when that port's TX ring, or its share of the frames (so that
 * a port without carrier starves nobody), is used up: the frame is still the caller's. */
bool dp_rings_send(struct dp_rings *rings, unsigned port, const uint8_t *data, uint32_t len);

/* Publishes and kicks what dp_rings_send() queued (per socket at most queued/32 + 1 kicks), takes completions
 * back, refills the fill rings. Once per batch. Returns true while a TX ring still holds unsent frames: the
 * caller must come again soon. */
bool dp_rings_flush(struct dp_rings *rings);

/* Takes back everything that dp_rings_send() queued since the last flush: the right to send it has gone. Returns
 * how many frames. */
unsigned dp_rings_cancel(struct dp_rings *rings);

/* Frames free, on the fill rings, in TX: for the leak test. */
struct dp_rings_account { uint32_t total, free, fill, tx; };
void dp_rings_account(const struct dp_rings *rings, struct dp_rings_account *account);

/* XDP_STATISTICS of one socket. Any thread. */
struct dp_xsk_stats {
	unsigned port, queue;
	uint64_t rx_dropped, rx_ring_full, rx_fill_empty, rx_invalid, tx_invalid, tx_ring_empty;
};
unsigned dp_umem_sockets(const struct dp_umem *umem);
int dp_umem_stats(const struct dp_umem *umem, unsigned socket, struct dp_xsk_stats *stats);
/* Frames that came in by port and were lost because its RX or fill rings had no room. Any thread. */
uint64_t dp_umem_overflow(const struct dp_umem *umem, unsigned port);

#endif
