#include "x86/console.h"
#include "lib/abi.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/ring.h"
#include "lib/string.h"
#include "x86/atomic.h"
#include "x86/cpu.h"
#include "x86/i8042.h"
#include "x86/keymap.h"
#include "x86/log.h"
#include "x86/rawlock.h"
#include "x86/screen.h"
#include "x86/serial.h"

#define BANNER "Quiesce: how do you take code out of a running kernel?\n"

#define LINE_SIZE      256
#define INPUT_SIZE     1024
#define KEYBOARD_SHARE 64	/* bytes of it that the serial port may not fill */
#define FIFO_DEPTH     16	/* of a 16550 */
#define CELLS_AT_ONCE  4	/* drawn between two looks at the clock */
#define POLL_CYCLES    (1u << 20)	/* TSC: 0.25 to 1 ms of a tick, interrupts off, go to the screen */
#define POLL_BURST     64	/* characters taken by one poll of one source */
#define NEGLECT_POLLS  10
#define REDRAW_CYCLES  (1u << 26)	/* TSC: about 20 to 60 ms */

/* -- output -------------------------------------------------------------- */
static u32 mute_depth;			/* atomic */
static enum console_route route = CONSOLE_TO_ALL;	/* another one while one CPU is left */
static bool polled;			/* console_poll() runs and redraws the screen */

/* Protects the log and the screen, and keeps lines whole. Outside the lock of
 * the serial port. */
static struct rawlock output_lock;
static u64 last_redraw;			/* under output_lock, TSC */
static char kind_of_screen[32] = "no screen";	/* fixed after init */

/* Caller holds output_lock. From the first poll on the screen is redrawn by the
 * timer interrupt: a burst of lines then costs one redraw. */
static void redraw_unless_polled(void)
{
	if (raw_locks_are_busted() ||
	    (!polled && rdtsc() - last_redraw > REDRAW_CYCLES)) {
		screen_refresh(SCREEN_CELLS);
		last_redraw = rdtsc();
	}
}

static void emit(const char *text, u32 len, bool keep)
{
	u32 flags = raw_lock(&output_lock);

	if (route & CONSOLE_TO_LOG) {
		if (keep)
			log_append(text, len);
		serial_write(text, len);
	}
	if (route & CONSOLE_TO_SCREEN)
		screen_write(text, len);
	redraw_unless_polled();
	raw_unlock(&output_lock, flags);
}

struct line {
	u32 used;
	char text[LINE_SIZE];
};

static void line_flush(struct line *l)
{
	if (l->used)
		emit(l->text, l->used, true);
	l->used = 0;
}

static void line_put(char c, void *ctx)
{
	struct line *l = ctx;

	if (l->used == LINE_SIZE)
		line_flush(l);
	l->text[l->used++] = c;
}

/* Formats outside the lock: an argument may point into a module that is gone,
 * and the fault it raises is reported with printk. */
void vprintk(const char *fmt, va_list args)
{
	struct line l;

	if (READ_ONCE(mute_depth))
		return;
	l.used = 0;
	format(line_put, &l, fmt, args);
	line_flush(&l);
}

void printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(fmt, args);
	va_end(args);
}

void console_write(const char *text, u32 len)
{
	if (!READ_ONCE(mute_depth))
		emit(text, len, false);
}

void console_mute(bool on)
{
	if (on)
		atomic_add(&mute_depth, 1);
	else
		atomic_sub(&mute_depth, 1);
}

void console_bust_locks(void)
{
	raw_locks_bust();
	WRITE_ONCE(mute_depth, 0);
}

void console_route(enum console_route r)
{
	route = r;
}

void console_flush(void)
{
	u32 flags = raw_lock(&output_lock);

	screen_refresh(SCREEN_CELLS);
	raw_unlock(&output_lock, flags);
	serial_drain();
}

u32 console_code_version(void)
{
	return screen_code_version();
}

void console_mark(void)
{
	u32 flags = raw_lock(&output_lock);

	screen_mark();
	raw_unlock(&output_lock, flags);
}

void console_code(const struct qr *qr)
{
	u32 flags = raw_lock(&output_lock);

	screen_code(qr);
	raw_unlock(&output_lock, flags);
}

