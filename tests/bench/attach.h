/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.h - what the programs with an XDP program have in common: attach it, run until told to stop.
 */
#ifndef TESTS_BENCH_ATTACH_H
#define TESTS_BENCH_ATTACH_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stopping;

static void on_signal(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static inline void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Native, else generic. A link's fd, or -errno with the reason on standard error. */
static inline int attach(struct bpf_program *program, const char *device)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	unsigned ifindex = if_nametoindex(device);
	int fd = bpf_link_create(bpf_program__fd(program), ifindex, BPF_XDP, &native);

	if (fd < 0)
		fd = bpf_link_create(bpf_program__fd(program), ifindex, BPF_XDP, &generic);
	if (fd < 0)
		fprintf(stderr, "%s: %s\n", device, strerror(-fd));
	return fd;
}

#endif
