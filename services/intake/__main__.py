"""Runs intake until SIGTERM: `python -m services.intake`."""

import signal
import sys

if __name__ == "__main__":
    # Told to stop while the imports below still run: nothing has begun, so there is nothing to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from services.intake.settings import IntakeSettings
    from services.intake.wiring import build
    from shared.loop import run
    from shared.settings import load

    async def main(settings: IntakeSettings) -> None:
        """Builds within the running loop, to which the clients bind themselves."""
        await build(settings).run()

    run(main(load(IntakeSettings)))
