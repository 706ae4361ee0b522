"""The import-linter contract `may_import`: all that some modules may import, standard library included."""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class MayImportContract(Contract):
    """Modules matching `modules` directly import nothing but each other and what matches `may_import`.

    Both are lists of dotted names, each standing for a package with all within; `*` stands for one part of a name.
    `anything_outside` (default false) allows the standard library and third-party packages without listing them.
    """

    type_name = "may_import"

    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField())
    anything_outside = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002  the linter calls it so
        broken = sorted(self._broken(graph))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} may not import {imported}", bold=False)

    def _broken(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        allowed = [*_names(self.modules), *_names(self.may_import)]
        for importer in graph.modules:
            if not _matches_any(importer, _names(self.modules)):
                continue
            for imported in graph.find_modules_directly_imported_by(importer):
                outside = bool(self.anything_outside) and graph.is_module_squashed(imported)
                if not outside and not _matches_any(imported, allowed):
                    yield importer, imported


def _names(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(name) for name in value]


def _matches_any(module: str, expressions: list[str]) -> bool:
    return any(matches(module, expression) for expression in expressions)


def matches(module: str, expression: str) -> bool:
    """Whether `module` is what `expression` names, or lies within it."""
    parts, wanted = module.split("."), expression.split(".")
    return len(parts) >= len(wanted) and all(want in ("*", part) for part, want in zip(parts, wanted, strict=False))
