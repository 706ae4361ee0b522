"""Every import rule of pyproject.toml fails on a planted violation, in a copy of the tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.lint.may_import import matches

ROOT = Path(__file__).parents[2]

VIOLATIONS = [
    ("deploy builds on services, services on shared", "shared/planted.py", "import services.intake"),
    ("deploy builds on services, services on shared", "services/intake/planted.py", "import deploy.local"),
    ("events and errors stand alone", "shared/events/planted.py", "import shared.bus"),
    ("events and errors stand alone", "shared/events/planted.py", "import httpx"),
    ("no service imports another", "services/notify/planted.py", "import services.scoring"),
    ("rules are pure", "services/scoring/rules/planted.py", "import random"),
    ("rules are pure", "services/scoring/rules/planted.py", "import logging"),
    ("rules are pure", "services/reporting/rules/planted.py", "import pymongo"),
    ("rules are pure", "services/intake/rules/planted.py", "import services.intake.planted_adapter"),
    ("handlers and stages know no client library", "services/notify/handlers/planted.py", "import aiokafka"),
    ("handlers and stages know no client library", "services/notify/stages/planted.py", "import httpx"),
    ("no adapter imports another", "services/reporting/api/planted.py", "import services.reporting.stores"),
    (
        "deploy reaches services through their wiring, and scoring's rules",
        "deploy/planted.py",
        "import services.notify.rules",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "data", "*.po", "*.html")
    for package in ("shared", "services", "deploy"):
        shutil.copytree(ROOT / package, copy / package, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(tree: Path) -> str:
    """The report of lint-imports over `tree`."""
    command = (str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    environment = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "300", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def plant(path: Path, line: str) -> list[Path]:
    """Write a module at `path`, with what its folder lacks to be a package; the new paths, deepest first."""
    made = []
    for folder in (path.parent, *path.parent.parents):
        if folder.exists():
            break
        made.append(folder)
    for folder in reversed(made):
        folder.mkdir()
        (folder / "__init__.py").touch()
    path.write_text(f"{line}\n", encoding="utf-8")
    return [path, *made]


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(("rule", "module", "line"), VIOLATIONS)
def test_a_planted_violation_breaks_the_rule(tree: Path, rule: str, module: str, line: str) -> None:
    imported = tree / (line.removeprefix("import ").replace(".", "/") + ".py")
    target_is_ours = line.startswith(("import services", "import shared", "import deploy"))
    planted = plant(tree / module, line)
    if target_is_ours and not imported.exists() and not imported.with_suffix("").is_dir():
        planted += plant(imported, "")
    try:
        report = lint(tree)
    finally:
        for path in planted:
            remove(path)
    assert f"{rule} BROKEN" in report
    assert module.removesuffix(".py").replace("/", ".") in report


@pytest.mark.parametrize(
    ("module", "expression", "expected"),
    [
        ("services.intake.rules.bodies", "services.*.rules", True),
        ("services.intake.rules", "services.*.rules", True),
        ("services.intake.rulesets", "services.*.rules", False),
        ("services.intake", "services.*.rules", False),
        ("shared.events", "shared", True),
    ],
)
def test_an_expression_names_a_package_with_all_within(module: str, expression: str, expected: bool) -> None:
    assert matches(module, expression) is expected


def test_the_project_keeps_its_own_rules(tree: Path) -> None:
    assert "0 broken" in lint(tree)


@pytest.mark.parametrize("folder", ["e2e", "faults", "browser"])
@pytest.mark.parametrize("line", ["import shared.events", "from services.intake import rules", "import tests.builders"])
def test_tests_from_outside_may_not_import_what_they_test(tmp_path: Path, folder: str, line: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    target = tmp_path / "tests" / folder
    target.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / folder / "ruff.toml", target)
    (target / "planted.py").write_text(f"{line}\n", encoding="utf-8")
    ruff = str(Path(sys.executable).with_name("ruff"))
    done = subprocess.run((ruff, "check", "--no-cache", "."), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "TID251" in done.stdout
