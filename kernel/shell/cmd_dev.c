/* Devices at the prompt. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "x86/console.h"

#define MAX_READ 512

bool complete_device(u32 i, char *out, u32 size)
{
	return chrdev_nth(i, out, size, NULL, 0);
}

static int list_devices(void)
{
	char name[24], owner[32];

	for (u32 i = 0; chrdev_nth(i, name, sizeof(name), owner, sizeof(owner)); i++)
		printk("%-12s %s\n", name, owner);
	return 0;
}

static int dev_error(const char *command, const char *device, const char *doing, int err)
{
	if (err == -ENODEV && streq(doing, "open"))
		return shell_error(err, "%s: %s: there is no such device; `dev` lists them", command,
		                   device);
	if (err == -ENODEV)
		return shell_error(err, "%s: %s: %s: cut off, the driver is going or gone", command, device,
		                   doing);
	return shell_error(err, "%s: %s: %s: %s (%s)", command, device, doing, errno_text(err),
	                   errno_name(err));
}

/* Printable text as it is, anything else in hexadecimal. */
static void print_bytes(const u8 *data, u32 len)
{
	bool text = true;

	for (u32 i = 0; i < len; i++)
		text = text && (data[i] == '\n' || data[i] == '\t' || (data[i] >= ' ' && data[i] < 0x7f));
	if (text) {
		console_write((const char *)data, len);
		if (len && data[len - 1] != '\n')
			printk("\n");
		return;
	}
	for (u32 i = 0; i < len; i++)
		printk("%02x%s", data[i], i % 16 == 15 || i + 1 == len ? "\n" : " ");
}

static int dev_read(struct file *f, const char *device, int argc, char **argv)
{
	u8 buf[MAX_READ];
	u32 len = 64;

	if (argc > 3 && (parse_u32(argv[3], &len) || len > MAX_READ))
		return shell_error(-EINVAL, "dev: %s is not a number of bytes up to %u", argv[3], MAX_READ);
	int got = file_read(f, buf, len);
	if (got < 0)
		return dev_error("dev", device, "read", got);
	print_bytes(buf, MIN((u32)got, len));
	return 0;
}

static int dev_write(struct file *f, const char *device, int argc, char **argv)
{
	if (argc < 4)
		return usage_error("dev");
	for (int i = 3; i < argc; i++) {
		int n = i > 3 ? file_write(f, " ", 1) : 0;
		if (n >= 0)
			n = file_write(f, argv[i], strlen(argv[i]));
		if (n < 0)
			return dev_error("dev", device, "write", n);
	}
	return 0;
}

static int dev_ioctl(struct file *f, const char *device, int argc, char **argv)
{
	u32 cmd, value = 0;

	if (argc < 4 || parse_u32(argv[3], &cmd) || (argc > 4 && parse_u32(argv[4], &value)))
		return shell_error(-EINVAL, "dev: ioctl wants a number and perhaps an argument");
	int err = file_ioctl(f, cmd, value);
	if (err < 0)
		return dev_error("dev", device, "ioctl", err);
	printk("%d\n", err);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct file *f, const char *device, int argc, char **argv);
} actions[] = { { "read", dev_read }, { "write", dev_write }, { "ioctl", dev_ioctl } };

static int dev_run(int argc, char **argv)
{
	u32 flags = take_flag(&argc, argv, "-n") ? FILE_NONBLOCK : 0, i = 0;

	if (argc == 1)
		return list_devices();
	while (i < ARRAY_SIZE(actions) && !streq(argv[1], actions[i].name))
		i++;
	if (argc < 3 || i == ARRAY_SIZE(actions))
		return usage_error("dev");
	struct file *f = file_open(argv[2], flags);
	if (IS_ERR(f))
		return dev_error("dev", argv[2], "open", PTR_ERR(f));
	int err = actions[i].run(f, argv[2], argc, argv);
	file_close(f);
	return err;
}

const struct command dev_command = {
	"dev", "dev [[-n] read DEVICE [BYTES] | write DEVICE TEXT... | ioctl DEVICE NUMBER [ARG]]",
	"list the devices, or use one; -n: do not wait", dev_run, complete_device,
};

/* Keeps the device open until there is no more, or until it is killed: with
 * `run` the way to have a module in use. */
static int cat_run(int argc, char **argv)
{
	u8 buf[64];
	int got;

	if (argc != 2)
		return usage_error("cat");
	struct file *f = file_open(argv[1], 0);
	if (IS_ERR(f))
		return dev_error("cat", argv[1], "open", PTR_ERR(f));
	while ((got = file_read(f, buf, sizeof(buf))) > 0 && !shell_interrupted())
		print_bytes(buf, MIN((u32)got, (u32)sizeof(buf)));
	file_close(f);
	return got < 0 && got != -EINTR ? dev_error("cat", argv[1], "read", got) : 0;
}

const struct command cat_command = {
	"cat", "cat DEVICE", "read a device to its end", cat_run, complete_device,
};
