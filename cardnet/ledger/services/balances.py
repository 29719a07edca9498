"""What accounts hold. Sums of postings, never a stored balance that redemptions would have to touch."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from cardnet.ledger.rules import Account, AccountCode, Ledger


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One line of the trial balance; `debit` and `credit` are the turnovers, both positive."""

    account: Account
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        """Debit positive, credit negative."""
        return self.debit - self.credit


_TRIAL = """
select a.code, a.ledger, a.owner_id, coalesce(sum(p.amount) filter (where p.amount > 0), 0),
       coalesce(-sum(p.amount) filter (where p.amount < 0), 0)
from posting p join entry e on e.id = p.entry_id join ledger_account a on a.id = p.account_id
where (%(first)s::date is null or e.business_date >= %(first)s) and (%(last)s::date is null or e.business_date <= %(last)s)
group by 1, 2, 3 order by 1, 2, 3"""


def trial_balance(session: Session, first: date | None = None, last: date | None = None) -> list[AccountBalance]:
    """Turnover of every account over business dates, both ends included; without dates, of all time."""
    rows = session.connection().exec_driver_sql(_TRIAL, {"first": first, "last": last})
    return [
        AccountBalance(Account(AccountCode(code), Ledger(ledger), owner), int(debit), int(credit))
        for code, ledger, owner, debit, credit in rows
    ]


def balance_of(session: Session, account: Account, last: date | None = None) -> int:
    """What one account holds at the end of business date `last` (or now): debit positive."""
    value = (
        session.connection()
        .exec_driver_sql(
            "select coalesce(sum(p.amount), 0)::bigint from posting p join entry e on e.id = p.entry_id "
            "where p.account_id = %(id)s and (%(last)s::date is null or e.business_date <= %(last)s)",
            {"id": account.id, "last": last},
        )
        .scalar()
    )
    return int(value or 0)


def balances_by_owner(
    session: Session, code: AccountCode, ledger: Ledger = Ledger.CNY, last: date | None = None
) -> dict[uuid.UUID, int]:
    """The accounts of one code by their merchant, program or pool, at the end of `last` (or now): debit positive."""
    rows = session.connection().exec_driver_sql(
        "select a.owner_id, sum(p.amount)::bigint from ledger_account a join posting p on p.account_id = a.id "
        "join entry e on e.id = p.entry_id where a.code = %(code)s and a.ledger = %(ledger)s and a.owner_id is not null "
        "and (%(last)s::date is null or e.business_date <= %(last)s) group by 1",
        {"code": code.value, "ledger": ledger.value, "last": last},
    )
    return {owner: int(total) for owner, total in rows}
