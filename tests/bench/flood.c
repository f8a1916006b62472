/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood.c - sends given frames at a given rate, and then stops.
 *
 *   flood DEVICE RATE SECONDS < frames       whole Ethernet frames in hexadecimal, one a line, sent in turn
 *
 * RATE frames a second, evenly, RATE * SECONDS of them; fewer when the machine does not get there in time. At the end
 * it writes how many they were and how many seconds that took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	FRAMES_MAX = 64,
	FRAME_MAX = 1514,
	FRAME_MIN = 14,
	BATCH_MAX = 64,			/* a burst stays shorter than a receive ring */
	RATE_MAX = 1000 * 1000,
	SECONDS_MAX = 600,
	PAUSE_NS = 100 * 1000,
};

struct frames {
	uint8_t octets[FRAMES_MAX][FRAME_MAX];
	struct iovec vector[FRAMES_MAX];
	unsigned n;
};

struct run {
	uint64_t sent, took_ns;
};

/* Length of the frame in text, or 0. */
static size_t read_frame(const char *text, uint8_t *out)
{
	size_t len = 0;
	int used;

	while (len < FRAME_MAX && sscanf(text, "%2hhx%n", &out[len], &used) == 1) {
		text += used;
		len++;
	}
	return len >= FRAME_MIN && text[strspn(text, " \n")] == '\0' ? len : 0;
}

static bool read_frames(struct frames *frames)
{
	char line[2 * FRAME_MAX + 2];

	while (frames->n < FRAMES_MAX && fgets(line, sizeof(line), stdin)) {
		size_t len = read_frame(line, frames->octets[frames->n]);

		if (!len)
			return false;
		frames->vector[frames->n] = (struct iovec){ frames->octets[frames->n], len };
		frames->n++;
	}
	return frames->n && feof(stdin);
}

/* A socket that only sends. */
static int open_device(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&to, sizeof(to)) && to.sll_ifindex)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* count frames from number on. How many the device took, none when it has no room; or -errno. */
static int send_batch(int fd, struct frames *frames, uint64_t number, unsigned count)
{
	struct mmsghdr messages[BATCH_MAX] = { 0 };
	int n;

	for (unsigned i = 0; i < count; i++)
		messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &frames->vector[(number + i) % frames->n],
			.msg_iovlen = 1,
		};
	n = sendmmsg(fd, messages, count, 0);
	if (n < 0)
		return errno == ENOBUFS ? 0 : -errno;
	return n;
}

/* 0 or -errno; what was done until then is in *run. */
static int flood(int fd, struct frames *frames, unsigned rate, unsigned seconds, struct run *run)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t begin_ns = clock_mono_ns(), limit_ns = (uint64_t)seconds * CLOCK_NS_PER_S;
	uint64_t total = (uint64_t)rate * seconds;

	while (run->sent < total && run->took_ns < limit_ns) {
		uint64_t due = run->took_ns * rate / CLOCK_NS_PER_S + 1, wanted = due - run->sent;
		int n = send_batch(fd, frames, run->sent, wanted < BATCH_MAX ? (unsigned)wanted : BATCH_MAX);

		if (n < 0)
			return n;
		run->sent += (unsigned)n;
		if (wanted <= BATCH_MAX)
			nanosleep(&pause, NULL);
		run->took_ns = clock_mono_ns() - begin_ns;
	}
	return 0;
}

static unsigned number(const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *end || value > max ? 0 : (unsigned)value;
}

int main(int argc, char **argv)
{
	static struct frames frames;
	unsigned rate = argc == 4 ? number(argv[2], RATE_MAX) : 0;
	unsigned seconds = argc == 4 ? number(argv[3], SECONDS_MAX) : 0;
	struct run run = { 0 };
	int fd, err;

	if (!rate || !seconds) {
		fprintf(stderr, "flood DEVICE RATE(1-%d) SECONDS(1-%d) < frames\n", RATE_MAX, SECONDS_MAX);
		return 2;
	}
	if (!read_frames(&frames)) {
		fprintf(stderr, "flood: up to %d frames in hexadecimal, one a line\n", FRAMES_MAX);
		return 2;
	}
	fd = open_device(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "flood: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	prctl(PR_SET_TIMERSLACK, 1);
	err = flood(fd, &frames, rate, seconds, &run);
	if (err)
		fprintf(stderr, "flood: %s: %s\n", argv[1], strerror(-err));
	printf("%llu frames in %.3f s\n", (unsigned long long)run.sent, (double)run.took_ns / CLOCK_NS_PER_S);
	close(fd);
	return err ? 1 : 0;
}
