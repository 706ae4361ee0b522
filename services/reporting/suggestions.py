"""Loads the guidance suggestions that come with the service; called by wiring."""

import tomllib
from pathlib import Path

from services.reporting.rules.suggestions import Suggestion

FILE = Path(__file__).with_name("guidance_suggestions.toml")


def load_suggestions(file: Path = FILE) -> dict[str, Suggestion]:
    """Suggestions by what they are about. Raises ValidationError for an entry without text or source."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    return {key: Suggestion.model_validate(entry) for key, entry in content.items() if isinstance(entry, dict)}
