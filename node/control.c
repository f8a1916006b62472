/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - clients of the control socket. Contract in control.h.
 *
 * A client is read until its first newline, answered, and closed. Between request and answer it may wait (a
 * reload under way) or be fed piece by piece (a capture); one piece a turn, so that a large answer never keeps the
 * loop from its other work.
 */
#include "node/control.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/document.h"

enum {
	BACKLOG = 16,
	PIECE_SIZE = 65536,		/* of a stream, per turn */
	ACCEPT_PAUSE_MS = 1000,		/* after a failure that would repeat at once */
};

enum client_state { CLIENT_FREE, CLIENT_READING, CLIENT_WAITING, CLIENT_WRITING };

struct control_client {
	struct control *control;
	enum client_state state;
	struct loop_fd socket;
	struct loop_timer patience;
	uint32_t generation;		/* with the position, the client's ticket */
	size_t in_len;
	char in[CONTROL_REQUEST_MAX];
	char *out;			/* malloc */
	size_t out_len, out_at;
	const struct control_source *source;	/* NULL = out is all */
	void *source_context;
};

struct control {
	struct loop *loop;
	struct loop_fd listener;
	struct loop_timer pause;
	char path[108];
	void (*on_request)(void *context, struct control_client *client, const json_t *request);
	void *context;
	struct control_counts counts;
	struct control_client client[CONTROL_CLIENTS_MAX];
};

/* ---- a client's life ---- */

static void close_client(struct control_client *c)
{
	struct loop *loop = c->control->loop;

	c->state = CLIENT_FREE;
	c->generation++;
	loop_timer_stop(loop, &c->patience);
	loop_fd_remove(loop, &c->socket);
	close(c->socket.fd);
	free(c->out);
	c->out = NULL;
	if (c->source)
		c->source->close(c->source_context);
	c->source = NULL;
}

static void on_patience(struct loop_timer *timer, uint64_t now_ns)
{
	struct control_client *c = (struct control_client *)
		((char *)timer - offsetof(struct control_client, patience));

	(void)now_ns;
	c->control->counts.slow++;
	close_client(c);
}

static void be_patient(struct control_client *c)
{
	loop_timer_start(c->control->loop, &c->patience,
			 clock_mono_ns() + CONTROL_PATIENCE_MS * (uint64_t)CLOCK_NS_PER_MS);
}

/* Nothing to read or write until somebody says so; a client that goes away is noticed all the same. */
static void wait_for_more(struct control_client *c)
{
	loop_timer_stop(c->control->loop, &c->patience);
	loop_fd_modify(c->control->loop, &c->socket, 0);
}

/* ---- writing ---- */

