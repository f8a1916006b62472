/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_steer.c - the XDP filter: what it decides about a frame (BPF_PROG_TEST_RUN on canned frames), its
 * tables, its lease, and its life on a device. Needs root: a veth pair in namespaces of its own.
 */
#include "dataplane/steer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/close_range.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

enum {
	PORT = 3,			/* not 0, so that a mix-up shows */
	QUEUE = 1,
	BASE = 20000, RANGE = 16,
	VIP_LEASE = 5,
	FRAME_MAX = 10000,
	FRAME_LIMIT = 1792,
};

#define OWN	"10.0.0.11"
#define VIP	"10.0.0.160"
#define SERVER	"10.0.0.163"
#define CLIENT	"10.0.0.99"
#define OWN6	"2001:db8::11"
#define VIP6	"2001:db8::160"
#define SERVER6	"2001:db8::163"
#define CLIENT6	"2001:db8::99"

static struct netns ns;
static unsigned device;			/* ifindex of e0 */
static char error[256];

static struct endpoint at(const char *addr, uint16_t port)
{
	struct endpoint e = { .port = port };

	assert_int_equal(addr_parse(addr, &e.addr), 0);
	return e;
}

/* ---- frames ---- */

struct spec {
	const char *src;
	uint16_t src_port;
	const char *dst;
	uint16_t dst_port;
	uint8_t protocol;		/* 0 = UDP */
	uint8_t ihl;			/* 0 = 5; IPv4 only, like frag */
	uint16_t frag;
	uint8_t extension;		/* IPv6: a header of this type, 8 octets, in front of UDP */
	int tot_len_add, udp_len_add;	/* lies about lengths */
	unsigned payload;		/* 0 = 29 octets */
	unsigned padding;		/* octets after the packet */
};

#define FLOW(from, from_port, to, to_port, ...) \
	{ .src = from, .src_port = from_port, .dst = to, .dst_port = to_port, ##__VA_ARGS__ }

struct frame {
	uint8_t data[FRAME_MAX];
	unsigned len;
};

static void append(struct frame *f, const void *data, size_t len)
{
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static struct frame make_frame_v6(const struct spec *s)
{
	struct frame f = { .len = 0 };
	unsigned payload = s->payload ? s->payload : 29;
	uint8_t extension[8] = { IPPROTO_UDP }, extensions = s->extension ? sizeof(extension) : 0;
	struct ethhdr eth = { .h_proto = htons(ETH_P_IPV6) };
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(struct udphdr) + payload + extensions + s->tot_len_add),
		.ip6_nxt = s->extension ? s->extension : s->protocol ? s->protocol : IPPROTO_UDP,
		.ip6_hlim = 64,
	};
	struct udphdr udp = {
		.source = htons(s->src_port),
		.dest = htons(s->dst_port),
		.len = htons(sizeof(struct udphdr) + payload + s->udp_len_add),
	};

	assert_int_equal(inet_pton(AF_INET6, s->src, &ip.ip6_src), 1);
	assert_int_equal(inet_pton(AF_INET6, s->dst, &ip.ip6_dst), 1);
	append(&f, &eth, sizeof(eth));
	append(&f, &ip, sizeof(ip));
	append(&f, extension, extensions);
	append(&f, &udp, sizeof(udp));
	f.len += payload + s->padding;
	return f;
}

static struct frame make_frame(const struct spec *s)
{
	if (strchr(s->src, ':'))
		return make_frame_v6(s);

	struct frame f = { .len = 0 };
	unsigned ihl = s->ihl ? s->ihl : 5, payload = s->payload ? s->payload : 29;
	unsigned header = (ihl < 5 ? 5 : ihl) * 4;
	struct ethhdr eth = { .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = {
		.version = 4,
		.ihl = ihl,
		.tot_len = htons(header + sizeof(struct udphdr) + payload + s->tot_len_add),
		.frag_off = htons(s->frag),
		.ttl = 64,
		.protocol = s->protocol ? s->protocol : IPPROTO_UDP,
		.saddr = inet_addr(s->src),
		.daddr = inet_addr(s->dst),
	};
	struct udphdr udp = {
		.source = htons(s->src_port),
		.dest = htons(s->dst_port),
		.len = htons(sizeof(struct udphdr) + payload + s->udp_len_add),
	};

	append(&f, &eth, sizeof(eth));
	append(&f, &ip, sizeof(ip));
	f.len += header - sizeof(ip);
	append(&f, &udp, sizeof(udp));
	f.len += payload + s->padding;
	return f;
}

static struct frame make_arp(uint8_t operation, const char *sender, const char *target)
{
	static const uint8_t fixed[] = { 0, 1, 8, 0, 6, 4, 0 }, mac[6];
	struct frame f = { .len = 0 };
	struct ethhdr eth = { .h_proto = htons(ETH_P_ARP) };
	in_addr_t from = inet_addr(sender), to = inet_addr(target);

	append(&f, &eth, sizeof(eth));
	append(&f, fixed, sizeof(fixed));
	append(&f, &operation, 1);
	append(&f, mac, sizeof(mac));
	append(&f, &from, sizeof(from));
	append(&f, mac, sizeof(mac));
	append(&f, &to, sizeof(to));
	f.len += 18;
	return f;
}

/* A neighbour discovery message: a solicitation to target's group, or to "to". */
static struct frame make_nd(uint8_t type, const char *from, const char *to, const char *target)
{
	struct spec spec = FLOW(from, 0, to, 0, .protocol = IPPROTO_ICMPV6, .payload = 24);
	struct frame f = make_frame(&spec);
	uint8_t *icmp = f.data + ETH_HLEN + sizeof(struct ip6_hdr);

	icmp[0] = type;
	assert_int_equal(inet_pton(AF_INET6, target, icmp + 8), 1);
	return f;
}

/* The same frame with a tag in front of its type. */
static struct frame tag(struct frame f, uint16_t tci)
{
	uint16_t words[2] = { htons(ETH_P_8021Q), htons(tci) };

	memmove(f.data + 16, f.data + 12, f.len - 12);
	memcpy(f.data + 12, words, sizeof(words));
	f.len += 4;
	return f;
}

/* ---- a filter with tables, and sockets that receive nothing ---- */

struct rig {
	struct steer *steer;
	int xsk_fd;
	enum steer_mode mode;
};

static void configure(struct steer *steer)
{
	struct steer_listen listens[] = {
		{ at(OWN, 53), LEASE_NONE },
		{ at(VIP, 53), VIP_LEASE },
		{ at("10.0.0.161", 53), LEASE_NEVER },
		{ at(OWN6, 53), LEASE_NONE },
		{ at(VIP6, 53), VIP_LEASE },
		{ at("2001:db8::161", 53), LEASE_NEVER },
	};
	struct endpoint servers[] = { at(SERVER, 53), at("10.0.0.164", 5353), at(SERVER6, 53) };

	assert_int_equal(steer_configure(steer, listens, 6, servers, 3, BASE, RANGE), 0);
}

static int rig_open(void **state)
{
	static struct rig rig;

	*state = &rig;
	rig = (struct rig) { .xsk_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0) };
	if (rig.xsk_fd < 0 || steer_open(&rig.steer, error, sizeof(error)) ||
	    steer_attach(rig.steer, PORT, device, STEER_AUTO, &rig.mode, error, sizeof(error)) ||
	    steer_socket_set(rig.steer, PORT, QUEUE, rig.xsk_fd)) {
		print_error("# %s\n", error);
		return -1;
	}
	configure(rig.steer);
	return 0;
}

