// SPDX-License-Identifier: GPL-2.0
/* lu_wire: what lu_init and the frame tell the VM runner; see lu_wire.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lu_wire.h"

static void put(const char *path, const char *head, const char *text)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	char line[1024];
	int len;

	if (fd < 0)
		return;
	/* Not dprintf(), which seeks first: /dev/kmsg refuses that. */
	len = snprintf(line, sizeof(line), "%s%s\n", head, text);
	if (write(fd, line, len) != len)
		perror(path);
	close(fd);
}

void lu_wire(const char *fmt, ...)
{
	/* With what put() adds: printk takes 1024 bytes of one write, or nothing. */
	char text[1000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put("/dev/kmsg", "<6>lu: ", text);
	put(LU_WIRE, LU_WIRE_TAG, text);
}

unsigned long long lu_clock(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	unsigned long long ticks;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r" (ticks) :: "memory");
	return ticks;
#else
#error "lu_clock() needs a clock of this architecture"
#endif
}

void lu_kmemleak(void)
{
	static const char kmemleak[] = "/sys/kernel/debug/kmemleak";
	struct timespec then;
	char line[512];
	FILE *f;
	int fd;

	fd = open(kmemleak, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* What is reported was missed twice, and was five seconds old the second time. */
	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_sec += 5;
	dprintf(fd, "scan");
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
		;
	dprintf(fd, "scan");
	close(fd);
	f = fopen(kmemleak, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		put("/dev/kmsg", "<4>kmemleak: ", line);
	}
	fclose(f);
}
