// sources: kernel/x86/multiboot.c
#include "unit.h"
#include <string.h>
#include "lib/errno.h"
#include "x86/bootinfo.h"

static struct boot_info info;

static void put32(u8 *p, u32 v) { memcpy(p, &v, sizeof(v)); }
static void put64(u8 *p, u64 v) { memcpy(p, &v, sizeof(v)); }

/* -- a Multiboot2 block, tag by tag ------------------------------------------------- */

struct block {
	u8 bytes[16384];
	u32 len;
};

static void begin(struct block *b)
{
	memset(b->bytes, 0xee, sizeof(b->bytes));
	b->len = 8;
}

/* Returns the tag's body. */
static u8 *add_tag(struct block *b, u32 type, u32 body_len)
{
	u8 *tag = b->bytes + b->len;

	put32(tag, type);
	put32(tag + 4, body_len + 8);
	b->len += (body_len + 8 + 7) & ~7u;
	assert_true(b->len < sizeof(b->bytes));
	return tag + 8;
}

static void add_string(struct block *b, u32 type, const char *text)
{
	memcpy(add_tag(b, type, (u32)strlen(text) + 1), text, strlen(text) + 1);
}

static void add_module(struct block *b, u32 start, u32 end, const char *args)
{
	u8 *body = add_tag(b, 3, 8 + (u32)strlen(args) + 1);

	put32(body, start);
	put32(body + 4, end);
	memcpy(body + 8, args, strlen(args) + 1);
}

static u8 *add_mmap(struct block *b, u32 entries, u32 entry_size)
{
	u8 *body = add_tag(b, 6, 8 + entries * entry_size);

	put32(body, entry_size);
	put32(body + 4, 0);
	return body + 8;
}

static void put_region(u8 *e, u64 start, u64 len, u32 type)
{
	put64(e, start);
	put64(e + 8, len);
	put32(e + 16, type);
	put32(e + 20, 0);
}

static u8 *add_framebuffer(struct block *b, u32 width, u32 height, u8 bpp, u8 type)
{
	u8 *body = add_tag(b, 8, 30);

	put64(body, 0xfd000000);
	put32(body + 8, width * bpp / 8);
	put32(body + 12, width);
	put32(body + 16, height);
	body[20] = bpp;
	body[21] = type;
	memcpy(body + 24, (u8[]){ 16, 8, 8, 8, 0, 8 }, 6);
	return body;
}

/* Parses a copy that ends where the readable bytes end, so that ASan sees the
 * first byte that is read behind them. */
static int parse_bytes(const u8 *bytes, u32 max)
{
	u8 *copy = malloc(max ? max : 1);
	int err;

	memcpy(copy, bytes, max);
	err = multiboot2_parse(copy, max, &info);
	free(copy);
	return err;
}

static int parse(struct block *b)
{
	put32(b->bytes, b->len);
	return parse_bytes(b->bytes, b->len);
}

static int end_and_parse(struct block *b)
{
	add_tag(b, 0, 0);
	return parse(b);
}

/* One of everything. */
static void fill(struct block *b)
{
	u8 *e;

	begin(b);
	add_string(b, 1, "run=\"lsmod\" seed=3");
	add_string(b, 2, "GRUB 2.06");
	add_module(b, 0x200000, 0x212345, "modules.tar");
	add_tag(b, 4, 8);
	e = add_mmap(b, 3, 24);
	put_region(e, 0, 0x9fc00, 1);
	put_region(e + 24, 0x9fc00, 0x400, 2);
	put_region(e + 48, 0x100000, 0x7ee0000, 1);
	add_framebuffer(b, 1024, 768, 32, 1);
	memcpy(add_tag(b, 14, 20), "RSD PTR old.........", 20);
	memcpy(add_tag(b, 15, 36), "RSD PTR new.........................", 36);
	add_tag(b, 0, 0);
}

