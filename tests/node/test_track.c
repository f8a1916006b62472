/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_track.c - tracks and their conditions, over time that the test makes. Links, runner and gateways are stand-ins,
 * files are real.
 */
#include "node/track.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/gateway.h"
#include "node/links.h"
#include "node/runner.h"
#include "tests/tap.h"

enum { STEP_MS = 10, GATEWAY_AT = 77 };

static struct {
	uint64_t now_ns;
	/* kernel */
	struct link_state link;
	int link_err;
	void (*on_links)(void *context);
	void *links_context;
	/* runner */
	bool dead;
	struct runner_command command;		/* under way, if on_done is set */
	char argv[64], env[64];
	unsigned submitted, forgotten;
	/* gateway */
	int ask_err;
	unsigned asked, gateways, freed;
	void (*on_answer)(void *context);
	void *gateway_context;
} world;

static struct loop loop;
static struct health health;
static struct tracks *tracks;
static struct config config;
static struct config_track list[CONFIG_TRACKS_MAX];
static char path[] = "/tmp/test_track.XXXXXX";

/* ---- stand-ins ---- */

#include "tests/node/world_clock.h"

uint64_t clock_wall_ns(void)
{
	return world.now_ns;
}

int link_read(const char *name, struct link_state *state)
{
	assert_string_equal(name, "eth1");
	*state = world.link;
	return world.link_err;
}

int links_open(struct links **links, struct loop *l, void (*on_change)(void *context), void *context)
{
	(void)l;
	*links = NULL;
	world.on_links = on_change;
	world.links_context = context;
	return 0;
}

void links_close(struct links *links)
{
	(void)links;
}

uint64_t runner_submit(struct runner *runner, const struct runner_command *command)
{
	(void)runner;
	if (world.dead)
		return 0;
	assert_null(world.command.on_done);	/* one at a time */
	world.command = *command;
	snprintf(world.argv, sizeof(world.argv), "%s %s", command->argv[0], command->argc > 1 ? command->argv[1] : "");
	snprintf(world.env, sizeof(world.env), "%s", command->env[0]);
	return ++world.submitted;
}

void runner_forget(struct runner *runner, uint64_t number)
{
	(void)runner;
	assert_int_equal(number, world.submitted);
	world.command.on_done = NULL;
	world.forgotten++;
}

bool runner_is_alive(const struct runner *runner)
{
	(void)runner;
	return !world.dead;
}

const char *runner_result_text(const struct runner_result *result, char *text, size_t size)
{
	snprintf(text, size, "outcome %d code %d", (int)result->outcome, result->code);
	return text;
}

struct gateway *gateway_new(struct loop *l, const char *interface, const struct addr *target,
			    void (*on_answer)(void *context), void *context)
{
	(void)l;
	assert_string_equal(interface, "eth0");
	assert_true(addr_is_v4(target));
	world.gateways++;
	world.on_answer = on_answer;
	world.gateway_context = context;
	return (struct gateway *)&world;
}

void gateway_free(struct gateway *gateway)
{
	world.freed += gateway != NULL;
}

int gateway_ask(struct gateway *gateway)
{
	assert_ptr_equal(gateway, &world);
	world.asked++;
	return world.ask_err;
}

const char *gateway_error(int err)
{
	return err == -ENETDOWN ? "down" : "another";
}

/* ---- the world ---- */

static int open_world(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	memset(list, 0, sizeof(list));
	memset(&config, 0, sizeof(config));
	config.tracks = list;
	world.now_ns = 1000 * (uint64_t)CLOCK_NS_PER_S;
	unlink(path);
	return loop_init(&loop) || health_init(&health);
}

static int close_world(void **state)
{
	(void)state;
	tracks_stop(tracks);
	tracks = NULL;
	loop_fini(&loop);
	health_fini(&health);
	return 0;
}

