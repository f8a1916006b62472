/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk.c - the UMEM and the AF_XDP sockets on it. Opened and closed by the control thread; each struct
 * dp_rings belongs to one worker's thread, which shares nothing in it with anybody. Contract in xsk.h.
 *
 * Where a worker's frames are. A socket never has more than ring_size frames out for receiving (fill
 * ring, kernel, RX ring) nor more than ring_size for sending (TX ring, kernel, completion ring). The
 * worker owns that many for each of its sockets and FRAMES_SPARE more, so whatever a port does with what it
 * was given, every other port's fill ring can be kept full and a batch can be held.
 */
#include "dataplane/xsk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/hugepage.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9		/* Linux 6.17 */
#endif

enum {
	FRAMES_SPARE = 256,		/* of a worker, for the batch it holds */
	KICK_FRAMES = 32,		/* what one kick sends at least, in copy mode */
	KICK_BUDGET = 512,		/* what we ask for where the kernel lets us */
	POLL_BUDGET = 64,		/* frames per turn of the card's receive loop */
	BIND_PATIENCE_MS = 1000,	/* a killed process's rings stay for some 40 ms */
	BIND_PAUSE_MS = 10,
};

struct dp_socket {
	alignas(64) struct xsk_ring_cons rx;
	struct xsk_ring_prod tx, fill;
	struct xsk_ring_cons completion;
	uint32_t receiving;		/* frames out for receiving */
	uint32_t sending;		/* frames out for sending */
	uint32_t queued;		/* of them, not yet published in the TX ring */
	int fd;
	uint8_t port_index;
	bool busy_poll;
	/* cold below */
	unsigned queue;
	struct dp_port *port;
	struct xsk_socket *xsk;		/* NULL = not bound */
};

struct dp_rings {
	alignas(64) uint8_t *area;	/* of the whole UMEM; ring addresses are offsets into it */
	uint64_t *free;			/* stack of frames' offsets */
	uint32_t n_free;
	uint32_t frame_size, ring_size;
	uint32_t frames;		/* owned by this worker */
	unsigned n_sockets;
	struct dp_socket *sockets;	/* slice of dp_umem.sockets */
	struct dp_socket *transmit[STEER_PORTS_MAX];	/* the one that sends, by port index */
};

struct dp_umem {
	uint8_t *area;
	size_t size;
	bool is_huge;
	struct dp_xsk_conf conf;
	struct steer *steer;
	struct xsk_umem *xsk;
	unsigned n_sockets, n_rings;
	struct dp_socket *sockets;	/* worker by worker */
	struct dp_rings *rings;		/* one a worker */
};

/* ---- layout: which worker has which sockets and frames ---- */

static unsigned count_sockets(struct dp_port *const *ports, unsigned n_ports)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_ports; i++)
		n += ports[i]->queues;
	return n;
}

/* Gives worker its queues of every port, from sockets on. Returns how many. */
static unsigned assign_sockets(struct dp_rings *rings, struct dp_socket *sockets, unsigned worker,
			       unsigned workers, struct dp_port *const *ports, unsigned n_ports)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_ports; i++) {
		for (unsigned queue = worker; queue < ports[i]->queues; queue += workers) {
			sockets[n] = (struct dp_socket) {
				.fd = -1,
				.port = ports[i],
				.port_index = ports[i]->index,
				.queue = queue,
			};
			if (queue == worker)
				rings->transmit[ports[i]->index] = &sockets[n];
			n++;
		}
	}
	rings->sockets = sockets;
	rings->n_sockets = n;
	return n;
}

static void *calloc_aligned(size_t n, size_t size)
{
	void *memory = aligned_alloc(64, n * size);

	return memory ? memset(memory, 0, n * size) : NULL;
}

static void free_layout(struct dp_umem *umem)
{
	for (unsigned i = 0; umem->rings && i < umem->n_rings; i++)
		free(umem->rings[i].free);
	free(umem->rings);
	free(umem->sockets);
	free(umem);
}

