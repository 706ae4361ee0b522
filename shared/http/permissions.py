"""Who may do what, as one table (semantics: "Who may do what"); auth.py applies it, the route tests walk it."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a key."""

    ADMIN = "admin"
    NATIONAL = "national"
    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    EXPERT = "expert"
    ENTERPRISE = "enterprise"
    VIEWER = "viewer"


class Action(StrEnum):
    """What a request wants to do."""

    SELF_INSPECT = "self_inspect"
    DECLARE = "declare"
    RECTIFY = "rectify"
    REPORT_ACCIDENT = "report_accident"
    RE_EXAMINE = "re_examine"
    DECIDE_RECTIFICATION = "decide_rectification"
    ASSESS_PARK = "assess_park"
    PROGRESS_KEY_TASK = "progress_key_task"
    VERIFY = "verify"
    RECORD_GUIDANCE = "record_guidance"
    ANSWER_ALERT = "answer_alert"
    READ_SUBMISSIONS = "read_submissions"
    READ_RISK = "read_risk"
    READ_REGISTRY = "read_registry"
    READ_COMPLETENESS = "read_completeness"
    FREEZE_EVALUATION = "freeze_evaluation"
    REGISTER_LOCAL = "register_local"
    REGISTER = "register"
    ISSUE_KEYS = "issue_keys"
    ERASE = "erase"
    OPERATE = "operate"


class Reach(StrEnum):
    """How far an action goes for a role: its own enterprises, the units of its authority or team, its key's scope, or
    everything.
    """

    OWN = "own"
    AREA = "area"
    TEAM = "team"
    SCOPE = "scope"
    ALL = "all"


_OWN = {Role.ENTERPRISE: Reach.OWN}
_COUNTY = {Role.COUNTY: Reach.AREA}
_TIERS = {Role.COUNTY: Reach.AREA, Role.PREFECTURE: Reach.AREA, Role.PROVINCE: Reach.AREA}
_EXPERT = {Role.EXPERT: Reach.TEAM}
_NATIONAL = {Role.NATIONAL: Reach.ALL}
_OFFICE = {Role.NATIONAL: Reach.ALL, Role.ADMIN: Reach.ALL}

PERMISSIONS: dict[Action, dict[Role, Reach]] = {
    Action.SELF_INSPECT: _OWN,
    Action.DECLARE: _OWN,
    Action.RECTIFY: _OWN,
    Action.REPORT_ACCIDENT: _OWN | _COUNTY,
    Action.RE_EXAMINE: _COUNTY,
    Action.DECIDE_RECTIFICATION: _COUNTY | _EXPERT,
    Action.ASSESS_PARK: _COUNTY,
    Action.PROGRESS_KEY_TASK: _COUNTY,
    Action.VERIFY: _EXPERT,
    Action.RECORD_GUIDANCE: _EXPERT,
    Action.ANSWER_ALERT: _TIERS | _NATIONAL,
    Action.READ_SUBMISSIONS: _OWN | _TIERS | _EXPERT | _NATIONAL,
    Action.READ_RISK: _OWN | _TIERS | _EXPERT | _NATIONAL | {Role.VIEWER: Reach.SCOPE},
    Action.READ_REGISTRY: _OWN | _TIERS | _EXPERT | _OFFICE | {Role.VIEWER: Reach.SCOPE},
    Action.READ_COMPLETENESS: _OFFICE,
    Action.FREEZE_EVALUATION: _EXPERT | _NATIONAL,
    Action.REGISTER_LOCAL: _COUNTY | _OFFICE,
    Action.REGISTER: _OFFICE,
    Action.ISSUE_KEYS: _COUNTY | _OFFICE,
    Action.ERASE: _OFFICE,
    Action.OPERATE: {Role.ADMIN: Reach.ALL},
}