static void advance(unsigned ms)
{
	for (unsigned passed = 0; passed < ms; passed += STEP_MS) {
		world.now_ns += STEP_MS * (uint64_t)CLOCK_NS_PER_MS;
		assert_int_equal(loop_turn(&loop, 0), 0);
	}
}

/* One more, with the debouncing of its type. */
static struct config_track *add(const char *name, enum config_track_type type, uint32_t weight)
{
	static char program[] = "/bin/check", argument[] = "it", *command[] = { program, argument };
	struct config_track *t = &list[config.n_tracks++];
	bool is_slow = type == CONFIG_TRACK_COMMAND || type == CONFIG_TRACK_GATEWAY;

	*t = (struct config_track){ .type = (int)type, .weight = weight, .interval_ms = 1000, .timeout_ms = 500,
				    .fall = is_slow ? 3 : 1, .rise = is_slow ? 2 : 1 };
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(t->interface, sizeof(t->interface), "%s", type == CONFIG_TRACK_GATEWAY ? "eth0" : "eth1");
	snprintf(t->file, sizeof(t->file), "%s", path);
	t->command = (struct config_strings){ command, 2 };
	assert_int_equal(addr_parse("192.0.2.1", &t->address), 0);
	return t;
}

static void start(void)
{
	assert_int_equal(tracks_start(&tracks, &loop, &health, NULL, &config), 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
}

static struct health_condition *condition(const char *name)
{
	char full[HEALTH_NAME_MAX];

	snprintf(full, sizeof(full), "track:%s", name);
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, full) == 0)
			return &health.conditions[i];
	return NULL;
}

static bool failed(const char *name)
{
	assert_non_null(condition(name));
	return health_failed(condition(name));
}

static struct track_status status(unsigned i)
{
	struct track_status s;

	tracks_status(tracks, i, &s);
	return s;
}

static void write_file(const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* The command under way ends so. */
static void end_command(enum runner_outcome outcome, int code, const char *output)
{
	struct runner_result result = { .outcome = outcome, .code = code };
	struct runner_command command = world.command;

	assert_non_null(command.on_done);
	world.command.on_done = NULL;
	snprintf(result.output, sizeof(result.output), "%s", output);
	command.on_done(command.context, &result);
}

static void one_command(enum runner_outcome outcome, int code)
{
	end_command(outcome, code, "");
	advance(1000);
}

/* ---- interface ---- */

static void carrier(void **state)
{
	(void)state;
	world.link.up = true;
	add("up", CONFIG_TRACK_INTERFACE, 60);
	start();
	assert_true(tracks_known(tracks));
	assert_false(failed("up"));
	assert_int_equal(condition("up")->kind, HEALTH_WEIGHT);
	assert_int_equal(condition("up")->weight, 60);
	assert_true(condition("up")->own);
	assert_string_equal(status(0).result, "carrier");
	world.link.up = false;
	world.on_links(world.links_context);
	advance(STEP_MS);
	assert_true(failed("up"));		/* by netlink, not at the next check */
	assert_string_equal(condition("up")->cause, "no carrier");
	world.link_err = -ENODEV;
	advance(1000);
	assert_string_equal(status(0).result, "no such interface");
	world.link_err = 0;
	world.link.up = true;
	advance(1000);
	assert_false(failed("up"));
}

/* Only checks count, however often netlink speaks. */
static void busy_netlink(void **state)
{
	(void)state;
	world.link.up = true;
	add("up", CONFIG_TRACK_INTERFACE, 60)->fall = 3;
	start();
	advance(100);
	world.link.up = false;
	for (unsigned i = 0; i < 50; i++) {
		world.on_links(world.links_context);
		advance(STEP_MS);
	}
	assert_int_equal(status(0).bad_checks, 1);
	assert_false(failed("up"));
	advance(1600);
	assert_true(failed("up"));
}

/* ---- file ---- */

static void number_in_a_file(void **state)
{
	(void)state;
	add("op", CONFIG_TRACK_FILE, 0);
	start();
	assert_false(failed("op"));
	assert_string_equal(status(0).result, "absent, counts as 0");
	write_file("100\n");
	advance(1000);
	assert_true(failed("op"));
	assert_int_equal(condition("op")->weight, 100);
	assert_true(condition("op")->own);
	write_file("  253  ");
	advance(1000);
	assert_int_equal(condition("op")->weight, 253);
	assert_int_equal(condition("op")->changes, 1);
	write_file("0\n");
	advance(1000);
	assert_false(failed("op"));
	unlink(path);
	advance(1000);
	assert_false(failed("op"));
}

static void what_is_no_number(void **state)
{
	static const char *const texts[] = { "", "254", "-1", "abc", "1 2", "0x10", "7x", "00000000000000000000007" };

	(void)state;
	add("op", CONFIG_TRACK_FILE, 0);
	write_file("50");
	start();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i]);
		advance(1000);
		assert_true(failed("op"));		/* as before */
		assert_int_equal(condition("op")->weight, 50);
		assert_int_equal(status(0).state, TRACK_UNKNOWN);
	}
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);	/* and this does not stop us */
	advance(1000);
	assert_true(failed("op"));
	assert_string_equal(status(0).result, "the file holds no number 0-253");
	unlink(path);
	advance(1000);
	assert_false(failed("op"));
	assert_int_equal(status(0).state, TRACK_GOOD);
}