static void multiboot2_tells_everything(void **state)
{
	struct block b;

	(void)state;
	fill(&b);
	assert_int_equal(parse(&b), 0);
	assert_string_equal(info.cmdline, "run=\"lsmod\" seed=3");
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_int_equal(info.nr_modules, 1);
	assert_int_equal(info.module[0].start, 0x200000);
	assert_int_equal(info.module[0].end, 0x212345);
	assert_string_equal(info.module[0].args, "modules.tar");
	assert_int_equal(info.nr_regions, 3);
	assert_true(info.region[2].usable && !info.region[1].usable);
	assert_int_equal(info.region[2].start, 0x100000);
	assert_int_equal(info.region[2].len, 0x7ee0000);
	assert_true(info.fb.present);
	assert_int_equal(info.fb.addr, 0xfd000000);
	assert_int_equal(info.fb.pitch, 4096);
	assert_int_equal(info.fb.width, 1024);
	assert_int_equal(info.fb.height, 768);
	assert_int_equal(info.fb.bpp, 32);
	assert_int_equal(info.fb.red_pos, 16);
	assert_int_equal(info.fb.blue_size, 8);
	assert_int_equal(info.rsdp_len, 36);
	assert_memory_equal(info.rsdp, "RSD PTR new", 11);
	assert_false(info.truncated);
}

/* -- Multiboot2, damaged ------------------------------------------------------------ */

static void every_cut_is_noticed(void **state)
{
	struct block b;

	(void)state;
	fill(&b);
	put32(b.bytes, b.len);
	for (u32 len = 0; len < b.len; len++)
		assert_int_equal(parse_bytes(b.bytes, len), -EBADMSG);
	/* And the same when the block itself claims to be shorter. */
	for (u32 len = 0; len < b.len; len++) {
		put32(b.bytes, len);
		assert_int_equal(parse_bytes(b.bytes, b.len), -EBADMSG);
	}
}

/* Each byte takes a few nasty values: nothing may be read outside, whatever the
 * answer is, and all that was understood must be within its bounds. */
static void any_damaged_byte_is_survived(void **state)
{
	static const u8 nasty[] = { 0x00, 0x01, 0x07, 0x7f, 0x80, 0xff };
	struct block b;

	(void)state;
	fill(&b);
	put32(b.bytes, b.len);
	for (u32 at = 0; at < b.len; at++) {
		u8 was = b.bytes[at];

		for (u32 i = 0; i < ARRAY_SIZE(nasty); i++) {
			b.bytes[at] = nasty[i];
			(void)!parse_bytes(b.bytes, b.len);
			assert_in_range(info.nr_regions, 0, BOOT_MAX_REGIONS);
			assert_in_range(info.nr_modules, 0, BOOT_MAX_MODULES);
			assert_in_range(strnlen(info.cmdline, sizeof(info.cmdline)), 0, sizeof(info.cmdline) - 1);
		}
		b.bytes[at] = was;
	}
}

static void what_came_before_the_damage_stays(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	add_string(&b, 1, "seed=3");
	put32(add_tag(&b, 2, 8) - 4, 0);		/* a tag of size 0 */
	assert_int_equal(end_and_parse(&b), -EBADMSG);
	assert_string_equal(info.cmdline, "seed=3");
}

static void impossible_tag_sizes(void **state)
{
	static const u32 size[] = { 0, 1, 7, 0x1000, 0x7fffffff, 0xfffffff8, 0xfffffff9, 0xffffffff };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(size); i++) {
		struct block b;

		begin(&b);
		put32(add_tag(&b, 99, 8) - 4, size[i]);
		assert_int_equal(end_and_parse(&b), -EBADMSG);
	}
}

