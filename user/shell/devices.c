/* Devices at the prompt, in whichever home their driver is. */
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/device.h"
#include "user/lib/info.h"
#include "user/lib/stdio.h"
#include "user/shell/shell.h"

#define MAX_READ 512

/* Those of modules; what the servers offer is in `servers`. */
static bool complete_device(u32 i, char *out, u32 size)
{
	struct info_device d;

	if (info(INFO_DEVICE, i, &d, sizeof(d)))
		return false;
	strlcpy(out, d.name, size);
	return true;
}

static int list_devices(void)
{
	struct info_device d;

	for (u32 i = 0; !info(INFO_DEVICE, i, &d, sizeof(d)); i++)
		printf("%-12s %s\n", d.name, d.module);
	return 0;
}

static int device_error(const char *command, const char *device, const char *doing, int err)
{
	if (err == -ENODEV && streq(doing, "open"))
		return complain(err, "%s: %s: there is no such device; `dev` and `servers` list them",
		                command, device);
	if (err == -ENODEV)
		return complain(err, "%s: %s: %s: cut off, the driver is going or gone", command, device,
		                doing);
	return complain(err, "%s: %s: %s: %s (%s)", command, device, doing, errno_text(err), errno_name(err));
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
			printf("\n");
		return;
	}
	for (u32 i = 0; i < len; i++)
		printf("%02x%s", data[i], i % 16 == 15 || i + 1 == len ? "\n" : " ");
}

static int dev_read(const struct device *d, int argc, char **argv)
{
	u8 buf[MAX_READ];
	u32 len = 64;

	if (argc > 3 && (parse_u32(argv[3], &len) || len > MAX_READ))
		return complain(-EINVAL, "dev: %s is not a number of bytes up to %u", argv[3], MAX_READ);
	int got = device_read(d, buf, len);
	if (got < 0)
		return device_error("dev", d->name, "read", got);
	print_bytes(buf, (u32)got);
	return 0;
}

static int dev_write(const struct device *d, int argc, char **argv)
{
	if (argc < 4)
		return usage_error("dev");
	for (int i = 3; i < argc; i++) {
		int n = i > 3 ? device_write(d, " ", 1) : 0;
		if (n >= 0)
			n = device_write(d, argv[i], strlen(argv[i]));
		if (n < 0)
			return device_error("dev", d->name, "write", n);
	}
	return 0;
}

static int dev_ioctl(const struct device *d, int argc, char **argv)
{
	u32 cmd, value = 0;

	if (argc < 4 || parse_u32(argv[3], &cmd) || (argc > 4 && parse_u32(argv[4], &value)))
		return complain(-EINVAL, "dev: ioctl wants a number and perhaps an argument");
	int err = device_ioctl(d, cmd, value);
	if (err < 0)
		return device_error("dev", d->name, "ioctl", err);
	printf("%d\n", err);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct device *d, int argc, char **argv);
} actions[] = { { "read", dev_read }, { "write", dev_write }, { "ioctl", dev_ioctl } };

static int dev_use(const char *name)
{
	struct device_use now;
	int err = device_use(name, &now);

	if (err == -ENOENT)
		return complain(err, "dev: %s: no server has it; `lsmod` shows the open files of modules", name);
	if (err)
		return device_error("dev", name, "use", err);
	printf("%u files, %u calls\n", now.files, now.calls);
	return 0;
}

static int dev_run(int argc, char **argv)
{
	u32 flags = take_flag(&argc, argv, "-n") ? DEVICE_NONBLOCK : 0, i = 0;
	struct device d;

	if (argc == 1)
		return list_devices();
	if (argc == 3 && streq(argv[1], "use"))
		return dev_use(argv[2]);
	while (i < ARRAY_SIZE(actions) && !streq(argv[1], actions[i].name))
		i++;
	if (argc < 3 || i == ARRAY_SIZE(actions))
		return usage_error("dev");
	int err = device_open(&d, argv[2], flags);
	if (err)
		return device_error("dev", argv[2], "open", err);
	err = actions[i].run(&d, argc, argv);
	device_close(&d);
	return err;
}

const struct builtin dev_builtin = {
	"dev", "dev [[-n] read DEVICE [BYTES] | write DEVICE TEXT... | ioctl DEVICE NUMBER [ARG] | use DEVICE]",
	"list the devices of modules, or use one, or a server's; -n: do not wait; use: what a server has to do",
	dev_run, true, complete_device,
};

/* Keeps the device open until there is no more, or until it is ended: with & the way to
 * have a driver in use. */
static int cat_run(int argc, char **argv)
{
	struct device d;
	u8 buf[64];
	int got;

	if (argc != 2)
		return usage_error("cat");
	int err = device_open(&d, argv[1], 0);
	if (err)
		return device_error("cat", argv[1], "open", err);
	while ((got = device_read(&d, buf, sizeof(buf))) > 0)
		print_bytes(buf, (u32)got);
	device_close(&d);
	return got < 0 ? device_error("cat", argv[1], "read", got) : 0;
}

const struct builtin cat_builtin = {
	"cat", "cat DEVICE", "read a device to its end", cat_run, true, complete_device,
};
