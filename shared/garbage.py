"""Python's garbage collector as scoring and notify want it. Called by their wiring, and by the benchmark's plain loop.

They leave hardly any circles behind: what they drop goes by its reference counts. What was made at the start stays, and
in scoring the state, and the collector would walk through it again and again to find nothing; while it does, a tenth
of a second at a time in notify, nothing else goes on.
"""

import gc

# New objects, less those let go, before the collector looks at the young ones: about what a thousand events leave as
# scoring's state. A circle that is garbage waits for a few megabytes at most.
YOUNG = 20_000


def seldom() -> None:
    """Leaves what the start has made (modules, classes, rules) out of every collection from now on, and collects
    seldom."""
    gc.collect()
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG, middle, old)