static void tags_too_short_for_what_they_tell(void **state)
{
	static const struct { u32 type, len; } tag[] = {
		{ 3, 0 }, { 3, 7 }, { 6, 0 }, { 6, 7 }, { 8, 0 }, { 8, 21 }, { 14, 19 }, { 15, 35 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(tag); i++) {
		struct block b;

		begin(&b);
		memset(add_tag(&b, tag[i].type, tag[i].len), 0, tag[i].len);
		assert_int_equal(end_and_parse(&b), -EBADMSG);
	}
}

static void strings_without_an_end(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	memcpy(add_tag(&b, 2, 4), "GRUB", 4);
	memcpy(add_tag(&b, 3, 12), "\0\0\0\0\0\0\0\0args", 12);
	add_tag(&b, 1, 0);
	assert_int_equal(end_and_parse(&b), 0);
	assert_string_equal(info.loader, "GRUB");
	assert_string_equal(info.module[0].args, "args");
	assert_string_equal(info.cmdline, "");
}

static void too_long_a_command_line_is_cut_and_said(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	memset(add_tag(&b, 1, 2000), 'x', 2000);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(strlen(info.cmdline), sizeof(info.cmdline) - 1);
	assert_true(info.truncated);
}

static void more_modules_than_fit(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	for (u32 i = 0; i < BOOT_MAX_MODULES + 3; i++)
		add_module(&b, i, i, "m");
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.nr_modules, BOOT_MAX_MODULES);
	assert_true(info.truncated);
}

static void a_module_that_ends_before_it_begins(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	add_module(&b, 0x2000, 0x1000, "m");
	assert_int_equal(end_and_parse(&b), -EBADMSG);
	assert_int_equal(info.nr_modules, 0);
}

/* -- memory maps -------------------------------------------------------------------- */

static void neighbours_of_one_kind_are_merged(void **state)
{
	struct block b;
	u8 *e;

	(void)state;
	begin(&b);
	e = add_mmap(&b, 5, 24);
	put_region(e, 0, 0x1000, 1);
	put_region(e + 24, 0x1000, 0x1000, 1);
	put_region(e + 48, 0x2000, 0, 2);
	put_region(e + 72, 0x2000, 0x1000, 1);
	put_region(e + 96, 0x3000, 0x1000, 3);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.nr_regions, 2);
	assert_int_equal(info.region[0].len, 0x3000);
	assert_false(info.region[1].usable);
}

static void a_region_past_the_end_of_all_addresses(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	put_region(add_mmap(&b, 1, 24), 0xfffffffffffff000ull, 0x2000, 1);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.region[0].len, 0xfff);
}

static void more_regions_than_fit(void **state)
{
	struct block b;
	u8 *e;

	(void)state;
	begin(&b);
	e = add_mmap(&b, BOOT_MAX_REGIONS + 6, 24);
	for (u32 i = 0; i < BOOT_MAX_REGIONS + 6; i++)
		put_region(e + i * 24, i * 0x2000, 0x1000, 1);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.nr_regions, BOOT_MAX_REGIONS);
	assert_true(info.truncated);
}

static void entries_of_other_sizes(void **state)
{
	static const u32 bad[] = { 0, 1, 23 };
	struct block b;
	u8 *e;

	(void)state;
	begin(&b);
	e = add_mmap(&b, 2, 40);	/* a later version may append fields (3.6.8) */
	put_region(e, 0x100000, 0x1000, 1);
	put_region(e + 40, 0x200000, 0x1000, 1);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.nr_regions, 2);
	assert_int_equal(info.region[1].start, 0x200000);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(&b);
		put32(add_mmap(&b, 2, 24) - 8, bad[i]);
		assert_int_equal(end_and_parse(&b), -EBADMSG);
	}
}

/* -- framebuffers and root pointers ------------------------------------------------- */

