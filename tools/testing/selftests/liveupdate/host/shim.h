/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as the pure parts of kernel/liveupdate and their KUnit
 * tests need in order to run as an ordinary program. Stands in for each header
 * that they include, but those which are part of what is tested.
 *
 * There is physical memory, whose pages have a distance from one another:
 * phys_to_virt() of a page that is not allocated ends the program, and so does
 * (with ASan) an access beyond a page. See shim.c.
 */
#ifndef HOST_SHIM_H
#define HOST_SHIM_H

#include <asm-generic/errno.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

#define CONFIG_KEXEC_HANDOVER	1
#define CONFIG_KUNIT		1
#define CONFIG_TRANSPARENT_HUGEPAGE	1
#define IS_ENABLED(option)	(option)

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef u64 phys_addr_t;
typedef unsigned int gfp_t;

/* As the uapi headers call them. */
typedef u8 __u8;
typedef u32 __u32;
typedef int32_t __s32;
typedef u64 __aligned_u64 __attribute__((aligned(8)));

/* Compiler, bits and numbers */

#define __packed		__attribute__((packed))
#define __noreturn		__attribute__((noreturn))
#define __maybe_unused		__attribute__((unused))
#define static_assert(expr, ...) _Static_assert(expr, #expr)
#define __ref
#define noinline __attribute__((noinline))
#define EXPORT_SYMBOL_GPL(sym)	extern typeof(sym) sym
#define VISIBLE_IF_KUNIT
#define fallthrough		__attribute__((fallthrough))
#define __aligned(x)		__attribute__((aligned(x)))

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define IS_ALIGNED(x, a)	(((x) & ((typeof(x))(a) - 1)) == 0)
#define ALIGN(x, a)		(((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile typeof(x) *)&(x) = (val))
#define lower_32_bits(x)	((u32)(x))
#define BIT(n)			(1UL << (n))
#define BITS_PER_BYTE		8
#define BITS_PER_LONG		64
#define const_ilog2(n)		(63 - __builtin_clzll(n))
#define ilog2(n)		const_ilog2(n)
#define __ffs(n)		((unsigned long)__builtin_ctzl(n))

#define min(a, b) ({				\
	__auto_type __min_a = (a);		\
	__auto_type __min_b = (b);		\
						\
	__min_a < __min_b ? __min_a : __min_b;	\
})
#define max(a, b) ({				\
	__auto_type __max_a = (a);		\
	__auto_type __max_b = (b);		\
						\
	__max_a > __max_b ? __max_a : __max_b;	\
})
#define min_t(type, a, b)	min((type)(a), (type)(b))

#define get_unaligned(ptr) ({						\
	const struct { typeof(*(ptr)) __val; } __packed *__ptr =	\
		(const void *)(ptr);					\
									\
	__ptr->__val;							\
})

#define get_unaligned_le16(ptr)	get_unaligned((const u16 *)(ptr))
#define get_unaligned_le32(ptr)	get_unaligned((const u32 *)(ptr))

#define hweight64(w)		__builtin_popcountll(w)
#define SZ_4K			0x1000
#define U32_MAX			UINT32_MAX
#define U64_MAX			(~0ULL)
#define NSEC_PER_SEC		1000000000L
#define MAX_LFS_FILESIZE	LLONG_MAX
#define div64_u64(a, b)		((a) / (b))
#define abs_diff(a, b) ({			\
	__auto_type __diff_a = (a);		\
	__auto_type __diff_b = (b);		\
						\
	__diff_a > __diff_b ? __diff_a - __diff_b : __diff_b - __diff_a; \
})
#define BIT_ULL(n)		(1ULL << (n))

/* As the CPU's instruction: what does not fit is no result. */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 mul, u64 div)
{
	unsigned __int128 result = (unsigned __int128)a * mul / div;

	if (result >> 64)
		abort();
	return result;
}

static inline long host_strscpy(char *dest, const char *src, size_t size)
{
	size_t len = strnlen(src, size);

	if (len < size)
		memcpy(dest, src, len + 1);
	return len < size ? (long)len : -E2BIG;
}

#define strscpy(dest, src)	host_strscpy(dest, src, sizeof(dest))

