"""`/api/v1` covers what the console, finance and overview pages do: every address of theirs has its calls, or a reason.

A new page or form fails here until its call is built, or it is said why programs need none. What may be done by whom
is one question: the calls of a form admit no role the form does not, and each of the form's roles has a call.
"""

import pytest

from cardnet.web.api.edge import API

SAME = "shows a form or a step of one: a program sends its call"
PROGRESS = "the page asks again by itself; a program asks the call of the whole"
OWN_HANDS = "a person's own password and session: `cardnet token` gives programs theirs"

PAGES: dict[str, tuple[str, ...] | str] = {
    "auth.account": ("GET /me", "GET /sessions"),
    "auth.change_password": OWN_HANDS,
    "auth.end_session": ("POST /sessions/{id}/end",),
    "console.act_on_terminal": ("POST /terminals/{id}/pairing-code",
                                *(f"POST /terminals/{{id}}/{act}" for act in ("revoke", "suspend", "resume", "retire"))),
    "console.add_terminal": ("POST /merchants/{id}/terminals",),
    "console.all_terminals": ("GET /terminals",),
    "console.blacklist_merchant": ("POST /merchant-blacklist",),
    "console.change_merchant": ("POST /merchants/{id}/change",),
    "console.change_store": ("POST /stores/{id}/change",),
    "console.decide_account": ("POST /payee-accounts/{id}/decide",),
    "console.invite_merchant_staff": ("POST /merchants/{id}/people",),
    "console.lift_blacklist": ("POST /merchant-blacklist/{id}/lift",),
    "console.make_merchant": ("POST /merchants",),
    "console.make_store": ("POST /merchants/{id}/stores",),
    "console.merchant": ("GET /merchants/{id}",),
    "console.merchant_account": SAME,
    "console.merchant_agreement": SAME,
    "console.merchant_blacklist": ("GET /merchant-blacklist",),
    "console.merchant_change": SAME,
    "console.merchant_contact": SAME,
    "console.merchant_one_store": SAME,
    "console.merchant_people": SAME,
    "console.merchant_plaque": "a page to print and stand beside a till",
    "console.merchant_store": SAME,
    "console.merchant_terminals": ("GET /terminals",),
    "console.merchants_list": ("GET /merchants", "GET /payee-accounts"),
    "console.new_merchant": SAME,
    "console.propose_account": ("POST /merchants/{id}/payee-accounts",),
    "console.set_contact": ("POST /merchants/{id}/contacts",),
    "console.set_merchant_state": ("POST /merchants/{id}/state",),
    "console.sign_agreement": ("POST /merchants/{id}/agreements",),
    "console.signed_copy": ("GET /agreements/{id}/file",),
    "console.upload_signed_copy": ("POST /agreements/{id}/file",),
    "console.withdraw_account": ("POST /payee-accounts/{id}/withdraw",),
    "finance.decide_limits": ("POST /offline-limits/{id}/decide", "POST /offline-limits/{id}/withdraw"),
    "finance.offline_limits": ("GET /offline-limits",),
    "finance.propose_limits": ("POST /offline-limits",),
    "console.account": ("GET /accounts/{id}",),
    "console.accounts": ("GET /accounts",),
    "console.activation": ("GET /activation", "GET /activation/cards"),
    "console.activation_poster": ("GET /activation/poster.pdf",),
    "console.allocation": ("POST /quota/plan/preview",),
    "console.answer_offers": ("POST /quota/offers/accept", "POST /quota/offers/decline",
                              "POST /quota/waiting/{id}/priority"),
    "console.answer_transfer": ("POST /transfers/{id}/accept", "POST /transfers/{id}/object",
                                "POST /transfers/{id}/withdraw"),
    "console.apply_for_renewal": ("POST /cards/renewal",),
    "console.apply_for_replacement": ("POST /cards/{id}/apply",),
    "console.notices_reach": ("GET /notices/reach", "GET /notices/reach/people"),
    "console.names_of_approval": ("GET /unit-approvals/{id}/names.pdf",),
    "console.approval_sheet": ("GET /unit-approvals/{id}/summary.pdf",),
    "console.ask_approval": ("POST /batches/{id}/unit-approvals",),
    "console.ask_for_more": ("POST /quota/raises",),
    "console.ask_transfer": ("POST /transfers",),
    "console.audit_trail": ("GET /audit",),
    "console.attach_authority": ("POST /programs/{code}/authorities", "POST /pools/{code}/authorities"),
    "console.authorities": ("GET /authorities",),
    "console.authority": ("GET /authorities",),
    "console.authority_original": ("GET /authorities/{id}/original",),
    "console.batch": ("GET /batches/{id}", "GET /batches/{id}/rows", "GET /batches/{id}/history"),
    "console.batch_cards": ("GET /cards",),
    "console.batch_row": ("GET /batches/{id}/rows/{row}",),
    "console.batch_sign_list": ("GET /batches/{id}/sign-list.pdf",),
    "console.batch_workbook": ("GET /batches/{id}/result.xlsx",),
    "console.bulletin": ("GET /bulletin",),
    "console.bulletin_issue": ("GET /bulletin/issues/{id}",),
    "console.bulletin_issue_paper": ("GET /bulletin/issues/{id}/bulletin.pdf",),
    "console.bulletin_issue_xlsx": ("GET /bulletin/issues/{id}/bulletin.xlsx",),
    "console.bulletin_issues": ("GET /bulletin/issues",),
    "console.bulletin_to_publish": ("GET /bulletin",),
    "console.publish_bulletin": ("POST /bulletin/issues",),
    "console.bulletin_paper": ("GET /bulletin.pdf",),
    "console.bulletin_xlsx": ("GET /bulletin.xlsx",),
    "console.cancel": ("POST /cards/{id}/cancel",),
    "console.cancel_import": ("POST /imports/{id}/cancel",),
    "console.cancel_roster": ("POST /rosters/{id}/cancel",),
    "console.card": ("GET /cards/{id}",),
    "console.cards": ("GET /cards",),
    "console.cards_import": SAME,
    "console.change_account": ("POST /accounts/{id}/change",),
    "console.change_member": (
        "POST /members/{id}/standing", "POST /members/{id}/end", "POST /members/{id}/transfer",
        "POST /members/{id}/phone", "POST /members/{id}/tags", "POST /tags/{id}/original", "POST /tags/{id}/end",
        "POST /members/{id}/kin", "POST /kin/{id}/end", "POST /members/{id}/consents", "POST /members/{id}/consents/withdraw",
        "POST /members/{id}/document", "POST /members/{id}/tie-card",
    ),
    "console.tag_original": ("GET /tags/{id}/original",),
    "console.change_quota": tuple(
        f"POST /quota/{act}"
        for act in ("grant", "allocate", "transfer", "return", "spread", "recall-date", "recall", "use")
    ),
    "console.change_year": tuple(f"POST /quota/years/{{year}}/{act}" for act in ("closing", "close", "offer-days")),
    "console.chase": ("POST /activation/remind", "POST /activation/letters"),
    "console.check_roster": ("POST /rosters",),
    "console.checked_roster": ("GET /rosters/{id}", "GET /rosters/{id}/rows"),
    "console.close_alarm": ("POST /keys/alarms/{id}/close",),
    "console.close_handout": ("POST /handouts/{id}/close",),
    "console.close_poster": ("POST /self-fill/posters/{id}/close",),
    "console.confirm": ("POST /confirmation",),
    "console.confirmation": ("GET /confirmation", "GET /confirmation/members"),
    "console.correct_row": ("POST /batches/{id}/rows/{row}/correct",),
    "console.decide_duplicate": ("POST /duplicates/merge", "POST /duplicates/distinct"),
    "console.decide_entries": ("POST /self-fill/entries/take", "POST /self-fill/entries/dismiss"),
    "console.decide_raise": tuple(f"POST /quota/raises/{{id}}/{act}" for act in ("approve", "refuse", "withdraw")),
    "console.delegations": ("GET /delegations",),
    "console.disable_webhook": ("POST /webhooks/{id}/disable",),
    "console.do_allocation": ("POST /quota/plan",),
    "console.duplicates": ("GET /duplicates",),
    "console.enable_webhook": ("POST /webhooks/{id}/enable",),
    "console.end_delegation": ("POST /delegations/{id}/end",),
    "console.export_audit": ("GET /audit.csv", "GET /audit.xlsx"),
    "console.find": ("POST /cards/find",),
    "console.find_member": ("POST /members/find",),
    "console.freeze_review": ("POST /freezes",),
    "console.give_delegation": ("POST /delegations",),
    "console.give_rebind_code": ("POST /cards/{id}/rebind-code",),
    "console.hand_out": ("POST /cards/hand-out",),
    "console.hand_out_card": ("POST /cards/{id}/hand-out",),
    "console.hand_out_many": ("POST /cards/hand-out",),
    "console.handle_notices": ("POST /notices/slips", "POST /notices/slips/hand-out", "POST /notices/phones/confirm",
                               "POST /notices/union-phone"),
    "console.handout": ("GET /handouts/{id}", "GET /handouts/{id}/people"),
    "console.handouts": ("GET /handouts",),
    "console.import_cards": ("POST /imports/cards",),
    "console.import_past_uses": ("POST /imports/past-uses",),
    "console.import_progress": PROGRESS,
    "console.import_register": ("POST /register", "POST /imports/register"),
    "console.import_state": ("GET /imports/{id}",),
    "console.inbox": ("GET /tasks", "GET /batches"),
    "console.invite_account": ("POST /accounts",),
    "console.issue": ("POST /batches/{id}/issue",),
    "console.keys": ("GET /keys",),
    "console.lift_freeze": ("POST /freezes/{id}/lift",),
    "console.make_webhook": ("POST /webhooks",),
    "console.member": ("GET /members/{id}",),
    "console.members": ("GET /register/members",),
    "console.moves": ("GET /moves",),
    "console.new_account": SAME,
    "console.new_handout": SAME,
    "console.new_roster": SAME,
    "console.notices": ("GET /notices",),
    "console.open_handout": ("POST /handouts",),
    "console.open_poster": ("POST /self-fill/poster",),
    "console.past_uses": ("GET /past-uses",),
    "console.poster_sheet": ("GET /self-fill/poster.pdf",),
    "console.print_card": ("POST /cards/{id}/print",),
    "console.print_many": ("POST /cards/print",),
    "console.printing": ("GET /printing",),
    "console.quota": ("GET /quota",),
    "console.raises": ("GET /quota/raises",),
    "console.record_days": ("POST /calendar-days",),
    "console.register": ("GET /register", "GET /register/members"),
    "console.renew": ("POST /cards/{id}/renew",),
    "console.replace": ("POST /cards/{id}/replace",),
    "console.replay_webhook": ("POST /webhook-deliveries/{id}/replay",),
    "console.reprint_slip": ("POST /cards/{id}/activation-code",),
    "console.resubmit_in_place": ("POST /batches/{id}/rows/{row}/resubmit",),
    "console.result_workbook": ("GET /rosters/{id}/result.xlsx",),
    "console.resume": ("POST /cards/{id}/resume",),
    "console.review": ("POST /batches/{id}/review",),
    "console.review_list": ("GET /review", "GET /review/summary"),
    "console.review_many": ("POST /review",),
    "console.review_settings": ("GET /review-settings",),
    "console.roster_progress": PROGRESS,
    "console.roster_template": ("GET /roster-template.xlsx",),
    "console.rosters": ("GET /batches",),
    "console.scan": ("POST /handouts/{id}/scan",),
    "console.scan_page": SAME,
    "console.rules": ("GET /rules", "GET /rules/{id}"),
    "console.decide_rule": tuple(f"POST /rules/{{id}}/{act}" for act in ("submit", "approve", "return", "retire")),
    "console.require_signatures": ("POST /merchants/{id}/signatures",),
    "console.self_fill": ("GET /self-fill",),
    "console.set_term": ("POST /review-settings/terms",),
    "console.sign": ("POST /handouts/{id}/sign",),
    "console.sign_list": ("GET /handouts/{id}/list.pdf",),
    "console.stamped_sheet": ("GET /unit-approvals/{id}/stamped",),
    "console.start_renewed": ("POST /cards/{id}/start-renewed",),
    "console.submit_roster": ("POST /rosters/{id}/submit",),
    "console.suspend": ("POST /cards/{id}/suspend",),
    "console.switch_account": tuple(f"POST /accounts/{{id}}/{act}" for act in ("close", "open", "unlock", "invite")),
    "console.take_back": ("POST /handouts/{id}/take-back",),
    "console.take_back_past_uses": ("POST /past-uses/{id}/take-back",),
    "console.transfers": ("GET /transfers",),
    "console.unions": ("GET /unions",),
    "console.union": ("GET /unions/{code}/history",),
    "console.change_union": (
        "POST /unions/{code}/rename", "POST /unions/{code}/move", "POST /unions/{code}/merge", "POST /unions/{code}/close",
    ),
    "console.withdraw_approval": ("POST /unit-approvals/{id}/withdraw",),
    "console.unit_approval": ("GET /batches/{id}/unit-approvals",),
    "console.upload_stamped": ("POST /unit-approvals/stamped",),
    "console.card_settings": ("GET /phone-policy", "GET /loss-policy", "GET /card-lives"),
    "console.set_card_life": ("POST /card-lives",),
    "console.set_transfer_term": ("POST /transfer-term",),
    "console.set_loss_policy": ("POST /loss-policy",),
    "console.set_phone_policy": ("POST /phone-policy",),
    "console.stop_phone": ("POST /cards/{id}/stop-phone",),
    "console.void_print": ("POST /cards/{id}/void-print",),
    "console.void_run": ("POST /print-runs/{id}/void",),
    "console.waiting": ("GET /quota/waiting",),
    "console.webhook": ("GET /webhooks/{id}/deliveries",),
    "console.webhooks": ("GET /webhooks",),
    "console.withdraw_row": ("POST /batches/{id}/withdraw",),
    "console.year_end": ("GET /quota/years", "GET /quota/years/{year}/end"),
    "finance.accept_advice": ("POST /advices/{id}/accept",),
    "finance.advice": ("GET /advices/{id}",),
    "finance.advice_evidence_file": ("GET /offline-evidence",),
    "finance.advices": ("GET /advices",),
    "finance.close_offline_exception": ("POST /offline-exceptions/{id}/close",),
    "finance.confirm_advice": ("POST /advices/{id}/confirm",),
    "finance.decline_advice": ("POST /advices/{id}/decline",),
    "finance.denials": ("GET /denials",),
    "finance.hold_denied": ("POST /denials/{id}/hold",),
    "finance.offline_exceptions": ("GET /offline-exceptions",),
    "finance.refuse_advice": ("POST /advices/{id}/refuse",),
    "finance.settle_denial": ("POST /denials/{id}/settle",),
    "finance.close_day": ("POST /days/close",),
    "finance.finance": ("GET /days",),
    "finance.late_transfers": ("GET /late-transfers",),
    "finance.late_transfers_csv": ("GET /late-transfers",),
    "finance.new_reconciliation": SAME,
    "finance.reconcile": ("POST /reconciliations",),
    "finance.set_aside": ("POST /reconciliations/{id}/set-aside",),
    "finance.reconcile_again": ("POST /reconciliations/{id}/again",),
    "finance.reconciliation": ("GET /reconciliations/{id}", "GET /reconciliations/{id}/differences"),
    "finance.reconciliations": ("GET /reconciliations",),
    "finance.settlement": ("GET /settlements/{id}", "GET /settlements/{id}/lines"),
    "finance.settlements": ("GET /settlements",),
    "finance.statement": ("GET /settlements/{id}/statement.json", "GET /settlements/{id}/statement.csv"),
    "overview.notice_board": ("GET /overview/notice-board",),
    "overview.overview": ("GET /overview",),
    "overview.untouched": ("GET /overview/untouched",),
    "overview.year_end": ("GET /overview", "GET /quota/years/{year}/end"),
}  # fmt: skip
"""Page by endpoint → the calls that do the same, or why there is none."""