/* Everything but the memory and the kernel's part; NULL when out of memory. */
static struct dp_umem *new_layout(struct dp_port *const *ports, unsigned n_ports, unsigned workers,
				  const struct dp_xsk_conf *conf)
{
	struct dp_umem *umem = calloc(1, sizeof(*umem));
	unsigned at = 0;

	if (!umem)
		return NULL;
	umem->conf = *conf;
	umem->n_sockets = count_sockets(ports, n_ports);
	umem->sockets = calloc_aligned(umem->n_sockets, sizeof(*umem->sockets));
	umem->rings = calloc_aligned(workers, sizeof(*umem->rings));
	if (!umem->sockets || !umem->rings)
		goto err_free;
	umem->n_rings = workers;
	for (unsigned w = 0; w < workers; w++) {
		struct dp_rings *rings = &umem->rings[w];

		at += assign_sockets(rings, &umem->sockets[at], w, workers, ports, n_ports);
		rings->frame_size = conf->frame_size;
		rings->ring_size = conf->ring_size;
		rings->frames = rings->n_sockets * 2 * conf->ring_size + FRAMES_SPARE;
		rings->free = calloc(rings->frames, sizeof(*rings->free));
		if (!rings->free)
			goto err_free;
		umem->size += (size_t)rings->frames * conf->frame_size;
	}
	return umem;

err_free:
	free_layout(umem);
	return NULL;
}

/* All frames free, each worker with its own. */
static void reset_frames(struct dp_umem *umem)
{
	uint64_t offset = 0;

	for (unsigned w = 0; w < umem->n_rings; w++) {
		struct dp_rings *rings = &umem->rings[w];

		rings->area = umem->area;
		for (rings->n_free = 0; rings->n_free < rings->frames; offset += rings->frame_size)
			rings->free[rings->n_free++] = offset;
	}
	for (unsigned i = 0; i < umem->n_sockets; i++) {
		struct dp_socket *s = &umem->sockets[i];

		s->receiving = s->sending = s->queued = 0;
	}
}

/* ---- memory ---- */

static int map_area(struct dp_umem *umem)
{
	umem->size = dp_huge_round(umem->size);
	umem->area = dp_huge_map_reserved(umem->size, &umem->is_huge);
	return umem->area ? 0 : -errno;
}

/* ---- rings ---- */

/* The frame around offset, wherever in it that lies, becomes free. */
static void give_offset(struct dp_rings *rings, uint64_t offset)
{
	rings->free[rings->n_free++] = offset & ~(uint64_t)(rings->frame_size - 1);
}

