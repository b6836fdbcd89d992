/* The memory of modules that are gone, and how a use after unload is seen. */
#pragma once
#include "module/module.h"

#define GRAVEYARD_SIZE 32
/* Of all memory, so much at most is for the names of the dead: 1/64. When less than an eighth is free they are
 * given up, the oldest first; when less than 1/32, the kept pages, too, but for the last grave's. What was
 * unloaded, by whom and when stays known: a late use is then reported by its distance from the start. */
#define GRAVEYARD_SHARE 64
#define NAMES_SHORT     8
#define PAGES_SHORT     32

enum use_kind { USE_READ, USE_WRITE, USE_FETCH };

struct use_after_unload {
	enum use_kind kind;
	u32 cpu, task_id;
	char task_name[TASK_NAME_LEN];
	u32 eip, addr;
	char where[64];			/* "handler+0x10 [blink]" in the dead module */
	char eip_where[64];
	char module[MODULE_NAME_LEN], unloader[TASK_NAME_LEN];
	u64 at;
};

void graveyard_init(void);
/* In laboratory mode the dead pages are kept, and mapped back for a culprit so
 * that it can walk out; otherwise the culprit is killed (or the kernel panics,
 * in an interrupt). Kernel command line: lab. */
extern bool graveyard_laboratory;
extern u64 last_grave;			/* the last number (a test lets it begin elsewhere) */
/* Opens a grave for module `m`, before its pages go: takes over its symbols for
 * later reports and notes who unloaded it, when and by which strategy. Its number, by which
 * it is known for ever, also when it has made room for a later one. May sleep. */
u64  graveyard_dig(struct module *m, const char *unloader, const char *strategy_name);
/* The same for its init section alone, which the calling task frees. May sleep. */
u64  graveyard_dig_init(struct module *m, const char *strategy_name);
/* Lays the module's frames in (laboratory mode), with their contents: for the time of the unmapping,
 * while they are still the module's, and for good. `image` may be empty. If the grave has made
 * room, what is filled in is freed. With the second one the module is unmapped, and all CPUs have answered: from
 * now on its grave gives up what it keeps where memory is short (GRAVEYARD_SHARE). Not in interrupts. */
void graveyard_lend(u64 number, const struct freed_image *image);
void graveyard_fill(u64 number, struct freed_image *image);
/* Gives back all that is kept of the dead; late uses are still counted. May sleep. */
void graveyard_clear(void);
/* Reads a word that may be gone, as an instrument: that is no use after unload. False:
 * no translation. Any context but NMI. */
bool graveyard_probe(const volatile u32 *p, u32 *word) must_use;
bool graveyard_probe_words(const u32 *from, u32 *to, u32 n) must_use;	/* the same of n of them */
u32  graveyard_uses(void);		/* uses after unload since boot */
bool graveyard_use_nth(u32 i, struct use_after_unload *out);	/* latest first */
struct grave_info {
	char name[MODULE_NAME_LEN], unloader[TASK_NAME_LEN], strategy[16];
	u32 base, size, uses; u64 died_at; bool kept;
};
bool graveyard_nth(u32 i, struct grave_info *out);		/* latest first */
bool graveyard_peek(u32 i, struct grave_info *out);		/* without the lock, after a panic */
