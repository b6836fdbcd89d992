/* Programs that the kernel itself starts, with all authority: the first one, and those of
 * a benchmark. */
#include "lib/errno.h"
#include "sched/sched.h"
#include "shell/commands.h"
#include "user/process.h"
#include "x86/panic.h"

struct process *start_program(const char *name, const char *args, u32 prio, const char **why)
{
	struct process_plan plan = { .name = name, .args = args, .priority = prio };
	struct process *p = process_new(&plan, why);
	int err;

	if (IS_ERR(p))
		return p;
	err = handle_add(&p->handles, HANDLE_KERNEL, &kernel_object, RIGHTS_ALL, 0);
	if (err >= 0)
		err = process_start(p);
	if (err >= 0)
		return p;
	*why = "no memory";
	process_end(p, err);
	object_put(&p->object);
	return ERR_PTR(err);
}

/* Its exit code, or how it was ended. A kill of the caller ends it. */
static int wait_for_end(struct process *p)
{
	struct process_status status;

	process_wait(p);
	process_status(p, &status);
	object_put(&p->object);
	return status.code;
}

int run_program(const char *name, const char *args)
{
	const char *why;
	struct process *p = start_program(name, args, PRIO_NORMAL, &why);

	return IS_ERR(p) ? shell_error(PTR_ERR(p), "%s: %s", name, why) : wait_for_end(p);
}

static const char *remedy(int err)
{
	return err == -ENOMEM ? "give the machine more memory" :
	       "give modules.tar to the boot loader, or say init=PROGRAM";
}

void start_init(const char *program)
{
	const char *why;
	struct process *p = start_program(program, "", PRIO_HIGH, &why);

	if (IS_ERR(p))
		panic("%s, the first program: %s; %s", program, why, remedy(PTR_ERR(p)));
	int code = wait_for_end(p);
	panic("%s, the first program, has ended: %s%s", program, code < 0 ? errno_name(code) : "by itself",
	      code == -ENOMEM ? "; give the machine more memory" : "");
}
