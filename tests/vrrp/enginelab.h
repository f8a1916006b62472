/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enginelab.h - two VRRP engines on the ends of one veth pair, and a third party that reads and forges frames.
 *
 *      namespace "own"                     namespace "peer"
 *      engine A, 192.0.2.1  va ----- vb    engine B, 192.0.2.2
 *              the wire is read at va      frames are forged at vb
 *
 * No address is configured: an engine knows of its links what it is told.
 */
#ifndef TESTS_ENGINELAB_H
#define TESTS_ENGINELAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/health.h"
#include "base/lease.h"
#include "base/log.h"
#include "tests/dataplane/netns.h"
#include "vrrp/engine.h"

enum { SIDE_A, SIDE_B, SIDES };

static const char *const side_device[SIDES] = { "va", "vb" };
static const char *const side_address[SIDES] = { "192.0.2.1", "192.0.2.2" };
static const char *const side_link_local[SIDES] = { "fe80::a", "fe80::b" };
static const uint8_t side_mac[SIDES][6] = { { 2, 0, 0, 0, 0, 0xa }, { 2, 0, 0, 0, 0, 0xb } };
static const uint8_t virtual_mac_51[6] = { 0, 0, 0x5e, 0, 1, 51 };

static struct netns lab_ns;

static inline bool lab_open(void)
{
	return netns_open(&lab_ns) && netns_veth(&lab_ns, "va", "vb", 1) &&
	       run("sysctl -qw net.ipv6.conf.va.disable_ipv6=1; ip link set va address 02:00:00:00:00:0a") &&
	       netns_run_peer(&lab_ns, "sysctl -qw net.ipv6.conf.vb.disable_ipv6=1; "
			      "ip link set vb address 02:00:00:00:00:0b");
}

static inline int side_ns(unsigned side)
{
	return side == SIDE_A ? lab_ns.own_fd : lab_ns.peer_fd;
}

static inline struct addr address(const char *text)
{
	struct addr addr;

	if (addr_parse(text, &addr))
		abort();
	return addr;
}

/* ---- an engine and what surrounds it ---- */

struct node {
	unsigned side;
	struct vrrp_conf conf[2];
	unsigned n;
	struct lease_page leases;
	struct vrrp_last_words words[2];
	struct health health;
	int notify_fd;
	struct vrrp_engine *engine;
};

/* VRID 51 for 192.0.2.53 at 10 cs; tests change what they are about. */
static inline struct vrrp_conf plain_conf(unsigned side, uint8_t priority)
{
	struct vrrp_conf conf = {
		.vrid = 51, .priority = priority, .interval_cs = 10, .preempt = true, .virtual_mac = true,
		.linger_ms = 300, .burst = 3, .burst_gap_ms = 20, .count = 1,
		.addresses = { address("192.0.2.53") },
	};

	snprintf(conf.interface, sizeof(conf.interface), "%s", side_device[side]);
	return conf;
}

/* The same VRID of IPv6: fe80::53 and 2001:db8::53. */
static inline struct vrrp_conf plain_conf_v6(unsigned side, uint8_t priority)
{
	struct vrrp_conf conf = plain_conf(side, priority);

	conf.count = 2;
	conf.addresses[0] = address("fe80::53");
	conf.addresses[1] = address("2001:db8::53");
	return conf;
}

static inline void node_init(struct node *node, unsigned side, uint8_t priority)
{
	memset(node, 0, sizeof(*node));
	node->side = side;
	node->conf[0] = plain_conf(side, priority);
	node->n = 1;
}

static inline void node_link(struct node *node, bool up, bool ready)
{
	struct vrrp_link link = { .up = up, .ready = ready };

	memcpy(link.mac, side_mac[node->side], sizeof(link.mac));
	for (unsigned i = 0; i < node->n; i++) {
		link.source = address(vrrp_is_ipv6(&node->conf[i]) ? side_link_local[node->side]
								   : side_address[node->side]);
		vrrp_engine_link(node->engine, i, &link);
	}
}

