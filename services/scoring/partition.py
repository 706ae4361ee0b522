"""One owned partition: its fold, its transactions and the next offset to fold. Held by stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.scoring.handlers import Strict, fold_batch
from services.scoring.ports import Arrived, PartitionFold, Transactions
from shared.bus import Record


@dataclass(slots=True)
class Partition:
    """`next` is the next offset to fold; what lies before it is in the fold and, once committed, with the broker."""

    number: int
    fold: PartitionFold
    transactions: Transactions
    next: int = -1
    moved_at: float = 0.0
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
        return records

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
