"""The pages' routes. They show; every change goes from the browser through the JSON API, with the session's cookie."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.intake.handlers import Intake
from services.intake.pages.dossier import STAGES
from services.intake.pages.labels import CLASSES, ROLES, label
from services.intake.pages.reading import STAGE_OF_ROLE, Reading, version_key
from services.intake.rules.checks import GRADING
from services.intake.rules.standing import DECISIONS, moment
from shared.http.auth import Access
from shared.http.permissions import PERMISSIONS, Action, Role
from shared.http.problems import not_found
from shared.rulesets import UnknownRuleSet
from shared.rulesets.checklists import Checklist
from shared.rulesets.grading import GradingTable
from shared.web.grading_titles import GRADING_EN
from shared.web.languages import language_of
from shared.web.pages import Pages, page_access

Reader = Annotated[Access, Depends(page_access)]
Short = Annotated[str, Query(max_length=100)]
SUBMITTERS = (Role.ENTERPRISE, Role.COUNTY, Role.EXPERT)
ISSUABLE: Mapping[Role, tuple[Role, ...]] = {
    Role.COUNTY: (Role.ENTERPRISE,),
    Role.NATIONAL: tuple(Role(each) for each in ROLES if each != Role.ADMIN),
    Role.ADMIN: tuple(Role(each) for each in ROLES),
}


class Site:
    """Renders intake's pages."""

    def __init__(self, intake: Intake, pages: Pages) -> None:
        self._intake = intake
        self._pages = pages
        self._read = Reading(intake)

    def router(self) -> APIRouter:
        """All pages of the site."""
        found = APIRouter(include_in_schema=False)
        found.add_api_route("/", self.home, methods=["GET"])
        found.add_api_route("/fill", self.fill, methods=["GET"])
        found.add_api_route("/enterprises/{enterprise_id}", self.enterprise, methods=["GET"])
        found.add_api_route("/enterprises/{enterprise_id}/receipts.ndjson", self.receipts, methods=["GET"])
        found.add_api_route("/rounds/{round_id}", self.round, methods=["GET"])
        found.add_api_route("/rounds/{round_id}/units/{unit_id}", self.enrolment, methods=["GET"])
        found.add_api_route("/keys", self.keys, methods=["GET"])
        return found

    async def home(self, request: Request, access: Reader, q: Short = "") -> Response:
        """An enterprise's own page, the enterprises of an authority or team, the rounds of the national office."""
        own = access.enterprises()
        if access.principal.role is Role.ENTERPRISE and own is not None and len(own) == 1:
            return await self._dossier(request, access, min(own))
        registered, count = self._read.enterprises(access, q)
        rounds = sorted(access.registry.all("rounds").items(), reverse=True)
        return self._show(request, access, "home.html", enterprises=registered, count=count, q=q, rounds=rounds)

    async def enterprise(self, request: Request, access: Reader, enterprise_id: str) -> Response:
        """An enterprise: what to fill in, its findings, its submissions."""
        return await self._dossier(request, access, enterprise_id)

    async def receipts(self, access: Reader, enterprise_id: str) -> Response:
        """The whole chain in one file, as `keycounty receipts verify` takes it. A store that goes away ends the
        download as broken off, not as a shorter chain.
        """
        self._require_read(access, enterprise_id)
        pages = self._read.receipts(enterprise_id)
        first = await anext(pages, b"")

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for page in pages:
                yield page

        headers = {"content-disposition": f'attachment; filename="receipts-{enterprise_id}.ndjson"'}
        return StreamingResponse(whole(), media_type="application/x-ndjson", headers=headers)

    async def fill(
        self,
        request: Request,
        access: Reader,
        round_id: Short,
        enterprise_id: Short,
        checklist: Short,
        drill: bool = False,
    ) -> Response:
        """The form of one stage, enterprise, round and checklist."""
        stage = STAGE_OF_ROLE.get(access.principal.role)
        self._require_read(access, enterprise_id)
        round_ = access.registry.round(round_id)
        if stage is None or round_ is None:
            raise not_found()
        listed = self._checklist(checklist)
        versions = (await self._read.head(enterprise_id)).versions
        standing = {
            each: str(id)
            for each in STAGES
            if (id := versions.get(version_key(round_id, each, checklist, drill=drill))) is not None
        }
        unit_id = (access.registry.enterprise(enterprise_id) or {})["unit_id"]
        facts = {
            "round_id": round_id,
            "stage": stage,
            "unit_id": unit_id,
            "enterprise_id": enterprise_id,
            "checklist": checklist,
            "drill": drill,
            "today": self._read.today.isoformat(),
            "standing": standing,
        }
        return self._show(
            request,
            access,
            "form.html",
            facts=facts,
            enterprise=access.registry.enterprise(enterprise_id),
            unit=access.registry.unit(unit_id),
            checklist=listed,
            window=self._read.window(round_, stage),
            grading=self._grading(language_of(request) == "zh-CN"),
        )

    async def round(self, request: Request, access: Reader, round_id: str) -> Response:
        """A round to open, change or close, and its units; `new` makes one."""
        access.require_role(Action.REGISTER)
        known = access.registry.round(round_id)
        if known is None and round_id != "new":
            raise not_found()
        units = [
            (id, unit, access.registry.enrolment(round_id, id), len(access.registry.enterprises_of_unit(id)))
            for id, unit in sorted(access.registry.all("units").items())
        ]
        spans = {stage: self._days(((known or {}).get("windows") or {}).get(stage)) for stage in STAGES}
        revision = access.registry.revision("rounds", round_id)
        return self._show(
            request,
            access,
            "round.html",
            round_id=round_id,
            round=known,
            units=units,
            spans=spans,
            revision=revision,
            today=self._read.today,
        )

    async def enrolment(self, request: Request, access: Reader, round_id: str, unit_id: str) -> Response:
        """A unit's part in a round: guidance class with the reason, team, enterprises."""
        access.require_role(Action.REGISTER)
        round_, unit = access.registry.round(round_id), access.registry.unit(unit_id)
        if round_ is None or unit is None:
            raise not_found()
        own = sorted(access.registry.enterprises_of_unit(unit_id))
        return self._show(
            request,
            access,
            "enrolment.html",
            round_id=round_id,
            unit_id=unit_id,
            unit=unit,
            enrolment=access.registry.enrolment(round_id, unit_id),
            revision=access.registry.revision("enrolments", f"{round_id}:{unit_id}"),
            enterprises=[(code, access.registry.enterprise(code)) for code in own],
            teams=sorted(access.registry.all("teams").items()),
            classes=CLASSES,
        )

    async def keys(self, request: Request, access: Reader, q: Short = "") -> Response:
        """Issue and revoke keys."""
        access.require_role(Action.ISSUE_KEYS)
        found, count = self._read.keys(access, q)
        issuable = ISSUABLE[access.principal.role]
        return self._show(request, access, "keys.html", keys=found, count=count, q=q, issuable=issuable)

    async def _dossier(self, request: Request, access: Access, enterprise_id: str) -> Response:
        self._require_read(access, enterprise_id)
        head = await self._read.head(enterprise_id)
        findings, recent = await self._read.findings(enterprise_id)
        registered = access.registry.enterprise(enterprise_id)
        role = access.principal.role
        decides = role in PERMISSIONS[Action.DECIDE_RECTIFICATION]
        steps = DECISIONS if decides else ("planned", "done") if role in PERMISSIONS[Action.RECTIFY] else ()
        return self._show(
            request,
            access,
            "dossier.html",
            enterprise_id=enterprise_id,
            enterprise=registered,
            unit=access.registry.unit((registered or {})["unit_id"]),
            stage=STAGE_OF_ROLE.get(role),
            offers=self._read.offers(access, enterprise_id, head),
            findings=findings,
            recent=recent,
            steps=steps,
            stages=STAGES,
            titles={each.id: each for each in self._intake.rules.checklists()},
            today=self._read.today,
        )

    def _show(self, request: Request, access: Access, template: str, **context: Any) -> Response:
        role = access.principal.role
        return self._pages.render(
            request,
            template,
            label=label,
            zone=self._intake.zone.key,
            role=role,
            may_submit=role in SUBMITTERS,
            may_register=access.allows(Action.REGISTER),
            may_issue=role in ISSUABLE,
            may_read=role in PERMISSIONS[Action.READ_SUBMISSIONS],
            unit_of=access.registry.unit,
            **context,
        )

    def _require_read(self, access: Access, enterprise_id: str) -> None:
        access.require_role(Action.READ_SUBMISSIONS)
        registered = access.registry.enterprise(enterprise_id)
        if registered is None:
            raise not_found()
        access.require(Action.READ_SUBMISSIONS, registered["unit_id"], enterprise_id)

    def _checklist(self, id: str) -> Checklist:
        try:
            return self._intake.rules.checklist(id)
        except (UnknownRuleSet, TypeError):
            raise not_found() from None

    def _grading(self, chinese: bool) -> dict[str, Any]:
        table = self._intake.rules.at(GRADING, self._read.today).of(GradingTable)
        items = [
            {
                "code": code,
                "title": each.title_zh if chinese else GRADING_EN.get(code, code),
                "points": each.points,
                "bonus_max": each.bonus_max,
            }
            for code, each in table.items.items()
        ]
        reds = [(code, each.title_zh if chinese else each.paraphrase_en) for code, each in table.direct_red.items()]
        return {"items": items, "direct_red": reds}

    def _days(self, span: Mapping[str, Any] | None) -> dict[str, str]:
        """A window's bounds as days, both inclusive; midnight at the end is the day before."""
        if span is None:
            return {"from": "", "to": ""}
        zone = self._intake.zone
        opens, closes = moment(str(span["from"]), zone), moment(str(span["to"]), zone, end=True)
        last = closes.astimezone(zone)
        return {
            "from": opens.astimezone(zone).date().isoformat(),
            "to": (last - timedelta(microseconds=1)).date().isoformat(),
        }