u32 dmesg_read(u32 *pos, char *buf, u32 len)
{
	u32 flags = raw_lock(&output_lock);
	u32 n = log_copy(pos, buf, len);

	raw_unlock(&output_lock, flags);
	return n;
}

/* -- input ---------------------------------------------------------------- */
void (*console_input_hook)(void);

static u8 input_buf[INPUT_SIZE];
static struct ring input = { .buf = input_buf, .size = INPUT_SIZE };
static struct rawlock input_lock;	/* several producers; also protects keyboard */
static struct keymap keyboard;
static u32 keyboard_visits;		/* by a driver: its sign of life */

/* Both under input_lock. */
static bool hole;			/* the newest characters found no room */
static u32 overrun_in;			/* characters until the place where a FIFO overran; 0: it did not */

static u32 input_free(void) { return INPUT_SIZE - ring_used(&input); }

/* What does not fit is lost, and the reader hears so before the next that does. Caller holds input_lock. */
static void input_put(u8 c)
{
	if (hole && input_free() >= 2)
		hole = !ring_put(&input, CONSOLE_LOST);
	if (hole || !ring_put(&input, c))
		hole = true;
}

u32 console_input_room(void)
{
	u32 kept = KEYBOARD_SHARE, room = input_free();

	return room > kept ? room - kept : 0;
}

static void input_arrived(void)
{
	void (*hook)(void) = READ_ONCE(console_input_hook);

	if (hook)
		hook();
}

void console_input(u8 c)
{
	u32 flags = raw_lock(&input_lock);
	bool beside_hole = overrun_in == 1;

	if (beside_hole)
		input_put(CONSOLE_LOST);
	input_put(c);
	if (beside_hole)
		input_put(CONSOLE_LOST);
	overrun_in -= overrun_in > 0;
	raw_unlock(&input_lock, flags);
	input_arrived();
}

void console_input_lost(void)
{
	u32 flags = raw_lock(&input_lock);

	input_put(CONSOLE_LOST);
	overrun_in = FIFO_DEPTH;
	raw_unlock(&input_lock, flags);
	input_arrived();
}

static void take_scancode(u8 code)
{
	char out[KEYMAP_MAX_OUT];
	u32 flags = raw_lock(&input_lock);
	int n = keymap_feed(&keyboard, code, out);

	for (int i = 0; i < n; i++)
		input_put((u8)out[i]);
	raw_unlock(&input_lock, flags);
	if (n)
		input_arrived();
}

void console_scancode(u8 code)
{
	atomic_add(&keyboard_visits, 1);
	take_scancode(code);
}

int console_getc_nonblock(void)
{
	u8 c;

	return ring_get(&input, &c) ? c : -EAGAIN;
}

/* -- the sources of input --------------------------------------------------- */
static u32 keyboard_driver_visits(void) { return READ_ONCE(keyboard_visits); }

static struct source {
	/* Fixed. */
	bool (*present)(void);
	bool (*ready)(void);
	int  (*read)(void);		/* -EAGAIN: nothing there; -EIO: bytes were lost, read on */
	void (*deliver)(u8 byte);
	void (*lost)(void);
	void (*hold_off)(bool on);	/* the sender; NULL: it does not listen */
	u32  (*driver_visits)(void);
	/* Atomic. */
	bool claimed;
	/* Under poll_lock; a claim resets it. */
	u32 neglected;			/* ticks that found the same thing lying there */
	u32 visits_seen;
} sources[CONSOLE_NR_SOURCES] = {
	[CONSOLE_SERIAL] = {
		.present = serial_present, .ready = serial_ready, .read = serial_read,
		.deliver = console_input, .lost = console_input_lost, .hold_off = serial_hold_off,
		.driver_visits = serial_driver_visits,
	},
	[CONSOLE_KEYBOARD] = {
		.present = i8042_present, .ready = i8042_ready, .read = i8042_read,
		.deliver = take_scancode, .driver_visits = keyboard_driver_visits,
	},
};

