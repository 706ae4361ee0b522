"""The compatibility gate: models against the schemas in docs/events; a breaking change fails with its path."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml  # type: ignore[import-untyped]

from shared.events.catalogue import CATALOGUE, PREFIX
from shared.events.compatibility import breaking
from shared.events.envelope import encode
from shared.events.inspections import ItemResult
from shared.events.schemas import breaks, committed_in, documents, main, write
from tests.builders import park_assessed
from tests.event_log import event_log

COMMITTED = Path(__file__).parents[3] / "docs" / "events"
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
INSPECTION = "inspection.submitted.v1.json"
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of inspection.submitted, and a copy changed by `edit`."""
    old = json.loads(documents()[INSPECTION])
    new = copy.deepcopy(old)
    edit(new)
    return old, new


def item(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema["$defs"][ItemResult.__name__]
    assert isinstance(found, dict)
    return found


def rename_late_reason(schema: dict[str, Any]) -> None:
    schema["properties"]["reason_for_delay"] = schema["properties"].pop("late_reason")


def test_no_model_breaks_a_committed_schema() -> None:
    assert breaks(committed_in(COMMITTED), documents()) == []


def test_the_committed_documents_are_those_of_the_models() -> None:
    stale = [name for name, text in documents().items() if (COMMITTED / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python -m shared.events.schemas"


def retype_seq(schema: dict[str, Any]) -> None:
    schema["properties"]["seq"] = {"type": "string"}


def add_a_required_field(schema: dict[str, Any]) -> None:
    schema["properties"]["new"] = {"type": "string"}
    schema["required"].append("new")


def retype_the_bonuses(schema: dict[str, Any]) -> None:
    schema["$defs"]["Grading"]["properties"]["bonuses"]["additionalProperties"] = {"type": "string"}


def shorten_the_code(schema: dict[str, Any]) -> None:
    schema["properties"]["enterprise_id"]["maxLength"] = 17


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda schema: schema["properties"].pop("round_id"), "/round_id: removed"),
        (rename_late_reason, "/late_reason: removed (renamed to reason_for_delay?)"),
        (retype_seq, "/seq: retyped (minimum 1 -> nothing, type integer -> string)"),
        (lambda schema: item(schema)["required"].append("ref"), "/results[]/ref: newly required"),
        (lambda schema: schema["required"].remove("seq"), "/seq: no longer required, older readers need it"),
        (lambda schema: item(schema)["properties"].pop("due_on"), "/results[]/due_on: removed"),
        (
            lambda schema: schema["$defs"]["Outcome"]["enum"].remove("conform"),
            "/results[]/outcome: retyped (enum conform",
        ),
        (add_a_required_field, "/new: new and required"),
        (shorten_the_code, "/enterprise_id: retyped (maxLength 18 -> 17)"),
        (lambda schema: schema["properties"]["grading"]["anyOf"].pop(), "/grading: retyped"),
        (retype_the_bonuses, "/grading/bonuses{}: retyped (type number -> string)"),
        (lambda schema: schema.update({"x-topic": "other.v1"}), "/: retyped (x-topic inspections.v1 -> other.v1)"),
    ],
)
def test_a_breaking_change_is_named_by_its_path(edit: Edit, complaint: str) -> None:
    old, new = edited(edit)
    found = breaking(old, new)
    assert any(each.startswith(complaint) for each in found), found


@pytest.mark.parametrize(
    "edit",
    [
        lambda schema: schema["properties"].update(weather={"type": "string", "default": ""}),
        lambda schema: item(schema)["properties"].update(weather={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda schema: schema.update(description="better words"),
        lambda schema: schema["properties"]["seq"].update(title="Sequence"),
        lambda schema: schema["required"].reverse(),
    ],
)
def test_a_new_optional_field_and_better_words_break_nothing(edit: Edit) -> None:
    old, new = edited(edit)
    assert old != new
    assert breaking(old, new) == []


def test_a_type_that_goes_away_is_a_break() -> None:
    assert breaks({"weather.changed.v1.json": "{}"}, documents()) == ["weather.changed.v1.json: the type is gone"]


def test_the_generator_writes_nothing_when_a_committed_schema_would_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write(tmp_path) == []
    richer = json.loads((tmp_path / INSPECTION).read_text(encoding="utf-8"))
    richer["properties"]["weather"] = {"type": "string"}
    (tmp_path / INSPECTION).write_text(json.dumps(richer), encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    assert f"{INSPECTION} /weather: removed" in capsys.readouterr().err
    assert json.loads((tmp_path / INSPECTION).read_text(encoding="utf-8")) == richer


def test_the_asyncapi_document_names_every_type_and_every_schema_it_names_is_there() -> None:
    found = yaml.safe_load((COMMITTED / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = found["components"]["messages"]
    assert {f"{PREFIX}{name}" for name in messages} == set(CATALOGUE)
    assert all((COMMITTED / each["payload"]["$ref"]).is_file() for each in messages.values())
    referred = {ref for channel in found["channels"].values() for ref in channel["messages"]}
    assert set(messages) <= referred


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads((COMMITTED / f"{name}.json").read_text(encoding="utf-8")), validate_formats=True
    )


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_payload_fits_the_committed_schema(path: Path) -> None:
    payload = json.loads(path.read_text(encoding="utf-8"))["value"]
    assert [error.message for error in validator(path.stem).iter_errors(payload)] == []


def test_events_as_they_are_written_fit_the_committed_schemas() -> None:
    fits = {spec.type: validator(spec.type.removeprefix(PREFIX)) for spec in CATALOGUE.values()}
    log = event_log(units=1, enterprises=3, rounds=1)
    assert [event.type for event in log if not fits[event.type].is_valid(json.loads(encode(event)))] == []


def test_a_payload_that_does_not_fit_is_refused_by_the_committed_schema() -> None:
    payload = json.loads(encode(park_assessed()))
    assert not validator("park.assessed.v1").is_valid({**payload, "score": 101})
    assert not validator("park.assessed.v1").is_valid({**payload, "assessed_on": "20 February"})