static void refill(struct dp_rings *rings, struct dp_socket *s)
{
	uint32_t at, n = rings->ring_size - s->receiving;

	if (n > rings->n_free)
		n = rings->n_free;
	if (!n || !xsk_ring_prod__reserve(&s->fill, n, &at))
		return;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&s->fill, at + i) = rings->free[--rings->n_free];
	xsk_ring_prod__submit(&s->fill, n);
	s->receiving += n;
	if (xsk_ring_prod__needs_wakeup(&s->fill))
		recvfrom(s->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static uint32_t unsent(const struct dp_socket *s)
{
	return *s->tx.producer - __atomic_load_n(s->tx.consumer, __ATOMIC_ACQUIRE);
}

/* Publishes and kicks. True while the kernel would take more if asked again. */
static bool transmit(struct dp_socket *s)
{
	uint32_t waiting;

	if (s->queued) {
		xsk_ring_prod__submit(&s->tx, s->queued);
		s->queued = 0;
	}
	waiting = unsent(s);
	if (!waiting)
		return false;
	for (uint32_t kicks = waiting / KICK_FRAMES + 1; kicks; kicks--) {
		if (!xsk_ring_prod__needs_wakeup(&s->tx))
			return false;	/* the driver is at it */
		if (sendto(s->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			return false;
		/* EAGAIN: more remains. EBUSY: a frame was dropped, more may remain. Otherwise (ENETDOWN) the
		 * rest stays until the port is up again; nothing is gained by coming back soon. */
		if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR)
			return false;
	}
	return true;
}

static void collect_completions(struct dp_rings *rings, struct dp_socket *s)
{
	uint32_t at, n;

	if (!s->sending)
		return;
	n = xsk_ring_cons__peek(&s->completion, s->sending, &at);
	for (uint32_t i = 0; i < n; i++)
		give_offset(rings, *xsk_ring_cons__comp_addr(&s->completion, at + i));
	if (n)
		xsk_ring_cons__release(&s->completion, n);
	s->sending -= n;
}

/* ---- the kernel's part ---- */

static void close_sockets(struct dp_umem *umem)
{
	for (unsigned i = 0; i < umem->n_sockets; i++) {
		struct dp_socket *s = &umem->sockets[i];

		if (!s->xsk)
			continue;
		steer_socket_clear(umem->steer, s->port_index, s->queue);
		xsk_socket__delete(s->xsk);
		s->xsk = NULL;
	}
	if (umem->xsk)
		xsk_umem__delete(umem->xsk);
	umem->xsk = NULL;
}

static int register_umem(struct dp_umem *umem, char *error, size_t size)
{
	struct xsk_umem_config config = {
		/* Twice what is ever in it: the kernel publishes what it took a little after it hands over the
		 * frames, and a refill must not fail for that. */
		.fill_size = 2 * umem->conf.ring_size,
		.comp_size = umem->conf.ring_size,
		.frame_size = umem->conf.frame_size,
	};
	struct dp_socket *first = &umem->sockets[0];
	int err = xsk_umem__create(&umem->xsk, umem->area, umem->size, &first->fill, &first->completion, &config);

	if (!err)
		return 0;
	umem->xsk = NULL;
	if (err == -EPERM)
		return log_fail(err, error, size, "AF_XDP: not permitted, CAP_NET_RAW is needed");
	if (err == -ENOBUFS)
		return log_fail(err, error, size, "AF_XDP: %zu MiB exceed the locked memory limit: grant CAP_IPC_LOCK "
			    "or raise LimitMEMLOCK", umem->size >> 20);
	return log_fail(err, error, size, "AF_XDP: registering %zu MiB: %s", umem->size >> 20, strerror(-err));
}

/* libxdp opens its sockets inheritable. The rest are wishes that an older kernel may refuse. */
static void set_options(struct dp_socket *s, uint32_t ring_size)
{
	int budget = ring_size < KICK_BUDGET ? ring_size : KICK_BUDGET;

	fcntl(s->fd, F_SETFD, FD_CLOEXEC);
	setsockopt(s->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
}

/* From then on each receive from an empty ring makes the kernel look at the device, on this thread. Prefer: interrupts
 * of the device stay off meanwhile, where napi_defer_hard_irqs and gro_flush_timeout of the device say so. */
static void set_busy_poll(struct dp_socket *s, uint32_t us)
{
	const int prefer = 1, microseconds = (int)us, budget = POLL_BUDGET;

	s->busy_poll = us && !setsockopt(s->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &prefer, sizeof(prefer)) &&
		       !setsockopt(s->fd, SOL_SOCKET, SO_BUSY_POLL, &microseconds, sizeof(microseconds)) &&
		       !setsockopt(s->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof(budget));
	if (us && !s->busy_poll)
		log_warning("%s queue %u: busy polling is refused: %s", s->port->name, s->queue, strerror(errno));
	s->port->busy_poll &= s->busy_poll;
}

static int bind_socket(struct dp_umem *umem, struct dp_socket *s, bool zero_copy, char *error, size_t size)
{
	struct xsk_socket_config config = {
		.rx_size = umem->conf.ring_size,
		.tx_size = umem->conf.ring_size,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		/* The first socket's flags; the kernel holds the others to the same mode. */
		.bind_flags = XDP_USE_NEED_WAKEUP | (zero_copy ? XDP_ZEROCOPY : XDP_COPY),
	};
	int err = xsk_socket__create_shared(&s->xsk, s->port->name, s->queue, umem->xsk, &s->rx, &s->tx, &s->fill,
					    &s->completion, &config);

	if (err) {
		s->xsk = NULL;
		return log_fail(err, error, size, "AF_XDP socket on %s queue %u (%s): %s", s->port->name, s->queue,
			    zero_copy ? "zero-copy" : "copy mode",
			    err == -EBUSY ? "another program has it" : strerror(-err));
	}
	s->fd = xsk_socket__fd(s->xsk);
	set_options(s, umem->conf.ring_size);
	set_busy_poll(s, umem->conf.busy_poll_us);
	return 0;
}

/* All sockets in one mode, or none. */
static int open_sockets(struct dp_umem *umem, bool zero_copy, char *error, size_t size)
{
	int err;

	reset_frames(umem);
	err = register_umem(umem, error, size);
	if (err)
		return err;
	for (unsigned i = 0; i < umem->n_sockets; i++)
		umem->sockets[i].port->busy_poll = umem->conf.busy_poll_us;
	for (unsigned i = 0; i < umem->n_sockets; i++) {
		err = bind_socket(umem, &umem->sockets[i], zero_copy, error, size);
		if (err) {
			close_sockets(umem);
			return err;
		}
	}
	for (unsigned i = 0; i < umem->n_sockets; i++)
		umem->sockets[i].port->zero_copy = zero_copy;
	return 0;
}

static int open_sockets_patiently(struct dp_umem *umem, bool zero_copy, char *error, size_t size)
{
	uint64_t give_up_ns = clock_mono_ns() + (uint64_t)BIND_PATIENCE_MS * CLOCK_NS_PER_MS;
	int err;

	for (;;) {
		err = open_sockets(umem, zero_copy, error, size);
		if (err != -EBUSY || clock_mono_ns() >= give_up_ns)
			return err;
		clock_pause_ms(BIND_PAUSE_MS);
	}
}

/* Zero-copy works only where the driver itself runs the filter. */
static bool all_native(const struct dp_umem *umem)
{
	for (unsigned i = 0; i < umem->n_sockets; i++)
		if (umem->sockets[i].port->mode != STEER_NATIVE)
			return false;
	return true;
}

static int open_in_best_mode(struct dp_umem *umem, char *error, size_t size)
{
	enum dp_copy wanted = umem->conf.copy;
	int err;

	if (wanted == DP_COPY_ZERO && !all_native(umem))
		return log_fail(-EOPNOTSUPP, error, size, "zero-copy needs the filter in native mode on every port");
	if (wanted != DP_COPY_COPY && all_native(umem)) {
		err = open_sockets_patiently(umem, true, error, size);
		if (!err || err == -EBUSY || wanted == DP_COPY_ZERO)
			return err;
	}
	return open_sockets_patiently(umem, false, error, size);
}

/* Only a socket with a full fill ring goes into the filter's map. */
static int start_sockets(struct dp_umem *umem, char *error, size_t size)
{
	for (unsigned w = 0; w < umem->n_rings; w++)
		for (unsigned i = 0; i < umem->rings[w].n_sockets; i++)
			refill(&umem->rings[w], &umem->rings[w].sockets[i]);
	for (unsigned i = 0; i < umem->n_sockets; i++) {
		struct dp_socket *s = &umem->sockets[i];
		int err = steer_socket_set(umem->steer, s->port_index, s->queue, s->fd);

		if (err)
			return log_fail(err, error, size, "AF_XDP socket of %s queue %u into the filter: %s",
				    s->port->name, s->queue, strerror(-err));
	}
	return 0;
}

static int log_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level != LIBXDP_DEBUG)
		log_library("libxdp", format, args);
	return 0;
}

int dp_umem_open(struct dp_umem **out, struct steer *steer, struct dp_port *const *ports,
		 unsigned n_ports, unsigned workers, const struct dp_xsk_conf *conf,
		 char *error, size_t size)
{
	struct dp_umem *umem = new_layout(ports, n_ports, workers, conf);
	int err;

	if (!umem)
		return log_fail(-ENOMEM, error, size, "AF_XDP: out of memory");
	libxdp_set_print(log_libxdp);
	umem->steer = steer;
	err = map_area(umem);
	if (err) {
		log_fail(err, error, size, "AF_XDP: mapping %zu MiB: %s", umem->size >> 20, strerror(-err));
		goto err_free_layout;
	}
	err = open_in_best_mode(umem, error, size);
	if (err)
		goto err_unmap;
	steer_set_frame_limit(steer, conf->frame_size - DP_XSK_HEADROOM);
	err = start_sockets(umem, error, size);
	if (err)
		goto err_close_sockets;
	*out = umem;
	return 0;

err_close_sockets:
	close_sockets(umem);
err_unmap:
	munmap(umem->area, umem->size);
err_free_layout:
	free_layout(umem);
	return err;
}

void dp_umem_close(struct dp_umem *umem)
{
	if (!umem)
		return;
	close_sockets(umem);
	munmap(umem->area, umem->size);
	free_layout(umem);
}

bool dp_umem_huge(const struct dp_umem *umem)
{
	return umem->is_huge;
}

size_t dp_umem_size(const struct dp_umem *umem)
{
	return umem->size;
}

struct dp_rings *dp_umem_rings(struct dp_umem *umem, unsigned worker)
{
	return &umem->rings[worker];
}

/* ---- worker's thread ---- */

unsigned dp_rings_sockets(const struct dp_rings *rings)
{
	return rings->n_sockets;
}

int dp_rings_fd(const struct dp_rings *rings, unsigned socket)
{
	return rings->sockets[socket].fd;
}

unsigned dp_rings_receive(struct dp_rings *rings, unsigned socket, struct dp_frame *frames, unsigned max)
{
	struct dp_socket *s = &rings->sockets[socket];
	uint32_t at, n = xsk_ring_cons__peek(&s->rx, max, &at);

	if (!n && s->busy_poll) {
		recvfrom(s->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		n = xsk_ring_cons__peek(&s->rx, max, &at);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&s->rx, at + i);

		frames[i] = (struct dp_frame) {
			.data = rings->area + desc->addr,
			.len = desc->len,
			.port = s->port_index,
		};
		__builtin_prefetch(frames[i].data);
	}
	if (n)
		xsk_ring_cons__release(&s->rx, n);
	s->receiving -= n;
	return n;
}

uint8_t *dp_rings_take(struct dp_rings *rings)
{
	if (!rings->n_free)
		return NULL;
	return rings->area + rings->free[--rings->n_free] + DP_XSK_HEADROOM;
}

void dp_rings_give(struct dp_rings *rings, const uint8_t *data)
{
	give_offset(rings, (uint64_t)(data - rings->area));
}

uint32_t dp_rings_room(const struct dp_rings *rings, const uint8_t *data)
{
	return rings->frame_size - (uint32_t)((data - rings->area) & (rings->frame_size - 1));
}

/* dp_port_probe() saw to it that every worker has a queue, hence transmit[], on every port. */
bool dp_rings_send(struct dp_rings *rings, unsigned port, const uint8_t *data, uint32_t len)
{
	struct dp_socket *s = rings->transmit[port];
	struct xdp_desc *desc;
	uint32_t at;

	if (s->sending == rings->ring_size || !xsk_ring_prod__reserve(&s->tx, 1, &at))
		return false;
	desc = xsk_ring_prod__tx_desc(&s->tx, at);
	desc->addr = (uint64_t)(data - rings->area);
	desc->len = len;
	desc->options = 0;
	s->sending++;
	s->queued++;
	return true;
}

/* Descriptors that are written but not submitted are not the kernel's yet. */
static unsigned cancel(struct dp_rings *rings, struct dp_socket *s)
{
	unsigned n = s->queued;

	for (; s->queued; s->queued--, s->sending--) {
		s->tx.cached_prod--;
		give_offset(rings, xsk_ring_prod__tx_desc(&s->tx, s->tx.cached_prod)->addr);
	}
	return n;
}

unsigned dp_rings_cancel(struct dp_rings *rings)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rings->n_sockets; i++)
		n += cancel(rings, &rings->sockets[i]);
	return n;
}

