/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - tandemd: options, and a node's start, run and stop.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/config.h"
#include "node/node.h"
#include "node/schema.h"
#include "pools/name.h"

#define DEFAULT_CONFIG "/etc/tandem/tandem.conf"

enum { EXIT_USAGE = 2 };

static struct node node;	/* large, and its cache lines aligned */

static void print_help(FILE *out)
{
	fputs("usage: tandemd [--config FILE]    run in the foreground (" DEFAULT_CONFIG ")\n"
	      "       tandemd --check FILE       read and check a configuration, touch nothing\n"
	      "       tandemd --keys             print every key of the configuration\n"
	      "       tandemd --version | --help\n"
	      "SIGHUP reloads the configuration, SIGTERM and SIGINT stop.\n", out);
}

static struct config *load(const char *path)
{
	struct config *config = NULL;
	char error[CONFIG_ERROR_MAX] = "";

	if (config_load(path, &config, error, sizeof(error)) == 0)
		return config;
	fprintf(stderr, "%s%s", error, strchr(error, '\n') ? "" : "\n");
	return NULL;
}

static int check(const char *path)
{
	struct config *config = load(path);

	if (!config)
		return EXIT_FAILURE;
	printf("%s: good\n", path);
	config_free(config);
	return EXIT_SUCCESS;
}

static int run(const char *path)
{
	char error[NODE_ERROR_MAX] = "";
	struct config *config = load(path);
	int err;

	if (!config)
		return EXIT_FAILURE;
	err = node_start(&node, config, error, sizeof(error));
	if (err) {
		log_error("start: %s", error);
	} else {
		err = node_run(&node);
		node_stop(&node);
	}
	log_drain(STDERR_FILENO);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ "keys", no_argument, NULL, 'K' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	const char *config = DEFAULT_CONFIG, *to_check = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config = optarg;
			break;
		case 'k':
			to_check = optarg;
			break;
		case 'K':
			schema_print(stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("tandemd " TANDEM_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			print_help(stdout);
			return EXIT_SUCCESS;
		default:
			print_help(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (name_hash_init()) {
		fputs("no random numbers from the kernel\n", stderr);
		return EXIT_FAILURE;
	}
	return to_check ? check(to_check) : run(config);
}
