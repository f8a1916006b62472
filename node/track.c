/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.c - checks of what is tracked, and their verdicts. Contract in track.h.
 *
 * A track has one timer. It begins a check, and ends the wait for a gateway's answer; a command's end comes from the
 * runner, which keeps its own time. Checks begin interval_ms apart, the next one not before the last has ended.
 * A change of links is no check by itself: it hurries the check of an interface whose carrier is not what was seen
 * last, so that a busy netlink does not use up fall and rise.
 */
#include "node/track.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/gateway.h"
#include "node/links.h"
#include "node/runner.h"

enum {
	IDENTITY_MAX = CONFIG_COMMAND_MAX + 64,
	TARGET_MAX = 256,
	RESULT_MAX = 96,
	NUMBER_MAX = 16,		/* octets of a file that are looked at */
	LOG_MS = 10000,
};

struct track {
	struct tracks *tracks;
	const struct config_track *conf;	/* NULL = this place is free */
	char identity[IDENTITY_MAX];		/* what is looked at, complete */
	char target[TARGET_MAX];		/* the same for people */
	struct health_condition *condition;
	struct loop_timer timer;
	uint64_t begun_ns;			/* of the last check */
	bool waits;				/* for an answer or a command's end */
	bool tried, judged, unknown;
	bool was_up;				/* interface: as last seen */
	uint64_t asked_ns;
	uint64_t command;			/* the runner's number of it; 0 = none */
	struct gateway *gateway;
	uint64_t checks, bad_checks;
	char result[RESULT_MAX], output[RUNNER_OUTPUT_MAX + 1];
	struct log_limit log;
};

struct tracks {
	struct loop *loop;
	struct health *health;
	struct runner *runner;
	struct links *links;
	unsigned n;
	struct track *list[CONFIG_TRACKS_MAX];	/* in the configuration's order */
	struct track place[CONFIG_TRACKS_MAX];
};

static const char *const type_names[] = {
	[CONFIG_TRACK_INTERFACE] = "interface",
	[CONFIG_TRACK_COMMAND] = "command",
	[CONFIG_TRACK_FILE] = "file",
	[CONFIG_TRACK_GATEWAY] = "gateway",
};

/* ---- verdicts ---- */

static void plan_next(struct track *t, uint64_t now_ns)
{
	uint64_t due_ns = t->begun_ns + t->conf->interval_ms * (uint64_t)CLOCK_NS_PER_MS;

	t->waits = false;
	loop_timer_start(t->tracks->loop, &t->timer, due_ns > now_ns ? due_ns : now_ns);
}

/* Logs what a check found when that is something else than before. */
static void note(struct track *t, const char *result, const char *output, uint64_t now_ns)
{
	bool is_new = t->tried && (strcmp(t->result, result) != 0 || strcmp(t->output, output) != 0);
	uint32_t held_back;

	snprintf(t->result, sizeof(t->result), "%s", result);
	snprintf(t->output, sizeof(t->output), "%s", output);
	t->tried = true;
	if (is_new && t->conf->type == CONFIG_TRACK_COMMAND &&
	    log_limit_pass(&t->log, now_ns, LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_info("track %s: %s%s%s", t->conf->name, result, output[0] ? ": " : "", output);
}

static void judge(struct track *t, bool good, const char *result, const char *output, uint64_t now_ns)
{
	struct health_condition *c = t->condition;
	bool is_first = !t->judged;

	note(t, result, output, now_ns);
	t->checks++;
	t->bad_checks += !good;
	t->judged = true;
	t->unknown = false;
	if (!c)
		return;
	c->fall = is_first ? 1 : (uint16_t)t->conf->fall;
	c->rise = is_first ? 1 : (uint16_t)t->conf->rise;
	health_report(t->tracks->health, c, good, result, now_ns);
}

/* No verdict: the condition stays as it is. */
static void leave_open(struct track *t, const char *why, uint64_t now_ns)
{
	if (!t->unknown)
		log_warning("track %s: %s: unknown, what was known before goes on", t->conf->name, why);
	note(t, why, "", now_ns);
	t->checks++;
	t->unknown = true;
}

/* ---- interface ---- */

static void check_interface(struct track *t, uint64_t now_ns)
{
	struct link_state link;
	int err = link_read(t->conf->interface, &link);

	t->was_up = !err && link.up;
	judge(t, t->was_up, err ? "no such interface" : link.up ? "carrier" : "no carrier", "", now_ns);
	plan_next(t, now_ns);
}

static void on_links(void *context)
{
	struct tracks *tracks = context;

	for (unsigned i = 0; i < tracks->n; i++) {
		struct track *t = tracks->list[i];
		struct link_state link;

		if (t->conf->type == CONFIG_TRACK_INTERFACE && t->judged &&
		    (link_read(t->conf->interface, &link) == 0 && link.up) != t->was_up)
			loop_timer_start(tracks->loop, &t->timer, tracks->loop->now_ns);
	}
}

/* ---- file ---- */

/* The number in text, with blanks and a line's end around it; -1 when there is none, or it is out of range. */
static int parse_number(char *text)
{
	char *end, *at = text + strspn(text, " \t\r\n");
	unsigned long n;

	if (*at < '0' || *at > '9')
		return -1;
	n = strtoul(at, &end, 10);
	end += strspn(end, " \t\r\n");
	return *end || n > CONFIG_WEIGHT_MAX ? -1 : (int)n;
}

/* O_NONBLOCK: a pipe with that name must not stop us. -errno, or -EINVAL for what is no such number. */
static int read_number(const char *path)
{
	char text[NUMBER_MAX + 1];
	struct stat is;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), number;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode))
		n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || n == NUMBER_MAX)
		return -EINVAL;
	text[n] = '\0';
	number = parse_number(text);
	return number < 0 ? -EINVAL : number;
}

