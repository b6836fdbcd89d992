/* The hazards of unloading where the driver is a server (kernel/shell/hazard_server.c):
 *
 *     h_server direct MODE       starts servers, has clients call them, ends them in
 *                                mid-flight, and looks at what is left
 *     h_server serve MODE I | client MODE                            those
 *
 * The last word is added by the kernel or by the director: how long a quarter of a second
 * is, in us. Status: 0; -ETIMEDOUT: somebody does not end; -EIO: a client was told
 * something else than that its server has gone; -EBUSY: the server has ended and has
 * something still; -EFAULT: memory that a client holds has changed. */
#include "user/hazards/h_server/h_server.h"
#include "lib/parse.h"
#include "user/lib/program_help.h"

const char *mode;
u32 quarter_us;

PROGRAM_HELP("h_server direct MODE", "a driver that is a server, on the stage of `hazard`, which runs it");

int main(int argc, char **argv)
{
	u32 i = 0;

	if (argc < 4 || parse_u32(argv[argc - 1], &quarter_us))
		return -EINVAL;
	mode = argv[2];
	if (streq(argv[1], "client"))
		return be_client();
	if (streq(argv[1], "serve") && !parse_u32(argv[3], &i))
		return serve_clients(i);
	return direct();
}
