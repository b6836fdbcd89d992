/* Every command of the laboratory. Each is defined in the file named above it. */
#pragma once
#include "shell/shell.h"

struct process;

/* cmd_module.c */
extern const struct command lsmod_command, modinfo_command, strategy_command, graveyard_command;
/* cmd_task.c */
extern const struct command ps_command, top_command, kill_command, cpus_command;
/* cmd_machine.c */
extern const struct command irqs_command, mem_command, dmesg_command, sync_command,
	panic_command;
/* cmd_dev.c */
/* hammer.c */
extern const struct command hammer_command;
/* hazard.c */
extern const struct command hazard_command;
/* torture.c */
extern const struct command torture_command;
/* tour.c */
extern const struct command tour_command;
/* bench.c */
extern const struct command bench_command;
/* cmd_test.c */
extern const struct command test_command;

/* -- shared by several ---------------------------------------------------------------- */
/* Starts a program in ring 3 with all authority, and returns it with a reference; the caller ends it or waits for
 * its end (user/process.h). Errors as ERR_PTR, with a sentence in *why. May sleep. */
struct process *start_program(const char *name, const char *args, u32 prio, const char **why) must_use;
/* The same, and waits for its end: its exit code. */
int run_program(const char *name, const char *args);
/* Completions. */
bool complete_loaded_module(u32 i, char *out, u32 size);
bool complete_archive_module(u32 i, char *out, u32 size);
