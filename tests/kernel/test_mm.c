/* Memory: the parts that need real page tables. The allocators' book-keeping is
 * tested on the host (tests/unit). */
#include "lib/prng.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/modspace.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "x86/clock.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#define NOT_MAPPED (~0ull)

/* Frames that are somebody's: those that caches keep do not count. */
static u32 frames_owned(void)
{
	return frame_total() - frame_available() - heap_frames() - stack_frames() -
	       kmap_table_frames();
}

int test_mm_frames(void);
int test_mm_frames(void)
{
	paddr_t one[16], run;
	u32 owned = frames_owned();

	for (u32 i = 0; i < ARRAY_SIZE(one); i++) {
		one[i] = frame_alloc();
		CHECK(one[i] >= 0x100000 && one[i] < DIRECT_MAP_SIZE);
		CHECK(!(one[i] & (PAGE_SIZE - 1)));
		*(paddr_t *)phys_to_virt(one[i]) = one[i];
	}
	run = frames_alloc(64);
	CHECK(run && !(run & (64 * PAGE_SIZE - 1)));
	memset(phys_to_virt(run), 0xee, 64 * PAGE_SIZE);
	CHECK(frames_owned() == owned + 16 + 64);
	for (u32 i = 0; i < ARRAY_SIZE(one); i++) {
		CHECK(*(paddr_t *)phys_to_virt(one[i]) == one[i]);
		frame_free(one[i]);
	}
	frames_free(run, 64);
	CHECK(frames_owned() == owned);
	return 0;
}

/* What is freed stays aside until the end, and what is written to it shows. */
int test_mm_quarantine(void);
int test_mm_quarantine(void)
{
	paddr_t clean = frame_alloc(), hit = frame_alloc(), run = frames_alloc(4), damaged = 0, other;
	u32 owned = frames_owned();

	CHECK(clean && hit && run);
	frame_quarantine_begin();
	frame_free(clean);
	frame_free(hit);
	frames_free(run, 4);
	((u8 *)phys_to_virt(hit))[PAGE_SIZE - 1] ^= 1;
	((u8 *)phys_to_virt(run))[3 * PAGE_SIZE] ^= 1;
	other = frame_alloc();
	u32 n = frame_quarantine_end(&damaged);
	CHECK(n == 2);
	CHECK(damaged == hit || damaged == run + 3 * PAGE_SIZE);
	CHECK(other && other != clean && other != hit && other - run >= 4 * PAGE_SIZE);
	frame_free(other);
	CHECK(frames_owned() == owned - 6);

	frame_quarantine_begin();
	other = frame_alloc();
	frame_free(other);
	CHECK(frame_quarantine_end(&damaged) == 0);
	return 0;
}

/* -- memory types ---------------------------------------------------------------- */

static u64 pat_of[NR_CPUS];

static void note_pat(void *unused, const struct regs *regs, u32 sp)
{
	(void)unused, (void)regs, (void)sp;
	pat_of[this_cpu()->id] = paging_pat() ? rdmsr(MSR_PAT) : 0;
}

static int pats_agree(void)
{
	note_pat(NULL, NULL, 0);
	CHECK(smp_call(cpus_online, note_pat, NULL, 10 * NSEC_PER_SEC) == 0);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		CHECK(pat_of[cpu] == paging_pat());
	CHECK(!paging_pat() || (u8)(paging_pat() >> 8) == 1);	/* entry 1: write-combining */
	return 0;
}

int test_mm_memory_types(void);
int test_mm_memory_types(void)
{
	cpumask_t usual;
	paddr_t nothing = 0xd0000000;	/* no RAM, no device: it is mapped and never touched */
	int err = on_cpu_begin(this_cpu()->id, 1, &usual);

	if (err)
		return err;
	err = pats_agree();
	on_cpu_end(usual);
	if (err)
		return err;
	u8 *va = fixmap(nothing, PAGE_SIZE, MEMORY_SCREEN);
	CHECK(va && va == fixmap(nothing, PAGE_SIZE, MEMORY_SCREEN));
	CHECK((*kernel_pde((u32)va) & (PTE_PWT | PTE_PCD)) == (paging_pat() ? PTE_PWT : PTE_PCD));
	CHECK(!paging_has_nx() || (*kernel_pde((u32)va) & PTE_NX));
	CHECK(!fixmap(nothing, FIXMAP_SIZE, MEMORY_SCREEN));	/* the APICs have their part */
	return 0;
}

