/* What the boot loader told us, in one form for Multiboot 1 and 2. */
#pragma once
#include "lib/types.h"

#define BOOT_MAX_REGIONS 64
#define BOOT_MAX_MODULES 16

struct boot_region { u64 start, len; bool usable; };
/* Physical; end is one past. QEMU puts the file's whole path in front of the arguments. */
struct boot_module { u32 start, end; char args[256]; };

struct boot_framebuffer {
	u64 addr;
	u32 pitch, width, height;
	u8  bpp;
	u8  red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
	bool present;		/* a linear RGB framebuffer; false: EGA text */
};

struct boot_info {
	char loader[48];
	char cmdline[1024];
	u32  nr_regions;
	struct boot_region region[BOOT_MAX_REGIONS];
	u32  nr_modules;
	struct boot_module module[BOOT_MAX_MODULES];
	struct boot_framebuffer fb;
	u8   rsdp[36];		/* a copy; rsdp_len 0: not told, 20: ACPI 1, 36: ACPI 2+ */
	u32  rsdp_len;
	bool truncated;		/* the loader told more than there is room for here */
};

#define MULTIBOOT1_LOADED 0x2badb002u
#define MULTIBOOT2_LOADED 0x36d76289u

/* Parse a Multiboot2 information block of at most `max` readable bytes. Pure,
 * runs on the host as well. Returns 0 or -EBADMSG (what was understood before
 * the damage stays in *out). Multiboot2 specification 2.0, section 3.6. */
int multiboot2_parse(const void *info, u32 max, struct boot_info *out) must_use;
/* Multiboot 0.6.96, section 3.3. Of `info` the fields are read whose flags are
 * set, at most 116 bytes. `phys` turns a physical address into a
 * readable pointer for `len` bytes, or NULL. */
int multiboot1_parse(const void *info, const void *(*phys)(u32 addr, u32 len),
                     struct boot_info *out) must_use;

/* The boot's information; fixed after early boot. */
extern struct boot_info boot_info;
/* Fills boot_info, while the early map is in force, from the values the loader left in EAX and EBX.
 * Says nothing, so that a screen can come first. */
void boot_info_init(u32 magic, u32 info_phys);
/* Says what is wrong with it, and panics when the kernel cannot go on without. Once, behind the screen. */
void boot_info_check(void);
/* Reads the command line into every BOOT_OPTION() (lib/boot_option.h). What is wrong there gets a
 * line each. */
void boot_options_init(void);
