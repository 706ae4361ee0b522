"""When a dead child is started again, and when its deaths are too many."""

from dataclasses import dataclass, field

import pytest

from deploy.local.supervisor import Supervisor, TooManyDeathsError, restart_delay


@dataclass
class FakeClock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FakeChild:
    name: str = "intake"
    alive: bool = True
    exit_code: int | None = 1
    starts: int = 0
    log: list[str] = field(default_factory=lambda: ["earlier", "the last words"])

    def start(self) -> None:
        self.starts += 1
        self.alive = True

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log[-lines:])


@pytest.fixture
def now() -> FakeClock:
    return FakeClock()


def die(supervisor: Supervisor, child: FakeChild, now: FakeClock, *, after: float) -> None:
    """Let the child die `after` seconds from now and be started again."""
    now.seconds += after
    child.alive = False
    supervisor.tick([child])
    starts = child.starts
    while child.starts == starts:
        now.seconds += 0.01
        supervisor.tick([child])


def test_a_living_child_is_left_alone(now: FakeClock) -> None:
    child = FakeChild()
    assert Supervisor(now=now).tick([child]) is False
    assert child.starts == 0


def test_a_dead_child_is_started_again_after_the_first_delay(now: FakeClock) -> None:
    child, supervisor = FakeChild(alive=False), Supervisor(now=now)
    assert supervisor.tick([child]) is True
    assert child.starts == 0
    now.seconds = restart_delay(1)
    assert supervisor.tick([child]) is True
    assert child.starts == 1
    assert supervisor.tick([child]) is False


def test_the_delay_grows_with_each_death_to_a_limit() -> None:
    assert [restart_delay(deaths) for deaths in (1, 2, 3, 10)] == [0.1, 0.2, 0.4, 3.0]


def test_the_fifth_death_in_a_minute_stops_with_the_last_log_lines(now: FakeClock) -> None:
    child, supervisor = FakeChild(exit_code=70), Supervisor(now=now)
    for _ in range(4):
        die(supervisor, child, now, after=5)
    child.alive = False
    with pytest.raises(
        TooManyDeathsError, match=r"intake died 5 times in a minute, last with code 70:\nearlier\nthe last words"
    ):
        supervisor.tick([child])


def test_deaths_more_than_a_minute_apart_are_not_added_up(now: FakeClock) -> None:
    child, supervisor = FakeChild(), Supervisor(now=now)
    for _ in range(20):
        die(supervisor, child, now, after=16)
    assert child.starts == 20


def test_deaths_of_different_children_are_counted_apart(now: FakeClock) -> None:
    children = [FakeChild(name) for name in ("intake", "notify", "mongo")]
    supervisor = Supervisor(max_deaths=3, now=now)
    for _ in range(2):
        for child in children:
            die(supervisor, child, now, after=0)
    assert [child.starts for child in children] == [2, 2, 2]


def test_one_dead_child_does_not_keep_the_others_waiting(now: FakeClock) -> None:
    first, second = FakeChild("intake", alive=False), FakeChild("notify", alive=False)
    supervisor = Supervisor(now=now)
    supervisor.tick([first, second])
    now.seconds = 1
    supervisor.tick([first, second])
    assert (first.starts, second.starts) == (1, 1)


def test_max_deaths_is_the_number_that_stops(now: FakeClock) -> None:
    supervisor = Supervisor(max_deaths=1, now=now)
    with pytest.raises(TooManyDeathsError):
        supervisor.tick([FakeChild(alive=False)])
