// SPDX-License-Identifier: GPL-2.0
/*
 * luo_fuzz: random calls with random arguments, from a seed that is printed. The
 * kernel's own checks tell whether something is wrong; besides, at the end nothing must
 * be left of all that was done.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "luo_common.h"

#define SESSIONS	12
#define FILES		10

static uint64_t rng;
static int dev, sessions[SESSIONS], files[FILES];
static unsigned long done, succeeded;

static unsigned int pick(unsigned int n)
{
	return luo_random(&rng) % n;
}

/* Names from a small set, so that they meet; now and then one that is not valid. */
static void put_name(uint8_t *name)
{
	unsigned int kind = pick(20);

	memset(name, 0, 64);
	if (!kind)
		memset(name, 'x', 64);
	else if (kind == 1)
		for (int i = 0; i < 64; i++)
			name[i] = pick(256);
	else if (kind != 2)
		sprintf((char *)name, "fuzz %u", pick(SESSIONS + 4));
}

static uint64_t some_token(void)
{
	return pick(30) ? pick(12) : luo_random(&rng);
}

static int some_file(void)
{
	return pick(15) ? files[pick(FILES)] : (int)pick(80) - 5;
}

static uint32_t some_size(uint32_t right)
{
	switch (pick(12)) {
	case 0:
		return pick(right + 1);
	case 1:
		return right + pick(300);
	case 2:
		return luo_random(&rng);
	default:
		return right;
	}
}

#define ENTRIES	8

/* Where the kernel reads and writes: a page, with gaps and a read-only page around. */
static struct {
	char *arg;		/* the end of it is the end of what is mapped */
	char *read_only;
	char *entries;
} area;

