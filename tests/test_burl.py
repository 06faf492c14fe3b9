"""BURL (RFC 4468): submitted mail that is taken from mailboxes, by their owners and by whom they let."""
import datetime
import re

import pytest

from test_smtp import Wire, newest

HOST = "imap://alice%40example.test@mx.example.test"
MESSAGE = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: %s\r\n" \
          b"Date: Sat, 1 Jan 2000 00:00:00 +0000\r\nMessage-ID: <%s@example.test>\r\n\r\n" \
          b"..dots\r\n.\r\nend\r\n"


def draft(server, subject, user="alice", more=b""):
    """The UID of a new message in Drafts, and its bytes."""
    message = MESSAGE % (subject.encode(), subject.encode()) + more
    with server.imap(user) as imap:
        text = imap.append("Drafts", "(\\Draft)", None, message)[1][0].decode()
    return re.search(r"APPENDUID \d+ (\d+)", text)[1], message


def authorize(server, url, user="alice"):
    with server.imap(user) as imap:
        imap._simple_command("GENURLAUTH", f'"{url}"', "INTERNAL")
        return imap._untagged_response("OK", [None], "GENURLAUTH")[1][0].decode().strip('"')


def reset_keys(server, user="alice"):
    with server.imap(user) as imap:
        assert imap._simple_command("RESETKEY")[0] == "OK"


@pytest.fixture
def wire(server):
    """Alice is about to send."""
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        assert wire.login().startswith("235")
        yield wire


def begin(wire, to="bob@example.test", options=""):
    wire.expect(f"MAIL FROM:<alice@example.test>{options}", "250")
    wire.expect(f"RCPT TO:<{to}>", "250")


@pytest.fixture(autouse=True)
def imaplib_knows():
    import imaplib
    imaplib.Commands.update({name: ("AUTH", "SELECTED") for name in ("GENURLAUTH", "RESETKEY")})


def test_a_draft_is_sent(server, wire):
    """As it lies there; and by a URL that was made for its author."""
    uid, message = draft(server, "plain")
    begin(wire)
    wire.expect(f"BURL imap://mx.example.test/Drafts/;UID={uid} LAST", "250 2.0.0 Accepted")
    assert newest(server, "bob", "plain").endswith(message)
    uid, message = draft(server, "authorized")
    late = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    url = authorize(server, f"{HOST}/Drafts/;UID={uid};EXPIRE={late:%Y-%m-%dT%H:%M:%SZ}"
                            ";URLAUTH=submit+alice%40example.test")
    begin(wire)
    wire.expect(f"BURL {url} LAST", "250 2.0.0 Accepted")
    assert newest(server, "bob", "authorized").endswith(message)


def test_mixed_with_chunks(server, wire):
    """A new header, the body of a message, and some more; all pipelined. It survives at once."""
    uid, message = draft(server, "source")
    head = MESSAGE.partition(b"\r\n\r\n")[0].replace(b"%s", b"mixed") + b"\r\n\r\n"
    more = b"and more\r\n"
    wire.send(b"MAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\n"
              b"BDAT %d\r\n%sBURL %s/Drafts/;UID=%s/;SECTION=TEXT\r\nBDAT %d LAST\r\n%s" %
              (len(head), head, HOST.encode(), uid.encode(), len(more), more))
    assert [wire.reply()[-1][:9] for _ in range(5)] == ["250 2.1.0", "250 2.1.5"] + ["250 2.0.0"] * 3
    server.kill()
    server.start()
    assert newest(server, "bob", "mixed").endswith(head + b"..dots\r\n.\r\nend\r\n" + more)


