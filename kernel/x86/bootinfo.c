#include "x86/bootinfo.h"
#include "lib/boot_option.h"
#include "lib/string.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/paging.h"

#define MULTIBOOT1_SIZE 116

struct boot_info boot_info;

/* Only what the early map covers can be read, at its place in the direct map. */
static const void *readable(u32 addr, u32 len)
{
	return phys_is_direct(addr, len) ? phys_to_virt(addr) : NULL;
}

static int parse_multiboot1(u32 info_phys)
{
	const void *info = readable(info_phys, MULTIBOOT1_SIZE);

	if (!info)
		panic("boot: the loader's information is at 0x%08x, above 512 MiB", info_phys);
	return multiboot1_parse(info, readable, &boot_info);
}

static int parse_multiboot2(u32 info_phys)
{
	const void *info = readable(info_phys, 8);

	if (!info)
		panic("boot: the loader's information is at 0x%08x, above 512 MiB", info_phys);
	return multiboot2_parse(info, DIRECT_MAP_SIZE - info_phys, &boot_info);
}

static u32 usable_mib(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < boot_info.nr_regions; i++)
		sum += boot_info.region[i].usable ? boot_info.region[i].len : 0;
	return (u32)(sum >> 20);
}

/* Boot CPU, once, with the early map. */
void boot_info_init(u32 magic, u32 info_phys)
{
	int err;

	if (magic == MULTIBOOT1_LOADED)
		err = parse_multiboot1(info_phys);
	else if (magic == MULTIBOOT2_LOADED)
		err = parse_multiboot2(info_phys);
	else
		panic("boot: EAX is 0x%08x: not started by a Multiboot loader such as GRUB", magic);

	if (err)
		printk("boot: the loader's information is damaged; going on with the part before\n");
	if (boot_info.truncated)
		printk("boot: the loader told more than fits; the rest is ignored\n");
	if (!boot_info.nr_regions)
		panic("boot: the loader gave no memory map; use another loader");
	printk("boot: %s, Multiboot%s, %u MiB of memory\n",
	       boot_info.loader[0] ? boot_info.loader : "nameless loader",
	       magic == MULTIBOOT2_LOADED ? "2" : " 1", usable_mib());
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
