/* Tries what needs authority, one thing after the other, and says what came of each. Was
 * it given none of it, nothing happens and all say EPERM. */
#include "lib/string.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/service.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

static int load_module(void)
{
	struct module_args a = { .name = address("null"), .name_len = 4 };

	return syscall(SYS_MODULE_LOAD, HANDLE_KERNEL, address(&a), 0, 0);
}

static int unload_module(void)
{
	struct module_args a = { .name = address("null"), .name_len = 4 };

	return syscall(SYS_MODULE_UNLOAD, HANDLE_KERNEL, address(&a), 0, 0);
}

static int open_device(void) { return syscall(SYS_OPEN, HANDLE_KERNEL, address("zero"), 4, 0); }
static int take_ports(void)  { return syscall(SYS_PORTS, HANDLE_KERNEL, 0x70, 2, 0); }
static int take_irq(void)    { return syscall(SYS_IRQ, HANDLE_KERNEL, 9, 0, 0); }
static int take_memory(void) { return syscall(SYS_MEMORY_PHYS, HANDLE_KERNEL, 0xb8, 1, 0); }

static int start_program(void)
{
	int process = spawn(&(struct spawn){ .program = "hello", .args = "hello" });

	return MIN(process, 0);
}

static int run_command(void)
{
	return syscall(SYS_COMMAND, HANDLE_KERNEL, address("sync hold authority:lab"), 23, 0);
}

static int look_around(void)
{
	char name[64];
	struct info_args a = { 0, address(name), sizeof(name) };

	return syscall(SYS_INFO, HANDLE_KERNEL, INFO_ARCHIVE, address(&a), 0);
}

/* Init's endpoint is for looking services up: to stop one takes another handle. */
static int stop_shell(void)
{
	struct service_name shell = { .name = "shell" };

	return ipc_send(HANDLE_INIT, INIT_STOP, &shell, sizeof(shell));
}

static int power_off(void) { return syscall(SYS_POWER, HANDLE_KERNEL, POWER_OFF, 99, 0); }

static const struct { const char *what; int (*try)(void); } attempts[] = {
	{ "modules", load_module }, { "unload", unload_module }, { "devices", open_device },
	{ "ports", take_ports }, { "irq", take_irq }, { "phys", take_memory },
	{ "process", start_program }, { "lab", run_command }, { "info", look_around },
	{ "stop", stop_shell }, { "power", power_off },
};

PROGRAM_HELP("authority", "try all that needs authority, and say what came of it");

int main(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(attempts); i++) {
		int err = attempts[i].try();
		printf("%s: %s\n", attempts[i].what, err < 0 ? errno_name(err) : "ok");
	}
	return 0;
}
