/* printk, and the consoles below it: serial and screen together. */
#pragma once
#include "lib/types.h"
#include "x86/bootinfo.h"

/* Serial first: usable before anything else is set up. */
void console_early_init(void);
/* Screen: the framebuffer if the loader gave one, VGA text otherwise. Shows what was said before.
 * Before anything that can fail: needs no memory, and of paging only the early fixmap(). */
void console_screen_init(const struct boot_framebuffer *fb);
/* The keyboard. Tells which consoles there are. Takes up to a second or two where a controller is there
 * and a keyboard is not. */
void console_keyboard_init(void);

/* Writes to every console and keeps the text for dmesg. Any context. Lines of
 * different CPUs do not mix, up to 256 characters in one call. The screen
 * understands ANSI colours (ESC [ n m) and UTF-8. Interrupts are off while a
 * line goes out: on a real serial port about 90 us a character. */
void printk(const char *fmt, ...) printf_like(1, 2);
void vprintk(const char *fmt, va_list args);
/* The same for text as it is, not kept: the prompt's echo, dmesg itself. */
void console_write(const char *text, u32 len);
/* Where printk goes from now on. For panic: much of what the log is to have would only push the
 * rest off the screen. */
enum console_route { CONSOLE_TO_LOG = 1, CONSOLE_TO_SCREEN = 2, CONSOLE_TO_ALL = 3 };
void console_route(enum console_route route);	/* CONSOLE_TO_LOG: and to the serial line */
/* For panic: never waits for a lock again, and ends any muting. */
void console_bust_locks(void);
/* Before the machine goes off: everything written is on the wire and the screen. */
void console_flush(void);

/* The largest version of a QR code that the screen can show beside text, 0: none; and one of
 * at most that version on it, NULL: no more. For panic and its monitor. */
struct qr;
u32  console_code_version(void);
void console_code(const struct qr *qr);
/* The lines from here on are to be seen beside it. */
void console_mark(void);

/* Output goes nowhere while > 0 (benchmarks leave console output out). */
void console_mute(bool on);

/* Copies up to `len` bytes of the log from absolute position *pos and advances
 * it; returns the bytes copied. Older text than the log holds is skipped. */
u32 dmesg_read(u32 *pos, char *buf, u32 len);

/* -- input ------------------------------------------------------------- */
/* Takes one character that arrived. Any context; called by polling or by the
 * driver that claimed the source. One that finds no room is lost, and its place
 * is marked. */
void console_input(u8 c);
/* How many characters of the serial port find room now. A driver takes no more
 * from the chip than this, so that the chip, and then the sender, has to wait.
 * Any context. */
u32  console_input_room(void);
/* The serial port's receive FIFO overran: what is in it now, 16 characters at
 * most, came before the ones that are lost. Marks the place before and behind
 * those, since a character may have been read meanwhile. Any context. */
void console_input_lost(void);
/* Takes one scan code (set 1) of the keyboard; the state of Shift and the like
 * is kept here, so it survives a change of driver. Any context. */
void console_scancode(u8 code);
/* Next character, or CONSOLE_LOST (lib/abi.h) for any number of lost ones, or
 * -EAGAIN. One reader. */
int  console_getc_nonblock(void);
/* Called by console_input() for every character, so that sched/ can wake the
 * reader. Set once. */
extern void (*console_input_hook)(void);

enum console_source { CONSOLE_SERIAL, CONSOLE_KEYBOARD, CONSOLE_NR_SOURCES };
/* A driver takes over a source: the core stops polling it until it is given
 * back, or until the driver lets what arrived lie for 10 polls (it may have
 * gone without a word). -EBUSY when it is taken, -ENODEV when the machine has
 * none. entry/console_claim.h is what modules use. Any context. */
int  console_source_claim(enum console_source s) must_use;
void console_source_release(enum console_source s);
/* Has the machine one? A keyboard only if it answered at boot. Any context. */
bool console_source_present(enum console_source s);
/* Called from the boot CPU's timer interrupt: polls what nobody claimed, and
 * redraws the screen. */
void console_poll(void);
/* Takes what lies in sources that are not claimed, before the next tick would: for a reader that
 * expects more. Any context. */
void console_poll_input(void);

/* The lock of the console's UART, shared between the polled writer and a
 * driver: interrupts off, returns the flags for unlock. */
u32  serial_lock(void);
void serial_unlock(u32 flags);
/* Has printk, which reads the line status too, seen since the last call that the
 * receive FIFO overran? Caller holds the lock. */
bool serial_overran(void);
#define SERIAL_CONSOLE_PORT 0x3f8
