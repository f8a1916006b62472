/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_advert.c - the codec: known messages octet by octet, every check of the receiver, every truncation and
 * every flipped bit, the timers' reference values. Packets lie in heap blocks of exactly their length, so that with
 * SAN=1 every octet read too much is an error.
 */
#include "tests/tap.h"

#include <stdlib.h>
#include "vrrp/advert.h"

enum { ETH_LEN = 14, IPV4_LEN = 20, IPV6_LEN = 40 };

struct vector {
	const char *source;
	uint8_t vrid, priority;
	uint16_t interval_cs;
	const char *addresses[3];
	enum vrrp_checksum mode;
	size_t len;
	uint8_t octets[64];
};

static const struct vector v017 = {
	"192.0.2.1", 51, 100, 100, { "192.0.2.53" }, VRRP_CHECKSUM_RFC9568, 12,
	{ 0x31, 0x33, 0x64, 0x01, 0x00, 0x64, 0xa8, 0x31, 0xc0, 0x00, 0x02, 0x35 }
};
static const struct vector v018 = {
	"192.0.2.1", 51, 100, 100, { "192.0.2.53" }, VRRP_CHECKSUM_RFC5798, 12,
	{ 0x31, 0x33, 0x64, 0x01, 0x00, 0x64, 0x05, 0xa1, 0xc0, 0x00, 0x02, 0x35 }
};
static const struct vector v019 = {
	"192.0.2.1", 51, 0, 100, { "192.0.2.53" }, VRRP_CHECKSUM_RFC9568, 12,
	{ 0x31, 0x33, 0x00, 0x01, 0x00, 0x64, 0x0c, 0x32, 0xc0, 0x00, 0x02, 0x35 }
};
static const struct vector v019_rfc5798 = {
	"192.0.2.1", 51, 0, 100, { "192.0.2.53" }, VRRP_CHECKSUM_RFC5798, 12,
	{ 0x31, 0x33, 0x00, 0x01, 0x00, 0x64, 0x69, 0xa1, 0xc0, 0x00, 0x02, 0x35 }
};
static const struct vector v020 = {
	"192.0.2.2", 7, 254, 10, { "192.0.2.53", "198.51.100.53" }, VRRP_CHECKSUM_RFC9568, 16,
	{ 0x31, 0x07, 0xfe, 0x02, 0x00, 0x0a, 0xe4, 0x4c, 0xc0, 0x00, 0x02, 0x35, 0xc6, 0x33, 0x64, 0x35 }
};
static const struct vector v020_rfc5798 = {
	"192.0.2.2", 7, 254, 10, { "192.0.2.53", "198.51.100.53" }, VRRP_CHECKSUM_RFC5798, 16,
	{ 0x31, 0x07, 0xfe, 0x02, 0x00, 0x0a, 0x41, 0xb7, 0xc0, 0x00, 0x02, 0x35, 0xc6, 0x33, 0x64, 0x35 }
};
static const struct vector v021 = {
	"fe80::1", 51, 100, 100, { "fe80::53", "2001:db8::53" }, VRRP_CHECKSUM_RFC9568, 40,
	{ 0x31, 0x33, 0x64, 0x02, 0x00, 0x64, 0x3f, 0x57,
	  0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
	  0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53 }
};
static const struct vector v022 = {
	"fe80::1", 51, 200, 4095, { "fe80::53" }, VRRP_CHECKSUM_RFC9568, 24,
	{ 0x31, 0x33, 0xc8, 0x01, 0x0f, 0xff, 0xf9, 0xd8,
	  0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53 }
};

/* ---- making packets ---- */

static struct addr address_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct vrrp_path path_of(const char *source)
{
	struct vrrp_path path = { .source = address_of(source) };

	path.destination = address_of(addr_is_v4(&path.source) ? "224.0.0.18" : "ff02::12");
	return path;
}

static struct vrrp_advert advert_of(const struct vector *v)
{
	struct vrrp_advert advert = {
		.vrid = v->vrid, .priority = v->priority, .interval_cs = v->interval_cs,
	};

