/* The .ko files that came with the kernel: in a ustar archive, the "boot archive",
 * and single ones that were given to the boot loader beside it. All fixed after
 * archive_init(); the memory is never given back. */
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/tar.h"
#include "module/module.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/paging.h"

struct image { char name[64]; const void *data; u32 size; };

static struct image archive;			/* data NULL: none */
static struct image extra[BOOT_MAX_MODULES];	/* found before those in the archive */
static u32 nr_extra;

/* The first word without its folders: QEMU passes "path words", GRUB the words. */
static void short_name(const char *args, char *out, u32 size)
{
	const char *end = strchr(args, ' ');
	const char *at = end ? end : args + strlen(args);
	u32 len = 0;

	while (at > args && at[-1] != '/')
		at--, len++;
	strlcpy(out, at, MIN(len + 1, size));
}

static bool is_module_file(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && streq(name + len - 3, ".ko");
}

static void take_archive(const struct image *file)
{
	u32 bad_at = 0;
	int n = tar_check(file->data, file->size, &bad_at);

	if (n < 0)
		printk("boot archive corrupt: %s, at byte %u of %u; its modules cannot be loaded\n",
		       file->name, bad_at, file->size);
	else if (archive.data)
		printk("boot archive: a second one, %s, is not used\n", file->name);
	else
		archive = *file;
}

static void take_file(const struct boot_module *b)
{
	struct image file = { .size = b->end - b->start };

	short_name(b->args, file.name, sizeof(file.name));
	if (b->end <= b->start || !phys_is_direct(b->start, file.size)) {
		printk("boot file %s: empty, or above 512 MiB where the kernel does not reach\n", file.name);
		return;
	}
	file.data = phys_to_virt(b->start);
	if (is_module_file(file.name))
		extra[nr_extra++] = file;
	else
		take_archive(&file);
}

void archive_init(void)
{
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		take_file(&boot_info.module[i]);
	if (!archive.data && !nr_extra)
		printk("boot archive missing: no module can be loaded; give modules.tar to the boot loader\n");
}

static bool nth(u32 i, struct image *out)
{
	struct tar_file file;

	if (i < nr_extra) {
		*out = extra[i];
		return true;
	}
	if (!archive.data || tar_nth(archive.data, archive.size, i - nr_extra, &file))
		return false;
	strlcpy(out->name, file.name, sizeof(out->name));
	out->data = file.data;
	out->size = file.size;
	return true;
}

bool archive_nth(u32 i, char *name, u32 size, u32 *bytes)
{
	struct image file;

	if (!nth(i, &file))
		return false;
	strlcpy(name, file.name, size);
	*bytes = file.size;
	return true;
}

int archive_find(const char *name, const void **data, u32 *size)
{
	char wanted[MODULE_NAME_LEN], there[MODULE_NAME_LEN];
	struct image file;

	if (module_name_of(name, wanted))
		return -ENOENT;
	for (u32 i = 0; nth(i, &file); i++) {
		if (module_name_of(file.name, there) || !streq(wanted, there))
			continue;
		*data = file.data;
		*size = file.size;
		return 0;
	}
	return -ENOENT;
}
