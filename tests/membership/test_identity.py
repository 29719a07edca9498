"""ID numbers of every kind of document."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.membership.identity import number_of, read_identity
from cardnet.membership.rules import IdType, Sex, resident_check_digit
from tests.make.membership import id_number

ON = date(2026, 11, 21)
R, H, T, P, F, C = (
    IdType.RESIDENT,
    IdType.HK_MO_PERMIT,
    IdType.TW_PERMIT,
    IdType.PASSPORT,
    IdType.FOREIGN_RESIDENT,
    IdType.HK_MO_TW_RESIDENCE,
)


@pytest.mark.parametrize(
    ("id_type", "cell", "code", "why"),
    [
        (R, "11010519491231002X", "", "the standard's own example"),
        (R, "440524188001010014", "id_birth_date", "the standard's other example: born before 1900"),
        (R, "440308199901101512", "", "a man of Shenzhen"),
        (R, "11010519491231002x", "", "a small x"),
        (R, "11010519491231002Ｘ", "", "a full-width X"),
        (R, "11010519491231002×", "", "the multiplication sign people type for X"),
        (R, "11010519491231002Х", "", "the Cyrillic letter that looks like X"),
        (R, " 110105 19491231 002X ", "", "spaces as the card prints them"),
        (R, "110105-19491231-002X", "", "hyphens"),
        (R, "’11010519491231002X", "", "a curly apostrophe"),
        (R, "\u200b11010519491231002X\ufeff", "", "signs nobody sees"),
        (R, "110105194912310021", "id_checksum", "one digit off"),
        (R, "319900198502291014", "id_birth_date", "29 February 1985 does not exist"),
        (R, "319900198513011014", "id_birth_date", "a thirteenth month hides the check digit"),
        (R, "31990020270101123X", "id_birth_date", "not born yet"),
        (R, "319900198501010", "id_format", "15 digits are no longer a credential"),
        (R, "3199001985010100", "id_format", "16 digits"),
        (R, "3199001985010100281", "id_format", "19 digits"),
        (R, "0" + "19900198501010028", "id_format", "no address begins with 0"),
        (R, "31990019850101002A", "id_format", "only X may stand at the end"),
        (R, "", "id_format", "nothing"),
        (R, "无", "id_format", "a word"),
        (R, 3.199001985010100e17, "id_precision_lost", "a number cell never holds 18 digits"),
        (R, "3.19900198501010E+17", "id_precision_lost", "a CSV of such a cell"),
        (R, "3.199E17", "id_precision_lost", "and a shorter one"),
        (R, "319900200001263000", "id_precision_lost", "saved as text after the digits were lost"),
        (R, 319900198501010.0, "id_format", "15 digits as a number are still 15 digits"),
        (R, "830000199003071230", "id_format", "a residence permit's number under the wrong type"),
        (R, "911199198808081245", "id_format", "a foreign resident's number under the wrong type"),
        (C, "830000199003071230", "", "Taiwan"),
        (C, "810000" + "19900307123" + resident_check_digit("81000019900307123"), "", "Hong Kong"),
        (C, "319900198803057008", "id_format", "a resident's number under the wrong type"),
        (C, "830000199003071231", "id_checksum", "one digit off"),
        (F, "911199198808081245", "", "the card of 2023: 18 digits, 9 first"),
        (F, "911199198808081246", "id_checksum", "one digit off"),
        (F, "USA123456789012", "", "the old card: 3 letters, 12 digits"),
        (F, "US1234567890123", "id_format", "2 letters"),
        (F, "319900198803057008", "id_format", "a resident's number under the wrong type"),
        (H, "H12345678", "", "Hong Kong"),
        (H, "m12345678", "", "Macao, small letter"),
        (H, "Ｈ１２３４５６７８", "", "full width"),
        (H, "H1234567", "id_format", "7 digits"),
        (H, "H1234567801", "id_format", "with the number of renewals behind it"),
        (H, "A12345678", "id_format", "neither H nor M"),
        (T, "12345678", "", "eight digits"),
        (T, 12345678.0, "", "eight digits as a number"),
        (T, "1234567", "id_format", "seven"),
        (T, "1234567801", "id_format", "with the number of renewals behind it"),
        (P, "E12345678", "", "a passport"),
        (P, "ab 123 456", "", "small letters and spaces"),
        (P, "A123", "id_format", "four characters"),
        (P, "A" * 18, "id_format", "eighteen"),
        (P, "E1234567!", "id_format", "a sign"),
    ],
)
def test_numbers_of_every_document(id_type, cell, code, why):
    assert read_identity(id_type, cell, ON).code == code, why


def test_an_address_code_that_was_abolished_is_no_finding_and_an_unknown_one_only_a_note():
    nanhui = "31022519850501001"
    nowhere = "31990019850501001"
    assert read_identity(R, nanhui + resident_check_digit(nanhui), ON).address_known
    assert not read_identity(R, nowhere + resident_check_digit(nowhere), ON).address_known


def test_birth_date_and_sex_are_read_from_a_right_number_and_from_no_other():
    right = read_identity(R, "11010519491231002X", ON)
    assert (right.birth_on, right.sex) == (date(1949, 12, 31), Sex.FEMALE)
    wrong = read_identity(R, "110105194912310021", ON)
    assert (wrong.birth_on, wrong.sex) == (None, None)


@given(
    serial=st.integers(0, 4_999),
    born=st.dates(date(1930, 1, 1), date(2010, 12, 31)),
    sex=st.sampled_from(Sex),
    at=st.integers(0, 17),
    other=st.sampled_from("0123456789"),
)
def test_every_single_wrong_digit_is_found(serial, born, sex, at, other):
    number = id_number(serial, born, sex)
    assert read_identity(R, number, ON).code == ""
    changed = number[:at] + other + number[at + 1 :]
    assert changed == number or read_identity(R, changed, ON).code != ""


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.dates() | st.datetimes() | st.times())
def test_no_cell_whatever_raises(cell):
    for id_type in IdType:
        read_identity(id_type, cell, ON)
    assert isinstance(number_of(cell), str)
