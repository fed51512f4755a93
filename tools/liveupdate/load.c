// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: load and run: the next kernel, and the jump to it.
 *
 * Both check first. What the check cannot know, the kernel does: it has gates of its own,
 * at load, at preserve and at the freeze, and its word is shown. So what cannot be told does
 * not stop a load, which can be undone; a run says so, and asks. Of an image of which nothing is
 * known, liveupdate.unknown=refuse is obeyed here, too: the freeze, where the kernel would
 * refuse it, is late.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kexec.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luctl.h"

static void finish_check(const char *command, struct check *check, bool force)
{
	enum status status = check_status(check);

	if (!opt_json && (status != ST_OK || !opt_quiet))
		check_print(check);
	if (status == ST_OK || (status == ST_UNKNOWN && check_level(check) == DOUBT))
		return;
	if (force) {
		warn("%s goes on although something would be lost, as --force says; see above",
		     command);
		return;
	}
	json_begin(command);
	check_json(check);
	json_bool("done", false);
	json_end();
	fflush(stdout);
	if (opt_json)
		exit(status);
	die(status, "%s: not done, as something would be lost; see above, or use --force", command);
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(ST_IMAGE, "%s: cannot be opened: %m; give the path of a file that can be read",
		    shown(path));
	return fd;
}

static void __attribute__((noreturn)) die_of_load(int err, const char *image)
{
	switch (err) {
	case EPERM:
	case EACCES:
		die(ST_PERMISSION,
		    "the kernel does not let itself be replaced: %s; run luctl as root, and see kernel.kexec_load_disabled and lockdown",
		    strerror(err));
	case EBUSY:
		die(ST_BUSY, "another image is being loaded just now; try again");
	case ENOEXEC:
		die(ST_IMAGE,
		    "%s: the kernel takes it for no kernel; give another image",
		    shown(image));
	case EKEYREJECTED:
	case ENOKEY:
	case EBADMSG:
	case ENODATA:
		die(ST_IMAGE, "%s: its signature is not accepted: %s; give a signed image",
		    shown(image), strerror(err));
	default:
		die(err == EPROTONOSUPPORT ? ST_LOST : ST_FAILED,
		    "the kernel refuses %s: %s; see what its log says of \"luo:\"", shown(image),
		    strerror(err));
	}
}

static void load(const char *image, const char *initrd, const char *cmdline)
{
	int kernel_fd = open_file(image), initrd_fd = initrd ? open_file(initrd) : -1;
	int log = host_log_begin();

	progress("loading");
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(cmdline) + 1, cmdline,
		    initrd ? 0UL : (unsigned long)KEXEC_FILE_NO_INITRAMFS)) {
		int err = errno;

		progress(NULL);
		host_log_show(log);
		die_of_load(err, image);
	}
	progress(NULL);
	/* A warning of it is as important. */
	host_log_show(log);
	close(kernel_fd);
	if (initrd)
		close(initrd_fd);
	loaded_set(image, initrd, cmdline);
}

static int unload(void)
{
	if (syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, (unsigned long)KEXEC_FILE_UNLOAD))
		die(errno == EPERM ? ST_PERMISSION : errno == EBUSY ? ST_BUSY : ST_FAILED,
		    "the image cannot be dropped: %m; run luctl as root when no other one is being loaded");
	loaded_forget();
	json_begin("load");
	json_bool("done", true);
	json_end();
	if (!opt_json && !opt_quiet)
		printf("no image is loaded any more\n");
	return ST_OK;
}

int cmd_load(int argc, char **argv)
{
	static const struct option options[] = {
		{ "initrd", required_argument, NULL, 'i' },
		{ "append", required_argument, NULL, 'a' },
		{ "command-line", required_argument, NULL, 'a' },
		{ "reuse-cmdline", no_argument, NULL, 'r' },
		{ "force", no_argument, NULL, 'f' },
		{ "unload", no_argument, NULL, 'u' },
		{ }
	};
	struct cmdline_options cmdline = { 0 };
	bool force = false, drop = false;
	struct check check = { 0 };
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'i')
			check.initrd = optarg;
		else if (opt == 'a')
			cmdline.append = optarg;
		else if (opt == 'r')
			cmdline.reuse = true;
		else if (opt == 'f')
			force = true;
		else if (opt == 'u')
			drop = true;
		else
			return ST_USAGE;
	}
	if (argc - optind != !drop)
		return ST_USAGE;
	if (drop)
		return unload();
	check.image = image_open(argv[optind]);
	check.cmdline = cmdline_make(&cmdline);
	check_all(&check);
	finish_check("load", &check, force);
	load(argv[optind], check.initrd, check.cmdline);
	json_begin("load");
	check_json(&check);
	json_bool("done", true);
	json_end();
	if (!opt_json && !opt_quiet)
		printf("%s is loaded; luctl run starts it\n", shown(argv[optind]));
	return ST_OK;
}

static void ask(bool unsure)
{
	char answer[8];

	if (!isatty(STDIN_FILENO) || opt_json)
		die(ST_USAGE, "run: nobody can be asked here whether to go on; use --yes");
	if (unsure)
		printf("It cannot be told whether everything survives, see above. ");
	printf("Start the next kernel %s? [y/N] ", unsure ? "nevertheless" : "now");
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
		die(ST_FAILED, "run: not done, as you did not say yes; nothing has changed");
}

static bool has_systemd(void)
{
	return !access(host_path("/run/systemd/system"), F_OK);
}

static void jump(bool now)
{
	int log = host_log_begin(), err;

	if (!now && has_systemd()) {
		execlp("systemctl", "systemctl", "kexec", (char *)NULL);
		die(ST_FAILED,
		    "systemctl kexec cannot be started: %m; stop what has to be stopped, then use --now");
	}
	sync();
	reboot(RB_KEXEC);
	err = errno;
	host_log_show(log);
	if (err == EPERM)
		die(ST_PERMISSION, "the update was not performed: %s; run luctl as root",
		    strerror(err));
	die(err == EPROTONOSUPPORT ? ST_LOST : ST_FAILED,
	    "the update was called off, and all is as before: %s; see what the kernel's log says of \"luo:\"",
	    strerror(err));
}

int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "now", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },
		{ }
	};
	bool yes = false, dry = false, now = false, force = false, unsure;
	struct check check = { 0 };
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'y')
			yes = true;
		else if (opt == 'd')
			dry = true;
		else if (opt == 'n')
			now = true;
		else if (opt == 'f')
			force = true;
		else
			return ST_USAGE;
	}
	if (optind != argc)
		return ST_USAGE;
	if (!host_get()->image_loaded)
		die(ST_NONE, "run: no image is loaded; use luctl load IMAGE first");
	loaded_check(&check);
	finish_check("run", &check, force);
	unsure = check_level(&check) == DOUBT;
	if (!dry && !yes)
		ask(unsure);
	else if (!dry && unsure)
		warn("run goes on although something may be lost, as --yes says; see above");
	json_begin("run");
	check_json(&check);
	json_string("by", !now && has_systemd() ? "systemctl kexec" : "reboot");
	json_bool("done", !dry);
	json_end();
	if (!opt_json && dry)
		printf("dry run: %s would start the next kernel now\n",
		       !now && has_systemd() ? "systemctl kexec" : "reboot(2)");
	fflush(stdout);
	if (!dry)
		jump(now);
	return check_status(&check);
}
