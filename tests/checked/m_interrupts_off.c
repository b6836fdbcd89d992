/* An init that fails, and leaves interrupts off. */
#include "module/api.h"

static int __init m_interrupts_off_init(void)
{
	irq_disable(); /* mistake */
	return -ENODEV;
}
module_init(m_interrupts_off_init);
