import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.kernel.vault import Vault, vault_from_json, vault_in_folder

VAULT = Vault({1: b"a" * 32, 2: b"b" * 32}, 2, b"i" * 32)


@given(st.text())
def test_what_was_sealed_opens_again(value):
    assert VAULT.open("person.name", VAULT.seal("person.name", value)) == value


def test_a_sealed_value_cannot_be_moved_to_another_field():
    sealed = VAULT.seal("person.phone", "13800000000")
    with pytest.raises(ValueError, match="does not verify"):
        VAULT.open("person.name", sealed)


def test_an_older_key_still_opens_what_it_sealed():
    sealed = Vault(VAULT.keys, 1, VAULT.index_key).seal("f", "x")
    assert VAULT.open("f", sealed) == "x"
    with pytest.raises(ValueError, match="no key 1"):
        Vault({2: b"b" * 32}, 2, VAULT.index_key).open("f", sealed)


def test_equal_values_have_equal_indexes_within_one_field_only():
    assert VAULT.index("a", "x") == VAULT.index("a", "x")
    assert VAULT.index("a", "x") != VAULT.index("b", "x")


def test_a_key_ring_made_in_a_folder_is_the_owners_alone_and_stays(tmp_path):
    first, made = vault_in_folder(tmp_path)
    again, made_again = vault_in_folder(tmp_path)
    assert (made, made_again) == (True, False)
    assert first == again
    assert stat.S_IMODE((tmp_path / "keyring.json").stat().st_mode) == 0o600


def test_of_many_who_make_it_at_once_all_read_the_ring_of_one(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: vault_in_folder(tmp_path), range(32)))
    assert [made for _, made in rings].count(True) == 1
    assert len({ring.index_key for ring, _ in rings}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keyring.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"current": 1, "keys": {"1": "00"}, "index": "00"}', '{"current": 2, "keys": {}, "index": ""}'],
)
def test_what_is_no_key_ring_is_refused(text):
    with pytest.raises(ValueError, match="key"):
        vault_from_json(text)


def test_a_key_ring_reads_back():
    text = json.dumps({"current": 1, "keys": {"1": "11" * 32}, "index": "22" * 32})
    assert vault_from_json(text).keys == {1: b"\x11" * 32}
