/* Modules: what the core knows of each, and their life.
 *
 *   COMING --init ok--> LIVE --rmmod--> GOING --nobody inside--> gone
 *      \                  ^               |
 *       `-init fails      `--roll back----'
 */
#pragma once
#include "check/memory.h"
#include "entry/owner.h"
#include "module/elf.h"
#include "sched/mutex.h"

#define MAX_DEPS         16
#define MODULE_HEAP_SIZE (256u * 1024)	/* addresses kept behind the image for its heap */

struct module_symbol {			/* one EXPORT_SYMBOL, or one name for backtraces */
	const char *name;		/* in core memory */
	u32 addr, size;
};

struct module {
	struct owner owner;		/* name, range, state, entry points */

	/* Fixed once LIVE. */
	u32 image_pages;		/* from owner.base */
	u32 build_id;			/* tells builds of it apart; 0: it has none */
	u32 part_start[NR_PARTS], part_pages[NR_PARTS];	/* pages, relative */
	paddr_t *frames;		/* room for one per page of the range, for the unmapping */
	int  (*init)(void);		/* NULL: none, or it has run */
	void (*exit)(void);		/* NULL: none */
	int  (*veto)(void);		/* NULL: none; nonzero says no */
	void (*unregister)(void);	/* seed 002's split form; NULL: none */
	int  (*reregister)(void);
	u32 *use_count;			/* in its data, its own to keep; NULL: it keeps none */
	char *names;			/* symbol names, core memory */
	struct module_symbol *symbol;	/* sorted by address; NULL: none */
	u32 nr_symbols, names_size;
	const struct source_row *lines;	/* in its image, checked; NULL: none (x86/symbols.h) */
	const char *const *line_files;
	u32 nr_lines;
	struct module *next_named;	/* symbolise.c: lock-free list */
	struct module_symbol *exported;	/* one block with its names */
	u32 nr_exported;
	char *params;			/* "name=value ..." as given, core memory */
	char description[80], license[24];
	u32 loader_id;			/* the task that handed its file over; 0: it is the boot archive's */
	char loader[TASK_NAME_LEN];
	u32 file_size;
	struct module *dep[MAX_DEPS];	/* those whose symbols it uses */
	u32 nr_deps;

	/* Under modules_mutex. */
	u32 nr_users;			/* modules that have it in dep[] */
	bool unloading;			/* somebody's rmmod is at work on it, or the reaper */
	struct task *veto_task;		/* in a veto() that did not return in time; a reference */
	bool failed;			/* its init failed: the reaper takes it out (unload/failed_load.c) */
	u64 failed_id;
	struct list failed_node;
	char in_the_way[96];		/* failed: why it is there still */
	bool noted;			/* by a walk over dependencies, which clears it */
	char unloader[TASK_NAME_LEN];
	u32 unloader_id;
	struct list node;		/* of modules; or of what a strategy left behind */
	bool left_mapped;		/* left behind, and its memory with it */
	bool init_in_use;		/* somebody was inside when init was through: it stays */
	bool range_kept;		/* its addresses are not free again after the unmapping */
	bool quarantined;		/* a CPU did not answer: its memory is set aside for good */

	/* Under heap_lock of alloc.c. */
	struct arena *arena;
#ifdef CHECKED_MEMORY
	struct quarantine quarantine;	/* of its heap */
#endif
	u32 nr_allocs, alloc_bytes;

	/* Atomic. */
	u32 faults;			/* of its code, survived: its data may be in any state */

	/* Statistics. */
	u64 loaded_at;
};

/* The list of modules and their life cycle. Taken before registry_lock. May
 * sleep; never held while a module's code runs or an unload waits. */
extern struct mutex modules_mutex;
extern struct list modules;
extern struct list modules_binding;	/* not in the list yet, but they may have users of others pinned */
extern u32 kernel_taint;		/* TAINT_* */
#define TAINT_FORCED_UNLOAD 1u
#define TAINT_MODULE_FAULT  2u

void modules_init(void);

/* Loads a module from a file image in memory (aligned to 4 bytes). `params` may
 * be "". On success *out (may be NULL) is the LIVE module, which stays valid as
 * long as the caller knows that nobody unloads it; on failure nothing is left of
 * it and err->text says in one line what was wrong: "blink.ko: undefined symbol
 * foo". Dependencies (modinfo depends=, undefined symbols) are loaded from the
 * boot archive first. 0, -ENOEXEC, -ENOENT, -EEXIST, -ENOMEM, -ENOSPC, -E2BIG,
 * -EINVAL and -ERANGE (name, parameter), -EBUSY (it, or what it needs, is going),
 * -ELOOP (it needs itself), -EINTR, or what init returned. May sleep. */