static void only_a_plausible_rgb_framebuffer_counts(void **state)
{
	static const struct { u32 width, height; u8 bpp, type; bool present; } fb[] = {
		{ 1024, 768, 32, 1, true }, { 800, 600, 24, 1, true }, { 640, 480, 16, 1, true },
		{ 80, 25, 16, 2, false },			/* text */
		{ 640, 480, 8, 0, false },			/* palette */
		{ 640, 0, 32, 1, false }, { 640, 480, 8, 1, false }, { 640, 480, 64, 1, false },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(fb); i++) {
		struct block b;

		begin(&b);
		add_framebuffer(&b, fb[i].width, fb[i].height, fb[i].bpp, fb[i].type);
		assert_int_equal(end_and_parse(&b), 0);
		assert_int_equal(info.fb.present, fb[i].present);
	}
}

static void lines_that_overlap_are_no_framebuffer(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	put32(add_framebuffer(&b, 1024, 768, 32, 1) + 8, 4095);	/* pitch */
	assert_int_equal(end_and_parse(&b), 0);
	assert_false(info.fb.present);
}

static void a_text_framebuffer_tells_no_colours(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	add_framebuffer(&b, 80, 25, 16, 2);
	b.len -= 8;
	put32(b.bytes + 8 + 4, 8 + 22);
	assert_int_equal(end_and_parse(&b), 0);
	assert_false(info.fb.present);
	begin(&b);
	add_framebuffer(&b, 80, 25, 16, 1);
	b.len -= 8;
	put32(b.bytes + 8 + 4, 8 + 22);
	assert_int_equal(end_and_parse(&b), -EBADMSG);
}

static void the_newer_root_pointer_wins(void **state)
{
	struct block b;

	(void)state;
	begin(&b);
	memset(add_tag(&b, 14, 20), '1', 20);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.rsdp_len, 20);

	begin(&b);
	memset(add_tag(&b, 15, 36), '2', 36);
	memset(add_tag(&b, 14, 20), '1', 20);
	assert_int_equal(end_and_parse(&b), 0);
	assert_int_equal(info.rsdp_len, 36);
	assert_int_equal(info.rsdp[0], '2');
}

/* -- Multiboot 1: a small physical memory ------------------------------------------- */

#define MEMORY_BASE 0x9000u
static u8 memory[4096];

static const void *phys(u32 addr, u32 len)
{
	u32 at = addr - MEMORY_BASE;

	return at <= sizeof(memory) && len <= sizeof(memory) - at ? memory + at : NULL;
}

#define MB1_CMDLINE_AT 0x100
#define MB1_LOADER_AT  0x200
#define MB1_MODS_AT    0x300
#define MB1_ARGS_AT    0x480
#define MB1_MMAP_AT    0x500

static void put_mb1_region(u8 *e, u64 start, u64 len, u32 type)
{
	put32(e, 20);
	put_region(e + 4, start, len, type);
}

/* One of everything; the structure itself lies at the beginning. */
static void fill_mb1(void)
{
	memset(memory, 0, sizeof(memory));
	put32(memory, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12);
	put32(memory + 4, 640);
	put32(memory + 8, 1024);
	put32(memory + 16, MEMORY_BASE + MB1_CMDLINE_AT);
	strcpy((char *)memory + MB1_CMDLINE_AT, "quiesce.elf maxcpus=2");
	put32(memory + 64, MEMORY_BASE + MB1_LOADER_AT);
	strcpy((char *)memory + MB1_LOADER_AT, "qemu");

	put32(memory + 20, 2);
	put32(memory + 24, MEMORY_BASE + MB1_MODS_AT);
	put32(memory + MB1_MODS_AT, 0x200000);
	put32(memory + MB1_MODS_AT + 4, 0x210000);
	put32(memory + MB1_MODS_AT + 8, MEMORY_BASE + MB1_ARGS_AT);
	strcpy((char *)memory + MB1_ARGS_AT, "modules.tar");
	put32(memory + MB1_MODS_AT + 16, 0x220000);
	put32(memory + MB1_MODS_AT + 20, 0x220000);

	put32(memory + 44, 48);
	put32(memory + 48, MEMORY_BASE + MB1_MMAP_AT);
	put_mb1_region(memory + MB1_MMAP_AT, 0, 0x9fc00, 1);
	put_mb1_region(memory + MB1_MMAP_AT + 24, 0x100000, 0x3ee0000, 1);

	put64(memory + 88, 0xe0000000);
	put32(memory + 96, 2560);
	put32(memory + 100, 640);
	put32(memory + 104, 480);
	memory[108] = 32;
	memory[109] = 1;
}