static void check_file(struct track *t, uint64_t now_ns)
{
	int number = read_number(t->conf->file);
	bool is_absent = number == -ENOENT;
	char result[RESULT_MAX];

	if (is_absent)
		number = (int)t->conf->absent;
	plan_next(t, now_ns);
	if (number < 0) {
		leave_open(t, number == -EINVAL ? "the file holds no number 0-253" : strerror(-number), now_ns);
		return;
	}
	snprintf(result, sizeof(result), "%s%d", is_absent ? "absent, counts as " : "", number);
	if (number && t->condition && !t->conf->fault && !t->conf->weight)
		health_set_weight(t->tracks->health, t->condition, (uint8_t)number);
	judge(t, number == 0, result, "", now_ns);
}

/* ---- command ---- */

static void on_done(void *context, const struct runner_result *result)
{
	struct track *t = context;
	uint64_t now_ns = clock_mono_ns();
	char text[RESULT_MAX];

	t->command = 0;
	runner_result_text(result, text, sizeof(text));
	if (result->outcome == RUNNER_LOST || result->outcome == RUNNER_DROPPED || result->outcome == RUNNER_NOT_RUN)
		leave_open(t, text, now_ns);
	else
		judge(t, result->outcome == RUNNER_EXITED && result->code == 0, text, result->output, now_ns);
	plan_next(t, now_ns);
}

static void check_command(struct track *t, uint64_t now_ns)
{
	char name[sizeof(t->conf->name) + 16];
	const char *const env[] = { name };
	const struct runner_command command = {
		.lane = RUNNER_CHECKS,
		.argv = (const char *const *)t->conf->command.item,
		.argc = (unsigned)t->conf->command.n,
		.env = env,
		.envs = 1,
		.timeout_ms = t->conf->timeout_ms,
		.on_done = on_done,
		.context = t,
	};

	snprintf(name, sizeof(name), "TANDEM_TRACK=%s", t->conf->name);
	t->command = runner_submit(t->tracks->runner, &command);
	t->waits = t->command != 0;
	if (t->waits)
		return;
	leave_open(t, runner_is_alive(t->tracks->runner) ? "cannot be asked for" : "the runner has died", now_ns);
	plan_next(t, now_ns);
}

/* ---- gateway ---- */

static void on_answer(void *context)
{
	struct track *t = context;
	uint64_t now_ns = clock_mono_ns();
	char result[RESULT_MAX];

	if (!t->waits)
		return;			/* another one, or too late */
	snprintf(result, sizeof(result), "answers");
	judge(t, true, result, "", now_ns);
	plan_next(t, now_ns);
}

