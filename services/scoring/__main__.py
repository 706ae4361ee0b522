"""Runs scoring until SIGTERM: `python -m services.scoring`."""

import signal
import sys

if __name__ == "__main__":
    # Told to stop while the imports below still run: nothing has begun, so there is nothing to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from services.scoring.settings import ScoringSettings
    from services.scoring.wiring import build
    from shared.settings import load

    build(load(ScoringSettings)).run()