_PACKAGES = ("console", "finance", "overview")


def pages(app) -> dict[str, str]:
    """The endpoints of staff's pages with their methods: `console.suspend` → `POST`."""
    return {
        rule.endpoint: "POST" if "POST" in rule.methods else "GET"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in _PACKAGES or rule.rule.startswith("/account")
    }


CALLS = {f"{call.method} {call.path}": call for call in API.calls}


def test_every_page_has_its_calls_or_a_reason(one_app):
    found = pages(one_app)
    assert {"unknown": sorted(found.keys() - PAGES.keys()), "gone": sorted(PAGES.keys() - found.keys())} == {
        "unknown": [],
        "gone": [],
    }


def test_the_calls_are_there():
    named = {call for calls in PAGES.values() if isinstance(calls, tuple) for call in calls}
    assert sorted(named - CALLS.keys()) == []


@pytest.mark.parametrize("endpoint", [name for name, calls in PAGES.items() if isinstance(calls, tuple)])
def test_the_calls_of_a_page_admit_whom_the_page_admits(one_app, endpoint):
    admitted = set(getattr(one_app.view_functions[endpoint], "roles", ()))
    calls = [CALLS[call] for call in PAGES[endpoint]]
    if pages(one_app)[endpoint] == "POST":
        assert all(call.method == "POST" for call in calls), "a form's call changes something"
        assert all(set(call.roles) <= admitted for call in calls if admitted)
    assert admitted <= set().union(*(call.roles for call in calls)) or not all(call.roles for call in calls)