static void fixed_weight_and_fault(void **state)
{
	(void)state;
	add("w", CONFIG_TRACK_FILE, 30)->absent = 1;
	add("f", CONFIG_TRACK_FILE, 0)->fault = true;
	start();
	assert_true(failed("w"));
	assert_int_equal(condition("w")->weight, 30);
	assert_false(failed("f"));
	assert_false(health_any_fault(&health));
	write_file("1");
	advance(1000);
	assert_true(health_any_fault(&health));
	assert_int_equal(status(1).fault, true);
	write_file("0");
	advance(1000);
	assert_false(failed("w"));
	assert_false(health_any_fault(&health));
}

/* ---- command ---- */

static void exit_status(void **state)
{
	(void)state;
	add("cmd", CONFIG_TRACK_COMMAND, 20);
	start();
	assert_false(tracks_known(tracks));
	assert_string_equal(world.argv, "/bin/check it");
	assert_string_equal(world.env, "TANDEM_TRACK=cmd");
	assert_int_equal(world.command.timeout_ms, 500);
	assert_int_equal(world.command.lane, RUNNER_CHECKS);
	assert_int_equal(status(0).next_ns, 0);
	end_command(RUNNER_EXITED, 0, "all is well");
	assert_true(tracks_known(tracks));
	assert_int_equal(status(0).state, TRACK_GOOD);
	assert_string_equal(status(0).output, "all is well");
	assert_false(condition("cmd")->own);
	advance(1000);
	assert_int_equal(world.submitted, 2);
	one_command(RUNNER_EXITED, 1);
	one_command(RUNNER_TIMED_OUT, 15);
	assert_false(failed("cmd"));
	one_command(RUNNER_SIGNALLED, 9);
	assert_true(failed("cmd"));		/* the third */
	assert_int_equal(status(0).bad_checks, 3);
	one_command(RUNNER_EXITED, 0);
	assert_true(failed("cmd"));
	one_command(RUNNER_EXITED, 0);
	assert_false(failed("cmd"));
}

/* Not on the output: what a program says is not ours. */
static void cause_is_our_own(void **state)
{
	(void)state;
	add("cmd", CONFIG_TRACK_COMMAND, 20);
	start();
	end_command(RUNNER_EXITED, 1, "words of a stranger");
	assert_true(failed("cmd"));		/* the first verdict counts alone */
	assert_string_equal(condition("cmd")->cause, "outcome 0 code 1");
	assert_string_equal(status(0).output, "words of a stranger");
}

