"""What intake needs beside the common settings: the keys it signs and seals with. Read by `__main__`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.receipts import SigningKeys, private_keys
from shared.secrets import read_key
from shared.settings import ReadableFile, Settings, readable_by


def signing_keys(path: Path) -> SigningKeys:
    """The keys of a PEM file (the first one signs), or of a folder of them (the file last by name signs)."""
    files = sorted(path.glob("*.pem"), reverse=True) if path.is_dir() else [path]
    return SigningKeys([key for file in files for key in private_keys(file.read_bytes())])


class IntakeSettings(Settings):
    """Without a signing key no receipt can be given, without a contact key no contact stored: both must be there."""

    signing_key_file: Annotated[Path, readable_by(signing_keys)]
    contact_key_file: Annotated[Path, readable_by(read_key)]
    session_secret_file: ReadableFile
    port: int = Field(8001, ge=0, le=65_535)


def contact_key(path: Path) -> bytes:
    """The 32 bytes that seal contact targets and turn names into person ids."""
    return read_key(path)
