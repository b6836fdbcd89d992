/* A read that says that it has written more than it was asked for. */
#include "module/api.h"

static int m_claims_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	memset(buf, 'x', len);
	return 4096; /* mistake */
}

static const struct chrdev_ops ops = { .read = m_claims_read };

static int __init m_claims_init(void)
{
	struct chrdev *d = chrdev_register("claims", &ops, NULL);

	return IS_ERR(d) ? PTR_ERR(d) : 0;
}
module_init(m_claims_init);
