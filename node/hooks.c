/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.c - transitions to commands. Contract in hooks.h.
 */
#include "node/hooks.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/config.h"
#include "node/runner.h"
#include "node/vrrp.h"

enum {
	VARIABLES = 11,
	TEXT_MAX = 6144,		/* 30 IPv6 addresses and 400 octets of causes are a third of it */
	LOG_MS = 1000,
};

struct hooks {
	struct runner *runner;
	const struct config *config;
	struct log_limit log;
};

struct environment {
	const char *list[VARIABLES];
	unsigned n;
	char text[TEXT_MAX];
	size_t used;
};

/* What does not fit is cut: the last variables are the long ones. */
__attribute__((format(printf, 2, 3)))
static void set(struct environment *e, const char *format, ...)
{
	char *at = e->text + e->used;
	size_t room = sizeof(e->text) - e->used;
	va_list args;
	int len;

	if (e->n == VARIABLES || room < 2)
		return;
	va_start(args, format);
	len = vsnprintf(at, room, format, args);
	va_end(args);
	e->used += (len < (int)room ? (size_t)len : room - 1) + 1;
	e->list[e->n++] = at;
	for (; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

static const char *join_addresses(const struct vrrp_conf *router, char *text, size_t size)
{
	char address[ADDR_TEXT_MAX];
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < router->count && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "",
				       addr_format(&router->addresses[i], address, sizeof(address)));
	return text;
}

static void fill(struct environment *e, const struct hooks *hooks, const struct vrrp_conf *router,
		 const struct node_vrrp_event *event)
{
	const struct vrrp_transition *t = &event->transition;
	char addresses[VRRP_ADDRESSES_MAX * ADDR_TEXT_MAX], utc[32];

	e->n = 0;
	e->used = 0;
	clock_format_utc(t->wall_ns, utc, sizeof(utc));
	set(e, "TANDEM_NODE=%s", hooks->config->node_name);
	set(e, "TANDEM_INTERFACE=%s", router->interface);
	set(e, "TANDEM_VRID=%u", router->vrid);
	set(e, "TANDEM_FAMILY=%s", addr_is_v4(&router->addresses[0]) ? "ipv4" : "ipv6");
	set(e, "TANDEM_OLD=%s", vrrp_state_name((enum vrrp_state)t->from));
	set(e, "TANDEM_NEW=%s", vrrp_state_name((enum vrrp_state)t->to));
	set(e, "TANDEM_EVENT=%s", vrrp_event_name((enum vrrp_event)t->event));
	set(e, "TANDEM_TIME=%s", utc);
	set(e, "TANDEM_CAUSE=%s", t->cause);
	set(e, "TANDEM_BECAUSE=%s", event->because);
	set(e, "TANDEM_ADDRESSES=%s", join_addresses(router, addresses, sizeof(addresses)));
}

/* A hook that does what it should says nothing. */
static void on_done(void *context, const struct runner_result *result)
{
	struct hooks *hooks = context;
	bool good = result->outcome == RUNNER_EXITED && result->code == 0;
	uint32_t held_back;
	char text[96];

	if ((good && !result->output[0]) || result->outcome == RUNNER_DROPPED ||
	    !log_limit_pass(&hooks->log, clock_mono_ns(), LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		return;
	(good ? log_info : log_warning)("hook: %s%s%s", runner_result_text(result, text, sizeof(text)),
					result->output[0] ? ": " : "", result->output);
}

void hooks_run(struct hooks *hooks, const struct vrrp_conf *router, const struct node_vrrp_event *event)
{
	const struct config_hook *hook = &hooks->config->hook;
	struct environment environment;
	struct runner_command command = {
		.lane = RUNNER_HOOKS,
		.order = event->transition.router + 1u,
		.argv = (const char *const *)hook->command.item,
		.argc = (unsigned)hook->command.n,
		.timeout_ms = hook->timeout_s * 1000,
		.on_done = on_done,
		.context = hooks,
	};
	uint32_t held_back;

	if (!hook->command.n)
		return;
	fill(&environment, hooks, router, event);
	command.env = environment.list;
	command.envs = environment.n;
	if (!runner_submit(hooks->runner, &command) &&
	    log_limit_pass(&hooks->log, clock_mono_ns(), LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("hook: not run: %s", runner_is_alive(hooks->runner) ? "it cannot be asked for"
										: "the runner has died");
}

void hooks_adopt(struct hooks *hooks, const struct config *config)
{
	hooks->config = config;
}

struct hooks *hooks_new(struct runner *runner, const struct config *config)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));

	if (!hooks)
		return NULL;
	hooks->runner = runner;
	hooks->config = config;
	return hooks;
}

void hooks_free(struct hooks *hooks)
{
	free(hooks);
}
