"""GB 18218-2018: identification and grading of major hazard units. Called by intake (assess, validation) and scoring.

Arithmetic is exact (fractions of the decimal figures given), so that S = 1 and the bounds of the levels count as
written.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from shared.events.inspections import Substance
from shared.rulesets.gb18218_tables import Class, Row1, Table, parse

__all__ = ["Assessment", "Contribution", "Invalid", "RuleError", "Table", "assess", "parse"]

_SEPARATORS = re.compile(r"[\s,;+/、，；]+")


@dataclass(frozen=True, slots=True)
class RuleError:
    """What is wrong with an input: JSON pointer into the declaration, stable code, detail."""

    pointer: str
    code: str
    detail: str


class Invalid(ValueError):
    """A declaration that cannot be assessed; `errors` names everything wrong."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one substance adds: q and Q in tonnes, ratio q/Q, beta (Table 3 or 4), and the clauses they come from.

    `named_in_table_1` lists rows of Table 1 that bear the given name although only a class was given: the row may be
    the right one.
    """

    index: int
    seq: int | None
    name_zh: str
    name_en: str
    classes: tuple[str, ...]
    quantity_t: float
    critical_quantity_t: float
    ratio: float
    beta: float
    weighted: float
    critical_quantity_clause: str
    beta_clause: str
    named_in_table_1: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """S (sum of q/Q), and when S >= 1 also R and the level 1..4; `level` None means "no major hazard unit", not level
    IV.
    """

    s: float
    r: float | None
    level: int | None
    alpha: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class _Term:
    ratio: Fraction
    weighted: Fraction
    contribution: Contribution


def assess(table: Table, substances: Sequence[Substance], exposed_population: int) -> Assessment:
    """S = sum(q/Q) (4.2.1); if S >= 1, R = alpha * sum(beta * q/Q) (4.3.2) and its level (Table 6).

    `exposed_population`: people living within 500 m outside the plant's boundary (Table 5). Raises `Invalid` with
    every error.
    """
    errors: list[RuleError] = []
    if exposed_population < 0:
        errors.append(RuleError("/exposed_population", "negative", "people within 500 m cannot be fewer than 0"))
    if not substances:
        errors.append(RuleError("/substances", "empty", "a hazard unit holds at least one substance"))
    terms = [_term(table, index, substance, errors) for index, substance in enumerate(substances)]
    if errors:
        raise Invalid(errors)
    return _assessment(table, [term for term in terms if term is not None], exposed_population)


def _assessment(table: Table, terms: Sequence[_Term], exposed_population: int) -> Assessment:
    s = sum((term.ratio for term in terms), Fraction(0))
    alpha = table.alpha_for(exposed_population)
    contributions = tuple(term.contribution for term in terms)
    if s < 1:
        return Assessment(float(s), None, None, float(alpha), contributions)
    r = alpha * sum((term.weighted for term in terms), Fraction(0))
    return Assessment(float(s), float(r), table.level_for(r), float(alpha), contributions)


def _term(table: Table, index: int, substance: Substance, errors: list[RuleError]) -> _Term | None:
    at, before = f"/substances/{index}", len(errors)
    if not math.isfinite(substance.quantity_t) or substance.quantity_t <= 0:
        errors.append(RuleError(f"{at}/quantity_t", "not_positive", "the quantity in tonnes must be above 0"))
    classes = _classes(table, at, substance, errors)
    row = _row(table, at, substance, errors)
    if row is not None and row.beta_table3 is None and not substance.class_:
        detail = f"{row.name_zh} (row {row.seq} of Table 1) has no beta in Table 3: a class symbol of Table 4 is needed"
        errors.append(RuleError(f"{at}/class", "class_required", detail))
    if len(errors) > before:
        return None
    return _counted(table, index, substance, row, classes)


def _row(table: Table, at: str, substance: Substance, errors: list[RuleError]) -> Row1 | None:
    if substance.seq is None:
        if not substance.class_:
            named = ", ".join(str(seq) for seq in table.rows_named(substance.name))
            hint = f"; {substance.name} stands in row {named} of Table 1" if named else ""
            detail = f"give seq (row of Table 1) or class (symbol of Table 2){hint}"
            errors.append(RuleError(at, "seq_or_class_required", detail))
        return None
    row = table.rows.get(substance.seq)
    if row is None:
        detail = f"Table 1 has no row {substance.seq} (1 to {max(table.rows)})"
        errors.append(RuleError(f"{at}/seq", "seq_unknown", detail))
    return row


def _classes(table: Table, at: str, substance: Substance, errors: list[RuleError]) -> list[Class]:
    symbols = [symbol for symbol in _SEPARATORS.split(substance.class_ or "") if symbol]
    if substance.class_ and not symbols:
        errors.append(RuleError(f"{at}/class", "class_unknown", "the class names no symbol of Table 2"))
    errors.extend(
        RuleError(f"{at}/class", "class_unknown", f"Table 2 has no class symbol {symbol}")
        for symbol in symbols
        if symbol not in table.classes
    )
    return [table.classes[symbol] for symbol in symbols if symbol in table.classes]


def _counted(table: Table, index: int, substance: Substance, row: Row1 | None, classes: Sequence[Class]) -> _Term:
    quantity = Fraction(repr(substance.quantity_t))
    if row is not None:
        critical, critical_clause = Fraction(row.critical_quantity_t), f"GB 18218-2018 Table 1 row {row.seq}"
    else:
        lowest = min(classes, key=lambda found: found.critical_quantity_t)
        critical, critical_clause = Fraction(lowest.critical_quantity_t), f"GB 18218-2018 Table 2 {lowest.symbol}"
    beta, beta_clause = _beta(row, classes)
    ratio = quantity / critical
    contribution = Contribution(
        index=index,
        seq=row.seq if row else None,
        name_zh=row.name_zh if row else substance.name or "",
        name_en=row.name_en if row else substance.name or "",
        classes=tuple(found.symbol for found in classes),
        quantity_t=substance.quantity_t,
        critical_quantity_t=float(critical),
        ratio=float(ratio),
        beta=float(beta),
        weighted=float(beta * ratio),
        critical_quantity_clause=critical_clause,
        beta_clause=beta_clause,
        named_in_table_1=() if row else table.rows_named(substance.name),
    )
    return _Term(ratio, beta * ratio, contribution)


def _beta(row: Row1 | None, classes: Sequence[Class]) -> tuple[Fraction, str]:
    if row is not None and row.beta_table3 is not None:
        return Fraction(row.beta_table3), "GB 18218-2018 Table 3"
    highest = max(classes, key=lambda found: found.beta)
    return Fraction(highest.beta), f"GB 18218-2018 Table 4 {highest.symbol}"
