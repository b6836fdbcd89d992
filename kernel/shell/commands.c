#include "shell/commands.h"

const struct command *const commands[] = {
	&bench_command, &cpus_command, &dmesg_command, &graveyard_command,
	&hammer_command, &hazard_command, &irqs_command, &kill_command, &lsmod_command, &mem_command,
	&modinfo_command, &panic_command, &ps_command, &strategy_command, &sync_command,
	&test_command, &top_command, &torture_command, &tour_command,
};
const u32 nr_commands = ARRAY_SIZE(commands);
