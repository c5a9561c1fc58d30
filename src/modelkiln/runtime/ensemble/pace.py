"""How long a step takes, as far as it matters whether another thread should run it."""

__all__ = ["HAND_OVER", "Pace"]

# Seconds that handing a step over may cost: 15 us where nothing else runs, several times as much where something does.
HAND_OVER = 50e-6
# Calls for which a slow one counts: the next request may be as large.
_WARY = 16


class Pace:
    """Of one step, seen by all threads. is_quick: its last calls took less than handing it over takes."""

    def __init__(self):
        self.is_quick, self._wary = False, _WARY

    def note(self, seconds):
        """Take how long a call took. Threads that come at once may count it as one."""
        self._wary = _WARY if seconds > HAND_OVER else max(0, self._wary - 1)
        self.is_quick = not self._wary
