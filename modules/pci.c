/* What is on the PCI bus (PCI Local Bus Specification 3.0: 3.2.2.3.2
 * configuration mechanism #1, chapter 6 and appendix D). Device "pci": reads as
 * a listing, one function a line. */
#include "module/api.h"
#include "modules/ioctl.h"

#define CONFIG_ADDRESS   0xcf8
#define CONFIG_DATA      0xcfc
#define CONFIG_ENABLE    0x80000000u

#define REG_ID           0x00	/* device, vendor */
#define REG_CLASS        0x08	/* base class, subclass, interface, revision */
#define REG_HEADER       0x0c	/* bits 16..23: header type */
#define REG_BUSES        0x18	/* of a bridge; bits 8..15: the bus behind it */
#define HEADER_MULTI     0x80
#define HEADER_BRIDGE    0x01
#define NO_DEVICE        0xffff	/* as vendor */

#define MAX_BUSES        256
#define SLOTS            32
#define FUNCTIONS        8
#define MAX_FOUND        256
#define LINE_MAX         64

struct pci_function { u8 bus, slot, function, header; u32 id, class; };

/* Fixed after init. */
static struct chrdev *device;
static struct pci_function found[MAX_FOUND];
static u32 nr_found;
static char *listing;
static u32 listing_len;

static const struct { u16 class; const char *name; } class_names[] = {
	{ 0x0101, "IDE controller" },   { 0x0106, "SATA controller" },
	{ 0x0108, "NVM controller" },   { 0x0200, "Ethernet controller" },
	{ 0x0300, "VGA controller" },   { 0x0401, "audio device" },
	{ 0x0403, "HD audio device" },  { 0x0600, "host bridge" },
	{ 0x0601, "ISA bridge" },       { 0x0604, "PCI bridge" },
	{ 0x0680, "other bridge" },     { 0x0c03, "USB controller" },
	{ 0x0c05, "SMBus controller" },
};

static const char *const base_class_names[] = {
	"old device", "storage", "network", "display", "multimedia", "memory", "bridge",
	"communication", "system peripheral", "input", "docking station", "processor",
	"serial bus", "wireless", "I/O controller", "satellite", "encryption", "signal processing",
};

static const char *class_name(u16 class)
{
	for (u32 i = 0; i < ARRAY_SIZE(class_names); i++)
		if (class_names[i].class == class)
			return class_names[i].name;
	u32 base = class >> 8;
	return base < ARRAY_SIZE(base_class_names) ? base_class_names[base] : "unknown";
}

/* Only init reads: nobody else of this kernel uses the two ports. */
static u32 __init config_read(u32 bus, u32 slot, u32 function, u32 reg)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | bus << 16 | slot << 11 | function << 8 | reg);
	return inl(CONFIG_DATA);
}

static bool __init mechanism_1_works(void)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE);
	return inl(CONFIG_ADDRESS) == CONFIG_ENABLE;
}

/* Notes one function if it is there; returns its header type, 0 if not. */
static u8 __init probe(u32 bus, u32 slot, u32 function)
{
	u32 id = config_read(bus, slot, function, REG_ID);

	if ((id & 0xffff) == NO_DEVICE || nr_found == MAX_FOUND)
		return 0;
	u8 header = (u8)(config_read(bus, slot, function, REG_HEADER) >> 16);
	found[nr_found++] = (struct pci_function){
		.bus = (u8)bus, .slot = (u8)slot, .function = (u8)function, .header = header,
		.id = id, .class = config_read(bus, slot, function, REG_CLASS) >> 16,
	};
	return header;
}

static void __init scan_bus(u32 bus)
{
	for (u32 slot = 0; slot < SLOTS; slot++) {
		u32 functions = probe(bus, slot, 0) & HEADER_MULTI ? FUNCTIONS : 1;
		for (u32 f = 1; f < functions; f++)
			probe(bus, slot, f);
	}
}

/* Bus 0, and each bus that a bridge found so far leads to: found[] itself is
 * the list of what is still to be looked at. */
static void __init scan_all(void)
{
	static u8 seen[MAX_BUSES] __initdata;

	seen[0] = true;
	scan_bus(0);
	for (u32 i = 0; i < nr_found; i++) {
		struct pci_function *f = &found[i];
		if ((f->header & ~HEADER_MULTI) != HEADER_BRIDGE)
			continue;
		u8 behind = (u8)(config_read(f->bus, f->slot, f->function, REG_BUSES) >> 8);
		if (!seen[behind]) {
			seen[behind] = true;
			scan_bus(behind);
		}
	}
}

static int __init write_listing(void)
{
	listing = kmalloc(nr_found * LINE_MAX + 1);
	if (!listing)
		return -ENOMEM;
	for (u32 i = 0; i < nr_found; i++) {
		const struct pci_function *f = &found[i];
		listing_len += (u32)snprintf(listing + listing_len, LINE_MAX,
			"%02x:%02x.%u %04x:%04x class %04x %s\n", f->bus, f->slot, f->function,
			f->id & 0xffff, f->id >> 16, f->class, class_name((u16)f->class));
	}
	return 0;
}

/* As much of `len` bytes as makes whole lines, unless not even one fits. */
static u32 whole_lines(const char *text, u32 len)
{
	for (u32 n = len; n; n--)
		if (text[n - 1] == '\n')
			return n;
	return len;
}

/* f->private: how much of the listing this file has read. */
static int pci_read(struct file *f, void *buf, u32 len)
{
	u32 at = (u32)f->private;
	u32 n = whole_lines(listing + at, MIN(len, listing_len - at));

	memcpy(buf, listing + at, n);
	f->private = (void *)(at + n);
	return (int)n;
}

static int pci_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	return cmd == PCI_GET_COUNT ? (int)nr_found : -ENOTTY;
}

static const struct chrdev_ops pci_ops = { .read = pci_read, .ioctl = pci_ioctl };

static int __init pci_init(void)
{
	int err;

	if (!mechanism_1_works()) {
		printk("pci: no configuration mechanism #1 at port 0xcf8\n");
		return -ENODEV;
	}
	scan_all();
	err = write_listing();
	if (err)
		return err;
	device = chrdev_register("pci", &pci_ops, NULL);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto out_listing;
	}
	return 0;

out_listing:
	kfree(listing);
	return err;
}

static void __exit pci_exit(void)
{
	chrdev_unregister(device);
	kfree(listing);
}

module_init(pci_init);
module_exit(pci_exit);
MODULE_DESCRIPTION("PCI bus listing; device pci.");
MODULE_LICENSE("MIT");
