"""`python -m tests.chart` (`make chart`): renders the Helm chart, for the test that looks at it where no helm is."""

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "helm"
VALUES = ROOT / "tests" / "unit" / "deploy" / "chart_values.yaml"
RENDERED = VALUES.with_name("chart_rendered.yaml")


def digest() -> str:
    """SHA-256 of everything that the rendering depends on: the rendered file names the one it was made from."""
    files = sorted(path for path in CHART.rglob("*") if path.is_file())
    parts = (f"{path.name}\n".encode() + path.read_bytes() for path in [*files, VALUES])
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def render() -> str:
    """The manifests, below the digest. Raises CalledProcessError for a chart that helm refuses."""
    for command in ("lint", "template"):
        name = ["keycounty"] if command == "template" else []
        done = subprocess.run(["helm", command, *name, CHART, "-f", VALUES], capture_output=True, text=True, check=True)
    return f"# Rendered by `make chart` from {digest()}\n{done.stdout}"


if __name__ == "__main__":
    RENDERED.write_text(render(), encoding="utf-8")
