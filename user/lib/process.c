#include "user/lib/process.h"
#include "lib/string.h"
#include "user/lib/syscall.h"

void process_exit(int code)
{
	for (;;)
		(void)syscall(SYS_EXIT, 0, (u32)code, 0, 0);
}

/* -- threads ------------------------------------------------------------------------ */

/* What a thread begins with, at the top of its stack. */
struct thread {
	void (*fn)(void *);
	void *arg;
};

void thread_entry(void);
void thread_begin(struct thread *t) noreturn;

void thread_begin(struct thread *t)
{
	t->fn(t->arg);
	for (;;)
		(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

int thread_start(void (*fn)(void *), void *arg, void *stack, u32 size)
{
	struct thread *t = (struct thread *)ALIGN_DOWN(address(stack) + size - sizeof(*t), 16u);

	*t = (struct thread){ fn, arg };
	return syscall(SYS_THREAD, 0, address(thread_entry), address(t), address(t));
}

/* -- other processes ---------------------------------------------------------------- */

static int give(u32 process, const struct gift *g)
{
	if (!g->handle)
		return 0;
	return syscall(SYS_PROCESS_GIVE, process, g->slot, g->handle, g->rights);
}

int spawn(const struct spawn *s)
{
	struct process_args args = {
		.name = address(s->program), .name_len = strlen(s->program),
		.args = address(s->args), .args_len = strlen(s->args),
		.supervisor = s->supervisor, .badge = s->badge, .ended_bits = s->ended_bits,
		.priority = s->priority,
		.image = address(s->image), .image_len = s->image_len,
		.text = address(s->text), .text_size = s->text_size,
	};
	int process = syscall(SYS_PROCESS, HANDLE_KERNEL, address(&args), 0, 0), err = 0;

	if (process < 0)
		return process;
	for (u32 i = 0; err >= 0 && i < ARRAY_SIZE(s->gift); i++)
		err = give((u32)process, &s->gift[i]);
	if (err >= 0)
		err = syscall(SYS_PROCESS_START, (u32)process, 0, 0, 0);
	if (err >= 0)
		return process;
	process_end((u32)process, err);
	(void)syscall(SYS_CLOSE, (u32)process, 0, 0, 0);
	return err;
}

int process_status(u32 process, struct process_status *out)
{
	return syscall(SYS_PROCESS_STATUS, process, address(out), 0, 0);
}

void process_end(u32 process, int code)
{
	(void)syscall(SYS_PROCESS_END, process, (u32)code, 0, 0);
}
