/* Where: at 64 MiB, or else at 32, 16 or 8 MiB, the first of them that the memory map has and no boot module
 * covers. A fixed place is found again although firmware draws its map a little differently each time. What
 * runs before the kernel works at both ends of memory: firmware and GRUB's heap take it from the top
 * down, the image, GRUB's own code and some firmware's first phase (OVMF: 8 to 24 MiB) lie at the bottom. The
 * loader clears nothing there, as it would the image's bss.
 *
 * What it does not survive: loss of power, a firmware that tests or clears memory at a reset, scrambles it by a
 * new key, or was asked to (TCG Memory Overwrite Request), and another system that ran meanwhile. Then
 * the check fails, or the lines are old; no UEFI variable is written, as flash wears out and some
 * firmware does not start again when they are full.
 *
 * A reset drops what is in the caches only, so each line is written back (CLFLUSH) as it is said. */
#include "x86/last_log.h"
#include "lib/string.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/log.h"
#include "x86/paging.h"
#include "x86/rawlock.h"

#define SIZE       16384u		/* a power of two */
#define MAGIC      0x31474f4cu		/* "LOG1" */
#define MAX_LINES  40			/* that are shown after a panic */
#define SOME_LINES 10			/* and after a run that said nothing of its end */
#define MARK       '|'			/* before lines of an earlier run, which are not shown again */
#define CACHE_LINE 32			/* bytes; none is shorter where there is CLFLUSH */
#define CPUID1_EDX_CLFSH (1u << 19)

struct record {
	u32 magic, end, not_end;	/* characters so far, and its complement */
	u32 sum;			/* of text[i] * (2 i + 1) */
	char text[SIZE];		/* the last SIZE of them: number n is at n % SIZE */
};

extern char __kernel_end[];

static struct record *record;		/* NULL: none, or not yet; fixed after init */
static bool has_clflush;

/* -- where ---------------------------------------------------------------------------- */

static bool is_usable(u64 start, u64 end)
{
	bool usable = false;

	for (u32 i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		bool meets = r->start < end && r->start + r->len > start;

		if (meets && !r->usable)
			return false;
		usable |= r->usable && r->start <= start && r->start + r->len >= end;
	}
	return usable;
}

static bool is_taken(u64 start, u64 end)
{
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		if (boot_info.module[i].start < end && boot_info.module[i].end > start)
			return true;
	return start < virt_to_phys(__kernel_end);
}

static struct record *find_place(void)
{
	static const u8 mib[] = { 64, 32, 16, 8 };

	for (u32 i = 0; i < ARRAY_SIZE(mib); i++) {
		u32 start = (u32)mib[i] << 20, end = start + sizeof(struct record);

		if (is_usable(start, end) && !is_taken(start, end))
			return phys_to_virt(start);
	}
	return NULL;
}

void last_log_place(paddr_t *start, paddr_t *end)
{
	*start = record ? virt_to_phys(record) : 0;
	*end = record ? *start + sizeof(*record) : 0;
}

/* -- keeping it ------------------------------------------------------------------------- */

static u32 sum_of(const struct record *r)
{
	u32 sum = 0;

	for (u32 i = 0; i < SIZE; i++)
		sum += (u8)r->text[i] * (2 * i + 1);
	return sum;
}

static void write_back(const void *p)
{
	if (has_clflush)
		__asm__ volatile("clflush %0" :: "m"(*(const char *)p) : "memory");
}

static void put(char c)
{
	u32 i = record->end % SIZE;

	record->sum += ((u32)(u8)c - (u8)record->text[i]) * (2 * i + 1);
	record->text[i] = c;
	record->not_end = ~++record->end;
}

void last_log_append(const char *text, u32 len)
{
	u32 from = record ? record->end : 0;

	if (!record)
		return;
	for (u32 i = 0; i < len; i++)
		put(text[i]);
	/* The CPU that a panic stopped may have been in here. */
	if (raw_locks_are_busted())
		record->sum = sum_of(record);
	for (u32 at = ALIGN_DOWN(from, CACHE_LINE); at != ALIGN_UP(record->end, CACHE_LINE); at += CACHE_LINE)
		write_back(&record->text[at % SIZE]);
	write_back(record);
}

void last_log_drop(void)
{
	if (!record)
		return;
	record->magic = 0;
	write_back(record);
}

/* -- showing it ------------------------------------------------------------------------- */

static bool is_whole(const struct record *r)
{
	return r->magic == MAGIC && r->not_end == ~r->end && r->sum == sum_of(r);
}

/* Copies the line from *at on, as far as there is room, and moves behind it. */
static void take_line(const struct record *r, u32 *at, char *line, u32 size)
{
	u32 len = 0;

	while (*at != r->end) {
		char c = r->text[(*at)++ % SIZE];
		if (c == '\n')
			break;
		if (len + 1 < size)
			line[len++] = c;
	}
	line[len] = '\0';
}

/* What panic() and its last step say. */
static bool begins_panic(const char *line)
{
	const char *p = strchr(line, ')');

	return starts_with(line, "panic: ") || (starts_with(line, "CPU ") && p && starts_with(p, ") panicked: "));
}

static void show(const struct record *r)
{
	u32 at = r->end - MIN(r->end, SIZE), from = at, before[SOME_LINES] = { 0 }, n = 0, left = SOME_LINES;
	char line[160];

	if (at)			/* in the middle of a line */
		take_line(r, &at, line, sizeof(line));
	while (at != r->end) {
		u32 start = at;

		take_line(r, &at, line, sizeof(line));
		if (line[0] != MARK)
			before[n++ % SOME_LINES] = start;
		if (begins_panic(line)) {
			from = start;
			left = MAX_LINES;
		}
	}
	if (left == SOME_LINES && n)
		from = before[n > SOME_LINES ? n % SOME_LINES : 0];
	printk("last time:\n");
	for (at = from; at != r->end && left;) {
		take_line(r, &at, line, sizeof(line));
		if (line[0] == MARK)
			continue;
		printk("%c %s\n", MARK, line);
		left--;
	}
}

/* What has been said before there was a place for it. */
static void catch_up(void)
{
	char part[64];
	u32 pos = 0, n;

	while ((n = log_copy(&pos, part, sizeof(part))))
		last_log_append(part, n);
}

void last_log_init(void)
{
	struct record *r = find_place();

	if (!r)
		return;
	if (is_whole(r))
		show(r);
	has_clflush = cpuid(1, 0).edx & CPUID1_EDX_CLFSH;
	memset(r, 0, sizeof(*r));
	r->magic = MAGIC;
	r->not_end = ~r->end;
	record = r;
	catch_up();
}
