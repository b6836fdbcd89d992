/* A beginner's mistake: read() gives what it has, not what was asked for. */
#include "module/api.h"

static struct chrdev *dev;

static int m_past_buf_read(struct file *f, void *buf, u32 len)
{
	static const char text[] = "a line that is longer than the reader wanted it to be\n";

	(void)f, (void)len;
	memcpy(buf, text, sizeof(text) - 1);	/* mistake */
	return sizeof(text) - 1;
}

static const struct chrdev_ops ops = { .read = m_past_buf_read };

static int __init m_past_buf_init(void)
{
	dev = chrdev_register("past_buf", &ops, NULL);
	return IS_ERR(dev) ? PTR_ERR(dev) : 0;
}

static void __exit m_past_buf_exit(void)
{
	chrdev_unregister(dev);
}
module_init(m_past_buf_init);
module_exit(m_past_buf_exit);
MODULE_DESCRIPTION("Writes past the reader's buffer.");
