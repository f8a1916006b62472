/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffixes.c - the time that a node's start spends on its suffixes: the configuration is read and checked with
 * the files it names, then the table is built from them.
 *
 *      suffixes CONFIG         prints: suffixes, milliseconds to check, to build, octets of the table
 */
#include <stdio.h>
#include "base/clock.h"
#include "node/config.h"
#include "node/suffixes.h"
#include "pools/name.h"
#include "pools/suffix.h"

static double since_ms(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / CLOCK_NS_PER_MS;
}

int main(int argc, char **argv)
{
	char error[CONFIG_ERROR_MAX] = "";
	struct suffix_table *table;
	struct config *config;
	double check_ms, build_ms;
	uint64_t start_ns;

	if (argc != 2 || name_hash_init()) {
		fputs("usage: suffixes CONFIG\n", stderr);
		return 1;
	}
	start_ns = clock_mono_ns();
	if (config_load(argv[1], &config, error, sizeof(error))) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	check_ms = since_ms(start_ns);
	start_ns = clock_mono_ns();
	if (suffixes_build(config, NULL, &table, error, sizeof(error))) {
		fprintf(stderr, "%s\n", error);
		config_free(config);
		return 1;
	}
	build_ms = since_ms(start_ns);
	printf("%zu %.1f %.1f %zu\n", suffix_table_count(table), check_ms, build_ms, suffix_table_memory(table));
	suffix_table_free(table);
	config_free(config);
	return 0;
}
