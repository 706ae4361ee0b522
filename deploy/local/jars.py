"""Kafka's jars: fetched by jgo from Maven Central, pinned by `kafka-jars.toml`, checked at every start by LocalKafka.

`python -m deploy.local.jars` resolves the endpoint anew and rewrites `kafka-jars.toml` (for an update of Kafka).
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("kafka-jars.toml")
Fetch = Callable[["Jar", Path], Path]


class JarError(RuntimeError):
    """A jar is not the pinned one, or could not be fetched."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned jar: Maven coordinate `group:artifact:version` and the SHA-256 of its bytes."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True, slots=True)
class JarLock:
    """The content of `kafka-jars.toml`: what Kafka version, resolved from which endpoint to which jars."""

    version: str
    endpoint: str
    jars: tuple[Jar, ...]


def read_lock(path: Path = LOCK_FILE) -> JarLock:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return JarLock(data["version"], data["endpoint"], tuple(Jar(key, sha) for key, sha in data["jars"].items()))


def package_cache() -> Path:
    """Where fetched packages are kept: `$XDG_CACHE_HOME/keycounty`, else `~/.cache/keycounty`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "keycounty"


def ensure_jars(cache: Path, lock: JarLock, fetch: Fetch | None = None) -> list[Path]:
    """Every pinned jar as a checked file under `cache`, fetching those that are missing; offline when none is.

    Raises JarError naming every jar whose SHA-256 differs from the pinned one, be it old in the cache or just fetched.
    """
    folder = _folder(cache, lock)
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / ".lock"):
        if missing := missing_jars(cache, lock):
            _fetch_all(missing, folder, fetch or fetch_with_jgo)
        paths = [folder / jar.filename for jar in lock.jars]
        _check(list(zip(lock.jars, paths, strict=True)), f"remove {folder} to fetch them again")
    return paths


def missing_jars(cache: Path, lock: JarLock) -> list[Jar]:
    """Those that `ensure_jars` would have to fetch."""
    return [jar for jar in lock.jars if not (_folder(cache, lock) / jar.filename).exists()]


def _folder(cache: Path, lock: JarLock) -> Path:
    return cache / f"kafka-{lock.version}"


def _fetch_all(jars: list[Jar], folder: Path, fetch: Fetch) -> None:
    """Fetch into a directory beside the jars; a jar is renamed into place only when its hash is right."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        with ThreadPoolExecutor(8) as pool:
            fetched = list(pool.map(lambda jar: fetch(jar, Path(scratch)), jars))
        pairs = list(zip(jars, fetched, strict=True))
        _check(pairs, "the repository served other bytes than those pinned")
        for jar, path in pairs:
            path.replace(folder / jar.filename)


def _check(pairs: list[tuple[Jar, Path]], advice: str) -> None:
    wrong = [
        f"{jar.filename}: sha256 {found}, pinned {jar.sha256}"
        for jar, path in pairs
        if (found := sha256_of(path)) != jar.sha256
    ]
    if wrong:
        raise JarError("Kafka jars differ from deploy/local/kafka-jars.toml (" + advice + "):\n  " + "\n  ".join(wrong))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_with_jgo(jar: Jar, repository: Path) -> Path:
    """Download one jar into the Maven-style directory `repository`. Raises JarError when it cannot be had."""
    from jgo.maven import MavenContext

    group, artifact, version = jar.coordinate.split(":")
    context = MavenContext(repo_cache=repository, remote_repos=_repositories(), timeout=60)
    try:
        return Path(context.project(group, artifact).at_version(version).artifact().resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise JarError(f"cannot fetch {jar.coordinate}: {error}; the first run needs a Maven repository") from error


def _repositories() -> dict[str, str]:
    """Maven Central, unless the user's jgo settings name a mirror under `central`."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL

    return {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories


def resolve_lock(version: str, endpoint: str) -> JarLock:
    """Resolve `endpoint` with all it needs at run time and hash what the repository serves."""
    import jgo

    scratch = Path(tempfile.mkdtemp(prefix="keycounty-jars-"))
    try:
        coordinates = sorted({f"{a.groupId}:{a.artifactId}:{a.version}" for a in jgo.resolve(endpoint)})
        jars = (Jar(coordinate, "") for coordinate in coordinates)
        pinned = tuple(Jar(jar.coordinate, sha256_of(fetch_with_jgo(jar, scratch))) for jar in jars)
    finally:
        shutil.rmtree(scratch)
    return JarLock(version, endpoint, pinned)


def render_lock(lock: JarLock) -> str:
    lines = [f'version = "{lock.version}"', f'endpoint = "{lock.endpoint}"', "", "[jars]"]
    return "\n".join(lines + [f'"{jar.coordinate}" = "{jar.sha256}"' for jar in lock.jars]) + "\n"


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    KAFKA = "4.3.1"
    ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA}+org.slf4j:slf4j-simple:1.7.36"
    LOCK_FILE.write_text(render_lock(resolve_lock(KAFKA, ENDPOINT)), encoding="utf-8")
