"""An evaluation is made at one cut-off, or not at all; once frozen it can be proven."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.reporting.documents import Document, Where
from services.reporting.freezing import Freezer, Frozen, genuine, last_of
from services.reporting.generations import Live
from services.reporting.handlers import on_events
from services.reporting.projections import project
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.errors import Unavailable
from shared.events import alerts
from shared.events.base import Stage
from shared.registry import Registry
from shared.rulesets import load
from tests.builders import ENTERPRISE, NOON, ROUND, UNIT, guidance_recorded, inspection_submitted, round_opened
from tests.unit.reporting.registered import registry
from tests.unit.reporting.risk_events import (
    alert,
    delivered,
    enterprise_assessed,
    event,
    finding_assessed,
    fold_event,
    unit_assessed,
)

RULES = load()


class Waiting:
    """Stands in for sleeping: lets something happen while the freezer waits."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.then: list[tuple[object, int]] = []

    async def __call__(self, seconds: float) -> None:
        self.slept += seconds
        for found, offset in self.then:
            await on_events(self.models, [delivered(found, offset)])  # type: ignore[arg-type]
        self.then = []

    models: MemoryReadModels


def freezer(models: MemoryReadModels, waiting: Waiting) -> Freezer:
    waiting.models = models
    return Freezer(
        models, MemoryEvaluations(), Registry(), RULES, load_suggestions(), lambda: NOON, waiting, patience_s=1.0
    )


async def county() -> MemoryReadModels:
    """A round with one enterprise, one finding, one answered alert, all of it scored."""
    models = MemoryReadModels()
    log = [round_opened(), inspection_submitted(1), guidance_recorded(1)]
    await on_events(models, [delivered(found, offset) for offset, found in enumerate(log)])
    scored = [
        finding_assessed(offset=1, by=(Stage.SELF_INSPECTION, Stage.EXPERT_VERIFICATION)),
        enterprise_assessed(offset=1, stages=(Stage.SELF_INSPECTION, Stage.EXPERT_VERIFICATION)),
        unit_assessed(2),
    ]
    await on_events(models, [delivered(event(found), offset) for offset, found in enumerate(scored)])
    await on_events(models, [delivered(fold_event(3, applied=2), 3)])
    answered = [
        alert(alerts.AlertOpened, 1),
        alert(alerts.AlertAcknowledged, 2, minutes=30, state="acknowledged", by="x", note="", channel="page"),
        alert(alerts.AlertClosed, 3, minutes=90, state="closed", reason="cleared"),
    ]
    await on_events(models, [delivered(event(found), offset) for offset, found in enumerate(answered)])
    return models


async def test_an_evaluation_holds_what_was_known_at_its_cut_off() -> None:
    found = await freezer(await county(), Waiting()).freeze(ROUND, UNIT, "key:test")
    assert found is not None
    content = found.content()
    assert content["cut_off"] == {"inspections.v1": {"0": 3}, "alerts.v1": {"0": 3}}
    assert (content["index"], content["colour"]) == (71.3, "orange")
    assert content["problems"]["major"] == 1
    assert content["agreement"]["estimate"]["both"] == 1
    assert content["alert_response"]["median_minutes"] == 30
    assert content["guidance_records"][0]["people"] == 40
    assert ("mhd-2017-121/5", 1) in {(row["about"], row["count"]) for row in content["suggestions"]}
    assert content["guidance_class"]["suggested"] == "comprehensive"
    assert {row["id"]: row["behind"] for row in content["rates"]}["re_examination"] == [
        {"enterprise_id": ENTERPRISE, "lacking": []}
    ]
    assert {f"{ref['id']}@{ref['version']}" for ref in content["rule_sets"]} == {"unit-index@1"}


async def test_a_frozen_evaluation_is_genuine_until_a_figure_is_touched() -> None:
    found = await freezer(await county(), Waiting()).freeze(ROUND, UNIT, "key:test")
    assert found is not None
    assert genuine(json.loads(found.body))
    assert not genuine(json.loads(found.body) | {"index": 91.3})


async def test_freezing_again_without_news_gives_the_same_evaluation_and_news_supersede_it() -> None:
    models = await county()
    own = freezer(models, Waiting())
    first, again = await own.freeze(ROUND, UNIT, "a"), await own.freeze(ROUND, UNIT, "b")
    assert first is not None
    assert again == first
    await on_events(models, [delivered(inspection_submitted(2), 3), delivered(guidance_recorded(2), 4)])
    await on_events(models, [delivered(event(unit_assessed(4, index=80.0)), 4), delivered(fold_event(5), 5)])
    second = await own.freeze(ROUND, UNIT, "a")
    assert second is not None
    assert second.id != first.id
    assert second.content()["supersedes"] == first.id
    assert await own.evaluations.get(first.id) == first


