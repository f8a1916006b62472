/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - messages copied by workers, read as pcap records by the control thread.
 * A ring has one writer (its worker) and one reader; both positions only grow and wrap at 2^32. The worker copies
 * flow and payload and reads the clock, no more; headers and checksums are the reader's business.
 */
#include "dataplane/trace.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counters.h"

enum {
	RING_SLOTS = 256,		/* a power of two */
	PCAP_RECORD = 16,
	RECORD_MAX = 4096,
	/* Longer messages (TCP) are cut; the record says how long they were. */
	PAYLOAD_MAX = RECORD_MAX - PCAP_RECORD - DP_HEADERS_MAX,
};

struct slot {
	struct dp_flow flow;		/* own sends to peer, whichever of the two we are */
	uint64_t wall_ns;
	uint16_t len;			/* octets in payload */
	uint16_t full_len;		/* of the message */
	uint8_t payload[PAYLOAD_MAX];
};

struct dp_trace_ring {
	/* worker's line */
	_Alignas(64) _Atomic uint32_t head;
	_Atomic uint64_t lost;
	/* control thread's line */
	_Alignas(64) _Atomic uint32_t tail;
	_Alignas(64) struct slot slots[RING_SLOTS];
};

/* As the file has it, in our byte order: the magic number tells the reader which. */
struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	int32_t zone;
	uint32_t sigfigs, snap_len, link_type;
};
_Static_assert(sizeof(struct pcap_header) == 24, "as in the file");

struct pcap_record {
	uint32_t seconds, nanoseconds, captured_len, full_len;
};
_Static_assert(sizeof(struct pcap_record) == PCAP_RECORD, "as in the file");

struct dp_trace_ring *dp_trace_ring_new(void)
{
	struct dp_trace_ring *ring = aligned_alloc(_Alignof(struct dp_trace_ring), sizeof(*ring));

	if (!ring)
		return NULL;
	/* The slots are left alone: a megabyte that most nodes never need. */
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->lost, 0);
	return ring;
}

void dp_trace_ring_free(struct dp_trace_ring *ring)
{
	free(ring);
}

static bool is_at_or_below(const struct name *name, const struct name *top)
{
	size_t at;

	if (name->labels < top->labels)
		return false;
	at = name->offset[name->labels - top->labels];
	return name->len - at == top->len && memcmp(name->wire + at, top->wire, top->len) == 0;
}

bool dp_trace_match(const struct dp_trace *trace, const struct addr *client, const struct name *name,
		    const struct endpoint *server)
{
	if (trace->by_client && !prefix_contains(&trace->client, client))
		return false;
	if (trace->by_name && !is_at_or_below(name, &trace->name))
		return false;
	return !(trace->by_server && server) || endpoint_equal(&trace->server, server);
}

/* Takes one of the frames still wanted; several workers may want the last one. */
static bool take_one(_Atomic uint32_t *left)
{
	uint32_t n = atomic_load_explicit(left, memory_order_relaxed);

	while (n > 0 && !atomic_compare_exchange_weak_explicit(left, &n, n - 1, memory_order_relaxed,
							       memory_order_relaxed))
		;
	return n > 0;
}

/* The flow as its sender has it. */
static void orient(struct dp_flow *out, const struct dp_flow *flow, bool sent)
{
	*out = *flow;
	if (!sent) {
		out->own = flow->peer;
		out->own_port = flow->peer_port;
		memcpy(out->own_mac, flow->peer_mac, sizeof(out->own_mac));
		out->peer = flow->own;
		out->peer_port = flow->own_port;
		memcpy(out->peer_mac, flow->own_mac, sizeof(out->peer_mac));
	}
	/* Kernel sockets may not tell our own address; the frame needs both of one family. */
	if (addr_is_v4(&out->own) != addr_is_v4(&out->peer))
		*(addr_is_v4(&out->own) ? &out->peer : &out->own) = addr_from_v4(0);
}

void dp_trace_put(struct dp_trace *trace, struct dp_trace_ring *ring, const struct dp_flow *flow,
		  bool sent, const uint8_t *payload, uint16_t payload_len)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	struct slot *slot = &ring->slots[head & (RING_SLOTS - 1)];

	if (atomic_load_explicit(&trace->left, memory_order_relaxed) == 0)
		return;
	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == RING_SLOTS) {
		counters_add(&ring->lost, 1);
		return;
	}
	if (!take_one(&trace->left))
		return;
	orient(&slot->flow, flow, sent);
	slot->wall_ns = clock_wall_ns();
	slot->full_len = payload_len;
	slot->len = payload_len < PAYLOAD_MAX ? payload_len : PAYLOAD_MAX;
	memcpy(slot->payload, payload, slot->len);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

size_t dp_trace_pcap_header(uint8_t *out)
{
	const struct pcap_header header = {
		.magic = 0xa1b23c4d,	/* with nanoseconds */
		.major = 2,
		.minor = 4,
		.snap_len = RECORD_MAX,
		.link_type = 1,		/* LINKTYPE_ETHERNET */
	};

	memcpy(out, &header, sizeof(header));
	return sizeof(header);
}

size_t dp_trace_pop(struct dp_trace_ring *ring, uint8_t *out, size_t size)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const struct slot *slot = &ring->slots[tail & (RING_SLOTS - 1)];
	uint8_t *payload = out + PCAP_RECORD + DP_HEADERS_MAX, *frame;
	struct pcap_record record;

	if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail ||
	    size < (size_t)PCAP_RECORD + DP_HEADERS_MAX + slot->len)
		return 0;
	memcpy(payload, slot->payload, slot->len);
	frame = dp_packet_write(payload, slot->len, &slot->flow);
	record.seconds = (uint32_t)(slot->wall_ns / CLOCK_NS_PER_S);
	record.nanoseconds = (uint32_t)(slot->wall_ns % CLOCK_NS_PER_S);
	record.captured_len = (uint32_t)(payload - frame) + slot->len;
	record.full_len = (uint32_t)(payload - frame) + slot->full_len;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);

	/* Short headers leave a gap between record and frame. */
	memcpy(out, &record, sizeof(record));
	memmove(out + sizeof(record), frame, record.captured_len);
	return sizeof(record) + record.captured_len;
}

uint64_t dp_trace_lost(const struct dp_trace_ring *ring)
{
	return counters_read(&ring->lost);
}