	while (advert.count < 3 && v->addresses[advert.count]) {
		advert.addresses[advert.count] = address_of(v->addresses[advert.count]);
		advert.count++;
	}
	return advert;
}

/* An IP packet, and what the receiver said of it. */
struct packet {
	size_t len, header;		/* of the whole, of the IP header */
	uint8_t octets[512];
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;
};

static struct packet packet_of(const struct vector *v)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct vrrp_advert advert = advert_of(v);
	struct vrrp_path path = path_of(v->source);
	struct packet p = { .header = addr_is_v4(&path.source) ? IPV4_LEN : IPV6_LEN };
	uint8_t frame[VRRP_FRAME_MAX];

	p.len = vrrp_advert_frame(&advert, &path, v->mode, mac, frame) - ETH_LEN;
	memcpy(p.octets, frame + ETH_LEN, p.len);
	return p;
}

static uint32_t add(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)octets[i] << (i % 2 ? 0 : 8);
	return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* Lengths and checksums again, after a test has changed something else. */
static void mend(struct packet *p)
{
	uint8_t *message = p->octets + p->header;
	size_t len = p->len - p->header;
	bool v4 = p->header == IPV4_LEN;
	uint32_t pseudo = v4 ? 0 : add(112 + (uint32_t)len, p->octets + 8, 32);

	if (v4) {
		p->octets[2] = (uint8_t)(p->len >> 8);
		p->octets[3] = (uint8_t)p->len;
		memset(p->octets + 10, 0, 2);
		put_sum(p->octets + 10, add(0, p->octets, IPV4_LEN));
	} else {
		p->octets[4] = (uint8_t)(len >> 8);
		p->octets[5] = (uint8_t)len;
	}
	if (len >= 8) {
		memset(message + 6, 0, 2);
		put_sum(message + 6, add(pseudo, message, len));
	}
}

static enum vrrp_reject receive(struct packet *p, enum vrrp_checksum accepted)
{
	uint8_t *exact = malloc(p->len ? p->len : 1);
	enum vrrp_reject reject;

	assert_non_null(exact);
	memcpy(exact, p->octets, p->len);
	reject = vrrp_advert_decode(exact, p->len, accepted, &p->advert, &p->path, &p->used);
	free(exact);
	return reject;
}

static enum vrrp_reject receive_strictly(struct packet *p)
{
	return receive(p, VRRP_CHECKSUM_RFC9568);
}

/* ---- vectors ---- */

static void assert_vector(const struct vector *v)
{
	struct vrrp_advert advert = advert_of(v);
	struct vrrp_path path = path_of(v->source);
	struct packet p = packet_of(v);
	uint8_t *out = malloc(v->len);

	assert_non_null(out);
	assert_int_equal(vrrp_advert_encode(&advert, &path, v->mode, out), v->len);
	assert_memory_equal(out, v->octets, v->len);
	free(out);

	assert_int_equal(p.len, p.header + v->len);
	assert_memory_equal(p.octets + p.header, v->octets, v->len);
	assert_int_equal(receive(&p, v->mode), VRRP_ACCEPTED);
	assert_memory_equal(&p.advert, &advert, sizeof(advert));
	assert_memory_equal(&p.path, &path, sizeof(path));
	assert_int_equal(p.used, v->mode);
}

static void test_v017(void **state)
{
	(void)state;
	assert_vector(&v017);
}

static void test_v018(void **state)
{
	(void)state;
	assert_vector(&v018);
}

static void test_v019(void **state)
{
	(void)state;
	assert_vector(&v019);
	assert_vector(&v019_rfc5798);
}

static void test_v020(void **state)
{
	(void)state;
	assert_vector(&v020);
	assert_vector(&v020_rfc5798);
}

static void test_v021(void **state)
{
	(void)state;
	assert_vector(&v021);
}

static void test_v022(void **state)
{
	(void)state;
	assert_vector(&v022);
}

/* ---- sending ---- */