static void one_at_a_time(void **state)
{
	(void)state;
	add("cmd", CONFIG_TRACK_COMMAND, 20);
	start();
	advance(5000);				/* the stand-in minds a second one */
	assert_int_equal(world.submitted, 1);
	end_command(RUNNER_EXITED, 0, "");
	advance(STEP_MS);
	assert_int_equal(world.submitted, 2);	/* late already */
}

static void a_dead_runner(void **state)
{
	(void)state;
	add("good", CONFIG_TRACK_COMMAND, 20);
	start();
	end_command(RUNNER_EXITED, 1, "");
	advance(1000);
	end_command(RUNNER_LOST, 0, "");
	world.dead = true;
	for (unsigned i = 0; i < 5; i++) {
		advance(1000);
		assert_true(failed("good"));	/* as it was */
		assert_int_equal(status(0).state, TRACK_UNKNOWN);
	}
	assert_string_equal(status(0).result, "the runner has died");
	assert_int_equal(status(0).bad_checks, 1);
}

static void unknown_from_the_start(void **state)
{
	(void)state;
	world.dead = true;
	add("cmd", CONFIG_TRACK_COMMAND, 0)->fault = true;
	start();
	assert_true(tracks_known(tracks));	/* nobody waits for it */
	assert_false(health_any_fault(&health));
}

/* ---- gateway ---- */

static void a_gateway(void **state)
{
	(void)state;
	add("gw", CONFIG_TRACK_GATEWAY, 60);
	start();
	assert_int_equal(world.asked, 1);
	assert_false(tracks_known(tracks));
	advance(100);
	world.on_answer(world.gateway_context);
	assert_true(tracks_known(tracks));
	assert_false(failed("gw"));
	world.on_answer(world.gateway_context);	/* twice is not a second check */
	assert_int_equal(status(0).checks, 1);
	advance(900);
	assert_int_equal(world.asked, 2);
	advance(490);
	assert_int_equal(status(0).checks, 1);
	advance(STEP_MS);
	assert_int_equal(status(0).checks, 2);
	assert_string_equal(status(0).result, "no answer");
	world.on_answer(world.gateway_context);	/* too late */
	assert_int_equal(status(0).checks, 2);
	advance(1000);
	assert_false(failed("gw"));
	advance(1000);
	assert_true(failed("gw"));
	assert_string_equal(condition("gw")->cause, "no answer");
	for (unsigned i = 0; i < 2; i++) {
		advance(500);
		world.on_answer(world.gateway_context);
		advance(500);
	}
	assert_false(failed("gw"));
	world.ask_err = -ENETDOWN;
	advance(1000);
	assert_string_equal(status(0).result, "down");
}

/* ---- debouncing, reload ---- */

/* V164: every second check bad. */
static void alternating(void **state)
{
	(void)state;
	add("cmd", CONFIG_TRACK_COMMAND, 20)->fall = 1;
	start();
	for (unsigned i = 0; i < 20; i++)
		one_command(RUNNER_EXITED, i % 2);
	assert_int_equal(condition("cmd")->changes, 1);
	assert_true(failed("cmd"));
	one_command(RUNNER_EXITED, 0);
	one_command(RUNNER_EXITED, 0);
	assert_false(failed("cmd"));
}

