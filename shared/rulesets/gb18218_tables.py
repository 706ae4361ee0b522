"""The tables of GB 18218-2018 as frozen values, checked when they are loaded; used by gb18218."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from pydantic import Field

from shared.rulesets.tables import Row, doubled, require, rows

Named = tuple[str, bytes]


class Row1(Row):
    """Table 1: critical quantity (t) by name; `beta_table3` where Table 3 names the substance."""

    seq: int = Field(ge=1)
    name_zh: str
    alias_zh: str = ""
    cas: str = ""
    name_en: str
    critical_quantity_t: Decimal = Field(gt=0)
    beta_table3: Decimal | None = Field(default=None, gt=0)
    note: str = ""

    def names(self) -> set[str]:
        """Every name it bears, case-folded."""
        return {each.casefold() for each in (self.name_zh, self.name_en, *self.alias_zh.split(";"))}


class Row2(Row):
    """Table 2: critical quantity (t) by class symbol."""

    symbol: str
    class_zh: str
    description_en: str
    critical_quantity_t: Decimal = Field(gt=0)


class RowBeta(Row):
    """Tables 3 (by name) and 4 (by class symbol): beta."""

    table: Literal["3", "4"]
    key: str
    class_or_name_zh: str
    cas: str = ""
    name_en: str
    beta: Decimal = Field(gt=0)


class RowAlpha(Row):
    """Table 5: alpha by people living within 500 m, both bounds inclusive."""

    population_min: int = Field(ge=0)
    population_max: int | None = None
    alpha: Decimal = Field(gt=0)
    label_zh: str


class RowLevel(Row):
    """Table 6: level by R."""

    level: int = Field(ge=1, le=4)
    name_zh: str
    r_min_inclusive: Decimal | None = None
    r_max_exclusive: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Class:
    """A class symbol with its critical quantity (Table 2, tonnes) and beta (Table 4)."""

    symbol: str
    class_zh: str
    description_en: str
    critical_quantity_t: Decimal
    beta: Decimal


@dataclass(frozen=True, slots=True)
class Table:
    """The standard's tables: rows of Table 1 by number, classes by symbol, alpha and levels from the highest bound
    down.
    """

    rows: dict[int, Row1]
    classes: dict[str, Class]
    alpha: tuple[RowAlpha, ...]
    levels: tuple[RowLevel, ...]

    def alpha_for(self, population: int) -> Fraction:
        """Table 5."""
        return next(Fraction(row.alpha) for row in self.alpha if population >= row.population_min)

    def level_for(self, r: Fraction) -> int:
        """Table 6: I R >= 100, II 50 <= R < 100, III 10 <= R < 50, IV R < 10."""
        return next(row.level for row in self.levels if row.r_min_inclusive is None or r >= row.r_min_inclusive)

    def rows_named(self, name: str | None) -> tuple[int, ...]:
        """Rows of Table 1 whose name or alias is exactly `name` (zh or en, any case); several for nitrocellulose."""
        wanted = (name or "").strip().casefold()
        if not wanted:
            return ()
        return tuple(row.seq for row in self.rows.values() if wanted in row.names())


def parse(table1: Named, table2: Named, beta: Named, alpha: Named, levels: Named) -> Table:
    """The tables from their files (name, bytes). Raises `InvalidRules` with everything wrong, gaps between tables
    included.
    """
    first, second, betas = rows(*table1, Row1), rows(*table2, Row2), rows(*beta, RowBeta)
    alphas = sorted(rows(*alpha, RowAlpha), key=lambda row: -row.population_min)
    bounds = sorted(rows(*levels, RowLevel), key=lambda row: row.level)
    by_symbol = {row.key: row.beta for row in betas if row.table == "4"}
    require(
        [
            *doubled(f"{table1[0]}: row", (row.seq for row in first)),
            *doubled(f"{table2[0]}: symbol", (row.symbol for row in second)),
            *doubled(f"{beta[0]}: key", ((row.table, row.key) for row in betas)),
            *(f"{beta[0]}: Table 4 has no beta for {row.symbol}" for row in second if row.symbol not in by_symbol),
            *_alpha_gaps(alpha[0], alphas),
            *_level_gaps(levels[0], bounds),
            *_table3_mismatches(table1[0], first, betas),
        ]
    )
    classes = [
        Class(row.symbol, row.class_zh, row.description_en, row.critical_quantity_t, by_symbol[row.symbol])
        for row in second
    ]
    return Table({row.seq: row for row in first}, {row.symbol: row for row in classes}, tuple(alphas), tuple(bounds))


def _table3_mismatches(name: str, first: tuple[Row1, ...], betas: tuple[RowBeta, ...]) -> list[str]:
    by_cas = {row.cas: row.beta for row in betas if row.table == "3"}
    return [
        f"{name}: row {row.seq} has beta {row.beta_table3}, Table 3 says {by_cas[row.cas]}"
        for row in first
        if row.cas in by_cas and row.beta_table3 != by_cas[row.cas]
    ]


def _alpha_gaps(name: str, alphas: list[RowAlpha]) -> list[str]:
    if not alphas or alphas[-1].population_min != 0 or alphas[0].population_max is not None:
        return [f"{name}: the bands must start at 0 and end open"]
    return [
        f"{name}: {low.label_zh} does not end where {high.label_zh} begins"
        for high, low in pairwise(alphas)
        if low.population_max != high.population_min - 1
    ]


def _level_gaps(name: str, bounds: list[RowLevel]) -> list[str]:
    each_once = [row.level for row in bounds] == [1, 2, 3, 4]
    if not each_once or bounds[0].r_max_exclusive is not None or bounds[-1].r_min_inclusive is not None:
        return [f"{name}: levels 1 to 4 must each stand once, level 1 open above, level 4 open below"]
    return [
        f"{name}: level {worse.level} does not begin where level {row.level} ends"
        for worse, row in pairwise(bounds)
        if worse.r_min_inclusive != row.r_max_exclusive
    ]
