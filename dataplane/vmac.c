/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmac.c - the tcx program's life: load, table, links, counters. Control thread. The program itself is
 * vmac.bpf.c, embedded by its skeleton. Contract in vmac.h.
 */
#include "dataplane/vmac.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/addr.h"
#include "base/log.h"
#include "dataplane/vmac.skel.h"

enum {
	TCX_INGRESS = 46,		/* BPF_TCX_INGRESS of newer headers */
};

struct attachment {
	unsigned ifindex;		/* 0 = free */
	int link_fd;
};

struct vmac {
	struct vmac_bpf *skeleton;
	struct lease_page *leases;	/* our own, or NULL */
	struct attachment attachments[VMAC_MAX];
	unsigned cpus;
	uint64_t *per_cpu;		/* room for one reading of one counter */
};

const char *vmac_counter_name(enum vmac_counter counter)
{
	static const char *const names[VMAC_COUNTERS] = {
		[VMAC_RECEIVED] = "received",
		[VMAC_NO_LEASE] = "no-lease",
		[VMAC_NO_ADDRESS] = "no-address",
	};

	return names[counter];
}

/* ---- load ---- */

static int map_leases(struct vmac *vmac)
{
	void *page = mmap(NULL, sizeof(*vmac->leases), PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(vmac->skeleton->maps.leases), 0);

	if (page == MAP_FAILED)
		return -errno;
	vmac->leases = page;
	return 0;
}

static int load(struct vmac *vmac, int lease_fd)
{
	int err = lease_fd < 0 ? 0 : bpf_map__reuse_fd(vmac->skeleton->maps.leases, lease_fd);

	if (!err)
		err = vmac_bpf__load(vmac->skeleton);
	if (!err && lease_fd < 0)
		err = map_leases(vmac);
	return err;
}

int vmac_open(struct vmac **out, int lease_fd, char *error, size_t size)
{
	struct vmac *vmac = calloc(1, sizeof(*vmac));
	int err = -ENOMEM, cpus = libbpf_num_possible_cpus();

	if (!vmac || cpus < 0)
		goto err_free;
	vmac->cpus = cpus;
	vmac->per_cpu = calloc(cpus, sizeof(*vmac->per_cpu));
	if (!vmac->per_cpu)
		goto err_free;
	vmac->skeleton = vmac_bpf__open();
	if (!vmac->skeleton) {
		err = -errno;
		goto err_free_counters;
	}
	err = load(vmac, lease_fd);
	if (err)
		goto err_destroy;
	*out = vmac;
	return 0;

err_destroy:
	vmac_bpf__destroy(vmac->skeleton);
err_free_counters:
	free(vmac->per_cpu);
err_free:
	free(vmac);
	return log_fail(err, error, size, "loading the virtual MAC's program: %s", strerror(-err));
}

void vmac_close(struct vmac *vmac)
{
	if (!vmac)
		return;
	for (unsigned i = 0; i < VMAC_MAX; i++)
		if (vmac->attachments[i].ifindex)
			close(vmac->attachments[i].link_fd);
	if (vmac->leases)
		munmap(vmac->leases, sizeof(*vmac->leases));
	vmac_bpf__destroy(vmac->skeleton);
	free(vmac->per_cpu);
	free(vmac);
}

struct lease_page *vmac_leases(struct vmac *vmac)
{
	return vmac->leases;
}

int vmac_lease_fd(const struct vmac *vmac)
{
	return vmac->leases ? bpf_map__fd(vmac->skeleton->maps.leases) : -1;
}

/* ---- links ---- */

/* The interface's attachment; ifindex 0 finds a free one. */
static struct attachment *find(struct vmac *vmac, unsigned ifindex)
{
	for (unsigned i = 0; i < VMAC_MAX; i++)
		if (vmac->attachments[i].ifindex == ifindex)
			return &vmac->attachments[i];
	return NULL;
}

static int attach(struct vmac *vmac, unsigned ifindex, char *error, size_t size)
{
	struct attachment *a = find(vmac, 0);
	char device[IF_NAMESIZE];
	int fd;

	if (find(vmac, ifindex))
		return 0;
	if (!ifindex || !if_indextoname(ifindex, device))
		return log_fail(-ENODEV, error, size, "no interface with index %u", ifindex);
	if (!a)
		return log_fail(-ENOSPC, error, size, "%s: more than %d interfaces", device, VMAC_MAX);
	fd = bpf_link_create(bpf_program__fd(vmac->skeleton->progs.tandem_vmac), (int)ifindex,
			     (enum bpf_attach_type)TCX_INGRESS, NULL);
	/* A kernel that does not know the attach point calls it an invalid argument. */
	if (fd == -EINVAL)
		return log_fail(-EOPNOTSUPP, error, size, "%s: no tcx (Linux 6.6 or later)", device);
	if (fd < 0)
		return log_fail(fd, error, size, "attaching the virtual MAC's program to %s: %s", device,
			    strerror(-fd));
	*a = (struct attachment) { .ifindex = ifindex, .link_fd = fd };
	return 0;
}

