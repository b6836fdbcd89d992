/* B17: a process has a page of the module's memory mapped.
 *
 *   a process                         CPU 0 (rmmod)
 *   learns where the page lies
 *   SYS_MEMORY_PHYS, SYS_MAP
 *                                     free; the frame is another's
 *   reads on: another's memory
 *
 * There is no call by which a driver maps or grants memory of its own. What is left is the
 * one that makes memory of physical addresses, with all authority; the evidence says what
 * it answered. Freed frames are poisoned, so that whoever has one mapped sees it.
 *
 * B17b: the other way round, memory of the process in the module's hands. A driver gets
 * a buffer of the core in its place (kernel/user/device.c):
 *
 *   a thread of a process             CPU 0
 *   SYS_READ: the module is about
 *   to fill the buffer
 *                                     the process is ended
 *                                     rmmod
 *   fills it, leaves: the core
 *   frees it, then the thread ends
 */
#include "modules/hazards/hazard.h"

static u32 page[PAGE_SIZE / sizeof(u32)] aligned(PAGE_SIZE) = { 0x0b17 };
static struct dma *lies;		/* what tells where the page lies */

static void no_device(void *arg)
{
	(void)arg;
}

static int buffer_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	stand();
	memset(buf, 'x', len);
	return (int)len;
}

static int buffer_ioctl(struct file *f, u32 cmd, u32 arg)
{
	return cmd == 1 ? (int)(dma_address(lies) >> PAGE_SHIFT) : answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .read = buffer_read, .ioctl = buffer_ioctl };

static int __init buffer_init(void)
{
	lies = dma_map("h_b17", page, sizeof(page), no_device, NULL);
	return IS_ERR(lies) ? PTR_ERR(lies) : offer("h_b17_buffer", &ops);
}
module_init(buffer_init);

static void __exit buffer_exit(void)
{
	withdraw();
	dma_unmap(lies);
}
module_exit(buffer_exit);

HAZARD("B17", "user-mapping", "derived",
       "quarantine; insmod; program h_client map h_b17_buffer; sleep 20; unload; out; sleep 20");
HAZARD("B17b", "user-buffer", "derived",
       "insmod; program h_client read h_b17_buffer; at 1; kill 1; unload revoke; try; go; out");
MODULE_DESCRIPTION("Hazard B17: memory between a process and a module");
MODULE_LICENSE("MIT");
