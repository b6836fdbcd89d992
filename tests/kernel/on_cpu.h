/* Tests that keep to one CPU, and leave the others to their tasks. */
#pragma once
#include "lib/types.h"

/* From here to on_cpu_end() the test stays on `cpu`. 0; KTEST_SKIPPED: the machine has fewer than
 * `least` CPUs; prints that. May sleep. */
int  on_cpu_begin(u32 cpu, u32 least, cpumask_t *usual);
void on_cpu_end(cpumask_t usual);

/* The result of the expression `call`, evaluated there. */
#define ON_CPU(cpu, least, call) ({                                             \
	cpumask_t usual_;                                                       \
	int err_ = on_cpu_begin((cpu), (least), &usual_);                       \
	if (!err_) {                                                            \
		err_ = (call);                                                  \
		on_cpu_end(usual_);                                             \
	}                                                                       \
	err_; })