static void test_frame_v4(void **state)
{
	static const uint8_t expected[ETH_LEN + IPV4_LEN] = {
		0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 0x08, 0x00,
		0x45, 0xc0, 0x00, 0x20, 0x00, 0x00, 0x40, 0x00, 0xff, 0x70, 0xd8, 0x99,
		192, 0, 2, 1, 224, 0, 0, 18,
	};
	struct vrrp_advert advert = advert_of(&v017);
	struct vrrp_path path = path_of("192.0.2.1");
	uint8_t mac[6], frame[VRRP_FRAME_MAX];
	uint32_t sum;

	(void)state;
	vrrp_virtual_mac(51, false, mac);
	assert_int_equal(vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, mac, frame),
			 sizeof(expected) + 12);
	sum = add(0, frame + ETH_LEN, IPV4_LEN);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void test_frame_v6(void **state)
{
	static const uint8_t start[ETH_LEN + 8] = {
		0x33, 0x33, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33, 0x86, 0xdd,
		0x6c, 0x00, 0x00, 0x00, 0x00, 0x28, 0x70, 0xff,
	};
	struct vrrp_advert advert = advert_of(&v021);
	struct vrrp_path path = path_of("fe80::1");
	uint8_t mac[6], frame[VRRP_FRAME_MAX];

	(void)state;
	vrrp_virtual_mac(51, true, mac);
	assert_int_equal(vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, mac, frame),
			 ETH_LEN + IPV6_LEN + 40);
	assert_memory_equal(frame, start, sizeof(start));
	assert_memory_equal(frame + ETH_LEN + 8, path.source.bytes, 16);
	assert_memory_equal(frame + ETH_LEN + 24, path.destination.bytes, 16);
}

static void test_largest(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct vrrp_path path = path_of("fe80::1");
	struct vrrp_advert advert = advert_of(&v021);
	uint8_t *frame = malloc(VRRP_FRAME_MAX);

	(void)state;
	assert_non_null(frame);
	for (unsigned i = 0; i < VRRP_ADDRESSES_MAX; i++)
		advert.addresses[i] = address_of("fe80::53");
	advert.count = VRRP_ADDRESSES_MAX;
	assert_int_equal(vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, mac, frame),
			 VRRP_FRAME_MAX);
	free(frame);
}

static void test_order_kept(void **state)
{
	static const struct vector turned = {
		"192.0.2.2", 7, 254, 10, { "198.51.100.53", "192.0.2.53" }, VRRP_CHECKSUM_RFC9568, 16,
		{ 0x31, 0x07, 0xfe, 0x02, 0x00, 0x0a, 0xe4, 0x4c,
		  0xc6, 0x33, 0x64, 0x35, 0xc0, 0x00, 0x02, 0x35 }
	};

	(void)state;
	assert_vector(&turned);
}

static void test_interval_bits(void **state)
{
	static const struct {
		uint16_t interval_cs;
		uint8_t octets[2];
	} cases[] = { { 1, { 0x00, 0x01 } }, { 100, { 0x00, 0x64 } }, { 4095, { 0x0f, 0xff } } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vector v = v017;
		struct packet p;

		v.interval_cs = cases[i].interval_cs;
		p = packet_of(&v);
		assert_memory_equal(p.octets + p.header + 4, cases[i].octets, 2);
		for (unsigned reserved = 0; reserved < 16; reserved++) {
			p.octets[p.header + 4] = (uint8_t)(reserved << 4 | cases[i].octets[0]);
			mend(&p);
			assert_int_equal(receive_strictly(&p), VRRP_ACCEPTED);
			assert_int_equal(p.advert.interval_cs, cases[i].interval_cs);
		}
	}
}

/* ---- receiving ---- */

/* One octet set in a good packet, lengths and checksums right again. */
struct change {
	size_t at;			/* from the start of the IP header */
	uint8_t value;
	enum vrrp_reject reject;
};

static void assert_changes(const struct vector *v, const struct change *changes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct packet p = packet_of(v);

		p.octets[changes[i].at] = changes[i].value;
		mend(&p);
		assert_int_equal(receive_strictly(&p), changes[i].reject);
	}
}