static inline bool node_open(struct node *node)
{
	struct vrrp_engine_conf conf = {
		.router = node->conf, .n = node->n, .leases = &node->leases, .health = &node->health,
		.last_words = node->words,
	};
	char error[160];
	int err;

	if (health_init(&node->health))
		return false;
	conf.notify_fd = node->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!netns_enter(side_ns(node->side)))
		return false;
	err = vrrp_engine_open(&node->engine, &conf, error, sizeof(error));
	if (err)
		fprintf(stderr, "# %s\n", error);
	return netns_enter(lab_ns.own_fd) && !err && !vrrp_engine_start(node->engine);
}

/* Opened and told that all is there. */
static inline bool node_up(struct node *node)
{
	if (!node_open(node))
		return false;
	node_link(node, true, true);
	return true;
}

static inline void node_down(struct node *node)
{
	if (!node->engine)
		return;
	vrrp_engine_stop(node->engine);
	vrrp_engine_close(node->engine);
	node->engine = NULL;
	close(node->notify_fd);
	health_fini(&node->health);
	log_drain(STDERR_FILENO);
}

static inline struct vrrp_status node_status(struct node *node)
{
	struct vrrp_status status;

	vrrp_engine_status(node->engine, 0, &status);
	return status;
}

static inline void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

/* Milliseconds until the condition held; UINT32_MAX if it never did within limit. */
#define wait_until(condition, limit_ms) ({						\
	uint64_t wait_start_ = clock_mono_ns();						\
	uint32_t waited_ = 0;								\
	while (!(condition) && waited_ != UINT32_MAX) {					\
		usleep(500);								\
		waited_ = (uint32_t)((clock_mono_ns() - wait_start_) / CLOCK_NS_PER_MS);	\
		if (waited_ > (limit_ms))						\
			waited_ = UINT32_MAX;						\
	}										\
	waited_;									\
})

static inline bool node_is(struct node *node, enum vrrp_state state)
{
	return node_status(node).state == state;
}

/* ---- the wire ---- */

struct seen {
	uint64_t at_ns;			/* wall clock */
	bool from_a;
	size_t len;
	uint8_t frame[2048];
};

static inline int wire_open(unsigned side, uint16_t protocol)
{
	int on = 1, buffer = 8 * 1024 * 1024, fd = -1;
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };

	if (!netns_enter(side_ns(side)))
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	to.sll_ifindex = (int)if_nametoindex(side_device[side]);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || !netns_enter(lab_ns.own_fd))
		return -1;
	return fd;
}

static inline bool wire_next(int fd, struct seen *seen, unsigned limit_ms)
{
	struct pollfd waiting = { fd, POLLIN, 0 };
	char control[64];
	struct sockaddr_ll from;
	struct iovec room = { seen->frame, sizeof(seen->frame) };
	struct msghdr header = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct timespec stamp = { 0 };
	ssize_t n;

	if (poll(&waiting, 1, (int)limit_ms) <= 0)
		return false;
	n = recvmsg(fd, &header, 0);
	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
	}
	seen->at_ns = (uint64_t)stamp.tv_sec * CLOCK_NS_PER_S + (uint64_t)stamp.tv_nsec;
	seen->from_a = from.sll_pkttype == PACKET_OUTGOING;
	seen->len = (size_t)n;
	return true;
}

static inline void wire_skip(int fd)
{
	static struct seen seen;

	while (wire_next(fd, &seen, 0))
		;
}

static inline bool is_advert(const struct seen *seen)
{
	return seen->frame[12] == 0x08 && seen->frame[13] == 0 && seen->frame[23] == VRRP_PROTOCOL;
}

static inline uint8_t advert_priority(const struct seen *seen)
{
	return seen->frame[36];
}

static inline bool is_arp(const struct seen *seen, uint8_t operation)
{
	return seen->frame[12] == 0x08 && seen->frame[13] == 6 && seen->frame[21] == operation;
}

/* Gratuitous: sender and target are the same. A probe is none. */
static inline bool is_announcement(const struct seen *seen)
{
	return is_arp(seen, 1) && !memcmp(seen->frame + 28, seen->frame + 38, 4);
}

/* Waits for the first frame that fits, skipping others. */
#define wire_find(fd, seen, condition, limit_ms) ({					\
	uint64_t find_end_ = clock_mono_ns() + (uint64_t)(limit_ms) * CLOCK_NS_PER_MS;	\
	bool found_ = false;								\
	while (!found_ && clock_mono_ns() < find_end_)					\
		found_ = wire_next(fd, seen, 10) && (condition);			\
	found_;										\
})

