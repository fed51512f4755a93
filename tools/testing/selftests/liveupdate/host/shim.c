// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the host build of kernel/liveupdate.
 *
 * Physical memory is a row of page frames from HOST_PHYS_BASE on. Behind each
 * page there is an inaccessible one. A page that is not allocated is poisoned,
 * and has no address.
 */
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size)	((void)(addr))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size)	((void)(addr))
#endif

int host_fail_after = -1;
unsigned int host_pages_live;
unsigned int host_warnings;

static char *memory;
static bool allocated[HOST_PAGES];
static unsigned int free_list[HOST_PAGES], nr_free;

static void __attribute__((constructor)) memory_init(void)
{
	unsigned int i;

	memory = mmap(NULL, HOST_PAGES * HOST_STRIDE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	ASAN_POISON_MEMORY_REGION(memory, HOST_PAGES * HOST_STRIDE);
	for (i = HOST_PAGES - HOST_AREA_PAGES; i--;)
		free_list[nr_free++] = i;
}

static bool may_allocate(void)
{
	if (!host_fail_after)
		return false;
	if (host_fail_after > 0)
		host_fail_after--;
	return true;
}

static void *allocate(unsigned int pfn)
{
	void *page = memory + pfn * HOST_STRIDE;

	allocated[pfn] = true;
	host_pages_live++;
	ASAN_UNPOISON_MEMORY_REGION(page, PAGE_SIZE);
	return memset(page, 0, PAGE_SIZE);
}

void *host_page_alloc(void)
{
	if (!nr_free) {
		fprintf(stderr, "no more memory\n");
		abort();
	}
	return may_allocate() ? allocate(free_list[--nr_free]) : NULL;
}

/* Page number @i of the area, which must be free. Never fails. */
void *host_area_alloc(unsigned int i)
{
	unsigned int pfn = HOST_PAGES - HOST_AREA_PAGES + i;

	if (i >= HOST_AREA_PAGES || allocated[pfn])
		abort();
	return allocate(pfn);
}

void host_page_free(void *page)
{
	unsigned long pfn = PHYS_PFN(virt_to_phys(page) - HOST_PHYS_BASE);

	if ((char *)page != memory + pfn * HOST_STRIDE || !allocated[pfn]) {
		fprintf(stderr, "bad free of a page\n");
		abort();
	}
	allocated[pfn] = false;
	if (pfn < HOST_PAGES - HOST_AREA_PAGES)
		free_list[nr_free++] = pfn;
	host_pages_live--;
	ASAN_POISON_MEMORY_REGION(page, PAGE_SIZE);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	return may_allocate() ? malloc(size) : NULL;
}

bool host_page_exists(phys_addr_t phys)
{
	return phys >= HOST_PHYS_BASE &&
	       PHYS_PFN(phys - HOST_PHYS_BASE) < HOST_PAGES &&
	       allocated[PHYS_PFN(phys - HOST_PHYS_BASE)];
}

phys_addr_t virt_to_phys(const void *virt)
{
	unsigned long offset = (const char *)virt - memory;

	if (offset / HOST_STRIDE >= HOST_PAGES ||
	    offset % HOST_STRIDE >= PAGE_SIZE) {
		fprintf(stderr, "virt_to_phys() of what is not in memory\n");
		abort();
	}
	return HOST_PHYS_BASE + offset / HOST_STRIDE * PAGE_SIZE +
	       offset % HOST_STRIDE;
}

void *phys_to_virt(phys_addr_t phys)
{
	unsigned long offset = phys - HOST_PHYS_BASE;

	if (!host_page_exists(phys)) {
		fprintf(stderr, "phys_to_virt(0x%llx), where there is nothing\n",
			phys);
		abort();
	}
	return memory + offset / PAGE_SIZE * HOST_STRIDE + offset % PAGE_SIZE;
}

unsigned long host_find_next(const unsigned long *addr, unsigned long size,
			     unsigned long from, unsigned long invert)
{
	unsigned long word;

	while (from < size) {
		word = (addr[from / 64] ^ invert) >> from % 64;
		if (word)
			return min(from + __builtin_ctzl(word), size);
		from = (from / 64 + 1) * 64;
	}
	return size;
}

bool host_warn(const char *file, int line, const char *what)
{
	host_warnings++;
	fprintf(stderr, "WARNING: %s:%d: %s\n", file, line, what);
	return true;
}

host_fn (*host_stub)(host_fn real);
