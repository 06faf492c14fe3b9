"""BATV: mail goes out with a tag in its reverse-path, and only reports with it come back."""
import re

import pytest

from conftest import _factory, wait_for
from remote import Remote
from test_guard import Client, guard_server
from test_relay import FAST, SLOW, message, smarthost

CONFIG = """
bounces {
    sign = { "example.test" }
    except = { "news@*" }
    plain-for = { "*@lists.test" }
}
score { tag = "3" junk = "6" }
"""
REPORT = "Subject: Returned\r\n\r\nSorry.\r\n"


@pytest.fixture(scope="module")
def tagging(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("tags"))
    try:
        with Remote() as remote:
            server = guard_server(lambda **o: make(accounts=("alice", "bob", "news"), **o),
                                  CONFIG + smarthost(remote) + FAST)
            server.remote = remote
            yield server
    finally:
        dispose()


def sender_of(server, user, to):
    """The reverse-path with which the next host saw a message."""
    before = len(server.remote.taken)
    with server.submission(user) as smtp:
        smtp.sendmail(f"{user}@example.test", [to], message("hello"))
    return wait_for(lambda: server.remote.taken[before:], SLOW, "the message")[0].sender


def bring(server, to, sender="", text=REPORT):
    """By a stranger; the replies to RCPT, one a recipient, or to the message."""
    with Client(server, "198.51.100.7") as c:
        c.hello()
        assert c.say(f"MAIL FROM:<{sender}>").startswith("250")
        replies = [c.say(f"RCPT TO:<{r}>") for r in to]
        return replies if any(r[0] != "2" for r in replies) else c.message(text)


def test_reports_come_back(tagging):
    s = tagging
    before = len(s.messages())
    tagged = sender_of(s, "alice", "ann@far.test")
    assert re.fullmatch(r"prvs=\d{4}[0-9a-f]{6}=alice@example\.test", tagged)
    assert bring(s, [tagged.upper()]).startswith("250")
    wait_for(lambda: len(s.messages()) == before + 1, what="the report")
    # What is addressed by people may have it, too.
    assert bring(s, [tagged], sender="x@far.test").startswith("250")
    # A restart forgets no key.
    s.stop()
    s.start()
    assert bring(s, [tagged]).startswith("250")
    wait_for(lambda: len(s.messages()) == before + 3, what="the report")


def test_others_do_not(tagging):
    s = tagging
    tagged = sender_of(s, "alice", "ann@far.test")
    for to in ("alice@example.test", "alice+list@example.test", tagged.replace("alice", "bob")):
        reply, = bring(s, [to])
        # Of a forged tag nobody is known.
        assert reply.startswith("550 5.1.1" if "prvs" in to else "550 5.7.1 This address has"), to
    assert bring(s, ["alice@example.test"], sender="x@far.test").startswith("250")
    assert bring(s, ["postmaster@example.test"]).startswith("250")
    assert "smtp.bounce.refused" in s.log_text()


def test_exceptions(tagging):
    s = tagging
    assert sender_of(s, "alice", "club@lists.test") == "alice@example.test"
    assert sender_of(s, "news", "ann@far.test") == "news@example.test"
    assert bring(s, ["news@example.test"]).startswith("250")


def test_a_report_has_one_recipient(tagging):
    s = tagging
    first, second = bring(s, ["news@example.test", "postmaster@example.test"])
    assert first.startswith("250") and second.startswith("452 4.5.3")


@pytest.fixture
def scoring(tagging):
    path = tagging.dir / "veredus.conf"
    before = path.read_text()
    tagging.stop()
    path.write_text(before.replace(
        "bounces {", 'bounces { untagged = score several-recipients = score weight = "3.5"'))
    yield tagging.start()
    tagging.stop()
    path.write_text(before)
    tagging.start()


def test_scored(scoring):
    s = scoring
    assert bring(s, ["bob@example.test"], text="Subject: one\r\n\r\nx\r\n").startswith("250")
    assert bring(s, ["bob@example.test", "news@example.test"]).startswith("250")
    junk, = wait_for(lambda: s.messages("bob", "Junk"), what="Junk")
    assert "7.00: bounce.untagged 3.50, bounce.recipients 3.50" in \
        junk.decode().replace(",\r\n\t", ", ")
    assert b"3.50: bounce.untagged 3.50" in s.messages("bob")[0]
