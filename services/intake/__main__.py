"""Runs intake: `python -m services.intake`."""

import asyncio

from services.intake.settings import IntakeSettings
from services.intake.wiring import build
from shared.settings import load


async def main(settings: IntakeSettings) -> None:
    """Builds within the running loop, to which the clients bind themselves."""
    await build(settings).run()


if __name__ == "__main__":
    asyncio.run(main(load(IntakeSettings)))
