#include "user/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "user/entry.h"
#include "user/fault.h"
#include "user/hardware.h"
#include "user/uaccess.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/descriptors.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define MAX_TEXT 2048u			/* arguments of a program */
#define MAX_NAME 64u

/* -- what most of them need -------------------------------------------------------------- */

static struct handle_table *handles(void) { return current->user->handles; }

struct process *process_at(u32 nr, u32 rights)
{
	struct process *p = current_process();

	if (nr)
		return (struct process *)handle_get(handles(), nr, &process_kind, rights, NULL);
	object_get(&p->object);
	return p;
}

int authority(u32 nr, u32 right)
{
	struct object *o = handle_get(handles(), nr, &kernel_kind, right, NULL);

	if (IS_ERR(o))
		return PTR_ERR(o);
	object_put(o);
	return 0;
}

int handle_for(struct object *o, u32 rights)
{
	int nr;

	if (!o || IS_ERR(o))
		return o ? PTR_ERR(o) : -ENOMEM;
	nr = handle_add(handles(), 0, o, rights, 0);
	object_put(o);
	return nr;
}

static struct endpoint *endpoint_with(u32 nr, u32 right, struct handle *h)
{
	return (struct endpoint *)handle_get(handles(), nr, &endpoint_kind, right, h);
}

struct endpoint *endpoint_to_notify(u32 nr, u32 bits, struct handle *h)
{
	struct endpoint *e = endpoint_with(nr, RIGHT_NOTIFY, h);

	if (IS_ERR(e) || !(bits & ~h->mask))
		return e;
	object_put(&e->object);
	return ERR_PTR(-EPERM);
}

/* -- messages ------------------------------------------------------------------------------ */

static int sys_null(struct regs *r) { (void)r; return 0; }

static int sys_alarm(struct regs *r)
{
	struct endpoint *e = endpoint_with(r->ebx, RIGHT_RECEIVE, NULL);

	if (IS_ERR(e))
		return PTR_ERR(e);
	ipc_alarm(e, r->esi, (u64)r->edi * 1000);
	object_put(&e->object);
	return 0;
}

/* The grant is what the client's own registers say, so neither side can stretch it; and
 * it ends with the answer, but for a page that is being copied at that moment. */
static int sys_copy(struct regs *r)
{
	u32 offset = r->esi, buffer = r->edi, len = r->ebp, flags;
	bool to_client = r->ebx & COPY_TO_CALLER;
	struct object *client;
	struct words w;
	int err = ipc_client(current->user, r->ebx & HANDLE_MASK, &w, &flags, &client);

	if (err)
		return err;
	if (!(flags & (to_client ? MSG_GRANT_WRITE : MSG_GRANT_READ)))
		err = -EPERM;
	else if (offset > w.w2)
		err = -EINVAL;
	len = MIN(len, w.w2 - offset);
	if (!err && (!user_range(w.w1, w.w2) || !user_range(buffer, len)))
		err = -EFAULT;
	if (!err)
		err = space_copy(&to_process(client)->space, w.w1 + offset, buffer, len, to_client);
	object_put(client);
	return err ? err : (int)len;
}

/* -- handles ---------------------------------------------------------------------------------- */

static int sys_close(struct regs *r) { return handle_close(handles(), r->ebx); }

/* Who receives at an endpoint may hand out handles that tell their holders apart; its
 * clients must not. */
static int sys_dup(struct regs *r)
{
	struct copy_as as = { .rights = r->esi, .badge = r->edi, .mask = r->ebp };
	int nr;

	if (r->ebx & DUP_WATCH) {
		if (!as.badge)
			return -EINVAL;
		/* Its handle may be closed and the event not be received: no number of handles bounds them. */
		as.watch = frame_available() > frames_for_the_kernel() ? kzalloc(sizeof(*as.watch)) : NULL;
		if (!as.watch)
			return -ENOMEM;
		as.watch->badge = as.badge;
	}
	nr = handle_copy_as(handles(), r->ebx & HANDLE_MASK, handles(), 0, &as);
	if (nr < 0)
		kfree(as.watch);
	return nr;
}

static int sys_endpoint(struct regs *r)
{
	struct endpoint *e = endpoint_new();

	(void)r;
	return handle_for(e ? &e->object : NULL, RIGHTS_ALL);
}

/* -- memory --------------------------------------------------------------------------------------- */

