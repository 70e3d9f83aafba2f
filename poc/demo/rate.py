"""How often one client may do something: a bucket of tokens for each, which refills by the minute."""

import threading
import time
from collections.abc import Callable

_MOST = 10_000  # buckets; full ones say nothing that a new one would not


class Rate:
    """`per_minute` times on average and `at_once` in a row, for each client. One object may be shared between threads.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: float, at_once: int, clock: Callable[[], float] = time.monotonic):
        self.per_minute, self.at_once, self.clock = per_minute, at_once, clock
        self._left: dict[str, tuple[float, float]] = {}  # client -> (tokens, when)
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """0 where it may be done now, which is counted; else the seconds until it may be."""
        with self._lock:
            now = self.clock()
            tokens = self._tokens(client, now)
            if tokens < 1:
                return (1 - tokens) * 60 / self.per_minute
            if len(self._left) >= _MOST and client not in self._left:
                self._left = {name: left for name, left in self._left.items() if self._tokens(name, now) < self.at_once}
                if len(self._left) >= _MOST:  # so many clients at once are one that changes its name
                    return 60 / self.per_minute
            self._left[client] = (tokens - 1, now)
            return 0.0

    def _tokens(self, client: str, now: float) -> float:
        tokens, when = self._left.get(client, (float(self.at_once), now))
        return min(float(self.at_once), tokens + (now - when) * self.per_minute / 60)
