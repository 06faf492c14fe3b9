"""Filters: a milter that answers by a script, and OpenDKIM."""
import base64
import contextlib
import email
import pathlib
import re
import smtplib
import subprocess
import tempfile
import threading
import time

import dkim
import pytest

from conftest import _factory, free_port, wait_for
from milter import (ACCEPT, CLOSE, DISCARD, LEADING_SPACE, REJECT, SILENCE, TEMPFAIL, Milter, add,
                    change, insert, macros, said)

LETTER = (b"Subject: Hello\r\nX-Old: one\r\nX-Folded: a\r\n b\r\nX-Old: two\r\n"
          b"Date: Sun, 1 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@remote.test>\r\n\r\nBody\r\n")
TIMES = "connect-timeout = 30s command-timeout = 30s message-timeout = 60s"


@pytest.fixture(scope="module")
def milter():
    with Milter(pathlib.Path(tempfile.mkdtemp(prefix="veredus-milter-")) / "socket") as one:
        yield one


@pytest.fixture(scope="module")
def server(milter):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    one = make(start=False)
    one.configure(f'filter "script" {{ address = "{milter.address}" max-connections = 2 {TIMES} }}\n'
                  "guard { greeting-wait = 0 }")
    one.start()
    yield one
    dispose()


@pytest.fixture(autouse=True)
def again(milter):
    milter.script = lambda talk, command, data: None
    milter.protocol, milter.version, milter.actions = 0, 6, 0x1FF
    milter.talks.clear()


@contextlib.contextmanager
def times(server, text):
    """The server has other limits of time."""
    conf = server.dir / "veredus.conf"
    before = conf.read_text()
    conf.write_text(before.replace(TIMES, text))
    server.cli("reload")
    try:
        yield
    finally:
        conf.write_text(before)
        server.cli("reload")


def send(server, letter=LETTER, to=("alice@example.test",)):
    """The answer to the message."""
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("ann@remote.test")
        for recipient in to:
            smtp.rcpt(recipient)
        code, text = smtp.data(letter)
        return f"{code} {text.decode()}"


def at_end(*answers):
    def script(talk, command, data):
        return [*answers] if command == b"E" else None
    return script


def last(server, **options):
    return server.messages(**options)[-1]


def test_all_that_is_known_is_shown(server, milter):
    reply = send(server)
    assert reply.startswith("250")
    queue_id = reply.split()[-1].encode()
    talk, = milter.talks
    wait_for(lambda: talk[-1][0] == b"Q", what="QUIT")
    connect, = said(talk, b"C")
    assert connect[-10:] == b"127.0.0.1\0" and connect.split(b"\0")[1][:1] == b"4"
    assert said(talk, b"H") == [b"client.test\0"]
    assert said(talk, b"M") == [b"<ann@remote.test>\0"]
    assert said(talk, b"R") == [b"<alice@example.test>\0"]
    results, *fields = said(talk, b"L")
    assert results.startswith(b"Authentication-Results\0mx.example.test;\n\t")
    assert fields[:4] == [b"Subject\0Hello\0", b"X-Old\0one\0", b"X-Folded\0a\n b\0",
                          b"X-Old\0two\0"]
    assert said(talk, b"B") == [b"Body\r\n"]
    assert macros(talk, b"C")[b"j"] == b"mx.example.test"
    assert macros(talk, b"M")[b"i"] == macros(talk, b"E")[b"i"] == queue_id
    assert macros(talk, b"M")[b"{mail_addr}"] == b"ann@remote.test"
    assert macros(talk, b"R")[b"{rcpt_addr}"] == b"alice@example.test"
    assert "filtered" in server.cli("trace", queue_id.decode()).stdout


