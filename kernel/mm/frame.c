#include "mm/frame.h"
#include "mm/buddy.h"
#include "mm/memmap.h"
#include "smp/spinlock.h"
#include "x86/bootinfo.h"
#include "x86/last_log.h"
#include "x86/paging.h"
#include "x86/panic.h"

#define FIRST_MIB 0x100000u	/* firmware data, AP trampoline, VGA */

/* From the linker script. */
extern char __kernel_start[], __kernel_end[];

static struct spinlock frame_lock = SPINLOCK_IRQ("frames", RANK_FRAME);
static struct buddy pool;		/* under frame_lock; descriptor tags: see frame_tag() */
/* Under frame_lock. Blocks in quarantine, a list through desc.next. */
static bool quarantine;
static u32 quarantined = NO_FRAME;

/* -- at boot --------------------------------------------------------------- */

static struct memmap boot_map;		/* large: not on the boot stack */

static void take(u64 start, u64 end)
{
	if (!memmap_add_taken(&boot_map, start, end, DIRECT_MAP_SIZE))
		panic("memory map: more than %d reserved ranges", MEMMAP_MAX_SPANS);
}

static void read_memory_map(void)
{
	paddr_t start, end;

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
	last_log_place(&start, &end);
	take(start, end);
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

/* -- afterwards ------------------------------------------------------------ */

static u32 order_of(u32 n)
{
	ASSERT(n && !(n & (n - 1)));
	return (u32)__builtin_ctz(n);
}

static paddr_t take_frames(u32 n)
{
	u32 flags = spin_lock_irqsave(&frame_lock);
	u32 frame = buddy_alloc(&pool, order_of(n));

	spin_unlock_irqrestore(&frame_lock, flags);
	return frame == NO_FRAME ? 0 : (paddr_t)frame << PAGE_SHIFT;
}

paddr_t frames_alloc(u32 n)
{
	return alloc_should_fail() ? 0 : take_frames(n);
}

#ifdef CHECKED_MEMORY
paddr_t frame_alloc_uncounted(void) { return take_frames(1); }
#endif

/* -- quarantine -------------------------------------------------------------- */

#define TAG_QUARANTINED 0xff

/* Caller holds frame_lock. NULL, or what is wrong with freeing that. */
static const char *set_aside(u32 frame, u32 order)
{
	struct frame_desc *d = &pool.desc[frame];
	u32 *word = phys_to_virt((paddr_t)frame << PAGE_SHIFT);

	if (frame >= pool.nr_frames || d->state != FRAME_USED || d->order != order ||
	    d->tag == TAG_QUARANTINED)
		return "it is not in use, or was freed before";
	for (u32 i = 0; i < (PAGE_SIZE / sizeof(*word)) << order; i++)
		word[i] = FRAME_POISON;
	d->tag = TAG_QUARANTINED;
	d->next = quarantined;
	quarantined = frame;
	return NULL;
}

void frame_quarantine_begin(void)
{
	u32 flags = spin_lock_irqsave(&frame_lock);

	ASSERT(!quarantine);
	quarantine = true;
	spin_unlock_irqrestore(&frame_lock, flags);
}

/* The number of frames in the block that were written to. */
static u32 count_damaged(u32 frame, u32 order, paddr_t *damaged)
{
	u32 n = 0;

	for (u32 f = frame; f < frame + (1u << order); f++) {
		const u32 *word = phys_to_virt((paddr_t)f << PAGE_SHIFT);
		u32 i = 0;

		while (i < PAGE_SIZE / sizeof(*word) && word[i] == FRAME_POISON)
			i++;
		if (i == PAGE_SIZE / sizeof(*word))
			continue;
		*damaged = (paddr_t)f << PAGE_SHIFT;
		n++;
	}
	return n;
}

u32 frame_quarantine_end(paddr_t *damaged)
{
	u32 flags = spin_lock_irqsave(&frame_lock), n = 0;

	while (quarantined != NO_FRAME) {
		u32 frame = quarantined;
		struct frame_desc *d = &pool.desc[frame];

		quarantined = d->next;
		d->tag = 0;
		n += count_damaged(frame, d->order, damaged);
		if (buddy_free(&pool, frame, d->order))
			panic("frame %u cannot leave quarantine", frame);
	}
	quarantine = false;
	spin_unlock_irqrestore(&frame_lock, flags);
	return n;
}

/* -- giving back -------------------------------------------------------------- */

/* Caller holds frame_lock. */
static const char *give_back(paddr_t first, u32 order)
{
	if (first & (PAGE_SIZE - 1))
		return "it is not the address of a frame";
	if (unlikely(quarantine))
		return set_aside((u32)(first >> PAGE_SHIFT), order);
	return buddy_free(&pool, (u32)(first >> PAGE_SHIFT), order);
}

void frames_free(paddr_t first, u32 n)
{
	const char *wrong;
	u32 flags;

	DEBUG_ASSERT(frame_tag(first) == 0);
	flags = spin_lock_irqsave(&frame_lock);
	wrong = give_back(first, order_of(n));
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
