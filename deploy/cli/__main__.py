"""`python -m deploy.cli`, where the `keycounty` script is not installed."""

from deploy.cli.main import app

app()
