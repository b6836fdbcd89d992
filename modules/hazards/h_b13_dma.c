/* B13: the device writes to memory that it was given, when the module is gone.
 *
 *   device                            CPU 0 (rmmod)
 *   was given a ring
 *                                     exit: nobody stops the device
 *                                     free; the frame is another's
 *   a packet comes: writes it into
 *   the ring
 *
 * Derived. Seed 002 has the driver "release hardware"; this one forgets (B13s: it does
 * not). No emulator has a device that is late to order, so the bus master is
 * played: stage.device is its registers, the script's `transfer` the packet. Freed frames
 * are poisoned, and what was written over the poison is the evidence.
 */
#include "modules/hazards/hazard.h"

static u8 ring[64] aligned(64);
static struct dma *given;
static bool forgets;

static void device_start(u64 address)
{
	stage.device.address = address;
	stage.device.bytes = sizeof(ring);
	stage.device.running = true;
}

static void device_stop(void *arg)
{
	(void)arg;
	stage.device.running = false;
}

/* exit forgets the device from now on. */
static int dma_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		forgets = true;
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = dma_ioctl };

static int __init dma_init(void)
{
	given = dma_map("h_b13", ring, sizeof(ring), device_stop, NULL);
	if (IS_ERR(given))
		return PTR_ERR(given);
	device_start(dma_address(given));
	return offer("h_b13_dma", &ops);
}
module_init(dma_init);

static void __exit dma_exit(void)
{
	withdraw();
	if (!forgets)
		dma_unmap(given);
}
module_exit(dma_exit);

HAZARD("B13", "dma-late", "derived", "quarantine; insmod; ask 1; unload; out; transfer");
HAZARD("B13s", "dma-stopped", "Keith Owens, linux-kernel 2002",
       "quarantine; insmod; unload; out; transfer");
MODULE_DESCRIPTION("Hazard B13: a device that goes on writing");
MODULE_LICENSE("MIT");
