#include "user/space.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "smp/ipi.h"
#include "user/uaccess.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/panic.h"

#define ENTRIES   512
#define ANYWHERE  0x40000000u		/* where the search for a free range begins */
#define PDPT_KERNEL (KERNEL_BASE >> 30)

/* -- memory -------------------------------------------------------------------------- */

static paddr_t frame_of(const struct memory *m, u32 i)
{
	return (paddr_t)(m->device ? m->frame[0] + i : m->frame[i]) << PAGE_SHIFT;
}

void *memory_page(const struct memory *m, u32 i)
{
	ASSERT(!m->device && i < m->pages);
	return phys_to_virt(frame_of(m, i));
}

u32 frames_for_the_kernel(void) { return MIN(128u, frame_total() / 16); }

static paddr_t frame_for_users(void)
{
	paddr_t frame = frame_available() > frames_for_the_kernel() ? frame_alloc() : 0;

	if (frame)
		memset(phys_to_virt(frame), 0, PAGE_SIZE);
	return frame;
}

static void memory_destroy(struct object *o)
{
	struct memory *m = container_of(o, struct memory, object);

	for (u32 i = 0; i < m->pages && !m->device; i++) {
		if (m->frame[i])
			frame_free(frame_of(m, i));
	}
	kfree(m);
}

const struct object_kind memory_kind = {
	.name = "memory",
	.rights = RIGHT_GIVE | RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE,
	.destroy = memory_destroy,
};

static struct memory *new(u32 pages, u32 nr_frames)
{
	struct memory *m = kzalloc(sizeof(*m) + nr_frames * sizeof(m->frame[0]));

	if (!m)
		return ERR_PTR(-ENOMEM);
	object_init(&m->object, &memory_kind);
	m->pages = pages;
	return m;
}

struct memory *memory_new(u32 pages)
{
	struct memory *m;

	if (!pages || pages > MEMORY_MAX_PAGES)
		return ERR_PTR(-EINVAL);
	if (pages > frame_available())
		return ERR_PTR(-ENOMEM);
	m = new(pages, pages);
	for (u32 i = 0; !IS_ERR(m) && i < pages; i++) {
		/* To clear 64 MiB takes a while, in which a kill is heeded. */
		bool killed = task_killed();

		m->frame[i] = killed ? 0 : (u32)(frame_for_users() >> PAGE_SHIFT);
		if (!m->frame[i]) {
			object_put(&m->object);
			m = ERR_PTR(killed ? -EINTR : -ENOMEM);
		}
	}
	return m;
}

static bool is_ram(u64 start, u64 end)
{
	for (u32 i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		if (r->usable && start < r->start + r->len && r->start < end)
			return true;
	}
	return false;
}

struct memory *memory_of_device(u32 first_frame, u32 pages)
{
	u64 start = (u64)first_frame << PAGE_SHIFT, end = start + ((u64)pages << PAGE_SHIFT);
	struct memory *m;

	if (!pages || pages > MEMORY_MAX_PAGES || end > 1ull << 36)
		return ERR_PTR(-EINVAL);
	if (is_ram(start, end))
		return ERR_PTR(-EPERM);
	m = new(pages, 1);
	if (!IS_ERR(m)) {
		m->device = true;
		m->frame[0] = first_frame;
	}
	return m;
}

/* -- page tables ------------------------------------------------------------------------ */

/* In halves, so that no CPU finds a present entry with half an address. */
static void set_pte(pte_t *pte, pte_t value)
{
	u32 *half = (u32 *)pte;

	WRITE_ONCE(half[1], (u32)(value >> 32));
	barrier();
	WRITE_ONCE(half[0], (u32)value);
}

static void clear_pte(pte_t *pte)
{
	WRITE_ONCE(*(u32 *)pte, 0);
	barrier();
	WRITE_ONCE(((u32 *)pte)[1], 0);
}

static bool present(const pte_t *pte) { return READ_ONCE(*(const u32 *)pte) & PTE_P; }
static pte_t *table_at(pte_t entry)   { return phys_to_virt(entry & PTE_ADDR); }

/* What `entry` leads to; NULL: nothing yet, and none is to be made or no memory. */
static pte_t *next_table(pte_t *entry, pte_t flags, bool make)
{
	if (!present(entry)) {
		paddr_t frame = make ? frame_for_users() : 0;

		if (!frame)
			return NULL;
		set_pte(entry, frame | flags);
	}
	return table_at(*entry);
}

/* The entry for the page at `va`, below USER_END. */
static pte_t *find_pte(struct space *s, u32 va, bool make)
{
	pte_t *directory = next_table(&s->pdpt[va >> 30], PTE_P, make);
	pte_t *table = directory ? next_table(&directory[va / LARGE_PAGE_SIZE % ENTRIES],
	                                      PTE_P | PTE_W | PTE_U | PTE_A, make) : NULL;

	return table ? &table[va / PAGE_SIZE % ENTRIES] : NULL;
}

