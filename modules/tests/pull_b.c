#define SLOT 8u
#define NAME "pull_b"
#include "modules/tests/pull.h"
