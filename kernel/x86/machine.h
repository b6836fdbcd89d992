/* Turning the machine off. */
#pragma once
#include "lib/types.h"

/* Ends the run with `status` (0..127): says so in one line, then
 * isa-debug-exit (QEMU), then ACPI S5, then the ports of QEMU and Bochs, then
 * a halt with a message. Any context. */
void machine_poweroff(u32 status) noreturn;
/* ACPI reset register, keyboard controller, triple fault. Any context. */
void machine_reboot(void) noreturn;
/* Clears the CPU's feature doubts at boot: prints vendor and model, refuses
 * with a message what cannot work. */
void cpu_identify(void);
