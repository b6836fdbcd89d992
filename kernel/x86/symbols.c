#include "x86/symbols.h"
#include "lib/format.h"
#include "lib/string.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/trap.h"

#define MAX_FRAMES 32

extern const char __text_start[], __text_end[];
extern const char trap_return[];	/* vectors.asm */

bool (*symbol_hook)(u32 addr, char *buf, u32 size);

/* -- names ------------------------------------------------------------------------- */

/* The last symbol at or below addr; symbol_count when there is none. */
static u32 find_symbol(u32 addr)
{
	u32 low = 0, high = symbol_count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (symbol_address[mid] <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : symbol_count;
}

const char *kernel_symbol(u32 addr, u32 *offset)
{
	const char *name;
	u32 i;

	if (addr < (u32)__text_start || addr >= (u32)__text_end)
		return NULL;
	i = find_symbol(addr);
	if (i == symbol_count)
		return NULL;
	*offset = addr - symbol_address[i];
	name = symbol_names + symbol_name_start[i / SYMBOLS_PER_START];
	for (i %= SYMBOLS_PER_START; i; i--)
		name += strlen(name) + 1;
	return name;
}

/* In a module's table each section is in order, but not one behind the other; so all are looked at. */
const struct source_row *source_row_at(const struct source_row *row, u32 n, u32 addr)
{
	const struct source_row *best = NULL;

	for (; n--; row++)
		if (row->addr <= addr && (!best || row->addr >= best->addr))
			best = row;
	return best;
}

static void append_line(u32 addr, char *buf, u32 size)
{
	const struct source_row *r = source_row_at(source_rows, source_row_count, addr);
	size_t used = strlen(buf);

	if (r && r->line)
		snprintf(buf + used, size - used, " (%s:%u)", source_files[r->file], r->line);
}

void symbolise(u32 addr, char *buf, u32 size)
{
	u32 offset;
	const char *name = kernel_symbol(addr, &offset);

	if (name) {
		snprintf(buf, size, "%s+0x%x", name, offset);
		append_line(addr, buf, size);
	}
	else if (!symbol_hook || !symbol_hook(addr, buf, size))
		snprintf(buf, size, "0x%08x", addr);
}

/* -- frames ------------------------------------------------------------------------ */

static void print_place(u32 addr)
{
	char name[112];

	symbolise(addr, name, sizeof(name));
	printk("  %08x %s\n", addr, name);
}

/* A frame: the caller's EBP and the return address. Devices are not for reading. */
static bool is_frame(u32 ebp)
{
	return !(ebp & 3) && ebp >= KERNEL_BASE && ebp < FIXMAP_BASE &&
	       kernel_translate(ebp) != ~0ull && kernel_translate(ebp + 4) != ~0ull;
}

bool frame_up(u32 *ebp, u32 *eip)
{
	const u32 *frame = (const u32 *)*ebp;

	if (!is_frame(*ebp) || !frame[1] || frame[0] <= *ebp)
		return false;
	if (frame[1] == (u32)trap_return) {
		const struct regs *r = container_of((const u32 *)frame[0], const struct regs, ebp);

		*eip = r->eip;
		*ebp = r->ebp;
		return true;
	}
	*eip = frame[1] - 1;
	*ebp = frame[0];
	return true;
}

/* The frame that vectors.asm makes of a trap: EBP points into its struct regs,
 * and the "return address" is where it came, exactly. */
static void print_trap(u32 ebp)
{
	const struct regs *r = container_of((const u32 *)ebp, const struct regs, ebp);

	printk("  -- %s (vector %u) at\n", trap_name(r->vector), r->vector);
}

u32 regs_sp(const struct regs *r)
{
	/* A double fault does not push: trap.c fills its frame. */
	return regs_from_user(r) || r->vector == TRAP_DF ? r->user_esp : regs_kernel_sp(r);
}

static void print_hidden_caller(const struct regs *r, u32 sp)
{
	u32 caller = regs_from_user(r) ? 0 : hidden_caller(r->eip, sp, r->ebp);

	if (caller)
		print_place(caller - 1);
}

static void print_chain(u32 ebp)
{
	bool trap = false;

	for (u32 n = 1; is_frame(ebp); n++) {
		const u32 *frame = (const u32 *)ebp;

		if (trap)
			print_trap(ebp);
		if (!frame[1] && !trap)		/* a trap may have come at address 0 */
			return;
		if (n == MAX_FRAMES) {
			printk("  ... and so on\n");
			return;
		}
		if (trap) {
			const struct regs *r = container_of(frame, const struct regs, ebp);

			print_place(r->eip);
			print_hidden_caller(r, regs_sp(r));
		} else if (frame[1] != (u32)trap_return) {
			/* The call, not what follows it: that may be another function. */
			print_place(frame[1] - 1);
		}
		trap = frame[1] == (u32)trap_return;
		if (frame[0] <= ebp)
			return;
		ebp = frame[0];
	}
}

void backtrace(u32 eip, u32 ebp)
{
	print_place(eip);
	print_chain(ebp);
}

void backtrace_regs(const struct regs *r)
{
	print_place(r->eip);
	print_hidden_caller(r, regs_sp(r));
	print_chain(r->ebp);
}

void print_regs(const struct regs *r)
{
	printk("  eip %08x  esp %08x  ebp %08x  eflags %08x  vector %u  error %x\n",
	       r->eip, regs_sp(r), r->ebp, r->eflags, r->vector, r->error);
	printk("  eax %08x  ebx %08x  ecx %08x  edx %08x  esi %08x  edi %08x\n",
	       r->eax, r->ebx, r->ecx, r->edx, r->esi, r->edi);
	printk("  cs %04x  ds %04x  es %04x  fs %04x  gs %04x\n",
	       r->cs & 0xffff, r->ds & 0xffff, r->es & 0xffff, r->fs & 0xffff, r->gs & 0xffff);
}
