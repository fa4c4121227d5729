"""Telephone numbers compared: ``030 1234567`` of a PBX in Germany is ``tel:+49301234567``.

What is shown, dialled and kept of a caller stays as it came; here is only what number it is, to
know callers again and to hold them to limits and patterns. The knowledge is libphonenumber's. What
is no number there (an extension, say) stays what it was. ``country`` is that of the PBX which the
number came from or goes to, as ISO 3166 writes it; '' where nobody has said.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from collab_server import uris

_LONGEST = 17
"""Digits, with ``+``, that libphonenumber reads in any case; no number has more than 15."""


def is_country(code: str) -> bool:
    """Whether there is such a country with telephones."""
    return code in phonenumbers.SUPPORTED_REGIONS


def known_as(uri: str | None, country: str) -> str | None:
    """The number by which a person may be known again: ``+`` and 7 to 15 digits where that can be
    said, else the digits as they came; None for an extension and for what is no number."""
    found = uris.number(uri)
    return international(found, country) if found is not None else None


def international(digits: str, country: str) -> str:
    """``+`` and the number with its country (E.164), if the digits are a number there; else they
    themselves."""
    parsed = _parse(digits, country)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return digits
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def reached(digits: str, country: str) -> str:
    """The same of the number that is called by these digits: those behind a whole number a carrier
    passes over, and one before it may ask the PBX for a line."""
    parsed = _reached(digits, country)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return digits
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def costly(digits: str, country: str) -> str | None:
    """Why a machine should not call, or write to, these digits; None: there is nothing special.

    Numbers that earn money for who is called are what toll fraud is made with.
    """
    if country and phonenumbers.is_emergency_number(digits, country):
        return "an emergency number"
    parsed = _reached(digits, country)
    if parsed is None:
        return None
    if phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
        return "a premium-rate number"
    return None


@lru_cache(maxsize=1_000)
def for_emergencies(digits: str) -> bool:
    """Whether these digits are an emergency number of any country, for a PBX of no known one."""
    regions = phonenumbers.SUPPORTED_SHORT_REGIONS
    return any(phonenumbers.is_emergency_number(digits, region) for region in regions)


def _reached(digits: str, country: str) -> phonenumbers.PhoneNumber | None:
    for dialled in (digits,) if digits.startswith("+") else (digits, digits[1:]):
        parsed = _parse(dialled[:_LONGEST], country)
        if parsed is not None and (
            phonenumbers.is_valid_number(parsed) or phonenumbers.truncate_too_long_number(parsed)
        ):
            return parsed
    return None


def _parse(digits: str, country: str) -> phonenumbers.PhoneNumber | None:
    if not country and not digits.startswith("+"):
        return None
    try:
        return phonenumbers.parse(digits, country or None)
    except NumberParseException:
        return None