@pytest.mark.parametrize("url, answer", [
    ("imap://mx.example.test/Drafts/;UID=4711", "554 5.6.6"),
    ("imap://mx.example.test/nowhere/;UID=1", "554 5.6.6"),
    ("imap://imap.example.org/Drafts/;UID=1", "554 5.7.14"),
    ("imap://bob%40example.test@mx.example.test/Drafts/;UID=1", "554 5.7.0"),
    (f"{HOST}/Drafts/;UID=1;URLAUTH=submit+alice:INTERNAL:{'0' * 66}", "554 5.7.0"),
    ("/Drafts/;UID=1", "501 5.5.4"),
    ("https://mx.example.test/", "501 5.5.4"),
    ("imap://mx.example.test/Drafts/;UID=1 FIRST", "501 5.5.4"),
    ("imap://mx.example.test/" + "x" * 6000, "501 5.5.4"),
    ("imap://mx.example.test/" + "x" * 13000, "500 5.5.2"),
], ids=["uid", "mailbox", "host", "user", "token", "relative", "scheme", "word", "long", "too-long"])
def test_refused(wire, url, answer):
    """And with it the transaction, so that nothing is sent without the piece that was meant."""
    begin(wire)
    wire.send(b"BDAT 6\r\nhello\n")
    assert wire.reply()[-1].startswith("250")
    wire.expect(f"BURL {url}", answer)
    wire.send(b"BDAT 6 LAST\r\nhello\n")
    assert wire.reply()[-1].startswith("503")


def test_only_for_whom_it_says(server, wire):
    uid, _ = draft(server, "others", "bob")
    place = f"imap://bob%40example.test@mx.example.test/Drafts/;UID={uid}"
    mine = authorize(server, f"{place};URLAUTH=submit+alice%40example.test", "bob")
    other = authorize(server, f"{place};URLAUTH=submit+bob%40example.test", "bob")
    old = authorize(server, f"{place};EXPIRE=2020-01-01T00:00:00Z;URLAUTH=submit+alice", "bob")
    gone = authorize(server, f"{place}000;URLAUTH=submit+alice", "bob")
    for url, answer in (other, "554 5.7.0"), (old, "554 5.7.0"), (gone, "554 5.6.6"):
        begin(wire)
        wire.expect(f"BURL {url} LAST", answer)
    # The sender in From is looked at as in any other message.
    begin(wire)
    wire.expect(f"BURL {mine} LAST", "250 2.0.0 Accepted")
    reset_keys(server, "bob")
    begin(wire)
    wire.expect(f"BURL {mine} LAST", "554 5.7.0")


def test_order(server, wire):
    wire.expect("BURL imap://mx.example.test/Drafts/;UID=1 LAST", "503")
    wire.expect("MAIL FROM:<alice@example.test>", "250")
    wire.expect("BURL imap://mx.example.test/Drafts/;UID=1 LAST", "503 5.5.1 Say RCPT first")
    wire.expect("RCPT TO:<nobody@example.test>", "550")
    wire.expect("BURL imap://mx.example.test/Drafts/;UID=1 LAST", "554 5.5.1")
    with Wire(server, "submission") as other:
        other.starttls()
        other.expect("EHLO client.test", "250")
        other.expect("BURL imap://mx.example.test/Drafts/;UID=1 LAST", "530")


def test_limits(make_server):
    """What is too large, and where it is not wanted."""
    server = make_server(config="smtp { max-message = 1M }")
    uid, _ = draft(server, "twice", more=b"0123456\r\n" * 70000)
    url = f"BURL imap://mx.example.test/Drafts/;UID={uid}"
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        assert wire.login().startswith("235")
        begin(wire)
        wire.expect(url, "250 2.0.0 Chunk taken")
        wire.expect("DATA", "503 5.5.1")
        wire.expect(f"{url}/;SECTION=TEXT/;PARTIAL=0.1000 LAST", "250 2.0.0 Accepted")
        begin(wire)
        wire.expect(url, "250 2.0.0 Chunk taken")
        wire.expect(url, "552 5.3.4")
        wire.expect(f"{url} LAST", "503 5.5.1")
    with Wire(server, "smtp") as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect(f"{url} LAST", "502 5.5.1")
