"""Where a store is: the town or street of the union tree, as that is called today."""

import pytest

from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier, UnionNode
from cardnet.merchants import services as merchants
from cardnet.merchants.townships import area_of, is_township
from tests.make import membership as make_membership
from tests.make.issuance import make_office
from tests.make.merchants import make_partner

ROWS = (*make_membership.TREE, ("D3", "教育局工会", "township", "C"))


@pytest.fixture
def store(session, world):
    make_membership.tree(session, world, ROWS)
    return merchants.stores_of(session, make_partner(session, world).id)[0]


@pytest.mark.parametrize(
    ("union", "area", "chosen"),
    [
        ("永泽街道总工会", "永泽街道", True),
        ("新桥港镇总工会", "新桥港镇", True),
        ("经济技术开发区总工会", "经济技术开发区", True),
        ("教育局工会", "教育局", False),
        ("卫生健康委员会工会", "卫生健康委员会", False),
        ("总工会", "总工会", True),
    ],
)
def test_a_union_of_a_town_lends_it_its_name_and_one_of_an_office_does_not(world, union, area, chosen):
    node = UnionNode(world.new_id(), "X", union, Tier.TOWNSHIP, "/C/X/", None)
    assert (area_of(union), is_township(node)) == (area, chosen)


def test_only_towns_and_streets_that_are_there_may_be_chosen(session, world, store):
    assert [one.name for one in merchants.townships(session)] == ["永泽街道", "方塔街道"]
    for code, refused in (("D3", "township_invalid"), ("C", "township_invalid"), ("X", "unit_unknown")):
        with pytest.raises(CardnetError) as why:
            merchants.place_store(session, world, merchants.PlaceStore(store.id, code))
        assert why.value.code == refused
    placed = merchants.place_store(session, world, merchants.PlaceStore(store.id, "D2"))
    assert placed.township == merchants.Township("D2", "方塔街道")


def test_a_change_that_does_not_speak_of_the_place_leaves_it(session, world, store):
    merchants.place_store(session, world, merchants.PlaceStore(store.id, "D2"))
    change = merchants.ChangeStore(store.id, "总店", "方塔北路 2 号", "", {}, closed=False)
    assert merchants.change_store(session, world, change).township.code == "D2"
    none = merchants.ChangeStore(store.id, "总店", "方塔北路 2 号", "", {}, closed=False, township="")
    assert merchants.change_store(session, world, none).township is None


def test_a_town_that_was_merged_away_leaves_its_shops_to_its_successor(session, world):
    office = make_office(session, world)
    store = merchants.stores_of(session, make_partner(session, world).id)[0]
    merchants.place_store(session, world, merchants.PlaceStore(store.id, "D2"))
    renamed = membership.RenameUnion("D1", "永泽新城街道总工会", "云工〔2026〕41号", office.officers["C1"])
    membership.rename_union(session, world, renamed)
    ended = membership.CloseUnion("D2", "云工〔2026〕42号", office.officers["C1"])
    gone, into = office.unions["D2"], membership.union_of_code(session, "D1")
    membership.end_union(session, world, gone, ended, into)
    (now,) = merchants.stores_of(session, store.merchant_id)
    assert now.township == merchants.Township("D1", "永泽新城街道")
    (place,) = merchants.places(session, world.now().date())
    assert place.township == now.township
    for township, found in (("D1", 1), ("D2", 0), ("B1", 0)):
        query = merchants.MerchantQuery(township=township)
        assert merchants.merchant_lines(session, world, query, 9, 0)[1] == found
    # What the form shows is the successor: keeping it is no change, the union that is no more cannot be chosen anew.
    same = merchants.ChangeStore(store.id, now.name, now.address, "", now.hours, closed=False, township="D1")
    assert merchants.change_store(session, world, same).township == now.township
    with pytest.raises(CardnetError, match="union_closed"):
        merchants.place_store(session, world, merchants.PlaceStore(store.id, "D2"))
