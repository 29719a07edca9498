"""The pages of webhooks: an address is added with its secret shown once, what was sent is seen and sent again."""

import re

import pytest

from cardnet.access import services as access
from cardnet.kernel.db import transaction
from cardnet.merchant_api import services as hooks
from cardnet.merchant_api.jobs import send_due
from cardnet.merchant_api.webhooks import Door
from tests.make.redemptions import make_shop
from tests.make.settling import settle
from tests.make.web import enter, submit, words_of


class _Shut(Door):
    """A merchant whose server is down."""

    def send(self, url, headers, body):
        return 503, None


@pytest.fixture
def desk(committing_app, world):
    with committing_app.app_context():
        with transaction() as session:
            shop = make_shop(session, world, people=2)
        with transaction() as session:
            token = access.open_staff_session(session, world, shop.office["C1"].account_id).token
    client = committing_app.test_client()
    enter(client, token)
    return shop, client, committing_app


def test_an_address_is_added_its_secret_shown_once_and_what_was_sent_is_seen_and_sent_again(desk, world, clock):
    shop, client, app = desk
    form = {"merchant": "M1001", "url": "https://hooks.example.com/cardnet", "kinds": ["redemption.captured"]}
    made = submit(client, "/console/webhooks", form)
    assert made.status_code == 200
    assert re.search(r"whsec_[A-Za-z0-9+/=]{44}", made.text)
    listed = client.get("/console/webhooks").text
    assert "whsec_" not in listed
    address = re.search(r"/console/webhooks/[0-9a-f-]{36}", listed)[0]
    shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    with app.app_context():
        settle()
        assert send_due(world, _Shut()) == 1
    page = client.get(address).text
    assert "已核销" in words_of(page)
    assert "503" in words_of(page)
    with app.app_context(), transaction() as session:
        (endpoint,) = hooks.endpoints(session)
        (delivery,) = hooks.deliveries(session, endpoint.id)
    assert delivery.tries == 1
    again = submit(client, f"{address}/deliveries/{delivery.id}")
    assert again.status_code == 303
    off = submit(client, f"{address}/disable")
    assert off.status_code == 303
    assert "已停用" in words_of(client.get(address).text)
    refused = submit(client, f"{address}/deliveries/{delivery.id}")
    assert refused.status_code == 409
    assert submit(client, f"{address}/enable").status_code == 303


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"merchant": "M1001", "url": "https://127.0.0.1/"}, "不能使用内网、本机或保留的地址"),
        ({"merchant": "M1001", "url": "http://hooks.example.com/"}, "https://"),
        ({"merchant": "M9999", "url": "https://hooks.example.com/"}, "没有编号为“M9999”的商户"),
        ({}, "没有编号为"),
    ],
)
def test_what_cannot_be_added_is_said_beside_its_field(desk, form, sentence):
    _, client, _ = desk
    answer = submit(client, "/console/webhooks", form)
    assert answer.status_code in (404, 422)
    assert sentence in words_of(answer.text)
