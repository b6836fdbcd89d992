/* Asks `parrot`: ask [-w] NUMBER | reverse TEXT | crash | crash-all | exit. -w: waits until there is one. */
#include "user/tests/parrot.h"
#include "lib/options.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/program_help.h"
#include "user/lib/service.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

static int next(u32 parrot, u32 number)
{
	struct message m = { PARROT_NEXT, number, 0, 0 };
	int err = ipc_call(parrot, 0, &m);

	if (!err)
		printf("after %u comes %u\n", number, m.w1);
	return err;
}

static int reverse(u32 parrot, char *text)
{
	struct message m = { PARROT_REVERSE, address(text), strlen(text), 0 };
	int err = ipc_call(parrot, MSG_GRANT_READ | MSG_GRANT_WRITE, &m);

	if (err || (int)m.w0 < 0)
		return err ? err : (int)m.w0;
	printf("%s\n", text);
	return 0;
}

PROGRAM_HELP("ask [-w] NUMBER | reverse TEXT | crash | crash-all | exit",
             "ask the server parrot; -w: wait until there is one");

int main(int argc, char **argv)
{
	bool wait = take_flag(&argc, argv, "-w");
	int parrot = wait ? service_wait("parrot") : service_lookup("parrot");
	int err = -EINVAL;
	u32 number;

	if (parrot < 0)
		err = parrot;
	else if (argc == 3 && streq(argv[1], "reverse"))
		err = reverse((u32)parrot, argv[2]);
	else if (argc == 2 && streq(argv[1], "crash"))
		err = ipc_ask((u32)parrot, PARROT_CRASH, 0, 0);
	else if (argc == 2 && streq(argv[1], "crash-all"))
		err = ipc_ask((u32)parrot, PARROT_CRASH_ALL, 0, 0);
	else if (argc == 2 && streq(argv[1], "exit"))
		err = ipc_ask((u32)parrot, PARROT_EXIT, 0, 0);
	else if (argc == 2 && !parse_u32(argv[1], &number))
		err = next((u32)parrot, number);
	return err;
}
