/* Every command of the prompt. Each is defined in the file named above it. */
#pragma once
#include "shell/shell.h"

/* commands.c */
extern const struct command help_command, echo_command, run_command_;
/* cmd_module.c */
extern const struct command insmod_command, modprobe_command, rmmod_command, lsmod_command,
	modinfo_command, strategy_command, graveyard_command;
/* cmd_task.c */
extern const struct command ps_command, top_command, kill_command, cpus_command;
/* cmd_machine.c */
extern const struct command irqs_command, mem_command, dmesg_command, reboot_command,
	poweroff_command, sync_command, panic_command, sleep_command;
/* cmd_dev.c */
extern const struct command dev_command, cat_command;
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
struct unload;
/* "1.234 ms", in the unit that fits, into buf. */
const char *duration_text(u64 ns, char *buf, u32 size);
/* One line (or with `verbose` several) on what an unload did. */
void print_unload(const struct unload *u, bool verbose);
/* Completions. */
bool complete_loaded_module(u32 i, char *out, u32 size);
bool complete_archive_module(u32 i, char *out, u32 size);
bool complete_device(u32 i, char *out, u32 size);