#define ASSERT_CHANGES(v, ...) do { \
	const struct change list[] = { __VA_ARGS__ }; \
	assert_changes(v, list, sizeof(list) / sizeof(list[0])); \
} while (0)

static void test_ttl(void **state)
{
	(void)state;
	ASSERT_CHANGES(&v017, { 8, 254, VRRP_REJECT_TTL }, { 8, 1, VRRP_REJECT_TTL },
		       { 8, 0, VRRP_REJECT_TTL }, { 8, 255, VRRP_ACCEPTED });
	ASSERT_CHANGES(&v021, { 7, 254, VRRP_REJECT_TTL }, { 7, 0, VRRP_REJECT_TTL });
}

static enum vrrp_reject receive_far(const struct vector *v, uint8_t ttl, uint8_t max_hops)
{
	struct packet p = packet_of(v);

	p.octets[p.header == IPV4_LEN ? 8 : 7] = ttl;
	mend(&p);
	return vrrp_advert_decode_far(p.octets, p.len, VRRP_CHECKSUM_RFC9568, max_hops, &p.advert, &p.path, &p.used);
}

/* Unicast peers may be said to be some routers away. */
static void test_max_hops(void **state)
{
	(void)state;
	for (unsigned hops = 0; hops < 255; hops++) {
		assert_int_equal(receive_far(&v017, (uint8_t)(255 - hops), (uint8_t)hops), VRRP_ACCEPTED);
		assert_int_equal(receive_far(&v017, (uint8_t)(254 - hops), (uint8_t)hops), VRRP_REJECT_TTL);
		assert_int_equal(receive_far(&v021, (uint8_t)(255 - hops), (uint8_t)hops), VRRP_ACCEPTED);
		assert_int_equal(receive_far(&v021, (uint8_t)(254 - hops), (uint8_t)hops), VRRP_REJECT_TTL);
	}
}

/* The pseudo-header has the destination that the packet has: another sum than the group's. */
static void test_unicast_checksum(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	/* V018 and V021 with another destination: 192.0.2.2 for 224.0.0.18, fe80::2 for ff02::12 */
	static const struct {
		const struct vector *like;
		const char *to;
		uint8_t sum[2];
	} cases[] = {
		{ &v017, "192.0.2.2", { 0xa8, 0x31 } },
		{ &v018, "192.0.2.2", { 0x23, 0xb1 } },
		{ &v021, "fe80::2", { 0x3f, 0xe9 } },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vrrp_advert advert = advert_of(cases[i].like), read;
		struct vrrp_path path = { address_of(cases[i].like->source), address_of(cases[i].to) }, way;
		uint8_t frame[VRRP_FRAME_MAX];
		size_t len = vrrp_advert_frame(&advert, &path, cases[i].like->mode, mac, frame);
		size_t header = addr_is_v4(&path.source) ? IPV4_LEN : IPV6_LEN;
		enum vrrp_checksum used;

		assert_memory_equal(frame + ETH_LEN + header + 6, cases[i].sum, 2);
		assert_int_equal(vrrp_advert_decode(frame + ETH_LEN, len - ETH_LEN, cases[i].like->mode, &read,
						    &way, &used),
				 VRRP_ACCEPTED);
		assert_true(addr_equal(&way.destination, &path.destination));
	}
}

static void test_version(void **state)
{
	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		enum vrrp_reject reject = version == 3 ? VRRP_ACCEPTED : VRRP_REJECT_VERSION;

		ASSERT_CHANGES(&v017, { IPV4_LEN, (uint8_t)(version << 4 | 1), reject });
		ASSERT_CHANGES(&v021, { IPV6_LEN, (uint8_t)(version << 4 | 1), reject });
	}
}

/* As keepalived sends it: type, no authentication, whole seconds, eight octets of nothing at the end. */
static void test_version_2(void **state)
{
	static const uint8_t message[] = {
		0x21, 0x33, 0x64, 0x01, 0x00, 0x01, 0xb8, 0x94, 192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0
	};
	struct packet p = packet_of(&v017);
	uint32_t sum = add(0, message, sizeof(message));

	(void)state;
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	memcpy(p.octets + p.header, message, sizeof(message));
	p.len = p.header + sizeof(message);
	mend(&p);
	assert_int_equal(receive(&p, VRRP_CHECKSUM_BOTH), VRRP_REJECT_VERSION);
}

