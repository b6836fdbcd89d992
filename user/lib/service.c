#include "user/lib/service.h"
#include "lib/string.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define ASK_AGAIN_US 20000u

static int lookup(enum init_call how, const char *name)
{
	struct service_name wanted = { .name = "" };
	struct message m = { how, address(&wanted), sizeof(wanted), 0 };

	if (strlcpy(wanted.name, name, sizeof(wanted.name)) >= sizeof(wanted.name))
		return -ENOENT;
	int err = ipc_call(HANDLE_INIT, MSG_GRANT_READ, &m);
	return err < 0 ? err : (int)m.w0 < 0 ? (int)m.w0 : m.gift ? (int)m.gift : -EIO;
}

int service_lookup(const char *name) { return lookup(INIT_LOOKUP, name); }

/* init keeps a few callers waiting and answers the oldest with -EAGAIN for a newer one, so anyone may take
 * another's place there. It is asked again then: a place is a convenience, and nothing depends on it. */
int service_wait(const char *name)
{
	int found;

	while ((found = lookup(INIT_WAIT, name)) == -EAGAIN)
		(void)sleep_us(ASK_AGAIN_US);
	return found;
}

int service_call(struct service *s, u32 flags, struct message *m)
{
	if (!s->endpoint) {
		int found = service_lookup(s->name);
		if (found < 0)
			return found;
		s->endpoint = (u32)found;
	}
	int err = ipc_call(s->endpoint, flags, m);
	if (err == -EPIPE) {
		handle_close(s->endpoint);
		s->endpoint = 0;
	}
	return err;
}
