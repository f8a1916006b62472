/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctls.h - the kernel's ARP settings that a virtual address depends on: what they are, and what to do about them.
 * Reads only; etc/99-tandem.conf is what sets them. Control thread.
 *
 *   arp_ignore     1   else the kernel answers for the virtual address too, with its own MAC, also as Backup
 *   arp_announce   2   else the kernel's own questions teach neighbours "the virtual address is at my MAC"
 *   rp_filter      any; read because it is the first suspect when packets vanish
 */
#ifndef NODE_SYSCTLS_H
#define NODE_SYSCTLS_H

#include <stdbool.h>
#include <stddef.h>

/* As in force on the interface: the greater of its own value and that of "all". -1: could not be read. */
struct sysctls {
	int arp_ignore, arp_announce, rp_filter;
};

void sysctls_read(const char *interface, struct sysctls *sysctls);

/* True when an address with a virtual router on the interface is safe. Else text says which settings are wrong and
 * the lines that mend them. For a condition. */
bool sysctls_check(const char *interface, char *text, size_t size);

#endif
