/* Exceptions of ring 3. */
#pragma once

void fault_init(void);			/* boot CPU, once */
