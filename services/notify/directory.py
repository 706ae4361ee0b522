"""Who is responsible for whom, from notify's copy of the registry; and the policy's terms of the moment."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.notify.rules.alert import Alert
from services.notify.rules.routing import OPERATORS, Contact, Desk, Route, desk_of, route_of
from services.notify.rules.timing import Terms, important_periods
from shared.registry import Registry
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays

UNKNOWN_FOR = timedelta(seconds=30)


class RegistryDirectory:
    """Implements `Directory`. `operators` are the contacts of whoever runs the deployment."""

    def __init__(
        self,
        registry: Registry,
        policy: Callable[[], AlertPolicy],
        zone: ZoneInfo,
        calendar: WorkingDays,
        operators: tuple[Contact, ...],
    ) -> None:
        self.registry = registry
        self._policy = policy
        self._zone = zone
        self._calendar = calendar
        self._operators = operators

    def route(self, alert: Alert, now: datetime) -> Route:
        """The unit's chain; for a unit that stays unknown for 30 s, or that nobody can be reached for, the national
        tier and the operators.
        """
        if alert.audience == "operators":
            return self._operator_desks() or self._national(now)
        found = self.route_of_unit(alert.unit_id, now)
        if found:
            return found
        known = self.registry.unit(alert.unit_id) is not None
        return self._last_resort(now) if known or now - alert.opened_at >= UNKNOWN_FOR else ()

    def route_of_unit(self, unit_id: str, now: datetime) -> Route:
        return route_of(self.registry.chain(unit_id), now, self._zone)

    def terms(self) -> Terms:
        periods = important_periods(self.registry.all("rounds").values(), self._zone)
        return Terms(self._policy(), periods, self._zone, self._calendar)

    def unit_name(self, unit_id: str) -> dict[str, str]:
        """`{"zh", "en"}`; the id stands for the name of a unit that is not known."""
        found = (self.registry.unit(unit_id) or {}).get("name") or {}
        return {"zh": found.get("zh") or unit_id, "en": found.get("en") or unit_id}

    def _last_resort(self, now: datetime) -> Route:
        return (*self._national(now), *self._operator_desks())

    def _national(self, now: datetime) -> Route:
        found = [
            desk_of("national", id, authority, now, self._zone)
            for id, authority in sorted(self.registry.all("authorities").items())
            if authority.get("tier") == "national" and id != OPERATORS
        ]
        return tuple(desk for desk in found if desk.contacts)

    def _operator_desks(self) -> Route:
        name = {"zh": "运维", "en": "Operators"}
        return (Desk("national", OPERATORS, name, self._operators),) if self._operators else ()
