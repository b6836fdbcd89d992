/* The 32-bit ELF file format as it lies on disk (System V ABI, 4th edition,
 * chapter 4; relocation types: Intel386 supplement, 4th edition, table 4-4, and
 * i386 psABI 1.1, table 4.9 for GOT32X). */
#pragma once
#include "lib/types.h"

struct elf32_ehdr {
	u8  ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_phdr {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct elf32_shdr {
	u32 name, type, flags, addr, offset, size, link, info, addralign, entsize;
};

/* A note: its name, then its text, each up to a multiple of 4 bytes. */
struct elf32_nhdr {
	u32 name_len, len, type;
};

struct elf32_sym {
	u32 name, value, size;
	u8  info, other;
	u16 shndx;
};

struct elf32_rel {
	u32 offset, info;
};

_Static_assert(sizeof(struct elf32_ehdr) == 52, "on-disk size");
_Static_assert(sizeof(struct elf32_phdr) == 32, "on-disk size");
_Static_assert(sizeof(struct elf32_shdr) == 40, "on-disk size");
_Static_assert(sizeof(struct elf32_sym) == 16, "on-disk size");
_Static_assert(sizeof(struct elf32_rel) == 8, "on-disk size");

enum { EI_CLASS = 4, EI_DATA = 5, EI_VERSION = 6 };
enum { ELFCLASS32 = 1, ELFCLASS64 = 2 };
enum { ELFDATA2LSB = 1 };
enum { EV_CURRENT = 1 };
enum { ET_REL = 1, ET_EXEC = 2 };
enum { EM_386 = 3 };

enum { PT_LOAD = 1, PT_NOTE = 4 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

enum { SHN_UNDEF = 0, SHN_LORESERVE = 0xff00, SHN_ABS = 0xfff1, SHN_COMMON = 0xfff2 };

enum {
	SHT_NULL = 0, SHT_PROGBITS = 1, SHT_SYMTAB = 2, SHT_STRTAB = 3, SHT_RELA = 4,
	SHT_NOTE = 7, SHT_NOBITS = 8, SHT_REL = 9, SHT_INIT_ARRAY = 14, SHT_FINI_ARRAY = 15,
	SHT_PREINIT_ARRAY = 16, SHT_SYMTAB_SHNDX = 18,
};

enum {
	SHF_WRITE = 0x1, SHF_ALLOC = 0x2, SHF_EXECINSTR = 0x4, SHF_INFO_LINK = 0x40,
	SHF_TLS = 0x400, SHF_COMPRESSED = 0x800,
};

enum { STB_LOCAL = 0, STB_GLOBAL = 1, STB_WEAK = 2 };
enum { STT_OBJECT = 1, STT_FUNC = 2, STT_TLS = 6, STT_GNU_IFUNC = 10 };
#define SYM_BIND(info) ((info) >> 4)
#define SYM_TYPE(info) ((info) & 0xf)

enum {
	R_386_NONE = 0, R_386_32 = 1, R_386_PC32 = 2, R_386_GOT32 = 3, R_386_PLT32 = 4,
	R_386_GOTOFF = 9, R_386_GOTPC = 10, R_386_GOT32X = 43,
};
#define REL_SYM(info)  ((info) >> 8)
#define REL_TYPE(info) ((info) & 0xff)