static int parse_mb1(void) { return multiboot1_parse(memory, phys, &info); }

static void multiboot1_tells_everything(void **state)
{
	(void)state;
	fill_mb1();
	assert_int_equal(parse_mb1(), 0);
	assert_string_equal(info.cmdline, "quiesce.elf maxcpus=2");
	assert_string_equal(info.loader, "qemu");
	assert_int_equal(info.nr_modules, 2);
	assert_int_equal(info.module[0].end, 0x210000);
	assert_string_equal(info.module[0].args, "modules.tar");
	assert_string_equal(info.module[1].args, "");
	assert_int_equal(info.nr_regions, 2);
	assert_int_equal(info.region[1].start, 0x100000);
	assert_int_equal(info.region[1].len, 0x3ee0000);
	assert_true(info.fb.present);
	assert_int_equal(info.rsdp_len, 0);
}

static void memory_sizes_do_where_there_is_no_map(void **state)
{
	(void)state;
	fill_mb1();
	put32(memory, 1 << 0);
	assert_int_equal(parse_mb1(), 0);
	assert_int_equal(info.nr_regions, 2);
	assert_int_equal(info.region[0].len, 640 * 1024);
	assert_int_equal(info.region[1].start, 0x100000);
	assert_int_equal(info.region[1].len, 1 << 20);
	assert_string_equal(info.cmdline, "");
	assert_false(info.fb.present);
}

/* The structure of a loader that knows of no framebuffer is 88 bytes long. */
static void fields_without_a_flag_are_not_read(void **state)
{
	u8 *info_only = malloc(88);

	(void)state;
	fill_mb1();
	put32(memory, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	memcpy(info_only, memory, 88);
	assert_int_equal(multiboot1_parse(info_only, phys, &info), 0);
	free(info_only);
}

static void addresses_that_lead_nowhere(void **state)
{
	static const u32 pointer[] = { 16, 24, 48, 64 };
	static const u32 addr[] = { 1, MEMORY_BASE - 1, MEMORY_BASE + sizeof(memory), 0xffffffff };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(pointer); i++)
		for (u32 k = 0; k < ARRAY_SIZE(addr); k++) {
			fill_mb1();
			put32(memory + pointer[i], addr[k]);
			assert_int_equal(parse_mb1(), -EBADMSG);
		}
}

static void a_string_that_runs_out_of_memory(void **state)
{
	(void)state;
	fill_mb1();
	memset(memory + sizeof(memory) - 4, 'x', 4);
	put32(memory + 16, MEMORY_BASE + sizeof(memory) - 4);
	assert_int_equal(parse_mb1(), -EBADMSG);
	assert_string_equal(info.cmdline, "xxxx");
	assert_int_equal(info.nr_modules, 2);
}

static void a_long_string_is_cut(void **state)
{
	(void)state;
	fill_mb1();
	memset(memory + 0x800, 'y', 0x800);
	put32(memory + 64, MEMORY_BASE + 0x800);
	assert_int_equal(parse_mb1(), 0);
	assert_int_equal(strlen(info.loader), sizeof(info.loader) - 1);
	assert_true(info.truncated);
}

static void impossible_map_entries(void **state)
{
	static const u32 size[] = { 0, 1, 19, 45, 0x7fffffff, 0xfffffffc, 0xffffffff };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(size); i++) {
		fill_mb1();
		put32(memory + MB1_MMAP_AT, size[i]);
		assert_int_equal(parse_mb1(), -EBADMSG);
	}
	/* A length that is no whole number of entries. */
	fill_mb1();
	put32(memory + 44, 47);
	assert_int_equal(parse_mb1(), -EBADMSG);
	assert_int_equal(info.nr_regions, 1);
}