/* ---- forging ---- */

/* A right advertisement of VRID 51, as another router would send it. */
static inline size_t forge_advert(uint8_t *frame, const char *source, uint8_t vrid, uint8_t priority)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0xc };
	struct vrrp_advert advert = {
		.vrid = vrid, .priority = priority, .interval_cs = 10, .count = 1,
		.addresses = { address("192.0.2.53") },
	};
	struct vrrp_path path = { address(source), address("224.0.0.18") };

	return vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, mac, frame);
}

/* The TTL changed, and the header's sum with it (RFC 1624). */
static inline void forge_ttl(uint8_t *frame, uint8_t ttl)
{
	uint32_t sum = (uint32_t)((frame[24] << 8 | frame[25]) + (frame[22] - ttl) * 256);

	sum = (sum & 0xffff) + (sum >> 16);
	frame[22] = ttl;
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
}

static inline void forge_arp(uint8_t *frame, uint8_t operation, const uint8_t mac[6], const char *sender,
			     const char *target)
{
	static const uint8_t fixed[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0 };
	struct addr from = address(sender), to = address(target);

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, fixed, sizeof(fixed));
	frame[21] = operation;
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, from.bytes + 12, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, to.bytes + 12, 4);
}

/* Sends the frame rate times in a second, spread evenly. Returns how many the kernel took. */
static inline unsigned flood(int fd, uint8_t *frame, size_t len, unsigned rate)
{
	struct iovec room = { frame, len };
	struct mmsghdr batch[64];
	uint64_t start = clock_mono_ns();
	unsigned sent = 0;

	for (unsigned i = 0; i < 64; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &room, .msg_iovlen = 1 };
	while (clock_mono_ns() - start < CLOCK_NS_PER_S) {
		uint64_t owed = (clock_mono_ns() - start) / CLOCK_NS_PER_US * rate / 1000000;

		if (sent + 64 > owed) {
			usleep(300);
			continue;
		}
		if (sendmmsg(fd, batch, 64, 0) > 0)
			sent += 64;
	}
	return sent;
}

/* ---- two engines and the wire between them, for a program's cases ---- */

static struct node a, b;
static pid_t child;		/* of a case, if it has one */
static int wire = -1;		/* reads at va */
static int forger = -1;		/* writes at vb */
static const uint8_t stranger_mac[6] = { 2, 0, 0, 0, 0, 0xc };

#define NEED_LAB() do { if (wire < 0) skip(); } while (0)
#define LAB_CASE(description, function) { description, function, NULL, lab_clean_up, NULL }

static inline int lab_setup(void **state)
{
	(void)state;
	if (geteuid() != 0 || !lab_open())
		return 0;
	wire = wire_open(SIDE_A, ETH_P_ALL);
	forger = wire_open(SIDE_B, 0);
	return wire < 0 || forger < 0;
}

/* With IPv6. The kernels take part as little as they can; the engines' sockets need it to be there. */
static inline int lab_setup_ipv6(void **state)
{
	if (lab_setup(state))
		return 1;
	return wire >= 0 &&
	       (!run("sysctl -qw net.ipv6.conf.va.accept_dad=0 net.ipv6.conf.va.addr_gen_mode=1 "
		     "net.ipv6.conf.va.disable_ipv6=0") ||
		!netns_run_peer(&lab_ns, "sysctl -qw net.ipv6.conf.vb.accept_dad=0 net.ipv6.conf.vb.addr_gen_mode=1 "
				"net.ipv6.conf.vb.disable_ipv6=0"));
}

static inline int lab_teardown(void **state)
{
	(void)state;
	if (wire >= 0) {
		close(wire);
		close(forger);
	}
	return 0;
}

/* After every case, however it ended. */
static inline int lab_clean_up(void **state)
{
	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
	node_down(&b);
	node_down(&a);
	return 0;
}

static inline void send_frame(const uint8_t *frame, size_t len)
{
	assert_int_equal(send(forger, frame, len, 0), (ssize_t)len);
}

/* A alone, Active. */
static inline void single_up(void)
{
	wire_skip(wire);
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
}

#endif
