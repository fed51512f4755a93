// SPDX-License-Identifier: GPL-2.0
/*
 * formats_gate: a next kernel that cannot read what is preserved is refused: when it is
 * loaded, when something is preserved, and at the reboot; in each case with a line in
 * the log that names session, token and format, and with nothing changed.
 */
#define _GNU_SOURCE
#include <linux/kexec.h>
#include <sys/syscall.h>

#include "formats_common.h"
#include "luo_common.h"

#define IMAGE	"/boot/bzImage.prod"
#define PROD	"mem=768M own flavour=prod image=prod " LUO_ON
/* The image is that of prod, the kernel that runs may be another one. */
#define BOTH	"mem=1G own image=prod " LUO_ON

static const char unknown_param[] = "/sys/module/liveupdate/parameters/unknown";

static int load(const char *image)
{
	return lu_kexec_load(image, lu_cmdline(), 0);
}

static void unload(void)
{
	LU_OK(syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, KEXEC_FILE_UNLOAD));
}

static int logged(const char *text)
{
	return luo_log_count(text, NULL, 0);
}

/* A copy of the image at hand whose format @from is called @to. */
static const char *renamed(const char *from, const char *to)
{
	static const char path[] = "/tmp/renamed";
	struct formats_image image = formats_read(IMAGE);

	formats_rename(&image, from, to);
	formats_write(&image, path);
	free(image.data);
	return path;
}

/* sysfs has what the image of the same kernel has. */
static void table(struct lu_run *run)
{
	static const char * const kinds[] = { "", "kho", "subtree", "file", "object",
		"device" };
	struct formats_image image = formats_read(IMAGE);
	static char want[65536];
	struct formats_entry *entry;
	size_t len = 0;

	for (unsigned int i = 0; (entry = formats_entry(&image, i)); i++)
		len += snprintf(want + len, sizeof(want) - len, "%s %s %s%s 0x%llx 0x%llx\n",
				kinds[entry->kind], entry->name, entry->access & 1 ? "r" : "",
				entry->access & 2 ? "w" : "",
				(unsigned long long)entry->required,
				(unsigned long long)entry->optional);
	LU_CHECK(!strcmp(lu_read(LUO_SYSFS "formats"), want), "sysfs has\n%sthe image\n%s",
		 lu_read(LUO_SYSFS "formats"), want);
	LU_EQ(formats_find(&image, "kho-v4")->kind, 1);
	LU_EQ(formats_find(&image, "luo-v5")->kind, 2);
	LU_EQ(formats_find(&image, "memblock-v1")->kind, 2);
	LU_EQ(formats_find(&image, "luo-timeline-v1")->kind, 2);
	LU_EQ(formats_find(&image, "memfd-v2")->kind, 3);
	LU_EQ(formats_find(&image, "luo-exercise-v1")->kind, 3);
	LU_EQ(formats_find(&image, "luo-exercise-flb-v1")->kind, 4);
	/* Read in small pieces it is the same. */
	for (size_t piece = 1; piece < 100; piece += 13) {
		int fd = LU_OK(open(LUO_SYSFS "formats", O_RDONLY));
		static char got[65536];
		ssize_t n;

		len = 0;
		while ((n = read(fd, got + len, piece)) > 0)
			len += n;
		LU_OK(n);
		close(fd);
		LU_CHECK(len == strlen(want) && !memcmp(got, want, len),
			 "in pieces of %zu it is different", piece);
	}
	/* Each handler is declared. */
	LU_EQ(logged("is not declared"), 0);
	(void)run;
}

LU_TEST(table, PROD, table);

