/* Was a module built for this kernel? The stamp of each of its source files is compared (module/stamp.h
 * has what is in one), and what differs is named.
 *
 * The flags that the argument about unloads rests on (docs/ARCHITECTURE.md, "Why trap is safe") have
 * no macro, and an object file does not record them. So each source file has three functions that
 * are never run, small enough that what the compiler made of them shows the flags, at any level of
 * optimisation. What GCC 12 makes with the flags of the Makefile and -O2, and what tells that one is missing:
 *
 *   abi_call:      push %ebp; mov %esp,%ebp; call *8(%ebp); pop %ebp; ret
 *                  does not begin so: -fomit-frame-pointer. Does not end in RET but in a jump:
 *                  -foptimize-sibling-calls
 *   abi_argument:  push %ebp; mov %esp,%ebp; mov 8(%ebp),%eax; pop %ebp; ret
 *                  is not read from the stack: -mregparm. RET has an operand: -mrtd
 *   abi_local:     push %ebp; mov %esp,%ebp; ...; movl $0,-4(%ebp); ...; ret
 *                  nothing is zeroed: no -ftrivial-auto-var-init=zero */
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "module/loading.h"
#include "module/stamp.h"

#define REMEDY "build it with make M=folder"

/* -- what has words -------------------------------------------- */

static u32 word_length(const char *word)
{
	u32 len = 0;

	while (word[len] && word[len] != ' ')
		len++;
	return len;
}

/* The next of words with a blank between; the last is followed by "". */
static const char *next_word(const char *word)
{
	word += word_length(word);
	return word + (*word == ' ');
}

static bool has_word(const char *list, const char *word, u32 len)
{
	for (; *list; list = next_word(list))
		if (word_length(list) == len && !memcmp(list, word, len))
			return true;
	return false;
}

/* Lists the folders, words with a colon, that `stamp` has and `other` has not, or not so. */
static void list_other_folders(const char *stamp, const char *other, char *text, u32 size)
{
	for (; *stamp; stamp = next_word(stamp)) {
		u32 len = word_length(stamp), used = strlen(text), folder = 0;

		while (folder < len && stamp[folder] != ':')
			folder++;
		if (folder < len && !has_word(other, stamp, len))
			snprintf(text + used, size - used, "%s%.*s", used ? " " : "", (int)folder, stamp);
	}
}

/* The flags are the last words. */
static const char *flags_in(const char *stamp)
{
	while (*stamp && *stamp != '-')
		stamp = next_word(stamp);
	return stamp;
}

static int name_difference(const char *stamp, struct load_error *err)
{
	char folders[64] = "";

	if (!has_word(MODULE_ABI, stamp, word_length(stamp)))
		return load_fail(err, -ENOEXEC, "built for ABI %.*s, this kernel has %s; build it anew",
		                 (int)MIN(word_length(stamp), 40u), stamp, MODULE_ABI);
	list_other_folders(stamp, MODULE_STAMP, folders, sizeof(folders));
	if (!*folders)			/* it has not seen one of them */
		list_other_folders(MODULE_STAMP, stamp, folders, sizeof(folders));
	if (*folders)
		return load_fail(err, -ENOEXEC, "built with other headers than this kernel's (in: %s); build it anew",
		                 folders);
	return load_fail(err, -ENOEXEC, "built with %.60s, which a module must not be; " REMEDY, flags_in(stamp));
}

static int check_words(const struct elf_view *v, u32 *nr_sources, struct load_error *err)
{
	u32 cursor = 0;
	const char *stamp;

	for (*nr_sources = 0; (stamp = elf_stamp_next(v, &cursor)); ++*nr_sources)
		if (!streq(stamp, MODULE_STAMP))
			return name_difference(stamp, err);
	return *nr_sources ? 0 : load_fail_foreign(v, err);
}

/* The build whose kernel has what the module calls; modinfo without it means: any kernel. */
static int check_build(const struct elf_view *v, struct load_error *err)
{
	const char *build;
	u32 cursor = 0;

	while ((build = elf_modinfo_next(v, "build", &cursor)))
		if (*build && !streq(build, MODULE_BUILD))
			return load_fail(err, -ENOEXEC, "built with %.20s, which this kernel was not; "
			                 "boot one that was (make run %.20s), or build the module without",
			                 build, build);
	return 0;
}

/* -- what shows in code ----------------------------------------------------- */

