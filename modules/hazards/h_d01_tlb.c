/* D1: a CPU still has the freed range in its TLB.
 *
 *   CPU 1                             CPU 0 (rmmod)
 *   reads a word of the module:
 *   its TLB has the page
 *   interrupts off                    unmaps the page, asks CPU 1 to forget it
 *                                     (does not wait: frees the frame, which
 *                                     is another's now)
 *   reads the word again: no fault,
 *   another's memory
 *
 * Derived. No page fault shows it. So the frames that the unload gives back are poisoned
 * at once; the second look must find the module's word, or no translation.
 */
#include "modules/hazards/hazard.h"

static u32 word = 0x0d01;

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init tlb_init(void)
{
	stage.page = &word;
	return offer("h_d01_tlb", &ops);
}
module_init(tlb_init);

static void __exit tlb_exit(void)
{
	withdraw();
}
module_exit(tlb_exit);

HAZARD("D1", "stale-tlb", "derived",
       "cpus 2; quarantine; insmod; peek 1 40; at 1; unload; out");
MODULE_DESCRIPTION("Hazard D1: a CPU with a stale TLB entry");
MODULE_LICENSE("MIT");