static void test_type(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 16; type++)
		ASSERT_CHANGES(&v017, { IPV4_LEN, (uint8_t)(0x30 | type),
					type == 1 ? VRRP_ACCEPTED : VRRP_REJECT_TYPE });
}

/* Cut by the link: the IP header promises more. Cut in the message: the IP header is right. */
static void test_truncated(void **state)
{
	static const struct vector *const vectors[] = { &v017, &v020, &v021, &v022 };

	(void)state;
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct packet whole = packet_of(vectors[i]);

		for (size_t len = 0; len < whole.len; len++) {
			struct packet p = whole;

			p.len = len;
			assert_int_equal(receive_strictly(&p), VRRP_REJECT_LENGTH);
			if (len < p.header)
				continue;
			mend(&p);
			assert_int_equal(receive_strictly(&p), VRRP_REJECT_LENGTH);
		}
	}
}

static void test_counts(void **state)
{
	(void)state;
	for (unsigned count = 1; count < 256; count++)
		ASSERT_CHANGES(&v020, { IPV4_LEN + 3, (uint8_t)count,
					count == 2 ? VRRP_ACCEPTED : VRRP_REJECT_LENGTH });
}

static void test_many_addresses(void **state)
{
	struct packet p = packet_of(&v017);

	(void)state;
	p.octets[p.header + 3] = 100;
	for (uint8_t i = 0; i < 100; i++)
		memcpy(p.octets + p.header + 8 + i * 4, (uint8_t[]){ 10, 0, 0, i }, 4);
	p.len = p.header + 8 + 100 * 4;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_ACCEPTED);
	assert_int_equal(p.advert.count, 100);
	for (unsigned i = 0; i < VRRP_ADDRESSES_MAX; i++)
		assert_int_equal(p.advert.addresses[i].bytes[15], i);
}

static void test_trailing(void **state)
{
	static const struct vector *const vectors[] = { &v017, &v021 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct packet p = packet_of(vectors[i]);
		size_t whole = p.len;

		memset(p.octets + whole, 0xa5, 26);
		for (p.len = whole; p.len <= whole + 26; p.len++)
			assert_int_equal(receive_strictly(&p), VRRP_ACCEPTED);
		for (p.len = whole + 1; p.len <= whole + 26; p.len++) {
			mend(&p);	/* now they are inside the IP packet */
			assert_int_equal(receive_strictly(&p), VRRP_REJECT_LENGTH);
		}
	}
}

