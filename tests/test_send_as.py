"""As whom somebody may send who has logged in (553 5.7.1), and write (550 5.7.1)."""
import smtplib

import pytest

from conftest import PASSWORD

OWN = ("alice@example.test", "Alice@EXAMPLE.test", "alice+tag@example.test", "team@example.test",
       "sales@example.test", "alice@other.test", "")
OTHERS = ("bob@example.test", "carol@example.test", "nobody@example.test", "alice@elsewhere.test",
          "carol@other.test", "x@lists.elsewhere.test")


@pytest.fixture(scope="module")
def sending(server):
    server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
    server.cli("alias", "add", "sales@example.test", "team@example.test")
    server.cli("domain", "add", "other.test")
    server.cli("alias", "add", "alice@other.test", "alice@example.test")
    return server


def mail_from(server, *senders):
    """The replies to MAIL."""
    replies = {}
    for sender in senders:
        with server.submission() as smtp:
            code, text = smtp.mail(sender)
            replies[sender] = (code, text.decode()[:5])
    return replies


def test_own_addresses_only(sending):
    assert mail_from(sending, *OWN) == {a: (250, "2.1.0") for a in OWN}
    assert mail_from(sending, *OTHERS) == {a: (553, "5.7.1") for a in OTHERS}


def test_delegates(sending):
    def allow(text):
        sending.cli("user", "set", "alice@example.test", "--send-as", text)

    try:
        allow("bob@example.test, @lists.elsewhere.test")
        assert sending.cli("user", "send-as", "alice@example.test").stdout.split() == [
            "@lists.elsewhere.test", "bob@example.test"]
        replies = mail_from(sending, *OTHERS)
        assert [a for a, r in replies.items() if r[0] == 250] == ["bob@example.test", "x@lists.elsewhere.test"]
        allow("*")
        assert all(r[0] == 250 for r in mail_from(sending, *OTHERS).values())
    finally:
        allow("")
    assert all(r[0] == 553 for r in mail_from(sending, *OTHERS).values())
    assert sending.cli("user", "send-as", "alice@example.test", "--json").stdout.strip() == "[]"
    for wrong in ("bob", "@", "a@b c@d"):
        assert sending.cli("user", "set", "alice@example.test", "--send-as", wrong, check=False).returncode != 0
    assert sending.cli("user", "set", "nobody@example.test", "--send-as", "*", check=False).returncode == 1


FROM = {
    "From: alice@example.test": True,
    "From: Alice <ALICE@example.test>": True,
    "from : team@example.test": True,
    "From: alice": True,
    "From: a group: alice@example.test, team@example.test;": True,
    "Subject: none": True,
    "From: bob@example.test": False,
    "From: alice@example.test, bob@example.test": False,
    "From: \"alice@example.test\" <bob@example.test>": False,
    "From: alice@example.test\r\nFrom: bob@example.test": False,
    "From:\r\n bob@example.test": False,
    "From: " + ", ".join(["alice@example.test"] * 101): False,
}


@pytest.mark.parametrize("check", ["yes", "no"])
def test_from(make_server, check):
    server = make_server(config=f"smtp {{ check-from = {check} max-errors = 100 }}")
    server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
    with server.submission() as smtp:
        for field, allowed in FROM.items():
            try:
                smtp.sendmail("alice@example.test", ["bob@example.test"],
                              f"{field}\r\nTo: bob@example.test\r\n\r\nFrom: bob@example.test\r\n")
                code, text = 250, b""
            except smtplib.SMTPDataError as e:
                code, text = e.smtp_code, e.smtp_error
            if allowed or check == "no":
                assert code == 250, (field, text)
            else:
                assert code == 550 and text.startswith(b"5.7.1"), (field, code, text)
    # Strangers write what they like: that is for SPF, DKIM and DMARC.
    with server.smtp() as smtp:
        smtp.sendmail("x@client.test", ["bob@example.test"], "From: alice@example.test\r\n\r\nhello\r\n")
