#include "user/lib/service.h"
#include "lib/string.h"
#include "user/lib/syscall.h"

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
int service_wait(const char *name)   { return lookup(INIT_WAIT, name); }

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
