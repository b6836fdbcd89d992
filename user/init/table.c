/* What runs on this machine. A program that is not in here can be started by name all the
 * same; whoever starts it then says what it may do. */
#include "lib/abi.h"
#include "user/init/init.h"

const struct entry table[] = {
	{
		/* Above all programs, and the kernel's workers: Ctrl-C, and an unload of a module whose work
		 * does not end, have to get through (docs/ARCHITECTURE.md, "Priorities"). */
		.program = "shell", .at_boot = true, .always = true, .control = true,
		.authority = RIGHTS_ALL, .priority = PRIORITY_HIGH,
	},
	/* Drivers: the same sources as the modules rtc.ko and so on (docs/SERVERS.md). */
	{
		.program = "rtc-server", .service = "rtc", .leaves = true, .device = true,
		.authority = AUTH_CONSOLE, .port = 0x70, .nr_ports = 2, .irq = 8,
	},
	{
		.program = "uart-server", .service = "uart", .leaves = true, .device = true, .args = "port=0x2f8 irq=3",
		.authority = AUTH_CONSOLE, .port = 0x2f8, .nr_ports = 8, .irq = 3,
	},
	{
		.program = "faulty-server", .service = "faulty", .leaves = true, .device = true,
		.authority = AUTH_CONSOLE,
	},
	/* For the tests: what is needed is started first. */
	{ .program = "crow", .needs = { "parrot" } },
};
const u32 table_len = ARRAY_SIZE(table);
