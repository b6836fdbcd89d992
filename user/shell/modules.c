/* insmod, modprobe, modinfo, rmmod. Named and worded as on Linux. */
#include "lib/elf_format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/stdio.h"
#include "user/lib/words.h"
#include "user/shell/sent.h"
#include "user/shell/shell.h"

/* -- insmod, modprobe --------------------------------------------------------------- */

/* The words from argv[2] on, joined: "a=1 b=2". */
static int join_params(int argc, char **argv, char *out, u32 size)
{
	u32 len = 0;

	out[0] = '\0';
	for (int i = 2; i < argc; i++) {
		len += (u32)snprintf(out + MIN(len, size), size - MIN(len, size), "%s%s",
		                     i > 2 ? " " : "", argv[i]);
		if (len >= size)
			return -E2BIG;
	}
	return 0;
}

/* One request about `name`. What there is to say ends up in text[size]. */
static int ask_kernel(enum syscall call, const char *name, struct module_args *a, char *text, u32 size)
{
	text[0] = '\0';
	a->name = address(name);
	a->name_len = strlen(name);
	a->text = address(text);
	a->text_size = size;
	int err = syscall(call, HANDLE_KERNEL, address(a), 0, 0);
	if (err == -ENAMETOOLONG) {
		err = -ENOENT;
		snprintf(text, size, "%s: no such module; names have at most %u characters", name,
		         MODULE_NAME_MAX);
	} else if (err < 0 && !text[0])		/* it did not even look at the module */
		snprintf(text, size, "%s: %s", name, errno_text(err));
	return err;
}

static bool is_loaded(const char *name)
{
	char loaded[MODULE_NAME_MAX + 1];

	for (u32 i = 0; !info(INFO_MODULE, i, loaded, sizeof(loaded)); i++) {
		if (streq(loaded, name))
			return true;
	}
	return false;
}

static int load(int argc, char **argv, u32 flags)
{
	char params[256], text[512];
	int err;

	if (join_params(argc, argv, params, sizeof(params)))
		return complain(-E2BIG, "%s: the parameters are longer than %u characters",
		                argv[0], (u32)sizeof(params) - 1);
	const struct sent *s = sent_find(argv[1], false);
	struct module_args a = { .params = address(params), .params_len = strlen(params), .flags = flags };
	if (s) {
		if ((flags & MODULE_PROBE) && is_loaded(s->name))
			return 0;
		a.flags &= ~MODULE_PROBE;	/* there is none of the archive to be found */
		a.image = address(s->data);
		a.image_len = s->len;
		if (in_archive(s->name, false))
			printf("%s: %s: the one that was sent, not the boot archive's\n", argv[0], s->name);
	}
	err = ask_kernel(SYS_MODULE_LOAD, argv[1], &a, text, sizeof(text));
	return err < 0 ? complain(err, "%s: %s", argv[0], text) : 0;
}

static int insmod_run(int argc, char **argv)
{
	int err = reject_options(argc, argv);

	if (err)
		return err;
	return argc < 2 ? usage_error(argv[0]) : load(argc, argv, 0);
}

const struct builtin insmod_builtin = {
	"insmod", "insmod MODULE [PARAM=VALUE...]", "load a module, as it was sent (tools/send) or from the boot archive",
	insmod_run, true, complete_module_file,
};

struct rmmod_options { u32 flags, patience_us; bool json; };
static int remove_one(const char *name, const struct rmmod_options *o);

static int modprobe_run(int argc, char **argv)
{
	bool remove = take_flag(&argc, argv, "-r");
	int err = reject_options(argc, argv);

	if (err)
		return err;
	if (argc < 2)
		return usage_error("modprobe");
	if (remove)
		return remove_one(argv[1], &(struct rmmod_options){ .flags = MODULE_NONBLOCK | MODULE_DEPS });
	return load(argc, argv, MODULE_PROBE);
}

const struct builtin modprobe_builtin = {
	"modprobe", "modprobe [-r] MODULE [PARAM=VALUE...]",
	"load a module unless it is there; -r: remove it and what only it used",
	modprobe_run, true, complete_module_file,
};

/* -- modinfo ------------------------------------------------------------------------ */

/* Prints "key=value" if that key is of interest. */
static void print_entry(const char *entry)
{
	static const char *const keys[] = { "description", "license", "depends", "needs", "parm" };
	const char *value = strchr(entry, '=');

	for (u32 i = 0; value && i < ARRAY_SIZE(keys); i++) {
		u32 len = strlen(keys[i]);
		if (len == (u32)(value - entry) && !strncmp(entry, keys[i], len))
			printf("%s:%*s%s\n", keys[i], 12 - (int)len, "", value + 1);
	}
}

static bool inside(u32 start, u32 len, u32 size) { return start <= size && len <= size - start; }

/* The kernel checks the file when it is loaded. */
static void print_modinfo(const u8 *file, u32 size)
{
	const struct elf32_ehdr *h = (const struct elf32_ehdr *)file;
	const struct elf32_shdr *section, *names;

	if (size < sizeof(*h) || h->shoff % 4 || h->shentsize != sizeof(*section) ||
	    !inside(h->shoff, h->shnum * sizeof(*section), size) || h->shstrndx >= h->shnum)
		return;
	section = (const struct elf32_shdr *)(file + h->shoff);
	names = &section[h->shstrndx];
	for (u32 i = 0; i < h->shnum; i++) {
		const char *text = (const char *)file + section[i].offset;
		u32 len = section[i].size, name = names->offset + section[i].name;

		if (!inside(name, sizeof(".modinfo"), size) || !inside(section[i].offset, len, size) ||
		    strncmp((const char *)file + name, ".modinfo", sizeof(".modinfo")) || !len || text[len - 1])
			continue;
		for (u32 at = 0; at < len; at += strlen(text + at) + 1)
			print_entry(text + at);
	}
}

