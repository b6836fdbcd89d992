/* What GCC calls with -fsanitize=kernel-address. The names and arguments are the compiler's. */
#include "check/memory.h"
#include "check/shadow.h"
#include "check/strings.h"
#include "lib/string.h"
#include "smp/races.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

/* -- reports -------------------------------------------------------------------------- */

/* The record behind the red or freed granule at `addr`; NULL: it is the heap's own. */
static const struct block_record *record_after(u32 addr)
{
	u8 code;

	for (addr = ALIGN_DOWN(addr, SHADOW_GRANULE); ; addr += SHADOW_GRANULE) {
		code = shadow_of(addr);
		if (code == SHADOW_END)
			return (const void *)(addr + SHADOW_GRANULE - sizeof(struct block_record));
		if (code != SHADOW_RED && code != SHADOW_FREE && !(code && code < SHADOW_GRANULE))
			return NULL;
	}
}

/* The first byte of the red zone that `addr` is in. */
static u32 red_zone_start(u32 addr)
{
	u32 at = ALIGN_DOWN(addr, SHADOW_GRANULE);
	u8 code;

	while (shadow_of(at - SHADOW_GRANULE) >= SHADOW_RED && shadow_of(at - SHADOW_GRANULE) != SHADOW_END)
		at -= SHADOW_GRANULE;
	code = shadow_of(at);
	if (code && code < SHADOW_GRANULE)
		return at + code;
	code = shadow_of(at - SHADOW_GRANULE);
	return code && code < SHADOW_GRANULE ? at - SHADOW_GRANULE + code : at;
}

static void print_block(u32 addr, const struct block_record *r, bool freed)
{
	char where[112];

	if (!freed)
		printk("0x%08x is %u bytes behind a block of %u bytes\n", addr, addr - red_zone_start(addr), r->size);
	else
		printk("0x%08x is in a block of %u bytes that was freed\n", addr, r->size);
	symbolise(r->allocated_at - 1, where, sizeof(where));
	printk("allocated by %s\n", where);
	if (!freed)
		return;
	symbolise(r->freed_at - 1, where, sizeof(where));
	printk("freed by %s\n", where);
}

static noinline void report(u32 addr, u32 size, bool write, u32 ip)
{
	bool freed = shadow_of(addr) == SHADOW_FREE;
	const struct block_record *r = record_after(addr);
	char where[112];

	if (r)
		print_block(addr, r, freed);
	symbolise(ip - 1, where, sizeof(where));
	panic("%s: %s of %u byte%s at 0x%08x by %s", !r ? "heap memory that is not allocated" :
	      freed ? "use after kfree()" : "past the end of a block", write ? "write" : "read",
	      size, size == 1 ? "" : "s", addr, where);
}

/* -- the look ------------------------------------------------------------------------- */

/* The first byte of [addr, addr + size) that may not be used; 0: none. */
static noinline u32 first_bad(u32 addr, u32 size)
{
	for (u32 at = addr; at < addr + size; at++) {
		u8 code = shadow_of(at);

		if (code && (code >= SHADOW_GRANULE || (at & (SHADOW_GRANULE - 1)) >= code))
			return at;
	}
	return 0;
}

static always_inline bool granule_is_open(u32 addr)
{
	u32 i = shadow_index(addr);

	return i >= SHADOW_PAGES || !shadow_page[i] || !*shadow_byte(addr);
}

static always_inline void check(u32 addr, u32 size, bool write, u32 ip)
{
	u32 bad;

	race_at(RACE_ACCESS);
	if (likely(granule_is_open(addr) && granule_is_open(addr + size - 1)))
		return;
	bad = first_bad(addr, size);
	if (unlikely(bad) && !panicked_at.eip)
		report(bad, size, write, ip);
}

static void check_range(u32 addr, u32 size, bool write, u32 ip)
{
	u32 at;

	for (at = addr; size && at < addr + size; at = ALIGN_DOWN(at, SHADOW_GRANULE) + SHADOW_GRANULE)
		if (!granule_is_open(at) && first_bad(at, MIN(addr + size - at, SHADOW_GRANULE - (at & (SHADOW_GRANULE - 1)))))
			break;
	if (size && at < addr + size && !panicked_at.eip)
		report(first_bad(at, SHADOW_GRANULE), size, write, ip);
}

#define HERE (u32)__builtin_return_address(0)

#define CALLS(n)                                                                \
void __asan_load##n##_noabort(const void *p);                                   \
void __asan_load##n##_noabort(const void *p)  { check((u32)p, n, false, HERE); } \
void __asan_store##n##_noabort(const void *p);                                  \
void __asan_store##n##_noabort(const void *p) { check((u32)p, n, true, HERE); }
CALLS(1)
CALLS(2)
CALLS(4)
CALLS(8)
CALLS(16)
void __asan_loadN_noabort(const void *p, u32 n);
void __asan_loadN_noabort(const void *p, u32 n)  { check_range((u32)p, n, false, HERE); }
void __asan_storeN_noabort(const void *p, u32 n);
void __asan_storeN_noabort(const void *p, u32 n) { check_range((u32)p, n, true, HERE); }
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) { }

/* -- strings: lib/string.c is not instrumented, its callers call these ------------------ */

void *checked_memcpy(void *dst, const void *src, size_t n)
{
	check_range((u32)src, n, false, HERE);
	check_range((u32)dst, n, true, HERE);
	return (memcpy)(dst, src, n);
}

void *checked_memmove(void *dst, const void *src, size_t n)
{
	check_range((u32)src, n, false, HERE);
	check_range((u32)dst, n, true, HERE);
	return (memmove)(dst, src, n);
}

void *checked_memset(void *dst, int byte, size_t n)
{
	check_range((u32)dst, n, true, HERE);
	return (memset)(dst, byte, n);
}

size_t checked_strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	check_range((u32)src, len + 1, false, HERE);
	check_range((u32)dst, MIN(len + 1, size), true, HERE);
	return (strlcpy)(dst, src, size);
}
