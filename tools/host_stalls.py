"""When the host stood still: a virtual host that is paused, or one that has no time at all.

What runs in real time (an emulator with a thread for each CPU) finds all its deadlines passed
then, which says nothing about the code. Who judges such a run asks here first.
"""

import threading
import time

PERIOD = 0.05
NOTABLE = 0.2           # s beyond the period; a busy host stays far below


class HostStalls:
    """Looks at the clock 20 times a second for as long as the program runs."""

    def __init__(self):
        self.stalls = []                # (from, until), time.monotonic()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        last = time.monotonic()
        while True:
            time.sleep(PERIOD)
            now = time.monotonic()
            if now - last > PERIOD + NOTABLE:
                self.stalls.append((last, now))
            last = now

    def since(self, moment):
        """For how many seconds it has stood still since then."""
        return sum(until - max(start, moment) for start, until in self.stalls if until > moment)
