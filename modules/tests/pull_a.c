#define SLOT 4u
#define NAME "pull_a"
#include "modules/tests/pull.h"
