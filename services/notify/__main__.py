"""Runs notify until SIGTERM: `python -m services.notify`."""

import signal
import sys

if __name__ == "__main__":
    # Told to stop while the imports below still run: nothing has begun, so there is nothing to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from services.notify.settings import NotifySettings
    from services.notify.wiring import build
    from shared.loop import run
    from shared.settings import load

    async def main(settings: NotifySettings) -> None:
        """Builds within the running loop, to which the clients bind themselves."""
        await build(settings).run()

    run(main(load(NotifySettings)))
