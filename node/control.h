/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h - the Unix socket: who may connect, one JSON line in, one JSON document out, or a stream of octets
 * behind it. Knows nothing of what is asked. Everything is bounded: clients, input, time; bad clients are
 * counted and cost nobody else anything. Control thread.
 */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct control;
struct control_client;
struct loop;

enum {
	CONTROL_CLIENTS_MAX = 16,
	CONTROL_REQUEST_MAX = 8192,	/* octets with the newline */
	CONTROL_PATIENCE_MS = 10000,	/* for the request, and for each piece of the answer */
};

#define CONTROL_DEFAULT_SOCKET "/run/tandem/control.sock"

/* X(field, help) */
#define CONTROL_COUNTS(X) \
	X(accepted, "connections") \
	X(requests, "requests that could be read") \
	X(garbage, "connections without a readable request") \
	X(oversize, "requests too long") \
	X(slow, "clients closed because they took too long") \
	X(refused, "clients closed because there were too many")

struct control_counts {
#define CONTROL_FIELD(field, help) uint64_t field;
	CONTROL_COUNTS(CONTROL_FIELD)
#undef CONTROL_FIELD
};

/* What a stream is made of. fill() writes up to size octets and returns how many; 0 = nothing now, say
 * control_stream_more() later; -1 = the end. close() is called once, also when the client goes away. */
struct control_source {
	ssize_t (*fill)(void *context, char *out, size_t size);
	void (*close)(void *context);
};

/*
 * Binds path (0660, group; its directory is made if missing; a dead daemon's socket is replaced, a live one's is
 * -EADDRINUSE). on_request(context, client, request) must lead to exactly one answer, now or later; request
 * is the caller's to read only. 0, or -errno with error.
 */
int control_open(struct control **control, struct loop *loop, const char *path, const char *group,
		 void (*on_request)(void *context, struct control_client *client,
				    const json_t *request),
		 void *context, char *error, size_t size);
void control_close(struct control *control);		/* accepts NULL */
const struct control_counts *control_counts(const struct control *control);

/* Answers. The document's reference is taken. */
void control_answer(struct control_client *client, json_t *document);
/* {"error": text} */
void control_refuse(struct control_client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A head line (NULL = none), then the source's octets until its end. */
void control_stream(struct control_client *client, json_t *head, const struct control_source *source,
		    void *source_context);
void control_stream_more(struct control_client *client);

/* For an answer that comes later: a name that outlives the client, and the client if it is still there. */
uint64_t control_ticket(const struct control_client *client);
struct control_client *control_redeem(struct control *control, uint64_t ticket);

#endif
