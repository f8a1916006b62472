/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reflect_xdp.c - the server that is never the bottleneck: XDP turns every query to port 53 into an answer to
 * itself and sends it back (XDP_TX). Behind a veth the other end needs native XDP too, or its ring stalls.
 *
 *      reflect_xdp [-a] DEVICE...     until SIGTERM; prints "ready" when it reflects
 *
 * With -a answers have three A records. SIGUSR1 then makes it print a line of JSON: how many queries there were by the
 * first letters of their names.
 */
#include <unistd.h>
#include "tests/bench/attach.h"
#include "tests/bench/reflect_xdp.skel.h"

static volatile sig_atomic_t asked;

static void on_asked(int signal_number)
{
	(void)signal_number;
	asked = 1;
}

static void print_letters(int letters)
{
	const char *comma = "";

	printf("{");
	for (unsigned letter = 'a'; letter <= 'z'; letter++) {
		__u64 count = 0;

		bpf_map_lookup_elem(letters, &letter, &count);
		if (count)
			printf("%s\"%c\": %llu", comma, letter, (unsigned long long)count);
		comma = count ? ", " : comma;
	}
	printf("}\n");
	fflush(stdout);
}

static void run(const struct reflect_xdp_bpf *skeleton, const sigset_t *unblocked)
{
	printf("ready\n");
	fflush(stdout);
	while (!stopping) {
		sigsuspend(unblocked);
		if (asked)
			print_letters(bpf_map__fd(skeleton->maps.letters));
		asked = 0;
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_asked };
	bool answers = argc > 1 && strcmp(argv[1], "-a") == 0;
	int status = 0, first = answers ? 2 : 1;
	struct reflect_xdp_bpf *skeleton;
	sigset_t blocked, before;

	if (argc <= first) {
		fprintf(stderr, "usage: reflect_xdp [-a] DEVICE...\n");
		return 1;
	}
	skeleton = reflect_xdp_bpf__open_and_load();
	if (!skeleton)
		return 1;
	/* Blocked until sigsuspend(), so that an early signal is not lost. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	catch_signals();
	sigaction(SIGUSR1, &action, NULL);
	for (int i = first; i < argc && !status; i++)
		status = attach(answers ? skeleton->progs.answer : skeleton->progs.reflect, argv[i]) < 0;
	if (!status)
		run(skeleton, &before);
	reflect_xdp_bpf__destroy(skeleton);
	return status;
}
