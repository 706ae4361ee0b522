"""Runs scoring until SIGTERM: `python -m services.scoring`."""

from services.scoring.settings import ScoringSettings
from services.scoring.wiring import build
from shared.settings import load

if __name__ == "__main__":
    build(load(ScoringSettings)).run()
