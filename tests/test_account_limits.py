"""Accounts that begin to send like a program that stole their password: slowed, held, released."""
import json
import re
import smtplib
import socket

import pytest

from conftest import PASSWORD, _factory, wait_for
from mmdb import write_countries
from remote import Remote
from test_guard import guard_server, metric
from test_relay import smarthost

CONFIG = """
account-limits {
    exempt-accounts = { "news@*" }
    hour-recipients = 6
    slow-recipients = 2
    delay = 10ms
    hold-after = 3
    networks = 2
    country-database = "DATABASE"
    countries = 1
    bounce-share = 50
    bounce-min = 2
}
trust { verify = no }
"""
LETTER = "Subject: x\r\n\r\nHello.\r\n"


def answer(session, verb, line):
    return "550 5.1.1 no such user" if verb == "RCPT" and "nobody" in line else None


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("limits"))

    def with_more(**options):
        return make(accounts=("alice", "bob", "carol", "dora", "news", "postmaster"), **options)
    try:
        path = tmp_path_factory.mktemp("countries") / "countries.mmdb"
        write_countries(path, {"10.1": "DE", "10.2": "FR", "10.3": "nl"})
        with Remote(answer) as remote:
            yield guard_server(with_more, CONFIG.replace("DATABASE", str(path))
                               + smarthost(remote))
    finally:
        dispose()


def limits(server, user):
    item, = json.loads(server.cli("account", "limits", "--json",
                                  f"{user}@example.test").stdout)
    return item


def send(server, user, *recipients):
    """The recipients that were refused, with their replies; None when none was."""
    with server.submission(user) as smtp:
        try:
            refused = smtp.sendmail(f"{user}@example.test", recipients, LETTER)
        except smtplib.SMTPSenderRefused as e:
            return {"sender": (e.smtp_code, e.smtp_error)}
        except smtplib.SMTPRecipientsRefused as e:
            return e.recipients
        return refused or None


def notices(server, user):
    return [m for m in server.messages("postmaster")
            if b"sends as programs do" in m and f"release {user}@".encode() in m]


def test_too_many_recipients(limited):
    s = limited
    before = metric(s, "guard_accounts_limited_total")
    to = [f"r{i}@remote.test" for i in range(8)]
    assert send(s, "alice", *to[:4]) is None
    refused = send(s, "alice", *to)
    assert len(refused) == 6   # two more are room
    code, text = refused[to[7]]
    assert code == 450 and text.startswith(b"4.7.1 Your account is slowed because of more recip")
    state = limits(s, "alice")
    assert (state["standing"], state["hour"], state["hour_limit"]) == ("slowed", 6, 6)
    message, = wait_for(lambda: notices(s, "alice"), what="a notice")
    assert b"To: postmaster@example.test" in message
    assert b"veredus account release alice@example.test" in message
    assert metric(s, "guard_accounts_limited_total") == before + 1
    # It survives, is told once, and goes on slowly: but for who was refused too often.
    s.stop()
    s.start()
    assert limits(s, "alice")["hour"] == 6
    assert send(s, "alice", to[0]) is None
    state = limits(s, "alice")
    assert state["standing"] == "held" and "within an hour" in state["why"]
    queue = json.loads(s.cli("queue", "list", "--json", "--from", "alice@example.test").stdout)
    assert [r["state"] for r in queue].count("held") == 1
    assert "alice@example.test" in s.cli("account", "limits").stdout
    assert len(notices(s, "alice")) == 1
    # Others are not concerned.
    assert send(s, "news", *[f"n{i}@remote.test" for i in range(20)]) is None
    assert limits(s, "postmaster")["standing"] == "free"
    # The operator has looked.
    s.cli("account", "release", "alice@example.test")
    assert limits(s, "alice")["standing"] == "free" and limits(s, "alice")["hour"] == 0
    assert s.cli("account", "release", "alice@example.test", check=False).returncode == 1
    assert send(s, "alice", *to[:4]) is None
    assert "alice" not in s.cli("account", "limits").stdout


def test_bounces(limited):
    s = limited
    assert send(s, "carol", "nobody1@remote.test", "nobody2@remote.test", "x@remote.test") is None
    wait_for(lambda: limits(s, "carol")["bounces"] == 2, what="bounces")
    assert send(s, "carol", "x@remote.test") is None   # it is slowed, which is not refused
    state = limits(s, "carol")
    assert state["standing"] == "slowed"
    assert state["why"] == "2 recipients that do not exist, of 3"


def test_many_networks(limited):
    s = limited
    for network in ("192.0.2.1", "192.0.2.77", "198.51.100.1"):
        via(s, "bob", network)
    via(s, "bob", "203.0.113.5")   # it is slowed, which is not refused
    state = limits(s, "bob")
    assert state["standing"] == "slowed" and re.match("3 networks within 60 m", state["why"])


def test_two_countries(limited):
    s = limited
    via(s, "dora", "10.1.2.3")
    via(s, "dora", "10.1.77.1")
    assert limits(s, "dora")["standing"] == "free" and limits(s, "dora")["countries"] == 1
    via(s, "dora", "10.3.0.9")
    state = limits(s, "dora")
    assert state["standing"] == "slowed" and state["countries"] == 2
    assert state["why"] == "2 countries within 6 hours"


def via(server, user, network):
    """From another network, as a proxy tells."""
    with socket.create_connection(("127.0.0.1", server.guarded["submission"]), 30) as sock:
        sock.sendall(f"PROXY TCP4 {network} 127.0.0.1 1234 587\r\n".encode())
        smtp = smtplib.SMTP()
        smtp.sock, smtp.file, smtp._host = sock, None, "localhost"
        smtp.getreply()
        smtp.starttls(context=server.tls_context())
        smtp.login(f"{user}@example.test", PASSWORD)
        smtp.sendmail(f"{user}@example.test", ["news@example.test"], LETTER)
        smtp.quit()