static inline bool test_bit(unsigned long nr, const unsigned long *addr)
{
	return addr[nr / BITS_PER_LONG] >> nr % BITS_PER_LONG & 1;
}

static inline void __set_bit(unsigned long nr, unsigned long *addr)
{
	addr[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
}

static inline void __clear_bit(unsigned long nr, unsigned long *addr)
{
	addr[nr / BITS_PER_LONG] &= ~BIT(nr % BITS_PER_LONG);
}

unsigned long host_find_next(const unsigned long *addr, unsigned long size,
			     unsigned long from, unsigned long invert);
#define find_next_bit(addr, size, from)	host_find_next(addr, size, from, 0)
#define find_next_zero_bit(addr, size, from)			\
	host_find_next(addr, size, from, ~0UL)
#define for_each_set_bit(bit, addr, size)			\
	for ((bit) = 0;						\
	     (bit) = find_next_bit(addr, size, bit), (bit) < (size); (bit)++)

/* Errors */

#define MAX_ERRNO	4095
#define IS_ERR(ptr)	((unsigned long)(ptr) >= (unsigned long)-MAX_ERRNO)
#define PTR_ERR(ptr)	((long)(ptr))
#define ERR_PTR(err)	((void *)(long)(err))

extern unsigned int host_warnings;
bool host_warn(const char *file, int line, const char *what);
#define WARN_ON(cond) \
	((cond) ? host_warn(__FILE__, __LINE__, #cond) : false)
#define WARN_ON_ONCE(cond)	WARN_ON(cond)

/* Locks: one thread, so that a lock that is taken twice is a bug. */

struct lock_class_key { char unused; };

struct mutex { bool locked; };

#define lockdep_assert_held(lock)	((lock)->locked ? (void)0 : abort())

static inline void __mutex_init(struct mutex *lock, const char *name,
				struct lock_class_key *key)
{
	lock->locked = false;
}

static inline struct mutex *host_lock(struct mutex *lock)
{
	if (lock->locked)
		abort();
	lock->locked = true;
	return lock;
}

static inline void host_unlock(struct mutex **lock)
{
	(*lock)->locked = false;
}

#define HOST_GUARD_NAME2(line)	__guard_##line
#define HOST_GUARD_NAME(line)	HOST_GUARD_NAME2(line)
#define guard(type)							\
	struct type *HOST_GUARD_NAME(__LINE__) __maybe_unused		\
		__attribute__((cleanup(host_unlock))) = host_lock
#define scoped_guard(type, lock)					\
	for (struct type *__scope __attribute__((cleanup(host_unlock))) = \
	     host_lock(lock), *__once = __scope; __once; __once = NULL)

/* Lists */

struct list_head { struct list_head *next, *prev; };

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry_or_null(head, type, member)	\
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_last_entry(head, type, member)	\
	list_entry((head)->prev, type, member)
#define list_next_entry(pos, member)	\
	list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_prev_entry(pos, member)	\
	list_entry((pos)->member.prev, typeof(*(pos)), member)
#define list_for_each_entry(pos, head, member)				\
	for (pos = list_entry((head)->next, typeof(*pos), member);	\
	     &pos->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_entry((head)->next, typeof(*pos), member),	\
	     n = list_next_entry(pos, member); &pos->member != (head);	\
	     pos = n, n = list_next_entry(n, member))

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_first(const struct list_head *entry,
				 const struct list_head *head)
{
	return entry->prev == head;
}

static inline bool list_is_last(const struct list_head *entry,
				const struct list_head *head)
{
	return entry->next == head;
}

static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	entry->next = head;
	entry->prev = head->prev;
	head->prev->next = entry;
	head->prev = entry;
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = NULL;
	entry->prev = NULL;
}

/* Memory */

#ifndef PAGE_SHIFT
#define PAGE_SHIFT	12
#endif
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PFN_UP(x)	(((x) >> PAGE_SHIFT) + !!((x) & (PAGE_SIZE - 1)))
#define PFN_PHYS(x)	((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x)	((unsigned long)((x) >> PAGE_SHIFT))

#define GFP_KERNEL	0
#define __GFP_NOWARN	0
#define MAX_PAGE_ORDER	10

/*
 * All of the page frames. The last ones are allocated only by their number, so that
 * they can be made to follow one another.
 */
#define HOST_PHYS_BASE	0x100000000ULL
#define HOST_PAGES	(16384UL >> (PAGE_SHIFT - 12))
#define HOST_AREA_PAGES	(2048UL >> (PAGE_SHIFT - 12))
#define HOST_AREA	(HOST_PHYS_BASE + (HOST_PAGES - HOST_AREA_PAGES) * PAGE_SIZE)
#define HOST_STRIDE	(2 * PAGE_SIZE)
#define max_pfn		(PHYS_PFN(HOST_PHYS_BASE) + HOST_PAGES)

/* -1: allocations never fail; n: the one after the next n ones fails, and on */
extern int host_fail_after;
extern unsigned int host_pages_live;

void *host_page_alloc(void);
void *host_area_alloc(unsigned int i);
void host_page_free(void *page);
bool host_page_exists(phys_addr_t phys);
phys_addr_t virt_to_phys(const void *virt);
void *phys_to_virt(phys_addr_t phys);

static inline unsigned long get_zeroed_page(gfp_t gfp)
{
	return (unsigned long)host_page_alloc();
}

static inline void free_page(unsigned long page)
{
	host_page_free((void *)page);
}

void *kmalloc(size_t size, gfp_t gfp);
#define kfree(ptr)			free(ptr)
#define kvmalloc_array(n, size, gfp)	kmalloc((n) * (size), gfp)
#define kvfree(ptr)			free(ptr)
#define cond_resched()			do { } while (0)

static inline void host_free_kvfree(void *ptr)
{
	kvfree(*(void **)ptr);
}

#define __free(name)	__attribute__((cleanup(host_free_##name)))
#define no_free_ptr(ptr) ({			\
	__auto_type __ptr = (ptr);		\
						\
	(ptr) = NULL;				\
	__ptr;					\
})

