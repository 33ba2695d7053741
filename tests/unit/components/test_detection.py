"""Which columns look like personal data: all that hold some, and none of the ordinary ones."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.br import cnpj, cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir

from timoneiro_components.privacy.detection import PersonalFinding, personal_findings, words_of
from timoneiro_components.privacy.sample import EvenSample

Make = Callable[[random.Random], str]


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def searched(make: Make, is_valid: Callable[[str], bool]) -> Make:
    """A maker of what is valid among what `make` makes."""

    def valid(chance: random.Random) -> str:
        return next(text for text in iter(lambda: make(chance), None) if is_valid(text))

    return valid


def card(chance: random.Random) -> str:
    start = chance.choice(["4", "51", "2221", "6011"])
    number = start + digits(chance, 15 - len(start))
    return number + str(luhn.calc_check_digit(number))


def german(chance: random.Random) -> str:
    """Eleven digits, of which one is there twice among the first ten, as the rules for new numbers have it."""
    ten = chance.sample(string.digits, 9)
    ten.insert(chance.randrange(3, 9), ten[0])
    number = "".join(ten)
    return number + str(idnr.mod_11_10.calc_check_digit(number))


def british(chance: random.Random) -> str:
    return f"{chance.choice('ABCEHJ')}{chance.choice('CEHJP')}{digits(chance, 6)}{chance.choice('ABCD')}"


def french(chance: random.Random) -> str:
    number = f"{chance.choice('12')}{chance.randrange(40, 99)}{chance.randrange(1, 13):02d}75{digits(chance, 6)}"
    return number + nir.calc_check_digits(number)


def brazilian(chance: random.Random) -> str:
    return searched(lambda more: digits(more, 11), cpf.is_valid)(chance)


MAKERS: dict[str, tuple[str, Make]] = {
    "e-mail": ("e-mail addresses", lambda r: f"{digits(r, 5)}.x+y@mail{digits(r, 2)}.example.org"),
    "phone": (
        "telephone numbers",
        searched(
            lambda r: f"+4420 7{digits(r, 3)} {digits(r, 4)}",
            lambda text: phonenumbers.is_valid_number(phonenumbers.parse(text)),
        ),
    ),
    "phone in brackets": ("telephone numbers", lambda r: f"(11) 9{r.randrange(6000, 9999)}-{digits(r, 4)}"),
    "card": ("payment card numbers", card),
    "card in groups": ("payment card numbers", lambda r: " ".join(re.findall("....", card(r)))),
    "American Express": (
        "payment card numbers",
        lambda r: (number := "37" + digits(r, 12)) + str(luhn.calc_check_digit(number)),
    ),
    "IBAN": (
        "IBANs",
        searched(lambda r: f"DE{r.randrange(2, 99):02d}{digits(r, 18)}", iban.is_valid),
    ),
    "IP": ("IP addresses", lambda r: ".".join(str(r.randrange(1, 255)) for _ in range(4))),
    "IPv6": ("IPv6 addresses", lambda r: f"2001:db8::{r.randrange(1, 65535):x}:{r.randrange(1, 65535):x}"),
    "CPF": ("CPF numbers (Brazil)", brazilian),
    "CPF with points": ("CPF numbers (Brazil)", lambda r: cpf.format(brazilian(r))),
    "CNPJ": ("CNPJ numbers (Brazil)", lambda r: (number := digits(r, 12)) + cnpj.calc_check_digits(number)),
    "SSN": (
        "social security numbers (USA)",
        lambda r: f"{r.randrange(1, 600):03d}-{r.randrange(1, 99):02d}-{r.randrange(1, 9999):04d}",
    ),
    "NINO": ("national insurance numbers (United Kingdom)", british),
    "DNI": ("DNI numbers (Spain)", lambda r: (number := digits(r, 8)) + dni.calc_check_digit(number)),
    "NIE": ("NIE numbers (Spain)", lambda r: (number := r.choice("XYZ") + digits(r, 7)) + nie.calc_check_digit(number)),
    "NIR": ("NIR numbers (France)", french),
    "Steuer-ID": ("tax identification numbers (Germany)", searched(german, idnr.is_valid)),
}


def found(values: list[object], name: str = "x") -> list[tuple[str, str]]:
    return [(one.kind, one.found_by) for one in personal_findings(pa.table({name: values}))]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("seed", range(5))
def test_a_column_of_a_kind_is_found_by_its_values(maker: str, seed: int) -> None:
    kind, make = MAKERS[maker]
    chance = random.Random(seed)
    assert (kind, "values") in found([make(chance) for _ in range(100)])


@pytest.mark.parametrize("maker", MAKERS)
def test_a_few_among_other_texts_are_found(maker: str) -> None:
    kind, make = MAKERS[maker]
    chance = random.Random(7)
    values: list[object] = [f"note {number}" for number in range(400)]
    assert (kind, "values") in found(values + [make(chance) for _ in range(8)])


@pytest.mark.parametrize("maker", ["card", "CPF", "CNPJ", "Steuer-ID", "NIR"])
def test_a_column_of_whole_numbers_is_looked_at_too(maker: str) -> None:
    kind, make = MAKERS[maker]
    chance = random.Random(3)
    assert (kind, "values") in found([int(make(chance)) for _ in range(200)])


ORDINARY: dict[str, Callable[[random.Random, int], object]] = {
    "amounts": lambda r, n: r.randrange(0, 10**7),
    "amounts in cents": lambda r, n: int(r.lognormvariate(12, 3)),
    "numbers of 11 digits": lambda r, n: r.randrange(10**10, 10**11),
    "numbers of 13 digits": lambda r, n: r.randrange(10**12, 10**13),
    "numbers of 14 digits": lambda r, n: r.randrange(10**13, 10**14),
    "numbers of 15 digits": lambda r, n: r.randrange(10**14, 10**15),
    "numbers of 16 digits": lambda r, n: r.randrange(10**15, 10**16),
    "numbers of 16 digits that begin with 4": lambda r, n: 4 * 10**15 + r.randrange(10**15),
    "a sequence that begins with 4": lambda r, n: 4 * 10**15 + n,
    "a sequence of 11 digits": lambda r, n: 12_345_000_000 + n,
    "a sequence in tens": lambda r, n: 4 * 10**15 + 10 * n,
    "order numbers": lambda r, n: digits(r, 16),
    "codes of 11 digits": lambda r, n: digits(r, 11),
    "times": lambda r, n: f"{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}",
    "dates": lambda r, n: f"20{r.randrange(10, 26)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}",
    "dates with points": lambda r, n: f"{r.randrange(1, 29):02d}.{r.randrange(1, 13):02d}.20{r.randrange(10, 26)}",
    "milliseconds since 1970": lambda r, n: 1_700_000_000_000 + r.randrange(10**10),
    "microseconds since 1970": lambda r, n: 1_700_000_000_000_000 + r.randrange(10**13),
    "times as 14 digits": lambda r, n: int(f"2024{r.randrange(1, 13):02d}{r.randrange(1, 29):02d}{digits(r, 6)}"),
    "versions": lambda r, n: f"{r.randrange(12)}.{r.randrange(20)}.{r.randrange(30)}.{r.randrange(9)}",
    "hardware addresses": lambda r, n: ":".join(f"{r.randrange(256):02x}" for _ in range(6)),
    "UUIDs": lambda r, n: f"{r.getrandbits(128):032x}",
    "codes of letters and digits": lambda r, n: r.choice("PQRSVW") + r.choice(string.ascii_uppercase) + digits(r, 6),
    "licence plates": lambda r, n: f"{digits(r, 4)}{''.join(r.choices(string.ascii_uppercase, k=3))}",
    "eight digits and a letter": lambda r, n: digits(r, 8) + r.choice(string.ascii_uppercase),
    "postal codes": lambda r, n: digits(r, 5),
    "article numbers of 13 digits": lambda r, n: (m := "400" + digits(r, 9)) + str(luhn.calc_check_digit(m)),
    "small whole numbers": lambda r, n: r.randrange(100),
    "words": lambda r, n: "".join(r.choices(string.ascii_lowercase, k=8)),
    "prices as text": lambda r, n: f"{r.randrange(1000)}.{r.randrange(100):02d}",
    "signed numbers": lambda r, n: f"+{r.randrange(1000)}",
    "nothing": lambda r, n: None,
}


@pytest.mark.parametrize("ordinary", ORDINARY)
@pytest.mark.parametrize("rows", [5, 50, 3000])
def test_an_ordinary_column_is_none(ordinary: str, rows: int) -> None:
    make = ORDINARY[ordinary]
    told = [
        kinds for seed in range(8) if (kinds := found([make(random.Random(f"{seed} {n}"), n) for n in range(rows)]))
    ]
    assert told == []


def test_a_number_that_passes_a_checksum_by_chance_a_thousand_times_is_one_number() -> None:
    assert found([card(random.Random(1))] * 1000) == []


def test_two_values_are_too_few_to_tell_a_column() -> None:
    assert found(["a@example.org", "b@example.org", "none"]) == []


def test_less_than_one_in_a_hundred_different_values_is_too_little() -> None:
    values: list[object] = [f"note {number}" for number in range(1000)]
    assert found([*values, *(f"a{number}@example.org" for number in range(9))]) == []


def test_numbers_with_a_fraction_and_truth_values_are_not_looked_at() -> None:
    assert found([4111111111111111.0] * 9, "card number") == found([True, False] * 9, "email") == []


def test_a_finding_counts_rows_and_tells_their_share_of_those_that_have_a_value() -> None:
    values = [f"a{number}@example.org" for number in range(20)] * 2 + ["none"] * 10 + [None] * 5
    (finding,) = personal_findings(pa.table({"contact": values}))
    assert finding == PersonalFinding("contact", "e-mail addresses", "values", 40, 0.8)


def test_of_a_large_table_rows_from_its_beginning_to_its_end_are_looked_at() -> None:
    values: list[object] = ["-"] * 90_000 + [f"a{number}@example.org" for number in range(10_000)]
    sample, table = EvenSample(1000), pa.table({"contact": values})
    for begin in range(0, 100_000, 7777):
        sample.add(table.slice(begin, 7777))
    looked_at = sample.rows()
    assert looked_at is not None and (sample.seen, looked_at.num_rows) == (100_000, 782)
    (finding,) = personal_findings(looked_at)
    assert (finding.values, finding.share) == (78, pytest.approx(0.1, abs=0.001))


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 30))
def test_a_sample_is_every_so_many_th_row_whatever_parts_the_table_comes_in(sizes: list[int], most: int) -> None:
    rows, sample, first = sum(sizes), EvenSample(most), 0
    for size in sizes:
        sample.add(pa.table({"x": pa.array(range(first, first + size), pa.int64())}))
        first += size
    step = next(2**power for power in range(20) if -(-rows // 2**power) <= most)
    found = sample.rows()
    assert (found is None and not sizes) or (found is not None and found["x"].to_pylist() == list(range(0, rows, step)))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("customerEmail", ["a@intranet", "b@intranet", "c@intranet"], "e-mail addresses"),
        ("E-MAIL", ["a@x", "b@x", "c@x"], "e-mail addresses"),
        ("home_phone", ["020 7946 0000", "555-123-4567"], "telephone numbers"),
        ("Téléphone", ["020 7946 0000", "555-123-4567"], "telephone numbers"),
        ("mobile number", [5511987654321, 5511987654322], "telephone numbers"),
        ("CPF", ["123.456.789-00", "111.222.333-44"], "CPF numbers (Brazil)"),
        ("cpf", [12345678900, 2345678901], "CPF numbers (Brazil)"),
        ("client_ssn", ["000000000", "123456789"], "social security numbers (USA)"),
        ("credit_card", ["4111 1111 1111 1112", "4111 1111 1111 1113"], "payment card numbers"),
        ("src_ip", ["10.0.0.1", "10.0.0.2"], "IP addresses"),
        ("iban", ["DE00 1234 5678 9012 3456 78", "DE00 1234 5678 9012 3456 79"], "IBANs"),
    ],
)
def test_a_column_is_found_by_its_name_where_values_have_the_form(name: str, values: list[object], kind: str) -> None:
    assert found(values, name) == [(kind, "name")]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("telephone", ["yes", "none"]),
        ("phone", ["landline", "mobile"]),
        ("email", ["opened", "clicked"]),
        ("phone", [0, 1, 2]),
        ("emails_sent", [1, 2, 3]),
        ("phone_calls", [1_000_000, 2_000_000, 3_000_000]),
        ("card", ["gold", "silver"]),
        ("zip", ["10115", "10117"]),
        ("ship", ["a", "b"]),
        ("email_count", ["a@x", "b@x"]),
    ],
)
def test_a_name_alone_is_no_finding(name: str, values: list[object]) -> None:
    assert found(values, name) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customerEMail", ("customer", "e", "mail")),
        ("IP_Addr", ("ip", "addr")),
        ("Número CPF", ("numero", "cpf")),
        ("年齢", ()),
    ],
)
def test_the_words_of_a_name_are_found_however_it_is_written(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize("values", [[], [None, None], [""], ["\u2028\x00", "😀", "é" * 10_000]])
def test_odd_columns_are_no_finding_and_no_error(values: list[object]) -> None:
    assert found(list(values), "email") == []
