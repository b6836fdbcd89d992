/* Takes the keyboard, says each key, and ends with `q`: `start -a keyboard piano`. Then the prompt has
 * it again (tests/system/test_rights.py). */
#include "user/lib/ipc.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

static u32 keyboard;

static void play(u32 bits)
{
	char key = 0;

	(void)bits;
	while (syscall(SYS_CONSOLE_READ, keyboard, address(&key), 1, 0) == 1) {
		printf("piano: %c\n", key);
		if (key == 'q')
			(void)syscall(SYS_EXIT, 0, 0, 0, 0);
	}
}

PROGRAM_HELP("", "takes the keyboard until `q` is typed");

int main(void)
{
	int e = endpoint_create();
	int got = e < 0 ? e : syscall(SYS_CONSOLE_BIND, HANDLE_KERNEL, (u32)e, 1, 0);

	if (got < 0)
		return got;
	keyboard = (u32)got;
	printf("piano: has the keyboard\n");
	return serve(&(struct server){ (u32)e, NULL, play });
}
