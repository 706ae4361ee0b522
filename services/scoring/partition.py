"""One owned partition: its fold, its transactions and the next offset to fold. Held by stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.scoring.handlers import Strict, fold_batch
from services.scoring.ports import Arrived, PartitionFold, Transactions
from shared.bus import Record


@dataclass(slots=True)
class Partition:
    """`next` is the next offset to fold; what lies before it is in the fold and, once committed, with the broker.

    `moved_at` and `level_at` are the loop's times of the last move and of when nothing was left to fold, `folded_to_ms`
    is the timestamp of the last record folded here.
    """

    number: int
    fold: PartitionFold
    transactions: Transactions
    next: int = -1
    moved_at: float = 0.0
    level_at: float = float("-inf")
    folded_to_ms: int | None = None
    _hole: tuple[int, int] = (-1, -1)
    _reread_at: float = 0.0
    _strict: Strict = field(default_factory=Strict)
    _rows: dict[bytes, bytes] = field(default_factory=dict)

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record of the changelog: only the last of each key is loaded."""
        if value is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = value

    def restore(self) -> None:
        """All of the changelog has been taken."""
        for key, value in self._rows.items():
            self.fold.load(key, value)
        self._rows.clear()

    def continues(self, offset: int) -> bool:
        """Whether a batch starting there leaves nothing out. The very same jump again, after a seek, is a hole in the
        log itself."""
        if offset <= self.next or self._hole == (self.next, offset):
            return True
        self._hole = (self.next, offset)
        return False

    def fold_all(self, arrived: Sequence[Arrived], now: float) -> list[Record]:
        """Folds the records and answers what must become durable with them."""
        records = fold_batch(self.fold, self.number, self._unseen(arrived), self._strict)
        self.next = max(self.next, arrived[-1].offset + 1)
        self.moved_at = now
        self.folded_to_ms = arrived[-1].timestamp
        return records

    def level(self, now: float) -> None:
        """Nothing is left to fold."""
        self.moved_at = self.level_at = now

    def lag_s(self, now: float, now_ms: float) -> float:
        """With something left to fold: the age (seconds) of the last record folded. After an idle time that one is old
        and the next one is not: no more than the time since.
        """
        age_s = 0.0 if self.folded_to_ms is None else (now_ms - self.folded_to_ms) / 1000
        return max(0.0, min(age_s, now - self.level_at))

    def _unseen(self, arrived: Sequence[Arrived]) -> Sequence[Arrived]:
        """Without what is folded already."""
        if arrived[0].offset >= self.next:
            return arrived
        return [record for record in arrived if record.offset >= self.next]

    def reread_due(self, now: float, after: float) -> bool:
        """Whether nothing has come for `after` seconds, asked at most that often."""
        if now - max(self.moved_at, self._reread_at) < after:
            return False
        self._reread_at = now
        return True
