/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * macprobe.c - frames for virtual MACs. Contract in macprobe.h.
 *
 * A packet socket sees frames for MACs that are not the device's own, in front of tcx and whether or not a lease is
 * held; the XDP filter passes what is neither IP nor ARP.
 */
#include "node/macprobe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"

enum {
	TYPE = 0x88b5,
	PAYLOAD = 46,			/* the shortest there is */
	AT_NUMBER = 8,
	MAGIC = 0x54444d70,		/* "TDMp" */
	READS_MAX = 16,			/* of one turn */
	BUFFER = 16 * 1024,
};

struct macprobe {
	struct loop *loop;
	struct loop_fd io;
	int ifindex;
	void (*on_number)(void *context, uint64_t number);
	void *context;
};

/* Of the number, most significant octet first. */
static uint64_t read_number(const uint8_t *at)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < sizeof(number); i++)
		number = number << 8 | at[i];
	return number;
}

static void on_frame(struct loop_fd *self, uint32_t events)
{
	struct macprobe *p = (struct macprobe *)((char *)self - offsetof(struct macprobe, io));
	uint8_t payload[PAYLOAD];

	(void)events;
	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(self->fd, payload, sizeof(payload), MSG_DONTWAIT);

		if (n < 0 && errno == ENETDOWN)
			continue;	/* told once; what waits is behind it */
		if (n < 0)
			return;
		if (n >= AT_NUMBER + (ssize_t)sizeof(uint64_t))
			p->on_number(p->context, read_number(payload + AT_NUMBER));
	}
}

/* Before it is bound, so that nothing else is ever queued: unicast frames with the magic. */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, PACKET_HOST },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 3, PACKET_OTHERHOST },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, MAGIC },
		{ BPF_RET | BPF_K, 0, 0, PAYLOAD },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int open_socket(struct macprobe *p)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_protocol = htons(TYPE), .sll_ifindex = p->ifindex };
	int on = 1, buffer = BUFFER, err;

	p->io.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->io.fd < 0)
		return -errno;
	err = attach_filter(p->io.fd);
	if (err)
		return err;
	if (setsockopt(p->io.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(p->io.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) ||
	    bind(p->io.fd, (struct sockaddr *)&here, sizeof(here)))
		return -errno;
	p->io.on_ready = on_frame;
	return loop_fd_add(p->loop, &p->io, EPOLLIN);
}

int macprobe_open(struct macprobe **result, struct loop *loop, const char *interface,
		  void (*on_number)(void *context, uint64_t number), void *context)
{
	struct macprobe *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->io.fd = -1;
	p->on_number = on_number;
	p->context = context;
	p->ifindex = (int)if_nametoindex(interface);
	err = p->ifindex ? open_socket(p) : -errno;
	if (err)
		macprobe_close(p);
	else
		*result = p;
	return err;
}

void macprobe_close(struct macprobe *p)
{
	if (!p)
		return;
	if (p->io.added)
		loop_fd_remove(p->loop, &p->io);
	if (p->io.fd >= 0)
		close(p->io.fd);
	free(p);
}

int macprobe_send(struct macprobe *p, const uint8_t virtual_mac[6], uint64_t number)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(TYPE), .sll_ifindex = p->ifindex, .sll_halen = 6,
	};
	uint8_t payload[PAYLOAD] = { 'T', 'D', 'M', 'p' };

	memcpy(to.sll_addr, virtual_mac, 6);
	for (unsigned i = 0; i < sizeof(number); i++)
		payload[AT_NUMBER + i] = (uint8_t)(number >> 8 * (sizeof(number) - 1 - i));
	return sendto(p->io.fd, payload, sizeof(payload), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0 ?
	       -errno : 0;
}
