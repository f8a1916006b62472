/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_advert.c - libFuzzer: the first octet picks the checksum modes that pass, and whether the sums are set
 * right first (or few inputs would get past them); the others are an IP packet with an advertisement. What is accepted
 * is sane, and what is written from it is read as the same.
 */
#include "tests/fuzz/exercise.h"
#include "tests/fuzz/sums.h"

enum { SET_SUMS = 0x80 };

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
		sums_set(packet, size - 1);
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