def test_what_it_does_not_want_is_not_shown(server, milter):
    milter.protocol = 0x1 | 0x2 | 0x10 | 0x200 | 0x80 | 0x8000 | LEADING_SPACE
    assert send(server).startswith("250")
    talk, = milter.talks
    assert not [c for c, _ in talk if c in (b"C", b"H", b"B", b"T")]
    assert said(talk, b"L")[1] == b"Subject\0 Hello\0"


def test_an_old_one_hears_nothing_of_data(server, milter):
    """The packet came with version 4 of the protocol."""
    for milter.version in (2, 6):
        assert send(server).startswith("250")
    old, new = milter.talks
    assert not said(old, b"T") and said(new, b"T") and said(old, b"E")


def test_large_bodies_come_in_pieces(server, milter):
    body = b"x" * 70 + b"\r\n"
    assert send(server, LETTER + body * 3000).startswith("250")
    pieces = said(milter.talks[0], b"B")
    assert len(pieces) == 4 and b"".join(pieces) == b"Body\r\n" + body * 3000
    # It has seen enough.
    milter.talks.clear()
    milter.script = lambda talk, command, data: b"s" if command == b"B" else None
    assert send(server, LETTER + body * 3000).startswith("250")
    assert len(said(milter.talks[0], b"B")) == 1 and said(milter.talks[0], b"E")


