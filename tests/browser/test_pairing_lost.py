"""A till whose pairing was answered on a line that broke asks again and is the same device: one token, one key."""

from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import text

from cardnet.merchants.services import MakePairingCode, keys_of, make_pairing_code
from tests.make.browser import Site
from tests.make.merchants import make_till

_TOKENS = text("select count(*) from terminal_token where terminal_id = :id and revoked_at is null")


def test_a_lost_answer_to_a_pairing_takes_one_place(
    new_page: Callable[..., Page], built_pages: None, site: Site
) -> None:
    with site.session() as session:
        by_code, by_token = (make_till(session, site.world, code) for code in ("M7301", "M7302"))
        code = make_pairing_code(session, site.world, MakePairingCode(by_code.venue.terminal_id))
    # What is typed, whose it is, the call whose answer is lost, and the tokens then: the first till had one before.
    asked = ((code, by_code, "enrol", 2), (by_token.token, by_token, "keys", 1))
    for typed, till, call, tokens in asked:
        page = new_page(360, 640)
        page.route(f"**/merchant/v1/terminals/{call}", lambda route: (route.fetch(), route.abort()), times=1)
        page.goto("/till")
        page.get_by_label("配对码").fill(typed)
        page.get_by_role("button", name="开始使用").click()
        if call == "enrol":
            expect(page.locator("#pairing-code-error")).to_contain_text("还没有配对")
            # Whoever closes the page and comes back is the same device still.
            page.reload()
            page.get_by_label("配对码").fill(typed)
            page.get_by_role("button", name="开始使用").click()
        expect(page.locator("#sale")).to_be_visible()
        expect(page.locator("#others")).to_be_hidden()
        with site.session() as session:
            assert len(keys_of(session, till.venue.terminal_id)) == 1
            assert session.scalar(_TOKENS, {"id": till.venue.terminal_id}) == tokens
