/* primes: each read returns the next prime numbers as text, one a line. Every
 * open file counts for itself; writing a number makes it go on from there. */
#include "module/api.h"
#include "lib/parse.h"
#include "mathlib.h"

#define LINE_LEN 12			/* "4294967291\n" and the end */

static struct chrdev *device;

struct position { u32 next; };

static int primes_open(struct file *f)
{
	struct position *p = kmalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->next = 2;
	f->private = p;
	return 0;
}

static void primes_release(struct file *f)
{
	kfree(f->private);
}

/* 0 past the last 32-bit prime. */
static u32 next_prime(struct position *p)
{
	while (p->next) {
		u32 n = p->next++;
		if (math_is_prime(n))
			return n;
	}
	return 0;
}

static int primes_read(struct file *f, void *buf, u32 len)
{
	struct position *p = f->private;
	u32 used = 0;

	if (len < LINE_LEN)
		return -EINVAL;
	while (len - used >= LINE_LEN) {
		u32 prime = next_prime(p);
		if (!prime)
			break;
		used += snprintf((char *)buf + used, LINE_LEN, "%u\n", prime);
	}
	return (int)used;
}

static int primes_write(struct file *f, const void *buf, u32 len)
{
	struct position *p = f->private;
	char text[LINE_LEN];
	u32 n;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	if (parse_u32(text, &n))
		return -EINVAL;
	p->next = MAX(n, 2u);
	return (int)len;
}

static const struct chrdev_ops primes_ops = {
	.open = primes_open,
	.release = primes_release,
	.read = primes_read,
	.write = primes_write,
};

static int __init primes_init(void)
{
	device = chrdev_register("primes", &primes_ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

static void __exit primes_exit(void)
{
	chrdev_unregister(device);
}

module_init(primes_init);
module_exit(primes_exit);
MODULE_DESCRIPTION("Prime numbers, one a line");
MODULE_LICENSE("MIT");
