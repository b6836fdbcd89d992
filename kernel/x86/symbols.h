/* Names for addresses, for backtraces. */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

/* The table, made by tools/kallsyms from the linked image: addresses in rising
 * order, and the names one behind the other in the same order, with the place of
 * each sixteenth. */
#define SYMBOLS_PER_START 16
extern const u32 symbol_count;
extern const u32 symbol_address[];
extern const u32 symbol_name_start[];
extern const char symbol_names[];

/* Finds the kernel function that holds `addr`; NULL when none does. Any
 * context. */
const char *kernel_symbol(u32 addr, u32 *offset);

/* Names addresses outside the kernel image (module/ sets it): writes
 * "name+0x12 [module]" to buf; false when unknown. Takes no lock. */
extern bool (*symbol_hook)(u32 addr, char *buf, u32 size);

/* The lines of the source, in builds that have them (KCSAN=1, CHECKED=1): where the code from
 * `addr` on comes from. Made by tools/lines; without rows elsewhere. */
struct source_row { u32 addr; u16 file, line; };
extern const u32 source_row_count;
extern const struct source_row source_rows[];
extern const char *const source_files[];
/* The row of `n`, in any order, that `addr` belongs to; NULL when there is none. */
const struct source_row *source_row_at(const struct source_row *row, u32 n, u32 addr);

/* Writes "name+0x12", "name+0x12 [module]" or the bare number to buf; where lines are known,
 * " (file:line)" behind it. */
void symbolise(u32 addr, char *buf, u32 size);

/* One frame up: *ebp becomes the caller's, *eip the place of its call (of a trap: where it
 * came). False at the end of the chain. Never faults. */
bool frame_up(u32 *ebp, u32 *eip);
/* The return address of code at `eip` that has no frame (yet, or any more), so that the chain from `ebp` does
 * not show its caller; 0: it has one, or none was found. Never faults. */
u32 hidden_caller(u32 eip, u32 esp, u32 ebp);
/* Prints the chain of return addresses that starts at frame pointer `ebp`,
 * after `eip`. Never faults: reads only mapped kernel memory. */
void backtrace(u32 eip, u32 ebp);
/* The stack pointer of the interrupted code. */
u32  regs_sp(const struct regs *r);
/* The same of what was interrupted in ring 0; the top of its stack shows a caller that has no frame. */
void backtrace_regs(const struct regs *regs);
void print_regs(const struct regs *regs);
