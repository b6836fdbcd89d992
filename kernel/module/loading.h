/* One load on its way, and the parts that it is made of. For module/ only. */
#pragma once
#include "module/module.h"

#define MAX_LOAD_DEPTH 6		/* dependencies of dependencies; bounds the stack */

struct loading {
	const char *file_name;		/* for messages */
	char name[MODULE_NAME_LEN];
	const struct loading *parent;	/* whose dependency this is; NULL: nobody's */
	u32 depth;
	u32 handed;			/* bytes of the file, if the calling task handed it over; 0: it did not */
	struct load_error *err;
	struct module *mod;
	u32 *value;			/* of each symbol of the file */
	struct elf_view view;
};

/* load.c: by name, as a dependency of `parent` (NULL: of nobody). */
int load_by_name(const char *name, const char *params, const struct loading *parent,
                 struct module **out, struct load_error *err) must_use;

/* bind.c: finds what the module needs, loading it where it is not there, holds on
 * to it (dep[]), and fills in l->value. May sleep. */
int bind_module(struct loading *l) must_use;
/* How often modules_changed() was called; sleeps until that is no more `seen`: 0, -EINTR or
 * -ETIMEDOUT. May sleep. */
u32 modules_changes(void);
int wait_for_change(u32 seen, u64 deadline) must_use;

/* tables.c: reads what the relocated image says of itself, at m->owner.base, into
 * core memory: exports, life-cycle functions, names for backtraces. */
int read_tables(struct loading *l) must_use;
int set_params(struct loading *l) must_use;
/* The names of init, whose code is gone. */
void drop_init_symbols(struct module *m);

/* life.c */
/* A new COMING module with a range of addresses, not yet in the list. */
int  module_new(struct loading *l, const char *params) must_use;
/* Lets go of what it depends on, and takes it off the list. May sleep. */
void module_forget(struct module *m);
/* Unmaps, shoots down TLBs and frees: module_unmap() without the rest. */
void module_unmap_image(struct module *m, struct freed_image *keep, cpumask_t *silent);

/* symbolise.c: caller holds modules_mutex. */
void symbolise_add(struct module *m);
void symbolise_remove(struct module *m);
/* Interrupts off: whose `addr` is; NULL: nobody's. It stays while they are off. */
struct module *module_at(u32 addr);

/* contain.c */
void contain_init(void);

void module_loaded_for_debugger(struct module *m);
