/* ioctl numbers of the drivers, shared with the prompt. Number 0 asks for a
 * counter in all of them. Answers are the return value (31 bits of a counter),
 * so that no pointer crosses. */
#pragma once

/* Device "uart". */
#define UART_GET_COUNT 0	/* arg: enum uart_counter */
#define UART_GRAB      1	/* arg 1: what arrives goes to this file; 0: to the console */
#define UART_SELF_TEST 2	/* sends 16 bytes to itself: 0, or -EIO */
#define UART_LOOPBACK  3	/* arg 1/0; -EBUSY on the console's port */

enum uart_counter {
	UART_RECEIVED, UART_SENT, UART_INTERRUPTS, UART_OVERRUNS, UART_LINE_ERRORS,
	UART_NR_COUNTERS,
};

/* Device "kbd". */
#define KBD_GET_COUNT  0	/* scan codes so far */

/* Device "rtc". */
#define RTC_GET_COUNT  0	/* periodic interrupts so far */
#define RTC_WAIT_TICK  1	/* waits for the next one */
#define RTC_GET_HZ     2

/* Device "beep". */
#define BEEP_GET_COUNT 0	/* tones so far */
#define BEEP_STOP      1

/* Device "pci". */
#define PCI_GET_COUNT  0	/* functions found */

/* Device "faulty" of the tests. */
#define FAULTY_GET_COUNT   0	/* calls of this since it was loaded, or started */
#define FAULTY_NULL        1	/* follows a null pointer */
#define FAULTY_NULL_LOCKED 2	/* ... with a spin lock held */
#define FAULTY_DEEP        3	/* calls itself until there is no stack left */
#define FAULTY_WAITING     4	/* follows a null pointer while on a wait queue */