static int rig_close(void **state)
{
	struct rig *rig = *state;

	steer_close(rig->steer);
	close(rig->xsk_fd);
	return 0;
}

static uint32_t verdict_on(struct rig *rig, const struct frame *f, unsigned queue)
{
	uint32_t verdict, ns_each;

	assert_int_equal(steer_measure(rig->steer, f->data, f->len, device, queue, 1, &verdict, &ns_each), 0);
	return verdict;
}

/* One frame on queue: the verdict, and exactly one counter moved by one. */
static void expect_on(struct rig *rig, const char *what, const struct frame *f, unsigned queue, uint32_t verdict,
		      enum steer_counter counter)
{
	uint64_t before[STEER_COUNTERS], after[STEER_COUNTERS];
	uint32_t got;

	steer_counters(rig->steer, before);
	got = verdict_on(rig, f, queue);
	steer_counters(rig->steer, after);
	if (got != verdict)
		fail_msg("%s: verdict %u, expected %u", what, got, verdict);
	for (unsigned i = 0; i < STEER_COUNTERS; i++)
		if (after[i] - before[i] != (i == counter))
			fail_msg("%s: counter %s moved by %llu", what, steer_counter_name(i),
				 (unsigned long long)(after[i] - before[i]));
}

static void expect(struct rig *rig, const char *what, const struct frame *f, uint32_t verdict,
		   enum steer_counter counter)
{
	expect_on(rig, what, f, QUEUE, verdict, counter);
}

/* ---- decisions ---- */

struct decision {
	const char *what;
	struct spec spec;
	uint32_t verdict;
	enum steer_counter counter;
};

static void check_decisions(struct rig *rig, const struct decision *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct frame f = make_frame(&table[i].spec);

		expect(rig, table[i].what, &f, table[i].verdict, table[i].counter);
	}
}

