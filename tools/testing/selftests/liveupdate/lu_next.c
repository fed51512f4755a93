// SPDX-License-Identifier: GPL-2.0
/*
 * lu_next: in ./lu shell, the one word that performs the update. Loads the image
 * given, or /boot/bzImage, with this kernel's initrd and command line, and jumps.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "lu_test.h"

int main(int argc, char **argv)
{
	const char *image = argc > 1 ? argv[1] : "/boot/bzImage";
	int ret = lu_kexec_load(image, lu_cmdline(), 0);

	if (ret) {
		fprintf(stderr, "next: the kernel does not take %s: %s\n", image, strerror(-ret));
		return 1;
	}
	sync();
	reboot(RB_KEXEC);
	perror("next: reboot");
	return 1;
}
