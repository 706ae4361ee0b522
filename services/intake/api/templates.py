"""Routes of the XLSX templates; query parameters fill in the cells that every row shares."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.intake.api.checklists import checklist_of
from services.intake.rules.checks import gb18218_table
from services.intake.spreadsheets import XLSX
from services.intake.templates_xlsx import of_checklist, of_hazard_units, of_rectifications
from shared.http.auth import Current
from shared.rulesets import RuleSets

Cell = Annotated[str, Query(max_length=100)]


def router(rules: RuleSets) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1")

    @found.get("/checklists/{id}/template.xlsx", response_model=None)
    async def read_checklist_template(
        id: str, _: Current, round_id: Cell = "", unit_id: Cell = "", enterprise_id: Cell = "", stage: Cell = ""
    ) -> Response:
        """A row per item of the checklist."""
        shared = {"round_id": round_id, "unit_id": unit_id, "enterprise_id": enterprise_id, "stage": stage}
        return _file(of_checklist(checklist_of(rules, id), shared), id)

    @found.get("/hazard-units/template.xlsx", response_model=None)
    async def read_hazard_unit_template(_: Current, unit_id: Cell = "", enterprise_id: Cell = "") -> Response:
        """A row per substance, with the tables of GB 18218-2018."""
        table = gb18218_table(rules, None)
        return _file(of_hazard_units(table, {"unit_id": unit_id, "enterprise_id": enterprise_id}), "hazard-units")

    @found.get("/rectifications/template.xlsx", response_model=None)
    async def read_rectification_template(
        _: Current, unit_id: Cell = "", enterprise_id: Cell = "", finding_id: Cell = ""
    ) -> Response:
        """A row per step."""
        shared = {"unit_id": unit_id, "enterprise_id": enterprise_id, "finding_id": finding_id}
        return _file(of_rectifications(shared), "rectifications")

    return found


def _file(content: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(content, media_type=XLSX, headers=headers)
