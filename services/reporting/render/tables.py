"""The tables of a frozen evaluation, in one language; CSV, XLSX, PDF and the page are made from them."""

from services.reporting.render.nation_tables import NATION_TABLES
from services.reporting.render.table import WORDS, Cell, Content, Kind, Table
from services.reporting.render.texts import Texts
from services.reporting.render.unit_tables import UNIT_TABLES

__all__ = ["WORDS", "Cell", "Content", "Kind", "Table", "tables"]


def tables(content: Content, texts: Texts) -> list[Table]:
    """All tables of a unit's or the nation's evaluation, in the order of a report; empty ones are left out."""
    builders = UNIT_TABLES if content["kind"] == "unit" else NATION_TABLES
    found = [build(content, texts) for build in builders]
    return [table for table in found if table.rows]