static void test_sorts(void **state)
{
	static const struct decision table[] = {
		{ "query", FLOW(CLIENT, 4000, OWN, 53), XDP_REDIRECT, STEER_QUERY },
		{ "padded query", FLOW(CLIENT, 4000, OWN, 53, .payload = 1, .padding = 17),
		  XDP_REDIRECT, STEER_QUERY },
		{ "other port", FLOW(CLIENT, 4000, OWN, 54), XDP_PASS, STEER_OTHER },
		{ "other address", FLOW(CLIENT, 4000, "10.0.0.12", 53), XDP_PASS, STEER_OTHER },
		{ "TCP", FLOW(CLIENT, 4000, OWN, 53, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
		{ "ICMP", FLOW(CLIENT, 4000, OWN, 53, .protocol = IPPROTO_ICMP), XDP_PASS, STEER_OTHER },
		{ "VRRP", FLOW(CLIENT, 4000, "224.0.0.18", 0, .protocol = 112), XDP_PASS, STEER_OTHER },
		{ "answer, first port", FLOW(SERVER, 53, OWN, BASE), XDP_REDIRECT, STEER_ANSWER },
		{ "answer, last port", FLOW(SERVER, 53, OWN, BASE + RANGE - 1), XDP_REDIRECT, STEER_ANSWER },
		{ "answer, below the range", FLOW(SERVER, 53, OWN, BASE - 1), XDP_PASS, STEER_OTHER },
		{ "answer, above the range", FLOW(SERVER, 53, OWN, BASE + RANGE), XDP_PASS, STEER_OTHER },
		{ "our port, other server", FLOW(CLIENT, 53, OWN, BASE), XDP_PASS, STEER_OTHER },
		{ "our port, server's other port", FLOW(SERVER, 54, OWN, BASE), XDP_PASS, STEER_OTHER },
		{ "server asks", FLOW(SERVER, 53, OWN, 53), XDP_REDIRECT, STEER_QUERY },
	};
	struct rig *rig = *state;
	struct frame arp = make_arp(1, CLIENT, OWN);
	struct frame foreign = { .len = 90, .data = { [12] = 0x88, [13] = 0xcc } };

	check_decisions(rig, table, sizeof(table) / sizeof(*table));
	expect(rig, "ARP", &arp, XDP_PASS, STEER_OTHER);
	expect(rig, "LLDP", &foreign, XDP_PASS, STEER_OTHER);
}

/* ---- what the kernel gets for a virtual address ---- */

/* An ICMP message of this type, or the first or a later fragment of one. */
static struct frame make_icmp(const char *from, const char *to, uint8_t type, uint16_t frag)
{
	bool v6 = strchr(from, ':');
	struct spec spec = FLOW(from, 0, to, 0, .protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, .frag = frag);
	struct frame f = make_frame(&spec);

	f.data[ETH_HLEN + (v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr))] = type;
	return f;
}

static void test_accepts(void **state)
{
	static const struct decision table[] = {
		{ "TCP to the listen port", FLOW(CLIENT, 4000, VIP, 53, .protocol = IPPROTO_TCP), XDP_PASS,
		  STEER_OTHER },
		{ "the same with IPv4 options", FLOW(CLIENT, 4000, VIP, 53, .protocol = IPPROTO_TCP, .ihl = 8),
		  XDP_PASS,
		  STEER_OTHER },
		{ "SSH", FLOW(CLIENT, 4000, VIP, 22, .protocol = IPPROTO_TCP), XDP_DROP, STEER_NOT_ACCEPTED },
		{ "SSH with IPv4 options", FLOW(CLIENT, 4000, VIP, 22, .protocol = IPPROTO_TCP, .ihl = 15), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "SSH, first fragment", FLOW(CLIENT, 4000, VIP, 22, .protocol = IPPROTO_TCP, .frag = 0x2000), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "TCP, a later fragment", FLOW(CLIENT, 4000, VIP, 22, .protocol = IPPROTO_TCP, .frag = 4), XDP_PASS,
		  STEER_OTHER },
		{ "from the port 53", FLOW(CLIENT, 53, VIP, 22, .protocol = IPPROTO_TCP), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "UDP to another port", FLOW(CLIENT, 4000, VIP, 161), XDP_DROP, STEER_NOT_ACCEPTED },
		{ "a query in fragments, the first", FLOW(CLIENT, 4000, VIP, 53, .frag = 0x2000), XDP_PASS,
		  STEER_FRAGMENT },
		{ "and the last", FLOW(CLIENT, 4000, VIP, 9, .frag = 8), XDP_PASS, STEER_FRAGMENT },
		{ "other UDP in fragments", FLOW(CLIENT, 4000, VIP, 161, .frag = 0x2000), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "a query with options", FLOW(CLIENT, 4000, VIP, 53, .ihl = 6), XDP_PASS, STEER_OPTIONS },
		{ "another protocol", FLOW(CLIENT, 53, VIP, 53, .protocol = IPPROTO_SCTP), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "SSH, own address", FLOW(CLIENT, 4000, OWN, 22, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
	}, v6[] = {
		{ "TCP to the listen port", FLOW(CLIENT6, 4000, VIP6, 53, .protocol = IPPROTO_TCP), XDP_PASS,
		  STEER_OTHER },
		{ "SSH", FLOW(CLIENT6, 4000, VIP6, 22, .protocol = IPPROTO_TCP), XDP_DROP, STEER_NOT_ACCEPTED },
		{ "a query behind options", FLOW(CLIENT6, 4000, VIP6, 53, .extension = IPPROTO_DSTOPTS), XDP_PASS,
		  STEER_EXTENSION },
		{ "other UDP behind options", FLOW(CLIENT6, 4000, VIP6, 161, .extension = IPPROTO_HOPOPTS), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "behind what cannot be read", FLOW(CLIENT6, 4000, VIP6, 53, .extension = IPPROTO_ESP), XDP_DROP,
		  STEER_NOT_ACCEPTED },
		{ "SSH, own address", FLOW(CLIENT6, 4000, OWN6, 22, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
	};
	static const struct { uint8_t type; bool accepted; } icmp[] = {
		{ 8, true }, { 3, true }, { 11, true }, { 12, true }, { 0, false }, { 5, false }, { 13, false },
		{ 17, false },
	}, icmp6[] = {
		{ 128, true }, { 1, true }, { 2, true }, { 3, true }, { 4, true }, { 129, false }, { 130, false },
		{ 139, false },
		{ 0, false },
	};
	struct rig *rig = *state;
	struct frame f;

	steer_set_only_dns(rig->steer, 1ull << VIP_LEASE);
	configure(rig->steer);
	lease_grant(steer_leases(rig->steer), VIP_LEASE, LEASE_ACTIVE, clock_boot_ns() + 60ull * CLOCK_NS_PER_S);
	check_decisions(rig, table, sizeof(table) / sizeof(*table));
	check_decisions(rig, v6, sizeof(v6) / sizeof(*v6));
	for (size_t i = 0; i < sizeof(icmp) / sizeof(*icmp); i++) {
		f = make_icmp(CLIENT, VIP, icmp[i].type, 0);
		expect(rig, "ICMP", &f, icmp[i].accepted ? XDP_PASS : XDP_DROP,
		       icmp[i].accepted ? STEER_OTHER : STEER_NOT_ACCEPTED);
	}
	for (size_t i = 0; i < sizeof(icmp6) / sizeof(*icmp6); i++) {
		f = make_icmp(CLIENT6, VIP6, icmp6[i].type, 0);
		expect(rig, "ICMPv6", &f, icmp6[i].accepted ? XDP_PASS : XDP_DROP,
		       icmp6[i].accepted ? STEER_OTHER : STEER_NOT_ACCEPTED);
	}
	f = make_nd(135, CLIENT6, "ff02::1:ff00:160", VIP6);
	expect(rig, "a solicitation", &f, XDP_PASS, STEER_OTHER);
	f = make_arp(1, CLIENT, VIP);
	expect(rig, "an ARP request", &f, XDP_PASS, STEER_OTHER);
	/* every cut of a frame: nothing is let in that is not read */
	f = make_icmp(CLIENT, VIP, 8, 0);
	for (f.len = ETH_HLEN + sizeof(struct iphdr); f.len < ETH_HLEN + sizeof(struct iphdr) + 4; f.len++)
		expect(rig, "a short one", &f, XDP_DROP, STEER_NOT_ACCEPTED);

	steer_set_only_dns(rig->steer, 0);
	configure(rig->steer);
	f = make_frame(&table[2].spec);
	expect(rig, "SSH, where everything is accepted", &f, XDP_PASS, STEER_OTHER);
	lease_revoke(steer_leases(rig->steer), VIP_LEASE);
}

static void test_sorts_v6(void **state)
{
	static const struct decision table[] = {
		{ "query", FLOW(CLIENT6, 4000, OWN6, 53), XDP_REDIRECT, STEER_QUERY },
		{ "other port", FLOW(CLIENT6, 4000, OWN6, 54), XDP_PASS, STEER_OTHER },
		{ "other address", FLOW(CLIENT6, 4000, "2001:db8::12", 53), XDP_PASS, STEER_OTHER },
		{ "TCP", FLOW(CLIENT6, 4000, OWN6, 53, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
		{ "VRRP", FLOW("fe80::1", 0, "ff02::12", 0, .protocol = 112), XDP_PASS, STEER_OTHER },
		{ "answer, first port", FLOW(SERVER6, 53, OWN6, BASE), XDP_REDIRECT, STEER_ANSWER },
		{ "answer, last port", FLOW(SERVER6, 53, OWN6, BASE + RANGE - 1), XDP_REDIRECT, STEER_ANSWER },
		{ "answer, above the range", FLOW(SERVER6, 53, OWN6, BASE + RANGE), XDP_PASS, STEER_OTHER },
		{ "our port, other server", FLOW(CLIENT6, 53, OWN6, BASE), XDP_PASS, STEER_OTHER },
		{ "an IPv4 server's last octets", FLOW("::a00:a3", 53, OWN6, BASE), XDP_PASS, STEER_OTHER },
	};
	static const char *const groups[] = { "ff02::1:ff00:11", OWN6 };
	struct rig *rig = *state;

	check_decisions(rig, table, sizeof(table) / sizeof(*table));
	for (unsigned i = 0; i < 2; i++) {
		struct frame solicitation = make_nd(135, CLIENT6, groups[i], OWN6);

		expect(rig, "neighbour solicitation", &solicitation, XDP_PASS, STEER_OTHER);
	}
}

static void test_unusual(void **state)
{
	static const struct decision table[] = {
		{ "first fragment", FLOW(CLIENT, 4000, OWN, 53, .frag = 0x2000), XDP_PASS, STEER_FRAGMENT },
		{ "later fragment", FLOW(CLIENT, 4000, OWN, 53, .frag = 10), XDP_PASS, STEER_FRAGMENT },
		{ "DF is no fragment", FLOW(CLIENT, 4000, OWN, 53, .frag = 0x4000), XDP_REDIRECT, STEER_QUERY },
		{ "fragment of TCP", FLOW(CLIENT, 4000, OWN, 53, .protocol = IPPROTO_TCP, .frag = 10),
		  XDP_PASS, STEER_OTHER },
		{ "options", FLOW(CLIENT, 4000, OWN, 53, .ihl = 6), XDP_PASS, STEER_OPTIONS },
		{ "header too short", FLOW(CLIENT, 4000, OWN, 53, .ihl = 4), XDP_PASS, STEER_MALFORMED },
		{ "longest that fits", FLOW(CLIENT, 4000, OWN, 53, .payload = FRAME_LIMIT - 42),
		  XDP_REDIRECT, STEER_QUERY },
		{ "one octet too long", FLOW(CLIENT, 4000, OWN, 53, .payload = FRAME_LIMIT - 41),
		  XDP_PASS, STEER_OVERSIZE },
		{ "in several buffers", FLOW(CLIENT, 4000, OWN, 53, .payload = 8000),
		  XDP_PASS, STEER_OVERSIZE },
		{ "IP length beyond the frame", FLOW(CLIENT, 4000, OWN, 53, .tot_len_add = 1),
		  XDP_PASS, STEER_MALFORMED },
		{ "IP length without UDP", FLOW(CLIENT, 4000, OWN, 53, .tot_len_add = -30),
		  XDP_PASS, STEER_MALFORMED },
		{ "IP length below its header", FLOW(CLIENT, 4000, OWN, 53, .tot_len_add = -40),
		  XDP_PASS, STEER_MALFORMED },
		{ "UDP length beyond IP", FLOW(CLIENT, 4000, OWN, 53, .udp_len_add = 1, .padding = 1),
		  XDP_PASS, STEER_MALFORMED },
		{ "UDP length below its header", FLOW(CLIENT, 4000, OWN, 53, .udp_len_add = -30),
		  XDP_PASS, STEER_MALFORMED },
		{ "UDP shorter than IP", FLOW(CLIENT, 4000, OWN, 53, .udp_len_add = -3),
		  XDP_REDIRECT, STEER_QUERY },
		{ "malformed, not for us", FLOW(CLIENT, 4000, "10.0.0.12", 53, .udp_len_add = 1),
		  XDP_PASS, STEER_OTHER },
	};
	struct rig *rig = *state;

	check_decisions(rig, table, sizeof(table) / sizeof(*table));
}

static void test_unusual_v6(void **state)
{
	static const struct decision table[] = {
		{ "fragment", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 44), XDP_PASS, STEER_FRAGMENT },
		{ "a protocol nobody knows", FLOW(CLIENT6, 4000, OWN6, 53, .protocol = 253), XDP_PASS, STEER_OTHER },
		{ "destination options", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 60), XDP_PASS, STEER_EXTENSION },
		{ "routing", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 43), XDP_PASS, STEER_EXTENSION },
		{ "AH", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 51), XDP_PASS, STEER_EXTENSION },
		{ "longest that fits", FLOW(CLIENT6, 4000, OWN6, 53, .payload = FRAME_LIMIT - 62),
		  XDP_REDIRECT, STEER_QUERY },
		{ "one octet too long", FLOW(CLIENT6, 4000, OWN6, 53, .payload = FRAME_LIMIT - 61),
		  XDP_PASS, STEER_OVERSIZE },
		{ "in several buffers", FLOW(CLIENT6, 4000, OWN6, 53, .payload = 8000), XDP_PASS, STEER_OVERSIZE },
		{ "IP length beyond the frame", FLOW(CLIENT6, 4000, OWN6, 53, .tot_len_add = 1),
		  XDP_PASS, STEER_MALFORMED },
		{ "IP length without UDP", FLOW(CLIENT6, 4000, OWN6, 53, .tot_len_add = -30),
		  XDP_PASS, STEER_MALFORMED },
		{ "jumbo", FLOW(CLIENT6, 4000, OWN6, 53, .tot_len_add = -37), XDP_PASS, STEER_MALFORMED },
		{ "UDP length beyond IP", FLOW(CLIENT6, 4000, OWN6, 53, .udp_len_add = 1, .padding = 1),
		  XDP_PASS, STEER_MALFORMED },
		{ "padded", FLOW(CLIENT6, 4000, OWN6, 53, .padding = 10), XDP_REDIRECT, STEER_QUERY },
	};
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT6, 4000, OWN6, 53);
	struct frame hop_by_hop = make_frame(&query);

	check_decisions(rig, table, sizeof(table) / sizeof(*table));
	hop_by_hop.data[ETH_HLEN + 6] = IPPROTO_HOPOPTS;	/* 0, which stands for none in a spec */
	expect(rig, "hop-by-hop", &hop_by_hop, XDP_PASS, STEER_EXTENSION);
}

static void test_truncated(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query), arp = make_arp(1, CLIENT, VIP);
	unsigned whole = f.len;

	for (f.len = ETH_HLEN; f.len < whole; f.len++)
		assert_int_equal(verdict_on(rig, &f, QUEUE), XDP_PASS);
	for (arp.len = ETH_HLEN; arp.len < ETH_HLEN + 28; arp.len++)
		assert_int_equal(verdict_on(rig, &arp, QUEUE), XDP_PASS);
}

static void test_truncated_v6(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT6, 4000, OWN6, 53);
	struct frame f = make_frame(&query), nd = make_nd(135, CLIENT6, "ff02::1:ff00:160", VIP6);
	unsigned whole = f.len;

	for (f.len = ETH_HLEN; f.len < whole; f.len++)
		assert_int_equal(verdict_on(rig, &f, QUEUE), XDP_PASS);
	for (nd.len = ETH_HLEN; nd.len < ETH_HLEN + 40 + 24; nd.len++)
		assert_int_equal(verdict_on(rig, &nd, QUEUE), XDP_PASS);
	assert_int_equal(verdict_on(rig, &nd, QUEUE), XDP_DROP);
}

