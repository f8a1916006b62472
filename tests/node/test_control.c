/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_control.c - the control socket with well and badly behaved clients, on a real socket in a directory of
 * its own. Client and server take turns in one thread.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "node/control.h"

static struct loop loop;
static struct control *control;
static char directory[64], path[108];
static uint64_t ticket;

/* ---- a source that counts up, in pieces, with a pause ---- */

static struct counting {
	unsigned pieces, closed;
	bool pause;
	struct control_client *client;
} counting;

static ssize_t fill(void *context, char *out, size_t size)
{
	struct counting *c = context;

	if (c->pause) {
		c->pause = false;
		return 0;
	}
	if (!c->pieces)
		return -1;
	c->pieces--;
	memset(out, 'x', size);
	return (ssize_t)size;
}

static void close_source(void *context)
{
	((struct counting *)context)->closed++;
}

static const struct control_source source = { .fill = fill, .close = close_source };

static void on_request(void *context, struct control_client *client, const json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));

	assert_ptr_equal(context, &loop);
	if (strcmp(command, "echo") == 0) {
		control_answer(client, json_pack("{s:O}", "request", request));
	} else if (strcmp(command, "later") == 0) {
		ticket = control_ticket(client);
	} else if (strcmp(command, "stream") == 0) {
		counting.client = client;
		control_stream(client, json_pack("{s:i}", "head", 1), &source, &counting);
	} else {
		control_refuse(client, "no %s\xff", command);
	}
}

/* ---- clients ---- */

static void turn(unsigned turns)
{
	while (turns--)
		assert_int_equal(loop_turn(&loop, 1), 0);
}