static void check_gateway(struct track *t, uint64_t now_ns)
{
	int err = t->gateway ? gateway_ask(t->gateway) : -ENOMEM;

	if (err) {
		judge(t, false, gateway_error(err), "", now_ns);
		plan_next(t, now_ns);
		return;
	}
	t->waits = true;
	loop_timer_start(t->tracks->loop, &t->timer, now_ns + t->conf->timeout_ms * (uint64_t)CLOCK_NS_PER_MS);
}

/* ---- the timer ---- */

static void on_due(struct loop_timer *timer, uint64_t now_ns)
{
	static void (*const checks[])(struct track *t, uint64_t now_ns) = {
		[CONFIG_TRACK_INTERFACE] = check_interface,
		[CONFIG_TRACK_COMMAND] = check_command,
		[CONFIG_TRACK_FILE] = check_file,
		[CONFIG_TRACK_GATEWAY] = check_gateway,
	};
	struct track *t = (struct track *)((char *)timer - offsetof(struct track, timer));

	if (t->waits) {
		judge(t, false, "no answer", "", now_ns);
		plan_next(t, now_ns);
		return;
	}
	t->begun_ns = now_ns;
	checks[t->conf->type](t, now_ns);
}

/* ---- which there are ---- */

/* Everything that makes a track another one. Returns text. */
static const char *identify(const struct config_track *conf, char *text, size_t size)
{
	char address[ADDR_TEXT_MAX];
	size_t at = (size_t)snprintf(text, size, "%s %s", type_names[conf->type], conf->fault ? "fault" : "weight");

	switch (conf->type) {
	case CONFIG_TRACK_INTERFACE:
		snprintf(text + at, size - at, " %s", conf->interface);
		break;
	case CONFIG_TRACK_COMMAND:
		for (size_t i = 0; i < conf->command.n && at < size; i++)
			at += (size_t)snprintf(text + at, size - at, "\n%s", conf->command.item[i]);
		break;
	case CONFIG_TRACK_FILE:
		snprintf(text + at, size - at, " %s", conf->file);
		break;
	case CONFIG_TRACK_GATEWAY:
		snprintf(text + at, size - at, " %s %s", conf->interface,
			 addr_format(&conf->address, address, sizeof(address)));
		break;
	}
	return text;
}

static void describe(const struct config_track *conf, char *text, size_t size)
{
	char address[ADDR_TEXT_MAX];
	size_t at = 0;

	text[0] = '\0';
	switch (conf->type) {
	case CONFIG_TRACK_INTERFACE:
		snprintf(text, size, "%s", conf->interface);
		break;
	case CONFIG_TRACK_COMMAND:
		for (size_t i = 0; i < conf->command.n && at < size; i++)
			at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", conf->command.item[i]);
		break;
	case CONFIG_TRACK_FILE:
		snprintf(text, size, "%s", conf->file);
		break;
	case CONFIG_TRACK_GATEWAY:
		snprintf(text, size, "%s on %s", addr_format(&conf->address, address, sizeof(address)),
			 conf->interface);
		break;
	}
}

static struct health_condition *add_condition(struct tracks *tracks, const struct config_track *conf)
{
	enum health_kind kind = conf->fault ? HEALTH_FAULT : HEALTH_WEIGHT;
	char name[HEALTH_NAME_MAX];
	struct health_condition *c;

	snprintf(name, sizeof(name), "track:%s", conf->name);
	c = health_add(tracks->health, name, kind, 1, 1, false, clock_mono_ns());
	if (!c)
		log_warning("track %s: no room for one more condition: it counts for nothing", conf->name);
	else
		c->own = conf->type == CONFIG_TRACK_INTERFACE || conf->type == CONFIG_TRACK_FILE;
	return c;
}

static void begin(struct tracks *tracks, struct track *t, const struct config_track *conf)
{
	memset(t, 0, sizeof(*t));
	t->tracks = tracks;
	t->conf = conf;
	identify(conf, t->identity, sizeof(t->identity));
	t->timer.on_due = on_due;
	t->condition = add_condition(tracks, conf);
	if (conf->type == CONFIG_TRACK_GATEWAY)
		t->gateway = gateway_new(tracks->loop, conf->interface, &conf->address, on_answer, t);
	loop_timer_start(tracks->loop, &t->timer, clock_mono_ns());
}

static void end(struct track *t)
{
	loop_timer_stop(t->tracks->loop, &t->timer);
	if (t->command)
		runner_forget(t->tracks->runner, t->command);
	gateway_free(t->gateway);
	if (t->condition)
		health_remove(t->tracks->health, t->condition);
	memset(t, 0, sizeof(*t));
}