static void test_vlan(void **state)
{
	static const char *const own[] = { OWN, OWN6 }, *const client[] = { CLIENT, CLIENT6 };
	static const uint16_t good[] = { 100, 0x6000 | 100, 0x1000 | 100 }, other[] = { 0, 99, 101, 4095, 0x6000 };
	struct rig *rig = *state;
	struct frame arp = tag(make_arp(1, CLIENT, VIP), 100), nd = make_nd(135, CLIENT6, "ff02::1:ff00:160", VIP6);

	steer_detach(rig->steer, PORT);
	steer_set_vlan(rig->steer, PORT, 100);
	assert_int_equal(steer_attach(rig->steer, PORT, device, STEER_AUTO, &rig->mode, error, sizeof(error)), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2; i++) {
			struct spec query = FLOW(client[i], 4000, own[i], 53);
			struct frame plain = make_frame(&query), f;

			for (unsigned k = 0; k < sizeof(good) / sizeof(*good); k++) {
				f = tag(plain, good[k]);
				expect(rig, "the port's tag", &f, XDP_REDIRECT, STEER_QUERY);
			}
			for (unsigned k = 0; k < sizeof(other) / sizeof(*other); k++) {
				f = tag(plain, other[k]);
				expect(rig, "another tag", &f, XDP_PASS, STEER_OTHER_VLAN);
			}
			expect(rig, "no tag", &plain, XDP_PASS, STEER_OTHER_VLAN);
			f = tag(tag(plain, 100), 100);
			expect(rig, "two tags", &f, XDP_PASS, STEER_OTHER_VLAN);
			f = tag(plain, 100);
			for (f.len = ETH_HLEN; f.len < plain.len + 4; f.len++)
				assert_int_equal(verdict_on(rig, &f, QUEUE), XDP_PASS);
		}
		configure(rig->steer);		/* the other table knows as well */
	}
	nd = tag(nd, 100);
	expect(rig, "ARP behind the tag, no lease", &arp, XDP_DROP, STEER_NO_LEASE);
	expect(rig, "solicitation behind the tag, no lease", &nd, XDP_DROP, STEER_NO_LEASE);
}

static void test_no_vlan(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame plain = make_frame(&query), one = tag(plain, 100), two = tag(one, 100), service = one;

	service.data[12] = 0x88;
	service.data[13] = 0xa8;
	expect(rig, "no tag", &plain, XDP_REDIRECT, STEER_QUERY);
	expect(rig, "one", &one, XDP_PASS, STEER_OTHER_VLAN);
	expect(rig, "two", &two, XDP_PASS, STEER_OTHER_VLAN);
	expect(rig, "a service tag", &service, XDP_PASS, STEER_OTHER_VLAN);
}