static void assert_flips(const struct vector *v)
{
	struct packet p = packet_of(v);

	for (size_t bit = 0; bit < v->len * 8; bit++) {
		p.octets[p.header + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(receive(&p, v->mode), VRRP_ACCEPTED);
		p.octets[p.header + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(receive(&p, v->mode), VRRP_ACCEPTED);
}

static void test_flips(void **state)
{
	(void)state;
	assert_flips(&v017);
	assert_flips(&v018);
	assert_flips(&v020);
	assert_flips(&v021);
	assert_flips(&v022);
}

static void test_checksum(void **state)
{
	struct packet p = packet_of(&v017);

	(void)state;
	p.octets[p.header + 2] ^= 0x40;
	assert_int_equal(receive(&p, VRRP_CHECKSUM_BOTH), VRRP_REJECT_CHECKSUM);
	assert_int_equal(p.advert.count, 0);
	p = packet_of(&v017);
	p.octets[15] ^= 1;		/* the source address, the header's sum left as it was */
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_CHECKSUM);
}

static void test_checksum_modes(void **state)
{
	struct packet bare = packet_of(&v017), pseudo = packet_of(&v018);

	(void)state;
	assert_int_equal(receive(&bare, VRRP_CHECKSUM_RFC9568), VRRP_ACCEPTED);
	assert_int_equal(receive(&pseudo, VRRP_CHECKSUM_RFC9568), VRRP_REJECT_CHECKSUM);
	assert_int_equal(receive(&bare, VRRP_CHECKSUM_RFC5798), VRRP_REJECT_CHECKSUM);
	assert_int_equal(receive(&pseudo, VRRP_CHECKSUM_RFC5798), VRRP_ACCEPTED);
	assert_int_equal(receive(&bare, VRRP_CHECKSUM_BOTH), VRRP_ACCEPTED);
	assert_int_equal(bare.used, VRRP_CHECKSUM_RFC9568);
	assert_int_equal(receive(&pseudo, VRRP_CHECKSUM_BOTH), VRRP_ACCEPTED);
	assert_int_equal(pseudo.used, VRRP_CHECKSUM_RFC5798);
}

static void test_checksum_v6(void **state)
{
	struct vrrp_advert advert = advert_of(&v021);
	struct vrrp_path path = path_of("fe80::1");
	struct packet p = packet_of(&v021);
	uint8_t out[VRRP_MESSAGE_MAX];

	(void)state;
	for (int mode = VRRP_CHECKSUM_RFC9568; mode <= VRRP_CHECKSUM_RFC5798; mode++) {
		vrrp_advert_encode(&advert, &path, mode, out);
		assert_memory_equal(out, v021.octets, v021.len);
	}
	for (int mode = VRRP_CHECKSUM_RFC9568; mode <= VRRP_CHECKSUM_BOTH; mode++)
		assert_int_equal(receive(&p, mode), VRRP_ACCEPTED);
	p.octets[8 + 15] ^= 1;		/* another source: the sum covers it */
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_CHECKSUM);
}

static void test_no_address(void **state)
{
	struct packet p = packet_of(&v017);

	(void)state;
	p.octets[p.header + 3] = 0;
	p.len = p.header + 8;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_COUNT);
	assert_int_equal(p.advert.vrid, 51);
}

static void test_no_interval(void **state)
{
	(void)state;
	ASSERT_CHANGES(&v017, { IPV4_LEN + 5, 0, VRRP_REJECT_INTERVAL });
	ASSERT_CHANGES(&v021, { IPV6_LEN + 5, 0, VRRP_REJECT_INTERVAL });
	/* reserved bits are no interval */
	struct packet p = packet_of(&v017);

	p.octets[p.header + 4] = 0xf0;
	p.octets[p.header + 5] = 0;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_INTERVAL);
}

static void test_first_address(void **state)
{
	enum { FIRST = IPV6_LEN + 8 };

	(void)state;
	ASSERT_CHANGES(&v021, { FIRST, 0x20, VRRP_REJECT_FIRST_ADDRESS },
		       { FIRST + 1, 0xc0, VRRP_REJECT_FIRST_ADDRESS },
		       { FIRST + 1, 0x7f, VRRP_REJECT_FIRST_ADDRESS },
		       { FIRST + 1, 0xbf, VRRP_ACCEPTED },
		       { FIRST + 16, 0xfe, VRRP_ACCEPTED });
}

static void test_not_plain(void **state)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct packet p = packet_of(&v017);

	(void)state;
	memmove(p.octets + 24, p.octets + 20, 12);	/* four octets of options */
	memset(p.octets + 20, 1, 4);
	p.octets[0] = 0x46;
	p.len += 4;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_OPTIONS);

	ASSERT_CHANGES(&v017, { 6, 0x20, VRRP_REJECT_OPTIONS },		/* more fragments */
		       { 7, 0x01, VRRP_REJECT_OPTIONS },		/* not the first */
		       { 6, 0x40, VRRP_ACCEPTED }, { 6, 0x00, VRRP_ACCEPTED },
		       { 0, 0x44, VRRP_REJECT_OPTIONS }, { 0, 0x35, VRRP_REJECT_OPTIONS },
		       { 9, 17, VRRP_REJECT_OPTIONS });
	ASSERT_CHANGES(&v021, { 6, 0, VRRP_REJECT_OPTIONS }, { 6, 44, VRRP_REJECT_OPTIONS });
	p = packet_of(&v021);
	memcpy(p.octets + 8, mapped, sizeof(mapped));	/* IPv6 that would pass for IPv4 */
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_OPTIONS);
}

