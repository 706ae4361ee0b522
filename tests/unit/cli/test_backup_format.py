"""A backup's files: what is written is read again, and whatever was altered is named."""

import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bson import ObjectId
from bson.int64 import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.backup import archive, secret_files, taking
from deploy.backup.archive import BackupError, Manifest
from deploy.backup.contents import CHUNKS, FILES, PARTS
from deploy.backup.secret_files import SecretFiles
from deploy.local.data_dir import ensure_secrets

AT = datetime(2023, 2, 20, 1, 2, 3, 456000, UTC)
DOCUMENT: dict[str, Any] = {
    "_id": ObjectId("0123456789abcdef01234567"),
    "text": "临淄区 \x00",
    "bytes": b"\x00\xff",
    "uuid": UUID(int=7),
    "at": AT,
    "float": 0.1,
    "int": 1,
    "long": Int64(2**40),
    "none": None,
    "nested": {"list": [True, {"a": []}]},
}


async def each(*documents: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for document in documents:
        yield document


async def a_backup(folder: Path) -> Manifest:
    archive.prepare(folder)
    entries = [await archive.write_documents(folder / part.file, each({"_id": part.collection})) for part in PARTS]
    entries.append(archive.write_secret(folder, "contact-key", b"secret"))
    manifest = Manifest(taken_at=AT, software="0", topic_prefix="k.", database_prefix="k_", files=tuple(entries))
    archive.finish(folder, manifest)
    return manifest


async def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    entry = await archive.write_documents(tmp_path / "a.ndjson.gz", each(DOCUMENT, DOCUMENT | {"_id": 2}))
    assert entry.documents == 2
    assert list(archive.read_documents(tmp_path / "a.ndjson.gz")) == [DOCUMENT, DOCUMENT | {"_id": 2}]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text().filter(lambda t: "$" not in t), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_value_comes_back_as_it_was(tmp_path: Path, value: Any) -> None:
    await archive.write_documents(tmp_path / "a.ndjson.gz", each({"_id": 1, "value": value}))
    assert list(archive.read_documents(tmp_path / "a.ndjson.gz")) == [{"_id": 1, "value": value}]


async def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    first = await archive.write_documents(tmp_path / "a.ndjson.gz", each(DOCUMENT))
    second = await archive.write_documents(tmp_path / "b.ndjson.gz", each(DOCUMENT))
    assert first.sha256 == second.sha256


async def test_a_whole_backup_opens(tmp_path: Path) -> None:
    assert await a_backup(tmp_path) == archive.opened(tmp_path)
    assert archive.opened(tmp_path).documents() == {part.file: 1 for part in PARTS}


async def test_every_altered_missing_and_shortened_file_is_named_at_once(tmp_path: Path) -> None:
    await a_backup(tmp_path)
    altered, missing, shortened = (tmp_path / part.file for part in PARTS[:3])
    altered.write_bytes(altered.read_bytes()[:-1] + b"\x99")
    missing.unlink()
    shortened.write_bytes(shortened.read_bytes()[:-3])
    with pytest.raises(BackupError) as wrong:
        archive.opened(tmp_path)
    assert len(wrong.value.faults) == 3
    assert "altered" in wrong.value.faults[0]
    assert "missing" in wrong.value.faults[1]
    assert "bytes, not" in wrong.value.faults[2]


async def test_a_backup_that_was_broken_off_does_not_open_and_may_be_taken_again(tmp_path: Path) -> None:
    await a_backup(tmp_path)
    (tmp_path / archive.MANIFEST).unlink()
    with pytest.raises(BackupError, match="no finished backup"):
        archive.opened(tmp_path)
    await a_backup(tmp_path)
    assert archive.opened(tmp_path)


async def test_a_folder_in_use_is_no_place_for_a_backup(tmp_path: Path) -> None:
    await a_backup(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "letter.txt").write_text("mine")
    for folder in ("one", "two"):
        with pytest.raises(BackupError, match="not empty"):
            archive.prepare(tmp_path / folder)


async def test_a_manifest_that_points_outside_its_folder_is_refused(tmp_path: Path) -> None:
    manifest = await a_backup(tmp_path / "kept")
    (tmp_path / "stolen").write_text("x")
    entry = archive.entry_of(tmp_path / "stolen", "../stolen")
    archive.finish(tmp_path / "kept", manifest.model_copy(update={"files": (entry,)}))
    with pytest.raises(BackupError, match="outside"):
        archive.opened(tmp_path / "kept")


async def test_evidence_whose_content_has_another_hash_is_not_backed_up_silently(tmp_path: Path) -> None:
    await archive.write_documents(tmp_path / FILES.file, each({"_id": 7, "filename": "0" * 64}))
    await archive.write_documents(tmp_path / CHUNKS.file, each({"_id": 1, "files_id": 7, "n": 0, "data": b"x"}))
    with pytest.raises(BackupError, match="not whole"):
        taking.check_evidence(tmp_path)


def test_secret_files_come_back_private_and_what_they_replace_stays_beside_them(tmp_path: Path) -> None:
    ensure_secrets(tmp_path / "old" / "secrets")
    ensure_secrets(tmp_path / "new" / "secrets")
    old, new = SecretFiles.of_data_dir(tmp_path / "old"), SecretFiles.of_data_dir(tmp_path / "new")
    before = new.contact.read_bytes() if new.contact else b""
    secret_files.save(old, tmp_path / "kept")
    done = secret_files.bring_back(secret_files.planned(tmp_path / "kept", new))
    assert len(done) == 4
    for (_, there), (_, here) in zip(old.existing(), new.existing(), strict=True):
        assert there.read_bytes() == here.read_bytes()
        assert stat.S_IMODE(here.stat().st_mode) == 0o600
    assert (tmp_path / "new" / "secrets" / "contact-key.replaced").read_bytes() == before
    assert secret_files.planned(tmp_path / "kept", new) == {}
    assert secret_files.signing_key_ids(old) == secret_files.signing_key_ids(new)


def test_a_folder_of_signing_keys_becomes_one_file_whose_first_key_is_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("2022.pem", "2023.pem"):
        ensure_secrets(tmp_path / name)
        (folder / name).write_bytes((tmp_path / name / "signing-key.pem").read_bytes())
    secret_files.save(SecretFiles(signing=folder), tmp_path / "kept")
    target = SecretFiles(signing=tmp_path / "signing.pem")
    secret_files.bring_back(secret_files.planned(tmp_path / "kept", target))
    assert (tmp_path / "signing.pem").read_bytes().startswith((folder / "2023.pem").read_bytes())
    assert secret_files.signing_key_ids(target) == secret_files.signing_key_ids(SecretFiles(signing=folder))
