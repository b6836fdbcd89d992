/* From crt0 to main(). */
#include "lib/parse.h"
#include "user/lib/process.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define MAX_WORDS 32

extern void syscall_by_sysenter(void);
int main(int argc, char **argv);
void program_start(char *args) noreturn;

/* CPUID leaf 1 tells in EDX bit 11; the first Pentium Pros say so and have it not
 * (Intel SDM vol. 2, SYSENTER). */
static bool has_sysenter(void)
{
	u32 eax = 1, ebx, ecx, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	u32 family = eax >> 8 & 15, model = eax >> 4 & 15, stepping = eax & 15;
	return (edx >> 11 & 1) && !(family == 6 && model < 3 && stepping < 3);
}

void program_start(char *args)
{
	char *argv[MAX_WORDS + 1];

	if (has_sysenter())
		syscall_entry = syscall_by_sysenter;
	int argc = split_words(args, argv, MAX_WORDS);
	if (argc < 0) {
		printf("a program takes at most %d words, and every \" is closed\n", MAX_WORDS);
		process_exit(argc);
	}
	argv[argc] = NULL;
	process_exit(main(argc, argv));
}
