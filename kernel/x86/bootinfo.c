#include "x86/bootinfo.h"
#include "lib/boot_option.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/paging.h"

#define MULTIBOOT1_SIZE 116

struct boot_info boot_info;

/* Of boot_info_init(), for boot_info_check(). */
static u32 loaded_by, info_at;
static int outcome;

/* Only what the early map covers can be read, at its place in the direct map. */
static const void *readable(u32 addr, u32 len)
{
	return phys_is_direct(addr, len) ? phys_to_virt(addr) : NULL;
}

static int parse_multiboot1(u32 info_phys)
{
	const void *info = readable(info_phys, MULTIBOOT1_SIZE);

	return info ? multiboot1_parse(info, readable, &boot_info) : -EFAULT;
}

static int parse_multiboot2(u32 info_phys)
{
	const void *info = readable(info_phys, 8);

	return info ? multiboot2_parse(info, DIRECT_MAP_SIZE - info_phys, &boot_info) : -EFAULT;
}

static u32 usable_mib(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < boot_info.nr_regions; i++)
		sum += boot_info.region[i].usable ? boot_info.region[i].len : 0;
	return (u32)(sum >> 20);
}

void boot_info_init(u32 magic, u32 info_phys)
{
	loaded_by = magic;
	info_at = info_phys;
	if (magic == MULTIBOOT1_LOADED)
		outcome = parse_multiboot1(info_phys);
	else if (magic == MULTIBOOT2_LOADED)
		outcome = parse_multiboot2(info_phys);
	else
		outcome = -ENOEXEC;
}

void boot_info_check(void)
{
	if (outcome == -ENOEXEC)
		panic("boot: EAX is 0x%08x: not started by a Multiboot loader such as GRUB", loaded_by);
	if (outcome == -EFAULT)
		panic("boot: the loader's information is at 0x%08x, above 512 MiB; use another loader", info_at);
	if (outcome)
		printk("boot: the loader's information is damaged; going on with the part before\n");
	if (boot_info.truncated)
		printk("boot: the loader told more than fits; the rest is ignored\n");
	if (!boot_info.nr_regions)
		panic("boot: the loader gave no memory map; use another loader");
	printk("boot: %s, Multiboot%s, %u MiB of memory\n",
	       boot_info.loader[0] ? boot_info.loader : "nameless loader",
	       loaded_by == MULTIBOOT2_LOADED ? "2" : " 1", usable_mib());
}

extern struct boot_option *const __boot_options_start[], *const __boot_options_end[];

static void say(const char *line)
{
	printk("%s\n", line);
}

void boot_options_init(void)
{
	boot_options_read(boot_info.cmdline, __boot_options_start,
	                  (u32)(__boot_options_end - __boot_options_start), say);
}