static int sys_memory(struct regs *r)
{
	return handle_for(&memory_new(r->esi)->object, RIGHTS_ALL);
}

static int sys_memory_phys(struct regs *r)
{
	int err = authority(r->ebx, AUTH_PHYS);

	return err ? err : handle_for(&memory_of_device(r->esi, r->edi)->object, RIGHTS_ALL & ~RIGHT_EXECUTE);
}

static int sys_map(struct regs *r)
{
	struct map_args args;
	struct process *p;
	struct memory *m;
	u32 at = 0;
	int err = copy_from_user(&args, r->esi, sizeof(args));

	if (err)
		return err;
	if (!args.rights || args.rights & ~(RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE))
		return -EINVAL;
	/* There is no page that can be written or executed and not read. */
	m = (struct memory *)handle_get(handles(), args.memory, &memory_kind, args.rights | RIGHT_READ, NULL);
	if (IS_ERR(m))
		return PTR_ERR(m);
	p = process_at(r->ebx, RIGHT_CONTROL);
	err = IS_ERR(p) ? PTR_ERR(p) :
	      space_map(&p->space, m, args.address, args.first, args.pages, args.rights, &at);
	if (!IS_ERR(p))
		object_put(&p->object);
	object_put(&m->object);
	return err ? err : (int)at;	/* far from any error */
}

static int sys_unmap(struct regs *r)
{
	struct process *p = process_at(r->ebx, RIGHT_CONTROL);
	int err;

	if (IS_ERR(p))
		return PTR_ERR(p);
	err = space_unmap(&p->space, r->esi, r->edi);
	object_put(&p->object);
	return err;
}

/* -- processes and threads ---------------------------------------------------------------------------- */

/* Texts that come from ring 3, and the room for them: too much for a kernel stack. */
struct texts { char name[MAX_NAME], args[MAX_TEXT]; };

static int new_process(const struct process_args *a, struct texts *t)
{
	struct process_plan plan = {
		.name = t->name, .args = t->args, .badge = a->badge, .ended_bits = a->ended_bits,
		.priority = a->priority ? MIN(a->priority, current_process()->priority) :
		            current_process()->priority,
		.creator = current_process(),
	};
	struct process *p;
	struct handle h;
	const char *why = "";
	int nr = copy_text_from_user(t->name, sizeof(t->name), a->name, a->name_len);

	if (!nr)
		nr = copy_text_from_user(t->args, sizeof(t->args), a->args, a->args_len);
	if (!nr && a->supervisor) {
		plan.supervisor = endpoint_with(a->supervisor, RIGHT_CALL | RIGHT_NOTIFY, &h);
		if (IS_ERR(plan.supervisor)) {
			nr = PTR_ERR(plan.supervisor);
			plan.supervisor = NULL;
			goto out;
		}
		if (!(h.rights & RIGHT_RECEIVE))
			plan.badge = h.badge;	/* only a server tells its callers apart */
		if (a->ended_bits & ~h.mask)
			nr = -EPERM;
	}
	if (!nr && a->image) {
		plan.image = image_from_user(a->image, a->image_len);
		plan.image_len = a->image_len;
		nr = IS_ERR(plan.image) ? PTR_ERR(plan.image) : 0;
	}
	if (!nr) {
		p = process_new(&plan, &why);
		nr = handle_for(&p->object, RIGHTS_ALL);
		if (nr < 0 && !IS_ERR(p))
			process_end(p, nr);
	}
	if (!IS_ERR(plan.image))
		kfree((void *)plan.image);
	if (plan.supervisor)
		object_put(&plan.supervisor->object);
out:
	return text_to_user(a->text, a->text_size, nr < 0 ? why : "") && nr < 0 ? -EFAULT : nr;
}

static int sys_process(struct regs *r)
{
	struct process_args args;
	struct texts *texts;
	int err = authority(r->ebx, AUTH_PROCESS);

	if (!err)
		err = copy_from_user(&args, r->esi, sizeof(args));
	if (err)
		return err;
	texts = kmalloc(sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	err = new_process(&args, texts);
	kfree(texts);
	return err;
}

/* RECEIVE cannot be passed on: it ends with the process that its creator gave it to. */
static bool may_get_receive(struct process *p)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	bool may = p->state == PROCESS_NEW && p->creator == current_process();

	spin_unlock_irqrestore(&ipc_lock, flags);
	return may;
}

