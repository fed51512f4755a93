// SPDX-License-Identifier: GPL-2.0
/*
 * frame: cases that must fail, to show that the frame sees it. "fails=" turns
 * such a failure into a pass, and the lack of it into a failure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "lu_test.h"
#include "lu_wire.h"

static void passes(struct lu_run *run)
{
	lu_set(run, "a", "%d", 1);
	lu_set(run, "b", "%s", "x:y");
	lu_set(run, "a", "%d", 2);
	LU_EQ(lu_get_num(run, "a"), 2);
	LU_CHECK(!strcmp(lu_get(run, "b"), "x:y"), "b is %s", lu_get(run, "b"));
	LU_CHECK(!strcmp(run->state, "b=x:y;a=2;"), "the state is %s", run->state);
}

LU_TEST(passes, "", passes);

static void skips(struct lu_run *run)
{
	lu_skip("stage %d is not for this machine", run->stage);
}

LU_TEST(skips, "fails=skipped", skips);

static void wrong_exit(struct lu_run *run)
{
	exit(run->stage + 7);
}

LU_TEST(wrong_exit, "fails=exit\\x20status\\x207", wrong_exit);

static void failed_check(struct lu_run *run)
{
	LU_EQ(run->stage, 1);
}

LU_TEST(failed_check, "fails=run->stage\\x20is\\x200", failed_check);

static void dies(struct lu_run *run)
{
	(void)run;
	raise(SIGSEGV);
}

LU_TEST(dies, "fails=signal\\x2011", dies);

/* In the kernel's own words, through its log. */
static void warns(struct lu_run *run)
{
	(void)run;
	lu_write("/dev/kmsg", "<4>WARNING: CPU: 0 PID: 1 at kernel/frame.c:1 frame+0x1/0x2\n");
}

LU_TEST(warning, "own flavour=prod fails=kernel\\x20report", warns);
LU_TEST(warning_shared, "flavour=prod fails=kernel\\x20report", warns);
LU_TEST(warning_expected, "own flavour=prod expect=frame\\.c:1", warns);

/* What is too long is cut, not lost. */
static void says_much(struct lu_run *run)
{
	(void)run;
	lu_wire("much%02000d", 1);
	LU_CHECK(lu_dmesg_has("lu: much0"), "the kernel log has nothing of it");
}

LU_TEST(long_line, "flavour=prod", says_much);

/* In earnest. */
static void uses_what_it_freed(struct lu_run *run)
{
	(void)run;
	lu_write("/sys/kernel/debug/provoke-crash/DIRECT", "READ_AFTER_FREE");
}

LU_TEST(kasan, "own mem=1G flavour=debug fails=kernel\\x20report:\\x20BUG:\\x20KASAN:\\x20.*free",
	uses_what_it_freed);

/* The kernel's own sample of leaks, in the first kernel; the next one has none. */
static void leaks(struct lu_run *run)
{
	if (!run->stage)
		lu_add_module("/lu/kmemleak-test.ko");
}

LU_TEST(leak_in_first_kernel, "mem=1G flavour=+debug leaks=each "
	"module=samples/kmemleak/kmemleak-test.ko fails=kernel\\x20report:\\x20kmemleak:\\x20.*new",
	leaks, leaks);

static void crashes(struct lu_run *run)
{
	(void)run;
	lu_write("/proc/sysrq-trigger", "c");
	sleep(60);
}

LU_TEST(oops, "own flavour=prod fails=kernel\\x20report.*sysrq", crashes);

static void hangs(struct lu_run *run)
{
	(void)run;
	for (;;)
		pause();
}

LU_TEST(hang, "own flavour=prod timeout=1 fails=time\\x20limit", hangs);

static void powers_off(struct lu_run *run)
{
	(void)run;
	lu_write("/proc/sysrq-trigger", "o");
	sleep(60);
}

LU_TEST(never_reports, "own flavour=prod fails=never\\x20reported", powers_off);

static void second_stage_fails(struct lu_run *run)
{
	LU_EQ(run->stage, 0);
}

LU_TEST(second_stage, "flavour=prod+debug fails=run->stage\\x20is\\x201", second_stage_fails,
	second_stage_fails);

static void asks_host(struct lu_run *run)
{
	(void)run;
	LU_CHECK(strstr(lu_host("hmp info version"), "."), "QEMU did not tell its version");
	LU_CHECK(!strcmp(lu_host("echo three words here"), "three words here"),
		 "the host's half of this test does not answer");
}

