/* The .ko files that came with the kernel: in a ustar archive, the "boot archive",
 * and single ones that were given to the boot loader beside it. What else is in the
 * archive are programs. All fixed after archive_init(); the files stay where the boot
 * loader put them. */
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/tar.h"
#include "mm/heap.h"
#include "module/module.h"
#include "user/process.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/paging.h"
#include "x86/panic.h"

struct boot_file { char name[64]; const void *data; u32 size; };
struct module_file { char name[MODULE_NAME_LEN]; bool program; const void *data; u32 size; };

static struct module_file *files;	/* single ones first: they hide those in the archive */
static u32 nr_files;

/* The last word, without folders. GRUB passes the words that follow the path, other loaders the path as well,
 * by a name of their own: for one file that was opened already that is "/dev/fd/9". */
static void short_name(const char *args, char *out, size_t size)
{
	size_t end = strlen(args), at;

	while (end && args[end - 1] == ' ')
		end--;
	for (at = end; at && args[at - 1] != ' ' && args[at - 1] != '/';)
		at--;
	strlcpy(out, args + at, MIN(end - at + 1, size));
}

static bool is_module_file(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && streq(name + len - 3, ".ko");
}

/* What the boot loader brought as its i-th file. False: it cannot be used. */
static bool boot_file(u32 i, struct boot_file *out)
{
	const struct boot_module *b = &boot_info.module[i];

	short_name(b->args, out->name, sizeof(out->name));
	out->size = b->end - b->start;
	out->data = phys_to_virt(b->start);
	if (b->end > b->start && phys_is_direct(b->start, out->size))
		return true;
	printk("boot file %s: empty, or above 512 MiB where the kernel does not reach\n", out->name);
	return false;
}

/* Modules are called as in Linux, where '-' and '_' are one; programs as their files. */
static int name_of(const char *file_name, bool program, char name[MODULE_NAME_LEN])
{
	const char *slash = strrchr(file_name, '/');
	int err = module_name_of(file_name, name);

	if (!err && program)
		strlcpy(name, slash ? slash + 1 : file_name, MODULE_NAME_LEN);
	return err;
}

static void take_file(const char *file_name, const void *data, u32 size)
{
	struct module_file *f = &files[nr_files];

	f->program = !is_module_file(file_name);
	if (name_of(file_name, f->program, f->name)) {
		printk("boot archive: %s is no name of a module or program (a-z, 0-9, _ and -); left out\n",
		       file_name);
		return;
	}
	f->data = data;
	f->size = size;
	nr_files++;
}

static void take_archive(const struct boot_file *archive)
{
	struct tar_file f;
	u32 at = 0;

	while (tar_next(archive->data, archive->size, &at, &f) == 0)
		take_file(f.name, f.data, f.size);
}

/* The files in an archive; negative: it is not sound. */
static int count_files(const struct boot_file *archive)
{
	u32 bad_at = 0;
	int n = tar_check(archive->data, archive->size, &bad_at);

	if (n < 0)
		printk("boot archive corrupt: %s, at byte %u of %u; its modules cannot be loaded\n",
		       archive->name, bad_at, archive->size);
	return n;
}

/* Sorts out what the boot loader brought; returns how many module files there
 * can be at most. */
static u32 collect(struct boot_file found[BOOT_MAX_MODULES], u32 *nr_found)
{
	u32 room = 0;

	*nr_found = 0;
	for (u32 i = 0; i < boot_info.nr_modules; i++) {
		struct boot_file *f = &found[*nr_found];
		int n;

		if (!boot_file(i, f))
			continue;
		n = is_module_file(f->name) ? 1 : count_files(f);
		if (n < 0)
			continue;
		room += (u32)n;
		(*nr_found)++;
	}
	return room;
}

static int find(const char *name, bool program, const void **data, u32 *size)
{
	char wanted[MODULE_NAME_LEN];

	if (name_of(name, program, wanted))
		return -ENOENT;
	for (u32 i = 0; i < nr_files; i++) {
		if (files[i].program != program || !streq(files[i].name, wanted))
			continue;
		*data = files[i].data;
		*size = files[i].size;
		return 0;
	}
	return -ENOENT;
}

int archive_find(const char *name, const void **data, u32 *size)
{
	return find(name, false, data, size);
}

static int find_program(const char *name, const void **data, u32 *size)
{
	return find(name, true, data, size);
}

static bool nth(u32 i, bool program, char *name, u32 size, u32 *bytes)
{
	for (u32 k = 0; k < nr_files; k++) {
		if (files[k].program != program || i--)
			continue;
		strlcpy(name, files[k].name, size);
		*bytes = files[k].size;
		return true;
	}
	return false;
}

bool archive_nth(u32 i, char *name, u32 size, u32 *bytes)     { return nth(i, false, name, size, bytes); }
bool archive_nth_program(u32 i, char *name, u32 size, u32 *bytes) { return nth(i, true, name, size, bytes); }

void archive_init(void)
{
	struct boot_file found[BOOT_MAX_MODULES];
	u32 nr_found, room = collect(found, &nr_found);

	if (!boot_info.nr_modules)
		printk("boot archive missing: no module can be loaded by name; "
		       "give modules.tar to the boot loader\n");
	files = kmalloc(MAX(room, 1u) * sizeof(*files));
	if (!files)
		panic("no memory for the list of %u modules", room);
	for (u32 i = 0; i < nr_found; i++)
		if (is_module_file(found[i].name))
			take_file(found[i].name, found[i].data, found[i].size);
	for (u32 i = 0; i < nr_found; i++)
		if (!is_module_file(found[i].name))
			take_archive(&found[i]);
	program_find = find_program;
}

