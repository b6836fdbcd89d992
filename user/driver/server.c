/* A driver's other home: what the core is to a module, this is to the same driver as a
 * server. It receives what comes, one after the other: calls of clients, each served by
 * a worker; the interrupt; the end of a wait.
 *
 *	client			doorman (thread)	loop (thread)
 *	open: calls the service
 *				receives, calls the loop
 *							makes a file, answers
 *				answers: an endpoint
 *	read: calls that endpoint
 *							a worker serves it
 *
 * The service's endpoint is init's and outlives this process, so who opens while it is
 * started again waits. The endpoint of the files is our own: with this process all open
 * files end, and their clients get -EPIPE instead of somebody else's file. */
#include "user/driver/worker.h"
#include "user/lib/process.h"
#include "user/lib/service.h"
#include "user/lib/syscall.h"

#define MAX_FILES 64u

/* Bits that are raised at the loop's endpoint. */
#define BIT_IRQ   (1u << 0)
#define BIT_ALARM (1u << 1)
#define BIT_LEAVE (1u << 2)

void cleanup_module(void) __attribute__((weak));

static u32 loop_endpoint;

/* -- the device -------------------------------------------------------------------- */

struct chrdev { const struct chrdev_ops *ops; };
static struct chrdev device;

struct open_file {
	struct file file;
	u32 badge;			/* of its endpoint; 0: this place is free */
	u32 witness;			/* endpoint of the client's, which ends with it */
	u32 users;			/* workers that use it */
	bool closing;			/* closed when the last of those leaves */
};

static struct open_file files[MAX_FILES];

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

/* A badge is a place in the table and a number that makes it another one each time. */
static struct open_file *file_of(u32 badge)
{
	struct open_file *f = &files[badge % MAX_FILES];

	return f->badge == badge && !f->closing ? f : NULL;
}

static void file_put(struct open_file *f)
{
	if (--f->users || !f->closing)
		return;
	if (device.ops && device.ops->release)
		device.ops->release(&f->file);
	handle_close(f->witness);
	f->badge = 0;
}

static void file_end(struct open_file *f)
{
	f->users++;
	f->closing = true;
	workers_interrupt(f);
	file_put(f);
}

/* Clients that have ended do not say so. */
static void end_orphans(void)
{
	for (struct open_file *f = files; f < files + MAX_FILES; f++) {
		if (f->badge && !f->closing && ipc_notify(f->witness, 0) == -EPIPE)
			file_end(f);
	}
}

static struct open_file *new_file(u32 flags, u32 witness)
{
	static u32 number;

	for (struct open_file *f = files; f < files + MAX_FILES; f++) {
		if (f->badge)
			continue;
		number += MAX_FILES;
		*f = (struct open_file){ .file = { .flags = flags }, .witness = witness };
		f->badge = number + (u32)(f - files);
		return f;
	}
	return NULL;
}

/* Only the doorman calls here. It passes the endpoint on, and closes its handle. */
static int do_open(struct call *c)
{
	u32 witness = c->w2;

	end_orphans();
	struct open_file *f = new_file(c->w1, witness);
	int err = f ? 0 : -EMFILE, endpoint = err;
	if (f && device.ops && device.ops->open)
		err = device.ops->open(&f->file);
	if (err >= 0)
		endpoint = handle_dup(loop_endpoint, RIGHT_CALL | RIGHT_GIVE, f->badge);
	c->w2 = (u32)endpoint;
	if (endpoint >= 0)
		return 0;
	if (f)
		f->badge = 0;
	handle_close(witness);
	return err < 0 ? err : endpoint;
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
		return c->w0 == DEVICE_OPEN ? do_open(c) : -ENOSYS;
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
	if (w->kept)
		ipc_answer(w->kept, 0, (u32)result, w->call.w1, w->call.w2);
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
	int err = syscall(SYS_IRQ_BIND, HANDLE_IRQ, loop_endpoint, BIT_IRQ, 0);
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

static void finish_round(void)
{
	static u64 alarm = WAIT_FOREVER;

	workers_run();
	u64 next = workers_deadline();
	if (next == alarm)
		return;
	alarm = next;
	u64 now = clock_ns();
	u32 us = next == WAIT_FOREVER ? 0 : (u32)div_u64(MAX(next, now) - now, 1000) + 1;
	(void)ipc_alarm(loop_endpoint, BIT_ALARM, us);
}

static int on_call(struct call *c)
{
	struct worker *w = worker_start(serve_call, c, c->badge ? file_of(c->badge) : NULL);
	int result = !w ? -EAGAIN : w->kept ? ANSWER_LATER : (int)w->call.w0;

	if (w && !w->kept) {
		c->w1 = w->call.w1;
		c->w2 = w->call.w2;
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
	if (bits & BIT_LEAVE)
		(void)worker_start(leave, &(struct call){ 0 }, NULL);
	finish_round();
}

/* -- the doorman ------------------------------------------------------------------- */

/* What the loop gives is a handle of this process: the doorman makes a gift of it. The
 * witness has to be one, or it might be any handle of ours. */
static int pass_open_on(struct call *c)
{
	struct message m = { c->w0, c->w1, c->gift, 0 };

	if (c->w0 != DEVICE_OPEN)
		return -ENOSYS;
	if (!c->gift)
		return -EINVAL;
	c->gift = 0;			/* the loop closes it */
	int err = ipc_call(loop_endpoint, 0, &m);
	if (err < 0 || (int)m.w0 < 0)
		return err < 0 ? err : (int)m.w0;
	(void)syscall(SYS_REPLY, MSG_GIVE, 0, 0, m.w2);
	handle_close(m.w2);
	return ANSWER_LATER;
}

static void pass_bits_on(u32 bits)
{
	if (bits & SERVICE_LEAVE)
		(void)ipc_notify(loop_endpoint, BIT_LEAVE);
}

static void doorman(void *arg)
{
	(void)arg;
	process_exit(serve(&(struct server){ HANDLE_SERVICE, pass_open_on, pass_bits_on }));
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

/* As a worker, because it may wait. */
static void begin(struct worker *w)
{
	static u8 stack[4096] aligned(16);

	(void)w;
	int err = init_module();
	if (!err)
		err = thread_start(doorman, NULL, stack, sizeof(stack));
	if (err < 0)
		process_exit(err);
}

int main(int argc, char **argv)
{
	int err = set_params(argc, argv), endpoint = endpoint_create();

	if (err || endpoint < 0)
		return err ? err : endpoint;
	loop_endpoint = (u32)endpoint;
	/* A driver without ports was given none; one that needs them faults at its first IN. */
	(void)syscall(SYS_PORTS_ENABLE, HANDLE_PORTS, 0, 0, 0);
	if (!worker_start(begin, &(struct call){ 0 }, NULL))
		return -ENOMEM;
	finish_round();
	return serve(&(struct server){ loop_endpoint, on_call, on_bits });
}
