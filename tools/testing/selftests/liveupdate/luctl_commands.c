// SPDX-License-Identifier: GPL-2.0
/*
 * luctl_commands: luctl where there is something to update: its words and exit statuses
 * with sessions, holders and images that are real. What needs none of these is tested on
 * the host (tools/liveupdate/tests).
 *
 * Called as "luctl_commands child WHAT" it is the program that luctl hold runs.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "formats_common.h"
#include "luo_common.h"

#define LUCTL		"/lu/lu_ctl"
#define SELF		"/lu/luctl_commands"
#define READY		"/tmp/child-is-ready"
#define SHUTDOWN	"/tmp/shutdown"
#define IMAGE		"/boot/bzImage"
#define INITRD		"/sys/firmware/initrd"
#define NEEDS_LUCTL	"program=lu_ctl "

#define HELD_FD		7
#define HELD_SIZE	65536
#define SEED		4711

#define ST_OK		0
#define ST_FAILED	1
#define ST_USAGE	2
#define ST_OFF		3
#define ST_LOST		4
#define ST_IMAGE	5
#define ST_NONE		6
#define ST_BUSY		7
#define ST_UNKNOWN	9

#define MAX_ARGS	24

static char said[65536];

static pid_t start(const char *const *args, int out)
{
	char *argv[MAX_ARGS + 2] = { LUCTL };
	pid_t pid;

	for (int i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	fflush(stdout);
	pid = LU_OK(fork());
	if (pid)
		return pid;
	if (out >= 0) {
		/* No terminal, where it would ask. */
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
	}
	execv(LUCTL, argv);
	_exit(125);
}

/* luctl with these arguments, up to a NULL; what it says is in said. */
static int luctl(const char *arg, ...)
{
	const char *args[MAX_ARGS + 1] = { arg };
	size_t size = 0;
	va_list list;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	va_start(list, arg);
	for (int i = 1; i < MAX_ARGS && args[i - 1]; i++)
		args[i] = va_arg(list, const char *);
	va_end(list);
	LU_OK(pipe2(out, O_CLOEXEC));
	pid = start(args, out[1]);
	close(out[1]);
	while ((n = read(out[0], said + size, sizeof(said) - size - 1)) > 0)
		size += n;
	said[size] = '\0';
	close(out[0]);
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(WIFEXITED(status), "luctl %s was ended by a signal: %s", arg, said);
	return WEXITSTATUS(status);
}

#define EXPECT(status, what, ...)						\
	do {									\
		int _status = luctl(__VA_ARGS__, NULL);				\
										\
		LU_CHECK(_status == (status), "status %d: %s", _status, said);	\
		LU_CHECK(strstr(said, what), "no '%s' in: %s", what, said);	\
	} while (0)

static void sleep_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* The program that luctl hold runs */

static int child(const char *what)
{
	char pid[16];

	if (!strcmp(what, "env")) {
		printf("session %s, descriptors %s, restored %s\n", getenv("LUCTL_SESSION"),
		       getenv("LUCTL_FDS"), getenv("LUCTL_RESTORED"));
		return 42;
	}
	if (!strcmp(what, "verify")) {
		luo_verify(HELD_FD, 0, HELD_SIZE, SEED);
		return strcmp(getenv("LUCTL_RESTORED"), "1") ? 2 : 42;
	}
	luo_fill(HELD_FD, 0, HELD_SIZE, SEED);
	snprintf(pid, sizeof(pid), "%d", getpid());
	LU_OK(symlink(pid, READY));
	for (;;)
		pause();
}

/* The program's, 0 while it is not ready. */
static pid_t child_pid(void)
{
	char pid[16] = "";

	return readlink(READY, pid, sizeof(pid) - 1) < 0 ? 0 : atoi(pid);
}

/* What it looks at in /proc and /sys is below @root. */
static pid_t hold_below(const char *root, const char *name)
{
	const char *const args[] = {
		"--root", root, "hold", "--name", name, "--memfd", "7:64K", "--", SELF, "child",
		"write", NULL,
	};
	pid_t pid;

	unlink(READY);
	pid = start(args, -1);
	for (int i = 0; !child_pid(); i++) {
		LU_CHECK(i < 600, "the program that luctl hold runs does not start");
		sleep_ms(100);
	}
	return pid;
}

