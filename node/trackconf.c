/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trackconf.c - checks of "track" and "hook". Contract in trackconf.h.
 */
#include "node/trackconf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/config.h"
#include "node/gateway.h"
#include "node/settings.h"

enum {
	FALL = 3, RISE = 2,		/* of what may fail once for no reason */
	WORDS = 64,
};

/* Keys that not every type has. */
static const struct {
	const char *key;
	unsigned types;			/* bit per type that needs it, or may have it */
	bool is_required;
} owners[] = {
	{ "interface", 1 << CONFIG_TRACK_INTERFACE | 1 << CONFIG_TRACK_GATEWAY, true },
	{ "command", 1 << CONFIG_TRACK_COMMAND, true },
	{ "file", 1 << CONFIG_TRACK_FILE, true },
	{ "address", 1 << CONFIG_TRACK_GATEWAY, true },
	{ "absent", 1 << CONFIG_TRACK_FILE, false },
	{ "timeout_ms", 1 << CONFIG_TRACK_COMMAND | 1 << CONFIG_TRACK_GATEWAY, false },
};

static const char *const type_names[] = { "interface", "command", "file", "gateway" };

static bool has_timeout(const struct config_track *track)
{
	return track->type == CONFIG_TRACK_COMMAND || track->type == CONFIG_TRACK_GATEWAY;
}

static const char *path_of(size_t i, const char *key, char path[WORDS])
{
	snprintf(path, WORDS, "track[%zu]%s%s", i, *key ? "." : "", key);
	return path;
}

static bool is_given(const struct settings *s, size_t i, const char *key)
{
	char path[WORDS];

	return settings_given(s, path_of(i, key, path));
}

static void check_keys(struct settings *s, const struct config_track *track, size_t i)
{
	char path[WORDS];

	for (size_t k = 0; k < sizeof(owners) / sizeof(owners[0]); k++) {
		bool may_have = owners[k].types >> track->type & 1, given = is_given(s, i, owners[k].key);

		if (given && !may_have)
			settings_mistake(s, path_of(i, owners[k].key, path), "is not for type \"%s\"",
					 type_names[track->type]);
		else if (!given && may_have && owners[k].is_required)
			settings_mistake(s, path_of(i, owners[k].key, path), "missing, required by type \"%s\"",
					 type_names[track->type]);
	}
}

static void check_name(struct settings *s, const struct config *config, size_t i)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *name = config->tracks[i].name;
	char path[WORDS];

	path_of(i, "name", path);
	if (name[strspn(name, allowed)])
		settings_mistake(s, path, "must be letters, digits, '.', '_' and '-'");
	for (size_t j = 0; j < i; j++)
		if (strcmp(name, config->tracks[j].name) == 0)
			settings_mistake(s, path, "\"%s\" is the name of track[%zu] too", name, j);
}

static void check_effect(struct settings *s, const struct config_track *track, size_t i)
{
	char path[WORDS];

	if (track->fault && track->weight)
		settings_mistake(s, path_of(i, "fault", path), "cannot stand beside a weight: a fault gives the "
				 "addresses up whatever the priority");
	else if (!track->fault && !track->weight && track->type != CONFIG_TRACK_FILE)
		settings_mistake(s, path_of(i, "weight", path), "missing, must be a number 1-%d, or fault = true",
				 CONFIG_WEIGHT_MAX);
}

/* Whether the daemon may run it is decided when it does, by the same user as here or another one. */
static void check_command(struct settings *s, const struct config_strings *command, const char *path)
{
	const char *program = command->n ? command->item[0] : "";
	struct stat is;
	size_t len = 0;

	if (!command->n)
		return;
	for (size_t i = 0; i < command->n; i++)
		len += strlen(command->item[i]) + 1;
	if (len > CONFIG_COMMAND_MAX)
		settings_mistake(s, path, "is %zu characters long, must be at most %d", len, CONFIG_COMMAND_MAX);
	if (program[0] != '/')
		settings_mistake(s, path, "\"%.128s\" must begin with an absolute path", program);
	else if (stat(program, &is))
		settings_mistake(s, path, "%.256s: %s", program, strerror(errno));
	else if (!S_ISREG(is.st_mode) || access(program, X_OK))
		settings_mistake(s, path, "%.256s cannot be executed", program);
}

static void check_target(struct settings *s, const struct config_track *track, size_t i)
{
	char path[WORDS];

	check_command(s, &track->command, path_of(i, "command", path));
	if (track->file[0] && track->file[0] != '/')
		settings_mistake(s, path_of(i, "file", path), "must be an absolute path");
	if (track->type == CONFIG_TRACK_GATEWAY && is_given(s, i, "address") && addr_is_special(&track->address))
		settings_mistake(s, path_of(i, "address", path), "must be the address of one host");
	if (has_timeout(track) && track->timeout_ms > track->interval_ms)
		settings_mistake(s, path_of(i, "timeout_ms", path), "%u must not exceed interval_ms, which is %u",
				 track->timeout_ms, track->interval_ms);
}

static void check_track(struct settings *s, struct config *config, size_t i)
{
	struct config_track *track = &config->tracks[i];
	char path[WORDS], where[CONFIG_WHERE_MAX - WORDS];

	check_name(s, config, i);
	check_keys(s, track, i);
	check_effect(s, track, i);
	check_target(s, track, i);
	if (!track->fall)
		track->fall = has_timeout(track) ? FALL : 1;
	if (!track->rise)
		track->rise = has_timeout(track) ? RISE : 1;
	path_of(i, "", path);
	snprintf(track->where, sizeof(track->where), "%s: %s", settings_where(s, path, where, sizeof(where)), path);
}

void trackconf_check(struct settings *s, struct config *config)
{
	for (size_t i = 0; i < config->n_tracks; i++)
		check_track(s, config, i);
	check_command(s, &config->hook.command, "hook.command");
	if (settings_given(s, "hook") && !config->hook.command.n)
		settings_mistake(s, "hook.command", "missing");
	if (config->n_vrrp)
		return;
	if (config->n_tracks)
		settings_mistake(s, "track", "is for virtual routers, and this node has none (vrrp)");
	if (config->hook.command.n)
		settings_mistake(s, "hook", "is for virtual routers, and this node has none (vrrp)");
}

int trackconf_check_links(const struct config *config, char *error, size_t size)
{
	for (size_t i = 0; i < config->n_tracks; i++) {
		const struct config_track *track = &config->tracks[i];
		struct gateway_place place;
		char address[ADDR_TEXT_MAX];

		if (track->type != CONFIG_TRACK_GATEWAY)
			continue;
		/* An interface that is not there, or has no address yet, may come: the check fails until then. */
		if (gateway_find_place(track->interface, &track->address, &place) == -EADDRNOTAVAIL)
			return log_fail(-EADDRNOTAVAIL, error, size, "%s.address: %s lies in no subnet of %s",
					track->where, addr_format(&track->address, address, sizeof(address)),
					track->interface);
	}
	return 0;
}
