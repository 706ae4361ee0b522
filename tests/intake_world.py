"""Intake in one process on memory stores, with one registered county: what the API tests drive through HTTP."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.data_dir import ensure_secrets
from services.intake.settings import IntakeSettings
from services.intake.stores.memory import (
    Faults,
    MemoryEvidenceStore,
    MemoryLeaseStore,
    MemoryRegistryStore,
    MemorySubmissionStore,
)
from services.intake.wiring import Adapters, Assembled, assemble
from shared.http.auth import hash_key
from shared.memory_bus import MemoryBus
from shared.receipts import SigningKeys
from shared.rulesets import RuleSets
from shared.rulesets.uscc import with_check_digit

ADMIN = "kc_" + "a" * 64
LINZI, FANGSHAN = "linzi", "fangshan"
E1, E2, E3 = (with_check_digit(f"91370305MA3KEY0T{n}") for n in (1, 2, 3))
FOREIGN = with_check_digit("91110111MA3KEY0T4")
WINDOW = {"from": "2023-02-01T00:00:00+08:00", "to": "2023-03-15T00:00:00+08:00"}
STAGES = ("self_inspection", "re_examination", "expert_verification")


class Time:
    """A clock to set."""

    def __init__(self) -> None:
        self.now = datetime(2023, 2, 20, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class World:
    """The service, its adapters and a client."""

    parts: Assembled
    adapters: Adapters
    bus: MemoryBus
    time: Time
    store_faults: Faults
    http: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=lambda: {"admin": ADMIN})
    posted: int = 0

    async def call(
        self, method: str, path: str, who: str | None = "admin", body: Any = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            sent["authorization"] = f"Bearer {self.keys[who]}"
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return await self.http.request(method, path, headers=sent, **content)

    async def ok(self, method: str, path: str, who: str | None = "admin", body: Any = None, **headers: str) -> Any:
        answer = await self.call(method, path, who, body, **headers)
        assert answer.status_code in (200, 201, 204), (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def submit(self, path: str, who: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        self.posted += 1
        return await self.call("POST", path, who, body, Idempotency_Key=key or f"key-{self.posted}", **headers)

    async def issue(self, name: str, role: str, **scope: Any) -> None:
        answer = await self.ok("POST", "/v1/keys", "admin", {"role": role, "scope": scope, "label": name})
        self.keys[name] = answer["key"]

    async def put(self, kind: str, id: str, body: Any) -> None:
        await self.ok("PUT", f"/v1/registry/{kind}/{id}", "admin", body)

    async def register(self) -> None:
        """Two counties, four enterprises, one round with both enrolled, and a key for everybody."""
        await self.put("authorities", "national", {"name": {"zh": "国家", "en": "National"}, "tier": "national"})
        for unit in (LINZI, FANGSHAN):
            authority = {"name": {"zh": unit}, "tier": "county", "parent": "national"}
            await self.put("authorities", f"county-{unit}", authority)
            await self.put(
                "units", unit, {"name": {"zh": unit, "en": unit}, "kind": "district", "authority": f"county-{unit}"}
            )
        for code, unit in ((E1, LINZI), (E2, LINZI), (E3, LINZI), (FOREIGN, FANGSHAN)):
            await self.put(
                "enterprises", code, {"name": {"zh": f"样本 {code}"}, "unit_id": unit, "category": "production"}
            )
        await self.put("parks", "park-1", {"name": "样本园区", "unit_id": LINZI})
        await self.put("teams", "team-1", {"name": "样本专家组", "units": [LINZI], "members": []})
        await self.put("rounds", "2023-1", round_body())
        for unit, codes in ((LINZI, [E1, E2]), (FANGSHAN, [FOREIGN])):
            enrolment = {"round_id": "2023-1", "unit_id": unit, "guidance_class": "improvement", "enterprises": codes}
            await self.put("enrolments", f"2023-1:{unit}", enrolment | {"team_id": "team-1", "expert_target": 1})
        for code in (E1, E2, E3, FOREIGN):
            await self.issue(code, "enterprise", enterprises=[code])
        await self.issue("county", "county", authority="county-linzi")
        await self.issue("other-county", "county", authority="county-fangshan")
        await self.issue("expert", "expert", team="team-1")
        await self.issue("national", "national")
        await self.issue("viewer", "viewer", units=[LINZI])

    async def until_published(self, timeout_s: float = 5.0) -> None:
        """Waits until nothing waits in the outbox."""
        async with asyncio.timeout(timeout_s):
            while await self.adapters.submissions.pending(range(16), 1):
                await asyncio.sleep(0.01)

    def inspections(self) -> list[Any]:
        """Every record of `inspections.v1` as an event."""
        return [delivery.event() for delivery in self.bus.records("inspections.v1")]


def round_body(**changes: Any) -> dict[str, Any]:
    return {
        "year": 2023,
        "number": 1,
        "status": "open",
        "windows": dict.fromkeys(STAGES, WINDOW),
        "important_periods": [{"name": "NPC", "from": "2023-03-04", "to": "2023-03-13"}],
        "key_tasks": [{"id": "t1", "name": "双重预防机制"}],
    } | changes


def inspection(enterprise: str = E1, **changes: Any) -> dict[str, Any]:
    """A valid self-inspection without findings; `findings` names items to report."""
    findings = changes.pop("findings", ())
    results = [
        {"item": str(item), "outcome": "finding", "grade": "major", "location": "罐区"}
        if str(item) in findings
        else {"item": str(item), "outcome": "conform"}
        for item in range(1, 21)
    ]
    return {
        "round_id": "2023-1",
        "stage": "self_inspection",
        "unit_id": LINZI,
        "enterprise_id": enterprise,
        "inspected_on": "2023-02-18",
        "inspector": {"name": "张三", "position": "安全总监"},
        "checklist": "mhd-2017-121",
        "results": results,
        "grading": {"deductions": {"1.1": 4, "4.1": 2.5}, "bonuses": {}, "direct_red": []},
        "supersedes_reason": None,
        "late_reason": None,
        "drill": False,
    } | changes


def hazard_unit(enterprise: str = E1, **changes: Any) -> dict[str, Any]:
    return {
        "hazard_unit_id": "HU-1",
        "enterprise_id": enterprise,
        "unit_id": LINZI,
        "kind": "storage",
        "exposed_population": 60,
        "substances": [{"seq": 12, "quantity_t": 5.0, "class": None}, {"seq": 1, "quantity_t": 5.0}],
        "responsible": {"principal": {"name": "李四", "position": "经理", "phone": "1"}, "technical": None},
        "declared_on": "2023-02-01",
        "drill": False,
    } | changes


def settings_in(folder: Path) -> IntakeSettings:
    """Settings for intake on memory adapters; nothing in them is connected to, the secret files are made."""
    secrets = ensure_secrets(folder)
    return IntakeSettings(
        kafka_bootstrap="unused:1",
        mongo_uri="mongodb://unused/",
        signing_key_file=secrets.signing_key_file,
        contact_key_file=secrets.contact_key_file,
        session_secret_file=secrets.session_secret_file,
        admin_key_sha256=hash_key(ADMIN),
        instance="intake-test",
    )


async def world_of(settings: IntakeSettings, rules: RuleSets) -> World:
    """Intake on memory adapters with its leases claimed, and a client; its parts are not running yet."""
    time, faults, bus, loop = Time(), Faults(), MemoryBus(), asyncio.get_running_loop()
    started = loop.time()

    def lease_clock() -> datetime:
        return datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=loop.time() - started)

    adapters = Adapters(
        submissions=MemorySubmissionStore(faults),
        changes=MemoryRegistryStore(faults),
        leases=MemoryLeaseStore(lease_clock, faults),
        evidence=MemoryEvidenceStore(faults),
        publisher=bus.publisher(),
        now=time,
        keys=SigningKeys([Ed25519PrivateKey.generate()]),
        rules=rules,
        contact_key=b"k" * 32,
        session_secret=b"s" * 32,
    )
    parts = assemble(settings, adapters)
    await parts.leases.step()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(parts.app, raise_app_exceptions=False), base_url="http://intake"
    )
    return World(parts, adapters, bus, time, faults, client)
