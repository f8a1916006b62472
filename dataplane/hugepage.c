/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hugepage.c - mapping. Contract in hugepage.h.
 */
#include "dataplane/hugepage.h"

#include <linux/mman.h>
#include <stddef.h>
#include <sys/mman.h>

static void *map(uint64_t size, int flags)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void *keep_to_us(void *area, uint64_t size)
{
	madvise(area, size, MADV_DONTFORK);
	madvise(area, size, MADV_DONTDUMP);
	return area;
}

void *dp_huge_map(uint64_t size, bool *is_huge)
{
	uint8_t *all = map(size + DP_HUGE_PAGE, 0);
	size_t before;

	if (!all)
		return NULL;
	before = -(uintptr_t)all & (DP_HUGE_PAGE - 1);
	if (before)
		munmap(all, before);
	munmap(all + before + size, DP_HUGE_PAGE - before);
	*is_huge = !madvise(all + before, size, MADV_HUGEPAGE);
	return keep_to_us(all + before, size);
}

void *dp_huge_map_reserved(uint64_t size, bool *is_huge)
{
	void *area = map(size, MAP_HUGETLB | MAP_HUGE_2MB);

	*is_huge = true;
	return area ? keep_to_us(area, size) : dp_huge_map(size, is_huge);
}