/* Both phases of memory allocation are the same here. */
#define slab_is_available()		true
#define memblock_alloc(size, align)	host_page_alloc()
#define memblock_free(ptr, size)	host_page_free(ptr)

/* A page is its own struct page, and the next one's follows it. */
struct page {
	union {
		unsigned long private;
		char memory[HOST_STRIDE];
	};
};

struct folio {
	struct page page;
};

#define virt_to_page(virt)		((struct page *)(virt))
#define page_address(page)		((void *)(page))
#define pfn_to_page(pfn)		virt_to_page(phys_to_virt(PFN_PHYS(pfn)))
#define pfn_folio(pfn)			((struct folio *)pfn_to_page(pfn))
#define PageReserved(page)		false
#define free_reserved_page(page)	abort()
#define alloc_page(gfp)			((struct page *)host_page_alloc())
#define __free_page(page)		host_page_free(page)

bool folio_test_large(struct folio *folio);
unsigned long folio_nr_pages(struct folio *folio);
void folio_set_large_rmappable(struct folio *folio);

/* KHO that is not pure: made by whoever needs it, see preserved.c and fuzz_block.c. */
struct folio *kho_restore_folio_near(phys_addr_t phys, struct folio *near);
int kho_preserve_pages(struct page *page, unsigned long nr_pages);
void kho_unpreserve_pages(struct page *page, unsigned long nr_pages);
void *kho_alloc_preserve(size_t size);
void kho_unpreserve_free(void *mem);
void kho_restore_free(void *mem);

/* KUnit, see kunit.c */

struct kunit {
	void *priv;
	const char *name;
	const char *skipped;
	unsigned int failures;
	jmp_buf abort;
	void **allocs;
	size_t nr_allocs;
};

struct kunit_case {
	void (*run)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
	struct kunit_suite *next;
};

#define KUNIT_CASE(fn)	{ fn, #fn }
#define kunit_test_suite(suite)						\
static void __attribute__((constructor)) host_register_##suite(void)	\
{									\
	host_kunit_register(&(suite));					\
}									\
struct kunit_suite

void host_kunit_register(struct kunit_suite *suite);
struct kunit *kunit_get_current_test(void);
void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp);
void host_kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

