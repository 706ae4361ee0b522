"""A draft rule file tried on what has happened: used by the rehearsal of `keycounty replay`."""

import shutil
import tempfile
from pathlib import Path

from shared.rulesets.loading import load, packaged_files
from shared.rulesets.registry import RuleSets
from shared.rulesets.tables import document


def with_draft(directory: Path | None, draft: Path) -> RuleSets:
    """The rule sets at hand (a site's `directory` included) with the draft in the place of every version of its rule
    set, so that it holds on each day of the log whatever dates it states. Raises `InvalidRules`.
    """
    with tempfile.TemporaryDirectory() as folder:
        if directory is not None:
            shutil.copytree(directory, folder, dirs_exist_ok=True)
        shutil.copy(draft, Path(folder) / _file_name(draft))
        drafted = load(Path(folder)).all()
    at_hand = {each.ref for each in load(directory).all()}
    replaced = {each.id for each in drafted if each.ref not in at_hand}
    return RuleSets(each for each in drafted if each.id not in replaced or each.ref not in at_hand)


def _file_name(draft: Path) -> str:
    """The name of the file it stands for: a TOML file is known by the `id` it states, a table by its own name."""
    if draft.suffix != ".toml":
        return draft.name
    stated = document(draft.name, draft.read_bytes()).get("id")
    return next(iter(packaged_files().get(str(stated), ())), draft.name)
