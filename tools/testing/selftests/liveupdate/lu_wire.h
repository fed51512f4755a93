/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lu_wire: what lu_init and the frame tell the VM runner, and how.
 *
 * The second serial port is theirs: each line that begins with LU_WIRE_TAG is a
 * message, all others are output of the case that runs. The first one is
 * the kernel's log alone. Each message is put into the kernel log as well, so
 * that a reader of the log sees what ran when.
 */
#ifndef LU_WIRE_H
#define LU_WIRE_H

#define LU_WIRE		"/dev/ttyS1"
#define LU_WIRE_TAG	"@lu "

void __attribute__((format(printf, 1, 2))) lu_wire(const char *fmt, ...);

/* The processor's own clock, which a kexec does not stop. */
unsigned long long lu_clock(void);

/* Scan for leaks where the kernel can, twice; what it finds is in its log. */
void lu_kmemleak(void);

#endif /* LU_WIRE_H */
