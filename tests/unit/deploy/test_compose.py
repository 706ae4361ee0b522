"""The compose file: what cannot be run without Docker is at least what we say it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.docker.secrets import make
from deploy.local.ports import SERVICES, Ports
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened_probed_and_free_to_scale(name: str) -> None:
    service = COMPOSE[name]
    assert service["command"] == [f"services.{name}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "/health/ready" in service["healthcheck"]["test"][-1]
    assert not {"ports", "container_name"} & service.keys(), "a fixed port or name would forbid a second replica"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_listens_where_the_proxy_and_the_local_runtime_expect_it(name: str) -> None:
    port = Ports().service(name)
    assert COMPOSE[name]["environment"]["KEYCOUNTY_PORT"] == str(port)
    assert f"listen {port}; set $upstream http://{name}:{port};" in (ROOT / "deploy/docker/proxy.conf").read_text(
        "utf-8"
    )


def test_every_setting_is_one_that_services_know() -> None:
    known = {f"KEYCOUNTY_{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    used = {key for part in COMPOSE.values() for key in part.get("environment", {}) if key.startswith("KEYCOUNTY_")}
    assert used <= known


def test_nothing_runs_as_root() -> None:
    built = {name for name, part in COMPOSE.items() if part["image"] == "keycounty"}
    assert "USER 10001:10001" in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    own_user = {"kafka", "proxy"}  # these images name an unprivileged user of their own
    assert {name for name, part in COMPOSE.items() if "user" not in part} == built | own_user


def test_the_image_s_packages_are_pinned_by_hash_at_the_versions_of_the_project() -> None:
    def pins(path: Path) -> set[str]:
        return {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if "==" in line}

    image = pins(ROOT / "deploy/docker/requirements.lock")
    assert image <= pins(ROOT / "requirements.lock")
    assert not [pin for pin in image if pin.startswith(("secantusdb", "pytest"))]


def test_keys_are_made_once_and_the_admin_key_is_shown_once(tmp_path: Path) -> None:
    first = make(tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert first
    assert make(tmp_path) == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_prometheus_looks_for_each_service_where_it_listens() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    assert {name: (job["names"], job["port"]) for name, job in found.items()} == {
        name: ([name], Ports().service(name)) for name in SERVICES
    }
    assert config["rule_files"] == ["/etc/prometheus/rules.yml"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in COMPOSE["prometheus"]["volumes"]
