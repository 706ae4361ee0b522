"""`python -m services.reporting`: runs the service."""

import asyncio

from services.reporting.settings import ReportingSettings
from services.reporting.wiring import build
from shared.settings import load

if __name__ == "__main__":
    asyncio.run(build(load(ReportingSettings)).run())
