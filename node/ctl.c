/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl.c - tandemctl: one question to the daemon over its Unix socket, the answer as tables or JSON.
 * Exit 0; 1 with a line on stderr when something went wrong or a check is not good; 2 for wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/control.h"
#include "node/prometheus.h"
#include "node/render.h"

enum {
	EXIT_USAGE = 2,
	PATIENCE_S = 10,
	LONG_PATIENCE_S = 90,		/* a capture waits for traffic, a reload reads files */
	PIECE = 65536,
	HEAD_MAX = 4096,
};

/* Options, as bits: what was given, what a command takes. */
enum {
	OPT_ALL = 1, OPT_PER_WORKER = 2, OPT_COUNT = 4, OPT_SECONDS = 8, OPT_CLIENT = 16, OPT_TYPE = 32,
	OPT_SUFFIX = 64, OPT_PROMETHEUS = 128, OPT_PERSIST = 256,
};

struct arguments {
	const char *socket;
	bool json;
	unsigned given;
	long count, seconds;
	const char *client, *type;
	int n;				/* positional ones behind the command */
	char **item;
};

/* One question and where its answer comes from. The process ends with it, and closes fd. */
struct call {
	const struct arguments *arguments;
	const char *command;
	json_t *request;
	int fd;
};

/* ---- the exchange ---- */

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "tandemctl: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