/* Weights and limits; a file's own number comes with its next check. */
static void update(struct track *t, const struct config_track *conf)
{
	t->conf = conf;
	describe(conf, t->target, sizeof(t->target));
	if (t->condition && conf->weight)
		health_set_weight(t->tracks->health, t->condition, (uint8_t)conf->weight);
	if (t->tried && !t->waits)
		plan_next(t, clock_mono_ns());
}

static struct track *find(struct tracks *tracks, const struct config_track *conf)
{
	char identity[IDENTITY_MAX];

	identify(conf, identity, sizeof(identity));
	for (unsigned i = 0; i < tracks->n; i++) {
		struct track *t = tracks->list[i];

		if (strcmp(t->identity, identity) == 0 && t->condition &&
		    strcmp(t->condition->name + strlen("track:"), conf->name) == 0)
			return t;
	}
	return NULL;
}

static struct track *find_free(struct tracks *tracks)
{
	struct track *t = tracks->place;

	while (t->conf)
		t++;
	return t;
}

static bool is_in(const struct track *t, struct track *const *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == t)
			return true;
	return false;
}

void tracks_adopt(struct tracks *tracks, const struct config *config)
{
	struct track *kept[CONFIG_TRACKS_MAX];

	for (size_t i = 0; i < config->n_tracks; i++)
		kept[i] = find(tracks, &config->tracks[i]);
	for (unsigned i = 0; i < tracks->n; i++)
		if (!is_in(tracks->list[i], kept, (unsigned)config->n_tracks))
			end(tracks->list[i]);
	tracks->n = (unsigned)config->n_tracks;
	for (unsigned i = 0; i < tracks->n; i++) {
		if (!kept[i]) {
			kept[i] = find_free(tracks);
			begin(tracks, kept[i], &config->tracks[i]);
		}
		tracks->list[i] = kept[i];
		update(kept[i], &config->tracks[i]);
	}
}

int tracks_start(struct tracks **out, struct loop *loop, struct health *health, struct runner *runner,
		 const struct config *config)
{
	struct tracks *tracks = calloc(1, sizeof(*tracks));
	int err;

	if (!tracks)
		return -ENOMEM;
	tracks->loop = loop;
	tracks->health = health;
	tracks->runner = runner;
	err = links_open(&tracks->links, loop, on_links, tracks);
	if (err) {
		free(tracks);
		return err;
	}
	tracks_adopt(tracks, config);
	*out = tracks;
	return 0;
}

void tracks_stop(struct tracks *tracks)
{
	if (!tracks)
		return;
	for (unsigned i = 0; i < tracks->n; i++)
		end(tracks->list[i]);
	links_close(tracks->links);
	free(tracks);
}

bool tracks_known(const struct tracks *tracks)
{
	for (unsigned i = 0; i < tracks->n; i++)
		if (!tracks->list[i]->tried)
			return false;
	return true;
}

/* ---- for documents ---- */

unsigned tracks_count(const struct tracks *tracks)
{
	return tracks->n;
}

void tracks_status(const struct tracks *tracks, unsigned i, struct track_status *status)
{
	const struct track *t = tracks->list[i];
	bool failed = t->condition && health_failed(t->condition);

	*status = (struct track_status){
		.name = t->conf->name,
		.type = type_names[t->conf->type],
		.target = t->target,
		.condition = t->condition,
		.state = t->unknown || !t->judged ? TRACK_UNKNOWN : failed ? TRACK_FAILED : TRACK_GOOD,
		.fault = t->conf->fault,
		.weight = t->condition && !t->conf->fault ? atomic_load(&t->condition->weight) : 0,
		.result = t->result,
		.output = t->output,
		.checks = t->checks,
		.bad_checks = t->bad_checks,
		.next_ns = t->waits ? 0 : t->timer.due_ns,
	};
}

uint32_t tracks_apart_ms(const struct config *config)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < config->n_tracks; i++) {
		const struct config_track *t = &config->tracks[i];
		uint32_t apart_ms = t->interval_ms + t->timeout_ms;

		if (t->weight && (t->type == CONFIG_TRACK_COMMAND || t->type == CONFIG_TRACK_GATEWAY) &&
		    apart_ms > longest)
			longest = apart_ms;
	}
	return longest;
}
