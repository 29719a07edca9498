"""What a member's own answers mean for the card: who takes back the agreement to it pays nowhere with it any more."""

from sqlalchemy.orm import Session

from cardnet.issuance.services.losing import Lost, ReportLoss, report_loss
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Purpose

CONSENT_TAKEN_BACK = "本人撤回办卡的同意"
"""The words of the suspension that follows it: by them a page can say why the card stopped."""


def answer_own(session: Session, world: World, command: membership.AnswerOwn) -> frozenset[Purpose]:
    """The member's answers; taking back 办卡 stops every card at once, as a loss would. Returns what changed.

    Uses and counters stay. The card goes on when the member agrees again and an officer resumes it.
    """
    changed = membership.answer_own(session, world, command)
    if Purpose.CARD in changed and not command.answers[Purpose.CARD]:
        try:
            report_loss(session, world, ReportLoss(command.person_id, Lost.CARD, CONSENT_TAKEN_BACK))
        except Conflict:
            # Suspended before, or no card yet: there is nothing to stop.
            return changed
    return changed