int console_source_claim(enum console_source s)
{
	struct source *src = &sources[s];

	if (!src->present())
		return -ENODEV;
	if (atomic_xchg(&src->claimed, true) && READ_ONCE(src->neglected) < NEGLECT_POLLS)
		return -EBUSY;
	WRITE_ONCE(src->neglected, 0);
	if (src->hold_off)
		src->hold_off(false);		/* from here on the driver does */
	return 0;
}

void console_source_release(enum console_source s)
{
	store_release(&sources[s].claimed, false);
}

bool console_source_present(enum console_source s) { return sources[s].present(); }

/* Does its driver still look after it? One that was torn out by force, or whose
 * interrupt is held back, lets characters lie; from then on the core takes them,
 * until the driver shows itself again. */
static bool driver_attends(struct source *src, bool tick)
{
	u32 visits = src->driver_visits();

	if (!load_acquire(&src->claimed))
		return false;
	if (!tick)
		return src->neglected < NEGLECT_POLLS;
	if (visits != src->visits_seen) {
		src->visits_seen = visits;
		src->neglected = 0;
	} else if (src->neglected < NEGLECT_POLLS) {
		src->neglected = src->ready() ? src->neglected + 1 : 0;
	}
	return src->neglected < NEGLECT_POLLS;
}

static void poll_source(struct source *src, bool tick)
{
	if (!src->present() || driver_attends(src, tick))
		return;
	for (u32 i = 0; i < POLL_BURST && console_input_room(); i++) {
		int byte = src->read();
		if (byte == -EAGAIN)
			break;
		if (byte < 0)
			src->lost();
		else
			src->deliver((u8)byte);
	}
	if (src->hold_off)
		src->hold_off(!console_input_room());
}

/* A part of what changed; the next tick goes on with it. So a screen of millions of pixels holds
 * interrupts off for no longer than a small one. Caller holds output_lock. */
static void redraw_for_a_while(void)
{
	u64 start = rdtsc();

	while (screen_refresh(CELLS_AT_ONCE) && rdtsc() - start < POLL_CYCLES)
		;
}

static struct rawlock poll_lock;	/* two pollers might deliver bytes in another order */

static void poll_sources(bool tick)
{
	u32 flags;

	if (!raw_trylock(&poll_lock, &flags))
		return;
	for (u32 i = 0; i < CONSOLE_NR_SOURCES; i++)
		poll_source(&sources[i], tick);
	raw_unlock(&poll_lock, flags);
}

void console_poll_input(void) { poll_sources(false); }

void console_poll(void)
{
	u32 flags;

	polled = true;
	poll_sources(true);
	if (raw_trylock(&output_lock, &flags)) {
		redraw_for_a_while();
		raw_unlock(&output_lock, flags);
	}
}

/* -- set-up ----------------------------------------------------------------- */
void console_early_init(void)
{
	serial_init();
	printk(BANNER);
}

/* Shows what was said before there was a screen. */
static void replay_log(void)
{
	char part[64];
	u32 pos = 0, n;

	while ((n = log_copy(&pos, part, sizeof(part))))
		screen_write(part, n);
}

static void say_why_no_screen(const struct boot_framebuffer *fb)
{
	if (fb->present)
		printk("console: the screen of %u x %u pixels, %u bits each, at %#llx cannot be used; "
		       "choose another mode in the firmware or by GRUB's gfxpayload\n",
		       fb->width, fb->height, fb->bpp, fb->addr);
	else
		printk("console: no screen: the loader told of none to draw on, and no VGA is in text mode\n");
}

void console_screen_init(const struct boot_framebuffer *fb)
{
	const struct display *d = fb->present ? framebuffer_init(fb) : vga_init();

	if (!d) {
		say_why_no_screen(fb);
		return;
	}
	screen_init(d);
	replay_log();
	screen_refresh(SCREEN_CELLS);
	if (fb->present)
		snprintf(kind_of_screen, sizeof(kind_of_screen), "framebuffer %ux%u", fb->width, fb->height);
	else
		strlcpy(kind_of_screen, "VGA text", sizeof(kind_of_screen));
}

void console_keyboard_init(void)
{
	i8042_init();
	printk("console: %s, %s, %s\n",
	       serial_present() ? "COM1 at 115200 baud" : "no serial port", kind_of_screen,
	       i8042_present() ? "PS/2 keyboard" : "no keyboard");
}