LU_TEST(host, "own flavour=prod+debug", asks_host);

static void asks_monitor(struct lu_run *run)
{
	(void)run;
	LU_CHECK(strstr(lu_host("qmp query-status"), "\"running\""), "QEMU does not run");
	LU_CHECK(strstr(lu_host("qmp human-monitor-command {\"command-line\": \"info name\"}"),
			"lu frame"), "QEMU did not tell its name");
	LU_CHECK(strstr(lu_host("file qemu.cmd"), "qemu-system"), "that is no command line");
}

LU_TEST(host_monitor, "flavour=prod qemu=-name qemu=lu\\x20frame", asks_monitor);

/* A device that is two ends of a line: /dev/vport0p1 here, a socket there. */
static void asks_far_side(struct lu_run *run)
{
	int fd = LU_OK(open("/dev/vport0p1", O_RDWR | O_CLOEXEC)), nr = 0, tries = 0;
	static const char back[] = "and back again";
	char there[64];

	(void)run;
	LU_CHECK(!*lu_host("send far there, in words"), "sending is answered");
	/* Nothing, not an error, until the device knows of the other end. */
	while (!nr && tries++ < 100) {
		usleep(20000);
		nr = LU_OK(read(fd, there, sizeof(there)));
	}
	LU_CHECK(nr == 15 && !memcmp(there, "there, in words", nr), "%.*s came", nr, there);
	LU_EQ(write(fd, back, strlen(back)), strlen(back));
	LU_CHECK(!strcmp(lu_host("recv far"), back), "that did not come back");
	close(fd);
}

LU_TEST(host_far_side, "flavour=prod qemu=-chardev "
	"qemu=socket,id=far,path=$DIR/far,server=on,wait=off device=virtio-serial-pci "
	"device=virtserialport,chardev=far", asks_far_side);

/* What the monitor, the folder or the host's half refuses fails the case. */
static void asks_for_more(struct lu_run *run)
{
	(void)run;
	lu_host("qmp lu-frame");
}

LU_TEST(host_no_command, "flavour=prod fails=the\\x20host:\\x20lu-frame:.*not\\x20been\\x20found",
	asks_for_more);

static void asks_for_no_file(struct lu_run *run)
{
	(void)run;
	lu_host("file lu-frame");
}

LU_TEST(host_no_file, "flavour=prod fails=the\\x20host:.*No\\x20such\\x20file", asks_for_no_file);

static void asks_for_no_verb(struct lu_run *run)
{
	(void)run;
	lu_host("lu-frame");
}

LU_TEST(host_no_verb, "flavour=prod fails=the\\x20host:\\x20lu-frame:.*no\\x20such\\x20verb",
	asks_for_no_verb);

/* There is no shell for popen(). */
static FILE *popen_program(const char *path)
{
	int out[2];
	pid_t pid;

	LU_OK(pipe(out));
	pid = LU_OK(fork());
	if (!pid) {
		dup2(out[1], 1);
		execl(path, path, (char *)NULL);
		_exit(1);
	}
	close(out[1]);
	return fdopen(out[0], "r");
}

/* A program without arguments: nothing fails for what the machine is. */
static int by_hand(int *skipped)
{
	FILE *f = popen_program("/lu/luo_device");
	char line[512];
	int passed = 0;

	LU_CHECK(f && fgets(line, sizeof(line), f) && !strcmp(line, "TAP version 13\n"),
		 "it is no test");
	*skipped = 0;
	while (fgets(line, sizeof(line), f)) {
		LU_CHECK(strncmp(line, "not ok ", 7), "%s", line);
		*skipped += !strncmp(line, "ok ", 3) && strstr(line, "# SKIP ");
		passed += !strncmp(line, "ok ", 3) && !strstr(line, "# SKIP ");
	}
	fclose(f);
	return passed;
}

static void by_hand_off(struct lu_run *run)
{
	int skipped;

	LU_EQ(by_hand(&skipped), 0);
	LU_CHECK(skipped, "nothing was skipped");
	(void)run;
}

LU_TEST(by_hand_off, "own flavour=prod program=luo_device", by_hand_off);

static void by_hand_on(struct lu_run *run)
{
	int skipped;

	LU_CHECK(by_hand(&skipped), "nothing was run");
	LU_CHECK(skipped, "nothing was skipped");
	(void)run;
}

LU_TEST(by_hand_on,
	"own flavour=prod program=luo_device append=kho=on append=liveupdate=on",
	by_hand_on);

LU_MAIN
