/* Devices of modules for ring 3: a handle is an open file, and a call goes through the
 * same record as one of the kernel's own, so an unload sees both alike. Drivers know
 * kernel memory only; their data takes a detour through a buffer of the core. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "user/hardware.h"
#include "user/syscall.h"
#include "user/uaccess.h"
#include "x86/cpu.h"

#define MAX_PIECE 4096u			/* moved at a time; a driver may do less anyway */

/* A file belongs to one task at a time: the lock. */
struct file_object {
	struct object object;
	struct file *file;		/* fixed */
	struct mutex lock;
};

static void file_destroy(struct object *o)
{
	struct file_object *f = container_of(o, struct file_object, object);

	file_close(f->file);
	kfree(f);
}

static const struct object_kind file_kind = {
	.name = "file", .rights = RIGHT_GIVE | RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL,
	.destroy = file_destroy,
};

static int sys_open(struct regs *r)
{
	int err = authority(r->ebx, AUTH_DEVICES);
	struct file_object *f;
	char name[24];

	if (!err)
		err = copy_text_from_user(name, sizeof(name), r->esi, r->edi);
	if (err)
		return err;
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->file = file_open(name, r->ebp & FILE_NONBLOCK);
	if (IS_ERR(f->file)) {
		err = PTR_ERR(f->file);
		kfree(f);
		return err;
	}
	object_init(&f->object, &file_kind);
	mutex_init(&f->lock, "file");
	return handle_for(&f->object, RIGHTS_ALL);
}

/* The file behind handle EBX, locked; or an error. */
static struct file_object *lock_file(const struct regs *r, u32 right)
{
	struct file_object *f = (struct file_object *)handle_get(current->user->handles,
	                                                         r->ebx & HANDLE_MASK, &file_kind, right, NULL);
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
		n = file_read(f->file, piece, len);
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
		n = file_write(f->file, piece, len);
	unlock_file(f);
	return n;
}

/* No pointer crosses: arguments and answers are numbers (modules/ioctl.h). */
static int sys_ioctl(struct regs *r)
{
	struct file_object *f = lock_file(r, RIGHT_CONTROL);
	int n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	n = file_ioctl(f->file, r->esi, r->edi);
	unlock_file(f);
	return n;
}

/* -- a driver that faults ----------------------------------------------------------------- */

/* On the stack of the driver's function, which is not gone back to. */
static void end_in_driver(void)
{
	file_calls_left();
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