@pytest.mark.parametrize("stage", [b"C", b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E"])
def test_refused(server, milter, stage):
    before = len(server.messages())
    answers = {REJECT: "550 5.7.1 Refused", TEMPFAIL: "451 4.7.1 Try again",
               b"y554 5.7.9 Not 100%% well\0": "554 5.7.9 Not 100% well",
               b"y450-4.7.0 One\r\n450 4.7.0 two\0": "450 4.7.0 One; two"}
    for answer, reply in answers.items():
        milter.script = lambda talk, command, data: answer if command == stage else None
        assert send(server).startswith(reply)
    assert len(server.messages()) == before
    assert 'by="filter script"' in server.log_text()


def test_accepted_and_discarded(server, milter):
    before = len(server.messages())
    milter.script = lambda talk, command, data: ACCEPT if command == b"M" else None
    assert send(server).startswith("250")
    assert not said(milter.talks[0], b"R")
    assert len(server.messages()) == before + 1
    milter.script = at_end(DISCARD)
    assert send(server).startswith("250 2.0.0 Accepted")
    assert len(server.messages()) == before + 1
    assert "filter.discarded" in server.log_text()


def test_fields_are_changed(server, milter):
    milter.script = at_end(add(b"X-Last", b"end"), insert(0, b"X-First", b"a\n\tb"),
                           insert(3, b"X-Third", b"c"), change(1, b"x-old", b""),
                           change(2, b"X-Old", b"changed\nX-Evil: yes"),
                           change(5, b"X-New", b"made"), b"p", b"c")
    assert send(server).startswith("250")
    header, body = last(server).split(b"\r\n\r\n", 1)
    header = header[header.index(b"X-First"):]
    assert header == (b"X-First: a\r\n\tb\r\nSubject: Hello\r\nX-Third: c\r\nX-Folded: a\r\n b\r\n"
                      b"X-Old: changed\r\n\tX-Evil: yes\r\nDate: Sun, 1 Mar 2026 10:00:00 +0000\r\n"
                      b"Message-ID: <1@remote.test>\r\nX-Last: end\r\nX-New: made")
    assert body == b"Body\r\n"


def test_leading_space(server, milter):
    milter.protocol = LEADING_SPACE
    milter.script = at_end(add(b"X-Tight", b"a"), add(b"X-Wide", b"  b"), b"a")
    assert send(server).startswith("250")
    assert b"\r\nX-Tight:a\r\nX-Wide:  b\r\n" in last(server)


def test_the_body_is_replaced(server, milter):
    milter.script = at_end(b"bAnother\r\n", b"b" + b"y" * 60000 + b"\r\n", b"c")
    assert send(server).startswith("250")
    assert last(server).split(b"\r\n\r\n", 1)[1] == b"Another\r\n" + b"y" * 60000 + b"\r\n"


def test_the_envelope_is_changed(server, milter):
    milter.script = at_end(b"-<alice@example.test>\0", b"+<bob@example.test>\0",
                           b"+<nobody@example.test>\0", b"e<new@remote.test>\0", b"c")
    before = len(server.messages())
    assert send(server).startswith("250")
    assert len(server.messages()) == before
    assert last(server, user="bob").startswith(b"Return-Path: <new@remote.test>")
    assert re.search(r"filter.recipient .*to=\"?<nobody@example.test>", server.log_text())
    # Without recipients there is nothing to do.
    milter.script = at_end(b"-<alice@example.test>\0", b"c")
    assert send(server).startswith("250")
    assert len(server.messages()) == before


def test_quarantine(server, milter):
    milter.script = at_end(b"qlooks odd\0", b"c")
    before = len(server.messages(mailbox="Junk"))
    reply = send(server)
    assert len(server.messages(mailbox="Junk")) == before + 1
    assert "quarantined: looks odd" in server.cli("trace", reply.split()[-1]).stdout


WRONG = {
    "hangs up": CLOSE, "speaks nonsense": b"Z",
    "no field": b"hX A\0b\0", "too long": b"b" * (1024 * 1024 + 1), "no reply": b"y250 Fine\0",
    "early change": None, "too many changes": [add(b"X-A", b"b")] * 1001,
    "fails": b"f", "is old": None, "wants more": None,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_goes_wrong_defers(server, milter, wrong):
    stage = b"L" if wrong == "early change" else b"E"
    answer = add(b"X-A", b"b") if wrong == "early change" else WRONG[wrong]
    milter.script = lambda talk, command, data: answer if command == stage else None
    milter.version = 1 if wrong == "is old" else 6
    milter.actions = 0xFFFF if wrong == "wants more" else 0x1FF
    before = len(server.messages())
    assert send(server).startswith("451 4.7.1 It can't be looked at now")
    assert len(server.messages()) == before


def test_what_says_nothing_defers(server, milter):
    milter.script = lambda talk, command, data: SILENCE if command == b"E" else None
    before = len(server.messages())
    with times(server, "message-timeout = 500ms"):
        assert send(server).startswith("451 4.7.1 It can't be looked at now")
    assert len(server.messages()) == before


class Progress(list):
    """Packets that say that the work goes on, for so long; then the answer."""

    def __init__(self, seconds, *answer):
        super().__init__(answer)
        self.seconds = seconds

    def __iter__(self):
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            yield b"p"
            time.sleep(0.1)
        yield from super().__iter__()


def test_progress_buys_time_but_not_for_ever(server, milter):
    milter.script = lambda talk, command, data: Progress(3.5, b"c") if command == b"E" else None
    with times(server, "message-timeout = 3s"):
        assert send(server).startswith("250")
    milter.script = lambda talk, command, data: Progress(30) if command == b"E" else None
    with times(server, "total-timeout = 1s"):
        began = time.monotonic()
        assert send(server).startswith("451")
        assert time.monotonic() - began > 0.9


def test_only_so_many_at_once(server, milter):
    shown, most, changed = [0], [0], threading.Condition()

    def slow(talk, command, data):
        with changed:
            shown[0] += {b"C": 1, b"E": -1}.get(command, 0)
            most[0] = max(most[0], shown[0])
            changed.notify_all()
            if command == b"M":
                assert changed.wait_for(lambda: most[0] > 1, 20)
        time.sleep(0.2 if command == b"M" else 0)   # for a third that would be one too many
    milter.script = slow
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(send(server))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r[:3] for r in replies] == ["250"] * 6 and most == [2]


def test_users_are_not_strangers(server, milter):
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"], LETTER)
    assert milter.talks == []


def test_open_and_in_order(make_server):
    with Milter() as first, Milter() as second:
        first.script = at_end(add(b"X-Seen", b"first"), b"c")
        server = make_server(start=False)
        server.configure(
            f'filter "gone" {{ address = "127.0.0.1:{free_port()}" on-failure = open }}\n'
            f'filter "first" {{ address = "{first.address}" mail = all }}\n'
            f'filter "second" {{ address = "{second.address}" }}\n'
            f'filter "users" {{ address = "{second.address}" mail = outgoing }}')
        server.start()
        reply = send(server)
        assert reply.startswith("250") and b"\r\nX-Seen: first\r\n" in last(server)
        assert said(second.talks[0], b"L")[-1] == b"X-Seen\0first\0"
        trace = server.cli("trace", reply.split()[-1]).stdout
        assert "gone: failed (Connection refused), passed as it is" in trace
        assert re.search(r"filter.failed .*filter=gone .*then=passed", server.log_text())
        with server.submission() as smtp:
            smtp.sendmail("alice@example.test", ["alice@example.test"], LETTER)
        assert len(first.talks) == 2 and len(second.talks) == 2
        assert macros(second.talks[1], b"M")[b"{auth_authen}"] == b"alice@example.test"
        # What users send has no Junk to go into.
        second.script = at_end(b"qno\0", b"c")
        with server.submission() as smtp, pytest.raises(smtplib.SMTPDataError, match="5.7.1"):
            smtp.sendmail("alice@example.test", ["alice@example.test"], LETTER)


def test_opendkim_signs_what_users_send(make_server, tmp_path):
    port = free_port()
    subprocess.run(["opendkim-genkey", "-b", "2048", "-d", "example.test", "-s", "other", "-D",
                    tmp_path], check=True, timeout=60)
    (tmp_path / "conf").write_text(f"Mode s\nDomain example.test\nSelector other\n"
                                   f"KeyFile {tmp_path}/other.private\nRequireSafeKeys no\n"
                                   "Canonicalization simple/simple\n")
    process = subprocess.Popen(["opendkim", "-f", "-x", tmp_path / "conf", "-p",
                                f"inet:{port}@127.0.0.1"])
    try:
        server = make_server(start=False)
        server.configure(f'filter "opendkim" {{ address = "127.0.0.1:{port}" mail = outgoing }}\n'
                         "trust { sign = nobody }")
        server.start()

        def sent():
            try:
                with server.submission() as smtp:
                    smtp.sendmail("alice@example.test", ["alice@example.test"],
                                  b"From: alice@example.test\r\nSubject: signed\r\n"
                                  b"X-Folded:  a\r\n\t b \r\n\r\nSigned\r\n")
            except smtplib.SMTPDataError:
                return False
            return True
        wait_for(sent, 60, "opendkim")
        message = last(server)
    finally:
        process.terminate()
        process.wait(20)
    assert email.message_from_bytes(message)["DKIM-Signature"].startswith("v=1; a=rsa-sha256")
    record = re.findall(r'"([^"]*)"', (tmp_path / "other.txt").read_text())
    key = "".join(record).encode()
    assert base64.b64decode(key.rsplit(b"p=", 1)[1])
    whole = message[message.index(b"DKIM-Signature"):]
    assert dkim.verify(whole, dnsfunc=lambda name, timeout=5: key)


@pytest.mark.parametrize("text, why", [
    ('filter "x" { }', "there is no address"),
    ('filter "x" { address = "localhost" }', "address: 'localhost' is none"),
    ('filter "x" { address = "127.0.0.1" }', "address: '127.0.0.1' is none"),
    ('filter "x" { address = "*:25" }', "address: '*:25' is none"),
    ('filter "" { address = "127.0.0.1:25" }', "the title must be a name"),
])
def test_what_the_configuration_may_say(make_server, text, why):
    server = make_server(start=False)
    server.configure(text)
    checked = server.cli("check", check=False)
    assert checked.returncode != 0 and why in checked.stdout + checked.stderr