/* With something preserved, at load. */
static void at_load(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "a session"), memfd, file;
	const char *bumped = renamed("luo-exercise-v1", "luo-exercise-v2");

	/* Nothing is preserved: anything goes. */
	LU_EQ(load(bumped), 0);
	LU_EQ(logged("cannot go over"), 0);
	unload();

	file = luo_ex_new(7);
	memfd = luo_memfd("m", 0, 8192, 1);
	luo_preserve(session, memfd, 0x11);
	luo_preserve(session, file, 0x22);
	luo_preserve(session, luo_ex_new(8), 0x33);
	luo_ex("clear");
	LU_EQ(load(bumped), -EPROTONOSUPPORT);
	/* One line for a format, not for a file. */
	LU_EQ(formats_refused("a session", 0x22, "does not read format luo-exercise-v1"), 1);
	LU_EQ(logged("cannot go over"), 1);
	/* Nothing is loaded, nothing was asked. */
	luo_ex_expect("");
	LU_EQ(luo_try_jump(), -EINVAL);
	/* The one that was loaded stays. */
	LU_EQ(load(IMAGE), 0);
	LU_EQ(load(bumped), -EPROTONOSUPPORT);
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);

	/* An object that files depend on. */
	LU_EQ(load(renamed("luo-exercise-flb-v1", "luo-exercise-flb-v2")), -EPROTONOSUPPORT);
	LU_EQ(logged("does not read format luo-exercise-flb-v1."), 1);
	/* The roots. */
	LU_EQ(load(renamed("luo-v5", "luo-v6")), -EPROTONOSUPPORT);
	LU_EQ(logged("session cannot go over: the loaded kernel does not read format luo-v5."), 1);
	LU_EQ(load(renamed("kho-v4", "kho-v5")), -EPROTONOSUPPORT);
	LU_EQ(logged("session cannot go over: the loaded kernel does not read format kho-v4."), 1);
	/* What is not preserved does not count. */
	LU_EQ(load(renamed("memblock-v1", "memblock-v2")), 0);
	LU_EQ(load(renamed("luo-timeline-v1", "luo-timeline-v2")), 0);
	unload();

	/* Without them, the memfd alone can. */
	luo_close(session);
	session = luo_create(dev, "another");
	luo_preserve(session, memfd, 1);
	LU_EQ(load(bumped), 0);
	LU_EQ(load(renamed("memfd-v2", "memfd-v3")), -EPROTONOSUPPORT);
	(void)run;
}

LU_TEST(at_load, BOTH "flavour=prod+debug ", at_load);

static void at_preserve(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "s"), memfd, file = luo_ex_new(7);

	memfd = luo_memfd("m", 0, 8192, 1);
	LU_EQ(load(renamed("luo-exercise-v1", "luo-exercise-v2")), 0);
	luo_ex("clear");
	LU_EQ(luo_try_preserve(session, file, 5), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(formats_refused("s", 5, "does not read format luo-exercise-v1"), 1);
	/* The token is free, the other kind of file goes. */
	luo_preserve(session, memfd, 5);
	LU_EQ(load(renamed("luo-exercise-flb-v1", "x")), 0);
	LU_EQ(luo_try_preserve(session, file, 6), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(logged("does not read format luo-exercise-flb-v1."), 1);

	LU_EQ(load(IMAGE), 0);
	luo_preserve(session, file, 6);
	luo_close(session);
	/* With no image loaded nothing is refused. */
	LU_EQ(load(renamed("luo-exercise-v1", "luo-exercise-v2")), 0);
	unload();
	session = luo_create(dev, "s");
	luo_preserve(session, file, 6);
	(void)run;
}

LU_TEST(at_preserve, BOTH "flavour=prod+debug ", at_preserve);

/* The image at hand, whose kernel understands these features of the object of files. */
static int load_with_features(uint64_t required)
{
	static const char path[] = "/tmp/features";
	struct formats_image image = formats_read(IMAGE);

	formats_find(&image, "luo-exercise-flb-v1")->required = required;
	formats_write(&image, path);
	free(image.data);
	return load(path);
}

/* What has to be understood of an object that files depend on. */
static void object_features(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "s"), file = luo_ex_new(7);

	luo_ex("flb required 0x6");
	luo_preserve(session, file, 5);
	LU_EQ(load(IMAGE), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("s", 5, "lacks the features 0x6 of format luo-exercise-flb-v1"), 1);
	LU_EQ(load_with_features(0xb), -EPROTONOSUPPORT);
	LU_EQ(formats_refused("s", 5, "lacks the features 0x4 of format luo-exercise-flb-v1"), 1);
	LU_EQ(load_with_features(0x7), 0);
	luo_close(session);

	LU_EQ(load(IMAGE), 0);
	session = luo_create(dev, "s");
	luo_ex("clear");
	LU_EQ(luo_try_preserve(session, file, 5), -EPROTONOSUPPORT);
	luo_ex_expect("flb_preserve,preserve 7,unpreserve 7,flb_unpreserve,");
	LU_EQ(formats_refused("s", 5, "lacks the features 0x6 of format luo-exercise-flb-v1"), 2);
	luo_ex("flb required 0");
	luo_preserve(session, file, 5);
	(void)run;
}

