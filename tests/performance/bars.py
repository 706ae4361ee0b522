"""A measured figure and what it is held against. Used by each benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A figure with its bar; `most` False: at least. One that could not be measured (None) is missed."""

    name: str
    value: float | None
    bar: float
    most: bool = True

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.bar if self.most else self.value >= self.bar

    @property
    def text(self) -> str:
        """What is asked for: `<= 3`."""
        return f"{'<=' if self.most else '>='} {self.bar:g}"

    @property
    def measured(self) -> str:
        """The figure, or a dash."""
        return "-" if self.value is None else f"{self.value:.2f}"

    def as_json(self) -> dict[str, object]:
        """Value, bar and whether it is met, for the line that a benchmark ends with."""
        return {"value": None if self.value is None else round(self.value, 4), "bar": self.text, "met": self.met}
