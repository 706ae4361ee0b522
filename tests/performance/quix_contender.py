"""Quix Streams with the reduced fold: `python -m tests.performance.quix_contender …`, its packages before ours.

Imports nothing of ours that knows pydantic, because its pydantic is older than ours.
"""

import argparse
import json
from tempfile import mkdtemp
from typing import Any

from tests.performance.meter import Meter
from tests.performance.reduced_fold import ReducedFold

SOURCE = "bench.inspections.v1"


def main() -> None:
    """Its own state store and changelog, at least once."""
    from quixstreams import Application

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--reduced", action="store_true")
    given = parser.parse_args()
    meter, fold = Meter(given.count), ReducedFold()
    app = Application(
        broker_address=given.bootstrap,
        consumer_group=given.prefix + "quix",
        auto_offset_reset="earliest",
        state_dir=mkdtemp(),
        loglevel="ERROR",
    )
    source = app.topic(SOURCE, value_deserializer="bytes", key_deserializer="bytes")
    out = app.topic(given.prefix + "risk.v1", value_serializer="bytes", key_serializer="bytes")

    def step(value: bytes, state: Any) -> bytes:
        key, row, output = fold.fold(value)
        state.set(key.decode(), row.decode())
        meter.add(1)
        return output

    app.dataframe(source).apply(step, stateful=True).to_topic(out)
    app.run(count=given.count)
    print(json.dumps(meter.report()))


if __name__ == "__main__":
    main()