int test_mm_heap(void);
int test_mm_heap(void)
{
	static struct { u8 *p; u32 size; u8 fill; } held[100];
	u32 bytes = heap_used_bytes(), blocks = heap_used_blocks(), owned = frames_owned(), n = 0;
	struct prng rng;

	prng_seed(&rng, 1);
	for (u32 round = 0; round < 3000; round++) {
		if (n < ARRAY_SIZE(held) && prng_below(&rng, 2)) {
			u32 size = prng_below(&rng, prng_below(&rng, 20) ? 2500 : 40000);
			u8 *p = kzalloc(size);

			CHECK(p && !((u32)p & 15) && (!size || (!p[0] && !p[size - 1])));
			memset(p, (int)round, size);
			held[n].p = p;
			held[n].size = size;
			held[n++].fill = (u8)round;
		} else if (n) {
			u32 i = prng_below(&rng, n), size = held[i].size;

			CHECK(!size || (held[i].p[0] == held[i].fill && held[i].p[size - 1] == held[i].fill));
			kfree(held[i].p);
			held[i] = held[--n];
		}
	}
	while (n--)
		kfree(held[n].p);
	CHECK(heap_used_bytes() == bytes && heap_used_blocks() == blocks);
	CHECK(frames_owned() == owned);
	CHECK(!kmalloc((4u << 20) + 1) && !kmalloc(~0u));
	kfree(NULL);
	return 0;
}

/* Frames that the heap has given back do not count as its own: a wrong kfree() of what lies there now is found. */
int test_mm_freed_slabs_are_untagged(void);
int test_mm_freed_slabs_are_untagged(void)
{
	static void *p[64];
	u32 tagged = 0;

	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kmalloc(2048);
		CHECK(p[i]);
	}
	for (u32 i = 0; i < ARRAY_SIZE(p); i++)
		kfree(p[i]);
	for (u32 i = 0; i < ARRAY_SIZE(p); i++)
		tagged += frame_tag(virt_to_phys(p[i])) != 0;
	CHECK(tagged < ARRAY_SIZE(p) / 2);	/* one slab is kept, another one may be in use */
	return 0;
}

static void free_frames(const paddr_t *frames, u32 n)
{
	while (n--)
		frame_free(frames[n]);
}

int test_mm_kmap(void);
int test_mm_kmap(void)
{
	enum { PAGES = 5 };
	paddr_t frames[PAGES];
	u32 owned = frames_owned(), va = modspace_reserve(PAGES), *word = (u32 *)va;

	CHECK(va);
	CHECK(kmap_alloc(va, PAGES, PROT_RW) == 0);
	for (u32 i = 0; i < PAGES * PAGE_SIZE / 4; i++) {
		CHECK(word[i] == 0);
		word[i] = i;
	}
	CHECK(kernel_translate(va - PAGE_SIZE) == NOT_MAPPED);
	CHECK(kernel_translate(va + PAGES * PAGE_SIZE) == NOT_MAPPED);

	/* W and X never together, whichever way the rights change. */
	kmap_protect(va, PAGES, PROT_RX);
	CHECK(!(*kernel_pte(va) & (PTE_W | PTE_NX)));
	kmap_protect(va, PAGES, PROT_RW);
	CHECK(*kernel_pte(va) & PTE_W && (*kernel_pte(va) & PTE_NX || !paging_has_nx()));
	kmap_protect(va, PAGES, PROT_RO);
	CHECK(!(*kernel_pte(va) & PTE_W) && (*kernel_pte(va) & PTE_NX || !paging_has_nx()));
	CHECK(word[PAGES * PAGE_SIZE / 4 - 1] == PAGES * PAGE_SIZE / 4 - 1);

	kmap_unmap(va, PAGES, frames);
	CHECK(!tlb_shootdown(va, va + PAGES * PAGE_SIZE));
	for (u32 i = 0; i < PAGES; i++) {
		CHECK(kernel_translate(va + i * PAGE_SIZE) == NOT_MAPPED);
		CHECK(frames[i] && *(u32 *)phys_to_virt(frames[i]) == i * PAGE_SIZE / 4);
	}
	/* One frame at an address of our choice. */
	CHECK(kmap_frame(va + PAGE_SIZE, frames[0], PROT_RO) == 0);
	CHECK(kernel_translate(va + PAGE_SIZE + 12) == frames[0] + 12);
	CHECK(word[PAGE_SIZE / 4 + 3] == 3);
	free_frames(frames + 1, PAGES - 1);
	kmap_unmap(va, PAGES, frames);
	CHECK(!frames[0] && frames[1] && !frames[2]);
	CHECK(!tlb_shootdown(va, va + PAGES * PAGE_SIZE));
	frame_free(frames[1]);
	modspace_release(va, PAGES);
	CHECK(frames_owned() == owned);
	return 0;
}

