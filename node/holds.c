/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holds.c - waits after boot and link-up. Contract in holds.h.
 *
 * SOCKET.links: the kernel's boot id in the first line, then "INTERFACE IFINDEX CHANGES", a line each.
 */
#include "node/holds.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "vrrp/engine.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum {
	PATH_SIZE = 128,		/* a control socket's is at most 107 */
	BOOT_ID_SIZE = 40,
	LINE_SIZE = IF_NAMESIZE + 24,
	NOTE_SIZE = BOOT_ID_SIZE + VRRP_ROUTERS_MAX * LINE_SIZE,
};

struct held_link {
	char interface[IF_NAMESIZE];
	unsigned ifindex;
	uint32_t changes;		/* of its carrier, as the kernel counts */
	bool seen, up;			/* by this daemon */
	uint64_t since_ns;
};

struct holds {
	struct nl_sock *netlink;
	char path[PATH_SIZE], path_new[PATH_SIZE];
	char boot_id[BOOT_ID_SIZE];
	char written[NOTE_SIZE];	/* what the file holds */
	int64_t boot_ahead_ns;		/* CLOCK_BOOTTIME less CLOCK_MONOTONIC */
	struct held_link link[VRRP_ROUTERS_MAX];
	unsigned n;
};

static void read_boot_id(char boot_id[BOOT_ID_SIZE])
{
	FILE *file = fopen(BOOT_ID, "re");

	boot_id[0] = '\0';
	if (!file)
		return;
	if (fgets(boot_id, BOOT_ID_SIZE, file))
		boot_id[strcspn(boot_id, "\n")] = '\0';
	fclose(file);
}

/* What is not of this boot, or not as written here, says nothing. */
static void read_note(struct holds *holds)
{
	FILE *file = fopen(holds->path, "re");
	char line[NOTE_SIZE];
	struct held_link link = { 0 };

	if (!file)
		return;
	if (fgets(line, sizeof(line), file) && strcspn(line, "\n") == strlen(holds->boot_id) &&
	    !strncmp(line, holds->boot_id, strlen(holds->boot_id))) {
		while (holds->n < VRRP_ROUTERS_MAX && fgets(line, sizeof(line), file) &&
		       sscanf(line, "%15s %u %u", link.interface, &link.ifindex, &link.changes) == 3)
			holds->link[holds->n++] = link;
	}
	fclose(file);
}

int holds_open(struct holds **result, const char *control_socket)
{
	struct holds *holds = calloc(1, sizeof(*holds));

	if (!holds)
		return -ENOMEM;
	holds->netlink = nl_socket_alloc();
	if (!holds->netlink || nl_connect(holds->netlink, NETLINK_ROUTE)) {
		holds_close(holds);
		return -EIO;
	}
	snprintf(holds->path, sizeof(holds->path), "%s.links", control_socket);
	snprintf(holds->path_new, sizeof(holds->path_new), "%s.links.new", control_socket);
	holds->boot_ahead_ns = (int64_t)(clock_boot_ns() - clock_mono_ns());
	read_boot_id(holds->boot_id);
	if (holds->boot_id[0])
		read_note(holds);
	*result = holds;
	return 0;
}

void holds_close(struct holds *holds)
{
	if (!holds)
		return;
	nl_socket_free(holds->netlink);
	free(holds);
}

uint64_t holds_boot_until(const struct holds *holds, uint32_t delay_s)
{
	int64_t until = (int64_t)delay_s * CLOCK_NS_PER_S - holds->boot_ahead_ns;

	return until > 0 ? (uint64_t)until : 0;
}

/* 0 when the kernel does not say. */
static uint32_t read_changes(const struct holds *holds, unsigned ifindex)
{
	struct rtnl_link *link = NULL;
	uint32_t changes = 0;

	if (rtnl_link_get_kernel(holds->netlink, (int)ifindex, NULL, &link))
		return 0;
	rtnl_link_get_carrier_changes(link, &changes);
	rtnl_link_put(link);
	return changes;
}

static struct held_link *find_link(struct holds *holds, const char *interface)
{
	struct held_link *link = holds->link;

	for (unsigned i = 0; i < holds->n; i++) {
		if (!strcmp(holds->link[i].interface, interface))
			return &holds->link[i];
	}
	/* More than there are routers only with strange names in the file: the last one goes. */
	link = &holds->link[holds->n < VRRP_ROUTERS_MAX ? holds->n++ : VRRP_ROUTERS_MAX - 1];
	*link = (struct held_link){ 0 };
	snprintf(link->interface, sizeof(link->interface), "%s", interface);
	return link;
}

uint64_t holds_link_since(struct holds *holds, const char *interface, unsigned ifindex, bool up, bool doubt,
			  uint64_t now_ns)
{
	struct held_link *link = find_link(holds, interface);
	uint32_t changes = read_changes(holds, ifindex);
	bool was_up = link->up || !link->seen;
	bool is_new = changes != link->changes || ifindex != link->ifindex || (up && !was_up);

	if (is_new && (link->seen || doubt))
		link->since_ns = now_ns;
	link->ifindex = ifindex;
	link->changes = changes;
	link->seen = true;
	link->up = up;
	return link->since_ns;
}

static int replace_file(const struct holds *holds, const char *text)
{
	FILE *file = fopen(holds->path_new, "we");
	int err = 0;

	if (!file)
		return -errno;
	if (fputs(text, file) < 0)
		err = -EIO;
	if (fclose(file))
		err = -errno;
	if (!err && rename(holds->path_new, holds->path))
		err = -errno;
	if (err)
		unlink(holds->path_new);
	return err;
}

int holds_note(struct holds *holds, uint32_t delay_s, uint64_t now_ns)
{
	char text[NOTE_SIZE];
	size_t at = (size_t)snprintf(text, sizeof(text), "%s\n", holds->boot_id);
	int err;

	for (unsigned i = 0; i < holds->n; i++) {
		const struct held_link *link = &holds->link[i];

		if (link->seen && link->up && now_ns - link->since_ns >= delay_s * (uint64_t)CLOCK_NS_PER_S)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %u %u\n", link->interface,
					       link->ifindex, link->changes);
	}
	if (!strcmp(text, holds->written))
		return 0;
	err = replace_file(holds, text);
	if (!err)
		memcpy(holds->written, text, at + 1);
	return err;
}
