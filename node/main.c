/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - tandemd: options, and a node's start, run and stop.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "node/config.h"
#include "node/control.h"
#include "node/hellokey.h"
#include "node/node.h"
#include "node/resign.h"
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
	      "       tandemd --make-key FILE    write a new secret for the two nodes' channel (peer.secret)\n"
	      "       tandemd --resign [--config FILE]\n"
	      "                                  tell the other node what a dead daemon could not\n"
	      "       tandemd --version | --help\n"
	      "SIGHUP reloads the configuration, SIGTERM and SIGINT stop.\n", out);
}

static struct config *load(const char *path)
{
	struct config *config = NULL;
	char error[CONFIG_ERROR_MAX] = "";

	if (config_load(path, &config, error, sizeof(error)) == 0)
		return config;
	fprintf(stderr, "%s\n", error);
	return NULL;
}

/* The file that the two nodes share, which is no part of the configuration but as needed. */
static int check_secret(const struct config *config)
{
	char error[CONFIG_ERROR_MAX] = "";
	uint8_t key[HELLO_KEY];
	int err = config_has_peer(config) ? hellokey_read(config->peer.secret, key, error, sizeof(error)) : 0;

	if (err)
		fprintf(stderr, "%s.secret: %s\n", config->peer.where, error);
	explicit_bzero(key, sizeof(key));
	return err;
}

static int check(const char *path)
{
	struct config *config = load(path);
	int err;

	if (!config)
		return EXIT_FAILURE;
	err = check_secret(config);
	if (!err)
		printf("%s: good\n", path);
	config_free(config);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int make_key(const char *path)
{
	char error[CONFIG_ERROR_MAX] = "";

	if (hello_box_ready() || hellokey_make(path, error, sizeof(error))) {
		fprintf(stderr, "%s\n", *error ? error : "no random numbers from the kernel");
		return EXIT_FAILURE;
	}
	printf("%s: copy it to the other node, and let only root and the daemon's user read it\n", path);
	return EXIT_SUCCESS;
}

/* After a death, so that a file that was broken meanwhile must not matter. */
static int resign(const char *path)
{
	struct config *config = load(path);
	int err = resign_run(config ? config->control_socket : CONTROL_DEFAULT_SOCKET, stdout);

	config_free(config);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Every listen address, AF_XDP socket and TCP client is a descriptor; the usual soft limit is 1024. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warning("the limit of open files stays as it is: %s", strerror(errno));
}

static int run(const char *path)
{
	char error[NODE_ERROR_MAX] = "";
	struct config *config = load(path);
	int err;

	if (!config)
		return EXIT_FAILURE;
	raise_descriptor_limit();
	err = node_start(&node, config, error, sizeof(error));
	if (err) {
		log_error("start: %s", error);
	} else {
		err = node_run(&node);
		node_stop(&node);
	}
	log_finish(STDERR_FILENO);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ "keys", no_argument, NULL, 'K' },
		{ "make-key", required_argument, NULL, 'm' },
		{ "resign", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	const char *config = DEFAULT_CONFIG, *to_check = NULL;
	bool to_resign = false;
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
		case 'm':
			return make_key(optarg);
		case 'r':
			to_resign = true;
			break;
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
	if (to_check)
		return check(to_check);
	return to_resign ? resign(config) : run(config);
}
