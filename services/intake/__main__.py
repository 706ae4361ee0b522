"""Runs intake: `python -m services.intake`."""

import asyncio

from services.intake.settings import IntakeSettings
from services.intake.wiring import build
from shared.settings import load

if __name__ == "__main__":
    asyncio.run(build(load(IntakeSettings)).run())
