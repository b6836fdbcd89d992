/* Local APIC, x2APIC where present, and I/O APICs (Intel SDM vol. 3, ch. 10;
 * 82093AA data sheet). */
#pragma once
#include "lib/types.h"

/* Boot CPU: finds and enables its local APIC. 0 or -ENODEV. */
int  lapic_init(void) must_use;
/* Every CPU: enables it, spurious vector, error vector, LVT masks. */
void lapic_enable(void);
u32  lapic_id(void);
void lapic_eoi(void);

/* Fixed interrupt `vector` to one APIC ID, or to all CPUs but this one. */
void lapic_send(u32 apic_id, u8 vector);
void lapic_broadcast_others(u8 vector);
void lapic_send_nmi(u32 apic_id);
void lapic_send_init(u32 apic_id);
void lapic_send_startup(u32 apic_id, u8 page);
/* An interrupt to this CPU itself. */
void lapic_send_self(u8 vector);

/* Timer, in one-shot mode; the tick re-arms it. Calibrated once on the boot
 * CPU by clock_init(). */
void lapic_timer_set(u64 ns);
void lapic_timer_stop(void);
void lapic_timer_calibrate(void);

/* -- I/O APIC ------------------------------------------------------------ */
void ioapic_init(void);
/* The global system interrupt of ISA line `irq`, after overrides. */
u32  ioapic_isa_to_gsi(u8 irq);
u32  ioapic_nr_gsis(void);
/* Routes `gsi` to a vector on one CPU, masked. Trigger and polarity follow the
 * MADT's overrides for ISA lines, level/low for others. 0, -EINVAL. */
int  ioapic_route(u32 gsi, u8 vector, u32 apic_id) must_use;
void ioapic_mask(u32 gsi);
void ioapic_unmask(u32 gsi);
bool ioapic_is_level(u32 gsi);
/* Silences both 8259s for good, after moving their vectors out of the way. */
void pic_disable(void);
