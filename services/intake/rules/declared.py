"""Hazard units, installations and their withdrawals as events. Pure; called by becoming."""

from services.intake.rules import bodies
from services.intake.rules.becomings import Becoming, Kind, Sent, mode, person_id, place
from shared.events import inspections as events
from shared.events.base import Submitted
from shared.rulesets import RuleSets


def hazard_unit(body: bodies.HazardUnit, sent: Sent, _: RuleSets) -> Becoming:
    """What a hazard unit becomes."""
    roles: tuple[events.Role, ...] = ("principal", "technical", "operational")
    responsible = {role: person_id(body.responsible.get(role), sent.person_key) for role in roles}
    data = events.HazardUnitDeclared.model_construct(
        **place(body, sent),
        hazard_unit_id=body.hazard_unit_id,
        enterprise_id=body.enterprise_id,
        kind=body.kind,
        exposed_population=body.exposed_population,
        substances=tuple(
            events.Substance.model_construct(
                seq=held.seq, name=held.name, class_=held.class_, quantity_t=held.quantity_t
            )
            for held in body.substances
        ),
        responsible=responsible,
        declared_on=body.declared_on,
    )
    key = f"hazard_unit|{body.hazard_unit_id}|{mode(body)}"
    return Becoming(
        "hazard_unit",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        version_key=key,
        gives=(key,),
        persons=tuple(dict.fromkeys(id for id in responsible.values() if id is not None)),
    )


def installation(body: bodies.Installation, sent: Sent, _: RuleSets) -> Becoming:
    """What a installation becomes."""
    data = events.InstallationDeclared.model_construct(
        **place(body, sent),
        installation_id=body.installation_id,
        enterprise_id=body.enterprise_id,
        commissioned_on=body.commissioned_on,
        design_life_years=body.design_life_years,
        treatment=body.treatment,
    )
    key = f"installation|{body.installation_id}|{mode(body)}"
    return Becoming(
        "installation", body.enterprise_id, body.unit_id, body.enterprise_id, data, version_key=key, gives=(key,)
    )


def withdrawal(body: bodies.Withdrawal, sent: Sent, _: RuleSets) -> Becoming:
    """What a withdrawal becomes."""
    data: Submitted
    told = {**place(body, sent), "enterprise_id": body.enterprise_id, "reason": body.reason}
    if body.kind == "hazard_unit":
        data = events.HazardUnitWithdrawn.model_construct(**told, hazard_unit_id=body.id)
    else:
        data = events.InstallationWithdrawn.model_construct(**told, installation_id=body.id)
    kind: Kind = "hazard_unit_withdrawal" if body.kind == "hazard_unit" else "installation_withdrawal"
    key = f"{body.kind}|{body.id}|{mode(body)}"
    needs = (("", f"unknown_{body.kind}", key),)
    return Becoming(
        kind, body.enterprise_id, body.unit_id, body.enterprise_id, data, version_key=key, needs=needs, takes=(key,)
    )
