/* average: write numbers, read their statistics. What is written through one
 * file is seen through all. */
#include "module/api.h"
#include "lib/parse.h"
#include "mathlib.h"

#define MAX_NUMBER   65535u		/* so that a square fits in 32 bits */
#define AVERAGE_RESET 1u		/* ioctl: forget all numbers */

static struct chrdev *device;
static struct mutex lock = MUTEX(lock, "average");
/* Under lock. */
static u32 count;
static u64 sum, sum_of_squares;

static void reset(void)
{
	mutex_lock(&lock);
	count = 0;
	sum = sum_of_squares = 0;
	mutex_unlock(&lock);
}

static void add(u32 n)
{
	mutex_lock(&lock);
	count++;
	sum += n;
	sum_of_squares += (u64)n * n;
	mutex_unlock(&lock);
}

/* Numbers between blanks or line ends; all of them or none. */
static int average_write(struct file *f, const void *buf, u32 len)
{
	char text[256], *words[64];
	u32 number[ARRAY_SIZE(words)];
	int n;

	(void)f;
	if (len >= sizeof(text))
		return -E2BIG;
	for (u32 i = 0; i < len; i++) {
		char c = ((const char *)buf)[i];
		text[i] = c == '\n' ? ' ' : c;
	}
	text[len] = '\0';
	n = split_words(text, words, ARRAY_SIZE(words));
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (parse_u32(words[i], &number[i]) || number[i] > MAX_NUMBER)
			return -EINVAL;
	for (int i = 0; i < n; i++)
		add(number[i]);
	return (int)len;
}

static int average_read(struct file *f, void *buf, u32 len)
{
	u32 n, mean = 0, deviation = 0;

	if (f->private)			/* this file has had its line */
		return 0;
	mutex_lock(&lock);
	n = count;
	if (n) {
		mean = (u32)div_u64(sum, n);
		u64 squares = div_u64(sum_of_squares, n);
		deviation = math_isqrt((u32)(squares - (u64)mean * mean));
	}
	mutex_unlock(&lock);
	f->private = &device;
	return MIN(snprintf(buf, len, "%u numbers, mean %u, deviation %u\n", n, mean, deviation),
	           (int)len);
}

static int average_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	if (cmd != AVERAGE_RESET)
		return -ENOTTY;
	reset();
	return 0;
}

static const struct chrdev_ops average_ops = {
	.read = average_read,
	.write = average_write,
	.ioctl = average_ioctl,
};

static int __init average_init(void)
{
	device = chrdev_register("average", &average_ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

static void __exit average_exit(void)
{
	chrdev_unregister(device);
}

module_init(average_init);
module_exit(average_exit);
MODULE_DESCRIPTION("Mean and deviation of what is written to it");
MODULE_LICENSE("MIT");
