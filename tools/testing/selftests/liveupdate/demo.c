// SPDX-License-Identifier: GPL-2.0
/*
 * demo: a live update in front of the user's eyes; ./lu demo prints what it tells.
 *
 * Memory of all kinds is filled, preserved, and verified in the next kernel.
 */
#define _GNU_SOURCE
#include <time.h>

#include "kho_common.h"

static const char *boot_id(void)
{
	static char id[16];

	snprintf(id, sizeof(id), "%.8s", lu_read("/proc/sys/kernel/random/boot_id"));
	return id;
}

static double uptime(void)
{
	struct timespec now;

	LU_OK(clock_gettime(CLOCK_BOOTTIME, &now));
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void old_kernel(struct lu_run *run)
{
	struct utsname uts;

	LU_OK(uname(&uts));
	lu_tell("This machine runs Linux %s, boot %s, up for %.1f s.", uts.release, boot_id(),
		uptime());
	lu_set(run, "id", "%s", boot_id());

	kho_do("alloc 42");
	kho_do("preserve");
	lu_set(run, "pages", "%lld", kho_state("block_pages"));
	lu_tell("In it %lld pieces of memory are filled with data and marked as preserved:",
		kho_state("items"));
	lu_tell("folios, page ranges and vmalloc areas, %lld KiB in %lld blocks.",
		kho_state("block_pages") * 4, kho_state("blocks"));
	lu_tell("Now the next kernel is loaded beside this one (kexec_file_load) and started.");
}

static void new_kernel(struct lu_run *run)
{
	struct utsname uts;

	LU_OK(uname(&uts));
	LU_CHECK(strcmp(boot_id(), lu_get(run, "id")), "the same kernel still runs");
	lu_tell("Linux %s has taken over, boot %s, up for %.1f s; the machine was never reset.",
		uts.release, boot_id(), uptime());
	LU_CHECK(lu_dmesg_has("KHO: exec from"), "this kernel was handed nothing");
	kho_do("restore");
	lu_tell("Survived: all %lld preserved pieces, each at its place, each byte as it was.",
		kho_state("items"));
	kho_do("free");
	lu_tell("Their memory was given back to the system. All other memory is the new kernel's.");
}

LU_TEST(update, "mem=1G append=kho=on", old_kernel, new_kernel);

LU_MAIN
