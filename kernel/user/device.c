/* Devices of modules for ring 3: a handle is an open file, and a call goes through the
 * same record as one of the kernel's own, so an unload sees both alike. Drivers know
 * kernel memory only; their data takes a detour through a buffer of the core. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "user/hardware.h"
#include "user/inside.h"
#include "user/syscall.h"
#include "user/uaccess.h"
#include "x86/atomic.h"
#include "x86/cpu.h"

#define MAX_PIECE 4096u			/* moved at a time; a driver may do less anyway */

/* A file belongs to one task at a time: the lock. */
struct file_object {
	struct object object;
	struct file *file;		/* fixed */
	struct mutex lock;
};

static int close_inside(void *file)
{
	file_close(file);
	return 0;
}

static u32 nr_files;			/* atomic */

u32 user_files(void) { return READ_ONCE(nr_files); }

/* In whatever call drops the last reference. */
static void file_destroy(struct object *o)
{
	struct file_object *f = container_of(o, struct file_object, object);

	(void)call_inside(close_inside, f->file);
	kfree(f);
	atomic_add(&nr_files, -1u);
}

static const struct object_kind file_kind = {
	.name = "file", .rights = RIGHT_GIVE | RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL,
	.destroy = file_destroy,
};

/* A call of a driver, on its way through call_inside(). */
struct call { struct file *file; void *piece; u32 len, cmd, arg; };

static int read_inside(void *call)
{
	struct call *c = call;

	return file_read(c->file, c->piece, c->len);
}

static int write_inside(void *call)
{
	struct call *c = call;

	return file_write(c->file, c->piece, c->len);
}

static int ioctl_inside(void *call)
{
	struct call *c = call;

	return file_ioctl(c->file, c->cmd, c->arg);
}

struct opening { const char *name; u32 flags; struct file *file; };

static int open_inside(void *opening)
{
	struct opening *o = opening;

	o->file = file_open(o->name, o->flags);
	return IS_ERR(o->file) ? PTR_ERR(o->file) : 0;
}

static int sys_open(struct regs *r)
{
	int err = authority(r->ebx, AUTH_DEVICES);
	struct opening o = { .flags = r->ebp & FILE_NONBLOCK };
	struct file_object *f;
	char name[24];

	if (!err)
		err = copy_ascii_from_user(name, sizeof(name), r->esi, r->edi);
	if (err)
		return err;
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	o.name = name;
	err = call_inside(open_inside, &o);
	if (err) {
		kfree(f);
		return err;
	}
	f->file = o.file;
	object_init(&f->object, &file_kind);
	mutex_init(&f->lock, "file");
	atomic_add(&nr_files, 1);
	return handle_for(&f->object, RIGHTS_ALL);
}

/* The file behind handle EBX, locked; or an error. */
static struct file_object *lock_file(const struct regs *r, u32 right)
{
	struct file_object *f = (struct file_object *)handle_get(current->user->handles,
	                                                         r->ebx, &file_kind, right, NULL);
	int err;

	if (IS_ERR(f))
		return f;
	err = mutex_lock_interruptible(&f->lock);
	if (!err) {
		current->user->in_file = f;
		return f;
	}
	object_put(&f->object);
	return ERR_PTR(err);
}

static void unlock_file(struct file_object *f)
{
	kfree(current->user->piece);
	current->user->piece = NULL;
	current->user->in_file = NULL;
	mutex_unlock(&f->lock);
	object_put(&f->object);
}

static int sys_read(struct regs *r)
{
	struct file_object *f = lock_file(r, RIGHT_READ);
	u32 len = MIN(r->edi, MAX_PIECE);
	int n = -ENOMEM;
	void *piece;

	if (IS_ERR(f))
		return PTR_ERR(f);
	piece = user_range(r->esi, len) ? kzalloc(MAX(len, 1u)) : NULL;
	current->user->piece = piece;
	if (!user_range(r->esi, len))
		n = -EFAULT;
	else if (piece)
		n = call_inside(read_inside, &(struct call){ .file = f->file, .piece = piece, .len = len });
	if (n > 0)
		n = copy_to_user(r->esi, piece, MIN((u32)n, len)) ?: (int)MIN((u32)n, len);
	unlock_file(f);
	return n;
}

static int sys_write(struct regs *r)
{
	struct file_object *f = lock_file(r, RIGHT_WRITE);
	u32 len = MIN(r->edi, MAX_PIECE);
	int n = -ENOMEM;
	void *piece;

	if (IS_ERR(f))
		return PTR_ERR(f);
	piece = kmalloc(MAX(len, 1u));
	current->user->piece = piece;
	if (piece)
		n = copy_from_user(piece, r->esi, len);
	if (!n)
		n = call_inside(write_inside, &(struct call){ .file = f->file, .piece = piece, .len = len });
	unlock_file(f);
	return n;
}

/* No pointer crosses: arguments and answers are numbers (modules/ioctl.h). They lie on the stack
 * while the driver works, so none of them may look like an address of another module. */
static int sys_ioctl(struct regs *r)
{
	struct file_object *f;
	int n;

	if (looks_like_module(r->esi) || looks_like_module(r->edi))
		return -EINVAL;
	f = lock_file(r, RIGHT_CONTROL);
	if (IS_ERR(f))
		return PTR_ERR(f);
	n = call_inside(ioctl_inside, &(struct call){ .file = f->file, .cmd = r->esi, .arg = r->edi });
	unlock_file(f);
	return n;
}

/* -- a driver that faults ----------------------------------------------------------------- */

/* On the stack of the driver's function, which is not gone back to. */
static void end_in_driver(void)
{
	file_calls_left();
	task_is_outside();
	unlock_file(current->user->in_file);
	process_end(current_process(), -EFAULT);
	thread_exit();
}

bool device_call_ends(struct regs *regs)
{
	bool task_context = !in_interrupt() && (regs->eflags & EFLAGS_IF) && !this_cpu_read(preempt_count);

	if (!task_context || !current->user || !current->user->in_file || task_mutexes(current) != 1 ||
	    current->must_return)
		return false;
	regs->eip = (u32)end_in_driver;
	return true;
}

void device_init_syscalls(void)
{
	syscall_set(SYS_OPEN, sys_open);
	syscall_set(SYS_READ, sys_read);
	syscall_set(SYS_WRITE, sys_write);
	syscall_set(SYS_IOCTL, sys_ioctl);
}
