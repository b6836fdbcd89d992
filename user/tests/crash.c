/* Does what a program must not: crash [read|write|jump|stack|cli|in|divide|invalid|
 * kernel|text]. */
#include "lib/string.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"

#define NOWHERE 0x00000010u
#define KERNEL  0xc0100000u

/* In assembly: of these the compiler would know better. */
static void load(u32 at)  { __asm__ volatile("mov (%0), %%eax" : : "r"(at) : "eax"); }
static void store(u32 at) { __asm__ volatile("movl $1, (%0)" : : "r"(at) : "memory"); }
static void jump(u32 at)  { __asm__ volatile("jmp *%0" : : "r"(at)); }
static void push_for_ever(void) { __asm__ volatile("1: push %eax; jmp 1b"); }

static const char *how;

static bool is(const char *name) { return streq(how, name); }

PROGRAM_HELP("crash [read | write | jump | stack | cli | in | divide | invalid | kernel | text]",
             "do what a program must not");

int main(int argc, char **argv)
{
	how = argc > 1 ? argv[1] : "write";
	if (is("read"))
		load(NOWHERE);
	else if (is("jump"))
		jump(NOWHERE);
	else if (is("stack"))
		push_for_ever();
	else if (is("cli"))
		__asm__ volatile("cli");
	else if (is("in"))
		__asm__ volatile("inb %%dx, %%al" : : "d"(0x60) : "eax");
	else if (is("divide"))
		__asm__ volatile("xor %%ecx, %%ecx; div %%ecx" : : : "eax", "ecx", "edx", "cc");
	else if (is("invalid"))
		__asm__ volatile("ud2");
	else if (is("kernel"))
		load(KERNEL);
	else if (is("text"))
		store(0x00400000);
	else
		store(NOWHERE);
	printf("crash %s: nothing happened\n", how);
	return 0;
}