bool dp_rings_flush(struct dp_rings *rings)
{
	bool again = false;

	for (unsigned i = 0; i < rings->n_sockets; i++)
		again |= transmit(&rings->sockets[i]);
	for (unsigned i = 0; i < rings->n_sockets; i++)
		collect_completions(rings, &rings->sockets[i]);
	for (unsigned i = 0; i < rings->n_sockets; i++)
		refill(rings, &rings->sockets[i]);
	return again;
}

void dp_rings_account(const struct dp_rings *rings, struct dp_rings_account *account)
{
	*account = (struct dp_rings_account) { .total = rings->frames, .free = rings->n_free };
	/* What the rings themselves say, so that a counter of ours that went wrong shows. */
	for (unsigned i = 0; i < rings->n_sockets; i++) {
		const struct dp_socket *s = &rings->sockets[i];
		uint32_t taken = __atomic_load_n(s->fill.consumer, __ATOMIC_ACQUIRE);
		uint32_t received = __atomic_load_n(s->rx.producer, __ATOMIC_ACQUIRE);

		account->fill += *s->fill.producer - taken + received - *s->rx.consumer;
		account->tx += s->sending;
	}
}

unsigned dp_umem_sockets(const struct dp_umem *umem)
{
	return umem->n_sockets;
}