static void test_no_socket(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53), answer = FLOW(SERVER, 53, OWN, BASE);
	struct frame q = make_frame(&query), a = make_frame(&answer);

	expect_on(rig, "query, empty slot", &q, 0, XDP_PASS, STEER_QUERY_KERNEL);
	expect_on(rig, "answer, empty slot", &a, 0, XDP_DROP, STEER_ANSWER_NO_SOCKET);
	assert_int_equal(steer_socket_clear(rig->steer, PORT, QUEUE), 0);
	expect(rig, "query, cleared", &q, XDP_PASS, STEER_QUERY_KERNEL);
	assert_int_equal(steer_socket_set(rig->steer, PORT, QUEUE, rig->xsk_fd), 0);
	expect(rig, "query, set again", &q, XDP_REDIRECT, STEER_QUERY);
	steer_detach(rig->steer, PORT);
	expect(rig, "query, device that is no port", &q, XDP_PASS, STEER_QUERY_KERNEL);
}

static void test_lease(void **state)
{
	static const struct decision held[] = {
		{ "query", FLOW(CLIENT, 4000, VIP, 53), XDP_REDIRECT, STEER_QUERY },
		{ "other UDP", FLOW(CLIENT, 4000, VIP, 54), XDP_PASS, STEER_OTHER },
		{ "TCP", FLOW(CLIENT, 4000, VIP, 53, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
		{ "ICMP", FLOW(CLIENT, 0, VIP, 0, .protocol = IPPROTO_ICMP), XDP_PASS, STEER_OTHER },
		{ "fragment", FLOW(CLIENT, 4000, VIP, 53, .frag = 10), XDP_PASS, STEER_FRAGMENT },
	};
	struct rig *rig = *state;
	struct lease_page *leases = steer_leases(rig->steer);
	uint64_t ends[] = { 0, 1, clock_boot_ns() - 1 };
	struct frame arp = make_arp(1, CLIENT, VIP), reply = make_arp(2, CLIENT, VIP);
	struct frame announcement = make_arp(1, VIP, VIP);
	struct decision lapsed[5];

	for (unsigned i = 0; i < 5; i++) {
		lapsed[i] = held[i];
		lapsed[i].verdict = XDP_DROP;
		lapsed[i].counter = STEER_NO_LEASE;
	}
	for (unsigned round = 0; round < 3; round++) {
		lease_grant(leases, VIP_LEASE, LEASE_ACTIVE, clock_boot_ns() + CLOCK_NS_PER_S);
		check_decisions(rig, held, 5);
		expect(rig, "ARP, held", &arp, XDP_PASS, STEER_OTHER);
		lease_grant(leases, VIP_LEASE, LEASE_ACTIVE, ends[round]);
		check_decisions(rig, lapsed, 5);
		expect(rig, "ARP, not held", &arp, XDP_DROP, STEER_NO_LEASE);
		expect(rig, "ARP reply", &reply, XDP_PASS, STEER_OTHER);
		expect(rig, "ARP announcement", &announcement, XDP_PASS, STEER_OTHER);
	}
}

static void test_lease_v6(void **state)
{
	static const struct decision held[] = {
		{ "query", FLOW(CLIENT6, 4000, VIP6, 53), XDP_REDIRECT, STEER_QUERY },
		{ "other UDP", FLOW(CLIENT6, 4000, VIP6, 54), XDP_PASS, STEER_OTHER },
		{ "TCP", FLOW(CLIENT6, 4000, VIP6, 53, .protocol = IPPROTO_TCP), XDP_PASS, STEER_OTHER },
		{ "echo", FLOW(CLIENT6, 0, VIP6, 0, .protocol = IPPROTO_ICMPV6), XDP_PASS, STEER_OTHER },
		{ "fragment", FLOW(CLIENT6, 4000, VIP6, 53, .extension = 44), XDP_PASS, STEER_FRAGMENT },
	};
	struct rig *rig = *state;
	struct lease_page *leases = steer_leases(rig->steer);
	struct frame group = make_nd(135, CLIENT6, "ff02::1:ff00:160", VIP6);
	struct frame unicast = make_nd(135, CLIENT6, VIP6, VIP6), detection = make_nd(135, "::",
										      "ff02::1:ff00:160", VIP6);
	struct frame announcement = make_nd(136, VIP6, "ff02::1", VIP6);
	struct frame other = make_nd(135, CLIENT6, "ff02::1:ff00:160", "2001:db8:1::160");
	struct decision lapsed[5];

	for (unsigned i = 0; i < 5; i++) {
		lapsed[i] = held[i];
		lapsed[i].verdict = XDP_DROP;
		lapsed[i].counter = STEER_NO_LEASE;
	}
	lease_grant(leases, VIP_LEASE, LEASE_ACTIVE, clock_boot_ns() + CLOCK_NS_PER_S);
	check_decisions(rig, held, 5);
	expect(rig, "solicitation, held", &group, XDP_PASS, STEER_OTHER);
	expect(rig, "unicast solicitation, held", &unicast, XDP_PASS, STEER_OTHER);
	lease_revoke(leases, VIP_LEASE);
	check_decisions(rig, lapsed, 5);
	expect(rig, "solicitation", &group, XDP_DROP, STEER_NO_LEASE);
	expect(rig, "unicast solicitation", &unicast, XDP_DROP, STEER_NO_LEASE);
	expect(rig, "duplicate address detection", &detection, XDP_DROP, STEER_NO_LEASE);
	expect(rig, "advertisement of its owner", &announcement, XDP_PASS, STEER_OTHER);
	expect(rig, "another address of the group", &other, XDP_PASS, STEER_OTHER);
}

static void test_lease_lapses(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, VIP, 53);
	struct frame f = make_frame(&query);
	uint64_t until_ns = clock_boot_ns() + 20 * CLOCK_NS_PER_MS, before_ns, after_ns;
	uint32_t verdict;

	lease_grant(steer_leases(rig->steer), VIP_LEASE, LEASE_ACTIVE, until_ns);
	do {
		before_ns = clock_boot_ns();
		verdict = verdict_on(rig, &f, QUEUE);
		after_ns = clock_boot_ns();
		if (after_ns < until_ns)
			assert_int_equal(verdict, XDP_REDIRECT);
		if (before_ns >= until_ns)
			assert_int_equal(verdict, XDP_DROP);
	} while (before_ns < until_ns);
}

/* ---- blocks ---- */

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static int block(struct rig *rig, const char *text, uint64_t until_ns, uint32_t let_through)
{
	struct steer_block b = { prefix(text), until_ns, let_through };

	return steer_block(rig->steer, &b);
}

static int unblock(struct rig *rig, const char *text)
{
	struct prefix p = prefix(text);

	return steer_unblock(rig->steer, &p);
}

static void test_block(void **state)
{
	static const struct decision held_back[] = {
		{ "query", FLOW(CLIENT, 4000, OWN, 53), XDP_DROP, STEER_BLOCKED },
		{ "other UDP", FLOW(CLIENT, 4000, OWN, 54), XDP_DROP, STEER_BLOCKED },
		{ "TCP", FLOW(CLIENT, 4000, OWN, 53, .protocol = IPPROTO_TCP), XDP_DROP, STEER_BLOCKED },
		{ "fragment", FLOW(CLIENT, 4000, OWN, 53, .frag = 10), XDP_DROP, STEER_BLOCKED },
		{ "not for a listen address", FLOW(CLIENT, 4000, "10.0.0.12", 53), XDP_PASS, STEER_OTHER },
		{ "another client", FLOW("10.0.1.99", 4000, OWN, 53), XDP_REDIRECT, STEER_QUERY },
		{ "a server's answer", FLOW(SERVER, 53, OWN, BASE), XDP_REDIRECT, STEER_ANSWER },
		{ "a server's query", FLOW(SERVER, 4000, OWN, 53), XDP_DROP, STEER_BLOCKED },
		{ "no lease", FLOW(CLIENT, 4000, VIP, 53), XDP_DROP, STEER_NO_LEASE },
	};
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query), arp = make_arp(1, CLIENT, OWN);

	assert_int_equal(block(rig, "10.0.0.0/24", 0, 0), 0);
	check_decisions(rig, held_back, sizeof(held_back) / sizeof(*held_back));
	expect(rig, "ARP", &arp, XDP_PASS, STEER_OTHER);
	assert_int_equal(steer_blocked(rig->steer), 5);
	assert_int_equal(unblock(rig, "10.0.0.0/23"), -ENOENT);
	assert_int_equal(unblock(rig, "10.0.0.0/25"), -ENOENT);
	expect(rig, "still blocked", &f, XDP_DROP, STEER_BLOCKED);
	assert_int_equal(unblock(rig, "10.0.0.0/24"), 0);
	assert_int_equal(unblock(rig, "10.0.0.0/24"), -ENOENT);
	expect(rig, "no longer", &f, XDP_REDIRECT, STEER_QUERY);
}

