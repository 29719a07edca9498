"""An office with programs of its officers."""

import pytest

from cardnet.access.rules import Role
from tests.make.api import make_program
from tests.make.issuance import make_office, make_officer


@pytest.fixture
def office(session, world):
    """The small tree with officers of three tiers, an administrator, an auditor, the chair and the three of finance."""
    office = make_office(session, world)
    others = {
        "boss": Role.ADMIN, "aud": Role.AUDITOR, "chair": Role.CHAIR, "fin": Role.FINANCE_MAKER,
        "chk": Role.FINANCE_CHECKER, "apr": Role.FINANCE_APPROVER,
    }  # fmt: skip
    for name, role in others.items():
        office.officers[name] = make_officer(session, world, office.unions["C"], name, role)
    return office


@pytest.fixture
def programs(client, session, world, office):
    """A program for each officer, by name."""
    return {name: make_program(client, session, world, officer) for name, officer in office.officers.items()}


@pytest.fixture
def able(programs):
    """A program whose account may call, by call."""
    by_role = {
        role: programs[name] for name in ("U1", "boss", "apr", "chk", "fin", "C1") for role in programs[name].roles
    }
    return lambda call: next((by_role[role] for role in reversed(call.roles) if role in by_role), programs["C1"])
