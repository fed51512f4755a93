// SPDX-License-Identifier: GPL-2.0
/* pci_common: what the tests of PCI devices that survive share; see pci_common.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <libgen.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#include "pci_common.h"

#define PCI_SYSFS	"/sys/bus/pci/devices/"

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static long long id_of(const char *bdf, const char *file)
{
	return strtoll(pci_attr(bdf, file), NULL, 16);
}

void pci_find(struct pci_set *set, int vendor, int device)
{
	DIR *dir = opendir(PCI_SYSFS);
	struct dirent *entry;

	LU_CHECK(dir, "%s: %m", PCI_SYSFS);
	set->nr = 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if ((vendor >= 0 && id_of(entry->d_name, "vendor") != vendor) ||
		    (device >= 0 && id_of(entry->d_name, "device") != device))
			continue;
		LU_CHECK(set->nr < PCI_MAX, "there are too many functions");
		snprintf(set->bdf[set->nr++], PCI_BDF, "%.15s", entry->d_name);
	}
	closedir(dir);
	qsort(set->bdf, set->nr, PCI_BDF, by_name);
}

int pci_bridges(const char *bdf, struct pci_set *set)
{
	char link[64 + PCI_BDF], *path, *name;

	snprintf(link, sizeof(link), PCI_SYSFS "%s", bdf);
	path = realpath(link, NULL);
	LU_CHECK(path, "%s: %m", link);
	set->nr = 0;
	for (name = strrchr(path, '/'); name; name = strrchr(path, '/')) {
		*name++ = '\0';
		if (strlen(name) == 12 && name[4] == ':' && strcmp(name, bdf))
			snprintf(set->bdf[set->nr++], PCI_BDF, "%.15s", name);
	}
	free(path);
	return set->nr;
}

const char *pci_path(const char *bdf, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), PCI_SYSFS "%s%s%s", bdf, file[0] ? "/" : "", file);
	return path;
}

bool pci_there(const char *bdf)
{
	return !access(pci_path(bdf, ""), F_OK);
}

const char *pci_attr(const char *bdf, const char *file)
{
	static char text[8192];

	snprintf(text, sizeof(text), "%s", lu_read(pci_path(bdf, file)));
	if (text[0] && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	return text;
}

static int try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int pci_try_set(const char *bdf, const char *file, const char *text)
{
	return try_write(pci_path(bdf, file), text);
}

void pci_set_attr(const char *bdf, const char *file, const char *text)
{
	int ret = pci_try_set(bdf, file, text);

	LU_CHECK(!ret, "%s of %s: %s", file, bdf, strerror(-ret));
}

const char *pci_driver(const char *bdf)
{
	static char target[256];
	ssize_t n = readlink(pci_path(bdf, "driver"), target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	return basename(target)[0] == '.' ? "" : basename(target);
}

void pci_unbind(const char *bdf)
{
	if (pci_driver(bdf)[0])
		pci_set_attr(bdf, "driver/unbind", bdf);
}

int pci_try_bind(const char *bdf, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", driver);
	return try_write(path, bdf);
}

void pci_bind_stub(const char *bdf)
{
	int ret;

	if (!strcmp(pci_driver(bdf), "pci-lu-stub"))
		return;
	pci_set_attr(bdf, "driver_override", "pci-lu-stub");
	pci_unbind(bdf);
	ret = pci_try_bind(bdf, "pci-lu-stub");
	LU_CHECK(!ret, "pci-lu-stub does not bind to %s: %s", bdf, strerror(-ret));
}

uint32_t pci_config(const char *bdf, int offset, int size)
{
	uint32_t value = 0;
	int fd = LU_OK(open(pci_path(bdf, "config"), O_RDONLY | O_CLOEXEC));

	LU_EQ(pread(fd, &value, size, offset), size);
	close(fd);
	return value;
}

int pci_try_config(const char *bdf, int offset, int size, uint32_t value)
{
	int fd = LU_OK(open(pci_path(bdf, "config"), O_WRONLY | O_CLOEXEC)), ret;

	ret = pwrite(fd, &value, size, offset) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int pci_capability(const char *bdf, int id)
{
	int pos = pci_config(bdf, 0x34, 1);

	while (pos && (int)pci_config(bdf, pos, 1) != id)
		pos = pci_config(bdf, pos + 1, 1);
	return pos;
}

int pci_ext_capability(const char *bdf, int id)
{
	int pos = 0x100;

	while (pos && (int)pci_config(bdf, pos, 2) != id)
		pos = pci_config(bdf, pos + 2, 2) >> 4;
	return pos;
}

uint64_t pci_bar(const char *bdf, int bar)
{
	const char *line = pci_attr(bdf, "resource");

	while (bar--)
		line = strchr(line, '\n') + 1;
	return strtoull(line, NULL, 16);
}

int pci_try_open(const char *bdf)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/pci-lu-stub/%s", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_open(const char *bdf)
{
	int fd = pci_try_open(bdf);

	LU_CHECK(fd >= 0, "/dev/pci-lu-stub/%s: %s", bdf, strerror(-fd));
	return fd;
}

volatile void *pci_map_bar(int fd, int bar, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PCI_LU_STUB_BAR(bar));

	LU_CHECK(p != MAP_FAILED, "BAR %d: %m", bar);
	return p;
}

int pci_try_map(int fd, int memfd, uint64_t offset, uint64_t length, uint64_t *address)
{
	struct pci_lu_stub_map arg = {
		.size = sizeof(arg), .fd = memfd, .offset = offset, .length = length,
	};
	int ret = luo_ioctl(fd, PCI_LU_STUB_MAP, &arg);

	*address = arg.address;
	return ret;
}

uint64_t pci_map(int fd, int memfd, uint64_t offset, uint64_t length)
{
	uint64_t address;
	int ret = pci_try_map(fd, memfd, offset, length, &address);

	LU_CHECK(!ret, "memory for the device: %s", strerror(-ret));
	return address;
}

int pci_try_unmap(int fd, uint64_t address)
{
	struct pci_lu_stub_unmap arg = { .size = sizeof(arg), .address = address };

	return luo_ioctl(fd, PCI_LU_STUB_UNMAP, &arg);
}

int pci_try_listen(int fd, int eventfd)
{
	struct pci_lu_stub_irq arg = { .size = sizeof(arg), .fd = eventfd };

	return luo_ioctl(fd, PCI_LU_STUB_IRQ, &arg);
}

struct pci_lu_stub_info pci_info(int fd)
{
	struct pci_lu_stub_info arg = { .size = sizeof(arg) };
	int ret = luo_ioctl(fd, PCI_LU_STUB_INFO, &arg);

	LU_CHECK(!ret, "PCI_LU_STUB_INFO: %s", strerror(-ret));
	return arg;
}

uint64_t pci_events(int eventfd, int ms)
{
	struct pollfd p = { .fd = eventfd, .events = POLLIN };
	uint64_t count = 0;

	if (LU_OK(poll(&p, 1, ms)))
		LU_EQ(read(eventfd, &count, sizeof(count)), sizeof(count));
	return count;
}

/* The host */

