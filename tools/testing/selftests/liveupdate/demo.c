// SPDX-License-Identifier: GPL-2.0
/*
 * demo: a live update in front of the user's eyes; ./lu demo prints what it tells.
 *
 * A process counts, and keeps the number in a memfd that goes over the update. It counts
 * until the very moment of the jump; in the next kernel it takes its memory back
 * and goes on with the next number. It has a PCI device, too, which is told to write into
 * that memory right before the jump, and does so while there is no kernel.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "pci_edu.h"

#define SESSION	"demo"
#define ROOM	262144
#define PAGE	4096
#define MARK	0x12345678U

enum { TOKEN_MEMORY = 1, TOKEN_DEVICE = 2 };

/* What the process has in its memory: how far it is, all that it ever counted, two pages. */
struct memory {
	_Atomic unsigned long long count;
	unsigned long long counted[ROOM];
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
	strcpy(memory->letter, "written while no kernel was there");
	edu_dma_start(&edu, pci_map(edu.fd, fd, offsetof(struct memory, letter), PAGE),
		      EDU_BUFFER, 0);
	edu_dma_wait(&edu);
	edu_set(&edu, EDU_LIVE, MARK);
	deliver_to = pci_map(edu.fd, fd, offsetof(struct memory, delivered), PAGE);
	lu_tell("It has a PCI device, %s, that has read a letter from this memory.", set.bdf[0]);
}

static void deliver(void *arg)
{
	(void)arg;
	lu_tell("Last thing before the jump: the device is told to write the letter back.");
	edu_dma_start(&edu, EDU_BUFFER, deliver_to, EDU_DMA_TO_RAM);
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
	run->last = deliver;
	lu_tell("Now the next kernel is loaded beside this one (kexec_file_load) and started.");
}

/* A line like "freeze-end 1234" of the time line, in milliseconds. */
static const char *at(const char *phase)
{
	static char text[8][32];
	static int next;
	char *here = text[next++ % 8], key[32];
	long long ns;

	snprintf(key, sizeof(key), "%s ", phase);
	ns = lu_read_key(LUO_SYSFS "timeline", key);
	if (ns <= 0)
		snprintf(here, sizeof(text[0]), "(unknown)");
	else
		snprintf(here, sizeof(text[0]), "%.1f", ns / 1e6);
	return here;
}

static void new_kernel(struct lu_run *run)
{
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
	lu_tell("The device was never reset, and the letter is here: \"%s\".", memory->delivered);
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

	lu_tell("Time line, in milliseconds since the freeze. Old kernel: all frozen %s, jump %s.",
		at("freeze-end"), at("jump"));
	lu_tell("New kernel: start %s, memory safe %s, live update ready %s.", at("start"),
		at("kho-ready"), at("luo-ready"));
	lu_tell("The process: asks for its session %s, has its memory %s, is done %s.",
		at("first-open"), at("first-retrieve"), at("last-finish"));
}

LU_TEST(update, "mem=1G device=edu,dma_mask=0xffffffffffffffff " LUO_ON, old_kernel, new_kernel);

LU_MAIN
