/* The smallest program: says where it runs and what it was told, and ends with the
 * status that it was told. */
#include "lib/parse.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"

/* The low bits of CS are the ring (Intel SDM vol. 3, 5.5). */
static u32 ring(void)
{
	u32 cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

PROGRAM_HELP("hello [STATUS [WORD...]]",
             "say where it runs and what it was told, and end with the status");

int main(int argc, char **argv)
{
	u32 status = 0;

	printf("hello from ring %u\n", ring());
	for (int i = 1; i < argc; i++)
		printf("%d: %s\n", i, argv[i]);
	if (argc > 1 && parse_u32(argv[1], &status))
		return 0;
	return (int)status;
}