static pid_t hold(const char *name)
{
	return hold_below("", name);
}

static void end(pid_t pid)
{
	int status;

	LU_OK(kill(pid, SIGINT));
	LU_OK(waitpid(pid, &status, 0));
}

/* What systemd looks for. */
static void check_mark(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	LU_CHECK(*lu_read(path) == '@', "it begins with %s", lu_read(path));
}

/* A root where PID 1 is the program that ends systemd's shutdown. */
static void make_shutdown(void)
{
	int fd;

	LU_OK(mkdir(SHUTDOWN, 0700));
	LU_OK(mkdir(SHUTDOWN "/proc", 0700));
	LU_OK(mkdir(SHUTDOWN "/proc/1", 0700));
	LU_OK(symlink("/dev", SHUTDOWN "/dev"));
	LU_OK(symlink("/sys", SHUTDOWN "/sys"));
	LU_OK(symlink("/proc/cmdline", SHUTDOWN "/proc/cmdline"));
	fd = LU_OK(open(SHUTDOWN "/proc/1/comm", O_WRONLY | O_CREAT, 0600));
	LU_EQ(write(fd, "systemd-shutdow\n", 16), 16);
	close(fd);
}

/* What is said when it is on, and there is something */

static void sessions(struct lu_run *run)
{
	int dev = luo_open(), session;
	char pid[64];

	(void)run;
	snprintf(pid, sizeof(pid), "process %d (luctl_commands)", getpid());
	EXPECT(ST_BUSY, pid, "list");
	EXPECT(ST_OK, pid, "status");
	session = luo_create(dev, "a \\ \"name\"\n\377");
	luo_preserve(session, luo_memfd("a", 0, 65536, 1), 18446744073709551615ULL);
	luo_preserve(session, luo_memfd("b", 0, 65536, 1), 0);
	luo_close(dev);

	EXPECT(ST_OK, "\"state\": \"on\"", "--json", "status");
	EXPECT(ST_OK, "\"outgoing\": {\"sessions\": 1, \"files\": 2}", "--json", "status");
	EXPECT(ST_OK, "a \\x5c \"name\"\\x0a\\xff  outgoing       2  for the next kernel", "list");
	EXPECT(ST_OK, "\"a \\\\ \\\"name\\\"\\u000a\\udcff\"", "--json", "list");
	EXPECT(ST_OK, "\"token\": 18446744073709551615, \"format\": \"memfd-v2\"", "--json", "show",
	       "a \\ \"name\"\n\377");
	snprintf(pid, sizeof(pid), "held by process %d", getpid());
	EXPECT(ST_OK, pid, "show", "a \\ \"name\"\n\377");
	EXPECT(ST_NONE, "there is no session a; luctl list shows all", "show", "a");
	EXPECT(ST_BUSY, "is for the next kernel, and process", "discard", "a \\ \"name\"\n\377");
	EXPECT(ST_NONE, "there is no session a of the previous kernel", "discard", "a");
	EXPECT(ST_OK, "memfd-v2", "formats");
	EXPECT(ST_NONE, "there is no time line", "timeline");
	EXPECT(ST_NONE, "no image is loaded", "run", "--yes");
	luo_close(session);
	EXPECT(ST_OK, "no sessions", "list");
}

LU_TEST(sessions, "mem=1G flavour=prod+debug own " NEEDS_LUCTL LUO_ON, sessions);

/* KHO could be on by default: that it failed is not for lack of kho=on. */
static void no_kho(struct lu_run *run)
{
	static const char root[] = "/tmp/by-default";
	int fd;

	(void)run;
	LU_OK(mkdir(root, 0700));
	LU_OK(mkdir("/tmp/by-default/proc", 0700));
	LU_OK(symlink("/sys", "/tmp/by-default/sys"));
	fd = LU_OK(open("/tmp/by-default/proc/cmdline", O_WRONLY | O_CREAT, 0600));
	LU_EQ(write(fd, "liveupdate=on\n", 14), 14);
	close(fd);
	EXPECT(ST_OFF, "see what the kernel's log says of \"KHO:\"", "--root", root, "status");
}

