import pytest

from cardnet.kernel import masking


@pytest.mark.parametrize(
    ("name", "merchant", "listed"),
    [
        ("王伟", "王*", "王*"),
        ("周桂林", "周*", "周*林"),
        ("上官洋庆", "上官*", "上**庆"),
        ("阿卜杜拉·买买提", "阿*", "阿******提"),
        ("李", "李*", "李*"),
    ],
)
def test_a_name_is_masked_one_way_for_each_reader(name, merchant, listed):
    assert masking.name_for_merchant(name) == merchant
    assert masking.name_for_list(name) == listed


@pytest.mark.parametrize(
    ("number", "shown"), [("E12345678", "E1*****78"), ("12345678", "12****78"), ("AB123", "A***3")]
)
def test_of_a_short_number_most_is_hidden(number, shown):
    assert masking.id_number_for_office(number) == shown


def test_numbers_keep_no_birth_date():
    assert masking.id_number_for_office("319900198803057008") == "319900********7008"
    assert masking.phone_for_office("19986822190") == "199****2190"
