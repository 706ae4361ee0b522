"""What every event's data has in common; imported by the modules of this package only."""

import unicodedata
import uuid
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

NAMESPACE = uuid.UUID("6f0d3f2e-5b1c-5d8e-9a39-0c6a2f3b7d10")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
MOST = 2**53 - 1

UnitId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
EnterpriseId = Annotated[str, Field(min_length=18, max_length=18)]
RoundId = Annotated[str, Field(pattern=r"^\d{4}-\d$")]
Text = Annotated[str, Field(max_length=4000)]
# What readers can reckon with: days that days can be added to, numbers whose sums keep within 64 bits. The schemas do
# not repeat these bounds, for they say nothing of the domain.
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC))
]
Whole = Annotated[int, Field(ge=-MOST, le=MOST), WithJsonSchema({"type": "integer"})]
Number = Annotated[int, Field(ge=1, le=MOST), WithJsonSchema({"minimum": 1, "type": "integer"})]
Count = Annotated[int, Field(ge=0, le=10**12), WithJsonSchema({"minimum": 0, "type": "integer"})]
Amount = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False), WithJsonSchema({"minimum": 0, "type": "number"})]
Positive = Annotated[
    float, Field(gt=0, le=MOST, allow_inf_nan=False), WithJsonSchema({"exclusiveMinimum": 0, "type": "number"})
]
Hours = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False), WithJsonSchema({"minimum": 0, "type": "number"})]
Points = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False), WithJsonSchema({"type": "number"})]


class Value(BaseModel):
    """A frozen value; unknown fields of a later minor version are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Data(Value):
    """The data of one event."""

    unit_id: UnitId


class Stage(StrEnum):
    """The three stages of a round, weakest authority first."""

    SELF_INSPECTION = "self_inspection"
    RE_EXAMINATION = "re_examination"
    EXPERT_VERIFICATION = "expert_verification"


class Outcome(StrEnum):
    """What a stage says of one checklist item."""

    FINDING = "finding"
    CONFORM = "conform"
    NOT_APPLICABLE = "not_applicable"


class Grade(StrEnum):
    """Grade of a finding."""

    ORDINARY = "ordinary"
    MAJOR = "major"


class Focus(StrEnum):
    """The focus areas that every item and finding names."""

    MAJOR_HAZARD = "major_hazard"
    OLD_INSTALLATION = "old_installation"
    CHEMICAL_PARK = "chemical_park"


class Colour(StrEnum):
    """Risk colours, safest first: 应急〔2018〕19号 for enterprises; the unit index uses the same names (ours)."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class GuidanceClass(StrEnum):
    """How a unit is guided in a round."""

    DEMONSTRATION = "demonstration"
    IMPROVEMENT = "improvement"
    COMPREHENSIVE = "comprehensive"


class Window(Value):
    """A span of time, `from` inclusive, `to` exclusive."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)

    from_: Instant = Field(alias="from")
    to: Instant


class RuleSetRef(Value):
    """Which rule set holds, by id, version and SHA-256 (hex) of its file."""

    id: str
    version: int
    sha256: str


class LogPosition(Value):
    """Where on `inspections.v1` the cause of a derived event stands."""

    partition: int
    offset: int


class Submitted(Data):
    """What an accepted submission carries: its place in the subject's sequence and who is behind it.

    The envelope's subject is the enterprise, or the unit for park, key-task and guidance records; `seq` counts per
    subject from 1.
    """

    submission_id: uuid.UUID
    seq: Number
    accepted_at: AwareDatetime
    submitted_by: str
    drill: bool = False


def derive_id(cause: uuid.UUID, type_: str, subject: str) -> uuid.UUID:
    """Id of an event derived from another: UUIDv5 of (ce_id of the cause, type, subject)."""
    return uuid.uuid5(NAMESPACE, f"{cause}|{type_}|{subject}")


def name_id(*parts: str) -> uuid.UUID:
    """Id computed from names: UUIDv5 of the parts."""
    return uuid.uuid5(NAMESPACE, "|".join(parts))


def finding_id(enterprise_id: str, checklist: str, item: str, ref: str, drill: bool) -> uuid.UUID:
    """Identity of a finding: a place, for ever (semantics: UUIDv5 of enterprise, checklist, item, ref, drill). `ref`
    is normalised.
    """
    return name_id("finding", enterprise_id, checklist, item, normalise_ref(ref), "drill" if drill else "real")


def hazard_id(kind: str, subject: str, episode: int) -> uuid.UUID:
    """Identity of a hazard, and of its alert: UUIDv5 of kind, subject, episode."""
    return name_id("hazard", kind, subject, str(episode))


def normalise_ref(ref: str) -> str:
    """A caller's reference, NFKC, trimmed, case-folded."""
    return unicodedata.normalize("NFKC", ref).strip().casefold()


__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "Amount",
    "Colour",
    "Count",
    "Data",
    "Day",
    "EnterpriseId",
    "Focus",
    "Grade",
    "GuidanceClass",
    "Hours",
    "Instant",
    "LogPosition",
    "Number",
    "Outcome",
    "Points",
    "Positive",
    "RoundId",
    "RuleSetRef",
    "Stage",
    "Submitted",
    "Text",
    "UnitId",
    "Value",
    "Whole",
    "Window",
    "date",
    "datetime",
    "derive_id",
    "finding_id",
    "hazard_id",
    "name_id",
    "normalise_ref",
]
