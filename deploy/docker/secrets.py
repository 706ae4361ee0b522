"""`python -m deploy.docker.secrets DIR`: keys made at the first start and kept. Run by the compose file's `secrets`."""

import sys
from pathlib import Path

from deploy.local.data_dir import ensure_secrets, write_private


def make(folder: Path) -> str:
    """Make the keys that are missing in `folder`; the admin key, or empty when there was one already."""
    is_first = not (folder / "admin-key").exists()
    made = ensure_secrets(folder)
    write_private(folder / "admin-key-sha256", made.admin_key_sha256.encode())
    return made.admin_key if is_first else ""


if __name__ == "__main__":
    admin_key = make(Path(sys.argv[1]))
    print(f"admin key (shown once): {admin_key}" if admin_key else "keys are there already")  # noqa: T201
