// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: the running kernel, as far as it can be seen without /dev/liveupdate: sysfs, its
 * command line, its log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luctl.h"

#define MAX_FILE	(16 << 20)

char *host_path(const char *path)
{
	return text("%s%s", opt_root, path);
}

char *host_read(const char *path)
{
	size_t size = 0, room = 4096;
	char *out = must_alloc(room);
	ssize_t n;
	int fd;

	fd = open(host_path(path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while ((n = read(fd, out + size, room - size - 1)) > 0) {
		size += n;
		if (room - size < 4096 && room < MAX_FILE)
			out = must_grow(out, room *= 2);
	}
	close(fd);
	if (n < 0)
		return NULL;
	out[size] = '\0';
	return out;
}

static char *read_line(const char *path)
{
	char *out = host_read(path);

	if (out)
		out[strcspn(out, "\n")] = '\0';
	return out;
}

char *host_cmdline(void)
{
	char *line = read_line("/proc/cmdline");

	if (!line)
		die(ST_FAILED, "/proc/cmdline cannot be read: %m; is /proc mounted?");
	return line;
}

static bool exists(const char *path)
{
	return !access(host_path(path), F_OK);
}

static bool cmdline_says(const char *key)
{
	char *value = cmdline_value(host_read("/proc/cmdline") ?: "", key);

	return value && cmdline_bool(value) == 1;
}

/* KHO was on, by kho=on or by default, and failed; as the kernel has it. */
static bool kho_failed(const struct host *host)
{
	return !strcmp(host->reason, "kexec handover could not be set up");
}

/* Each cause has a remedy of its own. */
static const char *find_remedy(const struct host *host)
{
	switch (host->state) {
	case HOST_NO_SYSFS:
		return "mount sysfs on /sys, then ask again";
	case HOST_NONE:
		if (cmdline_says("liveupdate"))
			return "boot a kernel with CONFIG_LIVEUPDATE; the options do nothing";
		return "boot a kernel with CONFIG_LIVEUPDATE, with kho=on liveupdate=on";
	case HOST_ERROR:
		return "see what the kernel's log says of \"luo:\", then reboot";
	case HOST_OFF:
		if (!cmdline_says("liveupdate"))
			return cmdline_says("kho") ?
				"add liveupdate=on to the kernel's command line and reboot" :
				"add kho=on liveupdate=on to the kernel's command line and reboot";
		if (!cmdline_says("kho") && !kho_failed(host))
			return "add kho=on to the kernel's command line and reboot";
		return "see what the kernel's log says of \"KHO:\" and \"luo:\"";
	default:
		return NULL;
	}
}

const char *host_state_name(enum host_state state)
{
	static const char * const names[] = {
		[HOST_NO_SYSFS] = "unknown", [HOST_NONE] = "none", [HOST_MAINLINE] = "on",
		[HOST_OFF] = "off", [HOST_ERROR] = "error", [HOST_ON] = "on",
	};

	return names[state];
}

const struct host *host_get(void)
{
	static struct host host;
	static bool known;
	char *state, *line;

	if (known)
		return &host;
	known = true;
	host.release = read_line("/proc/sys/kernel/osrelease") ?: "unknown";
	host.reason = "";
	state = read_line("/sys/kernel/liveupdate/state");
	if (!state) {
		if (exists("/dev/liveupdate"))
			host.state = HOST_MAINLINE;
		else if (exists("/sys/kernel"))
			host.state = HOST_NONE;
		else
			host.state = HOST_NO_SYSFS;
		if (host.state == HOST_NONE)
			host.reason = "this kernel has no live update";
		if (host.state == HOST_NO_SYSFS)
			host.reason = "there is no /sys/kernel";
	} else {
		host.reason = read_line("/sys/kernel/liveupdate/reason") ?: "";
		if (!strcmp(state, "on"))
			host.state = HOST_ON;
		else
			host.state = strcmp(state, "off") ? HOST_ERROR : HOST_OFF;
	}
	line = read_line("/sys/kernel/liveupdate/number");
	host.number = strtoull(line ?: "0", NULL, 10);
	line = read_line("/sys/kernel/kexec_loaded");
	host.image_loaded = line && !strcmp(line, "1");
	host.remedy = find_remedy(&host);
	return &host;
}

void host_must_be_on(void)
{
	const struct host *host = host_get();

	if (host->remedy)
		die(ST_OFF, "live update is not on: %s; %s", host->reason, host->remedy);
}

int host_log_begin(void)
{
	int log = open(host_path("/dev/kmsg"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	return log;
}

void host_log_show(int log)
{
	static const char * const ours[] = { "luo:", "KHO:", "liveupdate:", "kexec" };
	char line[8192];
	ssize_t n;

	if (log < 0)
		return;
	while ((n = read(log, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *message;

		if (n < 0)
			continue;
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		message = strchr(line, ';');
		for (size_t i = 0; message && i < ARRAY_LEN(ours); i++) {
			if (strstr(message, ours[i])) {
				fprintf(stderr, "luctl: the kernel says: %s\n", shown(message + 1));
				break;
			}
		}
	}
	close(log);
}