static void test_block_longest(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);

	assert_int_equal(block(rig, "10.0.0.0/8", 0, 0), 0);
	assert_int_equal(block(rig, CLIENT, 0, 1), 0);
	expect(rig, "the longest one lets all through", &f, XDP_REDIRECT, STEER_QUERY);
	assert_int_equal(block(rig, CLIENT, 0, 0), 0);
	expect(rig, "replaced", &f, XDP_DROP, STEER_BLOCKED);
	assert_int_equal(unblock(rig, CLIENT), 0);
	expect(rig, "the shorter one is left", &f, XDP_DROP, STEER_BLOCKED);
	assert_int_equal(unblock(rig, "10.0.0.0/8"), 0);
}

static void test_block_v6(void **state)
{
	static const struct decision held_back[] = {
		{ "query", FLOW(CLIENT6, 4000, OWN6, 53), XDP_DROP, STEER_BLOCKED },
		{ "TCP", FLOW(CLIENT6, 4000, OWN6, 53, .protocol = IPPROTO_TCP), XDP_DROP, STEER_BLOCKED },
		{ "echo", FLOW(CLIENT6, 0, OWN6, 0, .protocol = IPPROTO_ICMPV6), XDP_DROP, STEER_BLOCKED },
		{ "fragment", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 44), XDP_DROP, STEER_BLOCKED },
		{ "extension header", FLOW(CLIENT6, 4000, OWN6, 53, .extension = 60), XDP_DROP, STEER_BLOCKED },
		{ "another client", FLOW("2001:db8:1::99", 4000, OWN6, 53), XDP_REDIRECT, STEER_QUERY },
		{ "the other family", FLOW(CLIENT, 4000, OWN, 53), XDP_REDIRECT, STEER_QUERY },
		{ "a server's answer", FLOW(SERVER6, 53, OWN6, BASE), XDP_REDIRECT, STEER_ANSWER },
	};
	struct rig *rig = *state;
	struct frame solicitation = make_nd(135, CLIENT6, "ff02::1:ff00:11", OWN6);
	struct frame advertisement = make_nd(136, CLIENT6, OWN6, CLIENT6);

	assert_int_equal(block(rig, "2001:db8::/48", 0, 0), 0);
	check_decisions(rig, held_back, sizeof(held_back) / sizeof(*held_back));
	expect(rig, "neighbour solicitation", &solicitation, XDP_PASS, STEER_OTHER);
	expect(rig, "neighbour advertisement", &advertisement, XDP_PASS, STEER_OTHER);
}

static void test_block_some(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);

	assert_int_equal(block(rig, "10.0.0.0/24", 0, 10), 0);
	for (unsigned i = 1; i <= 1000; i++)
		if (i % 10)
			expect(rig, "held back", &f, XDP_DROP, STEER_BLOCKED);
		else
			expect(rig, "every tenth", &f, XDP_REDIRECT, STEER_QUERY);
	assert_int_equal(block(rig, "10.0.0.0/24", 0, 3), 0);
	expect(rig, "counts anew", &f, XDP_DROP, STEER_BLOCKED);
	expect(rig, "counts anew", &f, XDP_DROP, STEER_BLOCKED);
	expect(rig, "every third", &f, XDP_REDIRECT, STEER_QUERY);
}

static void test_block_ends(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);
	uint64_t until_ns = clock_boot_ns() + 20 * CLOCK_NS_PER_MS, before_ns, after_ns;
	uint32_t verdict;

	assert_int_equal(block(rig, "10.0.0.0/24", until_ns, 0), 0);
	do {
		before_ns = clock_boot_ns();
		verdict = verdict_on(rig, &f, QUEUE);
		after_ns = clock_boot_ns();
		if (after_ns < until_ns)
			assert_int_equal(verdict, XDP_DROP);
		if (before_ns >= until_ns)
			assert_int_equal(verdict, XDP_REDIRECT);
	} while (before_ns < until_ns);
	assert_int_equal(block(rig, "10.0.0.0/24", clock_boot_ns() + CLOCK_NS_PER_S, 0), 0);
	expect(rig, "again", &f, XDP_DROP, STEER_BLOCKED);
}

static void test_block_full(void **state)
{
	static const char *const checks[] = { "0.0.0.0/0", "127.0.0.0/8", "127.0.0.1", "::/0", "::1" };
	struct rig *rig = *state;
	struct steer_listen own = { at(OWN, 53), LEASE_NONE };
	char text[PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(block(rig, checks[i], 0, 0), -EINVAL);
	for (unsigned i = 0; i < STEER_BLOCKS_MAX; i++) {
		snprintf(text, sizeof(text), "100.%u.%u.0/24", i / 256, i % 256);
		assert_int_equal(block(rig, text, 0, 0), 0);
	}
	assert_int_equal(block(rig, "10.0.0.0/24", 0, 0), -ENOSPC);
	assert_int_equal(block(rig, text, 0, 5), 0);
	assert_int_equal(unblock(rig, text), 0);
	assert_int_equal(block(rig, "10.0.0.0/24", 0, 0), 0);
	assert_int_equal(block(rig, text, 0, 0), -ENOSPC);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own, true, error, sizeof(error)), 0);
}

/* ---- tables ---- */

