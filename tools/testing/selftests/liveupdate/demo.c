// SPDX-License-Identifier: GPL-2.0
/*
 * demo: a live update in front of the user's eyes; ./lu demo prints what it tells.
 *
 * A process counts, and keeps the number in a memfd that goes over the update. It counts
 * until the very moment of the jump; in the next kernel it takes its memory back
 * and goes on with the next number. It has a PCI device, too, which is told to write into
 * that memory right before the jump. luctl loads the next kernel, performs the update and
 * tells afterwards how long it took.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "pci_edu.h"

#include "lu_wire.h"

#define LUCTL	"/lu/lu_ctl"
#define MAX_ARGS	16
#define SESSION	"demo"
#define ROOM	262144
#define PAGE	4096
#define MARK	0x12345678U

enum { TOKEN_MEMORY = 1, TOKEN_DEVICE = 2 };

/* What the process has in its memory: how far it is, all that it ever counted, two pages. */
struct memory {
	_Atomic unsigned long long count;
	unsigned long long counted[ROOM];
	unsigned long long came; /* how far it was when the device had delivered; or 0 */
	char letter[PAGE] __attribute__((aligned(PAGE)));
	char delivered[PAGE];
};

/* The device, and where it is to write to when nobody is there. */
static struct edu edu;
static uint64_t deliver_to;

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

static void sleep_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static struct memory *map(int fd)
{
	struct memory *memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED,
				     fd, 0);

	LU_CHECK(memory != MAP_FAILED, "mmap: %m");
	return memory;
}

static pid_t start_counting(struct memory *memory)
{
	pid_t pid = LU_OK(fork());

	if (pid)
		return pid;
	for (unsigned long long next = memory->count + 1; next < ROOM; next++) {
		memory->counted[next] = next;
		memory->count = next;
		if (!memory->came && *(volatile char *)memory->delivered)
			memory->came = next;
		sleep_ms(1);
	}
	_exit(0);
}

/* It reads the letter; in the end it is to write it next to it. */
static void start_device(struct memory *memory, int fd)
{
	struct pci_set set;

	edu_find(&set);
	edu = edu_of(pci_open(set.bdf[0]));
	strcpy(memory->letter, "greetings from the device");
	edu_dma_start(&edu, pci_map(edu.fd, fd, offsetof(struct memory, letter), PAGE),
		      EDU_BUFFER, 0);
	edu_dma_wait(&edu);
	edu_set(&edu, EDU_LIVE, MARK);
	deliver_to = pci_map(edu.fd, fd, offsetof(struct memory, delivered), PAGE);
	lu_tell("It has a PCI device, %s, that has read a letter from this memory.", set.bdf[0]);
}

static void deliver(void)
{
	lu_tell("Last thing before the jump: the device is told to write the letter back.");
	edu_dma_start(&edu, EDU_BUFFER, deliver_to, EDU_DMA_TO_RAM);
}

/* luctl with these arguments, before the user's eyes. */
static void luctl(const char *const *args)
{
	char *argv[MAX_ARGS] = { LUCTL }, line[256];
	int out[2], status;
	pid_t pid;
	FILE *f;

	for (int i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	LU_OK(pipe2(out, O_CLOEXEC));
	pid = LU_OK(fork());
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		execv(LUCTL, argv);
		_exit(1);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	LU_CHECK(f, "fdopen: %m");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		lu_tell("    %s", line);
	}
	fclose(f);
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(!status, "luctl %s failed: status %#x", args[0], status);
}

static void load_and_jump(struct lu_run *run)
{
	const char *const run_args[] = { "--quiet", "run", "--yes", NULL };
	char cmdline[2048];
	const char *const load_args[] = {
		"load", "/boot/bzImage", "--initrd", "/sys/firmware/initrd", "--append", cmdline,
		NULL,
	};

	snprintf(cmdline, sizeof(cmdline), "%s lu.stage=%d lu.state=%s", lu_cmdline(),
		 run->stage + 1, run->state);
	lu_tell("The next kernel is loaded beside this one: luctl load /boot/bzImage.");
	luctl(load_args);
	deliver();
	lu_tell("And started: luctl run.");
	lu_wire("jump update %d %llu", run->stage, lu_clock());
	luctl(run_args);
	LU_FAIL("luctl run came back");
}

