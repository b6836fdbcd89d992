/* The kernel's quarter of the address space. Also read by the linker script
 * through the preprocessor, hence only plain #defines. */
#pragma once

#define KERNEL_BASE      0xc0000000	/* direct map of physical memory, W^X */
#define KERNEL_PHYS      0x00100000	/* where the image is loaded */
#define DIRECT_MAP_SIZE  0x20000000	/* 512 MiB; memory above it is not used */

#define MODULE_BASE      0xe0000000	/* module images with their heap arenas */
#define MODULE_SIZE      0x0a000000	/* 160 MiB */

#define STACK_BASE       0xec000000	/* kernel stacks, each above its guard */
#define STACK_AREA_SIZE  0x0c000000	/* 192 MiB */

#define FIXMAP_BASE      0xf8000000	/* devices and firmware tables, 2 MiB slots */
#define FIXMAP_SIZE      0x08000000
#define FIXMAP_SCREEN    0x04800000	/* 72 MiB of it at most are the framebuffer's, so the rest is kept:
					 * 8 windows on ACPI tables of up to 3 slots, the APICs, the HPET */

#define PAGE_SIZE        4096
#define PAGE_SHIFT       12
#define LARGE_PAGE_SIZE  0x200000
#define STACK_SIZE       8192		/* usable bytes of one kernel stack */
#define STACK_SLOT       16384		/* with its guard; a slot is aligned to its size */
