"""The `keycounty` command: one module per command, each adding itself to the app of `main`."""
