/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease.c - reading and writing the lease page. Contract in lease.h.
 * The XDP program reads the same words, so they are plain integers accessed with the __atomic builtins.
 */
#include "base/lease.h"

bool lease_holds(const struct lease_page *page, uint8_t index, uint64_t now_boot_ns)
{
	if (index == LEASE_NONE)
		return true;
	if (index >= LEASE_MAX)
		return false;
	return now_boot_ns < __atomic_load_n(&page->entries[index].until_ns, __ATOMIC_ACQUIRE);
}

enum lease_mode lease_mode(const struct lease_page *page, uint8_t index)
{
	if (index >= LEASE_MAX)
		return LEASE_RELEASED;
	return __atomic_load_n(&page->entries[index].mode, __ATOMIC_RELAXED);
}

void lease_grant(struct lease_page *page, uint8_t index, enum lease_mode mode, uint64_t until_ns)
{
	struct lease *lease = &page->entries[index];

	/* The mode first: a reader that sees the time sees what it is for. */
	__atomic_store_n(&lease->mode, mode, __ATOMIC_RELAXED);
	__atomic_store_n(&lease->until_ns, until_ns, __ATOMIC_RELEASE);
}

void lease_revoke(struct lease_page *page, uint8_t index)
{
	__atomic_store_n(&page->entries[index].until_ns, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&page->entries[index].mode, LEASE_RELEASED, __ATOMIC_RELAXED);
}