static const char *config_hex(const char *bdf)
{
	static char hex[2 * 4096 + 1];
	unsigned char bytes[4096];
	int fd = LU_OK(open(pci_path(bdf, "config"), O_RDONLY | O_CLOEXEC));
	ssize_t n = read(fd, bytes, sizeof(bytes));

	LU_CHECK(n >= 256, "the configuration space of %s has %zd bytes", bdf, n);
	close(fd);
	for (ssize_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	return hex;
}

/* The device has one opener at a time, and these tests need it for a moment only. */
int pci_create(const char *name)
{
	int dev = luo_open(), session = luo_create(dev, name);

	close(dev);
	return session;
}

int pci_retrieve(const char *name)
{
	int dev = luo_open(), session = luo_retrieve(dev, name);

	close(dev);
	return session;
}

/* In one word; without the flag that keeps what is incoming from being moved. */
static const char *resources(const char *bdf)
{
	const unsigned long long fixed = 0x10; /* IORESOURCE_PCI_FIXED */
	unsigned long long start, end, flags;
	static char text[4096];
	const char *line = pci_attr(bdf, "resource");
	int len = 0;

	for (; line && sscanf(line, "%llx %llx %llx", &start, &end, &flags) == 3;
	     line = strchr(line + 1, '\n')) {
		len += snprintf(text + len, sizeof(text) - len, "%#llx-%#llx/%#llx,", start,
				end, flags & ~fixed);
		LU_CHECK(len < (int)sizeof(text), "%s has many resources", bdf);
	}
	LU_CHECK(len, "%s has no resources", bdf);
	return text;
}

static void watch_one(const char *bdf)
{
	lu_host("watch %s %s", bdf, config_hex(bdf));
	lu_host("put %s %s", bdf, resources(bdf));
}

void pci_watch(const char *bdf)
{
	struct pci_set above;

	pci_bridges(bdf, &above);
	for (int i = 0; i < above.nr; i++)
		watch_one(above.bdf[i]);
	watch_one(bdf);
}

void pci_compare_one(const char *bdf)
{
	const char *found;

	LU_CHECK(pci_there(bdf), "%s is not there", bdf);
	found = lu_host("compare %s %s", bdf, config_hex(bdf));
	LU_CHECK(!strcmp(found, "same"), "configuration: %s", found);
	found = lu_host("get %s", bdf);
	LU_CHECK(!strcmp(found, resources(bdf)), "the resources of %s are %s, were %s", bdf,
		 resources(bdf), found);
}

void pci_compare(const char *bdf)
{
	struct pci_set above;

	pci_bridges(bdf, &above);
	for (int i = 0; i < above.nr; i++)
		pci_compare_one(above.bdf[i]);
	pci_compare_one(bdf);
}

void pci_audit(const char *from, const char *to)
{
	const char *found = lu_host("audit %s %s", from, to);

	LU_CHECK(!strncmp(found, "clean", 5), "configuration writes from %s to %s:\n%s", from, to,
		 found);
	lu_note("writes from %s to %s: %s", from, to, found);
}

void pci_leave(const struct pci_set *set)
{
	for (int i = 0; i < set->nr; i++)
		pci_watch(set->bdf[i]);
	lu_host("mark preserved");
}

void pci_arrive(const struct pci_set *set)
{
	const char *found;

	lu_host("text frozen Starting new kernel");
	lu_host("text jump Linux version");
	lu_host("text scan PCI host bridge to bus");
	lu_host("mark up");

	pci_audit("preserved", "frozen");
	pci_audit("frozen", "jump");
	pci_audit("jump", "up");
	found = lu_host("mappings preserved up");
	LU_CHECK(!strcmp(found, "0"), "BAR mappings changed: %s", found);
	found = lu_host("resets preserved up");
	LU_CHECK(!strcmp(found, "0"), "something was reset: %s", found);
	for (int i = 0; i < set->nr; i++)
		pci_compare(set->bdf[i]);
}
