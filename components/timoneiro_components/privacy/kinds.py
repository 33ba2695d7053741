"""Kinds of personal data, and how a value of each is told: by its form, and by its check digits where it has some."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cnpj, cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.us import ssn

# Ranges and lengths of the large brands; those that are no longer given out are left out.
_CARD_BRANDS = re.compile(
    r"4[0-9]{15}([0-9]{3})?"
    r"|(5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(0[0-5]|[689][0-9])[0-9]{11}"
    r"|(6011|64[4-9][0-9]|65[0-9]{2}|35(2[89]|[3-8][0-9]))[0-9]{12}|62[0-9]{14,17}"
)
_NO_NINO = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
# Where a number without a country code may be from.
_REGIONS = ("BR", "DE", "ES", "FR", "GB", "US")
_PHONE_NAMES = (
    *("phone", "phone number", "telephone", "telephone number", "mobile", "mobile number", "cell", "fax", "tel"),
    *("whatsapp", "telefon", "telefone", "telefono", "celular", "movil", "handy"),
)
# The parts of numbered versions are small, and of an address mostly not.
_LARGE_OCTET = 32


@dataclass(frozen=True)
class PersonalKind:
    """`form`: of a whole value, as RE2 has it. `chance`: at most this share of ordinary texts of that form is valid.

    `names`: how columns of it are called; in these, `loose` is the form of a value, right check digits or not.
    """

    title: str
    form: str
    is_valid: Callable[[str], bool]
    chance: float
    names: tuple[str, ...]
    loose: str


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return _CARD_BRANDS.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def _is_phone(text: str) -> bool:
    for region in (None,) if text.startswith("+") else _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_ip4(text: str) -> bool:
    octets = [int(octet) for octet in text.split(".")]
    return max(octets) <= 255 and octets[0] > 0 and max(octets) >= _LARGE_OCTET


def _is_ip6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_nino(text: str) -> bool:
    return text[:2].upper() not in _NO_NINO


def _has_digits(least: int, most: int) -> str:
    """Of a text that has so many digits, and letters nowhere."""
    return f"[^0-9A-Za-z]*([0-9][^0-9A-Za-z]*){{{least},{most}}}"


KINDS = (
    PersonalKind(
        "e-mail addresses",
        r"[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}",
        lambda text: True,
        0.01,
        ("email", "e mail", "mail", "email address", "e mail address", "mail address"),
        r".+@.+",
    ),
    PersonalKind(
        "telephone numbers",
        r"\+[0-9][0-9 ()./-]{6,22}|\([0-9]{2,5}\) ?[0-9]{3,5}[ -]?[0-9]{3,5}",
        _is_phone,
        0.1,
        _PHONE_NAMES,
        _has_digits(7, 15),
    ),
    PersonalKind(
        "payment card numbers",
        r"[0-9]{13,19}|[0-9]{4}([ -][0-9]{4}){2}[ -][0-9]{2,7}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}",
        _is_card,
        0.1,
        ("card", "card number", "card no", "credit card", "debit card", "creditcard", "cc number", "pan"),
        _has_digits(13, 19),
    ),
    PersonalKind(
        "IBANs",
        r"(?i)[A-Z]{2}[0-9]{2} ?([A-Z0-9]{4} ?){2,7}[A-Z0-9]{0,4}",
        iban.is_valid,
        0.02,
        ("iban",),
        r"(?i)[A-Z]{2}[0-9]{2}[A-Z0-9 ]{8,40}",
    ),
    PersonalKind(
        "IP addresses",
        r"[0-9]{1,3}(\.[0-9]{1,3}){3}",
        _is_ip4,
        0.1,
        ("ip", "ip address", "ipaddress", "ip addr", "ipv4", "remote addr"),
        r"[0-9]{1,3}(\.[0-9]{1,3}){3}",
    ),
    PersonalKind(
        "IPv6 addresses",
        r"(?i)[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}",
        _is_ip6,
        0.01,
        ("ipv6", "ipv6 address"),
        r"(?i)[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}",
    ),
    PersonalKind(
        "CPF numbers (Brazil)",
        r"[0-9]{11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
        cpf.is_valid,
        0.02,
        ("cpf", "cpf number", "numero cpf"),
        _has_digits(9, 11),
    ),
    PersonalKind(
        "CNPJ numbers (Brazil)",
        r"(?i)[0-9A-Z]{12}[0-9]{2}|[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}",
        cnpj.is_valid,
        0.02,
        ("cnpj", "cnpj number", "numero cnpj"),
        r"(?i)[0-9A-Z./-]{13,18}",
    ),
    PersonalKind(
        "social security numbers (USA)",
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        ssn.is_valid,
        0.1,
        ("ssn", "social security number", "social security no", "social security"),
        _has_digits(8, 9),
    ),
    PersonalKind(
        "national insurance numbers (United Kingdom)",
        r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        _is_nino,
        0.1,
        ("nino", "ni number", "national insurance number", "national insurance"),
        r"(?i)[A-Z]{2}[0-9 ]{6,10}[A-Z]?",
    ),
    PersonalKind(
        "DNI numbers (Spain)", r"(?i)[0-9]{8}-?[A-Z]", dni.is_valid, 0.06, ("dni", "nif"), r"(?i)[0-9.]{7,10}-?[A-Z]?"
    ),
    PersonalKind(
        "NIE numbers (Spain)",
        r"(?i)[XYZ]-?[0-9]{7}-?[A-Z]",
        nie.is_valid,
        0.06,
        ("nie",),
        r"(?i)[XYZ]-?[0-9]{7}-?[A-Z]",
    ),
    PersonalKind(
        "NIR numbers (France)",
        r"(?i)[1-478][0-9]{4}(2[AB]|[0-9]{2})[0-9]{6}[0-9]{2}"
        r"|[1-478] [0-9]{2} [0-9]{2} (2[AB]|[0-9]{2}) [0-9]{3} [0-9]{3} ?[0-9]{2}",
        nir.is_valid,
        0.02,
        ("nir", "numero securite sociale", "securite sociale", "numero de securite sociale", "insee"),
        _has_digits(13, 15),
    ),
    PersonalKind(
        "tax identification numbers (Germany)",
        r"[0-9]{11}|[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}",
        idnr.is_valid,
        0.1,
        ("steuer id", "steuerid", "steuer idnr", "idnr", "steueridentifikationsnummer", "steuer identifikationsnummer"),
        _has_digits(11, 11),
    ),
)
