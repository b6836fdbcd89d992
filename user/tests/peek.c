/* Has a driver read an address in its name: `peek ADDRESS`, by a write to the device labrat. The
 * driver faults (tests/kernel/test_fault.c). */
#include "lib/parse.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

PROGRAM_HELP("peek ADDRESS", "have a driver read there; for the in-kernel tests");

int main(int argc, char **argv)
{
	u32 at;

	if (argc < 2 || parse_u32(argv[1], &at)) {
		printf("peek: started by the kernel's command `test`\n");
		return -EINVAL;
	}
	int file = syscall(SYS_OPEN, HANDLE_KERNEL, address("labrat"), 6, 0);
	if (file < 0)
		return file;
	return syscall(SYS_WRITE, (u32)file, address(&at), sizeof(at), 0);
}
