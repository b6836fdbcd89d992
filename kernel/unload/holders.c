#include "unload/holders.h"
#include "unload/bare_pointers.h"
#include "unload/cut_off.h"
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "x86/clock.h"

#define POLL_NS (5 * NSEC_PER_MSEC)

/* Those in `list` that have bound to it; how long the text is then. */
static u32 add_dependents(struct unload *u, const struct list *list, const char *how, u32 len)
{
	struct unload_report *r = &u->report;
	struct module *m;

	list_for_each(m, list, node) {
		for (u32 i = 0; i < m->nr_deps && len < sizeof(r->error); i++) {
			if (m->dep[i] == u->mod)
				len += (u32)snprintf(r->error + len, sizeof(r->error) - len, " %s%s",
				                     m->owner.name, how);
		}
	}
	return len;
}

int name_dependents(struct unload *u)
{
	struct unload_report *r = &u->report;
	u32 len = (u32)snprintf(r->error, sizeof(r->error), "%s is used by", u->name);

	len = add_dependents(u, &modules, "", len);
	len = add_dependents(u, &modules_binding, " (which is being loaded)", len);
	if (len < sizeof(r->error))
		snprintf(r->error + len, sizeof(r->error) - len, "; unload %s first",
		         u->mod->nr_users == 1 ? "it" : "them");
	return -EBUSY;
}

static int name_file_holder(struct unload *u, int err)
{
	struct unload_report *r = &u->report;
	struct file_holder h;

	/* It may have been closed since it was counted. */
	if (!owner_file_holder(&u->mod->owner, &h)) {
		snprintf(r->error, sizeof(r->error), "%s was in use until just now; try again", u->name);
		return err;
	}
	u32 tenths = (u32)div_u64(clock_ns() - h.opened_at, 100 * NSEC_PER_MSEC);
	u32 len = (u32)snprintf(r->error, sizeof(r->error), "%s is in use by task %u (%s)", u->name,
	                        h.task_id, h.task_name);
	if (h.module[0])
		len += (u32)snprintf(r->error + len, sizeof(r->error) - len, ", for module %s", h.module);
	snprintf(r->error + len, sizeof(r->error) - len, ", open since %u.%u s%s", tenths / 10, tenths % 10,
	         h.cut ? "; the file is cut off, its release() has not returned" : "");
	return err;
}

static bool has_users(struct unload *u)
{
	mutex_lock(&modules_mutex);
	bool used = u->mod->nr_users != 0;
	if (used)
		(void)name_dependents(u);
	mutex_unlock(&modules_mutex);
	return used;
}

/* 0: look again; else who was found last is in the way. */
static int wait_a_little(const struct unload *u)
{
	if (!(u->flags & UNLOAD_WAIT))
		return -EBUSY;
	if (clock_passed(u->deadline))
		return -ETIMEDOUT;
	return sleep_interruptible_ns(POLL_NS) == -EINTR ? -EINTR : 0;
}

/* The last close wakes it. */
static int wait_for_files(struct unload *u)
{
	struct owner *o = &u->mod->owner;
	int err;

	if (!owner_open_files(o))
		return 0;
	if (!(u->flags & UNLOAD_WAIT))
		return name_file_holder(u, -EBUSY);
	err = owner_wait_files(o, WAIT_FOREVER, u->deadline);
	return err ? name_file_holder(u, err) : 0;
}

/* What refuses is asked before anything is cut off. */
int holders_wait(struct unload *u)
{
	/* Another module's code is bound to this one's: no patience ends that, and
	 * nothing may be cut off. */
	if (has_users(u))
		return -EBUSY;
	if (u->flags & UNLOAD_FORCE)
		kernel_taint |= TAINT_FORCED_UNLOAD;
	int found;
	while (!(u->flags & UNLOAD_FORCE) && (found = bare_pointer_found(u))) {
		int err = found < 0 ? found : wait_a_little(u);
		if (err)
			return err;
	}
	return u->flags & (UNLOAD_REVOKE | UNLOAD_FORCE) ? cut_files_off(u) : wait_for_files(u);
}
