/* Init has returned, and nothing that is left refers to what was only for init: that is
 * its author's part (api.h), and the core lets no record lead there (entry.h). But the
 * module may have been entered before init returned, and who came in then may look:
 *
 *   CPU 0 (insmod)                     CPU 1 (reader)
 *   init: offers a device
 *                                      init is not through: looks things up
 *                                      in a table that is __initdata
 *   init returns; its section is freed
 *                                      reads the table
 *
 * He need not have an address of the section on his stack: that of the table may be part
 * of an instruction. But he stands in the module, or will return there. So the whole
 * module is looked for, by census, which holds nobody up. Whoever came in before is either
 * found or has left; whoever comes later finds init through. The ways in stay open: that
 * somebody comes in while others are looked at harms nothing, and if he is seen, the
 * section stays. One look is all that a load pays for.
 */
#include "unload/init_section.h"
#include "mm/heap.h"
#include "sched/grace.h"
#include "sched/sched.h"
#include "unload/graveyard.h"
#include "unload/inspect.h"
#include "unload/unload.h"

void free_init(struct module *m)
{
	struct freed_image kept = { 0 };

	if (!graveyard_laboratory || !module_init_pages(m)) {
		module_free_init(m, NULL);
		return;
	}
	u64 grave = graveyard_dig_init(m, strategy->name);
	module_free_init(m, &kept);
	graveyard_fill(grave, &kept);
}

void free_init_after_grace(struct module *m)
{
	grace_wait();
	free_init(m);
}

/* The asker is the loader: init has returned to it, so what its own stack says of the
 * module is no way back in. */
static bool nobody_inside(struct module *m)
{
	struct unload *look = kzalloc(sizeof(*look));
	uninitialized struct inspection in;

	if (!look)
		return false;
	look->mod = m;
	look->asker_sp = task_stack_top(current);
	inspection_init(&in, look);
	inspection_begin(&in);
	bool nobody = census_look(&in);
	inspection_end(&in);
	kfree(look);
	return nobody;
}

void free_init_if_nobody_inside(struct module *m)
{
	if (!module_init_pages(m))
		return;
	if (nobody_inside(m))
		free_init(m);
	else
		m->init_in_use = true;
}

void init_section_done(struct module *m)
{
	if (strategy->init_done)
		strategy->init_done(m);
}
