// sources: kernel/x86/multiboot.c
// What the boot loader left in memory, as any bytes: first as Multiboot 2, then as
// Multiboot 1, where addresses lead into the same bytes.
#include <stdlib.h>
#include <string.h>
#include "x86/bootinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u8 *bytes;
static u32 nr_bytes;

static const void *phys(u32 addr, u32 len)
{
	return addr <= nr_bytes && len <= nr_bytes - addr ? bytes + addr : NULL;
}

static void check(const struct boot_info *info)
{
	if (info->nr_regions > BOOT_MAX_REGIONS || info->nr_modules > BOOT_MAX_MODULES ||
	    info->rsdp_len > sizeof(info->rsdp) ||
	    !memchr(info->loader, '\0', sizeof(info->loader)) ||
	    !memchr(info->cmdline, '\0', sizeof(info->cmdline)))
		abort();
	for (u32 i = 0; i < info->nr_modules; i++)
		if (!memchr(info->module[i].args, '\0', sizeof(info->module[i].args)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;

	if (size > 1u << 16)
		return 0;
	nr_bytes = (u32)size;
	bytes = malloc(size ? size : 1);
	if (size)
		memcpy(bytes, data, size);
	memset(&info, 0, sizeof(info));
	if (size >= 8 && multiboot2_parse(bytes, nr_bytes, &info) > 0)
		abort();
	check(&info);
	memset(&info, 0, sizeof(info));
	if (size >= 120 && multiboot1_parse(bytes, phys, &info) > 0)
		abort();
	check(&info);
	free(bytes);
	return 0;
}
