"""The use case that erases a person from the records of submissions. Called by the persons route.

Events, receipts and numbers stay: they hold the person's id and a hash. Each record is replaced by compare-and-set,
since two persons of one record may be erased at the same moment.
"""

from collections.abc import Sequence

from services.intake.handlers import Intake
from services.intake.records import Erasure
from services.intake.rules.erasing import without

AT_ONCE = 100


async def erase(intake: Intake, erasure: Erasure) -> Sequence[Erasure]:
    """Erases the person from every record that still holds details, and answers all erasures there were of them, by
    submission; none: nobody is known by that id. Safe to repeat, and to take up where it broke off (`Unavailable`).
    """
    person, key = erasure.person_id, intake.person_key
    while found := await intake.submissions.naming(person, AT_ONCE):
        for each in found:
            await intake.submissions.erase(each, without(each.record, person, key), erasure)
    return await intake.submissions.erasures(person)
