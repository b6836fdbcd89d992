/* What a boot loader leaves in memory, and that may be damaged: every offset is
 * checked before it is used. Pure; also run and fuzzed on the host. */
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/bootinfo.h"

#define MEMORY_USABLE    1	/* both: "available RAM" */
#define FRAMEBUFFER_RGB  1	/* both: direct colour; 0 is indexed, 2 EGA text */
#define ACPI1_RSDP       20
#define ACPI2_RSDP       36

/* The loader's structures are unaligned for all we know. */
static u8  get8(const u8 *p)  { return *p; }
static u32 get32(const u8 *p) { u32 v; memcpy(&v, p, sizeof(v)); return v; }
static u64 get64(const u8 *p) { u64 v; memcpy(&v, p, sizeof(v)); return v; }

/* -- what both tell ---------------------------------------------------------------- */

static void add_region(struct boot_info *out, u64 start, u64 len, bool usable)
{
	struct boot_region *last = out->nr_regions ? &out->region[out->nr_regions - 1] : NULL;

	if (start + len < start)
		len = ~start;		/* up to the end of the address space */
	if (!len)
		return;
	/* UEFI splits memory by purposes that are all the same to us. */
	if (last && last->usable == usable && last->start + last->len == start)
		last->len += len;
	else if (out->nr_regions < BOOT_MAX_REGIONS)
		out->region[out->nr_regions++] = (struct boot_region){ start, len, usable };
	else
		out->truncated = true;
}

/* NULL when there is no room for another one. */
static struct boot_module *add_module(struct boot_info *out, u32 start, u32 end)
{
	struct boot_module *m;

	if (out->nr_modules == BOOT_MAX_MODULES) {
		out->truncated = true;
		return NULL;
	}
	m = &out->module[out->nr_modules++];
	*m = (struct boot_module){ .start = start, .end = end };
	return m;
}

/* `p`: pitch, width, height, bits per pixel, type; `color`: position and size of
 * red, green, blue. */
static void set_framebuffer(struct boot_framebuffer *fb, u64 addr, const u8 *p, const u8 *color)
{
	*fb = (struct boot_framebuffer){
		.addr = addr,
		.pitch = get32(p), .width = get32(p + 4), .height = get32(p + 8),
		.bpp = get8(p + 12),
		.red_pos = color[0], .red_size = color[1],
		.green_pos = color[2], .green_size = color[3],
		.blue_pos = color[4], .blue_size = color[5],
	};
	fb->present = get8(p + 13) == FRAMEBUFFER_RGB && addr && fb->height &&
	              fb->bpp >= 15 && fb->bpp <= 32 &&
	              (u64)fb->width * ((fb->bpp + 7) / 8) <= fb->pitch;
}

/* -- Multiboot2 2.0, section 3.6 --------------------------------------------------- */

#define TAG_END      0
#define TAG_CMDLINE  1
#define TAG_LOADER   2
#define TAG_MODULE   3
#define TAG_MMAP     6
#define TAG_FB       8
#define TAG_RSDP1   14
#define TAG_RSDP2   15
#define TAG_HEADER   8		/* type and size */

/* A memory map of a thousand regions has 24 KiB; and no offset can wrap. */
#define MULTIBOOT2_MAX 0x100000u

struct tag {
	u32 type;
	const u8 *body;		/* behind the header */
	u32 len;		/* of the body */
};

static void tag_string(struct boot_info *out, const struct tag *t, u32 at, char *buf, u32 size)
{
	u32 n = (u32)strnlen((const char *)t->body + at, t->len - at);

	if (n >= size) {
		out->truncated = true;
		n = size - 1;
	}
	memcpy(buf, t->body + at, n);
	buf[n] = '\0';
}

static int tag_module(struct boot_info *out, const struct tag *t)
{
	struct boot_module *m;

	if (t->len < 8 || get32(t->body + 4) < get32(t->body))
		return -EBADMSG;
	m = add_module(out, get32(t->body), get32(t->body + 4));
	if (m)
		tag_string(out, t, 8, m->args, sizeof(m->args));
	return 0;
}

static int tag_mmap(struct boot_info *out, const struct tag *t)
{
	u32 entry_size = t->len >= 8 ? get32(t->body) : 0;

	if (entry_size < 24)
		return -EBADMSG;
	for (u32 at = 8; t->len - at >= entry_size; at += entry_size) {
		const u8 *e = t->body + at;

		add_region(out, get64(e), get64(e + 8), get32(e + 16) == MEMORY_USABLE);
	}
	return 0;
}

static int tag_framebuffer(struct boot_info *out, const struct tag *t)
{
	/* The colours are there in direct colour mode only. */
	static const u8 no_color[6];

	if (t->len < 22)
		return -EBADMSG;
	if (get8(t->body + 21) == FRAMEBUFFER_RGB && t->len < 30)
		return -EBADMSG;
	set_framebuffer(&out->fb, get64(t->body), t->body + 8, t->len >= 30 ? t->body + 24 : no_color);
	return 0;
}

/* The newer root pointer is the better one, in whatever order they come. */
static int tag_rsdp(struct boot_info *out, const struct tag *t, u32 len)
{
	if (t->len < len)
		return -EBADMSG;
	if (len > out->rsdp_len) {
		memcpy(out->rsdp, t->body, len);
		out->rsdp_len = len;
	}
	return 0;
}

static int understand_tag(struct boot_info *out, const struct tag *t)
{
	switch (t->type) {
	case TAG_CMDLINE: tag_string(out, t, 0, out->cmdline, sizeof(out->cmdline)); return 0;
	case TAG_LOADER:  tag_string(out, t, 0, out->loader, sizeof(out->loader)); return 0;
	case TAG_MODULE:  return tag_module(out, t);
	case TAG_MMAP:    return tag_mmap(out, t);
	case TAG_FB:      return tag_framebuffer(out, t);
	case TAG_RSDP1:   return tag_rsdp(out, t, ACPI1_RSDP);
	case TAG_RSDP2:   return tag_rsdp(out, t, ACPI2_RSDP);
	default:          return 0;
	}
}