static int connect_client(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(name.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Reads until the server closes; how many octets came, the first of them in text. */
static size_t read_all(int fd, char *text, size_t size)
{
	uint64_t deadline_ns = clock_mono_ns() + 5ull * CLOCK_NS_PER_S;
	static char piece[65536];
	size_t len = 0;
	ssize_t n;

	memset(text, 0, size);
	while (clock_mono_ns() < deadline_ns) {
		turn(1);
		n = recv(fd, piece, sizeof(piece), 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return len;
		if (n < 0)
			continue;
		for (ssize_t i = 0; i < n && len + (size_t)i < size - 1; i++)
			text[len + (size_t)i] = piece[i];
		len += (size_t)n;
	}
	fail_msg("the server did not close");
	return 0;
}

static void ask(const char *request, size_t len, char *answer, size_t size)
{
	int fd = connect_client();

	assert_int_equal(send(fd, request, len, 0), len);
	read_all(fd, answer, size);
	close(fd);
}

static int open_control(void **unused)
{
	char error[256];

	(void)unused;
	memset(&counting, 0, sizeof(counting));
	strcpy(directory, "/tmp/tandem-control-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/run/control.sock", directory);
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(control_open(&control, &loop, path, "no-such-group", on_request, &loop, error,
				      sizeof(error)), 0);
	return 0;
}

static int close_control(void **unused)
{
	struct stat st;
	char run[80];

	(void)unused;
	control_close(control);
	assert_int_equal(stat(path, &st), -1);
	loop_fini(&loop);
	snprintf(run, sizeof(run), "%s/run", directory);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

/* ---- cases ---- */

static void test_answer(void **unused)
{
	char answer[256];

	(void)unused;
	ask("{\"command\":\"echo\",\"n\":1}\nrest", 28, answer, sizeof(answer));
	assert_string_equal(answer, "{\"request\":{\"command\":\"echo\",\"n\":1}}\n");
	ask("{\"command\":\"x\"}\n", 16, answer, sizeof(answer));
	assert_string_equal(answer, "{\"error\":\"no x?\"}\n");
	assert_int_equal(control_counts(control)->requests, 2);
}

static void test_permissions(void **unused)
{
	struct stat st;
	char run[80];

	(void)unused;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	snprintf(run, sizeof(run), "%s/run", directory);
	assert_int_equal(stat(run, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void test_garbage(void **unused)
{
	static const char *const garbage[] = { "\n", "x\n", "{\n", "[]\n", "7\n", "{\"command\":7}\n",
					       "{\"command\":\"a\",\"command\":\"b\"}\n", "\xff\xfe\n" };
	char answer[256];
	unsigned n = sizeof(garbage) / sizeof(garbage[0]);
	int fd;

	(void)unused;
	for (unsigned i = 0; i < n; i++) {
		ask(garbage[i], strlen(garbage[i]), answer, sizeof(answer));
		assert_non_null(strstr(answer, "\"error\""));
	}
	fd = connect_client();
	assert_int_equal(send(fd, "{\"comm", 6, 0), 6);
	close(fd);
	turn(3);
	assert_int_equal(control_counts(control)->garbage, n + 1);
	test_answer(NULL);
}

static void test_oversize(void **unused)
{
	static char request[CONTROL_REQUEST_MAX + 1];
	char answer[256];

	(void)unused;
	memset(request, ' ', sizeof(request));
	ask(request, sizeof(request), answer, sizeof(answer));
	assert_string_equal(answer, "");
	assert_int_equal(control_counts(control)->oversize, 1);
	/* the longest that is allowed */
	memcpy(request, "{\"command\":\"x\"}", 15);
	request[CONTROL_REQUEST_MAX - 1] = '\n';
	ask(request, CONTROL_REQUEST_MAX, answer, sizeof(answer));
	assert_non_null(strstr(answer, "no x"));
}

static void test_too_many(void **unused)
{
	int fd[CONTROL_CLIENTS_MAX + 3];
	char answer[256];

	(void)unused;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX + 3; i++) {
		fd[i] = connect_client();
		turn(1);
	}
	turn(3);
	assert_int_equal(control_counts(control)->refused, 3);
	assert_int_equal(read_all(fd[CONTROL_CLIENTS_MAX], answer, sizeof(answer)), 0);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX + 3; i++)
		close(fd[i]);
	turn(CONTROL_CLIENTS_MAX + 6);
	test_answer(NULL);
}

static void test_later(void **unused)
{
	char answer[64];
	int fd = connect_client();

	(void)unused;
	assert_int_equal(send(fd, "{\"command\":\"later\"}\n", 20, 0), 20);
	turn(5);
	control_answer(control_redeem(control, ticket), json_pack("{s:b}", "done", 1));
	read_all(fd, answer, sizeof(answer));
	assert_string_equal(answer, "{\"done\":true}\n");
	close(fd);
	assert_null(control_redeem(control, ticket));
	/* one that does not wait: its successor in the same place is not mistaken for it */
	fd = connect_client();
	assert_int_equal(send(fd, "{\"command\":\"later\"}\n", 20, 0), 20);
	turn(5);
	close(fd);
	turn(2);
	fd = connect_client();
	turn(2);
	assert_null(control_redeem(control, ticket));
	close(fd);
}

static void test_stream(void **unused)
{
	char answer[64];
	int fd = connect_client();
	size_t len;

	(void)unused;
	counting.pieces = 20;
	counting.pause = true;
	assert_int_equal(send(fd, "{\"command\":\"stream\"}\n", 21, 0), 21);
	turn(10);
	assert_int_equal(counting.pieces, 20);
	control_stream_more(counting.client);
	len = read_all(fd, answer, sizeof(answer));
	assert_memory_equal(answer, "{\"head\":1}\nxxx", 14);
	assert_int_equal(len, 11 + 20 * 65536);
	assert_int_equal(counting.closed, 1);
	close(fd);
}

static void test_stream_left(void **unused)
{
	int fd = connect_client();

	(void)unused;
	counting.pieces = 1000;
	assert_int_equal(send(fd, "{\"command\":\"stream\"}\n", 21, 0), 21);
	turn(10);
	assert_int_equal(counting.closed, 0);
	assert_true(counting.pieces > 900);	/* held back by a client that does not read */
	close(fd);
	turn(3);
	assert_int_equal(counting.closed, 1);
}

static void test_socket_file(void **unused)
{
	struct control *second = NULL;
	char error[256], file[108];
	FILE *f;

	(void)unused;
	assert_int_equal(control_open(&second, &loop, path, "", on_request, &loop, error, sizeof(error)),
			 -EADDRINUSE);
	assert_non_null(strstr(error, path));
	turn(3);
	/* what a dead daemon left is replaced */
	snprintf(file, sizeof(file), "%s/stale", directory);
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(name.sun_path, file);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	assert_int_equal(control_open(&second, &loop, file, "", on_request, &loop, error, sizeof(error)), 0);
	control_close(second);
	/* what is no socket is left alone */
	f = fopen(file, "w");
	fclose(f);
	assert_int_equal(control_open(&second, &loop, file, "", on_request, &loop, error, sizeof(error)),
			 -EEXIST);
	assert_int_equal(unlink(file), 0);
}

#define WITH_CONTROL(description, function) { description, function, open_control, close_control, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		WITH_CONTROL("a line in, a document out", test_answer),
		WITH_CONTROL("socket 0660, its directory made 0755", test_permissions),
		WITH_CONTROL("what is no request is answered with an error and counted", test_garbage),
		WITH_CONTROL("a request of 8192 octets is read, a longer one ends the client", test_oversize),
		WITH_CONTROL("sixteen clients at a time; more are closed and counted", test_too_many),
		WITH_CONTROL("an answer may come later, or for nobody", test_later),
		WITH_CONTROL("a stream: head, pieces, pauses, end", test_stream),
		WITH_CONTROL("a client that leaves its stream ends it", test_stream_left),
		WITH_CONTROL("a live daemon's socket is kept, a dead one's replaced", test_socket_file),
	};

	return RUN(cases);
}
