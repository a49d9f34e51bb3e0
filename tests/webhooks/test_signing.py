"""Other people's code verifies what is signed here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from incidentlog.store.webhooks import Secrets
from incidentlog.webhooks.signing import new_secret, read_secret, signed, written

DOCUMENT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
SNIPPET = DOCUMENT.split("```python\n")[1].split("```")[0]
BODY = '{"specversion":"1.0","data":{"note":"Одеса"}}'.encode()


def test_the_reference_library_verifies_a_message_and_no_other():
    secret = new_secret()
    headers = signed("0198c0de-0000-7000-8000-000000000001", datetime.now(UTC), BODY, [secret])
    told = Webhook(written(secret))
    assert told.verify(BODY.decode(), headers)["specversion"] == "1.0"
    with pytest.raises(WebhookVerificationError):
        told.verify(BODY.decode() + " ", headers)
    with pytest.raises(WebhookVerificationError):
        told.verify(BODY.decode(), headers | {"webhook-id": "another"})
    with pytest.raises(WebhookVerificationError):
        Webhook(written(new_secret())).verify(BODY.decode(), headers)


def test_a_message_of_a_webhook_whose_secret_is_rotated_is_verified_with_either():
    new, old, now = new_secret(), new_secret(), datetime.now(UTC)
    secrets = Secrets(new, old, now + timedelta(hours=1))
    headers = signed("id", now, BODY, secrets.at(now))
    for secret in (new, old):
        assert Webhook(written(secret)).verify(BODY.decode(), headers)
    assert secrets.at(now + timedelta(hours=1)) == [new]


def test_a_secret_is_read_as_it_is_written():
    secret = new_secret()
    assert read_secret(written(secret)) == secret
    wrong = ["", "whsec_", "whsec_AAAA", written(secret)[6:], written(secret) + "!", "whsec_" + "A" * 100, "whsec_Ї"]
    assert [read_secret(text) for text in wrong] == [None] * len(wrong)


def test_a_receiver_does_as_the_document_says(capsys: pytest.CaptureFixture[str]):
    told: dict[str, Any] = {}
    exec(SNIPPET, told)
    receive, secret, seen = told["receive"], new_secret(), set[str]()
    body = b'{"id":"a","type":"strike.reported","subject":"strike:one"}'
    headers = signed("a", datetime.now(UTC), body, [secret])
    answers = [receive(written(secret), headers, sent, seen) for sent in (body, body, b"{}")]
    assert answers == [204, 204, 401]
    late = signed("a", datetime.now(UTC) - timedelta(minutes=6), body, [secret])
    assert receive(written(secret), late, body, seen) == 401
    assert capsys.readouterr().out == "strike.reported strike:one\n"
