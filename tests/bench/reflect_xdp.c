/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reflect_xdp.c - the server that is never the bottleneck: XDP turns every query to port 53 into an answer to
 * itself and sends it back (XDP_TX). Behind a veth the other end needs native XDP too, or its ring stalls.
 *
 *      reflect_xdp DEVICE...      until SIGTERM; prints "ready" when it reflects
 */
#include <unistd.h>
#include "tests/bench/reflect.h"

int main(int argc, char **argv)
{
	struct reflect_xdp_bpf *skeleton = reflect_xdp_bpf__open_and_load();
	int status = skeleton && argc > 1 ? 0 : 1;
	sigset_t blocked, before;

	if (argc < 2)
		fprintf(stderr, "usage: reflect_xdp DEVICE...\n");
	/* Blocked until sigsuspend(), so that an early signal is not lost. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	catch_signals();
	for (int i = 1; i < argc && !status; i++)
		status = attach(skeleton->progs.reflect, argv[i]) < 0;
	if (!status) {
		printf("ready\n");
		fflush(stdout);
		while (!stopping)
			sigsuspend(&before);
	}
	reflect_xdp_bpf__destroy(skeleton);
	return status;
}
