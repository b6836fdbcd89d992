/* The console's serial port, polled: works with interrupts off, before
 * anything is set up, and while a driver uses the same UART. */
#pragma once
#include "lib/types.h"

/* COM1, 115200 8N1, FIFOs on, interrupts off. False when there is no UART;
 * the functions below then do nothing. */
bool serial_init(void);
bool serial_present(void);
/* Sends text, with "\r\n" for "\n". Waits a bounded time. Any context. */
void serial_write(const char *text, u32 len);
/* Waits, bounded, until the last bit is on the wire. */
void serial_drain(void);
bool serial_ready(void);
/* The character that has arrived; -EAGAIN: none; -EIO: the FIFO has overrun since
 * the last read, read on. Any context. */
int  serial_read(void);
/* Lowers RTS, so that a sender that watches it waits, or raises it. Any context. */
void serial_hold_off(bool on);
/* How often a driver has taken serial_lock(): its sign of life. */
u32  serial_driver_visits(void);
