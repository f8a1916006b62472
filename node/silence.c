/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * silence.c - the XDP filter's or the tcx program's leases, and virtual MACs. Contract in silence.h.
 */
#include "node/silence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lease.h"
#include "base/log.h"
#include "dataplane/steer.h"
#include "dataplane/vmac.h"
#include "vrrp/fsm.h"

struct silence {
	struct steer *steer;
	struct vmac *vmac;		/* NULL: this kernel has no tcx, or nobody needs it */
	struct lease_page unread;	/* where no program reads leases */
	bool received[LEASE_MAX];	/* by lease: the tcx program receives for its virtual MAC ... */
	bool rewritten[LEASE_MAX];	/* ... or the filter rewrites it */
};

int silence_open(struct silence **result, struct steer *steer, bool wants_virtual_mac)
{
	struct silence *s = calloc(1, sizeof(*s));
	char error[256] = "";

	if (!s)
		return -ENOMEM;
	s->steer = steer;
	if (wants_virtual_mac && vmac_open(&s->vmac, steer ? steer_lease_fd(steer) : -1, error, sizeof(error)))
		log_warning("virtual MAC: %s", error);
	*result = s;
	return 0;
}

void silence_close(struct silence *s)
{
	if (!s)
		return;
	vmac_close(s->vmac);
	free(s);
}

struct lease_page *silence_leases(struct silence *s)
{
	if (s->steer)
		return steer_leases(s->steer);
	return s->vmac ? vmac_leases(s->vmac) : &s->unread;
}

int silence_lease_fd(const struct silence *s)
{
	if (s->steer)
		return steer_lease_fd(s->steer);
	return s->vmac ? vmac_lease_fd(s->vmac) : -1;
}

/* What is left without the tcx program: the filter's rewriting, or no virtual MAC at all. */
static void do_without_program(struct silence *s, struct vrrp_conf *conf, const char *why)
{
	if (s->steer) {
		s->rewritten[conf->lease] = true;
		log_warning("vrrp " VRRP_NAME ": %s; TCP and ICMP depend on the filter's rewriting of the virtual MAC, "
			    "which some drivers ignore", VRRP_NAME_OF(conf), why);
		return;
	}
	conf->virtual_mac = false;
	log_warning("vrrp " VRRP_NAME ": %s; going on with the interface's own MAC, and no dead-man",
		    VRRP_NAME_OF(conf), why);
}

/* MAC and addresses of conf. 0 or -errno with error. */
static int add_to_program(struct silence *s, const struct vrrp_conf *conf, unsigned ifindex, char *error, size_t size)
{
	uint8_t mac[6];
	int err;

	vrrp_virtual_mac(conf->vrid, vrrp_is_ipv6(conf), mac);
	err = vmac_add(s->vmac, ifindex, mac, conf->lease, error, size);
	for (unsigned i = 0; i < conf->count && !err; i++)
		err = vmac_add_address(s->vmac, ifindex, &conf->addresses[i], conf->lease, error, size);
	return err;
}

void silence_receive(struct silence *s, struct vrrp_conf *conf, unsigned ifindex)
{
	char error[256] = "there is no program for virtual MACs";

	if (!conf->virtual_mac)
		return;
	s->received[conf->lease] = s->vmac && add_to_program(s, conf, ifindex, error, sizeof(error)) == 0;
	if (!s->received[conf->lease])
		do_without_program(s, conf, error);
}

static bool has_address(const struct vrrp_conf *conf, const struct addr *address)
{
	for (unsigned i = 0; i < conf->count; i++)
		if (addr_equal(&conf->addresses[i], address))
			return true;
	return false;
}

void silence_change_addresses(struct silence *s, const struct vrrp_conf *before, const struct vrrp_conf *conf,
			      unsigned ifindex)
{
	char error[256];

	if (!s->received[conf->lease])
		return;
	for (unsigned i = 0; i < before->count; i++)
		if (!has_address(conf, &before->addresses[i]))
			vmac_remove_address(s->vmac, ifindex, &before->addresses[i]);
	for (unsigned i = 0; i < conf->count; i++)
		if (vmac_add_address(s->vmac, ifindex, &conf->addresses[i], conf->lease, error, sizeof(error)))
			log_error("vrrp " VRRP_NAME ": no TCP and no ICMP for a new address: %s",
				  VRRP_NAME_OF(conf), error);
}

void silence_forget(struct silence *s, const struct vrrp_conf *conf, unsigned ifindex)
{
	uint8_t mac[6];

	vrrp_virtual_mac(conf->vrid, vrrp_is_ipv6(conf), mac);
	for (unsigned i = 0; i < conf->count && s->received[conf->lease]; i++)
		vmac_remove_address(s->vmac, ifindex, &conf->addresses[i]);
	if (s->received[conf->lease])
		vmac_remove(s->vmac, ifindex, mac);
	if (s->rewritten[conf->lease])
		steer_rewrite(s->steer, conf->lease, mac, NULL);
	s->received[conf->lease] = s->rewritten[conf->lease] = false;
}

void silence_set_mac(struct silence *s, const struct vrrp_conf *conf, const uint8_t own_mac[6])
{
	uint8_t mac[6];
	int err;

	if (!s->rewritten[conf->lease])
		return;
	vrrp_virtual_mac(conf->vrid, vrrp_is_ipv6(conf), mac);
	err = steer_rewrite(s->steer, conf->lease, mac, own_mac);
	if (err)
		log_warning("vrrp " VRRP_NAME ": the filter cannot rewrite the virtual MAC: %s", VRRP_NAME_OF(conf),
			    strerror(-err));
}

bool silence_is_kept(const struct silence *s, const struct vrrp_conf *conf)
{
	return s->steer || s->received[conf->lease];
}

bool silence_has_program(const struct silence *s)
{
	return s->vmac;
}

int silence_check(const struct silence *s, char *cause, size_t size)
{
	return s->vmac ? vmac_check(s->vmac, cause, size) : 0;
}

void silence_counters(const struct silence *s, uint64_t counts[VMAC_COUNTERS])
{
	memset(counts, 0, VMAC_COUNTERS * sizeof(counts[0]));
	if (s->vmac)
		vmac_counters(s->vmac, counts);
}
