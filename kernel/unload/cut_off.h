/* Open files that an unload does not wait for: they are cut off, and released while the
 * module is whole. */
#pragma once
#include "unload/unload.h"

/* Until the deadline: the calls in flight and the driver's release() have to return. 0: no
 * file is left. -EBUSY, -ETIMEDOUT, -EINTR, -EDEADLK, -ENOMEM, -EIO, with who is at it in
 * u->report; then the module goes on, and what was cut off stays so. The gate is shut. May sleep. */
int cut_files_off(struct unload *u) must_use;
/* The unload has ended, one way or the other: its asker has the priority of before. */
void cut_off_ended(struct unload *u);
/* For a strategy that knows nothing of open files, and has the module GONE: releases them all the
 * same, doors closed, until late_release_end(); if that does not do, its memory stays set aside. May sleep. */
void release_files_late(struct unload *u);
/* When that ends. There is no way back then, and what is set aside is lost: so a request with little
 * patience waits a second all the same. */
u64 late_release_end(const struct unload *u);
