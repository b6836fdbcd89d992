/* Callbacks between modules: one gives a function, another calls it later. What
 * the caller keeps is a number, so nothing of the giver's has to outlive it: once
 * the giver is gone, the number leads nowhere. */
#pragma once
#include "entry/entry.h"

/* `data` is the caller's, `arg` what was given at the registration. */
typedef int (*callback_fn)(void *data, void *arg);

/* Either side may register; the record belongs to the modules of `fn`, `arg` and the caller.
 * A number above 0 for callback_call(), never given out twice (it is a handle,
 * entry/handle.h); -ENOMEM, or as entry_add() says. Any context. */
int  callback_register(const char *name, callback_fn fn, void *arg) must_use;
/* Calls the function, in the caller's context, and returns what it returned; -ENODEV
 * when its module is going (if it stays after all, later calls get through) or is
 * gone. Any context that the function is fit for, but NMI. */
int  callback_call(int id, void *data) must_use;
/* Waits for calls that have begun, so not from the function itself. May sleep. 0, or as
 * entry_destroy() says. */
int  callback_unregister(int id);