static void reload_keeps_what_stays(void **state)
{
	static struct config_track after[3];
	struct config next = { .tracks = after, .n_tracks = 3 };

	(void)state;
	add("cmd", CONFIG_TRACK_COMMAND, 20);
	add("gw", CONFIG_TRACK_GATEWAY, 60);
	add("op", CONFIG_TRACK_FILE, 0);
	write_file("40");
	start();
	end_command(RUNNER_EXITED, 1, "");
	assert_true(failed("cmd") && failed("op"));
	/* other order, other weight and limits; gw has gone and another has come */
	after[0] = list[2];
	after[1] = list[0];
	after[1].weight = 90;
	after[1].rise = 1;
	after[2] = list[1];
	snprintf(after[2].name, sizeof(after[2].name), "gw2");
	tracks_adopt(tracks, &next);
	assert_int_equal(world.freed, 1);
	assert_int_equal(world.gateways, 2);
	assert_null(condition("gw"));
	assert_false(tracks_known(tracks));
	assert_true(failed("cmd") && failed("op"));
	assert_int_equal(condition("cmd")->weight, 90);
	assert_int_equal(condition("cmd")->changes, 1);
	assert_string_equal(status(0).name, "op");
	assert_string_equal(status(1).name, "cmd");
	advance(1000);
	end_command(RUNNER_EXITED, 0, "");
	assert_false(failed("cmd"));		/* rise is 1 now */
	/* a fault instead of a weight is another track */
	after[1].weight = 0;
	after[1].fault = true;
	advance(1000);
	tracks_adopt(tracks, &next);
	assert_int_equal(world.forgotten, 1);
	assert_int_equal(condition("cmd")->kind, HEALTH_FAULT);
	next.n_tracks = 0;
	advance(STEP_MS);
	tracks_adopt(tracks, &next);
	assert_int_equal(tracks_count(tracks), 0);
	assert_null(condition("op"));
	assert_false(health_any_fault(&health));
	advance(3000);
}

static void as_many_as_there_may_be(void **state)
{
	char name[16];

	(void)state;
	world.link.up = true;
	for (unsigned i = 0; i < CONFIG_TRACKS_MAX; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		add(name, CONFIG_TRACK_INTERFACE, 1);
	}
	start();
	for (unsigned i = 0; i < CONFIG_TRACKS_MAX; i++)
		snprintf(list[i].name, sizeof(list[i].name), "u%u", i);
	tracks_adopt(tracks, &config);
	advance(2000);
	assert_true(tracks_known(tracks));
	assert_non_null(condition("u31"));
	assert_null(condition("t31"));
}

static void how_far_apart(void **state)
{
	(void)state;
	assert_int_equal(tracks_apart_ms(&config), 0);
	add("up", CONFIG_TRACK_INTERFACE, 60)->interval_ms = 60000;
	add("op", CONFIG_TRACK_FILE, 0)->interval_ms = 60000;
	assert_int_equal(tracks_apart_ms(&config), 0);
	add("gw", CONFIG_TRACK_GATEWAY, 60);
	assert_int_equal(tracks_apart_ms(&config), 1500);
	add("cmd", CONFIG_TRACK_COMMAND, 60)->interval_ms = 4000;
	assert_int_equal(tracks_apart_ms(&config), 4500);
}

#define WORLD(description, function) { description, function, open_world, close_world, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		WORLD("interface: carrier, by netlink at once", carrier),
		WORLD("interface: a busy netlink makes no checks", busy_netlink),
		WORLD("V165 file: its number is the weight, absent is 0", number_in_a_file),
		WORLD("file: what is no number 0-253 is no verdict, a pipe stops nobody", what_is_no_number),
		WORLD("V165 file: a fixed weight, and a fault", fixed_weight_and_fault),
		WORLD("command: exit status, timeout and signal; fall and rise", exit_status),
		WORLD("command: the cause has nothing of its output; the first verdict counts alone", cause_is_our_own),
		WORLD("command: one at a time", one_at_a_time),
		WORLD("command: with the runner dead its state is unknown and counts as before", a_dead_runner),
		WORLD("command: unknown from the start is no fault", unknown_from_the_start),
		WORLD("gateway: asked, answered, not answered in time", a_gateway),
		WORLD("V164 a check that alternates between good and bad changes the condition once", alternating),
		WORLD("reload: what stays keeps its state, what goes is forgotten", reload_keeps_what_stays),
		WORLD("reload: all of them replaced by as many", as_many_as_there_may_be),
		WORLD("how long an Active waits for the other node to see the same", how_far_apart),
	};
	int fd = mkstemp(path), result;

	if (fd < 0)
		return 1;
	close(fd);
	result = RUN(cases);
	unlink(path);
	return result;
}
