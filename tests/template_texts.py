"""The texts of a page's template that need a translation, for the tests of each service's pages."""

from collections.abc import Iterator

from jinja2 import Environment


def texts_of(source: str) -> Iterator[str]:
    """The texts that a template hands to `_` and `ngettext`; of the latter the plural, which Chinese is kept under."""
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    for _, function, text in environment.extract_translations(source):
        found = text if isinstance(text, tuple) else (text,)
        wanted = found[1] if function == "ngettext" else found[0]
        if wanted is not None:
            yield wanted