static int modinfo_run(int argc, char **argv)
{
	const struct sent *s = argc == 2 ? sent_find(argv[1], false) : NULL;
	char line[MAX_LINE];

	if (!s)
		return join_words(argc, argv, line, sizeof(line)) ? usage_error("modinfo") :
		       syscall(SYS_COMMAND, HANDLE_KERNEL, address(line), strlen(line), 0);
	printf("%-12s %s, %u bytes, sent%s\n", "file:", s->name, s->len,
	       in_archive(s->name, false) ? "; `insmod` takes it, not the boot archive's" : "");
	print_modinfo(s->data, s->len);
	return 0;
}

const struct builtin modinfo_builtin = {
	"modinfo", "modinfo MODULE", "what a module file says of itself, and where a loaded one came from",
	modinfo_run, false, complete_module_file,
};

/* -- rmmod -------------------------------------------------------------------------- */

static void print_json(const char *name, int err, const struct unload_summary *r, const char *error)
{
	struct json j;

	json_begin(&j);
	json_str(&j, "module", name);
	json_str(&j, "strategy", r->strategy);
	json_str(&j, "result", err < 0 ? errno_name(err) : "ok");
	json_u64(&j, "total_ns", r->total_ns);
	json_u64(&j, "held_ns", r->held_ns);
	json_u64(&j, "asker_held_ns", r->asker_held_ns);
	json_u64(&j, "tries", r->tries);
	json_u64(&j, "broadcasts", r->broadcasts);
	json_u64(&j, "ipis", r->ipis);
	json_u64(&j, "inspected", r->inspected);
	json_u64(&j, "skipped", r->skipped);
	json_u64(&j, "words", r->words);
	json_u64(&j, "insiders", r->insiders);
	json_u64(&j, "forgotten", r->forgotten);
	json_u64(&j, "forgotten_allocs", r->forgotten_allocs);
	json_u64(&j, "revoked", r->revoked);
	json_bool(&j, "rolled_back", r->rolled_back);
	json_str(&j, "exit_left_at", r->exit_left_at);
	json_str(&j, "error", err < 0 ? error : "");
	json_close(&j);
	console_write(j.text, j.len);
}

static void say(int err, const char *text)
{
	u32 len = strlen(text);

	printf("%s%s%s", err < 0 ? "rmmod: " : "", text, len && text[len - 1] != '\n' ? "\n" : "");
}

/* For how long it has been open does not count. */
static bool same_reason(const char *a, const char *b)
{
	const char *open = strstr(a, ", open since");

	return open ? !strncmp(a, b, (u32)(open - a)) : streq(a, b);
}

static int remove_one(const char *name, const struct rmmod_options *o)
{
	struct unload_summary report = { .tries = 0 };
	struct module_args a = {
		.flags = o->flags, .patience_us = o->patience_us,
		.report = address(&report), .report_size = sizeof(report),
	};
	char text[1024], said[1024] = "";

	if (o->patience_us == PATIENCE_FOREVER)
		a.flags |= MODULE_NONBLOCK;
	int err = ask_kernel(SYS_MODULE_UNLOAD, name, &a, text, sizeof(text));
	/* Who waits for ever is told for whom; Ctrl-C ends it. */
	if (o->patience_us == PATIENCE_FOREVER && (err == -EBUSY || err == -ETIMEDOUT)) {
		if (!o->json)
			say(err, text);
		strlcpy(said, text, sizeof(said));
		a.flags = o->flags;
		err = ask_kernel(SYS_MODULE_UNLOAD, name, &a, text, sizeof(text));
	}
	if (o->json)
		print_json(name, err, &report, text);
	else if (err >= 0 || !said[0] || !same_reason(said, text))
		say(err, text);
	return MIN(err, 0);
}

/* Microseconds in 32 bits, rounded up. */
static u32 patience(u64 ns)
{
	u64 us = div_u64(ns + 999, 1000);

	return (u32)MIN(us, (u64)PATIENCE_FOREVER);
}

static int rmmod_run(int argc, char **argv)
{
	struct rmmod_options o = { .json = take_flag(&argc, argv, "-j") };
	bool wait = take_flag(&argc, argv, "-w"), missing;
	int first_err = 0;
	u64 ns = 0;

	if (take_flag(&argc, argv, "-r"))
		o.flags |= MODULE_REVOKE;
	if (take_flag(&argc, argv, "-f"))
		o.flags |= MODULE_FORCE;
	if (take_flag(&argc, argv, "-v"))
		o.flags |= MODULE_VERBOSE;
	const char *time = take_option(&argc, argv, "-t", &missing);
	if (missing || (time && parse_duration(time, &ns)) || (time && !ns))
		return complain(-EINVAL, "rmmod: -t wants a time such as 2s or 500ms");
	if (!time && !wait)
		o.flags |= MODULE_NONBLOCK;
	o.patience_us = time ? patience(ns) : wait ? PATIENCE_FOREVER : 0;
	int err = reject_options(argc, argv);
	if (err)
		return err;
	if (argc < 2)
		return usage_error("rmmod");
	for (int i = 1; i < argc; i++) {
		err = remove_one(argv[i], &o);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

const struct builtin rmmod_builtin = {
	"rmmod", "rmmod [-w] [-t TIME] [-r] [-f] [-v] [-j] MODULE...",
	"unload; -w: wait for users, -t: at most so long, -r: cut open files off, -f: whatever is open",
	rmmod_run, true, complete_loaded,
};
