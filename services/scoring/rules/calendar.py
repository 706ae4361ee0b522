"""Days and times of a unit: Asia/Shanghai, which has had no summer time since 1991. Pure; called by the fold."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8))
DAY = timedelta(hours=24)


def midnight(day: date) -> datetime:
    """The instant at which a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def day_of(time: datetime) -> date:
    """The day in which an instant falls."""
    return time.astimezone(SHANGHAI).date()
