/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctls.h - the kernel's ARP settings that a virtual address depends on: what they are, and what to do about them.
 * Reads only; etc/99-tandem.conf is what sets them. Control thread.
 *
 *   arp_ignore     1   else the kernel answers for the virtual address too, with its own MAC, also as Backup
 *   arp_announce   2   else the kernel's own questions teach neighbours "the virtual address is at my MAC"
 */
#ifndef NODE_SYSCTLS_H
#define NODE_SYSCTLS_H

#include <stdbool.h>
#include <stddef.h>

/* True when an address with a virtual router on the interface is safe: in force is the greater of the interface's own
 * value and that of "all". Else text says which settings are wrong and
 * the lines that mend them. For a condition. */
bool sysctls_check(const char *interface, char *text, size_t size);

#endif
