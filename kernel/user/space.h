/* Memory that processes can have handles of, and the address spaces where it is mapped. */
#pragma once
#include "ipc/object.h"
#include "lib/list.h"
#include "sched/mutex.h"
#include "x86/paging.h"

#define MEMORY_MAX_PAGES  16384u	/* 64 MiB */
#define SPACE_MAX_MAPPINGS 1024u

/* Frames, or a device's addresses. Fixed but for the references and the counts. */
struct memory {
	struct object object;
	/* Mappings in all address spaces that may write, or execute: one of the two is 0. Under ipc_lock. */
	u32 writable, executable;
	u32 pages;
	bool device;			/* not cached, and nobody's to free */
	u32 frame[];			/* numbers; of a device's only the first */
};

extern const struct object_kind memory_kind;

/* Ring 3 gets no memory once only so many frames are left: 512 KiB, or a small machine's sixteenth. */
u32 frames_for_the_kernel(void);

/* Zeroed, with one reference; -ENOMEM, -EINVAL, -EINTR (the task was killed meanwhile) as ERR_PTR. */
struct memory *memory_new(u32 pages) must_use;
/* -EPERM: some of that is memory of the machine. */
struct memory *memory_of_device(u32 first_frame, u32 pages) must_use;
/* Where the kernel sees page `i`; not a device's. */
void *memory_page(const struct memory *m, u32 i);

struct mapping {
	struct list node;		/* by address */
	u32 start, pages;
	struct memory *memory;		/* a reference */
	u32 first;			/* page of it */
	u32 rights;
};

struct space {
	/* The CPU reads these four when CR3 is loaded, and keeps them. Entries come, under
	 * `lock`, and stay until the end; a CPU that has not seen a new one takes a page
	 * fault, and loads CR3 again (fault.c). */
	pte_t pdpt[4];
	/* Under lock. */
	struct list mappings;
	u32 nr_mappings;
	u32 pages;			/* mapped */
	bool gone;
	struct mutex lock;
} aligned(32);

void space_init(struct space *s);
/* Nobody has it loaded any more. May sleep. */
void space_destroy(struct space *s);
static inline u32 space_cr3(const struct space *s) { return (u32)virt_to_phys(s->pdpt); }

/* Maps `pages` pages of `m` from page `first` at `address` (0: anywhere). *at: where.
 * 0, -EINVAL (range, or write and execute together), -EEXIST, -ENOMEM, -ESRCH: the
 * process has ended; -EBUSY: it is to be executable and `m` is mapped writable somewhere, or the other
 * way round. May sleep. */
int  space_map(struct space *s, struct memory *m, u32 address, u32 first, u32 pages,
               u32 rights, u32 *at) must_use;
/* Takes away all mappings in the range. -EINVAL: one lies only partly in it, or none is
 * there. May sleep. */
int  space_unmap(struct space *s, u32 address, u32 pages) must_use;
/* Copies between memory of the calling thread, at `own`, and of another address space,
 * through the frames. 0, -EFAULT, -ESRCH; -EINTR: the calling thread was killed meanwhile. May sleep. */
int  space_copy(struct space *s, u32 address, u32 own, u32 len, bool to_space) must_use;
/* Is there a page for that access at `address`, whatever this CPU has seen of it? For its
 * own thread; takes no lock. */
bool space_has_page(const struct space *s, u32 address);
