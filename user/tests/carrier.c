/* Carries a module and a program in its own memory, and has the kernel load them from there: `carrier`.
 * The archive has no part in it. The status is 0, or the line of what is not so
 * (tests/kernel/test_rights.c). */
#include "lib/string.h"
#include "user/lib/device.h"
#include "user/lib/ipc.h"
#include "user/lib/malloc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

#define CARRY(name, path) \
	__asm__(".pushsection .rodata; .balign 4; .globl " #name ", " #name "_end;" \
	        #name ": .incbin \"" path "\";" #name "_end: .popsection"); \
	extern const u8 name[], name##_end[]

CARRY(module_file, "modules/null.ko");
CARRY(program_file, "user/hello");

static char text[256];

static int load(u32 kernel, const void *image, u32 len, u32 flags)
{
	struct module_args a = {
		.name = address("carried"), .name_len = 7, .flags = flags, .text = address(text), .text_size = sizeof(text),
		.image = address(image), .image_len = len,
	};

	return syscall(SYS_MODULE_LOAD, kernel, address(&a), 0, 0);
}

static int unload(void)
{
	struct module_args a = { .name = address("carried"), .name_len = 7 };

	return syscall(SYS_MODULE_UNLOAD, HANDLE_KERNEL, address(&a), 0, 0);
}

static int carry_module(void)
{
	u32 len = (u32)(module_file_end - module_file), powerless = (u32)handle_dup(HANDLE_KERNEL, ~AUTH_MODULES, 0);
	struct device d;

	CHECK(load(powerless, module_file, len, 0) == -EPERM);
	CHECK(load(HANDLE_KERNEL, module_file, len, MODULE_PROBE) == -EINVAL);
	CHECK(load(HANDLE_KERNEL, module_file, 0, 0) == -EINVAL);
	CHECK(load(HANDLE_KERNEL, module_file, IMAGE_MAX + 1, 0) == -E2BIG);
	CHECK(load(HANDLE_KERNEL, (const void *)0x30000000, len, 0) == -EFAULT);
	CHECK(load(HANDLE_KERNEL, (const void *)0xc0100000, len, 0) == -EFAULT);
	/* The checks are those of a file of the archive. */
	CHECK(load(HANDLE_KERNEL, program_file, (u32)(program_file_end - program_file), 0) == -ENOEXEC && strstr(text, "carried: "));
	CHECK(load(HANDLE_KERNEL, module_file, len / 2, 0) == -ENOEXEC);
	CHECK(load(HANDLE_KERNEL, module_file, len, 0) == 0 && !text[0]);
	CHECK(load(HANDLE_KERNEL, module_file, len, 0) == -EEXIST);
	CHECK(!device_open(&d, "null", 0) && d.home == HOME_MODULE && device_write(&d, "x", 1) == 1);
	device_close(&d);
	CHECK(unload() == 0);
	return 0;
}

static int start(const void *image, u32 len)
{
	return spawn(&(struct spawn){
		.program = "no such file", .args = "carried 1", .image = image, .image_len = len,
		.text = text, .text_size = sizeof(text),
	});
}

static int carry_program(void)
{
	u32 len = (u32)(program_file_end - program_file);
	struct process_status s = { .ended = 0 };
	int process;

	CHECK(start(NULL, 0) == -ENOENT && streq(text, "the boot archive has no such program"));
	CHECK(start(program_file, 0) == -EINVAL && start(program_file, IMAGE_MAX + 1) == -E2BIG);
	CHECK(start((const void *)0x30000000, len) == -EFAULT);
	CHECK(start(module_file, (u32)(module_file_end - module_file)) == -ENOEXEC);
	CHECK(streq(text, "it is not an executable for i386"));
	process = start(program_file, len);
	CHECK(process > 0 && !text[0]);
	while (!process_status((u32)process, &s) && !s.ended)
		(void)syscall(SYS_SLEEP, 0, 1000, 0, 0);
	handle_close((u32)process);
	CHECK(s.code == 1);			/* hello's status is its first argument */
	return 0;
}

PROGRAM_HELP("carrier", "has a module and a program loaded that it carries in its own memory");

int main(void)
{
	int line = carry_module();

	return line ? line : carry_program();
}
