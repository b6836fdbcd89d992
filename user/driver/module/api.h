/* What a driver may use when its home is a server: the part of kernel/module/api.h that
 * makes sense there, in the same words, so that one source builds for both.
 *
 * The driver runs in one thread. An interrupt, or a client's call, is served until it
 * returns or waits; then comes the next. So spin locks have nothing to do, and a wait lets
 * others in, as it does in the kernel. What is not here a driver for two homes cannot use. */
#pragma once
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/math64.h"
#include "lib/param.h"
#include "lib/port.h"
#include "lib/ring.h"
#include "lib/string.h"
#include "lib/types.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/time.h"

/* -- life -------------------------------------------------------------------------- */

int  init_module(void);
void cleanup_module(void);

#define __init
#define __exit
#define module_init(fn) int  init_module(void) __attribute__((alias(#fn)))
#define module_exit(fn) void cleanup_module(void) __attribute__((alias(#fn)))

/* The module's file carries both; what the program says of itself is the description. */
#define MODULE_DESCRIPTION(text) PROGRAM_HELP("", text)
#define MODULE_LICENSE(text)     _Static_assert(sizeof(text), "")

/* Set from the server's arguments. */
#define param_type_int   PARAM_INT
#define param_type_uint  PARAM_UINT
#define param_type_bool  PARAM_BOOL
#define param_type_charp PARAM_CHARP
#define module_param(var, type)                                                 \
	static const struct module_param param_##var                            \
	__attribute__((used, section("driver_params"), __aligned__(4))) =       \
		{ #var, param_type_##type, &var, sizeof(var) }

#define printk printf

/* -- clients ----------------------------------------------------------------------- */

#define FILE_NONBLOCK DEVICE_NONBLOCK

struct file {
	u32 flags;
	void *private;			/* the driver's */
};

struct chrdev_ops {
	int  (*open)(struct file *f);
	void (*release)(struct file *f);
	int  (*read)(struct file *f, void *buf, u32 len);
	int  (*write)(struct file *f, const void *buf, u32 len);
	int  (*ioctl)(struct file *f, u32 cmd, u32 arg);
};

struct chrdev;

/* One in each server: clients find it by the name that init's table gives the service.
 * ERR_PTR(-EEXIST): a second one. */
struct chrdev *chrdev_register(const char *name, const struct chrdev_ops *ops, void *private) must_use;
int  chrdev_unregister(struct chrdev *d);

/* -- interrupts -------------------------------------------------------------------- */

enum irq_result { IRQ_NONE, IRQ_HANDLED };
typedef enum irq_result (*irq_handler)(u32 irq, void *arg);
struct irq_action;

/* The line that init's table gives the server: `irq` is taken to be that one. ERR_PTR:
 * -EPERM (it was given none), -EBUSY (the line has another driver), -EEXIST (a second). */
struct irq_action *request_irq(u32 irq, irq_handler handler, u32 flags, const char *name,
                               void *arg) must_use;
int  free_irq(struct irq_action *a);

/* -- waiting ----------------------------------------------------------------------- */

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC  1000000000ull
#define WAIT_FOREVER  (~0ull)

struct wait_queue { struct list waiters; };
#define WAIT_QUEUE(var, name) { LIST_INIT((var).waiters) }

/* Lets others run until woken. 0; -ETIMEDOUT; -EINTR: the client has gone, or has closed
 * the file. */
int  wait_on(struct wait_queue *q, u64 deadline) must_use;
void wake_all(struct wait_queue *q);
int  sleep_interruptible_ns(u64 ns) must_use;

#define wait_event(q, cond) ({                                                  \
	int err_ = 0;                                                           \
	while (!(cond) && !err_)                                                \
		err_ = wait_on((q), WAIT_FOREVER);                              \
	err_; })

static inline bool clock_passed(u64 deadline) { return (s64)(clock_ns() - deadline) >= 0; }
static always_inline void cpu_relax(void)     { __asm__ volatile("pause" ::: "memory"); }

struct spinlock { char nothing; };
#define SPINLOCK_IRQ(name, rank) { 0 }
static inline u32  spin_lock_irqsave(struct spinlock *l)                 { (void)l; return 0; }
static inline void spin_unlock_irqrestore(struct spinlock *l, u32 flags) { (void)l, (void)flags; }

/* A server has no timers yet: this one never fires. */
struct timer;
static inline struct timer *timer_create(const char *name, void (*fn)(void *arg), void *arg)
{
	(void)name, (void)fn, (void)arg;
	return NULL;
}
static inline int timer_arm(struct timer *t, u64 ns)  { (void)t, (void)ns; return -ENOSYS; }
static inline int timer_destroy(struct timer *t)      { (void)t; return 0; }

/* -- the console's serial port ----------------------------------------------------- */

/* It stays with the kernel, which prints on it also when it panics. */
#define SERIAL_CONSOLE_PORT 0x3f8
enum console_source { CONSOLE_SERIAL, CONSOLE_KEYBOARD };
static inline int  console_claim(enum console_source s)   { (void)s; return -EBUSY; }
static inline int  console_release(enum console_source s) { (void)s; return -EPERM; }
static inline void console_input(u8 c)                    { (void)c; }
static inline u32  console_input_room(void)               { return 0; }
static inline void console_input_lost(void)               { }
static inline bool serial_overran(void)                   { return false; }
static inline u32  serial_lock(void)                      { return 0; }
static inline void serial_unlock(u32 flags)               { (void)flags; }
