"""The reduced fold that all contenders of the scoring benchmark share: parse, grade, replace the row, unit
aggregate."""

import orjson

TOTAL = 100.0


class ReducedFold:
    """Rows keyed unit|enterprise, and per unit the sum of the scores and how many there are."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.scores: dict[bytes, float] = {}
        self.units: dict[str, tuple[float, int]] = {}

    def fold(self, value: bytes) -> tuple[bytes, bytes, bytes]:
        """(key of the row, row, output) of one inspection."""
        data = orjson.loads(value)
        unit, enterprise = data["unit_id"], data.get("enterprise_id", "")
        key = f"{unit}|{enterprise}".encode()
        score = graded(data.get("grading") or {})
        findings = sum(result["outcome"] == "finding" for result in data.get("results", ()))
        row = orjson.dumps({"seq": data.get("seq", 0), "score": score, "findings": findings})
        output = orjson.dumps({"unit_id": unit, "mean": self._mean(unit, key, score), "row": key.decode()})
        self.rows[key] = row
        return key, row, output

    def _mean(self, unit: str, key: bytes, score: float) -> float:
        total, count = self.units.get(unit, (0.0, 0))
        before = self.scores.get(key)
        total, count = total + score - (before or 0.0), count + (before is None)
        self.scores[key], self.units[unit] = score, (total, count)
        return total / count


def graded(grading: dict[str, dict[str, float]]) -> float:
    return TOTAL - sum(grading.get("deductions", {}).values()) + sum(grading.get("bonuses", {}).values())