bool space_has_page(const struct space *s, u32 va)
{
	const pte_t *pte;

	if (!user_range(va, 1) || !present(&s->pdpt[va >> 30]))
		return false;
	pte = &table_at(s->pdpt[va >> 30])[va / LARGE_PAGE_SIZE % ENTRIES];
	return present(pte) && present(&table_at(*pte)[va / PAGE_SIZE % ENTRIES]);
}

static void free_tables(struct space *s)
{
	for (u32 q = 0; q < PDPT_KERNEL; q++) {
		pte_t *directory = present(&s->pdpt[q]) ? table_at(s->pdpt[q]) : NULL;

		for (u32 i = 0; directory && i < ENTRIES; i++) {
			if (present(&directory[i]))
				frame_free(directory[i] & PTE_ADDR);
		}
		if (directory)
			frame_free(s->pdpt[q] & PTE_ADDR);
	}
}

/* -- mappings ------------------------------------------------------------------------------ */

static u32 end_of(const struct mapping *m) { return m->start + m->pages * PAGE_SIZE; }

/* The lowest free range of that size; 0: none. Caller holds s->lock. */
static u32 find_range(struct space *s, u32 bytes)
{
	u32 at = ANYWHERE;
	struct mapping *m;

	/* A page stays free in front of each: overruns are seen. */
	list_for_each(m, &s->mappings, node) {
		if (m->start > at && m->start - at > bytes)
			break;
		at = MAX(at, end_of(m) + PAGE_SIZE);
	}
	return user_range(at, bytes) ? at : 0;
}

/* The mapping behind which [start, end) goes, as a list position; NULL: taken. */
static struct list *find_gap(struct space *s, u32 start, u32 end)
{
	struct list *before = &s->mappings;
	struct mapping *m;

	list_for_each(m, &s->mappings, node) {
		if (m->start >= end)
			break;
		if (end_of(m) > start)
			return NULL;
		before = &m->node;
	}
	return before;
}

static pte_t pte_for(const struct mapping *m, u32 i)
{
	pte_t pte = frame_of(m->memory, m->first + i) | PTE_P | PTE_U | PTE_A | PTE_D;

	if (m->rights & RIGHT_WRITE)
		pte |= PTE_W;
	if (!(m->rights & RIGHT_EXECUTE) && paging_has_nx())
		pte |= PTE_NX;
	return pte | (m->memory->device ? PTE_PCD : 0);
}

static void clear_range(struct space *s, u32 start, u32 pages)
{
	for (; pages; pages--, start += PAGE_SIZE) {
		pte_t *pte = find_pte(s, start, false);
		if (pte)
			clear_pte(pte);
	}
}

/* All or nothing. Caller holds s->lock. */
static int fill_range(struct space *s, const struct mapping *m)
{
	for (u32 i = 0; i < m->pages; i++) {
		pte_t *pte = find_pte(s, m->start + i * PAGE_SIZE, true);

		if (!pte) {
			/* Nobody was told of the range, but other threads may guess. */
			clear_range(s, m->start, i);
			return tlb_shootdown_users(space_cr3(s), m->start, end_of(m)) ?
			       -EIO : -ENOMEM;
		}
		set_pte(pte, pte_for(m, i));
	}
	return 0;
}

/* Caller holds s->lock. */
static int insert(struct space *s, struct mapping *m, u32 address)
{
	u32 bytes = m->pages * PAGE_SIZE;
	struct list *before;
	int err;

	if (s->gone)
		return -ESRCH;
	if (s->nr_mappings >= SPACE_MAX_MAPPINGS)
		return -ENOMEM;
	m->start = address ? address : find_range(s, bytes);
	if (!m->start)
		return -ENOMEM;
	before = find_gap(s, m->start, m->start + bytes);
	if (!before)
		return -EEXIST;
	err = fill_range(s, m);
	if (err)
		return err;
	list_add(before, &m->node);
	s->nr_mappings++;
	s->pages += m->pages;
	return 0;
}

/* W^X, for the memory and not for this mapping alone: what is written in one place, by whichever process,
 * is not executed in another one. 0 or -EBUSY. */
static int claim(struct memory *m, u32 rights)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	int err = (rights & RIGHT_WRITE && m->executable) || (rights & RIGHT_EXECUTE && m->writable) ? -EBUSY : 0;

	if (!err) {
		m->writable += rights & RIGHT_WRITE ? 1 : 0;
		m->executable += rights & RIGHT_EXECUTE ? 1 : 0;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	return err;
}

static void unclaim(struct memory *m, u32 rights)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);

	m->writable -= rights & RIGHT_WRITE ? 1 : 0;
	m->executable -= rights & RIGHT_EXECUTE ? 1 : 0;
	spin_unlock_irqrestore(&ipc_lock, flags);
}

/* Its memory goes with it, unless a CPU may still know its pages. */
static void drop(struct mapping *m, bool keep)
{
	if (!keep) {
		unclaim(m->memory, m->rights);
		object_put(&m->memory->object);
	}
	kfree(m);
}

