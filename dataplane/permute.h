/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * permute.h - a keyed permutation of small domains (16 to 30 bits): attempt number <-> (source port, id).
 * Unbalanced Feistel; AES-NI rounds where the CPU has them, multiply-xorshift otherwise. Exact inverse,
 * unpredictable without the key, nothing to look up. Pure; any thread.
 */
#ifndef DATAPLANE_PERMUTE_H
#define DATAPLANE_PERMUTE_H

#include <stdint.h>

struct dp_permute {
	_Alignas(16) uint8_t key[4][16];
	uint8_t bits;
	_Bool aes;
};

/* Random key. bits 16-30. 0 or -errno. */
int dp_permute_init(struct dp_permute *permute, unsigned bits);
/* Given key (64 octets), AES only if asked and there: for tests and the instruction benchmark. */
void dp_permute_init_key(struct dp_permute *permute, unsigned bits, const uint8_t *key, _Bool aes);

uint32_t dp_permute_forward(const struct dp_permute *permute, uint32_t number);
uint32_t dp_permute_inverse(const struct dp_permute *permute, uint32_t value);

#endif
