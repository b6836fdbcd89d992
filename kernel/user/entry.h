/* entry.asm */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

extern const char sysenter_entry[], sysenter_entry_end[], int80_entry[];
extern const char copy_user_end[], copy_user_fault[];
extern bool cpu_has_smap;

u32  copy_user(void *to, const void *from, u32 len) must_use;
void enter_user(u32 eip, u32 esp, u32 eax, u32 kernel_stack_top) noreturn;
/* A killed thread is about to go back to ring 3. */
void thread_killed(void) noreturn;
