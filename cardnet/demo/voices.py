"""What members say: 周桂林's “不是我” of 18 November, and how content those are who used their card this year."""

from collections.abc import Sequence

from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.benefits.words import Feeling
from cardnet.demo.issuing import Holder
from cardnet.demo.partners import BAIHE
from cardnet.demo.stage import step
from cardnet.merchants import services as merchants

_ANSWERS = 57
_FEELINGS = (Feeling.SATISFIED,) * 7 + (Feeling.SO_SO, Feeling.SATISFIED, Feeling.DISSATISFIED)


def say(holders: Sequence[Holder]) -> None:
    """She has no smartphone, so the service centre writes it down for her on the telephone; the others tap it themselves."""
    with step("2026-11-19 09:20", "not me") as at:
        merchant = merchants.merchant_of_code(at.session, BAIHE.code)
        used = benefits.redemption_of_reference(at.session, merchant.id, "BH-2009")
        assert used.id is not None
        assert used.person_id is not None
        officer = principal_of_username(at.session, "zhongxin").account_id
        words = "那天晚上我在家，没有去过百禾超市。"
        benefits.deny_redemption(
            at.session, at.world, benefits.DenyRedemption(used.person_id, used.id, words, noted_by=officer)
        )
    phones = [holder for holder in holders if holder.phone][:_ANSWERS]
    with step("2026-11-20 18:30", "content") as at:
        for number, holder in enumerate(phones):
            feeling = _FEELINGS[number % len(_FEELINGS)]
            benefits.answer_year(at.session, at.world, benefits.AnswerYear(holder.person_id, 2026, feeling))