int space_map(struct space *s, struct memory *memory, u32 address, u32 first, u32 pages,
              u32 rights, u32 *at)
{
	struct mapping *m;
	int err;

	if (!pages || first > memory->pages || pages > memory->pages - first)
		return -EINVAL;
	if (address % PAGE_SIZE || (address && !user_range(address, pages * PAGE_SIZE)))
		return -EINVAL;
	if ((rights & RIGHT_WRITE) && (rights & RIGHT_EXECUTE))
		return -EINVAL;
	m = kzalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	err = claim(memory, rights);
	if (err) {
		kfree(m);
		return err;
	}
	*m = (struct mapping){ .pages = pages, .memory = memory, .first = first, .rights = rights };
	object_get(&memory->object);
	mutex_lock(&s->lock);
	err = insert(s, m, address);
	mutex_unlock(&s->lock);
	if (err)
		drop(m, err == -EIO);
	else
		*at = m->start;
	return err;
}

/* Caller holds s->lock. Moves what lies in the range to `out`. */
static int take_out(struct space *s, u32 start, u32 end, struct list *out)
{
	struct mapping *m;

	list_for_each(m, &s->mappings, node) {
		if (m->start < end && end_of(m) > start && (m->start < start || end_of(m) > end))
			return -EINVAL;
	}
	for (struct list *l = s->mappings.next, *next; l != &s->mappings; l = next) {
		next = l->next;
		m = list_entry(l, struct mapping, node);
		if (m->start < start || end_of(m) > end)
			continue;
		list_del(l);
		list_add_tail(out, l);
		clear_range(s, m->start, m->pages);
		s->nr_mappings--;
		s->pages -= m->pages;
	}
	return list_empty(out) ? -EINVAL : 0;
}

/* The memory is let go when no CPU can reach it through the old entries any more:
 *
 *	CPU 0 (unmaps)			CPU 1 (another thread)
 *					writes the page
 *	entry = 0
 *	asks CPU 1, waits		forgets the entry; the next write faults
 *	frees the frames */
int space_unmap(struct space *s, u32 address, u32 pages)
{
	struct list out = LIST_INIT(out);
	cpumask_t silent = 0;
	int err;

	if (address % PAGE_SIZE || !pages || pages > USER_END / PAGE_SIZE ||
	    !user_range(address, pages * PAGE_SIZE))
		return -EINVAL;
	mutex_lock(&s->lock);
	err = s->gone ? -ESRCH : take_out(s, address, address + pages * PAGE_SIZE, &out);
	if (!err)
		silent = tlb_shootdown_users(space_cr3(s), address, address + pages * PAGE_SIZE);
	mutex_unlock(&s->lock);
	if (silent)
		printk("memory of a process is set aside for good: a CPU did not forget its pages\n");
	while (!list_empty(&out)) {
		struct mapping *m = list_first(&out, struct mapping, node);

		list_del(&m->node);
		drop(m, silent != 0);
	}
	return err;
}

/* -- from outside ------------------------------------------------------------------------------ */

/* Caller holds s->lock. Where the kernel sees the byte at `va`; NULL: -EFAULT. */
static u8 *kernel_view(struct space *s, u32 va, bool write)
{
	pte_t *pte = user_range(va, 1) ? find_pte(s, va, false) : NULL;

	if (!pte || !(*pte & PTE_P) || (write && !(*pte & PTE_W)) || (*pte & PTE_PCD))
		return NULL;
	return (u8 *)phys_to_virt(*pte & PTE_ADDR) + va % PAGE_SIZE;
}

/* The lock is let go between pages: a map waits for one page at most. */
int space_copy(struct space *s, u32 address, u32 own, u32 len, bool to_space)
{
	while (len) {
		u32 n = MIN(len, PAGE_SIZE - address % PAGE_SIZE);
		int err = -ESRCH;

		if (task_killed())
			return -EINTR;
		mutex_lock(&s->lock);
		if (!s->gone) {
			u8 *view = kernel_view(s, address, to_space);

			err = !view ? -EFAULT : to_space ? copy_from_user(view, own, n) :
			      copy_to_user(own, view, n);
		}
		mutex_unlock(&s->lock);
		if (err)
			return err;
		address += n;
		own += n;
		len -= n;
	}
	return 0;
}

/* -- beginning and end -------------------------------------------------------------------------- */

void space_init(struct space *s)
{
	extern pte_t kernel_pdpt[4];

	*s = (struct space){ .mappings = LIST_INIT(s->mappings) };
	s->pdpt[PDPT_KERNEL] = kernel_pdpt[PDPT_KERNEL];
	mutex_init(&s->lock, "address space");
}

void space_destroy(struct space *s)
{
	mutex_lock(&s->lock);
	s->gone = true;
	mutex_unlock(&s->lock);
	while (!list_empty(&s->mappings)) {
		struct mapping *m = list_first(&s->mappings, struct mapping, node);

		list_del(&m->node);
		drop(m, false);
	}
	free_tables(s);
	s->pages = s->nr_mappings = 0;
}