static void entries_may_be_longer(void **state)
{
	(void)state;
	fill_mb1();
	put32(memory + 44, 24 + 32);
	put32(memory + MB1_MMAP_AT, 28);
	put_mb1_region(memory + MB1_MMAP_AT + 32, 0x100000, 0x1000, 1);
	assert_int_equal(parse_mb1(), 0);
	assert_int_equal(info.nr_regions, 2);
	assert_int_equal(info.region[1].len, 0x1000);
}

static void a_count_of_modules_that_cannot_be(void **state)
{
	(void)state;
	fill_mb1();
	put32(memory + 20, 0xffffffff);		/* the zeros behind the two are modules as well */
	assert_int_equal(parse_mb1(), 0);
	assert_int_equal(info.nr_modules, BOOT_MAX_MODULES);
	assert_true(info.truncated);

	fill_mb1();
	put32(memory + 20, 3);
	put32(memory + MB1_MODS_AT + 32, 2);
	put32(memory + MB1_MODS_AT + 36, 1);
	assert_int_equal(parse_mb1(), -EBADMSG);
	assert_int_equal(info.nr_modules, 2);
}

static void any_damaged_byte_of_multiboot1_is_survived(void **state)
{
	static const u8 nasty[] = { 0x00, 0x01, 0x7f, 0x90, 0xff };

	(void)state;
	for (u32 at = 0; at < MB1_MMAP_AT + 48; at++)
		for (u32 i = 0; i < ARRAY_SIZE(nasty); i++) {
			fill_mb1();
			memory[at] = nasty[i];
			(void)!parse_mb1();
			assert_in_range(info.nr_regions, 0, BOOT_MAX_REGIONS);
			assert_in_range(info.nr_modules, 0, BOOT_MAX_MODULES);
			assert_in_range(strnlen(info.cmdline, sizeof(info.cmdline)), 0, sizeof(info.cmdline) - 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multiboot2_tells_everything),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(any_damaged_byte_is_survived),
		cmocka_unit_test(what_came_before_the_damage_stays),
		cmocka_unit_test(impossible_tag_sizes),
		cmocka_unit_test(tags_too_short_for_what_they_tell),
		cmocka_unit_test(strings_without_an_end),
		cmocka_unit_test(too_long_a_command_line_is_cut_and_said),
		cmocka_unit_test(more_modules_than_fit),
		cmocka_unit_test(a_module_that_ends_before_it_begins),
		cmocka_unit_test(neighbours_of_one_kind_are_merged),
		cmocka_unit_test(a_region_past_the_end_of_all_addresses),
		cmocka_unit_test(more_regions_than_fit),
		cmocka_unit_test(entries_of_other_sizes),
		cmocka_unit_test(only_a_plausible_rgb_framebuffer_counts),
		cmocka_unit_test(lines_that_overlap_are_no_framebuffer),
		cmocka_unit_test(a_text_framebuffer_tells_no_colours),
		cmocka_unit_test(the_newer_root_pointer_wins),
		cmocka_unit_test(multiboot1_tells_everything),
		cmocka_unit_test(memory_sizes_do_where_there_is_no_map),
		cmocka_unit_test(fields_without_a_flag_are_not_read),
		cmocka_unit_test(addresses_that_lead_nowhere),
		cmocka_unit_test(a_string_that_runs_out_of_memory),
		cmocka_unit_test(a_long_string_is_cut),
		cmocka_unit_test(impossible_map_entries),
		cmocka_unit_test(entries_may_be_longer),
		cmocka_unit_test(a_count_of_modules_that_cannot_be),
		cmocka_unit_test(any_damaged_byte_of_multiboot1_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