LU_TEST(no_kho, "mem=1G flavour=prod own append=kho_scratch=8G,0,0 " NEEDS_LUCTL LUO_ON, no_kho);

/* Many of them: lists are read in pieces. */
static void many(struct lu_run *run)
{
	int dev = luo_open(), session = -1;
	char name[32];

	(void)run;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		session = luo_create(dev, name);
	}
	for (int i = 0; i < 200; i++)
		luo_preserve(session, luo_memfd("m", 0, 4096, i), i);
	luo_close(dev);
	EXPECT(ST_OK, "\"outgoing\": {\"sessions\": 200, \"files\": 200}", "--json", "status");
	EXPECT(ST_OK, "\ns73 ", "list");
	EXPECT(ST_OK, "\"token\": 173,", "--json", "show", "s199");
}

LU_TEST(many, "mem=1G flavour=prod+debug own " NEEDS_LUCTL LUO_ON, many);

/* Each cause is told apart. */
static void off(struct lu_run *run)
{
	const char *line = lu_read("/proc/cmdline");
	bool kho = strstr(line, "kho=on"), liveupdate = strstr(line, "liveupdate=on");
	const char *remedy = "add kho=on liveupdate=on to";

	(void)run;
	if (kho)
		remedy = "add liveupdate=on to";
	else if (liveupdate)
		remedy = "add kho=on to";
	EXPECT(ST_OFF, remedy, "status");
	EXPECT(ST_OFF, remedy, "list");
	EXPECT(ST_OFF, remedy, "hold", "--memfd", "7:64K", "--", SELF, "child", "env");
	EXPECT(ST_LOST, "nothing survives, as live update is not on", "check", "/boot/bzImage.prod",
	       "--append", "kho=on liveupdate=on");
}

LU_TEST(off, "mem=1G flavour=prod+debug own image=prod " NEEDS_LUCTL, off);
LU_TEST(kho_alone, "mem=1G flavour=prod+debug own append=kho=on image=prod " NEEDS_LUCTL, off);
LU_TEST(liveupdate_alone, "mem=1G own flavour=prod+debug append=liveupdate=on image=prod "
	NEEDS_LUCTL, off);

/* Holding without any update. */
static void holding(struct lu_run *run)
{
	int status, fd;
	pid_t pid;

	(void)run;
	EXPECT(42, "session luctl_commands, descriptors 9 7, restored 0", "hold", "--memfd", "9:1M",
	       "--memfd", "7:64K", "--", SELF, "child", "env");
	EXPECT(ST_OK, "no sessions", "list");
	EXPECT(127, "cannot be started", "hold", "--memfd", "7:64K", "--", "/none");
	EXPECT(1, "is of a kind that cannot be preserved", "hold", "--fd", "0", "--", SELF, "child",
	       "env");
	EXPECT(2, "descriptor 30 is not open", "hold", "--fd", "30", "--", SELF, "child", "env");
	/* One that is open here is inherited. */
	fd = luo_memfd("mine", 0, 65536, 1);
	LU_OK(dup2(fd, 20));
	EXPECT(42, "descriptors 20, restored 0", "hold", "--fd", "20", "--", SELF, "child", "env");

	pid = hold("held");
	EXPECT(ST_BUSY, "there is a session held for the next kernel already", "hold", "--name",
	       "held", "--memfd", "7:64K", "--", SELF, "child", "env");
	EXPECT(ST_OK, "\"token\": 7, \"format\": \"memfd-v2\"", "--json", "show", "held");
	/* A shutdown: the program ends, the session stays; until its holder is gone. */
	for (int sig = SIGINT; sig; sig = sig == SIGINT ? SIGKILL : 0) {
		LU_OK(kill(pid, SIGTERM));
		sleep_ms(500);
		LU_EQ(waitpid(pid, &status, WNOHANG), 0);
		EXPECT(ST_OK, "held by process", "show", "held");
		LU_OK(kill(pid, sig));
		LU_OK(waitpid(pid, &status, 0));
		EXPECT(ST_NONE, "there is no session held", "show", "held");
		if (sig == SIGINT)
			pid = hold("held");
	}

	/* The end of systemd's shutdown: the program alone is ended. */
	make_shutdown();
	pid = hold_below(SHUTDOWN, "held");
	check_mark(pid);
	LU_OK(kill(child_pid(), SIGTERM));
	sleep_ms(500);
	LU_EQ(waitpid(pid, &status, WNOHANG), 0);
	EXPECT(ST_OK, "held by process", "show", "held");
	LU_OK(kill(pid, SIGINT));
	LU_OK(waitpid(pid, &status, 0));
	/* The program alone, at any other time. */
	pid = hold("held");
	LU_OK(kill(child_pid(), SIGTERM));
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM, "status %x", status);
	EXPECT(ST_OK, "no sessions", "list");

	/* ^C ends the program, and the session with it. */
	pid = hold("held");
	LU_OK(kill(pid, SIGINT));
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT, "status %x", status);
	EXPECT(ST_OK, "no sessions", "list");
}