/* A packet with all faults, mended from the front: each check speaks before the next. */
static void test_order(void **state)
{
	struct packet p = packet_of(&v017);
	uint8_t *ip = p.octets, *message = p.octets + IPV4_LEN;
	struct addr source = address_of("192.0.2.1");

	(void)state;
	ip[8] = 1;
	ip[6] = 0x20;
	message[0] = 0x22;
	message[3] = 9;
	message[4] = message[5] = 0;
	mend(&p);
	message[6] ^= 1;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_TTL);
	assert_true(addr_equal(&p.path.source, &source));
	ip[8] = 255;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_OPTIONS);
	ip[6] = 0;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_VERSION);
	message[0] = 0x32;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_TYPE);
	message[0] = 0x31;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_LENGTH);
	message[3] = 0;
	p.len = IPV4_LEN + 8;
	mend(&p);
	message[6] ^= 1;
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_CHECKSUM);
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_COUNT);
	message[3] = 1;
	p.len = IPV4_LEN + 12;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_REJECT_INTERVAL);
	message[5] = 100;
	mend(&p);
	assert_int_equal(receive_strictly(&p), VRRP_ACCEPTED);
}

static void test_names(void **state)
{
	(void)state;
	for (int reject = 0; reject < VRRP_REJECTS; reject++) {
		assert_non_null(vrrp_reject_name(reject));
		for (int other = 0; other < reject; other++)
			assert_string_not_equal(vrrp_reject_name(reject), vrrp_reject_name(other));
	}
	assert_string_equal(vrrp_checksum_name(VRRP_CHECKSUM_RFC9568), "rfc9568");
	assert_string_equal(vrrp_checksum_name(VRRP_CHECKSUM_RFC5798), "rfc5798");
	assert_string_equal(vrrp_checksum_name(VRRP_CHECKSUM_BOTH), "both");
}

/* Random octets, and good packets with random octets in them: nothing but a right message passes. */
static void test_random(void **state)
{
	static const struct vector *const vectors[] = { &v017, &v020, &v021 };
	unsigned accepted = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		struct packet p = packet_of(vectors[i % 3]);
		uint8_t out[VRRP_MESSAGE_MAX];

		for (int changes = rand() % 4; changes >= 0; changes--)
			p.octets[(size_t)rand() % p.len] = (uint8_t)rand();
		if (i % 5 == 0)
			p.len = (size_t)rand() % (p.len + 1);
		if (i % 2 && p.len >= p.header)
			mend(&p);
		if (receive_strictly(&p) != VRRP_ACCEPTED)
			continue;
		accepted++;
		assert_true(p.advert.count && p.advert.interval_cs);
		p.octets[p.header + 4] &= 0x0f;
		mend(&p);
		assert_int_equal(vrrp_advert_encode(&p.advert, &p.path, VRRP_CHECKSUM_RFC9568, out),
				 p.len - p.header);
		assert_memory_equal(out, p.octets + p.header, p.len - p.header);
	}
	assert_true(accepted > 1000);
}

/* ---- timers ---- */