LU_TEST(object_features, PROD, object_features);

/* It was right when the image was loaded and when the files were preserved. */
static void slipped(const char *format, const char *said)
{
	LU_EQ(load(IMAGE), 0);
	luo_ex("forget %s", format);
	luo_ex("clear");
	LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(logged(said), 1);
}

static void at_reboot(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "s"), file = luo_ex_new(7);

	luo_preserve(session, luo_memfd("m", 0, 8192, 1), 4);
	luo_preserve(session, file, 5);
	slipped("luo-exercise-v1",
		"token 0x5 cannot go over: the loaded kernel does not read format luo-exercise-v1.");
	slipped("memfd-v2",
		"token 0x4 cannot go over: the loaded kernel does not read format memfd-v2.");
	slipped("luo-exercise-flb-v1", "does not read format luo-exercise-flb-v1.");
	slipped("luo-v5",
		"session s cannot go over: the loaded kernel does not read format luo-v5.");
	slipped("kho-v4",
		"session s cannot go over: the loaded kernel does not read format kho-v4.");
	/* What is not preserved does not count: the freeze begins. */
	LU_EQ(load(IMAGE), 0);
	luo_ex("forget memblock-v1");
	luo_ex("clear");
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
	/* The session goes on. */
	luo_preserve(session, luo_ex_new(8), 6);
	(void)run;
}

LU_TEST(at_reboot, BOTH, at_reboot);

/* A session without files is handed over, too, and takes what each session takes. */
static void no_files(struct lu_run *run)
{
	static const char luo[] = "session bare cannot go over: the loaded kernel does not read "
				  "format luo-v5.";
	static const char kho[] = "session bare cannot go over: the loaded kernel does not read "
				  "format kho-v4.";
	int dev = luo_open(), session = luo_create(dev, "bare");

	slipped("luo-v5", luo);
	LU_EQ(load(renamed("luo-v5", "luo-v6")), -EPROTONOSUPPORT);
	LU_EQ(logged(luo), 2);
	LU_EQ(load(renamed("kho-v4", "kho-v5")), -EPROTONOSUPPORT);
	LU_EQ(logged(kho), 1);
	/* No more than that: there is no memfd in it. */
	LU_EQ(load(renamed("memfd-v2", "memfd-v3")), 0);
	/* Without it there is nothing to be lost; so none is made either. */
	luo_close(session);
	LU_EQ(load(renamed("luo-v5", "luo-v6")), 0);
	LU_EQ(luo_try_create(dev, "bare"), -EPROTONOSUPPORT);
	LU_EQ(logged(luo), 3);
	LU_EQ(load(renamed("kho-v4", "kho-v5")), 0);
	LU_EQ(luo_try_create(dev, "bare"), -EPROTONOSUPPORT);
	LU_EQ(logged(kho), 2);
	/* The name is free, and there is none that would be in the way of a load. */
	LU_EQ(load(renamed("memfd-v2", "memfd-v3")), 0);
	luo_close(luo_create(dev, "bare"));
	LU_EQ(load(renamed("luo-v5", "luo-v6")), 0);
	unload();
	luo_create(dev, "bare");
	(void)run;
}