LU_TEST(holding, "mem=1G flavour=prod+debug own " NEEDS_LUCTL LUO_ON, holding);

/* An image that cannot take over is not loaded. */
static void refused(struct lu_run *run)
{
	const char *line = lu_cmdline();

	(void)run;
	hold("held");
	EXPECT(ST_LOST, "the image has no live update: everything that is preserved is lost",
	       "check", "/boot/bzImage.bare", "--initrd", INITRD, "--reuse-cmdline");
	EXPECT(ST_LOST, "not done, as something would be lost", "load", "/boot/bzImage.bare",
	       "--initrd", INITRD, "--append", line);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
	EXPECT(ST_LOST, "liveupdate=on is missing", "load", "/boot/bzImage.prod", "--append",
	       "kho=on");
	EXPECT(ST_LOST, "mem=256M leaves memory out", "check", "/boot/bzImage.prod", "--append",
	       "kho=on liveupdate=on mem=256M");
	EXPECT(ST_IMAGE, "it is an ELF file", "load", LUCTL);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
	/* Loaded in another way: not known. */
	LU_EQ(lu_kexec_load("/boot/bzImage.prod", line, 0), 0);
	EXPECT(ST_UNKNOWN, "luctl did not load it", "run", "--dry-run");
	EXPECT(ST_OK, "no image is loaded any more", "load", "--unload");
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
}

LU_TEST(refused, "mem=1G flavour=prod own image=prod image=bare " NEEDS_LUCTL LUO_ON, refused);

/* The kernel's own gates, with an image whose table has another string for memfds. */

static void make_other_image(const char *path, const char *from, const char *to)
{
	struct formats_image image = formats_read("/boot/bzImage.prod");

	formats_rename(&image, from, to);
	formats_write(&image, path);
	free(image.data);
}

static void gates(struct lu_run *run)
{
	static const char other[] = "/tmp/other";
	const char *line = lu_cmdline();
	pid_t pid;

	(void)run;
	make_other_image(other, "luo-v5", "luo-v9");
	LU_EQ(lu_kexec_load(other, line, 0), 0);
	EXPECT(ST_LOST, "the kernel that is loaded would lose session held; load another one",
	       "hold", "--name", "held", "--memfd", "7:64K", "--", SELF, "child", "env");
	EXPECT(ST_OK, "no image is loaded any more", "load", "--unload");

	make_other_image(other, "memfd-v2", "memfd-v9");
	EXPECT(ST_OK, "memfd-v9", "formats", other);
	/* Nothing is preserved: it can be loaded, but then nothing can be preserved. */
	EXPECT(ST_OK, "the image does not read the format memfd-v2; do not preserve any of it",
	       "load", other, "--initrd", INITRD, "--append", line);
	EXPECT(ST_LOST, "the kernel that is loaded would lose descriptor 7", "hold", "--memfd",
	       "7:64K", "--", SELF, "child", "env");
	EXPECT(ST_OK, "no image is loaded any more", "load", "--unload");

	pid = hold("held");
	EXPECT(ST_LOST, "is lost: the image does not read the format memfd-v2, only memfd-v9",
	       "check", other, "--initrd", INITRD, "--append", line);
	EXPECT(ST_LOST, "not done, as something would be lost", "load", other, "--initrd", INITRD,
	       "--append", line);
	EXPECT(ST_LOST, "the kernel refuses /tmp/other: Protocol not supported", "load", other,
	       "--initrd", INITRD, "--append", line, "--force");
	LU_CHECK(strstr(said, "the kernel says: luo: session held: the file with token"),
		 "not the kernel's words: %s", said);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
	end(pid);
}

