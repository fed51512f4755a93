// SPDX-License-Identifier: GPL-2.0
/* formats_common: kernels that differ in their table of formats; see formats_common.h. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats_common.h"
#include "luo_common.h"

/* As in include/linux/liveupdate_format.h. */
#define FLAG_CMDLINE	4

static uint32_t get32(const struct formats_image *image, size_t at)
{
	uint32_t value;

	LU_CHECK(at + 4 <= image->size, "%#zx is not in the image", at);
	memcpy(&value, image->data + at, 4);
	return value;
}

/* As Documentation/arch/x86/boot.rst says where it is. */
static void find_table(struct formats_image *image)
{
	size_t code, info, at, end, size;

	LU_CHECK(!memcmp(image->data + 0x202, "HdrS", 4), "no bzImage");
	code = ((image->data[0x1f1] ?: 4) + 1) * 512;
	info = code + get32(image, 0x268);
	LU_CHECK(info < image->size && !memcmp(image->data + info, "LToP", 4), "no kernel_info");
	end = info + get32(image, info + 8);
	LU_CHECK(end <= image->size, "kernel_info ends at %#zx", end);
	for (at = info + get32(image, info + 4); at + 8 <= end; at += size) {
		size = get32(image, at + 4);
		LU_CHECK(size >= 8 && size <= end - at, "an item of %zu bytes", size);
		if (memcmp(image->data + at, "LUft", 4))
			continue;
		image->item = image->data + at;
		image->head = (struct formats_head *)(image->item + 8);
		LU_CHECK(!strcmp(image->head->magic, "LiveUpdateTable"), "it is no table");
		LU_EQ(image->head->size, size - 8);
		return;
	}
	LU_FAIL("the image has no table of formats");
}

struct formats_image formats_read(const char *path)
{
	struct formats_image image = { };
	int fd = LU_OK(open(path, O_RDONLY | O_CLOEXEC));
	struct stat st;
	ssize_t n;

	LU_OK(fstat(fd, &st));
	image.data = malloc(st.st_size);
	LU_CHECK(image.data, "no memory for %s", path);
	while ((n = read(fd, image.data + image.size, st.st_size - image.size)) > 0)
		image.size += n;
	close(fd);
	LU_EQ(image.size, st.st_size);
	find_table(&image);
	return image;
}

void formats_write(const struct formats_image *image, const char *path)
{
	int fd = LU_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

	for (size_t at = 0; at < image->size;)
		at += LU_OK(write(fd, image->data + at, image->size - at));
	close(fd);
}

struct formats_entry *formats_entry(const struct formats_image *image, unsigned int i)
{
	size_t at = image->head->head_size + (size_t)i * image->head->entry_size;

	return at < image->head->size ? (void *)((uint8_t *)image->head + at) : NULL;
}

struct formats_entry *formats_find(const struct formats_image *image, const char *name)
{
	struct formats_entry *entry;

	for (unsigned int i = 0; (entry = formats_entry(image, i)); i++)
		if (!strcmp(entry->name, name))
			return entry;
	LU_FAIL("there is no format %s in the table", name);
}

void formats_rename(const struct formats_image *image, const char *from, const char *to)
{
	struct formats_entry *entry = formats_find(image, from);

	memset(entry->name, 0, sizeof(entry->name));
	snprintf(entry->name, sizeof(entry->name), "%s", to);
}

void formats_jump_unsure(struct lu_run *run)
{
	struct formats_image image = formats_read("/boot/bzImage");

	image.head->flags |= FLAG_CMDLINE;
	strcpy(run->image, "/tmp/unsure");
	formats_write(&image, run->image);
	free(image.data);
}

int formats_refused(const char *session, unsigned long long token, const char *lacks)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "luo: session %s: the file with token %#llx cannot go over: the loaded kernel %s.",
		 session, token, lacks);
	return luo_log_count(text, NULL, 0);
}

int formats_luctl_check(const char *image, const char *said)
{
	static const char output[] = "/tmp/luctl-check";
	int status, fd;
	pid_t pid;

	fd = LU_OK(open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	pid = LU_OK(fork());
	if (!pid) {
		dup2(fd, 1);
		dup2(fd, 2);
		execl("/lu/lu_ctl", "luctl", "check", image, NULL);
		_exit(125);
	}
	close(fd);
	LU_OK(waitpid(pid, &status, 0));
	LU_CHECK(WIFEXITED(status), "luctl check was ended by a signal");
	LU_CHECK(strstr(lu_read(output), said), "no '%s' in: %s", said, lu_read(output));
	return WEXITSTATUS(status);
}
