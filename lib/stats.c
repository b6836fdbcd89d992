#include "lib/stats.h"
#include "lib/math64.h"

void stats_init(struct stats *s, u32 *array, u32 len)
{
	*s = (struct stats){ .sample = array, .max = len };
}

void stats_add(struct stats *s, u32 value)
{
	s->offered++;
	if (s->n == s->max)
		return;
	s->sample[s->n++] = value;
	s->sum += value;
}

static void swap(u32 *a, u32 *b)
{
	u32 tmp = *a;

	*a = *b;
	*b = tmp;
}

/* Lets a[i] sink until no child of it is larger (children of i: 2i+1, 2i+2). */
static void sift_down(u32 *a, u32 i, u32 n)
{
	for (u32 child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && a[child + 1] > a[child])
			child++;
		if (a[i] >= a[child])
			return;
		swap(&a[i], &a[child]);
	}
}

/* Heap sort: no recursion, and no input that makes it slow. */
static void sort(u32 *a, u32 n)
{
	for (u32 i = n / 2; i-- > 0; )
		sift_down(a, i, n);
	while (n-- > 1) {
		swap(&a[0], &a[n]);
		sift_down(a, 0, n);
	}
}

u32 stats_percentile(struct stats *s, u32 p)
{
	if (!s->n)
		return 0;
	sort(s->sample, s->n);

	/* Nearest rank: the smallest sample that at least p percent do not exceed. */
	u32 rank = (u32)div_u64((u64)s->n * MIN(p, 100u) + 99, 100);
	return s->sample[rank ? rank - 1 : 0];
}
