"""The command line, environment and readiness probe of one service replica. Used by `Runtime`."""

import http.client
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.child import MARKER, Command
from deploy.local.data_dir import Secrets, SimulatedClock
from deploy.local.ports import SERVICES, Ports, replica_name

SOURCE_ROOT = Path(__file__).resolve().parents[2]


def settings_environment(
    secrets: Secrets, ports: Ports, kafka: str, mongo: str, clock: SimulatedClock | None
) -> dict[str, str]:
    """`KEYCOUNTY_…` settings that all services share; what the caller's environment sets besides stays."""
    values = {
        "KAFKA_BOOTSTRAP": kafka,
        "MONGO_URI": mongo,
        "TOPIC_REPLICATION": "1",
        "SIGNING_KEY_FILE": str(secrets.signing_key_file),
        "CONTACT_KEY_FILE": str(secrets.contact_key_file),
        "SESSION_SECRET_FILE": str(secrets.session_secret_file),
        "ADMIN_KEY_SHA256": secrets.admin_key_sha256,
        "HOST": "127.0.0.1",
    }
    values |= {f"PUBLIC_URL_{name.upper()}": service_url(ports, name) for name in SERVICES}
    values["EGRESS_ALLOW"] = os.environ.get("KEYCOUNTY_EGRESS_ALLOW", json.dumps(["127.0.0.0/8"]))
    if clock:
        values |= {"CLOCK_START": clock.start.isoformat(), "CLOCK_ANCHOR": clock.anchor.isoformat()}
    return {f"KEYCOUNTY_{name}": value for name, value in values.items()}


def service_url(ports: Ports, name: str, replica: int = 0) -> str:
    return f"http://127.0.0.1:{ports.service(name, replica)}"


def service_command(
    name: str, replica: int, ports: Ports, data_dir: Path, *, argv: tuple[str, ...], environment: Mapping[str, str]
) -> Command:
    """One replica: its own port, working directory and log; ready when its `/health/ready` answers 200."""
    label, port = replica_name(name, replica), ports.service(name, replica)
    cwd = data_dir / "services" / label
    scratch = cwd / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed one left
    scratch.mkdir(parents=True)
    own = {
        MARKER: str(data_dir),
        "KEYCOUNTY_PORT": str(port),
        "KEYCOUNTY_INSTANCE": label,
        "TMPDIR": str(scratch),  # nothing is written outside the data directory
        "PYTHONPATH": os.pathsep.join(filter(None, (str(SOURCE_ROOT), os.environ.get("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # glibc's arena per thread costs tens of MB a service
    }
    return Command(
        name=label,
        argv=argv,
        log=data_dir / "logs" / f"{label}.log",
        ready=lambda: readiness(port) == "",
        env={**environment, **own},
        cwd=cwd,
    )


def module_argv(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"services.{name}")


def readiness(port: int) -> str:
    """Empty when the service is ready, else what its `/health/ready` answered or why it did not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
        return "" if answer.status == http.HTTPStatus.OK else f"{answer.status} {body}"
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