static int open_socket(const char *path, unsigned patience_s)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = patience_s };
	int fd;

	if (strlen(path) >= sizeof(name.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static bool send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t len = text ? strlen(text) : 0;
	bool sent;

	if (!text)
		return false;
	text[len] = '\n';	/* in the place of its NUL */
	sent = send(fd, text, len + 1, MSG_NOSIGNAL) == (ssize_t)len + 1;
	free(text);
	return sent;
}

static size_t read_piece(FILE *in, char **text, size_t *room, size_t len)
{
	if (len + PIECE > *room) {
		*room = 2 * *room + PIECE;
		*text = realloc(*text, *room);
		if (!*text)
			abort();
	}
	return fread(*text + len, 1, PIECE, in);
}

/* Everything up to the end; NULL with errno when there is none, or it stopped coming. */
static json_t *read_document(FILE *in)
{
	char *text = NULL;
	size_t room = 0, len = 0, n;
	json_error_t error;
	json_t *document;

	while ((n = read_piece(in, &text, &room, len)) > 0)
		len += n;
	errno = ferror(in) ? errno : EPROTO;
	document = ferror(in) ? NULL : json_loadb(text, len, 0, &error);
	free(text);
	return document;
}

static const char *reason(void)
{
	return errno == EAGAIN ? "no answer from the daemon" : strerror(errno);
}

/* Prints the daemon's refusal, if it is one. */
static bool is_refusal(const json_t *document)
{
	const char *error = json_string_value(json_object_get(document, "error"));

	if (error)
		fprintf(stderr, "tandemctl: %s\n", error);
	return error;
}

static int show(const struct call *call, const json_t *document)
{
	bool bad = json_is_false(json_object_get(document, "good")) && strcmp(call->command, "check") == 0;

	if (is_refusal(document))
		return EXIT_FAILURE;
	if (call->arguments->given & OPT_PROMETHEUS) {
		prometheus_print(stdout, document);
	} else if (call->arguments->json || !render(stdout, call->command, document)) {
		json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	return bad || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int finish_document(const struct call *call)
{
	FILE *in = fdopen(call->fd, "r");
	json_t *document = in ? read_document(in) : NULL;
	int status;

	if (!document)
		return complain(call->command, reason());
	status = show(call, document);
	json_decref(document);
	return status;
}

/* ---- streams ---- */

/* Only for those who may read what subscribers ask. */
static FILE *create(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

/* As it comes, so that a reader behind "-" sees frames at once. */
static int copy(const char *command, const char *path, int from)
{
	FILE *out = create(path);
	char piece[PIECE];
	size_t octets = 0;
	ssize_t n;

	if (!out)
		return complain(path, strerror(errno));
	while ((n = read(from, piece, sizeof(piece))) > 0) {
		if (fwrite(piece, 1, (size_t)n, out) != (size_t)n || fflush(out))
			return complain(path, strerror(errno));
		octets += (size_t)n;
	}
	if (n < 0)
		return complain(command, reason());
	if (fclose(out))
		return complain(path, strerror(errno));
	fprintf(stderr, "%zu octets\n", octets);
	return EXIT_SUCCESS;
}

/* The head line and not one octet of what follows it; NULL with errno. */
static json_t *read_head(int fd)
{
	char line[HEAD_MAX];
	size_t len = 0;
	json_error_t error;
	json_t *head;
	ssize_t n;

	while (len < sizeof(line) && (n = read(fd, line + len, 1)) == 1 && line[len] != '\n')
		len++;
	if (n < 0)
		return NULL;
	head = json_loadb(line, len, 0, &error);
	errno = EPROTO;
	return head;
}

/* What is behind the head goes to the file that is the last argument. */
static int finish_stream(const struct call *call)
{
	const struct arguments *a = call->arguments;
	json_t *head = read_head(call->fd);
	int status = EXIT_FAILURE;

	if (!head)
		return complain(call->command, reason());
	if (!is_refusal(head))
		status = copy(call->command, a->item[a->n - 1], call->fd);
	json_decref(head);
	return status;
}

/* key=value ... FILE */
static bool ask_capture(const struct arguments *a, json_t *request)
{
	static const char *const keys[] = { "client", "name", "server" };

	for (int i = 0; i + 1 < a->n; i++) {
		char *value = strchr(a->item[i], '=');
		size_t k = 0;

		if (!value)
			return false;
		*value++ = '\0';
		while (k < 3 && strcmp(a->item[i], keys[k]) != 0)
			k++;
		if (k == 3)
			return false;
		json_object_set_new(request, keys[k], json_string(value));
	}
	if (a->given & OPT_COUNT)
		json_object_set_new(request, "count", json_integer(a->count));
	if (a->given & OPT_SECONDS)
		json_object_set_new(request, "seconds", json_integer(a->seconds));
	return true;
}

/* ---- the other commands' requests ---- */

static bool read_number(const char *text, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(text, &end, 10);
	return !errno && end != text && !*end && *n > 0;
}

static bool ask_query(const struct arguments *a, json_t *request)
{
	json_object_set_new(request, "name", json_string(a->item[0]));
	json_object_set_new(request, "type", json_string(a->item[1]));
	if (a->client)
		json_object_set_new(request, "client", json_string(a->client));
	return true;
}

static void ask_order(const char *action, const char *router, bool keep, json_t *request)
{
	json_object_set_new(request, "command", json_string("vrrp"));
	json_object_set_new(request, "action", json_string(action));
	if (router)
		json_object_set_new(request, "router", json_string(router));
	json_object_set_new(request, "keep", json_boolean(keep));
}

static bool ask_history(const struct arguments *a, json_t *request)
{
	if (a->given & OPT_COUNT)
		json_object_set_new(request, "count", json_integer(a->count));
	return true;
}

/* [ROUTER | history [-n N] | release|resume [ROUTER]] */
static bool ask_vrrp(const struct arguments *a, json_t *request)
{
	bool is_history = a->n == 1 && strcmp(a->item[0], "history") == 0;
	bool is_order = a->n && (strcmp(a->item[0], "release") == 0 || strcmp(a->item[0], "resume") == 0);

	if ((a->given && !is_history) || (a->n > 1 && !is_order))
		return false;
	if (a->n == 0)
		return true;
	if (is_order)
		ask_order(a->item[0], a->n > 1 ? a->item[1] : NULL, false, request);
	else
		json_object_set_new(request, is_history ? "action" : "router", json_string(a->item[0]));
	return ask_history(a, request);
}

/* [ROUTER] [--persist] */
static bool ask_standby(const struct arguments *a, json_t *request)
{
	ask_order("release", a->n ? a->item[0] : NULL, a->given & OPT_PERSIST, request);
	return true;
}

static bool ask_resume(const struct arguments *a, json_t *request)
{
	ask_order("resume", a->n ? a->item[0] : NULL, false, request);
	return true;
}

/* [find NAME | dump FILE | purge NAME] */
static bool ask_cache(const struct arguments *a, json_t *request)
{
	bool is_dump = a->n == 2 && strcmp(a->item[0], "dump") == 0;
	bool is_of_name = a->n == 2 && (strcmp(a->item[0], "find") == 0 || strcmp(a->item[0], "purge") == 0);

	if ((a->n && !is_dump && !is_of_name) || (a->given && !is_of_name))
		return false;
	if (a->n)
		json_object_set_new(request, "action", json_string(a->item[0]));
	if (is_of_name) {
		json_object_set_new(request, "name", json_string(a->item[1]));
		json_object_set_new(request, "suffix", json_boolean(a->given & OPT_SUFFIX));
	}
	if (a->type)
		json_object_set_new(request, "type", json_string(a->type));
	return true;
}

static int finish_cache(const struct call *call)
{
	const struct arguments *a = call->arguments;
	bool is_dump = a->n && strcmp(a->item[0], "dump") == 0;

	return is_dump ? finish_stream(call) : finish_document(call);
}

/* top [-n N] | block PREFIX [--for SECONDS] | unblock PREFIX | blocked */
static bool ask_clients(const struct arguments *a, json_t *request)
{
	const char *action = a->item[0];
	bool is_top = strcmp(action, "top") == 0, is_block = strcmp(action, "block") == 0;
	bool takes_prefix = is_block || strcmp(action, "unblock") == 0;

	if (!is_top && !takes_prefix && strcmp(action, "blocked") != 0)
		return false;
	if (a->n != 1 + takes_prefix || (a->given & OPT_COUNT && !is_top) || (a->given & OPT_SECONDS && !is_block))
		return false;
	json_object_set_new(request, "action", json_string(action));
	if (takes_prefix)
		json_object_set_new(request, "prefix", json_string(a->item[1]));
	if (a->given & OPT_COUNT)
		json_object_set_new(request, "count", json_integer(a->count));
	if (a->given & OPT_SECONDS)
		json_object_set_new(request, "seconds", json_integer(a->seconds));
	return true;
}

static bool ask_routes(const struct arguments *a, json_t *request)
{
	json_object_set_new(request, "all", json_boolean(a->given & OPT_ALL));
	return true;
}

static bool ask_counters(const struct arguments *a, json_t *request)
{
	json_object_set_new(request, "per_worker", json_boolean(a->given & OPT_PER_WORKER));
	json_object_set_new(request, "metrics", json_boolean(a->given & OPT_PROMETHEUS));
	return true;
}

static const struct command {
	const char *name, *usage;
	int least, most;		/* positional arguments */
	unsigned options;
	bool (*ask)(const struct arguments *arguments, json_t *request);
	int (*finish)(const struct call *call);
	unsigned patience_s;
} commands[] = {
	{ "status", "status", 0, 0, 0, NULL, finish_document, PATIENCE_S },
	{ "pools", "pools", 0, 0, 0, NULL, finish_document, PATIENCE_S },
	{ "servers", "servers", 0, 0, 0, NULL, finish_document, PATIENCE_S },
	{ "routes", "routes [--all]", 0, 0, OPT_ALL, ask_routes, finish_document, PATIENCE_S },
	{ "counters", "counters [--per-worker | --prometheus]", 0, 0, OPT_PER_WORKER | OPT_PROMETHEUS, ask_counters,
	  finish_document, PATIENCE_S },
	{ "capture", "capture [client=ADDR|PREFIX] [name=NAME] [server=ADDR[:PORT]] [-c N] [--seconds S] FILE.pcap|-",
	  1, 4, OPT_COUNT | OPT_SECONDS, ask_capture, finish_stream, LONG_PATIENCE_S },
	{ "cache", "cache [find|purge NAME [--type TYPE] [--suffix]] | cache dump FILE|-", 0, 2,
	  OPT_TYPE | OPT_SUFFIX, ask_cache, finish_cache, LONG_PATIENCE_S },
	{ "clients", "clients top [-n N] | block PREFIX [--for SECONDS] | unblock PREFIX | blocked", 1, 2,
	  OPT_COUNT | OPT_SECONDS, ask_clients, finish_document, PATIENCE_S },
	{ "query", "query NAME TYPE [--client ADDR]", 2, 2, OPT_CLIENT, ask_query, finish_document,
	  PATIENCE_S },
	{ "check", "check", 0, 0, 0, NULL, finish_document, PATIENCE_S },
	{ "vrrp", "vrrp [ROUTER|GROUP] | vrrp history [-n N] | vrrp release|resume [ROUTER|GROUP]", 0, 2, OPT_COUNT,
	  ask_vrrp,
	  finish_document, PATIENCE_S },
	{ "standby", "standby [ROUTER|GROUP] [--persist]", 0, 1, OPT_PERSIST, ask_standby, finish_document,
	  PATIENCE_S },
	{ "resume", "resume [ROUTER|GROUP]", 0, 1, 0, ask_resume, finish_document, PATIENCE_S },
	{ "history", "history [-n N]", 0, 0, OPT_COUNT, ask_history, finish_document, PATIENCE_S },
	{ "peer", "peer", 0, 0, 0, NULL, finish_document, PATIENCE_S },
	{ "reload", "reload", 0, 0, 0, NULL, finish_document, LONG_PATIENCE_S },
	{ "ping", "ping", 0, 0, 0, NULL, finish_document, PATIENCE_S },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int print_usage(FILE *out, int status)
{
	fputs("usage: tandemctl [-s SOCKET] [--json] COMMAND\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %s\n", commands[i].usage);
	fputs("SOCKET is " CONTROL_DEFAULT_SOCKET " if not given; --json prints what the daemon said.\n", out);
	return status;
}

static int run(const struct command *command, const struct arguments *a)
{
	struct call call = { .arguments = a, .command = command->name, .request = json_object() };
	int status = EXIT_USAGE;

	json_object_set_new(call.request, "command", json_string(command->name));
	if (command->ask && !command->ask(a, call.request)) {
		fprintf(stderr, "usage: tandemctl %s\n", command->usage);
		goto out;
	}
	call.fd = open_socket(a->socket, command->patience_s);
	if (call.fd < 0)
		status = complain(a->socket, strerror(errno));
	else if (!send_request(call.fd, call.request))
		status = complain(a->socket, strerror(errno));
	else
		status = command->finish(&call);
out:
	json_decref(call.request);
	return status;
}

/* ---- options ---- */

/* 0 to go on, else what to exit with, plus 1. */
static int take_option(struct arguments *a, int option)
{
	switch (option) {
	case 's':
		a->socket = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	case 'a':
		a->given |= OPT_ALL;
		return 0;
	case 'w':
		a->given |= OPT_PER_WORKER;
		return 0;
	case 'P':
		a->given |= OPT_PROMETHEUS;
		return 0;
	case 'p':
		a->given |= OPT_PERSIST;
		return 0;
	case 'C':
		a->given |= OPT_CLIENT;
		a->client = optarg;
		return 0;
	case 't':
		a->given |= OPT_TYPE;
		a->type = optarg;
		return 0;
	case 'x':
		a->given |= OPT_SUFFIX;
		return 0;
	case 'c':
	case 'n':
		a->given |= OPT_COUNT;
		return read_number(optarg, &a->count) ? 0 : 1 + print_usage(stderr, EXIT_USAGE);
	case 'S':
		a->given |= OPT_SECONDS;
		return read_number(optarg, &a->seconds) ? 0 : 1 + print_usage(stderr, EXIT_USAGE);
	case 'V':
		puts("tandemctl " TANDEM_VERSION);
		return 1 + EXIT_SUCCESS;
	case 'h':
		return 1 + print_usage(stdout, EXIT_SUCCESS);
	default:
		return 1 + print_usage(stderr, EXIT_USAGE);
	}
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ "per-worker", no_argument, NULL, 'w' },
		{ "prometheus", no_argument, NULL, 'P' },
		{ "persist", no_argument, NULL, 'p' },
		{ "client", required_argument, NULL, 'C' },
		{ "seconds", required_argument, NULL, 'S' },
		{ "type", required_argument, NULL, 't' },
		{ "suffix", no_argument, NULL, 'x' },
		{ "for", required_argument, NULL, 'S' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct arguments a = { .socket = CONTROL_DEFAULT_SOCKET };
	const struct command *command;
	int option, done;

	while ((option = getopt_long(argc, argv, "s:c:n:h", options, NULL)) != -1) {
		done = take_option(&a, option);
		if (done)
			return done - 1;
	}
	command = optind < argc ? find(argv[optind]) : NULL;
	if (!command)
		return print_usage(stderr, EXIT_USAGE);
	a.item = argv + optind + 1;
	a.n = argc - optind - 1;
	if (a.n < command->least || a.n > command->most || a.given & ~command->options) {
		fprintf(stderr, "usage: tandemctl %s\n", command->usage);
		return EXIT_USAGE;
	}
	return run(command, &a);
}
