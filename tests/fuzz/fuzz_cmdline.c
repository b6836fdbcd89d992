// sources: lib/boot_option.c lib/parse.c lib/string.c lib/param.c lib/load_error.c lib/format.c
// cflags: -include tests/unit/rename.h
// Everything that takes text apart: the kernel command line, lines of the prompt,
// numbers, module parameters.
#include <stdlib.h>
#include "lib/boot_option.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "module/param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void get_options(const char *line, size_t len)
{
	static const char *const names[] = { "run", "seed", "lab", "unload", "maxcpus" };
	char value[24];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int n = cmdline_get(line, names[i], value, sizeof(value));

		if (n > (int)len || (n >= 0 && strlen(value) != (size_t)n))
			abort();
	}
}

static void check_line(const char *line)
{
	if (!line[0] || strlen(line) > 260 || strchr(line, '\n'))
		abort();
}

static void read_boot_options(const char *line)
{
	static const char *const clocks[] = { "hpet", "pm", NULL };
	static struct boot_option lab = { .name = "lab", .kind = BOOT_FLAG };
	static struct boot_option seed = { .name = "seed", .kind = BOOT_NUMBER, .max = 9 };
	static struct boot_option clock = { .name = "clock", .kind = BOOT_CHOICE, .choices = clocks };
	static struct boot_option run = { .name = "run", .kind = BOOT_TEXT, .max = 100 };
	static struct boot_option *const table[] = { &lab, &seed, &clock, &run };

	boot_options_read(line, table, ARRAY_SIZE(table), check_line);
	if (seed.number > 9 || clock.number > 1)
		abort();
}

static void read_numbers(const char *text)
{
	u32 u;
	s32 s;
	u64 ns;
	bool yes;

	if (parse_u32(text, &u) > 0 || parse_s32(text, &s) > 0 ||
	    parse_duration(text, &ns) > 0 || parse_bool(text, &yes) > 0)
		abort();
}

static void split(char *line, size_t len)
{
	char *words[8];
	int n = split_words(line, words, ARRAY_SIZE(words));

	for (int i = 0; i < n; i++) {
		if (words[i] < line || words[i] + strlen(words[i]) > line + len)
			abort();
		read_numbers(words[i]);
	}
}

static void set_params(char *text)
{
	static s32 i;
	static bool b;
	static char c[6];
	static const struct module_param table[] = {
		{ "i", PARAM_INT, &i, sizeof(i) }, { "b", PARAM_BOOL, &b, sizeof(b) },
		{ "c", PARAM_CHARP, c, sizeof(c) },
	};
	struct load_error err;

	if (params_set(table, ARRAY_SIZE(table), text, &err) < 0 && !err.text[0])
		abort();
	if (c[sizeof(c) - 1])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	for (int use = 0; use < 4; use++) {
		if (size)
			memcpy(line, data, size);
		line[size] = '\0';
		switch (use) {
		case 0: get_options(line, size); read_boot_options(line); break;
		case 1: read_numbers(line); break;
		case 2: split(line, size); break;
		case 3: set_params(line); break;
		}
	}
	free(line);
	return 0;
}