LU_TEST(gates, "mem=1G flavour=prod own image=prod " NEEDS_LUCTL LUO_ON, gates);

/* What cannot be told is refused: liveupdate.unknown=refuse. */

#define UNKNOWN		"/sys/module/liveupdate/parameters/unknown"

static void make_image_without_table(const char *path)
{
	struct formats_image image = formats_read("/boot/bzImage.prod");

	memcpy(image.item, "none", 4);
	formats_write(&image, path);
	free(image.data);
}

static void without_table(const char *line)
{
	static const char image[] = "/tmp/without";
	pid_t pid;
	int dev;

	make_image_without_table(image);
	pid = hold("held");
	EXPECT(ST_LOST, "the kernel refuses an image without a table of formats while there are",
	       "check", image, "--initrd", INITRD, "--append", line);
	EXPECT(ST_LOST, "not done, as something would be lost", "load", image, "--initrd", INITRD,
	       "--append", line);
	EXPECT(ST_LOST, "the kernel refuses /tmp/without: Protocol not supported", "load", image,
	       "--initrd", INITRD, "--append", line, "--force");
	LU_CHECK(strstr(said, "the kernel says: luo: the loaded image is refused for the sessions"),
		 "not the kernel's words: %s", said);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");

	/* It can be loaded as long as there is nothing. A session without files is something. */
	end(pid);
	EXPECT(ST_OK, "judged by the names in it", "load", image, "--initrd", INITRD, "--append",
	       line);
	dev = luo_open();
	LU_EQ(luo_try_create(dev, "bare"), -EPROTONOSUPPORT);
	lu_write(UNKNOWN, "warn");
	luo_create(dev, "bare");
	lu_write(UNKNOWN, "refuse");
	luo_close(dev);
	EXPECT(ST_LOST, "the kernel refuses an image without a table of formats while there are",
	       "run", "--yes");
	EXPECT(ST_LOST, "the update was called off, and all is as before: Protocol not supported",
	       "run", "--yes", "--force");
}

/* Loaded by somebody else: luctl knows nothing of it, whatever the kernel does. */
static void not_by_luctl(const char *line)
{
	int dev, session;
	pid_t pid;

	LU_EQ(lu_kexec_load("/boot/bzImage.prod", line, 0), 0);
	pid = hold("held");
	EXPECT(ST_LOST, "an image of which luctl cannot tell what it reads is refused", "check");
	EXPECT(ST_LOST, "run: not done, as something would be lost", "run", "--yes");

	/* It is for the operator to say; here, the update is called off for another reason. */
	lu_write(UNKNOWN, "warn");
	EXPECT(ST_USAGE, "nobody can be asked", "run");
	dev = luo_open();
	session = luo_create(dev, "unfreezable");
	luo_preserve(session, luo_ex_new(1), 1);
	luo_close(dev);
	luo_ex("fail freeze any %d", -EIO);
	EXPECT(ST_FAILED, "the update was called off, and all is as before: Input/output error",
	       "run", "--yes");
	LU_CHECK(strstr(said, "run goes on although something may be lost, as --yes says"),
		 "it is not said: %s", said);
	lu_write(UNKNOWN, "refuse");
	luo_close(session);

	/* Nothing is preserved. */
	end(pid);
	EXPECT(ST_UNKNOWN, "luctl did not load it", "run", "--dry-run");
	EXPECT(ST_OK, "no image is loaded any more", "load", "--unload");
}

