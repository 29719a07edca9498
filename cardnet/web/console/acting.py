"""In whose name a page acts: the officer's own, or that of somebody they stand in for (`behalf` in the address)."""

import uuid
from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.web.forms import whole_id
from cardnet.wiring import current_world


@dataclass(frozen=True)
class Acting:
    """`officer` is as whom the page reads; `on_behalf_of` whom they stand in for, None for themselves."""

    officer: Principal
    on_behalf_of: uuid.UUID | None

    @property
    def behalf(self) -> str | None:
        """For addresses and forms, so that every step stays in the same name."""
        return str(self.on_behalf_of) if self.on_behalf_of else None


def acting(session: Session, principal: Principal) -> Acting:
    """As whom this request asks to act. Raises NotAllowed("delegation_unknown", "delegation_out_of_window")."""
    asked = request.values.get("behalf", "")
    if not asked:
        return Acting(principal, None)
    giver_id = whole_id(asked)
    if giver_id == principal.account_id:
        return Acting(principal, None)
    return Acting(issuance.stand_in(session, current_world(), principal, giver_id), giver_id)