LU_TEST(no_files, BOTH "flavour=prod+debug ", no_files);

static const char *without_table(void)
{
	static const char path[] = "/tmp/without";
	struct formats_image image = formats_read(IMAGE);

	memcpy(image.item, "none", 4);
	formats_write(&image, path);
	free(image.data);
	return path;
}

static const char *unsound(void)
{
	static const char path[] = "/tmp/unsound";
	struct formats_image image = formats_read(IMAGE);

	image.head->size += 1000;
	formats_write(&image, path);
	free(image.data);
	return path;
}

static int kexec_load(void)
{
	static char code[4096];
	struct kexec_segment {
		const void *buf;
		size_t bufsz;
		const void *mem;
		size_t memsz;
	} segment = { code, sizeof(code), (void *)0x1000000, sizeof(code) };
	int ret = syscall(SYS_kexec_load, 0x1000000, 1, &segment, KEXEC_ARCH_DEFAULT);

	return ret < 0 ? -errno : 0;
}

/* Images of which nothing is known. */
static void unknown(struct lu_run *run)
{
	int dev = luo_open(), session, file = luo_ex_new(7);
	const char *without = without_table();

	LU_CHECK(!strcmp(lu_read(unknown_param), "warn\n"), "the default is %s",
		 lu_read(unknown_param));
	LU_EQ(load(without), 0);
	LU_EQ(logged("sessions may be lost"), 0);
	session = luo_create(dev, "s");
	LU_EQ(logged("sessions may be lost: the loaded kernel does not say which formats"), 1);
	luo_preserve(session, file, 1);
	luo_preserve(session, luo_ex_new(8), 2);
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
	LU_EQ(logged("sessions may be lost"), 1);
	LU_EQ(load(without), 0);
	LU_EQ(logged("sessions may be lost"), 2);

	/* The mind is changed: the last gate is the reboot. */
	lu_write(unknown_param, "refuse");
	luo_ex("clear");
	LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(logged("liveupdate.unknown=refuse): the loaded kernel does not say"), 1);
	LU_EQ(luo_try_preserve(session, luo_ex_new(9), 3), -EPROTONOSUPPORT);
	LU_EQ(load(without), -EPROTONOSUPPORT);
	luo_close(session);
	LU_EQ(load(without), 0);
	LU_EQ(luo_try_create(dev, "s"), -EPROTONOSUPPORT);
	LU_EQ(load(IMAGE), 0);
	session = luo_create(dev, "s");
	luo_preserve(session, file, 1);

	/* Who lies is refused in any case. */
	lu_write(unknown_param, "warn");
	LU_EQ(load(unsound()), -EPROTONOSUPPORT);
	LU_EQ(logged("its table of formats is unsound: its size is out of bounds"), 1);
	unload();

	LU_EQ(kexec_load(), 0);
	LU_EQ(logged("luo: sessions may be lost: kexec_load() cannot carry them"), 1);
	lu_write(unknown_param, "refuse");
	LU_EQ(kexec_load(), -EPROTONOSUPPORT);
	LU_EQ(luo_try_preserve(session, luo_ex_new(10), 4), -EPROTONOSUPPORT);
	luo_ex("clear");
	LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
	luo_ex_expect("");
	luo_close(session);
	LU_EQ(kexec_load(), 0);
	LU_EQ(luo_try_create(dev, "s"), -EPROTONOSUPPORT);
	(void)run;
}

LU_TEST(unknown, PROD, unknown);

/* The same, from the start. */
static void refuses_unknown(struct lu_run *run)
{
	int session = luo_create(luo_open(), "s");

	luo_preserve(session, luo_ex_new(7), 1);
	LU_EQ(load(without_table()), -EPROTONOSUPPORT);
	LU_EQ(logged("liveupdate.unknown=refuse): the loaded kernel does not say"), 1);
	LU_EQ(load(IMAGE), 0);
	(void)run;
}

