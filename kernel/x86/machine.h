/* Turning the machine off. */
#pragma once
#include "lib/types.h"

/* Ends the run with `status` (0..127): says so in one line, then
 * isa-debug-exit (QEMU), then ACPI S5, then under an emulator the ports of QEMU and
 * Bochs, then a halt with a message that says what was tried. Any context. */
void machine_poweroff(u32 status) noreturn;
/* ACPI's reset register, keyboard controller, chip set, triple fault; each is announced. Any context. */
void machine_reboot(void) noreturn;
/* Clears the CPU's feature doubts at boot: prints vendor and model, refuses
 * with a message what cannot work. */
void cpu_identify(void);
/* Of CPUID leaf 1, EAX. */
u32 cpu_family(u32 eax);
u32 cpu_model(u32 eax);
/* AMD's C1E stops the local APIC's timer while all cores are in HLT: no tick would wake them. Switches it
 * off on this CPU and says so, or what to do if the CPU refuses. Each CPU once, after trap_load(). */
void c1e_disable(void);