static void detach(struct vmac *vmac, unsigned ifindex)
{
	struct attachment *a = ifindex ? find(vmac, ifindex) : NULL;

	if (!a)
		return;
	close(a->link_fd);
	*a = (struct attachment) { 0 };
}

int vmac_check(const struct vmac *vmac, char *cause, size_t size)
{
	for (unsigned i = 0; i < VMAC_MAX; i++) {
		const struct attachment *a = &vmac->attachments[i];
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info);
		char device[IF_NAMESIZE];
		int err;

		if (!a->ifindex)
			continue;
		err = bpf_obj_get_info_by_fd(a->link_fd, &info, &len);
		if (err)
			return log_fail(err, cause, size, "asking for the virtual MAC's link: %s", strerror(-err));
		/* The tcx part of the union, which older headers do not have, begins like that of XDP; 0 when the
		 * link was detached or the device is gone. */
		if (info.xdp.ifindex != a->ifindex)
			return log_fail(-ENOLINK, cause, size, "%s: the virtual MAC's program was detached",
				    if_indextoname(a->ifindex, device) ? device : "a removed interface");
	}
	return 0;
}

/* ---- table ---- */

static struct vmac_key make_key(unsigned ifindex, const uint8_t mac[6])
{
	struct vmac_key key = { .ifindex = ifindex };

	memcpy(key.mac, mac, sizeof(key.mac));
	return key;
}

static bool is_used(int table_fd, unsigned ifindex)
{
	struct vmac_key key, *previous = NULL;

	while (!bpf_map_get_next_key(table_fd, previous, &key)) {
		if (key.ifindex == ifindex)
			return true;
		previous = &key;
	}
	return false;
}

int vmac_add(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6], uint8_t lease, char *error,
	     size_t size)
{
	int table_fd = bpf_map__fd(vmac->skeleton->maps.table);
	struct vmac_key key = make_key(ifindex, mac);
	int err = attach(vmac, ifindex, error, size);

	if (err)
		return err;
	err = bpf_map_update_elem(table_fd, &key, &lease, BPF_ANY);
	if (err) {
		if (!is_used(table_fd, ifindex))
			detach(vmac, ifindex);
		return log_fail(err, error, size, "virtual MAC: %s", err == -E2BIG ? "too many" : strerror(-err));
	}
	return 0;
}

void vmac_remove(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6])
{
	int table_fd = bpf_map__fd(vmac->skeleton->maps.table);
	struct vmac_key key = make_key(ifindex, mac);

	bpf_map_delete_elem(table_fd, &key);
	if (!is_used(table_fd, ifindex))
		detach(vmac, ifindex);
}

static struct vmac_address_key address_key(unsigned ifindex, const struct addr *address)
{
	struct vmac_address_key key = { .ifindex = ifindex };

	memcpy(key.addr, address->words_be, sizeof(key.addr));
	return key;
}

int vmac_add_address(struct vmac *vmac, unsigned ifindex, const struct addr *address, uint8_t lease, char *error,
		     size_t size)
{
	struct vmac_address_key key = address_key(ifindex, address);
	int err = bpf_map_update_elem(bpf_map__fd(vmac->skeleton->maps.addresses), &key, &lease, BPF_ANY);
	if (err)
		return log_fail(err, error, size, "address for a virtual MAC: %s",
				err == -E2BIG ? "too many" : strerror(-err));
	return 0;
}

void vmac_remove_address(struct vmac *vmac, unsigned ifindex, const struct addr *address)
{
	struct vmac_address_key key = address_key(ifindex, address);

	bpf_map_delete_elem(bpf_map__fd(vmac->skeleton->maps.addresses), &key);
}

void vmac_counters(const struct vmac *vmac, uint64_t counts[VMAC_COUNTERS])
{
	int fd = bpf_map__fd(vmac->skeleton->maps.counters);

	memset(counts, 0, VMAC_COUNTERS * sizeof(*counts));
	for (uint32_t i = 0; i < VMAC_COUNTERS; i++) {
		if (bpf_map_lookup_elem(fd, &i, vmac->per_cpu))
			continue;
		for (unsigned cpu = 0; cpu < vmac->cpus; cpu++)
			counts[i] += vmac->per_cpu[cpu];
	}
}
