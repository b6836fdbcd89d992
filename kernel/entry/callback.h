/* Callbacks between modules: one gives a function, another calls it later. What
 * the caller keeps is a number, so nothing of the giver's has to outlive it: once
 * the giver is gone, the number leads nowhere. */
#pragma once
#include "entry/entry.h"

#define MAX_CALLBACKS 256

/* `data` is the caller's, `arg` what was given at the registration. */
typedef int (*callback_fn)(void *data, void *arg);

/* Either side may register; the owner is the module that holds `fn`. A number
 * above 0 for callback_call(), which is not given out again soon; -ENOMEM, -ENOSPC
 * (MAX_CALLBACKS are there), -ENODEV (the module is going). Any context. */
int  callback_register(const char *name, callback_fn fn, void *arg) must_use;
/* Calls the function, in the caller's context, and returns what it returned; -ENODEV
 * when its module is going (if it stays after all, later calls get through) or is
 * gone. Any context that the function is fit for, but NMI. */
int  callback_call(int id, void *data) must_use;
/* For the module that holds the function, once: waits for calls that have begun, so
 * not from the function itself. May sleep. */
void callback_unregister(int id);