static void old_kernel(struct lu_run *run)
{
	struct memory *memory;
	int fd, dev, session;
	struct utsname uts;

	LU_OK(uname(&uts));
	lu_tell("This machine runs Linux %s, boot %s, up for %.1f s.", uts.release, boot_id(),
		uptime());
	lu_set(run, "id", "%s", boot_id());

	fd = LU_OK(memfd_create("demo", MFD_CLOEXEC));
	LU_OK(ftruncate(fd, sizeof(struct memory)));
	memory = map(fd);
	start_counting(memory);
	sleep_ms(500);
	lu_tell("A process counts in its memory, a memfd of %zu KiB. It is at %llu.",
		sizeof(struct memory) / 1024, memory->count);

	start_device(memory, fd);

	dev = luo_open();
	session = luo_create(dev, SESSION);
	luo_preserve(session, fd, TOKEN_MEMORY);
	luo_preserve(session, edu.fd, TOKEN_DEVICE);
	lu_set(run, "preserved", "%llu", memory->count);
	lu_tell("Both are put into a live update session; the process counts on: %llu.",
		memory->count);
	luo_close(fd);
	luo_close(dev);
	load_and_jump(run);
}

static void new_kernel(struct lu_run *run)
{
	const char *const timeline[] = { "timeline", NULL };
	struct memory *memory;
	unsigned long long last;
	struct utsname uts;
	int dev, session;
	pid_t pid;

	LU_OK(uname(&uts));
	LU_CHECK(strcmp(boot_id(), lu_get(run, "id")), "the same kernel still runs");
	lu_tell("Linux %s has taken over, boot %s, up for %.1f s; the machine was never reset.",
		uts.release, boot_id(), uptime());

	dev = luo_open();
	session = luo_retrieve(dev, SESSION);
	memory = map(luo_take(session, TOKEN_MEMORY));
	edu = edu_of(luo_take(session, TOKEN_DEVICE));
	luo_finish(session);
	last = memory->count;
	LU_CHECK(last >= (unsigned long long)lu_get_num(run, "preserved"),
		 "the count went back to %llu", last);
	for (unsigned long long i = 1; i <= last; i++)
		LU_CHECK(memory->counted[i] == i, "number %llu is lost", i);
	lu_tell("Session and memory are here. The process had come to %llu at the jump.", last);

	LU_CHECK(edu_get(&edu, EDU_LIVE) == ~MARK, "the device was reset");
	edu_dma_wait(&edu);
	LU_CHECK(!strcmp(memory->delivered, memory->letter), "the letter did not arrive");
	lu_tell("The device was never reset, and the letter is here, %s: \"%s\".",
		memory->came ? "written right before the jump" :
		"written while no program ran", memory->delivered);
	edu_set(&edu, EDU_FACTORIAL, 5);
	while (edu_get(&edu, EDU_STATUS) & 1)
		;
	LU_EQ(edu_get(&edu, EDU_FACTORIAL), 120);
	lu_tell("It works on: asked for the factorial of 5, it says %u.",
		edu_get(&edu, EDU_FACTORIAL));

	pid = start_counting(memory);
	sleep_ms(500);
	LU_OK(kill(pid, SIGKILL));
	LU_OK(waitpid(pid, NULL, 0));
	LU_CHECK(memory->count > last, "nobody counts any more");
	for (unsigned long long i = 1; i <= memory->count; i++)
		LU_CHECK(memory->counted[i] == i, "number %llu is lost", i);
	lu_tell("The process goes on with %llu. It is at %llu, and not one number is missing.",
		last + 1, memory->count);

	lu_tell("How long it took: luctl timeline.");
	luctl(timeline);
}

LU_TEST(update, "mem=1G flavour=prod+debug program=lu_ctl device=edu,dma_mask=0xffffffffffffffff "
	LUO_ON, old_kernel, new_kernel);

LU_MAIN
