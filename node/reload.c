/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload.c - prepare in a thread, commit on the loop. Contract in reload.h.
 *
 * The preparing thread reads files, finds or adds servers in the registry, and references or opens
 * listeners. The control thread meanwhile touches none of that: it only reads servers that are in force, and
 * frees nothing (reload_preparing()). The eventfd hands everything back.
 */
#include "node/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/conf.h"
#include "node/clients.h"
#include "node/config.h"
#include "node/hooks.h"
#include "node/hello.h"
#include "node/node.h"
#include "node/notify.h"
#include "node/routerconf.h"
#include "node/selfcheck.h"
#include "node/snapshot.h"
#include "node/track.h"
#include "node/trackconf.h"
#include "node/vrrp.h"

struct reload {
	struct node *node;
	struct loop_fd prepared;		/* eventfd, rung by the preparing thread as its last act */
	void (*done)(void *context, const char *error);
	void *context;
	bool preparing, again;
	uint64_t begun_ns;
	/* the preparing thread's until it rings */
	pthread_t thread;
	struct config *config;
	struct dp_conf *conf;
	struct node_vrrp_plan *vrrp;
	uint32_t places;			/* of virtual routers, that are taken */
	int err;
	char error[CONFIG_ERROR_MAX];
};

/* ---- prepare: its own thread ---- */

static int prepare(struct reload *r)
{
	const struct config *old = r->node->config;
	int err = config_load(old->path, &r->config, r->error, sizeof(r->error));

	if (err)
		return err;
	if (!config_may_reload(old, r->config, r->error, sizeof(r->error)) ||
	    !routerconf_place(old, r->config, r->places, r->error, sizeof(r->error)))
		return -EINVAL;
	err = trackconf_check_links(r->config, r->error, sizeof(r->error));
	if (err)
		return err;
	r->config->udp_sockets = old->udp_sockets;
	if (r->node->vrrp)
		err = node_vrrp_prepare(r->node->vrrp, r->config, &r->vrrp, r->error, sizeof(r->error));
	if (err)
		return err;
	return config_build(r->config, node_conf(r->node), &r->node->registry, r->begun_ns, &r->conf,
			    r->error, sizeof(r->error));
}

static void *run_prepare(void *context)
{
	struct reload *r = context;
	uint64_t one = 1;

	r->err = prepare(r);
	if (write(r->prepared.fd, &one, sizeof(one)) < 0)
		log_error("reload: the control thread cannot be told: %s", strerror(errno));
	return NULL;
}

/* ---- commit: control thread ---- */

static int commit(struct reload *r)
{
	struct node *node = r->node;
	int err = snapshot_commit(node, r->conf, r->error, sizeof(r->error));

	if (err)
		return err;
	r->conf = NULL;
	clients_adopt(node->clients, r->config);
	if (node->tracks) {
		tracks_adopt(node->tracks, r->config);
		hooks_adopt(node->hooks, r->config);
	}
	config_free(node->config);
	node->config = r->config;
	r->config = NULL;
	log_set_level((enum log_level)node->config->log_level);
	snapshot_follow_servers(node);
	selfcheck_adopt(node->selfcheck, node->config);
	if (node->vrrp)
		node_vrrp_adopt(node->vrrp, node->config, r->vrrp);
	r->vrrp = NULL;
	if (node->hello)
		hello_adopt(node->hello, node->config);
	return 0;
}

static void discard(struct reload *r)
{
	snapshot_discard(r->node, r->conf);
	node_vrrp_discard(r->vrrp);
	config_free(r->config);
	r->vrrp = NULL;
	r->conf = NULL;
	r->config = NULL;
}

static void join(struct reload *r)
{
	uint64_t rung;

	pthread_join(r->thread, NULL);
	r->preparing = false;
	if (read(r->prepared.fd, &rung, sizeof(rung)) < 0)
		return;		/* it could not ring; it has ended all the same */
}

static void report(struct reload *r)
{
	unsigned ms = (unsigned)((clock_mono_ns() - r->begun_ns) / CLOCK_NS_PER_MS);

	if (r->err)
		log_error("reload: nothing has changed: %s", r->error);
	else
		log_info("reload: generation %llu in force after %u ms",
			 (unsigned long long)node_conf(r->node)->generation, ms);
	notify_ready();
	if (r->done)
		r->done(r->context, r->err ? r->error : NULL);
	r->done = NULL;
}

static void on_prepared(struct loop_fd *self, uint32_t events)
{
	struct reload *r = (struct reload *)((char *)self - offsetof(struct reload, prepared));

	(void)events;
	join(r);
	if (!r->err)
		r->err = commit(r);
	if (r->err)
		discard(r);
	report(r);
	if (!r->again)
		return;
	r->again = false;
	reload_request(r);
}

/* ---- public ---- */

int reload_start(struct reload *r, void (*done)(void *context, const char *error), void *context)
{
	int err;

	if (r->preparing)
		return -EBUSY;
	r->begun_ns = clock_mono_ns();
	r->error[0] = '\0';
	/* An address that the last reload removed and this one brings back must have been closed. */
	epoch_reclaim(&r->node->shared.epoch);
	r->places = r->node->vrrp ? node_vrrp_places(r->node->vrrp) : 0;
	err = -pthread_create(&r->thread, NULL, run_prepare, r);
	if (err)
		return err;
	r->preparing = true;
	r->done = done;
	r->context = context;
	notify_reloading();
	return 0;
}

void reload_request(struct reload *r)
{
	int err = reload_start(r, NULL, NULL);

	if (err == -EBUSY)
		r->again = true;
	else if (err)
		log_error("reload: no thread: %s", strerror(-err));
}

bool reload_preparing(const struct reload *r)
{
	return r->preparing;
}

int reload_open(struct reload **reload, struct node *node)
{
	struct reload *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->node = node;
	r->prepared = (struct loop_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.on_ready = on_prepared,
	};
	err = r->prepared.fd < 0 ? -errno : loop_fd_add(&node->loop, &r->prepared, EPOLLIN);
	if (err)
		goto err_free;
	*reload = r;
	return 0;

err_free:
	if (r->prepared.fd >= 0)
		close(r->prepared.fd);
	free(r);
	return err;
}

void reload_close(struct reload *r)
{
	if (!r)
		return;
	if (r->preparing) {
		join(r);
		discard(r);
	}
	loop_fd_remove(&r->node->loop, &r->prepared);
	close(r->prepared.fd);
	free(r);
}
