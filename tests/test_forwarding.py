"""Mail that aliases send to other hosts: the bytes stay, the sender is rewritten (SRS) if wanted."""
import json
import re
import smtplib
import sqlite3

import pytest

from remote import Remote
from test_relay import FAST, SLOW, journey, message, report, smarthost, wait_empty
from conftest import wait_for

STRANGER = "Smith@far.test"
SRS = "forward { srs = yes }\n"
# What a signature would cover: odd spaces, folds and case, 8-bit text, dots, no last words.
ODD = (b"From: Smith  <Smith@far.test>\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n\tb=abc\r\n  def\r\n"
       b"to:bob@b.test\r\nSubject: =?utf-8?q?a?= \t b\r\nX-Empty:\r\nMessage-ID: <odd@far.test>\r\n"
       b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
       b"Content-Transfer-Encoding: 8bit\r\n\r\n  gr\xc3\xbc\xc3\x9fe \t\r\n.\r\n..dot\r\n\r\n\r\n")


def send(server, to, sender=STRANGER, data=ODD):
    with server.smtp() as smtp:
        return smtp.sendmail(sender, to, data, mail_options=["BODY=8BITMIME"])


def forwarder(make_server, remote, config=SRS, **options):
    strangers = smarthost(remote).replace("relay-networks", "# relay-networks")
    server = make_server(config=config + strangers + FAST, **options)
    server.cli("alias", "add", "out@example.test", "bob@b.test", "carol@b.test")
    return server


def taken(remote, count):
    return wait_for(lambda: len(remote.taken) >= count and remote.taken[:count], SLOW, "messages")


def test_bytes_stay(make_server):
    with Remote() as remote:
        server = forwarder(make_server, remote, config="")
        send(server, "out@example.test")
        [one] = taken(remote, 1)
        assert one.sender == STRANGER and one.recipients == ["bob@b.test", "carol@b.test"]
        trace, at, rest = one.data.partition(b"From: Smith  <")
        assert at + rest == ODD
        assert [line.split(b":")[0] for line in re.split(rb"\r\n(?!\s)", trace) if line] == \
            [b"Delivered-To", b"Authentication-Results", b"Received"]


def test_senders_are_rewritten(make_server):
    with Remote() as remote:
        server = forwarder(make_server, remote)
        send(server, "out@example.test")
        [one] = taken(remote, 1)
        match = re.fullmatch(r"SRS0=[a-z2-7]{8}=[a-z2-7]{2}=far\.test=Smith@mx\.example\.test",
                             one.sender)
        assert match, one.sender
        assert one.data.endswith(ODD)
        # What comes back goes on to the sender, whatever its case became on the way.
        for i, address in enumerate((one.sender, one.sender.lower()), 1):
            send(server, address, sender="", data=message("bounce", "mailer@b.test"))
            back = taken(remote, 1 + i)[i]
            assert back.sender == ""
            assert back.recipients == ["Smith@far.test" if i == 1 else "smith@far.test"]
        told = json.loads(server.cli("route", "--json", "--from", "", one.sender).stdout)
        assert told["tree"][0]["kind"] == "srs" and told["queued"][0]["address"] == STRANGER
        # Nobody else gets mail relayed by it.
        local, domain = one.sender.split("@")
        forged = [local.replace("Smith", "jones"), local.replace("far", "other"), "SRS0=x",
                  "SRS1=aaaaaaaa=far.test==a=b", local[:5] + "aaaaaaaa" + local[13:]]
        for wrong in forged:
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="550|5.1.1|5.7.1"):
                send(server, f"{wrong}@{domain}", sender="")
        # The key outlives the process.
        server.stop()
        server.start()
        send(server, one.sender, sender="", data=message("late", "mailer@b.test"))
        assert taken(remote, 4)[3].recipients == [STRANGER]
        wait_empty(server)


def test_keys_of_other_processes(make_server):
    """One that was made after the start, by who shares the store, is found when an address needs it."""
    with Remote() as remote:
        server = forwarder(make_server, remote)
        send(server, "out@example.test")
        [one] = taken(remote, 1)
        wait_empty(server)
        server.stop()

        def rows(statement, *values):
            with sqlite3.connect(server.dir / "veredus.db", timeout=30) as db:
                return db.execute(statement, values).fetchall()
        [key] = rows("SELECT made_ms, secret FROM sender_key")
        rows("DELETE FROM sender_key")
        server.start()
        rows("INSERT INTO sender_key (purpose, made_ms, secret) VALUES (0, ?, ?)", *key)
        send(server, one.sender, sender="", data=message("back", "mailer@b.test"))
        assert taken(remote, 2)[1].recipients == [STRANGER]


def test_who_is_rewritten_already(make_server):
    with Remote() as remote:
        server = forwarder(make_server, remote,
                           config='forward { srs = yes srs-domain = "Example.test" }\n')
        first = "SRS0=abcd=ef=far.test=smith@first.test"
        send(server, "out@example.test", sender=first)
        [one] = taken(remote, 1)
        assert re.fullmatch(r"SRS1=[a-z2-7]{8}=first\.test==abcd=ef=far\.test=smith@example\.test",
                            one.sender)
        send(server, one.sender, sender="", data=message("bounce", "mailer@b.test"))
        assert taken(remote, 2)[1].recipients == [first]


def test_who_is_not_rewritten(make_server):
    with Remote() as remote:
        server = forwarder(make_server, remote)
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["out@example.test"], message("own"))
        send(server, "out@example.test", sender="")
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["dave@b.test", "out@example.test"], message("two"))
        assert sorted(t.sender for t in taken(remote, 4)) == ["", *["alice@example.test"] * 3]


def test_our_reports_go_to_the_sender(make_server):
    def refuse(session, verb, line):
        return "550 5.1.1 who?" if verb == "RCPT" and "b.test" in line else None

    with Remote(refuse) as remote:
        server = forwarder(make_server, remote)
        send(server, "out@example.test")
        [one] = taken(remote, 1)
        assert one.recipients == [STRANGER] and one.sender == ""
        assert [r["Status"] for r in report(b"Return-Path: <>\r\n" + one.data)] == ["5.1.1"] * 2
        assert "SRS0=" in "".join(line for s in remote.sessions for line in s.lines)
        wait_empty(server)
        assert journey(server, "<odd@far.test>").count("bounced") == 2


@pytest.mark.parametrize("text, why", [
    ('forward { srs-domain = "no domain" }', "no domain"),
    ("forward { srs-max-age = 1h }", "srs-max-age"),
])
def test_mistakes(make_server, text, why):
    server = make_server(start=False, accounts=(), config=text)
    done = server.cli("check", check=False)
    assert done.returncode == 3 and why in done.stderr
