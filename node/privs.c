/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privs.c - capabilities by libcap-ng, whose state is per thread, as the kernel's is. Contract in privs.h.
 */
#include "node/privs.h"

#include <cap-ng.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "base/log.h"

static const struct {
	unsigned cap;
	const char *without;		/* what does not work */
	bool at_start_only;
} needed[] = {
	{ CAP_NET_ADMIN, "the filter cannot be attached", false },
	{ CAP_NET_RAW, "AF_XDP sockets cannot be opened", false },
	{ CAP_BPF, "the filter cannot be loaded or checked", false },
	{ CAP_PERFMON, "the filter cannot be loaded", true },
	{ CAP_NET_BIND_SERVICE, "port 53 cannot be bound", false },
	{ CAP_SYS_NICE, "no thread gets real-time priority", false },
	{ CAP_IPC_LOCK, "memory is not locked", false },
};

enum { NEEDED = sizeof(needed) / sizeof(needed[0]) };

void privs_log_missing(void)
{
	if (capng_get_caps_process() < 0) {
		log_warning("capabilities cannot be read");
		return;
	}
	for (size_t i = 0; i < NEEDED; i++)
		if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].cap))
			log_warning("no CAP_%s: %s", capng_capability_to_name(needed[i].cap),
				    needed[i].without);
}

void privs_keep_control(void)
{
	if (capng_get_caps_process() < 0)
		return;
	bool had[NEEDED];

	for (size_t i = 0; i < NEEDED; i++)
		had[i] = !needed[i].at_start_only &&
			 capng_have_capability(CAPNG_PERMITTED, needed[i].cap);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < NEEDED; i++)
		if (had[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, needed[i].cap);
	if (capng_apply(CAPNG_SELECT_CAPS))
		log_warning("control thread: capabilities cannot be laid down");
}

void privs_drop_all(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		log_warning("worker thread: capabilities cannot be laid down");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
