/* Computes for ever, without a system call: only a kill ends it. */
#include "user/lib/program_help.h"

PROGRAM_HELP("spin", "compute for ever, without a system call: only a kill ends it");

int main(void)
{
	for (;;)
		;
}
