/* Pointers into a module that another one keeps in its data, behind the core's back. */
#pragma once
#include "unload/unload.h"

/* Looks for an address in u->mod in the data and heap of the modules that it uses, and of
 * those that they use: only they can have been given one, through a symbol of theirs.
 * 0: there is none; 1: the report says where; -EBUSY or -ETIMEDOUT (the deadline came first),
 * -EINTR, -ENOMEM. May sleep; holds no lock while it reads. */
int  bare_pointer_found(struct unload *u) must_use;
