/* A driver's other home: what the core is to a module, this is to the same driver as a
 * server. It receives what comes, one after the other: calls of clients, each served by
 * a worker; the interrupt; the end of a wait, of a client, of a file.
 *
 *	client				server
 *	open: calls the service
 *					makes a file, answers: the same endpoint, with
 *					a badge that is this file's
 *	read: calls that
 *					a worker serves it
 *	closes the handle, or ends
 *					hears that no handle has the badge any more:
 *					closes the file
 *
 * The endpoint is of this life of the server: with it all files end, and their clients get
 * -EPIPE instead of another client's file. */
#include "user/driver/worker.h"
#include "user/lib/process.h"
#include "user/lib/service.h"
#include "user/lib/syscall.h"

#define MAX_FILES 64u

/* Bits that are raised at the endpoint, beside SERVICE_LEAVE. No client can (SERVICE_CLIENT_BITS). */
#define BIT_IRQ   (1u << 16)
#define BIT_ALARM (1u << 17)

void cleanup_module(void) __attribute__((weak));

/* -- the device -------------------------------------------------------------------- */

struct chrdev { const struct chrdev_ops *ops; };
static struct chrdev device;

struct open_file {
	struct file file;
	bool taken;			/* until no handle with its badge is left, and it is released */
	bool closing;			/* released when the last of its users leaves */
	bool released;
	bool unheld;			/* its badge has no handle left: to be ended */
	bool ending;			/* ... and a worker does it */
	u32 users;			/* workers that use it */
};

/* A file's badge is its place and 1. A place is free again when no handle has that badge, so no old
 * handle leads to a new file, and no number has to grow. */
static struct open_file files[MAX_FILES];
static u32 nr_unheld;			/* that no worker ends yet */

static bool initialised;		/* init_module() has returned 0 */
static struct wait_queue births = WAIT_QUEUE(births, "");

struct chrdev *chrdev_register(const char *name, const struct chrdev_ops *ops, void *private)
{
	(void)name, (void)private;
	if (device.ops)
		return ERR_PTR(-EEXIST);
	device.ops = ops;
	return &device;
}

int chrdev_unregister(struct chrdev *d)
{
	d->ops = NULL;
	return 0;
}

/* -- files ------------------------------------------------------------------------- */

static struct open_file *file_of(u32 badge)
{
	struct open_file *f = &files[(badge - 1) % MAX_FILES];

	return badge - 1 < MAX_FILES && f->taken && !f->closing ? f : NULL;
}

/* `users` keeps it while its release waits. */
static void file_put(struct open_file *f)
{
	if (f->users == 1 && f->closing && !f->released) {
		f->released = true;
		if (device.ops && device.ops->release)
			device.ops->release(&f->file);
	}
	if (!--f->users && f->released && f->unheld)
		f->taken = false;
}

static void file_end(struct open_file *f)
{
	f->users++;
	f->closing = true;
	workers_interrupt(f);
	file_put(f);
}

static struct open_file *new_file(u32 flags)
{
	for (struct open_file *f = files; f < files + MAX_FILES; f++) {
		if (f->taken)
			continue;
		*f = (struct open_file){ .file = { .flags = flags }, .taken = true };
		return f;
	}
	return NULL;
}

/* The file's handle goes with the answer; it is in c->w2 then, and ours to close. */
static int do_open(struct call *c)
{
	int handle, err = wait_event(&births, initialised);

	if (err)
		return err;
	struct open_file *f = new_file(c->w1);
	err = f ? 0 : -EMFILE;
	if (!err && device.ops && device.ops->open)
		err = device.ops->open(&f->file);
	if (err < 0) {
		if (f)
			f->taken = false;
		return err;
	}
	handle = handle_watch(HANDLE_SERVICE, RIGHT_CALL | RIGHT_GIVE, (u32)(f - files) + 1);
	if (handle < 0) {
		f->unheld = f->ending = true;
		file_end(f);
		return handle;
	}
	c->w2 = (u32)handle;
	c->flags = MSG_GIVE;
	return 0;
}

