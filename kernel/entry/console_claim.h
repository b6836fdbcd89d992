/* The console's sources, taken over by drivers: a record, so that a driver that goes gives
 * its source back whether it says so or not. */
#pragma once
#include "entry/entry.h"
#include "x86/console.h"

/* The caller's module reads source `s` from here on; the core does not (but see
 * console_source_claim() for one that does nothing about it). 0; -EBUSY: another has it;
 * -ENODEV: the machine has none; -EINVAL: no such source; -ENOMEM, or as entry_add() says.
 * May sleep. */
int  console_claim(enum console_source s) must_use;
/* Gives it back. May sleep. 0; -EPERM: another module has it; or as entry_destroy() says. */
int  console_release(enum console_source s);