async def test_while_scoring_lags_behind_the_log_there_is_no_evaluation() -> None:
    models, waiting = await county(), Waiting()
    await on_events(models, [delivered(inspection_submitted(2), 3)])
    with pytest.raises(Unavailable) as refused:
        await freezer(models, waiting).freeze(ROUND, UNIT, "a")
    assert refused.value.part == "projection"
    assert waiting.slept == pytest.approx(1.0, abs=0.2)


async def test_the_log_itself_has_passed_the_cut_off_too() -> None:
    models = await county()
    # Scoring's word on offset 3, a guidance record, is here before the record, and offset 4 has not been scored.
    await on_events(models, [delivered(event(unit_assessed(3, index=80.0)), 4), delivered(fold_event(4), 5)])
    found = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["cut_off"]["inspections.v1"] == {"0": 3}
    assert found.content()["index"] == 71.3
    await on_events(models, [delivered(guidance_recorded(2), 3), delivered(inspection_submitted(2), 4)])
    await on_events(models, [delivered(fold_event(5), 6)])
    second = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert second is not None
    assert second.content()["cut_off"]["inspections.v1"] == {"0": 5}
    assert len(second.content()["guidance_records"]) == 1 + len(found.content()["guidance_records"])


class Overtaken(MemoryEvaluations):
    """While an evaluation is being kept, others are: those in `meanwhile`."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], Awaitable[Frozen | None]]] = []

    async def add(self, evaluation: Frozen) -> Frozen | None:
        if self.meanwhile:
            await self.meanwhile.pop()()
        return await super().add(evaluation)


async def test_of_two_freezes_at_once_one_supersedes_the_other_and_the_line_never_forks() -> None:
    models, evaluations = await county(), Overtaken()
    own = replace(freezer(models, Waiting()), evaluations=evaluations)
    first = await own.freeze(ROUND, UNIT, "a")
    at_once = replace(own, registry=registry([], units=[UNIT]))
    await on_events(models, [delivered(event(unit_assessed(3, index=80.0)), 4), delivered(inspection_submitted(2), 3)])
    await on_events(models, [delivered(fold_event(4), 5)])
    evaluations.meanwhile = [lambda: at_once.freeze(ROUND, UNIT, "b")]
    third = await own.freeze(ROUND, UNIT, "a")
    assert first is not None
    assert third is not None
    line = await evaluations.of(ROUND, UNIT)
    assert sorted(one.supersedes or "" for one in line) == sorted(["", first.id, third.supersedes or "none"])
    assert third == last_of(line)


async def test_a_freeze_that_was_overtaken_by_one_with_more_in_it_answers_that_one() -> None:
    models, evaluations = await county(), Overtaken()
    own = replace(freezer(models, Waiting()), evaluations=evaluations)

    async def news() -> Frozen | None:
        await on_events(models, [delivered(inspection_submitted(2), 3), delivered(fold_event(4), 5)])
        return await own.freeze(ROUND, UNIT, "b")

    evaluations.meanwhile = [news]
    found = await own.freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["cut_off"]["inspections.v1"] == {"0": 4}
    assert await evaluations.of(ROUND, UNIT) == [found]


class SwitchedTo(Live):
    """Read models that are switched to `after` when the cut-off has been read."""

    def __init__(self, before: MemoryReadModels, after: MemoryReadModels) -> None:
        super().__init__()
        self.switch(before)
        self._after = after

    async def find(self, collection: str, where: Where, **how: Any) -> list[Document]:
        found = await super().find(collection, where, **how)
        if collection == "folds":
            self.switch(self._after)
        return found


async def test_an_evaluation_is_never_made_of_two_generations_of_read_models() -> None:
    ahead, behind = await county(), await county()
    await on_events(ahead, [delivered(inspection_submitted(2), 3)])
    await on_events(ahead, [delivered(event(unit_assessed(3, index=80.0)), 4), delivered(fold_event(4), 5)])
    own = replace(freezer(ahead, Waiting()), models=SwitchedTo(ahead, behind))
    found = await own.freeze(ROUND, UNIT, "a")
    assert found is not None
    assert (found.content()["cut_off"]["inspections.v1"], found.content()["index"]) == ({"0": 4}, 80.0)


async def test_what_was_said_before_and_holds_again_supersedes_what_was_said_between() -> None:
    models = await county()
    own = freezer(models, Waiting())
    between = replace(own, registry=registry([], units=[UNIT]))
    first, second, third = [await one.freeze(ROUND, UNIT, "a") for one in (own, between, own)]
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.supersedes, second.supersedes, third.supersedes) == (None, first.id, second.id)
    assert await own.freeze(ROUND, UNIT, "b") == third


async def test_it_waits_a_little_for_scoring_to_catch_up() -> None:
    models, waiting = await county(), Waiting()
    await on_events(models, [delivered(inspection_submitted(2), 3)])
    waiting.then = [(event(unit_assessed(3, index=55.0)), 4), (fold_event(4), 5)]
    found = await freezer(models, waiting).freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["index"] == 55.0


async def test_a_document_beyond_the_cut_off_is_never_mixed_in() -> None:
    models = await county()
    before = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    beyond = [
        finding_assessed("new", offset=7),
        finding_assessed(offset=7, by=(Stage.EXPERT_VERIFICATION,), state="closed"),
        enterprise_assessed(offset=7),
        unit_assessed(7, index=10.0),
    ]
    await on_events(models, [delivered(event(found), 4 + place) for place, found in enumerate(beyond)])
    after = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert before is not None
    assert after is not None
    assert after.id == before.id


async def test_a_round_changed_beyond_the_cut_off_is_read_as_it_was_opened_before() -> None:
    models = await county()
    changed = delivered(round_opened(revision=2, guidance_class="demonstration"), 9)
    known = await models.find("rounds", {})
    await models.replace_newer(project(changed[1], changed[0]))
    assert (await models.find("rounds", {})) != known
    found = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["guidance_class"]["decided"] == known[0]["data"]["guidance_class"]


async def test_an_alert_that_moves_on_while_the_evaluation_is_built_is_read_at_the_cut_off() -> None:
    models = await county()
    before = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    late = [
        alert(alerts.AlertReopened, 4, minutes=100, state="open", reason="x", by="x"),
        alert(alerts.AlertOpened, 1, name="a-2"),
    ]
    for place, found in enumerate(late):
        where, one = delivered(event(found), 5 + place)
        await models.replace_newer(project(one, where))
    after = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert before is not None
    assert after is not None
    assert after.content()["alert_response"] == before.content()["alert_response"]


async def test_an_alert_belongs_to_the_round_in_whose_time_it_was_opened() -> None:
    models = await county()
    windows = {"self_inspection": {"from": NOON + timedelta(days=200), "to": NOON + timedelta(days=230)}}
    await on_events(models, [delivered(round_opened(round_id="2023-2", number=2, windows=windows), 3)])
    await on_events(models, [delivered(fold_event(4), 4)])
    far = {"name": "a-2", "opened_at": NOON + timedelta(days=201), "at": NOON + timedelta(days=201)}
    near = {"name": "a-3", "opened_at": NOON + timedelta(days=199), "at": NOON + timedelta(days=199)}
    late = [alert(alerts.AlertOpened, 1, **far), alert(alerts.AlertOpened, 1, **near)]
    await on_events(models, [delivered(event(found), 5 + place) for place, found in enumerate(late)])
    found = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["alert_response"]["alerts"] == 2


async def test_a_freeze_under_load_that_never_pauses_is_answered() -> None:
    models, waiting = await county(), Waiting()
    offset = 10
    for number in range(40):
        busy = [finding_assessed(f"busy-{number}", offset=offset + number), unit_assessed(offset + number)]
        await on_events(models, [delivered(event(one), offset + 2 * number + n) for n, one in enumerate(busy)])
        assert await freezer(models, waiting).freeze(ROUND, UNIT, "a") is not None
    assert waiting.slept == 0


async def test_a_unit_ahead_of_the_cut_off_is_read_from_its_history() -> None:
    models = await county()
    later = unit_assessed(9, index=10.0, at=NOON + timedelta(hours=1))
    await on_events(models, [delivered(event(later), 4)])
    found = await freezer(models, Waiting()).freeze(ROUND, UNIT, "a")
    assert found is not None
    assert found.content()["index"] == 71.3


async def test_a_round_that_never_opened_has_no_evaluation() -> None:
    assert await freezer(await county(), Waiting()).freeze("2023-2", UNIT, "a") is None


async def test_the_national_evaluation_ranks_the_units_of_the_round() -> None:
    models = await county()
    other = {"unit_id": "lucheng"}
    await on_events(models, [delivered(round_opened(unit_id="lucheng"), 3)])
    await on_events(
        models, [delivered(event(unit_assessed(3, index=95.0, colour="blue", **other)), 6), delivered(fold_event(4), 7)]
    )
    found = await freezer(models, Waiting()).freeze(ROUND, None, "a")
    assert found is not None
    content = found.content()
    assert [(row["unit_id"], row["place"]) for row in content["ranking"]] == [("lucheng", 1), (UNIT, 2)]
    assert content["colours"] == {"blue": 1, "orange": 1}
    assert content["common_problems"][0]["units"] == [UNIT]
