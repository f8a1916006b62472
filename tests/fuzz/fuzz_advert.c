/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_advert.c - libFuzzer: the first octet picks the checksum modes that pass, and whether the sums are set
 * right first (or few inputs would get past them); the others are an IP packet with an advertisement. What is accepted
 * is sane, and what is written from it is read as the same.
 */
#include "tests/fuzz/exercise.h"

#include "vrrp/advert.h"

enum { IPV4_LEN = 20, IPV6_LEN = 40, MESSAGE_LEN = 8, SET_SUMS = 0x80 };

static uint32_t add(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)octets[i] << (i % 2 ? 0 : 8);
	return sum;
}

/* The checksum of len octets, and of what is in sum, at an offset of two octets that count as zero. */
static void set_sum(uint8_t *octets, size_t len, size_t at, uint32_t sum)
{
	octets[at] = octets[at + 1] = 0;
	sum = add(sum, octets, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	octets[at] = (uint8_t)(~sum >> 8);
	octets[at + 1] = (uint8_t)~sum;
}

static void set_sums(uint8_t *packet, size_t len)
{
	bool v6 = len && packet[0] >> 4 == 6;
	size_t header = v6 ? IPV6_LEN : IPV4_LEN;

	if (len < header + MESSAGE_LEN)
		return;
	if (!v6)
		set_sum(packet, IPV4_LEN, 10, 0);
	set_sum(packet + header, len - header, 6,
		v6 ? add(VRRP_PROTOCOL + (uint32_t)(len - header), packet + 8, 32) : 0);
}

static void write_again(const struct vrrp_advert *advert, const struct vrrp_path *path,
			enum vrrp_checksum used)
{
	static const uint8_t mac[6] = { 0x02 };
	uint8_t *frame = malloc(VRRP_FRAME_MAX);
	size_t len = vrrp_advert_frame(advert, path, used, mac, frame);
	struct vrrp_advert again;
	struct vrrp_path path_again;
	enum vrrp_checksum used_again;

	PROMISE(len <= VRRP_FRAME_MAX);
	PROMISE(vrrp_advert_decode(frame + 14, len - 14, used, &again, &path_again, &used_again) ==
		VRRP_ACCEPTED);
	PROMISE(!memcmp(&again, advert, sizeof(again)) && !memcmp(&path_again, path, sizeof(path_again)));
	PROMISE(used_again == used);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;
	enum vrrp_reject reject;
	uint8_t *packet;

	if (!size || size - 1 > UINT16_MAX)
		return -1;
	packet = exercise_copy(data + 1, size - 1);
	if (data[0] & SET_SUMS)
		set_sums(packet, size - 1);
	reject = vrrp_advert_decode(packet, size - 1, data[0] % 3, &advert, &path, &used);
	PROMISE(reject < VRRP_REJECTS);
	if (reject == VRRP_ACCEPTED) {
		PROMISE(advert.count && advert.interval_cs && advert.interval_cs <= VRRP_INTERVAL_MAX_CS);
		PROMISE(used != VRRP_CHECKSUM_BOTH);
		if (advert.count <= VRRP_ADDRESSES_MAX)
			write_again(&advert, &path, used);
	}
	free(packet);
	return 0;
}