/* Wherever memory runs out, nothing is lost and nothing stays mapped. */
int test_mm_kmap_out_of_memory(void);
int test_mm_kmap_out_of_memory(void)
{
	enum { PAGES = 1100 };		/* three page tables at least */
	static paddr_t frames[PAGES];
	u32 owned = frames_owned(), va = modspace_reserve(PAGES), n;

	CHECK(va);
	for (n = 1; ; n += n < 10 ? 1 : 97) {
		alloc_fail_nth(n);
		int err = kmap_alloc(va, PAGES, PROT_RW);
		bool delivered = alloc_fail_delivered();

		alloc_fail_nth(0);
		CHECK(err == (delivered ? -ENOMEM : 0));
		if (!err)
			break;
		CHECK(frames_owned() == owned);
		for (u32 i = 0; i < PAGES; i++)
			CHECK(kernel_translate(va + i * PAGE_SIZE) == NOT_MAPPED);
	}
	CHECK(n > PAGES);
	CHECK(frames_owned() == owned + PAGES);
	kmap_unmap(va, PAGES, frames);
	CHECK(!tlb_shootdown(va, va + PAGES * PAGE_SIZE));
	free_frames(frames, PAGES);
	modspace_release(va, PAGES);
	CHECK(frames_owned() == owned);
	return 0;
}

int test_mm_alloc_fail_nth(void);
int test_mm_alloc_fail_nth(void)
{
	void *p;

	alloc_fail_nth(2);
	p = kmalloc(100000);
	CHECK(p && !alloc_fail_delivered());
	CHECK(!kmalloc(100000) && alloc_fail_delivered());
	kfree(p);
	p = kmalloc(100000);		/* once only */
	CHECK(p);
	kfree(p);
	alloc_fail_nth(1);
	CHECK(!kmalloc(16) && alloc_fail_delivered());
	alloc_fail_nth(1);
	CHECK(!frame_alloc());
	return 0;
}

static struct { volatile bool go; void *p; } neighbour;

static void allocates(void *unused)
{
	(void)unused;
	while (!neighbour.go)
		sleep_ms(1);
	neighbour.p = kmalloc(16);
}

/* It fails for the task that has asked for it, and for no other. */
int test_mm_alloc_fails_for_one_task(void);
int test_mm_alloc_fails_for_one_task(void)
{
	neighbour.go = false;
	neighbour.p = NULL;
	struct task *t = task_create("neighbour", PRIO_NORMAL, allocates, NULL);
	CHECK(!IS_ERR(t));
	alloc_fail_nth(1);
	neighbour.go = true;
	int err = task_join(t, clock_ns() + 20 * NSEC_PER_SEC);
	bool delivered = alloc_fail_delivered();
	alloc_fail_nth(0);
	task_put(t);
	kfree(neighbour.p);
	CHECK(!err && !delivered && neighbour.p);
	return 0;
}

int test_mm_stacks(void);
int test_mm_stacks(void)
{
	u32 stack[20], owned = frames_owned();

	for (u32 i = 0; i < ARRAY_SIZE(stack); i++) {
		stack[i] = stack_alloc();
		CHECK(stack[i] && !stack_is_guard(stack[i]) && stack_is_guard(stack[i] - 1));
		CHECK(kernel_translate(stack[i] - 1) == NOT_MAPPED);
		memset((void *)stack[i], 0x55, STACK_SIZE);
	}
	for (u32 i = 0; i < ARRAY_SIZE(stack); i++)
		stack_free(stack[i]);
	CHECK(stack_cached() >= ARRAY_SIZE(stack));
	/* The last one freed is the next one used. */
	CHECK(stack_alloc() == stack[ARRAY_SIZE(stack) - 1]);
	stack_free(stack[ARRAY_SIZE(stack) - 1]);
	CHECK(frames_owned() == owned);
	return 0;
}

int test_mm_stacks_are_trimmed(void);
int test_mm_stacks_are_trimmed(void)
{
	u32 a = stack_alloc(), b = stack_alloc(), owned = frames_owned(), frames;

	CHECK(a && b);
	stack_free(a);
	stack_free(b);
	frames = stack_frames();
	CHECK(stack_trim(1) >= 1);
	CHECK(stack_frames() < frames && stack_cached() <= 1);
	CHECK(frames_owned() == owned);
	a = stack_alloc();
	CHECK(a);
	memset((void *)a, 0x66, STACK_SIZE);
	stack_free(a);
	return 0;
}

int test_mm_failing_stack_alloc(void);
int test_mm_failing_stack_alloc(void)
{
	u32 owned = frames_owned(), frames, stack;

	(void)stack_trim(0);
	frames = stack_frames();
	alloc_fail_nth(2);
	CHECK(!stack_alloc());
	CHECK(alloc_fail_delivered());
	CHECK(stack_frames() == frames && frames_owned() == owned);
	stack = stack_alloc();
	CHECK(stack);
	stack_free(stack);
	return 0;
}
