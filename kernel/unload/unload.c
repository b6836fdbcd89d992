/* rmmod: from a name to a strategy. */
#include "unload/unload.h"
#include "unload/cut_off.h"
#include "unload/veto.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/task.h"
#include "smp/ipi.h"
#include "unload/failed_load.h"
#include "unload/graveyard.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/trap.h"

/* Why a module that is not LIVE, or is spoken for, cannot be unloaded now. */
static int not_now(struct unload *u, const struct module *m)
{
	char *text = u->report.error;
	u32 size = sizeof(u->report.error);

	if (m->unloading)
		snprintf(text, size, "%s is being unloaded by task %u (%s)", u->name,
		         m->unloader_id, m->unloader);
	else
		snprintf(text, size, "%s is still loading: its init has not returned", u->name);
	return -EBUSY;
}

/* Finds the module and makes it this task's to unload: u->mod. NULL and 0: its init had failed,
 * and it is gone. */
static int claim(struct unload *u)
{
	int err = 0;

	mutex_lock(&modules_mutex);
	struct module *m = module_find(u->name);
	if (!m) {
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s is not loaded; `lsmod` lists what is", u->name);
		err = -ENOENT;
	} else if (m->failed) {
		mutex_unlock(&modules_mutex);
		return failed_load_unload(u);
	} else if (m->unloading || m->owner.state != OWNER_LIVE) {
		err = not_now(u, m);
	} else {
		u->strategy = strategy;
		m->unloading = true;
		m->unloader_id = current->id;
		strlcpy(m->unloader, current->name, sizeof(m->unloader));
		u->mod = m;
	}
	mutex_unlock(&modules_mutex);
	return err;
}

static void unclaim(struct unload *u)
{
	mutex_lock(&modules_mutex);
	u->mod->unloading = false;
	mutex_unlock(&modules_mutex);
}

/* `sp`: above it lies all that the asker's callers hold. */
static u32 unload_from(void *arg, u32 sp)
{
	struct unload *u = arg;
	u32 broadcasts = ipi_broadcasts();
	struct ipis before = ipis_sent(), after;
	int err;

	u->asker_sp = sp;
	held_watch();
	err = ask_veto(u);
	if (!err)
		err = u->strategy->unload(u);
	if (err)
		unclaim(u);
	u->report.held = held_unwatch();
	after = ipis_sent();
	u->report.ipis = (struct ipis){ after.calls - before.calls, after.reschedules - before.reschedules };
	u->report.broadcasts = ipi_broadcasts() - broadcasts;
	return (u32)err;
}

static noinline void revoked(struct unload *u, int err)
{
	u32 len = strlen(u->report.error);

	cut_off_ended(u);
	if (err)
		snprintf(u->report.error + len, sizeof(u->report.error) - len, "; %u open files stay cut off",
		         u->report.revoked);
}

int module_unload(struct unload *u)
{
	ASSERT(may_sleep() && stack_is_read());
	u->start = clock_ns();
	u->deadline = u->start + (u->patience_ns ? u->patience_ns : UNLOAD_PATIENCE_NS);
	memset(&u->report, 0, offsetof(struct unload_report, insider));
	u->mod = NULL;
	u->report.forgotten_names[0] = u->report.exit_left_at[0] = u->report.error[0] = '\0';
	int err = claim(u);
	if (err || !u->mod)
		return err;
	err = (int)with_registers_on_stack(unload_from, u);
	if (unlikely(u->report.revoked))
		revoked(u, err);
	modules_changed();
	u->report.total_ns = clock_ns() - u->start;
	return err;
}