static int sys_process_give(struct regs *r)
{
	struct process *p = process_at(r->ebx, RIGHT_CONTROL);
	struct handle h;
	struct object *o;
	u32 rights = r->ebp;
	int slot;

	if (IS_ERR(p))
		return PTR_ERR(p);
	if (!may_get_receive(p))
		rights &= ~RIGHT_RECEIVE;	/* whatever lies in that slot by then */
	o = handle_get(handles(), r->edi, NULL, RIGHT_GIVE, &h);
	if (IS_ERR(o))
		slot = PTR_ERR(o);
	else if (h.rights & r->ebp & ~rights)
		slot = -EPERM;
	else
		slot = handle_copy_as(handles(), r->edi, &p->handles, r->esi, &(struct copy_as){ .rights = rights });
	if (!IS_ERR(o))
		object_put(o);
	object_put(&p->object);
	return slot;
}

static int sys_process_start(struct regs *r)
{
	struct process *p = process_at(r->ebx, RIGHT_CONTROL);
	int err;

	if (IS_ERR(p))
		return PTR_ERR(p);
	err = process_start(p);
	object_put(&p->object);
	return err;
}

static int sys_process_end(struct regs *r)
{
	struct process *p = process_at(r->ebx, RIGHT_CONTROL);

	if (IS_ERR(p))
		return PTR_ERR(p);
	process_end(p, (s32)r->esi);
	object_put(&p->object);
	return 0;
}

static int sys_process_status(struct regs *r)
{
	struct process *p = process_at(r->ebx, RIGHT_WATCH);
	struct process_status status;

	if (IS_ERR(p))
		return PTR_ERR(p);
	process_status(p, &status);
	object_put(&p->object);
	return copy_to_user(r->esi, &status, sizeof(status));
}

static int sys_task_end(struct regs *r)
{
	int err = authority(r->ebx, AUTH_PROCESS);
	struct task *t = err ? NULL : task_find(r->esi);

	if (!t)
		return err ? err : -ESRCH;
	if (!process_end_of_thread(t, -EINTR))
		err = task_kill(t);
	task_put(t);
	return err;
}

static int sys_exit(struct regs *r)
{
	process_end(current_process(), (s32)r->esi);
	thread_exit();
}

static int sys_thread(struct regs *r)      { return thread_create(current_process(), r->esi, r->edi, r->ebp); }
static int sys_thread_exit(struct regs *r) { (void)r; thread_exit(); }

static int sys_priority(struct regs *r)
{
	if (!r->esi || r->esi > current_process()->priority)
		return -EPERM;
	task_set_prio(current, r->esi);
	return 0;
}

static int sys_affinity(struct regs *r)
{
	cpumask_t mask = (cpumask_t)r->edi << 32 | r->esi;

	if (!(mask & cpus_online))
		return -EINVAL;
	task_set_affinity(current, mask);
	return 0;
}

static int sys_yield(struct regs *r)
{
	(void)r;
	yield();
	return 0;
}

static int sys_sleep(struct regs *r)
{
	return sleep_interruptible_ns((u64)r->esi * 1000);
}

static int sys_clock(struct regs *r)
{
	u64 now = clock_ns();

	r->esi = (u32)now;
	r->edi = (u32)(now >> 32);
	r->ebp = tsc_khz();
	return 0;
}

/* -- the table -------------------------------------------------------------------------------------------- */

static int sys_none(struct regs *r) { (void)r; return -ENOSYS; }

