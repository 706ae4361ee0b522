"""Unified social credit codes (GB 32100-2015): how enterprises are identified. Used by intake."""

from stdnum.cn import uscc
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError


def problem(code: str) -> str | None:
    """What is wrong with a code, as a stable word (`length`, `characters`, `check_digit`); None when it is valid and
    in its plain form.
    """
    if code != code.strip().upper() or not (code.isascii() and code.isalnum()):
        return "characters" if len(code) == 18 else "length"
    try:
        uscc.validate(code)
    except InvalidLength:
        return "length"
    except InvalidChecksum:
        return "check_digit"
    except (InvalidFormat, ValidationError):
        return "characters"
    return None


def is_valid(code: str) -> bool:
    """Whether a code has 18 characters of the alphabet and the right check digit."""
    return problem(code) is None


def with_check_digit(first17: str) -> str:
    """The whole code from its first 17 characters."""
    return first17 + str(uscc.calc_check_digit(first17))
