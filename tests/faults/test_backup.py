"""Backups under load, restores killed in the middle, and restores into systems that run."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system import KEYCOUNTY, County, Inbox, System, eventually, free_base, results

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(400)]

ENTERPRISES = 40
# Where the restore is killed: when it says that this is done.
KILLED_AFTER = ("notify alerts", "intake submissions", "intake days", "intake days")


def command(*arguments: object) -> list[str]:
    return [str(KEYCOUNTY), *map(str, arguments)]


def keycounty(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=200, check=False)


@dataclass
class Kept:
    """A backup taken under load, what had been accepted before it began, and everything accepted in the end."""

    folder: Path
    before: dict[str, Any]
    keys: dict[str, str]
    enterprises: list[str]
    inbox: Inbox


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("kept")
    with Inbox() as inbox:
        system = System(folder / "data", inbox).start()
        try:
            county = County(system).register(enterprises=ENTERPRISES)
            accepted: dict[str, Any] = {}
            enough = threading.Event()

            def load() -> None:
                for number, enterprise in enumerate(county.enterprises):
                    answer = system.submit(
                        "/v1/inspections", enterprise, county.inspection(enterprise, results=results("5"))
                    )
                    accepted[enterprise] = answer.json
                    if number == ENTERPRISES // 4:
                        enough.set()

            thread = threading.Thread(target=load)
            thread.start()
            assert enough.wait(60)
            before = dict(accepted)
            taken = keycounty("backup", folder / "backup", "--run-file", system.data_dir / "run.json")
            thread.join()
            assert taken.returncode == 0, taken.stderr
        finally:
            system.stop()
        shutil.rmtree(system.data_dir)
        yield Kept(folder / "backup", before, system.keys, county.enterprises, inbox)


def settled(system: System) -> Any:
    said = system.ok("GET", "reporting", "/v1/completeness", "national")
    return said if said["accepted"] == said["projected"] == said["scored"] > 0 and said["missing"] == 0 else None


def holds(system: System, kept: Kept) -> None:
    """Everything accepted before the backup began is there with its receipt, and nothing of it is missing anywhere."""
    said = eventually(lambda: settled(system), 90, "a complete log")
    assert len(kept.before) <= said["accepted"] <= ENTERPRISES
    for enterprise, answer in kept.before.items():
        chain = system.ok("GET", "intake", f"/v1/receipts/{enterprise}", "county")["items"]
        assert answer["receipt"] in chain


def test_a_restore_killed_again_and_again_ends_whole(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "restored"
    for said in KILLED_AFTER:
        arguments = command("restore", kept.folder, "--data-dir", target, "--port-base", free_base())
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as restoring:
            assert restoring.stdout is not None
            assert any(line.startswith(said) for line in restoring.stdout), f"it never said {said}"
            restoring.kill()
    done = keycounty("restore", kept.folder, "--data-dir", target, "--port-base", free_base())
    assert done.returncode == 0, done.stderr
    system = System(target, kept.inbox)
    system.keys = kept.keys
    system.start()
    try:
        holds(system, kept)
    finally:
        system.stop()


def test_a_restore_into_a_running_empty_system_starts_its_services_again(kept: Kept, tmp_path: Path) -> None:
    system = System(tmp_path / "running", kept.inbox).start()
    try:
        before = system.run["pids"]
        done = keycounty("restore", kept.folder, "--run-file", system.data_dir / "run.json")
        assert done.returncode == 0, done.stderr
        eventually(lambda: system.run["pids"]["intake"] not in ([], before["intake"]), 30, "services started again")
        system.keys = kept.keys
        eventually(lambda: ready(system), 60, "ready services")
        holds(system, kept)
        again = keycounty("restore", kept.folder, "--run-file", system.data_dir / "run.json")
        assert again.returncode == 0, again.stderr
        assert "the log stays as it is" in again.stdout
    finally:
        system.stop()


def test_another_deployment_refuses_the_backup_and_stays_as_it_is(kept: Kept, tmp_path: Path) -> None:
    system = System(tmp_path / "foreign", kept.inbox).start()
    try:
        county = County(system).register(enterprises=2)
        done = keycounty("restore", kept.folder, "--run-file", system.data_dir / "run.json")
        assert done.returncode == 1
        assert "another deployment" in done.stderr
        eventually(lambda: ready(system), 60, "ready services")
        body = county.inspection(county.enterprises[0])
        assert system.submit("/v1/inspections", county.enterprises[0], body).status == 201
    finally:
        system.stop()


def test_a_log_that_knows_more_than_the_backup_refuses_it(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "ahead"
    assert keycounty("restore", kept.folder, "--data-dir", target, "--port-base", free_base()).returncode == 0
    system = System(target, kept.inbox)
    system.keys = kept.keys
    system.start()
    county = County(system, enterprises=kept.enterprises)
    newer = next(iter(kept.before))
    body = county.inspection(newer, results=results("7"), supersedes_reason="later than the backup")
    try:
        assert system.submit("/v1/inspections", newer, body).json["status"] == "published"
    finally:
        system.stop()
    shutil.rmtree(target / "mongo")
    refused = keycounty("restore", kept.folder, "--data-dir", target, "--port-base", free_base())
    assert refused.returncode == 1
    assert f"{newer}: the log has number 2, the backup ends at 1" in refused.stderr
    options = ("--data-dir", target, "--port-base", free_base(), "--accept-newer-log")
    assert keycounty("restore", kept.folder, *options).returncode == 0


def ready(system: System) -> bool:
    try:
        return all(
            system.call("GET", service, "/health/ready").status == 200 for service in ("intake", "notify", "reporting")
        )
    except OSError:
        return False