static void refuses_unknown(struct lu_run *run)
{
	(void)run;
	not_by_luctl(lu_cmdline());
	without_table(lu_cmdline());
}

LU_TEST(refuses_unknown, "mem=1G flavour=prod own image=prod append=liveupdate.unknown=refuse "
	NEEDS_LUCTL LUO_ON, refuses_unknown);

/* Nor can it be told of a module. */
static void of_module(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "module"), module, fd;
	const char *line = lu_cmdline();

	(void)run;
	module = LU_OK(open("/lu/liveupdate_module.ko", O_RDONLY | O_CLOEXEC));
	LU_OK(syscall(SYS_finit_module, module, "", 0));
	fd = LU_OK(open("/sys/kernel/debug/liveupdate_module", O_RDONLY | O_CLOEXEC));
	luo_preserve(session, fd, 1);
	luo_close(dev);
	EXPECT(ST_UNKNOWN, "may be lost: the image reads the format liveupdate-module-v1 with a",
	       "check", "/boot/bzImage.prod", "--initrd", INITRD, "--append", line);
	lu_write(UNKNOWN, "refuse");
	EXPECT(ST_LOST, "is refused: the image reads the format liveupdate-module-v1 with a",
	       "check", "/boot/bzImage.prod", "--initrd", INITRD, "--append", line);
	EXPECT(ST_LOST, "the kernel refuses /boot/bzImage.prod: Protocol not supported", "load",
	       "/boot/bzImage.prod", "--initrd", INITRD, "--append", line, "--force");
	LU_CHECK(strstr(said, "the kernel says: luo: session module: the file with token 0x1"),
		 "not the kernel's words: %s", said);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
}

LU_TEST(of_module, "mem=1G flavour=prod own image=prod module=lib/tests/liveupdate_module.ko "
	NEEDS_LUCTL LUO_ON, of_module);

/* All of it: hold, check, load, run; then what came over, the time line, discard. */

static char *next_cmdline(struct lu_run *run)
{
	static char line[2048];

	snprintf(line, sizeof(line), "%s lu.stage=%d lu.state=%s", lu_cmdline(), run->stage + 1,
		 run->state);
	return line;
}

static void jump(struct lu_run *run)
{
	char *line = next_cmdline(run);

	EXPECT(ST_OK, "session held: 1 file", "check", IMAGE, "--initrd", INITRD, "--append",
	       line);
	LU_CHECK(strstr(said, "\neverything survives\n"), "no verdict: %s", said);
	EXPECT(ST_OK, "\"loaded\": false", "--json", "status");
	EXPECT(ST_OK, "is loaded; luctl run starts it", "load", IMAGE, "--initrd", INITRD,
	       "--append", line);
	EXPECT(ST_OK, "takes everything over: yes", "status");
	EXPECT(ST_OK, "\"done\": false", "--json", "run", "--dry-run");
	EXPECT(2, "nobody can be asked", "run");
	luctl("run", "--yes", NULL);
	LU_FAIL("luctl run came back: %s", said);
}

static void outbound(struct lu_run *run)
{
	hold("held");
	jump(run);
}

static void leave_one(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "unwanted");

	(void)run;
	luo_preserve(session, luo_memfd("u", 0, 65536, 1), 3);
	luo_close(dev);
}

