/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_seeds.c - every seed of every fuzzer, and so every input that once broke something, goes through the same code
 * in every test run, without libFuzzer. A folder of seeds that has no fuzzer here fails.
 */
#include "tests/tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LLVMFuzzerTestOneInput fuzz_advert
#include "tests/fuzz/fuzz_advert.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_answer
#include "tests/fuzz/fuzz_answer.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_hello
#include "tests/fuzz/fuzz_hello.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_inquiry
#include "tests/fuzz/fuzz_inquiry.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_opt
#include "tests/fuzz/fuzz_opt.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_packet
#include "tests/fuzz/fuzz_packet.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_query
#include "tests/fuzz/fuzz_query.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_router
#include "tests/fuzz/fuzz_router.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ttl
#include "tests/fuzz/fuzz_ttl.c"
#undef LLVMFuzzerTestOneInput

#define SEEDS "tests/fuzz/seeds"

enum { SEED_MAX = 65536 };

static const struct {
	const char *folder;
	int (*run)(const uint8_t *data, size_t size);
} fuzzers[] = {
	{ "fuzz_advert", fuzz_advert }, { "fuzz_answer", fuzz_answer }, { "fuzz_hello", fuzz_hello },
	{ "fuzz_inquiry", fuzz_inquiry }, { "fuzz_opt", fuzz_opt }, { "fuzz_packet", fuzz_packet },
	{ "fuzz_query", fuzz_query }, { "fuzz_router", fuzz_router },
	{ "fuzz_ttl", fuzz_ttl },
};

/* As libFuzzer does: in memory of exactly its length. */
static void replay(const char *path, int (*run)(const uint8_t *data, size_t size))
{
	FILE *in = fopen(path, "rb");
	uint8_t *octets = malloc(SEED_MAX), *exact;
	size_t len;

	if (!in)
		fail_msg("%s", path);
	len = fread(octets, 1, SEED_MAX, in);
	fclose(in);
	exact = exercise_copy(octets, len);
	run(exact, len);
	free(exact);
	free(octets);
}

static unsigned replay_folder(const char *folder, int (*run)(const uint8_t *data, size_t size))
{
	char path[512];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), SEEDS "/%s", folder);
	dir = opendir(path);
	if (!dir)
		fail_msg("%s", path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), SEEDS "/%.60s/%.255s", folder, entry->d_name);
		replay(path, run);
		n++;
	}
	closedir(dir);
	return n;
}

static void all_seeds(void **state)
{
	(void)state;
	name_hash_init_fixed();
	for (size_t i = 0; i < sizeof(fuzzers) / sizeof(fuzzers[0]); i++) {
		unsigned n = replay_folder(fuzzers[i].folder, fuzzers[i].run);

		print_message("# %s: %u\n", fuzzers[i].folder, n);
		assert_int_not_equal(n, 0);
	}
}

static void no_folder_is_left_out(void **state)
{
	struct dirent *entry;
	DIR *dir = opendir(SEEDS);

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		bool found = entry->d_name[0] == '.';

		for (size_t i = 0; i < sizeof(fuzzers) / sizeof(fuzzers[0]); i++)
			found |= strcmp(entry->d_name, fuzzers[i].folder) == 0;
		if (!found)
			fail_msg("%s", entry->d_name);
	}
	closedir(dir);
}

static const struct CMUnitTest cases[] = {
	CASE("D034 V066 D232 every seed of every fuzzer", all_seeds),
	CASE("no folder of seeds is left out", no_folder_is_left_out),
};

int main(void)
{
	return RUN(cases);
}
