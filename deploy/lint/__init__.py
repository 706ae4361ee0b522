"""Import rules that import-linter does not bring itself; named by `[tool.importlinter]` in pyproject.toml."""
