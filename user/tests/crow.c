/* A server that needs another one: it asks `parrot` before it serves, so init has to have
 * started that first (user/init/table.c). */
#include "user/lib/ipc.h"
#include "user/lib/program_help.h"
#include "user/lib/service.h"
#include "user/tests/parrot.h"

static int answer(struct call *c)
{
	(void)c;
	return -ENOSYS;
}

PROGRAM_HELP("", "a server that asks parrot before it serves, so that init has to start that first");

int main(void)
{
	int parrot = service_lookup("parrot");
	struct message m = { PARROT_NEXT, 1, 0, 0 };
	int err = parrot < 0 ? parrot : ipc_call((u32)parrot, 0, &m);

	if (err)
		return err;
	return serve(&(struct server){ HANDLE_SERVICE, answer, NULL });
}
