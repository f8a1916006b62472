/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.h - two nameless network namespaces inside the test process: "own", where the test runs, and
 * "peer", where the other ends of its veth pairs are. They go with the process. Root only.
 */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct netns {
	int own_fd, peer_fd;
};

__attribute__((format(printf, 1, 2), unused))
static bool run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

static inline bool netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) == 0;
}

static inline int netns_make(void)
{
	return unshare(CLONE_NEWNET) ? -1 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Makes both and stays in own. False: not root, or no namespaces here. */
static inline bool netns_open(struct netns *ns)
{
	ns->peer_fd = netns_make();
	ns->own_fd = netns_make();
	return ns->peer_fd >= 0 && ns->own_fd >= 0 && run("ip link set lo up");
}

/* A packet socket at a device of the peer's, of one protocol (host order). -1 when it cannot be. */
static inline int netns_wire(const struct netns *ns, const char *device, unsigned short protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	int fd = -1;

	if (!netns_enter(ns->peer_fd))
		return -1;
	at.sll_ifindex = (int)if_nametoindex(device);
	if (at.sll_ifindex)
		fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		fd = -1;
	}
	return netns_enter(ns->own_fd) ? fd : -1;
}

/* A command in the peer namespace. */
__attribute__((format(printf, 2, 3), unused))
static bool netns_run_peer(const struct netns *ns, const char *format, ...)
{
	char command[512];
	va_list args;
	bool ok;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ok = netns_enter(ns->peer_fd) && run("%s", command);
	return netns_enter(ns->own_fd) && ok;
}

/* A veth pair, own end and peer end, both up, without checksum offload. */
static inline bool netns_veth(const struct netns *ns, const char *own, const char *peer, unsigned queues)
{
	return run("ip link add %s numrxqueues %u numtxqueues %u type veth "
		   "peer name %s numrxqueues %u numtxqueues %u",
		   own, queues, queues, peer, queues, queues) &&
	       run("ethtool -K %s tx off >/dev/null && ethtool -K %s tx off >/dev/null", own, peer) &&
	       run("ip link set %s netns /proc/%d/fd/%d", peer, getpid(), ns->peer_fd) &&
	       run("ip link set %s up", own) && netns_run_peer(ns, "ip link set %s up", peer);
}

#endif