static int do_use(struct call *c)
{
	c->w1 = 0;
	for (struct open_file *f = files; f < files + MAX_FILES; f++)
		c->w1 += f->taken;
	c->w2 = workers_waiting();
	return 0;
}

/* -- a call ------------------------------------------------------------------------ */

static int do_read(struct worker *w, struct file *f)
{
	u32 len = MIN(w->call.w2, DEVICE_PIECE);

	if (!device.ops->read)
		return -EINVAL;
	int n = device.ops->read(f, w->buffer, len);
	if (n <= 0)
		return n;
	return syscall(SYS_COPY, w->kept | COPY_TO_CALLER, 0, address(w->buffer), MIN((u32)n, len));
}

static int do_write(struct worker *w, struct file *f)
{
	u32 len = MIN(w->call.w2, DEVICE_PIECE);

	if (!device.ops->write)
		return -EINVAL;
	int n = syscall(SYS_COPY, w->kept, 0, address(w->buffer), len);
	return n < 0 ? n : device.ops->write(f, w->buffer, (u32)n);
}

static int do_call(struct worker *w)
{
	struct call *c = &w->call;

	if (!c->badge)
		return c->w0 == DEVICE_OPEN ? do_open(c) : c->w0 == DEVICE_USE ? do_use(c) : -ENOSYS;
	if (!w->file || !device.ops)
		return -ENODEV;
	switch (c->w0) {
	case DEVICE_READ:  return do_read(w, &w->file->file);
	case DEVICE_WRITE: return do_write(w, &w->file->file);
	case DEVICE_IOCTL: return device.ops->ioctl ? device.ops->ioctl(&w->file->file, c->w1, c->w2) : -ENOTTY;
	case DEVICE_CLOSE: file_end(w->file); return 0;
	default:           return -ENOSYS;
	}
}

static void serve_call(struct worker *w)
{
	if (w->file)
		w->file->users++;
	int result = do_call(w);
	if (w->file)
		file_put(w->file);
	if (w->kept) {
		ipc_answer(w->kept, w->call.flags, (u32)result, w->call.w1, w->call.w2);
		if (w->call.flags)		/* the client has the file, or has ended: then it is closed */
			handle_close(w->call.w2);
	}
	w->call.w0 = (u32)result;
}

/* -- the interrupt ----------------------------------------------------------------- */

struct irq_action { irq_handler handler; u32 irq; void *arg; };
static struct irq_action action;

struct irq_action *request_irq(u32 irq, irq_handler handler, u32 flags, const char *name, void *arg)
{
	(void)flags;
	if (action.handler)
		return ERR_PTR(-EEXIST);
	int err = syscall(SYS_IRQ_BIND, HANDLE_IRQ, HANDLE_SERVICE, BIT_IRQ, 0);
	if (err == -EBADF) {
		printf("%s: no right to interrupt %u: whoever starts it has to give it\n", name, irq);
		return ERR_PTR(-EPERM);
	}
	if (err < 0) {
		printf("%s: interrupt %u: %s\n", name, irq, errno_text(err));
		return ERR_PTR(err);
	}
	action = (struct irq_action){ handler, irq, arg };
	return &action;
}

/* The line itself is given back when the process ends. */
int free_irq(struct irq_action *a)
{
	a->handler = NULL;
	return 0;
}

static void on_interrupt(void)
{
	if (action.handler)
		(void)action.handler(action.irq, action.arg);
	(void)syscall(SYS_IRQ_ACK, HANDLE_IRQ, 0, 0, 0);
}

/* -- the loop ---------------------------------------------------------------------- */

