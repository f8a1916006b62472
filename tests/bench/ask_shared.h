/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask_shared.h - what ask.c and its XDP program share: which port and id is which query, and what is noted of it.
 *
 * Query n of stream s has slot s * ASK_SLOTS + n % ASK_SLOTS. The slot's low 16 bits are the query's id, the others,
 * counted from ASK_PORT_FIRST, its source port. A slot holds the time of sending (CLOCK_MONOTONIC, nanoseconds) until
 * the answer is there, then ASK_ANSWERED, the header's TC and rcode, and how long it took.
 */
#ifndef TESTS_BENCH_ASK_SHARED_H
#define TESTS_BENCH_ASK_SHARED_H

#include <linux/types.h>

enum {
	ASK_STREAMS_MAX = 4,
	ASK_SLOTS_LOG2 = 20,
	ASK_SLOTS = 1 << ASK_SLOTS_LOG2,
	ASK_PORT_FIRST = 2048,
	ASK_PORTS = ASK_STREAMS_MAX * ASK_SLOTS >> 16,
	ASK_TC_SHIFT = 62,
	ASK_RCODE_SHIFT = 58,
};

#define ASK_ANSWERED ((__u64)1 << 63)
#define ASK_LATENCY_MASK (((__u64)1 << ASK_RCODE_SHIFT) - 1)

#endif