static void test_full_tables(void **state)
{
	struct rig *rig = *state;
	static struct steer_listen listens[33];
	static struct endpoint servers[256];
	char text[32];

	for (unsigned i = 0; i < 33; i++) {
		snprintf(text, sizeof(text), "10.1.0.%u", i);
		listens[i] = (struct steer_listen) { at(text, 53 + i), LEASE_NONE };
	}
	for (unsigned i = 0; i < 256; i++) {
		snprintf(text, sizeof(text), "10.2.%u.%u", i % 8, i / 8);
		servers[i] = at(text, 53);
	}
	for (unsigned round = 0; round < 20; round++) {
		assert_int_equal(steer_configure(rig->steer, listens, 33, servers, 256, BASE, RANGE), 0);
		for (unsigned i = 0; i < 33; i++) {
			struct spec query = FLOW(CLIENT, 4000, addr_format(&listens[i].endpoint.addr, text,
					      sizeof(text)), 53 + i);
			struct frame f = make_frame(&query);

			assert_int_equal(verdict_on(rig, &f, QUEUE), XDP_REDIRECT);
		}
		for (unsigned i = 0; i < 256; i++) {
			addr_format(&servers[i].addr, text, sizeof(text));
			struct spec answer = FLOW(text, 53, OWN, BASE);
			struct frame f = make_frame(&answer);

			assert_int_equal(verdict_on(rig, &f, QUEUE), XDP_REDIRECT);
		}
	}
}

static void test_too_many(void **state)
{
	struct rig *rig = *state;
	static struct endpoint servers[2000];
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);
	struct steer_listen twice[] = { { at(OWN, 53), LEASE_NONE }, { at(OWN, 53), LEASE_NONE },
					{ at(VIP, 53), LEASE_NONE }, { at(VIP, 54), VIP_LEASE } };
	struct spec other = FLOW(CLIENT, 4000, VIP, 99);
	struct frame leased = make_frame(&other);

	for (unsigned i = 0; i < 2000; i++)
		servers[i] = at(SERVER, 1 + i);
	assert_int_equal(steer_configure(rig->steer, NULL, 0, servers, 2000, BASE, RANGE), -ENOSPC);
	expect(rig, "the old table stays", &f, XDP_REDIRECT, STEER_QUERY);
	assert_int_equal(steer_configure(rig->steer, twice, 4, NULL, 0, 0, 0), 0);
	expect(rig, "the same twice", &f, XDP_REDIRECT, STEER_QUERY);
	expect(rig, "one leased port leases the address", &leased, XDP_DROP, STEER_NO_LEASE);
}

static _Atomic bool stop_configuring;

static void *configure_often(void *steer)
{
	static struct endpoint servers[200];
	struct steer_listen listens[2] = { { at(OWN, 53), LEASE_NONE }, { at(VIP, 53), LEASE_NONE } };

	for (unsigned round = 0; !atomic_load(&stop_configuring); round++) {
		for (unsigned i = 0; i < 200; i++)
			servers[i] = at(SERVER, 100 + round % 7 + i);
		if (steer_configure(steer, listens, 1 + round % 2, servers, 200, BASE, RANGE))
			return "tables do not fit";
	}
	return NULL;
}

static void test_switch(void **state)
{
	struct rig *rig = *state;
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);
	uint64_t end_ns = clock_mono_ns() + 300 * CLOCK_NS_PER_MS;
	unsigned missed = 0;
	pthread_t thread;
	void *failed;

	atomic_store(&stop_configuring, false);
	assert_int_equal(pthread_create(&thread, NULL, configure_often, rig->steer), 0);
	while (clock_mono_ns() < end_ns)
		missed += verdict_on(rig, &f, QUEUE) != XDP_REDIRECT;
	atomic_store(&stop_configuring, true);
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(missed, 0);
}

/* ---- self-check ---- */

static void test_check(void **state)
{
	struct rig *rig = *state;
	struct steer_listen own = { at(OWN, 53), LEASE_NONE }, never = { at("10.0.0.161", 53), LEASE_NEVER };
	struct steer_listen other = { at("10.0.0.12", 53), LEASE_NONE };
	struct steer_listen own6 = { at(OWN6, 53), LEASE_NONE }, never6 = { at("2001:db8::161", 53), LEASE_NEVER };
	uint64_t before[STEER_COUNTERS], after[STEER_COUNTERS];

	steer_counters(rig->steer, before);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own, true, error, sizeof(error)), 0);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &never, false, error, sizeof(error)), 0);

	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &never, true, error, sizeof(error)), -EPROTO);
	assert_string_equal(error, "queue 1: the filter says drop instead of redirect");
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &other, true, error, sizeof(error)), -EPROTO);
	assert_string_equal(error, "queue 1: the filter says pass instead of redirect");
	assert_int_equal(steer_check(rig->steer, PORT, 0, &own, true, error, sizeof(error)), -EPROTO);
	assert_int_equal(steer_check(rig->steer, PORT, 9, &own, true, error, sizeof(error)), -EINVAL);
	assert_int_equal(steer_check(rig->steer, PORT + 1, QUEUE, &own, true, error, sizeof(error)), -ENOLINK);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own6, true, error, sizeof(error)), 0);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &never6, false, error, sizeof(error)), 0);
	steer_set_vlan(rig->steer, PORT, 100);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own6, true, error, sizeof(error)), 0);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &never, false, error, sizeof(error)), 0);

	steer_counters(rig->steer, after);
	assert_memory_equal(before, after, sizeof(before));
}

static void test_bypass(void **state)
{
	struct rig *rig = *state;
	struct steer_listen own = { at(OWN, 53), LEASE_NONE }, never = { at("10.0.0.161", 53), LEASE_NEVER };
	struct spec query = FLOW(CLIENT, 4000, OWN, 53);
	struct frame f = make_frame(&query);
	uint64_t before[STEER_COUNTERS], after[STEER_COUNTERS];

	steer_bypass(rig->steer);
	expect(rig, "query", &f, XDP_PASS, STEER_QUERY_KERNEL);
	steer_counters(rig->steer, before);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own, true, error, sizeof(error)), 0);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &never, false, error, sizeof(error)), 0);
	steer_counters(rig->steer, after);
	assert_memory_equal(before, after, sizeof(before));
}

static uint32_t attached_program(enum steer_mode mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	assert_int_equal(bpf_xdp_query(device, 0, &query), 0);
	return mode == STEER_NATIVE ? query.drv_prog_id : query.skb_prog_id;
}

/* Detaches our link behind our back, as an operator's "bpftool link detach" would. Links of all namespaces are
 * listed, where other devices may have our device's index: the program tells which is ours. */
static bool detach_by_force(void)
{
	uint32_t id = 0, program = attached_program(STEER_NATIVE);

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);
		bool is_ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
			       info.type == BPF_LINK_TYPE_XDP && info.prog_id == program;

		if (is_ours)
			is_ours = !bpf_link_detach(fd);
		close(fd);
		if (is_ours)
			return true;
	}
	return false;
}

static void test_check_detached(void **state)
{
	struct rig *rig = *state;
	struct steer_listen own = { at(OWN, 53), LEASE_NONE };

	assert_true(detach_by_force());
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own, true, error, sizeof(error)), -ENOLINK);
	assert_string_equal(error, "the filter was detached");
	steer_detach(rig->steer, PORT);
	assert_int_equal(steer_attach(rig->steer, PORT, device, STEER_NATIVE, &rig->mode, error, sizeof(error)),
			 0);
	assert_int_equal(steer_check(rig->steer, PORT, QUEUE, &own, true, error, sizeof(error)), 0);
}

