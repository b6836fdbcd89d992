/* A read that returns with the lock of its device held. */
#include "module/api.h"

static struct spinlock mine = SPINLOCK("mine", RANK_DEVICE);

static int m_lock_left_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	spin_lock(&mine); /* mistake */
	if (len < 100)
		return -EINVAL;			/* forgets it */
	spin_unlock(&mine);
	return 0;
}

static const struct chrdev_ops ops = { .read = m_lock_left_read };

static int __init m_lock_left_init(void)
{
	struct chrdev *d = chrdev_register("lock_left", &ops, NULL);

	return IS_ERR(d) ? PTR_ERR(d) : 0;
}
module_init(m_lock_left_init);
