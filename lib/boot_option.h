/* Options of the kernel's command line. Each is declared beside the code that reads it:
 *
 *     BOOT_OPTION(maxcpus, BOOT_NUMBER, .min = 1, .max = NR_CPUS);
 *
 * The boot reads the command line once, into all of them, and names what it cannot read. */
#pragma once
#include "lib/types.h"

enum boot_option_kind {
	BOOT_FLAG,		/* `lab`: without a value */
	BOOT_SWITCH,		/* `monitor=on`, `off`; `monitor` is on */
	BOOT_NUMBER,		/* `seed=3`, from .min to .max */
	BOOT_CHOICE,		/* `clock=pit`: one of .choices */
	BOOT_TEXT,		/* `init=shell`: .min to .max characters; cmdline_get() has them */
};

struct boot_option {
	const char *name;
	enum boot_option_kind kind;
	u32 min, max;
	const char *const *choices;	/* up to NULL */
	/* Fixed once the command line was read: */
	bool given;			/* well-formed; otherwise it was named, and counts as absent */
	u32  number;			/* the number, the choice's index, 1 for on */
};

#define BOOT_OPTION(option, what, ...) \
	static struct boot_option option = { .name = #option, .kind = (what), __VA_ARGS__ }; \
	static struct boot_option *const option##_entry \
		__attribute__((__section__(".boot_options"), __used__)) = &option

/* Reads `cmdline` into the `n` options of `table`. Calls say(line, without a newline) once for
 * each word that is none of them, or malformed; such a word is ignored. Of two well-formed
 * words for one option the last one wins. A loader's path of the kernel ("/boot/quiesce.elf",
 * "quiesce.elf") is no option. */
void boot_options_read(const char *cmdline, struct boot_option *const table[], u32 n,
                       void (*say)(const char *line));
