"""The registry of the demo's world: authorities with contacts, units, enterprises, the round and its enrolments."""

import csv
import random
from importlib.resources import files

from stdnum.cn import uscc

from deploy.cli.demo.submissions import CHARACTERS, UnitSubmissions, add_drill
from deploy.cli.demo.world import ROUND, TEAM, Body, World


def make_world(unit_count: int, enterprise_count: int, seed: int, contact_targets: dict[str, str]) -> World:
    """The world for so many units and enterprises a unit. `contact_targets` gives the webhook receiver's address
    (`webhook`) and secret.
    """
    world, dice = World(), random.Random(seed)
    _add_authorities(world, unit_count, contact_targets)
    for place, unit in enumerate(world.units):
        _add_enterprises(world, unit, place, enterprise_count, dice)
    _add_round(world)
    for place, unit in enumerate(world.units):
        UnitSubmissions(world, unit, CHARACTERS[place % len(CHARACTERS)], dice).submit()
    add_drill(world)
    return world


def _rows(count: int) -> list[dict[str, str]]:
    text = files("deploy.cli.demo").joinpath("data/guidance_units_2023_1.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))[:count]
    for number in range(len(rows) + 1, count + 1):
        rows.append(
            {
                "unit_id": f"sample-unit-{number:02}",
                "name_zh": f"示例单元{number:02}",
                "name_en": f"Sample unit {number:02}",
                "kind": "county",
                "host_division_code": "",
                "prefecture_code": "",
                "province_code": f"{90 + number % 9}0000",
            }
        )
    return rows


def _contact(name: str, channel: str, targets: dict[str, str], locale: str = "zh-CN") -> Body:
    target = f"{name}@keycounty.example" if channel == "email" else f"{targets['webhook']}/{name}"
    secret = targets["secret"] if channel == "webhook" else None
    return {
        "id": f"{name}-{channel}",
        "channel": channel,
        "target": target,
        "secret": secret,
        "locale": locale,
        "hours": None,
    }


def _add_authorities(world: World, unit_count: int, targets: dict[str, str]) -> None:
    put = world.registry.append
    national = {
        "name": {"zh": "国家专班（演示）", "en": "National office (demo)"},
        "tier": "national",
        "parent": None,
        "units": None,
    }
    put(("authorities", "national", national | {"contacts": [_contact("national", "email", targets, "en")]}))
    known = {"national"}
    for row in _rows(unit_count):
        parent = "national"
        for tier, code in (("province", row["province_code"]), ("prefecture", row["prefecture_code"])):
            if not code:
                continue
            name = f"{tier}-{code}"
            if name not in known:
                known.add(name)
                label = {
                    "zh": f"{'省级' if tier == 'province' else '市级'}应急管理部门 {code}（演示）",
                    "en": f"{tier.title()} authority {code} (demo)",
                }
                contacts = [_contact(name, "email", targets), _contact(name, "webhook", targets)]
                put(
                    (
                        "authorities",
                        name,
                        {"name": label, "tier": tier, "parent": parent, "units": None, "contacts": contacts},
                    )
                )
            parent = name
        _add_unit(world, row, parent, targets)


def _add_unit(world: World, row: dict[str, str], parent: str, targets: dict[str, str]) -> None:
    unit_id = row["unit_id"]
    county = f"county-{unit_id}"
    label = {"zh": f"{row['name_zh']}应急管理局（演示）", "en": f"Emergency management bureau, {row['name_en']} (demo)"}
    contacts = [
        _contact(county, "email", targets, "en" if unit_id == "nangang" else "zh-CN"),
        _contact(county, "webhook", targets),
    ]
    world.registry.append(
        (
            "authorities",
            county,
            {"name": label, "tier": "county", "parent": parent, "units": None, "contacts": contacts},
        )
    )
    unit = {
        "name": {"zh": row["name_zh"], "en": row["name_en"]},
        "kind": row["kind"],
        "division_code": row["host_division_code"] or None,
        "division_list": "2023" if row["host_division_code"] else None,
        "authority": county,
        "synthetic": True,
    }
    world.registry.append(("units", unit_id, unit))
    world.units.append({"id": unit_id, "county": county, "prefecture": parent, **unit})
    world.keys[county] = {"role": "county", "scope": {"authority": county}, "label": f"duty officer {unit_id} (demo)"}


def make_uscc(region: str, number: int) -> str:
    """A synthetic unified social credit code with a right check digit; `MADEMO` marks it as invented."""
    body = f"91{region}MADEM{number:04}"
    return body + uscc.calc_check_digit(body)


def _add_enterprises(world: World, unit: Body, place: int, count: int, dice: random.Random) -> None:
    region = unit["division_code"] or f"9{place:05}"
    park = f"park-{unit['id']}"
    world.registry.append(
        (
            "parks",
            park,
            {
                "name": {"zh": f"示例化工园区（{unit['name']['zh']}）", "en": "Sample chemical park"},
                "unit_id": unit["id"],
            },
        )
    )
    members = []
    for number in range(1, count + 1):
        code = make_uscc(region, place * 500 + number)
        body = {
            "name": {
                "zh": f"示例企业{number:02}（{unit['name']['zh']}，虚构）",
                "en": f"Sample enterprise {number:02}, {unit['id']} (synthetic)",
            },
            "unit_id": unit["id"],
            "category": dice.choice(["production", "storage", "user", "pharma"]),
            "park_id": park if number % 2 else None,
        }
        world.registry.append(("enterprises", code, body))
        world.keys[code] = {
            "role": "enterprise",
            "scope": {"enterprises": [code]},
            "label": f"safety officer {code} (demo)",
        }
        members.append(code)
    world.enterprises[unit["id"]] = members


def _window(first: str, last: str) -> Body:
    return {"from": f"{first}T00:00:00+08:00", "to": f"{last}T00:00:00+08:00"}


def _add_round(world: World) -> None:
    members = [
        {"name": "Sample expert A", "field": "process safety", "lead": True},
        {"name": "Sample expert B", "field": "instruments", "lead": False},
    ]
    world.registry.append(
        (
            "teams",
            TEAM,
            {"name": "Expert team 1 (demo)", "units": [unit["id"] for unit in world.units], "members": members},
        )
    )
    world.keys[TEAM] = {"role": "expert", "scope": {"team": TEAM}, "label": "expert team 1 (demo)"}
    world.keys["national"] = {"role": "national", "scope": {}, "label": "national office (demo)"}
    windows = {
        "self_inspection": _window("2023-02-06", "2023-03-04"),
        "re_examination": _window("2023-02-13", "2023-03-11"),
        "expert_verification": _window("2023-02-20", "2023-03-18"),
    }
    period = {"name": "National People's Congress session 全国两会", "from": "2023-03-04", "to": "2023-03-13"}
    tasks = [
        {"id": "dual-prevention", "name": "双重预防机制数字化"},
        {"id": "old-plants", "name": "老旧装置安全风险评估"},
    ]
    body = {
        "year": 2023,
        "number": 1,
        "status": "open",
        "windows": windows,
        "important_periods": [period],
        "key_tasks": tasks,
        "synthetic": True,
    }
    world.registry.append(("rounds", ROUND, body))
    classes = ("improvement", "demonstration", "improvement", "demonstration", "comprehensive", "improvement")
    for place, unit in enumerate(world.units):
        members_of = world.enterprises[unit["id"]]
        enrolment = {
            "round_id": ROUND,
            "unit_id": unit["id"],
            "guidance_class": classes[place % len(classes)],
            "decided_by": "national office (demo)",
            "reason": "demo",
            "team_id": TEAM,
            "expert_target": max(1, len(members_of) // 4),
            "enterprises": members_of,
        }
        world.registry.append(("enrolments", f"{ROUND}:{unit['id']}", enrolment))
