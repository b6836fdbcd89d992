/* visitor SEED: for `torture -a`. Two threads use devices of modules at random; then it ends, whatever
 * they are doing, and half of the times with files open. It prints nothing. */
#include "lib/parse.h"
#include "lib/prng.h"
#include "user/lib/device.h"
#include "user/lib/info.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/time.h"

#define STEPS 12u
#define FILES 3u

struct visitor {
	struct prng rng;
	struct device device[FILES];
};

static struct visitor first, second;
static u8 stack[4096];

/* 0; -ENODEV: there is none now. */
static int pick(struct prng *rng, struct info_device *d)
{
	u32 n = 0;

	while (!info(INFO_DEVICE, n, d, sizeof(*d)))
		n++;
	return n && !info(INFO_DEVICE, prng_below(rng, n), d, sizeof(*d)) ? 0 : -ENODEV;
}

static void use(struct visitor *v, struct device *d)
{
	u8 buf[32];

	switch (prng_below(&v->rng, 4)) {
	case 0:  (void)!device_ioctl(d, 0, 0); break;
	case 1:  device_close(d); break;
	default: (void)!device_read(d, buf, sizeof(buf)); break;
	}
}

static void step(struct visitor *v)
{
	struct device *d = &v->device[prng_below(&v->rng, FILES)];
	struct info_device some;

	if (d->home != HOME_NONE)
		use(v, d);
	else if (pick(&v->rng, &some) || device_open(d, some.name, DEVICE_NONBLOCK))
		sleep_us(prng_below(&v->rng, 500));
}

static void visit(void *arg)
{
	struct visitor *v = arg;

	for (u32 i = 0; i < STEPS; i++)
		step(v);
}

PROGRAM_HELP("visitor SEED", "for torture -a: use devices of modules at random, then end");

int main(int argc, char **argv)
{
	u32 seed = 1;

	if (argc > 1 && parse_u32(argv[1], &seed))
		return -EINVAL;
	prng_seed(&first.rng, seed);
	prng_seed(&second.rng, ~seed);
	(void)!thread_start(visit, &second, stack, sizeof(stack));
	visit(&first);
	for (u32 i = 0; i < FILES && seed % 2; i++)
		device_close(&first.device[i]);
	return 0;
}