static bool send_pending(struct control_client *c)
{
	ssize_t n = send(c->socket.fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);

	if (n > 0) {
		c->out_at += (size_t)n;
		be_patient(c);
		return true;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* One piece a call. */
static void write_more(struct control_client *c)
{
	if (c->out_at == c->out_len && c->source) {
		ssize_t n = c->source->fill(c->source_context, c->out, PIECE_SIZE);

		if (n == 0) {
			wait_for_more(c);
			return;
		}
		c->out_at = 0;
		c->out_len = n > 0 ? (size_t)n : 0;
	}
	if (c->out_at == c->out_len || !send_pending(c) || (c->out_at == c->out_len && !c->source))
		close_client(c);
}

static void start_writing(struct control_client *c)
{
	c->state = CLIENT_WRITING;
	be_patient(c);
	if (loop_fd_modify(c->control->loop, &c->socket, EPOLLOUT))
		close_client(c);
}

static bool reserve(struct control_client *c, size_t size)
{
	c->out = malloc(size);
	c->out_len = c->out_at = 0;
	return c->out;
}

/* The document as one line in memory of at least size octets; takes its reference. */
static bool dump(struct control_client *c, json_t *document, size_t size)
{
	size_t len = json_dumpb(document, NULL, 0, JSON_COMPACT | JSON_ENSURE_ASCII);
	bool done = len && reserve(c, len + 1 > size ? len + 1 : size);

	if (done) {
		json_dumpb(document, c->out, len, JSON_COMPACT | JSON_ENSURE_ASCII);
		c->out[len] = '\n';
		c->out_len = len + 1;
	}
	json_decref(document);
	return done;
}

void control_answer(struct control_client *c, json_t *document)
{
	if (dump(c, document, 0))
		start_writing(c);
	else
		close_client(c);
}

void control_refuse(struct control_client *c, const char *format, ...)
{
	char text[1536];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	control_answer(c, document_error(text));
}

void control_stream(struct control_client *c, json_t *head, const struct control_source *source,
		    void *source_context)
{
	c->source = source;
	c->source_context = source_context;
	if (head ? dump(c, head, PIECE_SIZE) : reserve(c, PIECE_SIZE))
		start_writing(c);
	else
		close_client(c);
}

void control_stream_more(struct control_client *c)
{
	if (c->patience.running)	/* busy with the last piece */
		return;
	start_writing(c);
}

/* ---- reading ---- */

static void handle(struct control_client *c, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(c->in, len, JSON_REJECT_DUPLICATES, &error);

	c->state = CLIENT_WAITING;
	wait_for_more(c);
	if (json_is_string(json_object_get(request, "command"))) {
		c->control->counts.requests++;
		c->control->on_request(c->control->context, c, request);
	} else {
		c->control->counts.garbage++;
		control_refuse(c, "a request is one line of JSON with a \"command\"");
	}
	json_decref(request);
}

static void read_more(struct control_client *c)
{
	ssize_t n = recv(c->socket.fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->control->counts.garbage++;
		close_client(c);
		return;
	}
	end = memchr(c->in + c->in_len, '\n', (size_t)n);
	c->in_len += (size_t)n;
	if (end) {
		handle(c, (size_t)(end - c->in));
	} else if (c->in_len == sizeof(c->in)) {
		c->control->counts.oversize++;
		close_client(c);
	}
}

static void on_client(struct loop_fd *self, uint32_t events)
{
	struct control_client *c = (struct control_client *)
		((char *)self - offsetof(struct control_client, socket));

	if (c->state == CLIENT_READING)
		read_more(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		close_client(c);
	else if (c->state == CLIENT_WRITING)
		write_more(c);
}

/* ---- accepting ---- */

static void log_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		log_debug("control: client uid %u pid %d", peer.uid, peer.pid);
}

static void admit(struct control *control, int fd)
{
	struct control_client *c = control->client;

	while (c < control->client + CONTROL_CLIENTS_MAX && c->state != CLIENT_FREE)
		c++;
	if (c == control->client + CONTROL_CLIENTS_MAX) {
		control->counts.refused++;
		close(fd);
		return;
	}
	log_peer(fd);
	c->socket = (struct loop_fd){ .fd = fd, .on_ready = on_client };
	if (loop_fd_add(control->loop, &c->socket, EPOLLIN)) {
		close(fd);
		return;
	}
	control->counts.accepted++;
	c->state = CLIENT_READING;
	c->in_len = 0;
	be_patient(c);
}

static void on_pause_over(struct loop_timer *timer, uint64_t now_ns)
{
	struct control *control = (struct control *)((char *)timer - offsetof(struct control, pause));

	(void)now_ns;
	loop_fd_modify(control->loop, &control->listener, EPOLLIN);
}

static void on_listener(struct loop_fd *self, uint32_t events)
{
	struct control *control = (struct control *)((char *)self - offsetof(struct control, listener));
	int fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		admit(control, fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* Out of descriptors: the listener would stay readable and the loop spin. */
		loop_fd_modify(control->loop, self, 0);
		loop_timer_start(control->loop, &control->pause, clock_mono_ns() +
				 ACCEPT_PAUSE_MS * (uint64_t)CLOCK_NS_PER_MS);
	}
}

/* ---- the socket ---- */

static int make_directory(const char *path)
{
	char directory[sizeof(((struct control *)NULL)->path)];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	return mkdir(directory, 0755) && errno != EEXIST ? -errno : 0;
}

/* Takes away what a dead daemon left. */
static int clear_path(const struct sockaddr_un *name)
{
	struct stat st;
	int fd, err;

	if (lstat(name->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)name, sizeof(*name)) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return -EADDRINUSE;	/* it answers, or is too busy to */
	return unlink(name->sun_path) ? -errno : 0;
}

static void give_to_group(const char *path, const char *group)
{
	char buffer[4096];
	struct group entry, *found = NULL;

	getgrnam_r(group, &entry, buffer, sizeof(buffer), &found);
	if (!found)
		log_warning("control: no group %s: only root and the daemon's user may use %s", group,
			    path);
	else if (chown(path, (uid_t)-1, found->gr_gid))
		log_warning("control: %s cannot be given to group %s: %s", path, group,
			    strerror(errno));
}

static int listen_on(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* Before the bind: there is no moment in which everybody may connect. */
	if (fchmod(fd, 0660) || bind(fd, (const struct sockaddr *)name, sizeof(*name)) ||
	    chmod(name->sun_path, 0660) || listen(fd, BACKLOG)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int open_socket(const char *path, const char *group)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int err = make_directory(path);
	int fd;

	if (err)
		return err;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	err = clear_path(&name);
	if (err)
		return err;
	fd = listen_on(&name);
	if (fd >= 0)
		give_to_group(path, group);
	return fd;
}

int control_open(struct control **result, struct loop *loop, const char *path, const char *group,
		 void (*on_request)(void *context, struct control_client *client,
				    const json_t *request),
		 void *context, char *error, size_t size)
{
	struct control *control = calloc(1, sizeof(*control));
	int fd, err = -ENOMEM;

	if (!control)
		goto err_text;
	control->loop = loop;
	control->on_request = on_request;
	control->context = context;
	control->pause.on_due = on_pause_over;
	snprintf(control->path, sizeof(control->path), "%s", path);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		control->client[i].control = control;
		control->client[i].patience.on_due = on_patience;
	}
	fd = open_socket(path, group);
	if (fd < 0) {
		err = fd;
		goto err_free;
	}
	control->listener = (struct loop_fd){ .fd = fd, .on_ready = on_listener };
	err = loop_fd_add(loop, &control->listener, EPOLLIN);
	if (err)
		goto err_close;
	*result = control;
	return 0;

err_close:
	close(fd);
	unlink(path);
err_free:
	free(control);
err_text:
	snprintf(error, size, "control socket %s: %s", path,
		 err == -EADDRINUSE ? "another daemon listens on it" :
		 err == -EEXIST ? "exists and is no socket" : strerror(-err));
	return err;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->client[i].state != CLIENT_FREE)
			close_client(&control->client[i]);
	loop_timer_stop(control->loop, &control->pause);
	loop_fd_remove(control->loop, &control->listener);
	close(control->listener.fd);
	unlink(control->path);
	free(control);
}

const struct control_counts *control_counts(const struct control *control)
{
	return &control->counts;
}

uint64_t control_ticket(const struct control_client *c)
{
	return (uint64_t)c->generation << 32 | (uint64_t)(c - c->control->client);
}

struct control_client *control_redeem(struct control *control, uint64_t ticket)
{
	struct control_client *c = &control->client[(uint32_t)ticket % CONTROL_CLIENTS_MAX];

	return c->state != CLIENT_FREE && c->generation == ticket >> 32 ? c : NULL;
}