int dp_umem_stats(const struct dp_umem *umem, unsigned socket, struct dp_xsk_stats *stats)
{
	const struct dp_socket *s = &umem->sockets[socket];
	struct xdp_statistics kernel = { 0 };
	socklen_t len = sizeof(kernel);

	if (getsockopt(s->fd, SOL_XDP, XDP_STATISTICS, &kernel, &len))
		return -errno;
	*stats = (struct dp_xsk_stats) {
		.port = s->port_index,
		.queue = s->queue,
		.rx_dropped = kernel.rx_dropped,
		.rx_ring_full = kernel.rx_ring_full,
		.rx_fill_empty = kernel.rx_fill_ring_empty_descs,
		.rx_invalid = kernel.rx_invalid_descs,
		.tx_invalid = kernel.tx_invalid_descs,
		.tx_ring_empty = kernel.tx_ring_empty_descs,
	};
	return 0;
}

uint64_t dp_umem_overflow(const struct dp_umem *umem, unsigned port)
{
	uint64_t frames = 0;

	for (unsigned i = 0; i < umem->n_sockets; i++) {
		struct dp_xsk_stats stats;

		if (umem->sockets[i].port_index == port && !dp_umem_stats(umem, i, &stats))
			frames += stats.rx_ring_full + stats.rx_fill_empty;
	}
	return frames;
}
