/* The modules of modules/churn, as `torture -i` loads them. */
#pragma once
#include "lib/load_error.h"
#include "lib/prng.h"
#include "lib/types.h"

/* Four instances of one module, one that has a dependent, that dependent, and their library. */
#define NR_CHURN 7

/* The name of the i-th, i < NR_CHURN. */
void churn_name(u32 i, char *name, u32 size);
/* Loads it with a seed of its own; one init in three fails. 0, or as module_load(). May sleep. */
int  churn_load(const char *name, struct prng *rng, struct load_error *why) must_use;