int multiboot2_parse(const void *info, u32 max, struct boot_info *out)
{
	const u8 *base = info;
	u32 at = 8, total;

	*out = (struct boot_info){ 0 };
	if (max < 8)
		return -EBADMSG;
	total = MIN(MIN(get32(base), max), MULTIBOOT2_MAX);

	/* Tags begin on 8-byte boundaries (3.6.2). */
	while (at <= total && total - at >= TAG_HEADER) {
		u32 size = get32(base + at + 4);
		struct tag t = { get32(base + at), base + at + TAG_HEADER, size - TAG_HEADER };
		int err;

		if (t.type == TAG_END)
			return 0;
		if (size < TAG_HEADER || size > total - at)
			return -EBADMSG;
		err = understand_tag(out, &t);
		if (err)
			return err;
		at += ALIGN_UP(size, 8);
	}
	return -EBADMSG;		/* no end tag */
}

/* -- Multiboot 0.6.96, section 3.3 -------------------------------------------------- */

#define MB1_HAS_MEMORY  (1u << 0)
#define MB1_HAS_CMDLINE (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MMAP    (1u << 6)
#define MB1_HAS_LOADER  (1u << 9)
#define MB1_HAS_FB      (1u << 12)

/* Offsets in the information structure. A field is there only if its flag is set:
 * some loaders' structure ends earlier. */
#define MB1_FLAGS       0
#define MB1_MEM_LOWER   4	/* KiB from 0 */
#define MB1_MEM_UPPER   8	/* KiB from 1 MiB */
#define MB1_CMDLINE    16
#define MB1_MODS_COUNT 20
#define MB1_MODS_ADDR  24
#define MB1_MMAP_LEN   44
#define MB1_MMAP_ADDR  48
#define MB1_LOADER     64
#define MB1_FB_ADDR    88
#define MB1_FB_PITCH   96
#define MB1_FB_COLOR  110

struct mb1 {
	const u8 *info;
	const void *(*phys)(u32 addr, u32 len);
};

static u32 field(const struct mb1 *mb, u32 offset) { return get32(mb->info + offset); }

static int read_string(struct boot_info *out, const struct mb1 *mb, u32 addr, char *buf, u32 size)
{
	for (u32 n = 0; n < size; n++) {
		const char *c = addr + n >= addr ? mb->phys(addr + n, 1) : NULL;

		if (!c) {
			buf[n] = '\0';
			return -EBADMSG;
		}
		buf[n] = *c;
		if (!*c)
			return 0;
	}
	buf[size - 1] = '\0';
	out->truncated = true;
	return 0;
}

static int read_modules(struct boot_info *out, const struct mb1 *mb)
{
	u32 count = field(mb, MB1_MODS_COUNT), addr = field(mb, MB1_MODS_ADDR);

	for (u32 i = 0; i < count; i++, addr += 16) {
		const u8 *e = mb->phys(addr, 16);
		struct boot_module *m;
		int err;

		if (!e || get32(e + 4) < get32(e))
			return -EBADMSG;
		m = add_module(out, get32(e), get32(e + 4));
		if (!m)
			return 0;
		if (!get32(e + 8))
			continue;
		err = read_string(out, mb, get32(e + 8), m->args, sizeof(m->args));
		if (err)
			return err;
	}
	return 0;
}

static int read_mmap(struct boot_info *out, const struct mb1 *mb)
{
	u32 len = field(mb, MB1_MMAP_LEN), addr = field(mb, MB1_MMAP_ADDR);

	while (len) {
		/* An entry's size field lies before it and does not count itself. */
		const u8 *e = len >= 24 ? mb->phys(addr, 24) : NULL;
		u32 size = e ? get32(e) : 0;

		if (size < 20 || size > len - 4)
			return -EBADMSG;
		add_region(out, get64(e + 4), get64(e + 12), get32(e + 20) == MEMORY_USABLE);
		addr += size + 4;
		len -= size + 4;
		if (out->truncated)
			break;
	}
	return 0;
}

static void read_memory_sizes(struct boot_info *out, const struct mb1 *mb)
{
	add_region(out, 0, (u64)field(mb, MB1_MEM_LOWER) * 1024, true);
	add_region(out, 0x100000, (u64)field(mb, MB1_MEM_UPPER) * 1024, true);
}

int multiboot1_parse(const void *info, const void *(*phys)(u32 addr, u32 len), struct boot_info *out)
{
	struct mb1 mb = { info, phys };
	u32 flags = field(&mb, MB1_FLAGS);
	int err = 0;

	*out = (struct boot_info){ 0 };
	if (flags & MB1_HAS_MMAP)
		err = read_mmap(out, &mb);
	else if (flags & MB1_HAS_MEMORY)
		read_memory_sizes(out, &mb);
	if (!err && flags & MB1_HAS_MODULES)
		err = read_modules(out, &mb);
	if (!err && flags & MB1_HAS_CMDLINE)
		err = read_string(out, &mb, field(&mb, MB1_CMDLINE), out->cmdline, sizeof(out->cmdline));
	if (!err && flags & MB1_HAS_LOADER)
		err = read_string(out, &mb, field(&mb, MB1_LOADER), out->loader, sizeof(out->loader));
	if (flags & MB1_HAS_FB)
		set_framebuffer(&out->fb, get64(mb.info + MB1_FB_ADDR), mb.info + MB1_FB_PITCH,
		                mb.info + MB1_FB_COLOR);
	return err;
}