typedef void (*host_fn)(void);
extern host_fn (*host_stub)(host_fn real);
void host_stub_set(host_fn real, host_fn replacement);
#define KUNIT_STATIC_STUB_REDIRECT(fn, ...) do {			\
	typeof(&fn) __stub = host_stub ?				\
		(typeof(&fn))host_stub((host_fn)fn) : NULL;		\
									\
	if (__stub)							\
		return __stub(__VA_ARGS__);				\
} while (0)
#define kunit_activate_static_stub(test, fn, replacement) do {		\
	typeof(&fn) __replacement = replacement;			\
									\
	host_stub_set((host_fn)fn, (host_fn)__replacement);		\
} while (0)
#define kunit_deactivate_static_stub(test, fn)	\
	host_stub_set((host_fn)fn, NULL)
#define kunit_skip(test, why) do {					\
	(test)->skipped = why;						\
	longjmp((test)->abort, 1);					\
} while (0)

#define HOST_BINARY(test, fatal, a, op, b) do {				\
	__auto_type __a = (a);						\
	__auto_type __b = (b);						\
									\
	if (!(__a op __b))						\
		host_kunit_fail(test, fatal, __FILE__, __LINE__,	\
				"%s %s %s, but 0x%llx and 0x%llx",	\
				#a, #op, #b, (u64)__a, (u64)__b);	\
} while (0)
#define HOST_TRUE(test, fatal, cond) do {				\
	if (!(cond))							\
		host_kunit_fail(test, fatal, __FILE__, __LINE__, "%s", #cond); \
} while (0)

#define KUNIT_FAIL(test, msg)	\
	host_kunit_fail(test, false, __FILE__, __LINE__, msg)
#define KUNIT_EXPECT_EQ(test, a, b)	HOST_BINARY(test, false, a, ==, b)
#define KUNIT_EXPECT_NE(test, a, b)	HOST_BINARY(test, false, a, !=, b)
#define KUNIT_EXPECT_LT(test, a, b)	HOST_BINARY(test, false, a, <, b)
#define KUNIT_EXPECT_LE(test, a, b)	HOST_BINARY(test, false, a, <=, b)
#define KUNIT_EXPECT_GT(test, a, b)	HOST_BINARY(test, false, a, >, b)
#define KUNIT_EXPECT_GE(test, a, b)	HOST_BINARY(test, false, a, >=, b)
#define KUNIT_EXPECT_EQ_MSG(test, a, b, ...)	KUNIT_EXPECT_EQ(test, a, b)
#define KUNIT_EXPECT_NE_MSG(test, a, b, ...)	KUNIT_EXPECT_NE(test, a, b)
#define KUNIT_EXPECT_TRUE(test, cond)	HOST_TRUE(test, false, cond)
#define KUNIT_EXPECT_FALSE(test, cond)	HOST_TRUE(test, false, !(cond))
#define KUNIT_EXPECT_NULL(test, ptr)	HOST_TRUE(test, false, !(ptr))
#define KUNIT_EXPECT_NOT_NULL(test, ptr) HOST_TRUE(test, false, !!(ptr))
#define KUNIT_EXPECT_PTR_EQ(test, a, b)	HOST_TRUE(test, false, (a) == (b))
#define KUNIT_EXPECT_STREQ(test, a, b) do {				\
	const char *__a = (a), *__b = (b);				\
									\
	if (strcmp(__a, __b))						\
		host_kunit_fail(test, false, __FILE__, __LINE__,	\
				"%s is \"%s\", but \"%s\"", #a, __b, __a); \
} while (0)
#define KUNIT_EXPECT_MEMEQ(test, a, b, size)	\
	HOST_TRUE(test, false, !memcmp(a, b, size))
#define KUNIT_ASSERT_EQ(test, a, b)	HOST_BINARY(test, true, a, ==, b)
#define KUNIT_ASSERT_NE(test, a, b)	HOST_BINARY(test, true, a, !=, b)
#define KUNIT_ASSERT_LT(test, a, b)	HOST_BINARY(test, true, a, <, b)
#define KUNIT_ASSERT_GT(test, a, b)	HOST_BINARY(test, true, a, >, b)
#define KUNIT_ASSERT_TRUE(test, cond)	HOST_TRUE(test, true, cond)
#define KUNIT_ASSERT_NOT_NULL(test, ptr) HOST_TRUE(test, true, !!(ptr))
#define KUNIT_ASSERT_NULL(test, ptr)	HOST_TRUE(test, true, !(ptr))

#endif /* HOST_SHIM_H */
