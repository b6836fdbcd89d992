/* What lender.c offers. */
#pragma once
#include "lib/types.h"

struct loan { u32 uses; };

/* Runs a timer, a thread and more on `to`, until somebody ends them. */
int lend(struct loan *to);
