"""Events of `registry.v1` (compacted, key `kind/id`): every service's copy of the registry, key hashes and intake's
counts.
"""

from datetime import datetime
from typing import Any, Literal

from shared.events.base import Value

Kind = Literal["units", "authorities", "teams", "parks", "enterprises", "rounds", "enrolments", "keys", "counts"]


class RegistryPut(Value):
    """An object as it stands now. `object` has the shape of its kind (contract); secrets in it are encrypted;
    `revision` only grows.
    """

    kind: Kind
    id: str
    revision: int
    object: dict[str, Any]
    updated_at: datetime


class RegistryDeleted(Value):
    """An object is gone."""

    kind: Kind
    id: str
    revision: int
    updated_at: datetime
