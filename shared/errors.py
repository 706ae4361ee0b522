"""The kinds of failure every service knows; any other exception is a bug and stops the process before it commits."""


class Rejected(Exception):
    """Can never succeed, however often it is tried: the record belongs in the dead letters.

    `reason` is a stable code (`not_an_event`, `unknown_type`, `schema`, `key_mismatch`, ...), `detail` says what was
    wrong.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unavailable(Exception):
    """May succeed later: a store, broker or receiver is away. Retried with a limit.

    `part` names what is away (`store`, `broker`), `retry_after_s` is a hint in seconds.
    """

    def __init__(self, part: str, detail: str, retry_after_s: float = 5.0) -> None:
        super().__init__(f"{part} is not available: {detail}")
        self.part = part
        self.detail = detail
        self.retry_after_s = retry_after_s
