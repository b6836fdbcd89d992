/* Idle CPUs: not asked, not woken. */
#pragma once
#include "lib/types.h"

/* This CPU is about to halt in its idle task, with nothing loaded that another CPU may change. From
 * here to idle_end() it counts as idle. Interrupts off; no lock held. */
void idle_begin(void);
/* It is busy again, and does what it was marked for. An interrupt's first step, or the idle task's
 * when something else ended HLT (an NMI). Interrupts off. */
void idle_end(void);

/* Those of `mask` that are idle: each was in its idle task and in no handler at an instant of this
 * call, what it wrote before the caller sees, and all that it does later comes after what the
 * caller wrote before. Any context. */
cpumask_t cpus_idle(cpumask_t mask) must_use;
/* The same, and these flush their whole TLB before they do anything else. */
cpumask_t cpus_idle_to_flush(cpumask_t mask) must_use;

/* tlb.c: drops all translations of this CPU, global ones too. Any context. */
void tlb_flush_all(void);
