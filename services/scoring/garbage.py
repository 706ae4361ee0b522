"""Python's garbage collector as a process that folds wants it. Called by wiring, and by the benchmark's plain loop.

A fold leaves hardly any circles behind: what it drops goes by its reference counts. What it makes stays, as state, and
the collector would walk through it again and again to find nothing.
"""

import gc

# New objects, less those let go, before the collector looks at the young ones: about what a thousand events leave as
# state. A circle that is garbage waits for a few megabytes at most.
YOUNG = 20_000


def seldom() -> None:
    """Leaves what the start has made (modules, classes, rules) out of every collection from now on, and collects
    seldom."""
    gc.collect()
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG, middle, old)
