"""Kafka's jars: pinned, checked at every start, fetched once."""

from hashlib import sha256
from pathlib import Path

import pytest

from deploy.local.jars import Jar, JarError, JarLock, ensure_jars, read_lock, render_lock

CONTENT = {"org.a:one:1": b"first", "org.b:two:2": b"second"}
LOCK = JarLock("9.9", "org.a:one:1", tuple(Jar(key, sha256(data).hexdigest()) for key, data in CONTENT.items()))


class Repository:
    """Serves CONTENT, or `replaced`, and remembers what was fetched."""

    def __init__(self, **replaced: bytes) -> None:
        self.replaced = replaced
        self.fetched: list[str] = []

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.fetched.append(jar.filename)
        path = folder / jar.filename
        path.write_bytes(self.replaced.get(jar.coordinate.split(":")[1], CONTENT[jar.coordinate]))
        return path


def test_missing_jars_are_fetched_once(tmp_path: Path) -> None:
    repository = Repository()
    paths = ensure_jars(tmp_path, LOCK, repository)
    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    assert sorted(repository.fetched) == ["one-1.jar", "two-2.jar"]
    assert ensure_jars(tmp_path, LOCK, repository) == paths
    assert len(repository.fetched) == 2


def test_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    paths = ensure_jars(tmp_path, LOCK, Repository())
    paths[1].unlink()
    repository = Repository()
    ensure_jars(tmp_path, LOCK, repository)
    assert repository.fetched == ["two-2.jar"]


def test_a_repository_that_serves_other_bytes_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"two-2.jar: sha256 .* pinned"):
        ensure_jars(tmp_path, LOCK, Repository(two=b"tampered"))
    assert [path.name for path in tmp_path.rglob("*.jar")] == []


def test_a_jar_changed_in_the_cache_is_refused_at_the_next_start_and_named(tmp_path: Path) -> None:
    paths = ensure_jars(tmp_path, LOCK, Repository())
    paths[0].write_bytes(b"tampered")
    repository = Repository()
    with pytest.raises(JarError, match=r"one-1.jar") as error:
        ensure_jars(tmp_path, LOCK, repository)
    assert str(paths[0].parent) in str(error.value)
    assert repository.fetched == []


def test_the_lock_reads_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "lock.toml"
    path.write_text(render_lock(LOCK), encoding="utf-8")
    assert read_lock(path) == LOCK


def test_the_repository_s_lock_pins_the_broker_with_a_hash_for_each_jar() -> None:
    lock = read_lock()
    names = {jar.filename for jar in lock.jars}
    assert f"kafka_2.13-{lock.version}.jar" in names
    assert all(len(jar.sha256) == 64 for jar in lock.jars)
    assert len(names) == len(lock.jars)
