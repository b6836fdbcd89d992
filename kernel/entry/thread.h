/* Kernel threads of modules. When an unload rolls back, those that it has stopped start
 * again from their entry function, with the same argument. A thread has been stopped if it
 * was told so before it ended: by kthread_should_stop(), or by the error of a wait. One that
 * has ended by itself stays ended. */
#pragma once
#include "entry/entry.h"

struct thread;			/* a handle (entry/handle.h): usable, in vain, when its record is gone */

/* A thread that runs fn(arg) until it returns or kthread_should_stop(). The
 * name is copied. Handle or ERR_PTR: -ENOMEM, -EDEADLK (after a message: where sleeping is
 * not allowed), or as entry_add() says. May sleep. */
struct thread *kthread_run(void (*fn)(void *arg), void *arg, const char *name) must_use;
/* Asks it to stop, waits until it is off its stack, gives the record back. May
 * sleep; not from the thread itself. 0, or as entry_destroy() says. */
int  kthread_stop(struct thread *t);
bool kthread_should_stop(void);

/* -- for unload/ ---------------------------------------------------------- */
/* Asks all threads of `o` to stop; does not wait. */
void owner_stop_threads(struct owner *o);
/* Those not yet off their stacks; the first's id and name when asked for. */
u32  owner_threads_alive(struct owner *o, u32 *id, char name[TASK_NAME_LEN]);