LU_TEST(refuses_unknown, PROD "append=liveupdate.unknown=refuse", refuses_unknown);

/* The image of a crash kernel takes nothing over: anything goes. */
static void crash_image(struct lu_run *run)
{
	int session = luo_create(luo_open(), "s");

	luo_preserve(session, luo_ex_new(7), 1);
	lu_write(unknown_param, "refuse");
	LU_EQ(lu_kexec_load(without_table(), "kho=off", KEXEC_FILE_ON_CRASH), 0);
	LU_EQ(lu_kexec_load(renamed("luo-exercise-v1", "luo-exercise-v2"), "kho=off",
			    KEXEC_FILE_ON_CRASH), 0);
	LU_EQ(logged("cannot go over"), 0);
	LU_EQ(logged("command line of the next kernel"), 0);
	/* It is not the one that the update goes to. */
	luo_preserve(session, luo_ex_new(8), 2);
	LU_EQ(luo_try_jump(), -EINVAL);
	LU_EQ(load(IMAGE), 0);
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
	(void)run;
}

LU_TEST(crash_image, "mem=1G own flavour=prod image=prod append=crashkernel=256M " LUO_ON,
	crash_image);

/* Regions of reserve_mem= are lost, which refuses nothing, but is said. */
static void reserve_mem(struct lu_run *run)
{
	static const char * const formats[] = { "kho-v4", "memblock-v1", "reserve-mem-v1" };
	static const char said[] = "what is in reserve_mem= regions will not go over: the loaded "
				   "kernel does not read the format";
	static const char unknown[] = "it is not known whether what is in reserve_mem= regions "
				      "will go over";

	LU_EQ(load(IMAGE), 0);
	LU_EQ(logged(said), 0);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		LU_EQ(load(renamed(formats[i], "another-v1")), 0);
		LU_EQ(logged(said), (int)i + 1);
	}
	LU_EQ(load(renamed("memfd-v2", "another-v1")), 0);
	LU_EQ(load(IMAGE), 0);
	LU_EQ(logged(said), (int)ARRAY_LEN(formats));
	LU_EQ(logged(unknown), 0);
	LU_EQ(load(without_table()), 0);
	LU_EQ(logged(unknown), 1);
	(void)run;
}

LU_TEST(reserve_mem, PROD "append=reserve_mem=4K:4096:x", reserve_mem);

/* lu_cmdline() without @word, and with @more. */
static const char *cmdline(const char *word, const char *more)
{
	static char line[4096];
	char *p;

	snprintf(line, sizeof(line), "%s %s", lu_cmdline(), more);
	p = word ? strstr(line, word) : NULL;
	if (p)
		memmove(p, p + strlen(word), strlen(p + strlen(word)) + 1);
	return line;
}

/* Said at load, refused at the reboot. */
static void loses(const char *line, const char *said)
{
	int before = logged(said);

	LU_EQ(lu_kexec_load(IMAGE, line, 0), 0);
	LU_EQ(logged(said), before + 1);
	luo_ex("clear");
	LU_EQ(luo_try_jump(), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(logged(said), before + 2);
}

/* Fine, or nobody knows: the freeze begins. */
static void passes(const char *line)
{
	LU_EQ(lu_kexec_load(IMAGE, line, 0), 0);
	luo_ex("clear");
	luo_ex("fail freeze any %d", -EIO);
	LU_EQ(luo_try_jump(), -EIO);
}

static unsigned long long phys_of(int memfd)
{
	char *mem = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, memfd, 0);
	int fd = LU_OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry;

	LU_CHECK(mem != MAP_FAILED, "no memory");
	LU_EQ(pread(fd, &entry, 8, (uintptr_t)mem / 4096 * 8), 8);
	LU_CHECK(entry >> 63, "the page is not there");
	close(fd);
	munmap(mem, 4096);
	return (entry & ((1ULL << 55) - 1)) * 4096;
}