/* Opcodes: Intel SDM vol. 2. */
#define PUSH_EBP     0x55
#define MOV_STORE    0x89		/* mov r32 -> r/m32 */
#define MOV_LOAD     0x8b
#define EBP_FROM_ESP_STORE 0xe5	/* ModRM of mov %esp,%ebp, in its two forms */
#define EBP_FROM_ESP_LOAD  0xec
#define RET          0xc3
#define RET_POPS     0xc2

static bool opens_frame(const struct elf_code *c)
{
	return c->size >= 3 && c->bytes[0] == PUSH_EBP &&
	       ((c->bytes[1] == MOV_STORE && c->bytes[2] == EBP_FROM_ESP_STORE) ||
	        (c->bytes[1] == MOV_LOAD && c->bytes[2] == EBP_FROM_ESP_LOAD));
}

static bool ends_with(const struct elf_code *c, u8 byte, u32 behind)
{
	return c->size > behind && c->bytes[c->size - 1 - behind] == byte;
}

static bool has_bytes(const struct elf_code *c, const u8 *bytes, u32 n)
{
	for (u32 i = 0; i + n <= c->size; i++)
		if (c->bytes[i] == bytes[0] && !memcmp(c->bytes + i, bytes, n))
			return true;
	return false;
}

/* 8(%ebp), or 4(%esp) in a function without calls, which needs no frame. */
static bool loads_argument(const struct elf_code *c)
{
	static const u8 from_frame[] = { MOV_LOAD, 0x45, 8 }, from_stack[] = { MOV_LOAD, 0x44, 0x24, 4 };

	return has_bytes(c, from_frame, sizeof(from_frame)) || has_bytes(c, from_stack, sizeof(from_stack));
}

/* An immediate 0 of 32 bits, xor of a register with itself, or and $0 with what is on the stack. */
static bool zeroes(const struct elf_code *c)
{
	static const u8 immediate[4], and_stack[] = { 0x83, 0x65 };

	for (u32 i = 0; i + 1 < c->size; i++)
		if ((c->bytes[i] | 2) == 0x33 && c->bytes[i + 1] >= 0xc0 && (c->bytes[i + 1] & 7) == (c->bytes[i + 1] >> 3 & 7))
			return true;
	return has_bytes(c, immediate, sizeof(immediate)) || has_bytes(c, and_stack, sizeof(and_stack));
}

enum probe { CALL, ARGUMENT, LOCAL, NR_PROBES };
static const char *const probe_name[] = { "abi_call", "abi_argument", "abi_local" };

/* The flag that made it what it is; NULL: none that matters. */
static const char *flag_shown_by(enum probe probe, const struct elf_code *c)
{
	switch (probe) {
	case CALL:
		return !opens_frame(c) ? "-fomit-frame-pointer" :
		       !ends_with(c, RET, 0) && !ends_with(c, RET_POPS, 2) ? "-foptimize-sibling-calls" : NULL;
	case ARGUMENT:
		return ends_with(c, RET_POPS, 2) ? "-mrtd" : !loads_argument(c) ? "-mregparm" : NULL;
	default:
		return !zeroes(c) ? "-ftrivial-auto-var-init=uninitialized" : NULL;
	}
}

static int check_probe(const struct elf_code *c, u32 *seen, struct load_error *err)
{
	for (enum probe p = 0; p < NR_PROBES; p++) {
		const char *flag;

		if (!streq(c->name, probe_name[p]))
			continue;
		flag = flag_shown_by(p, c);
		if (flag)
			return load_fail(err, -ENOEXEC, "built with %s, which a module must not be; " REMEDY, flag);
		seen[p]++;
	}
	return 0;
}

static int check_probes(const struct elf_view *v, u32 nr_sources, struct load_error *err)
{
	u32 cursor = 0, seen[NR_PROBES] = { 0 };
	struct elf_code code;
	int e = 0;

	while (!e && elf_probe_next(v, &cursor, &code))
		e = check_probe(&code, seen, err);
	for (enum probe p = 0; !e && p < NR_PROBES; p++)
		if (seen[p] != nr_sources)
			e = load_fail(err, -ENOEXEC, "the function %s, which shows flags it was built with, is missing; "
			              "was it stripped?", probe_name[p]);
	return e;
}

/* -- all of it --------------------------------------------------------------- */

int module_check_stamp(const struct elf_view *v, struct load_error *err)
{
	u32 nr_sources;
	int e = check_words(v, &nr_sources, err);

	if (!e)
		e = check_probes(v, nr_sources, err);
	if (!e)
		e = check_build(v, err);
	return e;
}
