/* Modules come and go by system call: what 2.6's delete_module() knew (O_NONBLOCK, wait,
 * O_TRUNC), and a deadline, and cutting files off. */
#include "lib/abi.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/wait.h"
#include "user/inside.h"
#include "user/syscall.h"
#include "user/uaccess.h"
#include "unload/unload.h"
#include "x86/clock.h"

#define TEXT_SIZE 1024u
#define PARAMS_SIZE 256u

_Static_assert(MODULE_NAME_MAX == MODULE_NAME_LEN - 1, "lib/abi.h");

/* All that is too large for a stack that is inspected. */
struct request {
	struct module_args args;
	void *image;			/* NULL: it is the archive's */
	char name[MODULE_NAME_LEN], params[PARAMS_SIZE];
	char text[TEXT_SIZE];
	struct load_error why;
	struct unload unload;
	char dep[MAX_DEPS][MODULE_NAME_LEN];
};

/* Checked and copied, or an error pointer. `flags`: those that are known. */
static struct request *request_new(const struct regs *r, u32 flags)
{
	int err = authority(r->ebx, AUTH_MODULES);
	struct request *q;

	if (err)
		return ERR_PTR(err);
	q = kzalloc(sizeof(*q));
	if (!q)
		return ERR_PTR(-ENOMEM);
	err = copy_from_user(&q->args, r->esi, sizeof(q->args));
	if (!err && (q->args.flags & ~flags))
		err = -EINVAL;
	if (!err)
		err = copy_ascii_from_user(q->name, sizeof(q->name), q->args.name, q->args.name_len);
	if (!err)
		err = copy_ascii_from_user(q->params, sizeof(q->params), q->args.params, q->args.params_len);
	if (err) {
		kfree(q);
		return ERR_PTR(err);
	}
	return q;
}

/* As much of the text as there is room for. `result` unless that fails. */
static int say(const struct request *q, const char *text, int result)
{
	return text_to_user(q->args.text, q->args.text_size, text) ?: result;
}

static int load_inside(void *request)
{
	struct request *q = request;

	if (q->image)
		return module_load_handed(q->name, q->image, q->args.image_len, q->params, &q->why);
	return q->args.flags & MODULE_PROBE ? module_probe(q->name, q->params, &q->why) :
	       module_load_by_name(q->name, q->params, NULL, &q->why);
}

/* The file from the caller's memory, if it has one there. */
static int get_image(struct request *q)
{
	void *image;

	if (!q->args.image)
		return 0;
	if (q->args.flags & MODULE_PROBE)
		return -EINVAL;
	image = image_from_user(q->args.image, q->args.image_len);
	if (IS_ERR(image))
		return PTR_ERR(image);
	q->image = image;
	return 0;
}

static int sys_module_load(struct regs *r)
{
	struct request *q = request_new(r, MODULE_PROBE);
	int err;

	if (IS_ERR(q))
		return PTR_ERR(q);
	err = get_image(q);
	if (!err)
		err = call_inside(load_inside, q);
	err = say(q, err ? q->why.text : "", err);
	kfree(q->image);
	kfree(q);
	return err;
}

/* -- unload ------------------------------------------------------------------------------ */

void (*module_unload_answered)(const struct unload *u, int err);

static void begin(struct request *q, const char *name)
{
	const struct module_args *a = &q->args;
	struct unload *u = &q->unload;

	memset(u, 0, sizeof(*u));
	/* What is no name of a module is not loaded, by any name. */
	if (module_name_of(name, u->name))
		strlcpy(u->name, name, sizeof(u->name));
	u->flags = (a->flags & MODULE_NONBLOCK ? 0 : UNLOAD_WAIT) |
	           (a->flags & MODULE_FORCE ? UNLOAD_FORCE : 0) |
	           (a->flags & MODULE_REVOKE ? UNLOAD_REVOKE : 0);
	u->patience_ns = a->patience_us == PATIENCE_FOREVER ? WAIT_FOREVER / 2 :
	                 (u64)a->patience_us * 1000;
}

static int report(const struct request *q)
{
	const struct unload_report *r = &q->unload.report;
	struct unload_summary s = {
		.total_ns = r->total_ns, .held_ns = tsc_to_ns(r->held.held),
		.asker_held_ns = tsc_to_ns(r->held.asker), .ipis = r->ipis.calls + r->ipis.reschedules, .tries = r->tries,
		.broadcasts = r->broadcasts, .inspected = r->inspected, .skipped = r->skipped,
		.words = r->words, .insiders = r->nr_insiders, .forgotten = r->forgotten,
		.forgotten_allocs = r->forgotten_allocs, .revoked = r->revoked,
		.rolled_back = r->rolled_back,
	};

	strlcpy(s.exit_left_at, r->exit_left_at, sizeof(s.exit_left_at));
	strlcpy(s.strategy, (q->unload.strategy ? q->unload.strategy : strategy)->name, sizeof(s.strategy));
	return q->args.report ? copy_to_user(q->args.report, &s, MIN(sizeof(s), q->args.report_size)) : 0;
}

/* One module; its text is added to what is there. */
static int unload_one(struct request *q, const char *name)
{
	u32 len = strlen(q->text);
	int err;

	begin(q, name);
	err = module_unload(&q->unload);
	if (module_unload_answered)
		module_unload_answered(&q->unload, err);
	unload_text(&q->unload, err, q->args.flags & MODULE_VERBOSE, q->text + len, TEXT_SIZE - len);
	return err;
}

static int unload_inside(void *request)
{
	struct request *q = request;
	char name[MODULE_NAME_LEN];
	int err, copy_err;
	u32 nr = 0;

	if (q->args.flags & MODULE_DEPS && !module_name_of(q->name, name))
		nr = module_dependencies(name, q->dep);
	err = unload_one(q, q->name);
	copy_err = report(q);
	for (u32 i = 0; !err && i < nr; i++) {
		if (module_is_unused(q->dep[i]))
			err = unload_one(q, q->dep[i]);
	}
	return err ? err : copy_err;
}

#define UNLOAD_FLAGS (MODULE_NONBLOCK | MODULE_FORCE | MODULE_REVOKE | MODULE_DEPS | MODULE_VERBOSE)

static int sys_module_unload(struct regs *r)
{
	struct request *q = request_new(r, UNLOAD_FLAGS);
	int err;

	if (IS_ERR(q))
		return PTR_ERR(q);
	err = say(q, q->text, call_inside(unload_inside, q));
	kfree(q);
	return err;
}

void module_init_syscalls(void)
{
	syscall_set(SYS_MODULE_LOAD, sys_module_load);
	syscall_set(SYS_MODULE_UNLOAD, sys_module_unload);
}