static void make_area(void)
{
	area.arg = mmap(NULL, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	LU_CHECK(area.arg != MAP_FAILED, "mmap: %m");
	LU_OK(mprotect(area.arg + 4096, 4096, PROT_NONE));
	area.read_only = area.arg + 2 * 4096;
	LU_OK(mprotect(area.arg + 3 * 4096, 4096, PROT_NONE));
	area.entries = area.arg + 4 * 4096;
	LU_OK(mprotect(area.arg + 5 * 4096, 4096, PROT_NONE));
}

static void *place(const void *arg, size_t size)
{
	char *p;

	switch (pick(24)) {
	case 0:
		return NULL;
	case 1:
		return (void *)luo_random(&rng);
	case 2:
		/* The tail is not there. */
		p = area.arg + 4096 - pick(size);
		memcpy(p, arg, area.arg + 4096 - p);
		return p;
	case 3:
		LU_OK(mprotect(area.read_only, 4096, PROT_READ | PROT_WRITE));
		p = memcpy(area.read_only, arg, size);
		LU_OK(mprotect(area.read_only, 4096, PROT_READ));
		return p;
	default:
		p = area.arg + 4096 - size - (pick(3) ? pick(300) : 0);
		/* What is behind it is zero, most of the time. */
		memset(p, pick(16) ? 0 : 0xff, area.arg + 4096 - p);
		return memcpy(p, arg, size);
	}
}

union argument {
	struct liveupdate_ioctl_create_session create;
	struct liveupdate_ioctl_list_sessions list;
	struct liveupdate_ioctl_list_files files;
	struct liveupdate_ioctl_discard_session discard;
	struct liveupdate_session_preserve_fd preserve;
	struct liveupdate_session_retrieve_fd retrieve;
	struct liveupdate_session_finish finish;
	struct liveupdate_session_get_name name;
	struct liveupdate_session_list_files of_session;
	struct liveupdate_session_unpreserve_fd drop;
	uint8_t bytes[160];
};

static void put_list(uint64_t *cookie, uint64_t *entries, uint32_t *entry_size, uint32_t *count,
		     uint32_t right)
{
	*cookie = pick(3) ? pick(20) : luo_random(&rng);
	*entries = pick(10) ? (uintptr_t)area.entries + pick(2) * 3000 : luo_random(&rng);
	*entry_size = some_size(right);
	*count = pick(10) ? pick(ENTRIES) : luo_random(&rng);
}

static void remember(int fd)
{
	int *slot = &sessions[pick(SESSIONS)];

	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static void one_call(void)
{
	static const unsigned long commands[] = {
		LIVEUPDATE_IOCTL_CREATE_SESSION, LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
		LIVEUPDATE_IOCTL_LIST_SESSIONS, LIVEUPDATE_IOCTL_LIST_FILES,
		LIVEUPDATE_IOCTL_DISCARD_SESSION, LIVEUPDATE_SESSION_PRESERVE_FD,
		LIVEUPDATE_SESSION_RETRIEVE_FD, LIVEUPDATE_SESSION_FINISH,
		LIVEUPDATE_SESSION_GET_NAME, LIVEUPDATE_SESSION_LIST_FILES,
		LIVEUPDATE_SESSION_UNPRESERVE_FD,
	};
	union argument arg = {};
	unsigned long cmd = commands[pick(ARRAY_LEN(commands))];
	bool for_device = _IOC_NR(cmd) < 0x40;
	size_t size = sizeof(arg);
	int fd, ret;
	void *p;

	switch (cmd) {
	case LIVEUPDATE_IOCTL_CREATE_SESSION:
	case LIVEUPDATE_IOCTL_RETRIEVE_SESSION:
		size = sizeof(arg.create);
		put_name(arg.create.name);
		break;
	case LIVEUPDATE_IOCTL_LIST_SESSIONS:
		size = sizeof(arg.list);
		arg.list.direction = pick(12) ? pick(2) : luo_random(&rng);
		put_list((uint64_t *)&arg.list.cookie, (uint64_t *)&arg.list.entries,
			 &arg.list.entry_size, &arg.list.count,
			 sizeof(struct liveupdate_session_info));
		break;
	case LIVEUPDATE_IOCTL_LIST_FILES:
		size = sizeof(arg.files);
		arg.files.direction = pick(12) ? pick(2) : luo_random(&rng);
		put_list((uint64_t *)&arg.files.cookie, (uint64_t *)&arg.files.entries,
			 &arg.files.entry_size, &arg.files.count,
			 sizeof(struct liveupdate_file_info));
		put_name(arg.files.name);
		break;
	case LIVEUPDATE_IOCTL_DISCARD_SESSION:
		size = sizeof(arg.discard);
		arg.discard.reserved = !pick(10);
		put_name(arg.discard.name);
		/* Or soon none would be left. */
		if (pick(20))
			arg.discard.name[0] = 'F';
		break;
	case LIVEUPDATE_SESSION_PRESERVE_FD:
		size = sizeof(arg.preserve);
		arg.preserve.fd = some_file();
		arg.preserve.token = some_token();
		break;
	case LIVEUPDATE_SESSION_RETRIEVE_FD:
		size = sizeof(arg.retrieve);
		arg.retrieve.token = some_token();
		break;
	case LIVEUPDATE_SESSION_FINISH:
		size = sizeof(arg.finish);
		arg.finish.reserved = pick(40) ? luo_random(&rng) : 0;
		break;
	case LIVEUPDATE_SESSION_GET_NAME:
		size = sizeof(arg.name);
		arg.name.reserved = !pick(10);
		break;
	case LIVEUPDATE_SESSION_LIST_FILES:
		size = sizeof(arg.of_session);
		arg.of_session.reserved = !pick(10);
		put_list((uint64_t *)&arg.of_session.cookie, (uint64_t *)&arg.of_session.entries,
			 &arg.of_session.entry_size, &arg.of_session.count,
			 sizeof(struct liveupdate_file_info));
		break;
	case LIVEUPDATE_SESSION_UNPRESERVE_FD:
		size = sizeof(arg.drop);
		arg.drop.reserved = !pick(10);
		arg.drop.token = some_token();
		break;
	}
	arg.create.size = some_size(size);
	if (!pick(50))
		arg.bytes[pick(sizeof(arg))] ^= 1 << pick(8);
	if (!pick(30))
		cmd = luo_random(&rng);
	else if (!pick(30))
		cmd ^= 1ul << pick(32);
	if (!pick(30))
		for_device = !for_device;
	fd = for_device ? dev : sessions[pick(SESSIONS)];
	p = place(&arg, size);
	/* Ioctls of the VFS may do strange things to our own descriptors. */
	if (_IOC_TYPE(cmd) != 0xBA && (cmd & 0xff00) == 0x5400)
		return;
	ret = ioctl(fd, cmd, p);
	done++;
	if (ret < 0) {
		int err = errno;

		/* No other errno is ever right. */
		LU_CHECK(err == EINVAL || err == EFAULT || err == ENOTTY || err == E2BIG ||
			 err == EBADF || err == ENOENT || err == EEXIST || err == EBUSY ||
			 err == EMFILE || err == EPERM || err == EOPNOTSUPP || err == ENOMEM,
			 "call %lu, command %#lx: %s", done, cmd, strerror(err));
		return;
	}
	succeeded++;
	if (cmd == LIVEUPDATE_IOCTL_CREATE_SESSION || cmd == LIVEUPDATE_IOCTL_RETRIEVE_SESSION)
		remember(((struct liveupdate_ioctl_create_session *)p)->fd);
	else if (cmd == LIVEUPDATE_SESSION_RETRIEVE_FD)
		close(((struct liveupdate_session_retrieve_fd *)p)->fd);
}

/* What is going on beside the calls. */
static void other(void)
{
	int *slot = &sessions[pick(SESSIONS)], fd = files[pick(FILES)];
	char path[64], text[4096];

	switch (pick(8)) {
	case 0:
		if (*slot >= 0)
			close(*slot);
		*slot = -1;
		break;
	case 1:
		if (ftruncate(fd, pick(5) * 4096))
			break;
		break;
	case 2:
		if (pwrite(fd, text, pick(100), pick(20000)) < 0)
			break;
		break;
	case 3:
		fallocate(fd, pick(2) ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0,
			  pick(20000), 1 + pick(9000));
		break;
	case 4:
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", *slot);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			while (read(fd, text, sizeof(text)) > 0)
				;
			close(fd);
		}
		break;
	case 5:
		close(dev);
		dev = luo_open();
		break;
	default:
		break;
	}
}

static void set_up(uint64_t seed)
{
	rng = seed;
	lu_note("seed %llu", (unsigned long long)seed);
	make_area();
	for (int i = 0; i < SESSIONS; i++)
		sessions[i] = -1;
	for (int i = 0; i < FILES - 2; i++) {
		files[i] = LU_OK(memfd_create("fuzz", MFD_CLOEXEC));
		LU_OK(ftruncate(files[i], 1 + pick(5 * 4096)));
	}
	files[FILES - 2] = LU_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	files[FILES - 1] = LU_OK(open("/dev/null", O_RDWR | O_CLOEXEC));
	dev = luo_open();
}

static void fuzz(unsigned long calls)
{
	double begin = luo_seconds(), took;

	while (done < calls) {
		one_call();
		if (!pick(25))
			other();
	}
	took = luo_seconds() - begin;
	lu_note("%lu calls in %.0f s, %lu succeeded", done, took, succeeded);
	/* A fuzzer that is refused everything sees nothing. */
	LU_CHECK(succeeded > done / 20, "only %lu of %lu calls succeeded", succeeded, done);
}

/* Everything is as if nothing had happened. */
static void tear_down(void)
{
	struct liveupdate_session_info info;
	struct liveupdate_ioctl_list_sessions arg = {
		.size = sizeof(arg), .entries = (uintptr_t)&info, .entry_size = sizeof(info),
		.count = 1,
	};

	for (int i = 0; i < SESSIONS; i++)
		if (sessions[i] >= 0)
			close(sessions[i]);
	LU_EQ(luo_ioctl(dev, LIVEUPDATE_IOCTL_LIST_SESSIONS, &arg), 0);
	LU_CHECK(!arg.count, "session '%.64s' is still there", info.name);
	for (int i = 0; i < FILES - 2; i++) {
		LU_OK(ftruncate(files[i], 0));
		close(files[i]);
	}
	close(dev);
}

static void outgoing(unsigned long calls, uint64_t seed)
{
	set_up(seed);
	fuzz(calls);
	tear_down();
}

static void million(struct lu_run *run)
{
	outgoing(1000000, 1);
	(void)run;
}

LU_TEST(million, "mem=512M flavour=prod timeout=200 " LUO_ON, million);
/* With all checks of the kernel on. */
LU_TEST(million_debug, "mem=1G flavour=debug timeout=300 " LUO_ON, million);

/* With sessions to retrieve, and those that are made meanwhile to jump once more. */
static void leave_some(void)
{
	int keep = luo_create(dev, "keep"), fd = luo_memfd("keep", 0, 12345, 99);

	luo_preserve(keep, fd, 1);
	for (int i = 0; i < SESSIONS + 4; i++) {
		char name[32];
		int session;

		snprintf(name, sizeof(name), "fuzz %d", i);
		session = luo_try_create(dev, name);
		if (session == -EEXIST)
			continue;
		LU_CHECK(session >= 0, "session '%s': %s", name, strerror(-session));
		for (int f = 0; f < 12; f++) {
			fd = luo_memfd("fuzz", 0, f * 777, f);
			luo_preserve(session, fd, f);
			luo_close(fd);
		}
	}
}

static void incoming(struct lu_run *run)
{
	int keep, fd;

	set_up(100 + run->stage);
	if (run->stage) {
		fuzz(200000);
		/* It has done no harm to who was not named. */
		keep = luo_retrieve(dev, "keep");
		fd = luo_take(keep, 1);
		LU_EQ(luo_size(fd), 12345);
		luo_verify(fd, 0, 12345, 99);
		luo_finish(keep);
		luo_close(keep);
	}
	if (run->stage + 1 < run->nr_stages)
		leave_some();
	else
		tear_down();
}

LU_TEST(incoming, "mem=512M flavour=prod timeout=200 " LUO_ON, incoming, incoming, incoming);
LU_TEST(incoming_debug, "mem=1G flavour=+debug timeout=200 " LUO_ON, incoming, incoming);

LU_MAIN
