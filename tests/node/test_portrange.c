/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_portrange.c - our source ports against the kernel's settings.
 */
#include "tests/tap.h"

#include "node/portrange.h"

static const struct {
	const char *range, *reserved;
	uint32_t first, count;
	bool is_free;
} cases_of_range[] = {
	{ "32768\t60999", "", 16384, 16384, true },		/* ends right below */
	{ "32767\t60999", "", 16384, 16384, false },
	{ "1024\t16384", "", 16384, 16384, false },
	{ "1024\t16383", "", 16384, 16384, true },
	{ "1024\t65535", "16384-32767", 16384, 16384, true },
	{ "1024\t65535", "16384-32766", 16384, 16384, false },
	{ "1024\t65535", "16385-32767", 16384, 16384, false },
	{ "1024\t65535", "53,16384-20000,20001-32767,40000", 16384, 16384, true },
	{ "1024\t65535", "53,16384-20000,20002-32767", 16384, 16384, false },
	{ "32768\t60999", "32768", 32767, 2, true },		/* overlap of one port, reserved */
	{ "32768\t60999", "32769", 32767, 2, false },
	{ "32768 60999", "", 60000, 2048, false },
	{ "32768 60999", "", 61000, 2048, true },
	{ "40000\t50000", "", 32768, 32768, false },		/* ours around theirs */
	{ "40000\t50000", "40000-50000", 32768, 32768, true },
};

static void test_ranges(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(cases_of_range) / sizeof(cases_of_range[0]); i++) {
		print_message("# %s, reserved %s, ours %u+%u\n", cases_of_range[i].range,
			      cases_of_range[i].reserved, cases_of_range[i].first, cases_of_range[i].count);
		assert_int_equal(portrange_is_free(cases_of_range[i].range, cases_of_range[i].reserved,
						   cases_of_range[i].first, cases_of_range[i].count),
				 cases_of_range[i].is_free);
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("source ports outside the kernel's own, or reserved from it", test_ranges),
	};

	return RUN(cases);
}
