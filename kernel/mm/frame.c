#include "mm/frame.h"
#include "mm/buddy.h"
#include "mm/memmap.h"
#include "smp/spinlock.h"
#include "x86/bootinfo.h"
#include "x86/paging.h"
#include "x86/panic.h"

#define FIRST_MIB 0x100000u	/* firmware data, AP trampoline, VGA */

/* From the linker script. */
extern char __kernel_start[], __kernel_end[];

static struct spinlock frame_lock = SPINLOCK_IRQ("frames", RANK_FRAME);
static struct buddy pool;		/* under frame_lock; descriptor tags: see frame_tag() */

/* -- at boot --------------------------------------------------------------- */

static struct memmap boot_map;		/* large: not on the boot stack */

static void take(u64 start, u64 end)
{
	if (!memmap_add_taken(&boot_map, start, end, DIRECT_MAP_SIZE))
		panic("memory map: more than %d reserved ranges", MEMMAP_MAX_SPANS);
}

static void read_memory_map(void)
{
	for (u32 i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		/* A length that would wrap means "to the end". */
		u64 end = r->start + r->len < r->start ? ~0ull : r->start + r->len;

		if (!r->usable)
			take(r->start, end);
		else if (!memmap_add_usable(&boot_map, r->start, end, DIRECT_MAP_SIZE))
			panic("memory map: more than %d usable ranges", MEMMAP_MAX_SPANS);
	}
	take(0, FIRST_MIB);
	take(virt_to_phys(__kernel_start), virt_to_phys(__kernel_end));
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		take(boot_info.module[i].start, boot_info.module[i].end);
}

/* The descriptors lie in the first run of memory that holds them. */
static struct frame_desc *place_descriptors(u32 nr_frames)
{
	u32 need = ALIGN_UP(nr_frames * (u32)sizeof(struct frame_desc), PAGE_SIZE) >> PAGE_SHIFT;
	struct span run = { 0, 0 };

	while (memmap_next(&boot_map, &run)) {
		if (run.end - run.start < need)
			continue;
		paddr_t at = (paddr_t)run.start << PAGE_SHIFT;
		take(at, at + ((paddr_t)need << PAGE_SHIFT));
		return phys_to_virt(at);
	}
	panic("memory: no room for %u KiB of frame descriptors; give the machine more", need * 4);
}

void frame_init(void)
{
	struct span run = { 0, 0 };
	u32 nr_frames;

	read_memory_map();
	nr_frames = memmap_end(&boot_map);
	buddy_init(&pool, place_descriptors(nr_frames), nr_frames);
	while (memmap_next(&boot_map, &run))
		buddy_add(&pool, run.start, run.end);
}

void frame_reclaim(paddr_t start, paddr_t end)
{
	u32 first = (u32)(ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT);
	u32 last = (u32)(end >> PAGE_SHIFT);
	u32 flags = spin_lock_irqsave(&frame_lock);

	buddy_add(&pool, first, last);
	spin_unlock_irqrestore(&frame_lock, flags);
}

/* -- afterwards ------------------------------------------------------------ */

static u32 order_of(u32 n)
{
	ASSERT(n && !(n & (n - 1)));
	return (u32)__builtin_ctz(n);
}

paddr_t frames_alloc(u32 n)
{
	u32 flags, frame;

	if (alloc_should_fail())
		return 0;
	flags = spin_lock_irqsave(&frame_lock);
	frame = buddy_alloc(&pool, order_of(n));
	spin_unlock_irqrestore(&frame_lock, flags);
	return frame == NO_FRAME ? 0 : (paddr_t)frame << PAGE_SHIFT;
}

void frames_free(paddr_t first, u32 n)
{
	const char *wrong;
	u32 flags;

	DEBUG_ASSERT(frame_tag(first) == 0);
	flags = spin_lock_irqsave(&frame_lock);
	wrong = first & (PAGE_SIZE - 1) ? "it is not the address of a frame"
	                                : buddy_free(&pool, (u32)(first >> PAGE_SHIFT), order_of(n));
	spin_unlock_irqrestore(&frame_lock, flags);
	if (wrong)
		panic("freeing frame 0x%llx (%u in a row): %s", first, n, wrong);
}

paddr_t frame_alloc(void)          { return frames_alloc(1); }
void    frame_free(paddr_t frame)  { frames_free(frame, 1); }
u32     frame_total(void)          { return READ_ONCE(pool.nr_managed); }
u32     frame_available(void)      { return READ_ONCE(pool.nr_free); }

/* Tags need no lock: only the holder of a frame writes its tag, and who asks for
 * the tag of an address does so because he thinks he holds it. */
void frame_set_tag(paddr_t frame, u8 tag)
{
	ASSERT(frame >> PAGE_SHIFT < pool.nr_frames);
	WRITE_ONCE(pool.desc[frame >> PAGE_SHIFT].tag, tag);
}

u8 frame_tag(paddr_t frame)
{
	if (frame >> PAGE_SHIFT >= pool.nr_frames)
		return 0;
	return READ_ONCE(pool.desc[frame >> PAGE_SHIFT].tag);
}