static void arrived(struct lu_run *run)
{
	EXPECT(ST_OK, "\"number\": 1", "--json", "status");
	EXPECT(ST_OK, "\"unfinished\": 1", "--json", "status");
	EXPECT(ST_OK, "incoming       1  waiting", "list");
	EXPECT(ST_OK, "\"phase\": \"luo-ready\"", "--json", "timeline");
	EXPECT(ST_OK, "kexec: checksum, unpacking", "timeline");
	EXPECT(ST_NONE, "no image is loaded", "check");
	EXPECT(ST_LOST, "session held of the previous kernel is lost", "check", IMAGE);
	/* To look is not to come for it. */
	LU_CHECK(!strstr(lu_read(LUO_SYSFS "timeline"), "first-open"), "luctl counts");
	/* Whatever is wrong is found before anything is retrieved. */
	EXPECT(2, "has descriptor 7, which would be dropped", "hold", "--name", "held", "--memfd",
	       "8:64K", "--", SELF, "child", "verify");
	EXPECT(6, "has no descriptor 1; do not ask for it", "hold", "--name", "held", "--fd", "1",
	       "--memfd", "7:64K", "--", SELF, "child", "verify");
	EXPECT(127, "cannot be started", "hold", "--name", "held", "--memfd", "7:64K", "--",
	       "/none");
	EXPECT(ST_OK, "incoming       1  waiting", "list");
	EXPECT(42, "", "hold", "--name", "held", "--memfd", "7:64K", "--", SELF, "child", "verify");
	EXPECT(ST_OK, "no sessions", "list");
	LU_CHECK(strstr(lu_read(LUO_SYSFS "timeline"), "first-open"), "nobody counts");
	EXPECT(ST_NONE, "there is no session held of the previous kernel", "discard", "held");

	/* For the next stage: one that nobody wants. The frame jumps. */
	leave_one(run);
}

/* A process that retrieves a session, and keeps it. */
static pid_t taker(const char *name)
{
	int ready[2], dev;
	pid_t pid;
	char c;

	LU_OK(pipe2(ready, O_CLOEXEC));
	pid = LU_OK(fork());
	if (pid) {
		close(ready[1]);
		LU_EQ(read(ready[0], &c, 1), 1);
		close(ready[0]);
		return pid;
	}
	dev = luo_open();
	luo_retrieve(dev, name);
	luo_close(dev);
	LU_EQ(write(ready[1], "", 1), 1);
	for (;;)
		pause();
}

/* There can be two of that name, each with a holder of its own. */
static void unwanted(struct lu_run *run)
{
	pid_t pid = taker("unwanted");
	int dev, session, status;
	char holder[128];

	(void)run;
	dev = luo_open();
	session = luo_create(dev, "unwanted");
	luo_close(dev);
	snprintf(holder, sizeof(holder),
		 "unwanted: outgoing, for the next kernel, 0 files, held by process %d (",
		 getpid());
	EXPECT(ST_OK, holder, "show", "unwanted");
	snprintf(holder, sizeof(holder),
		 "unwanted: incoming, retrieved, 1 file, held by process %d (", pid);
	EXPECT(ST_OK, holder, "show", "unwanted");
	snprintf(holder, sizeof(holder), "session unwanted is retrieved, process %d (", pid);
	EXPECT(ST_BUSY, holder, "discard", "unwanted");

	/* One is gone, and does not hide the other. */
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, &status, 0));
	snprintf(holder, sizeof(holder),
		 "session unwanted is for the next kernel, and process %d (", getpid());
	EXPECT(ST_BUSY, holder, "discard", "unwanted");
	luo_close(session);
}

/* Nobody has it, though somebody has another one of that name. */
static void waiting(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "unwanted");

	(void)run;
	luo_close(dev);
	EXPECT(ST_OK, "unwanted: incoming, waiting, 1 file\n", "show", "unwanted");
	luo_close(session);
}

static void discarded(struct lu_run *run)
{
	(void)run;
	EXPECT(ST_OK, "\"number\": 2", "--json", "status");
	EXPECT(ST_OK, "\"token\": 3", "--json", "show", "unwanted");
	EXPECT(ST_OK, "session unwanted is given up", "discard", "unwanted");
	EXPECT(ST_NONE, "there is no session unwanted of the previous", "discard", "unwanted");
}

LU_TEST(update, "mem=1G flavour=prod+debug " NEEDS_LUCTL LUO_ON, outbound, arrived, discarded);
LU_TEST(retrieved, "mem=1G flavour=prod+debug " NEEDS_LUCTL LUO_ON, leave_one, unwanted);
LU_TEST(waiting, "mem=1G flavour=prod " NEEDS_LUCTL LUO_ON, leave_one, waiting);

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "child"))
		return child(argv[2]);
	return lu_main(argc, argv);
}
