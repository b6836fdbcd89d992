#include "x86/log.h"
#include "x86/last_log.h"

#define LOG_SIZE 65536u		/* a power of two: positions wrap freely */

static char text_of_log[LOG_SIZE];
static u32 oldest, end;		/* absolute positions */

void log_append(const char *text, u32 len)
{
	for (u32 i = 0; i < len; i++)
		text_of_log[end++ % LOG_SIZE] = text[i];
	if (end - oldest > LOG_SIZE)
		oldest = end - LOG_SIZE;
	last_log_append(text, len);
}

u32 log_copy(u32 *pos, char *buf, u32 len)
{
	if (*pos - oldest > end - oldest)
		*pos = oldest;

	u32 n = MIN(len, end - *pos);
	for (u32 i = 0; i < n; i++)
		buf[i] = text_of_log[(*pos)++ % LOG_SIZE];
	return n;
}