static void test_timers(void **state)
{
	static const struct {
		uint8_t priority;
		uint16_t interval_cs;
		uint64_t skew_us, down_us;
	} cases[] = {
		{ 100, 100, 609375, 3609375 },
		{ 254, 100, 7812, 3007812 },
		{ 1, 100, 996093, 3996093 },
		{ 200, 10, 21875, 321875 },
		{ 150, 10, 41406, 341406 },
		{ 100, 1, 6093, 36093 },
		{ 254, 1, 78, 30078 },
		{ 100, 4095, 24953906, 147803906 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t priority = cases[i].priority;
		uint16_t interval_cs = cases[i].interval_cs;

		assert_int_equal(vrrp_skew_ns(priority, interval_cs) / 1000, cases[i].skew_us);
		assert_int_equal(vrrp_down_ns(priority, interval_cs) / 1000, cases[i].down_us);
	}
}

static void test_timer_rules(void **state)
{
	(void)state;
	assert_int_equal(vrrp_interval_ns(1), 10 * 1000 * 1000);
	assert_int_equal(vrrp_interval_ns(VRRP_INTERVAL_MAX_CS), 40950000000);
	for (unsigned interval_cs = 1; interval_cs <= VRRP_INTERVAL_MAX_CS; interval_cs += 7) {
		uint64_t interval = vrrp_interval_ns((uint16_t)interval_cs);

		for (unsigned priority = 1; priority < 256; priority++) {
			uint64_t skew = vrrp_skew_ns((uint8_t)priority, (uint16_t)interval_cs);

			assert_int_equal(skew, (256 - priority) * interval / 256);
			assert_int_equal(vrrp_down_ns((uint8_t)priority, (uint16_t)interval_cs),
					 3 * interval + skew);
			/* no two priorities promote in the same instant */
			if (priority > 1)
				assert_true(skew < vrrp_skew_ns((uint8_t)(priority - 1),
								(uint16_t)interval_cs));
		}
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V017 V010 V011 IPv4 message, octet by octet", test_v017),
		CASE("V018 V002 the same with a pseudo-header", test_v018),
		CASE("V019 IPv4 priority 0, both checksum modes", test_v019),
		CASE("V020 V013 IPv4 message with two addresses, both checksum modes", test_v020),
		CASE("V021 V003 V013 IPv6 message with two addresses", test_v021),
		CASE("V022 V011 IPv6 message with the longest interval", test_v022),
		CASE("V030 V033 frame for IPv4: group, virtual MAC, TTL 255, CS6", test_frame_v4),
		CASE("V031 V033 frame for IPv6: group, virtual MAC, hop limit 255, CS6", test_frame_v6),
		CASE("the largest frame is as large as promised", test_largest),
		CASE("V014 addresses keep the order of the configuration", test_order_kept),
		CASE("V011 V012 12 bits of interval, the reserved four are ignored", test_interval_bits),
		CASE("V050 TTL or hop limit other than 255", test_ttl),
		CASE("V040 V050 a TTL of 255 less the hops that are allowed, and none below", test_max_hops),
		CASE("V040 V003 unicast: the checksum uses the true destination where it covers one",
		     test_unicast_checksum),
		CASE("V051 version other than 3", test_version),
		CASE("V051 a whole VRRPv2 message", test_version_2),
		CASE("V052 type other than 1", test_type),
		CASE("V053 every truncation of four messages, in blocks of exactly that length", test_truncated),
		CASE("V053 V013 a count of addresses that does not fit the length", test_counts),
		CASE("more addresses than we can have ourselves: the first are kept", test_many_addresses),
		CASE("V054 padding of the link is ignored, octets inside the IP packet are not", test_trailing),
		CASE("V055 every flipped bit of five messages is rejected", test_flips),
		CASE("V055 wrong checksum, of the message and of the IPv4 header", test_checksum),
		CASE("V056 V002 strict modes take their own form, both takes either", test_checksum_modes),
		CASE("V003 IPv6 has the pseudo-header in every mode", test_checksum_v6),
		CASE("V058 V006 no address", test_no_address),
		CASE("V059 V006 interval 0, reserved bits set or not", test_no_interval),
		CASE("V060 V006 IPv6: first address not in fe80::/10", test_first_address),
		CASE("V064 IPv4 options, fragments, extension headers", test_not_plain),
		CASE("V050 V051 V052 V053 V055 V058 V059 V064 checks come in one order", test_order),
		CASE("every rejection has a name of its own", test_names),
		CASE("V066 random octets: what is accepted is what encoding gives", test_random),
		CASE("V072 V070 V071 reference values of the timers", test_timers),
		CASE("V070 V071 V073 formulas for all priorities; skew is never the same", test_timer_rules),
	};

	return RUN(cases);
}
