"""Runs notify: `python -m services.notify`."""

import asyncio

from services.notify.settings import NotifySettings
from services.notify.wiring import build
from shared.settings import load


async def main(settings: NotifySettings) -> None:
    """Builds within the running loop, to which the clients bind themselves."""
    await build(settings).run()


if __name__ == "__main__":
    asyncio.run(main(load(NotifySettings)))