/* It is loaded before there is anything to be lost: that is refused when it comes. */
static void at_preserve_too(int dev)
{
	static const char away[] = "it takes memory away";
	int session = luo_create(dev, "s"), memfd = luo_memfd("m", 0, 4096, 1), said;
	char word[64];

	/* This is said at once, nevertheless. */
	said = logged("command line of the next kernel, liveupdate=on is missing");
	LU_EQ(lu_kexec_load(IMAGE, cmdline("liveupdate=on", ""), 0), 0);
	LU_EQ(logged("command line of the next kernel, liveupdate=on is missing"), said + 1);
	luo_ex("clear");
	LU_EQ(luo_try_preserve(session, luo_ex_new(2), 2), -EPROTONOSUPPORT);
	luo_ex_expect("");
	LU_EQ(logged("session s: the file with token 0x2 cannot go over for the command line of "
		     "the loaded kernel, liveupdate=on is missing: live update would be off"), 1);

	/* Once it is preserved, it stays where it is. */
	LU_EQ(load(IMAGE), 0);
	luo_preserve(session, memfd, 3);
	luo_close(session);
	LU_EQ(lu_kexec_load(IMAGE, cmdline("liveupdate=on", ""), 0), 0);
	LU_EQ(luo_try_create(dev, "s"), -EPROTONOSUPPORT);
	LU_EQ(logged("session s cannot go over for the command line of the loaded kernel, "
		     "liveupdate=on is missing: live update would be off"), 1);
	snprintf(word, sizeof(word), "memmap=4K$%#llx", phys_of(memfd));
	said = logged(away);
	LU_EQ(lu_kexec_load(IMAGE, cmdline(NULL, word), 0), 0);
	LU_EQ(logged(away), said);
	session = luo_create(dev, "s");
	luo_preserve(session, luo_ex_new(3), 2);
	LU_EQ(luo_try_preserve(session, memfd, 3), -EPROTONOSUPPORT);
	LU_EQ(logged(away), said + 1);
	/* That one is not in the way of others any more. */
	luo_preserve(session, luo_ex_new(4), 3);
	LU_EQ(load(IMAGE), 0);
	luo_preserve(session, memfd, 4);
}

static void command_line(struct lu_run *run)
{
	int dev = luo_open(), session = luo_create(dev, "s");

	luo_preserve(session, luo_ex_new(1), 1);
	passes(cmdline(NULL, ""));
	loses(cmdline("kho=on", ""), "kho=on is missing: kexec handover would be off");
	loses(cmdline(NULL, "kho=off"), "kho=on is missing: kexec handover would be off");
	loses(cmdline(NULL, "kho=on kho=0"), "kho=on is missing: kexec handover would be off");
	loses(cmdline("liveupdate=on", ""), "liveupdate=on is missing: live update would be off");
	loses(cmdline(NULL, "liveupdate=n"), "liveupdate=on is missing: live update would be off");
	/* What is behind "--" is not the kernel's. */
	passes(cmdline(NULL, "-- kho=off liveupdate=off"));
	passes(cmdline(NULL, "kho=off kho=on \"liveupdate=1\""));
	/* What is in a bootconfig comes too late. */
	loses(cmdline("liveupdate=on", "bootconfig"), "liveupdate=on is missing: live update");

	loses(cmdline(NULL, "mem=128M"), "mem=128M: it takes memory away");
	passes(cmdline(NULL, "mem=64G"));
	passes(cmdline(NULL, "mem=nopentium"));
	loses(cmdline(NULL, "memmap=exactmap"), "memmap=exactmap: it takes memory away");
	loses(cmdline(NULL, "memmap=700M!16M"), "memmap=700M!16M: it takes memory away");
	passes(cmdline(NULL, "memmap=4K$0,1M@0x1000000"));
	/* No PCI device is preserved. */
	passes(cmdline(NULL, "pci=realloc,off iommu=off"));

	luo_close(session);
	at_preserve_too(dev);
	(void)run;
}

LU_TEST(command_line, BOTH "flavour=prod+debug ", command_line);

LU_MAIN
