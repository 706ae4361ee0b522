"""`python -m tests.log_records --seed S --units N --enterprises M`: a synthetic log as NDJSON records, for tests from
outside.

Each line: `{"key", "value", "headers": [[name, text]], "unit", "subject", "seq"}`; `seq` null for events without one.
"""

import argparse
import json
import sys

from shared.events.envelope import encode, headers
from tests.event_log import compact, event_log, inspection_events, round_openings


def main() -> None:
    """Prints the whole log, or with --inspections N that many inspections after the openings of their round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--units", type=int, default=4)
    parser.add_argument("--enterprises", type=int, default=8)
    parser.add_argument("--inspections", type=int, default=0)
    given = parser.parse_args()
    world = {"seed": given.seed, "units": given.units, "enterprises": given.enterprises}
    events = [*round_openings(**world), *inspection_events(given.inspections, **world)]
    for event in events if given.inspections else event_log(**world):
        line = {
            "key": event.key,
            "value": (compact(event) if given.inspections else encode(event)).decode(),
            "headers": [[name, value.decode()] for name, value in headers(event)],
            "subject": event.subject,
            "seq": getattr(event.data, "seq", None),
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
