/* What h_a07_partner offers. */
#pragma once

int interrupt_me(void);		/* its timer fires in a moment, on this CPU */
