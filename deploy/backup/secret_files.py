"""The secret files of a deployment, in a backup and back: signing keys, contact key, session secret."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.backup.archive import SECRETS, BackupError, Entry, write_secret
from deploy.local.data_dir import write_private
from shared.receipts import kid_of, private_keys
from shared.settings import Settings

SIGNING, CONTACT, SESSION, ADMIN, CLOCK = "signing-keys", "contact-key", "session-secret", "admin-key", "clock.json"


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where a deployment keeps its secrets. `signing` is a PEM file or a folder of them; `admin` and `clock` (the
    simulated one) are there in a local runtime alone.
    """

    signing: Path | None = None
    contact: Path | None = None
    session: Path | None = None
    admin: Path | None = None
    clock: Path | None = None

    @classmethod
    def of_settings(cls, settings: Settings) -> "SecretFiles":
        return cls(settings.signing_key_file, settings.contact_key_file, settings.session_secret_file)

    @classmethod
    def of_data_dir(cls, data_dir: Path) -> "SecretFiles":
        """Those of a local runtime."""
        folder = data_dir / "secrets"
        return cls(
            signing=folder / "signing-key.pem",
            contact=folder / "contact-key",
            session=folder / "session-secret",
            admin=folder / "admin-key",
            clock=data_dir / "clock.json",
        )

    def missing(self) -> list[str]:
        """What each service needs and cannot be found."""
        wanted = {"signing key": self.signing, "contact key": self.contact, "session secret": self.session}
        return [name for name, path in wanted.items() if path is None or not path.exists()]

    def existing(self) -> Iterator[tuple[str, Path]]:
        """Name within a backup and path of every file there is."""
        if self.signing is not None and self.signing.is_dir():
            yield from ((f"{SIGNING}/{path.name}", path) for path in sorted(self.signing.glob("*.pem")))
        elif self.signing is not None and self.signing.is_file():
            yield f"{SIGNING}/{self.signing.name}", self.signing
        named = {CONTACT: self.contact, SESSION: self.session, ADMIN: self.admin, CLOCK: self.clock}
        yield from ((name, path) for name, path in named.items() if path is not None and path.is_file())


def save(files: SecretFiles, folder: Path) -> list[Entry]:
    """Copies them into a backup."""
    return [write_secret(folder, name, path.read_bytes()) for name, path in files.existing()]


def signing_key_ids(files: SecretFiles) -> tuple[str, ...]:
    """The ids of the keys that receipts are signed with."""
    pems = [path.read_bytes() for name, path in files.existing() if name.startswith(SIGNING)]
    return tuple(sorted({kid_of(key.public_key()) for pem in pems for key in private_keys(pem)}))


def planned(folder: Path, files: SecretFiles) -> dict[Path, bytes]:
    """What bringing them back writes where: only what differs from what is there."""
    kept = folder / SECRETS
    found = {path.relative_to(kept).as_posix(): path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    targets = {CONTACT: files.contact, SESSION: files.session, ADMIN: files.admin, CLOCK: files.clock}
    wanted = {path: found[name] for name, path in targets.items() if path is not None and name in found}
    wanted |= _signing(files.signing, {name: content for name, content in found.items() if name.startswith(SIGNING)})
    return {path: content for path, content in wanted.items() if not _holds(path, content)}


def _signing(target: Path | None, found: dict[str, bytes]) -> dict[Path, bytes]:
    if target is None or not found:
        return {}
    if target.is_dir():
        return {target / name.removeprefix(f"{SIGNING}/"): content for name, content in found.items()}
    # In a single file the first key signs; in a folder it is the one last by name.
    return {target: b"".join(found[name] for name in sorted(found, reverse=True))}


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def bring_back(wanted: dict[Path, bytes]) -> list[str]:
    """Writes them with mode 0600; a file that is replaced stays beside it. Answers what was done, one line a file."""
    done: list[str] = []
    for path, content in wanted.items():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists():
                path.replace(path.with_name(f"{path.name}.replaced"))
                done.append(f"{path}: written; what was there is now {path.name}.replaced")
            else:
                done.append(f"{path}: written")
            write_private(path, content)
        except OSError as wrong:
            fault = f"{path} cannot be written ({wrong.strerror}); put the file of the backup's {SECRETS} folder there"
            raise BackupError([fault]) from wrong
    return done
