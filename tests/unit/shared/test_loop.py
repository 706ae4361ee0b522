"""The services' event loop, in a process of its own: its pool of threads is made once a process."""

import subprocess
import sys

LOOKED_UP = """
import asyncio, os, sys
from shared.loop import run

async def main():
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    sys.stdout.write(f"{type(asyncio.get_running_loop()).__module__} {len(os.listdir('/proc/self/task'))}")

run(main())
"""


def test_many_names_can_be_looked_up_at_once() -> None:
    found = subprocess.run([sys.executable, "-c", LOOKED_UP], capture_output=True, check=True, text=True, timeout=30)
    loop, threads = found.stdout.split()
    assert loop == "uvloop"
    assert int(threads) > 30, "the pool is as large as asked for once the first name has been looked up"