/* ---- life on a device ---- */

static void test_modes(void **state)
{
	static const struct { enum steer_mode wanted, obtained; } table[] = {
		{ STEER_AUTO, STEER_NATIVE }, { STEER_NATIVE, STEER_NATIVE }, { STEER_GENERIC, STEER_GENERIC },
	};
	struct rig *rig = *state;

	for (unsigned i = 0; i < 3; i++) {
		steer_detach(rig->steer, PORT);
		assert_int_equal(attached_program(rig->mode), 0);
		assert_int_equal(steer_attach(rig->steer, PORT, device, table[i].wanted, &rig->mode, error,
					      sizeof(error)), 0);
		assert_int_equal(rig->mode, table[i].obtained);
		assert_int_not_equal(attached_program(rig->mode), 0);
	}
	assert_int_equal(steer_attach(rig->steer, PORT + 1, 9999, STEER_AUTO, &rig->mode, error, sizeof(error)),
			 -ENODEV);
	assert_string_equal(error, "no interface with index 9999");
}

static void test_jumbo(void **state)
{
	struct rig *rig = *state;

	steer_detach(rig->steer, PORT);
	assert_true(run("ip link set e0 mtu 9000") && netns_run_peer(&ns, "ip link set p0 mtu 9000"));
	if (steer_attach(rig->steer, PORT, device, STEER_NATIVE, &rig->mode, error, sizeof(error)))
		fail_msg("%s", error);
	steer_detach(rig->steer, PORT);
	assert_true(run("ip link set e0 mtu 1500") && netns_run_peer(&ns, "ip link set p0 mtu 1500"));
}

static void test_foreign(void **state)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct rig *rig = *state;
	uint64_t begin_ns = clock_mono_ns();
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody_else", "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	steer_detach(rig->steer, PORT);
	for (unsigned i = 0; i < 2; i++) {
		unsigned flags = i ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;

		assert_int_equal(bpf_xdp_attach(device, fd, flags, NULL), 0);
		assert_int_equal(steer_attach(rig->steer, PORT, device, STEER_AUTO, &rig->mode, error,
					      sizeof(error)), -EBUSY);
		assert_non_null(strstr(error, "e0 has another XDP program: somebody_else, id "));
		assert_int_equal(bpf_xdp_detach(device, flags, NULL), 0);
	}
	close(fd);
	assert_true(clock_mono_ns() - begin_ns < 900ull * CLOCK_NS_PER_MS);
}

/* A child attaches, says so, and is killed. */
static void test_killed(void **state)
{
	struct rig *rig = *state;
	int said[2];
	char c;
	pid_t pid;

	steer_detach(rig->steer, PORT);
	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		struct steer *steer;
		enum steer_mode mode;

		c = steer_open(&steer, error, sizeof(error)) ||
		    steer_attach(steer, PORT, device, STEER_AUTO, &mode, error, sizeof(error));
		if (write(said[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	assert_int_equal(c, 0);
	assert_int_not_equal(attached_program(STEER_NATIVE), 0);
	kill(pid, SIGKILL);
	if (steer_attach(rig->steer, PORT, device, STEER_AUTO, &rig->mode, error, sizeof(error)))
		fail_msg("%s", error);
	waitpid(pid, NULL, 0);
	assert_int_not_equal(attached_program(STEER_NATIVE), 0);
	close(said[0]);
	close(said[1]);
}

static void test_unprivileged(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct steer *steer;
		int err = setresuid(65534, 65534, 65534) ? 0 : steer_open(&steer, error, sizeof(error));

		if (err == -EPERM && strstr(error, "loading the XDP filter: missing CAP_BPF"))
			_exit(0);
		fprintf(stderr, "# %d %s\n", err, error);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* main() has marked what the process inherited itself. */
static void test_close_on_exec(void **state)
{
	struct dirent *entry;
	DIR *dir;

	(void)state;
	dir = opendir("/proc/self/fd");
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			fail_msg("descriptor %d would be inherited", fd);
	}
	closedir(dir);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STEER_COUNTERS; i++) {
		assert_non_null(steer_counter_name(i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(steer_counter_name(i), steer_counter_name(k));
	}
	steer_close(NULL);
}

#define RIGGED(description, function) { description, function, rig_open, rig_close, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		RIGGED("D002 UDP to a listen endpoint or from a server is taken, the rest passes", test_sorts),
		RIGGED("D002 and so it is over IPv6", test_sorts_v6),
		RIGGED("D003 D004 fragments, options, super-frames, wrong lengths pass, counted", test_unusual),
		RIGGED("D003 D004 fragments, extension headers, wrong lengths of IPv6 pass, counted", test_unusual_v6),
		RIGGED("every truncation passes", test_truncated),
		RIGGED("every truncation of IPv6 and of a solicitation passes", test_truncated_v6),
		RIGGED("D005 a port with a VLAN takes frames with its one tag, others pass, counted", test_vlan),
		RIGGED("D005 a port without takes untagged frames only", test_no_vlan),
		RIGGED("D012 without a socket a query passes and an answer is dropped", test_no_socket),
		RIGGED("without its lease an address is silent: UDP, TCP, ICMP, ARP", test_lease),
		RIGGED("without its lease an IPv6 address is silent: UDP, TCP, ICMP, solicitations", test_lease_v6),
		RIGGED("a lease lapses by itself", test_lease_lapses),
		RIGGED("V154 for a virtual address the kernel gets DNS, echo requests and errors, and no SSH",
		       test_accepts),
		RIGGED("a blocked prefix is dropped for listen addresses, answers and ARP are not", test_block),
		RIGGED("the longest blocked prefix decides, of its own family", test_block_longest),
		RIGGED("a blocked IPv6 prefix, neighbour discovery is not held back", test_block_v6),
		RIGGED("every n-th frame of a blocked prefix passes", test_block_some),
		RIGGED("a block ends by itself", test_block_ends),
		RIGGED("4096 blocks, none of the self-check's own frames", test_block_full),
		RIGGED("full tables: every endpoint is found", test_full_tables),
		RIGGED("what does not fit changes nothing; duplicates are one", test_too_many),
		RIGGED("switching tables misses no frame", test_switch),
		RIGGED("self-check: verdicts, causes, and no trace in the counters", test_check),
		RIGGED("D013 bypassed: queries go to the kernel, and the self-check wants that", test_bypass),
		RIGGED("self-check: a link taken off by force shows, and can be put back", test_check_detached),
		RIGGED("native, generic, and neither", test_modes),
		RIGGED("native at MTU 9000", test_jumbo),
		RIGGED("a foreign program is named", test_foreign),
		RIGGED("D016 a killed process's filter goes, its successor waits for that", test_killed),
		RIGGED("without privileges the missing capability is named", test_unprivileged),
		RIGGED("every descriptor is close-on-exec", test_close_on_exec),
		CASE("counter names", test_names),
	};

	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 2) || !(device = if_nametoindex("e0"))) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	return RUN(cases);
}