int module_load(const char *file_name, const void *file, u32 size, const char *params,
                struct module **out, struct load_error *err) must_use;
/* The same; the module notes that the calling task handed the file over. */
int module_load_handed(const char *file_name, const void *file, u32 size, const char *params,
                       struct load_error *err) must_use;
/* The same by name, from the boot archive ("uart" or "uart.ko"). */
int module_load_by_name(const char *name, const char *params, struct module **out,
                        struct load_error *err) must_use;

/* Was it built with this kernel's headers, and with flags that the argument of an unload allows? `v` has
 * passed elf_check(). 0, -ENOEXEC and a line that names what differs. */
int module_check_stamp(const struct elf_view *v, struct load_error *err) must_use;

/* modprobe: 0 when it is LIVE, loaded now or before. One that is being loaded is waited for,
 * one that is being unloaded for a few seconds; the errors of module_load(), or -EBUSY. May
 * sleep. */
int module_probe(const char *name, const char *params, struct load_error *err) must_use;

/* By name; caller holds modules_mutex. NULL: none. */
struct module *module_find(const char *name);
/* The names of what it depends on, and how many; none when it is not loaded. May sleep. */
u32  module_dependencies(const char *name, char dep[MAX_DEPS][MODULE_NAME_LEN]);
/* Loaded, and nobody depends on it? May sleep. */
bool module_is_unused(const char *name);
/* As in /proc/modules of Linux: "Loading", "Live", "Unloading"; or "Faulty": live, but its
 * code has faulted; or "Failed": its init has, and somebody is inside still. */
const char *module_state_name(const struct module *m);
/* The module's name in a file name: without folders and .ko, '-' become '_'.
 * 0, -EINVAL ([a-z0-9_] only), -ENAMETOOLONG. */
int module_name_of(const char *file_name, char name[MODULE_NAME_LEN]) must_use;

/* -- for unload/ ---------------------------------------------------------- */
/* A load or an unload has ended, either way: wakes the tasks that wait for a module.
 * Any context. */
void modules_changed(void);
/* Set by unload/ before the first load. A module whose init failed may have opened doors that
 * others went in by, so it goes the way of an unload, which ends when they have left. Returns
 * when it is gone, or after a while, or at once in a task that is killed. May sleep. */
extern void (*module_take_back)(struct module *m);
/* Set likewise. Of a module whose init has returned 0, and that is not LIVE yet: has its init
 * section freed (module_free_init()), or leaves it until the module goes. Not set: it
 * stays. Task context, may sleep. */
extern void (*module_init_done)(struct module *m);

/* Takes a GONE module whose code nobody can reach any more out of the world:
 * its symbols and dependencies go, its pages are unmapped and the TLBs shot
 * down (one broadcast), and its frames freed, unless `keep` gets them. The
 * record is freed by module_free(). Entry records must be unlinked before; the
 * shootdown is the round of IPIs that entries_free() asks for. A non-empty
 * *silent: those CPUs did not answer, and addresses, frames and record stay set
 * aside for good. May sleep. */
struct freed_image {
	paddr_t *frame;			/* kmalloc()ed, one per page of the range, 0: none */
	u32 pages;			/* of the whole range, for modspace_release() as well */
	u32 va;				/* 0: the addresses are still the module's */
};
void module_unmap(struct module *m, struct freed_image *keep, cpumask_t *silent);
/* Unmaps what only init needed, if anything, and frees its frames, unless `keep` (NULL:
 * no) gets them; its addresses stay the module's. One broadcast. May sleep. */
void module_free_init(struct module *m, struct freed_image *keep);
u32  module_init_pages(const struct module *m);		/* 0: there are none, or no more */
/* Takes it off the registry of owners, gives its addresses back (unless frames
 * were kept: then who has them does), and frees records, names and the struct
 * itself. All entry records are freed. May sleep. */
void module_free(struct module *m);

/* What is mapped at `addr`, for backtraces: writes "name+0x12 [module]". Takes no
 * lock; any context, NMI included. */
bool module_symbolise(u32 addr, char *buf, u32 size);

/* -- boot archive ---------------------------------------------------------- */
/* Lists the .ko files that the loader brought, single or in archives. Says what is
 * missing or corrupt; the kernel goes on without. Boot CPU, once. */
void archive_init(void);
/* By module or file name. 0, -ENOENT. */
int  archive_find(const char *name, const void **data, u32 *size) must_use;
/* The i-th module's name and size in bytes; false past the end. */
bool archive_nth(u32 i, char *name, u32 size, u32 *bytes);
/* The same of the programs in the boot archive. */
bool archive_nth_program(u32 i, char *name, u32 size, u32 *bytes);