extern syscall_fn syscalls[];		/* entry.asm */
syscall_fn syscalls[NR_SYSCALLS] = {
	[SYS_NULL] = sys_null, [SYS_CALL] = ipc_call, [SYS_RECEIVE] = ipc_receive,
	[SYS_REPLY] = ipc_reply, [SYS_REPLY_RECEIVE] = ipc_reply_receive,
	[SYS_SAVE_CALLER] = ipc_save_caller, [SYS_NOTIFY] = ipc_notify_by_handle, [SYS_ALARM] = sys_alarm,
	[SYS_COPY] = sys_copy,
	[SYS_CLOSE] = sys_close, [SYS_DUP] = sys_dup, [SYS_ENDPOINT] = sys_endpoint,
	[SYS_MEMORY] = sys_memory, [SYS_MEMORY_PHYS] = sys_memory_phys, [SYS_MAP] = sys_map,
	[SYS_UNMAP] = sys_unmap,
	[SYS_PROCESS] = sys_process, [SYS_PROCESS_GIVE] = sys_process_give,
	[SYS_PROCESS_START] = sys_process_start, [SYS_PROCESS_END] = sys_process_end,
	[SYS_PROCESS_STATUS] = sys_process_status, [SYS_EXIT] = sys_exit,
	[SYS_THREAD] = sys_thread, [SYS_THREAD_EXIT] = sys_thread_exit,
	[SYS_PRIORITY] = sys_priority, [SYS_AFFINITY] = sys_affinity,
	[SYS_YIELD] = sys_yield, [SYS_SLEEP] = sys_sleep, [SYS_CLOCK] = sys_clock,
	[SYS_TASK_END] = sys_task_end,
};

/* What may lie above the handle in EBX; the rest is -EINVAL before the call begins, so that it
 * can mean something one day. */
static const u32 syscall_flags[NR_SYSCALLS] = {
	[SYS_NULL] = ~HANDLE_MASK,	/* it looks at nothing */
	[SYS_CALL] = MSG_GRANT_READ | MSG_GRANT_WRITE | MSG_GIVE,
	[SYS_RECEIVE] = MSG_NONBLOCK,
	[SYS_REPLY] = MSG_GIVE,
	[SYS_REPLY_RECEIVE] = MSG_GIVE | MSG_NONBLOCK,
	[SYS_COPY] = COPY_TO_CALLER,
	[SYS_DUP] = DUP_WATCH,
};
extern u32 syscall_unknown_flags[];	/* entry.asm */
u32 syscall_unknown_flags[NR_SYSCALLS];	/* fixed once this floor is up */

void syscall_set(enum syscall number, syscall_fn fn)
{
	ASSERT(syscalls[number] == sys_none);
	syscalls[number] = fn;
}

/* entry.asm and inside.asm know these. */
_Static_assert(NR_SYSCALLS == 47 && SYSCALL_INT == 0x80 && SYSCALL_INT == VECTOR_SYSCALL, "entry.asm");
_Static_assert(offsetof(struct regs, eax) == 44 && offsetof(struct regs, ebx) == 32 && offsetof(struct regs, eip) == 56, "entry.asm");
static noinline void define_offsets(void)
{
	__asm__ volatile(".globl task_killed_offset\n"
	                 ".set task_killed_offset, %c0\n"
	                 ".globl task_scan_top_offset\n"
	                 ".set task_scan_top_offset, %c1\n"
	                 ".globl task_stack_offset\n"
	                 ".set task_stack_offset, %c2"
	                 :: "i"(offsetof(struct task, killed)), "i"(offsetof(struct task, scan_top)),
	                    "i"(offsetof(struct task, stack)));
}

/* -- each CPU ------------------------------------------------------------------------------------------------ */

/* The first Pentium Pros say that they have it, and do not (Intel SDM vol. 2, SYSENTER). */
static bool has_sysenter(void)
{
	struct cpuid r = cpuid(1, 0);
	u32 family = r.eax >> 8 & 15, model = r.eax >> 4 & 15, stepping = r.eax & 15;

	return (r.edx & CPUID1_EDX_SEP) && !(family == 6 && model < 3 && stepping < 3);
}

void user_init_cpu(void)
{
	/* Nobody saves FPU registers: their instructions are not for ring 3. */
	write_cr0(read_cr0() | CR0_EM);
	cpu_has_sysenter = has_sysenter();	/* all CPUs are alike */
	if (!cpu_has_sysenter)
		return;
	wrmsr(MSR_SYSENTER_CS, SEL_KERNEL_CODE);
	wrmsr(MSR_SYSENTER_EIP, (u32)sysenter_entry);
}

void user_init(void)
{
	define_offsets();
	for (u32 i = 0; i < NR_SYSCALLS; i++) {
		if (!syscalls[i])
			syscalls[i] = sys_none;
		syscall_unknown_flags[i] = ~(HANDLE_MASK | syscall_flags[i]);
	}
	hardware_init_syscalls();
	device_init_syscalls();
	cpu_has_smap = read_cr4() & CR4_SMAP;
	fault_init();
	trap_set_user_gate(VECTOR_SYSCALL, int80_entry);
}
