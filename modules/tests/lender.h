/* What lender.c offers. */
#pragma once
#include "lib/types.h"

struct loan { u32 uses; };

/* Runs a timer, a thread and more on `to`, until they are ended. */
int lend(struct loan *to);
