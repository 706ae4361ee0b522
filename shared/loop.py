"""The event loop of intake, notify and reporting. Used by their `__main__`; scoring has the one that faust brings."""

import os
from collections.abc import Coroutine
from typing import Any

import uvloop

# uvloop looks names up in a pool of threads and gives the slow ones half of it. In its usual four, two names whose
# server does not answer would keep every other name waiting, those of the broker and the store too.
LOOKUP_THREADS = 32


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a service to its end on uvloop. `UV_THREADPOOL_SIZE` in the environment goes before `LOOKUP_THREADS`."""
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(LOOKUP_THREADS))
    uvloop.run(main)