/* As a worker, because a driver's release() may wait. */
static void end_unheld(struct worker *w)
{
	struct open_file *f = w->file;

	f->ending = true;
	nr_unheld--;
	f->users++;
	if (!f->closing)
		file_end(f);
	file_put(f);
}

/* Those for which there is no worker now come after the next call that ends. */
static void end_unheld_files(void)
{
	for (struct open_file *f = files; nr_unheld && f < files + MAX_FILES; f++) {
		if (f->taken && f->unheld && !f->ending && !worker_start(end_unheld, &(struct call){ 0 }, f))
			return;
	}
}

static void finish_round(void)
{
	static u64 alarm = WAIT_FOREVER;

	workers_run();
	end_unheld_files();
	u64 next = workers_deadline();
	if (next == alarm)
		return;
	alarm = next;
	u64 now = clock_ns();
	u32 us = next == WAIT_FOREVER ? 0 : (u32)div_u64(MAX(next, now) - now, 1000) + 1;
	(void)ipc_alarm(HANDLE_SERVICE, BIT_ALARM, us);
}

/* With a handle that is given, and closed here once the client has it. */
static int answer_with_file(const struct call *c)
{
	if (syscall(SYS_REPLY, MSG_GIVE, c->w0, 0, c->w2) < 0)
		(void)syscall(SYS_REPLY, 0, (u32)-EMFILE, 0, 0);	/* it has no room for it */
	handle_close(c->w2);
	return ANSWER_LATER;
}

static int on_call(struct call *c)
{
	struct worker *w = worker_start(serve_call, c, c->badge ? file_of(c->badge) : NULL);
	int result = !w ? -EAGAIN : w->kept ? ANSWER_LATER : (int)w->call.w0;

	if (w && !w->kept) {
		c->w1 = w->call.w1;
		c->w2 = w->call.w2;
		if (w->call.flags)
			result = answer_with_file(&w->call);
	}
	finish_round();
	return result;
}

static void leave(struct worker *w)
{
	(void)w;
	if (cleanup_module)
		cleanup_module();
	process_exit(0);
}

static void on_bits(u32 bits)
{
	if (bits & BIT_IRQ)
		on_interrupt();
	if (bits & BIT_GONE)
		workers_look_for_callers();
	if (bits & SERVICE_LEAVE)
		(void)worker_start(leave, &(struct call){ 0 }, NULL);
	finish_round();
}

static void on_closed(u32 badge)
{
	struct open_file *f = &files[(badge - 1) % MAX_FILES];

	f->unheld = true;
	nr_unheld++;
	workers_interrupt(f);
	finish_round();
}

/* -- life -------------------------------------------------------------------------- */

static int set_params(int argc, char **argv)
{
	extern const struct module_param __start_driver_params[] __attribute__((weak));
	extern const struct module_param __stop_driver_params[] __attribute__((weak));
	u32 n = (u32)(__stop_driver_params - __start_driver_params);
	struct load_error why;
	int err = 0;

	for (int i = 1; i < argc && !err; i++) {
		if (!streq(argv[i], ARG_AGAIN))
			err = params_set(__start_driver_params, n, argv[i], &why);
	}
	if (err)
		printf("%s: %s\n", argv[0], why.text);
	return err;
}

/* As a worker, because it may wait. Who opens meanwhile waits, too. */
static void begin(struct worker *w)
{
	(void)w;
	int err = init_module();
	if (err < 0)
		process_exit(err);
	initialised = true;
	wake_all(&births);
}

int main(int argc, char **argv)
{
	int err = set_params(argc, argv);

	if (err)
		return err;
	/* A driver without ports was given none; one that needs them faults at its first IN. */
	(void)syscall(SYS_PORTS_ENABLE, HANDLE_PORTS, 0, 0, 0);
	if (!worker_start(begin, &(struct call){ 0 }, NULL))
		return -ENOMEM;
	finish_round();
	return serve_watching(&(struct server){ HANDLE_SERVICE, on_call, on_bits }, on_closed);
}
