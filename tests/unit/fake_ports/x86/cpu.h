/* Takes the place of kernel/x86/cpu.h (-iquote): the ports are a model that the test has. */
#pragma once
#include "lib/types.h"

u8 inb(u16 port);
void outb(u16 port, u8 value);
static inline void cpu_relax(void) { }
