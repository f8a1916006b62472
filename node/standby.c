/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby.c - the file of routers in standby. Contract in standby.h. It is replaced by rename, so it is whole at any
 * moment.
 */
#include "node/standby.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vrrp/engine.h"

enum {
	PATH_SIZE = 256,
	NAME_SIZE = IF_NAMESIZE + 8,
	NAMES_MAX = 2 * VRRP_ROUTERS_MAX,	/* with some that the configuration has no more */
};

struct standby {
	char path[PATH_SIZE], path_new[PATH_SIZE];
	char name[NAMES_MAX][NAME_SIZE];
	unsigned n;
};

static bool make_path(char path[PATH_SIZE], const char *control_socket, const char *suffix)
{
	const char *directory = getenv("STATE_DIRECTORY");
	int len = directory ? snprintf(path, PATH_SIZE, "%s/standby%s", directory, suffix)
			    : snprintf(path, PATH_SIZE, "%s.standby%s", control_socket, suffix);

	return len < PATH_SIZE;
}

static int read_names(struct standby *s)
{
	FILE *file = fopen(s->path, "re");
	char line[NAME_SIZE + 2];

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (s->n < NAMES_MAX && fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "\n");

		line[len] = '\0';
		if (len && len < NAME_SIZE)
			memcpy(s->name[s->n++], line, len + 1);
	}
	fclose(file);
	return 0;
}

int standby_open(struct standby **result, const char *control_socket)
{
	struct standby *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	err = make_path(s->path, control_socket, "") && make_path(s->path_new, control_socket, ".new") ? read_names(s)
											      : -ENAMETOOLONG;
	if (err) {
		free(s);
		return err;
	}
	*result = s;
	return 0;
}

void standby_close(struct standby *s)
{
	free(s);
}

/* s->n when it is not there. */
static unsigned find(const struct standby *s, const char *name)
{
	unsigned i = 0;

	while (i < s->n && strcmp(s->name[i], name) != 0)
		i++;
	return i;
}

bool standby_has(const struct standby *s, const char *name)
{
	return find(s, name) < s->n;
}

static int write_names(const struct standby *s)
{
	FILE *file;
	int err = 0;

	if (!s->n)
		return unlink(s->path) && errno != ENOENT ? -errno : 0;
	file = fopen(s->path_new, "we");
	if (!file)
		return -errno;
	for (unsigned i = 0; i < s->n; i++)
		fprintf(file, "%s\n", s->name[i]);
	if (fclose(file))
		err = -errno;
	if (!err && rename(s->path_new, s->path))
		err = -errno;
	if (err)
		unlink(s->path_new);
	return err;
}

int standby_set(struct standby *s, const char *name, bool on)
{
	struct standby before = *s;
	unsigned at = find(s, name);
	int err;

	if (on == (at < s->n))
		return 0;
	if (on && s->n == NAMES_MAX)
		return -ENOSPC;
	if (on)
		snprintf(s->name[s->n++], NAME_SIZE, "%s", name);
	else
		memmove(s->name[at], s->name[--s->n], NAME_SIZE);
	err = write_names(s);
	if (err)
		*s = before;
	return err;
}
