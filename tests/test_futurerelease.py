"""FUTURERELEASE (RFC 4865): mail that is handed in now and goes out later, to mailboxes of ours and
to other hosts alike."""
import datetime
import email
import smtplib
import time

import pytest

from conftest import wait_for
from remote import Remote
from test_binarymime import BINARY, BYTES, binary, payload
from test_relay import SLOW, entries, smarthost, wait_empty
from test_smtp_options import mail_line

DATE = "Mon, 05 Jan 2026 10:00:00 +0100"
MESSAGE = f"Date: {DATE}\r\nFrom: alice@example.test\r\nSubject: {{}}\r\nMessage-ID: <{{}}@h>\r\n\r\nx\r\n"


def submit(server, to, subject, options=(), rcpt_options=()):
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", to, MESSAGE.format(subject, subject),
                      mail_options=list(options), rcpt_options=list(rcpt_options))


def subjects(server, user):
    return [email.message_from_bytes(m)["Subject"] for m in server.messages(user)]


def until(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("HOLDUNTIL=%Y-%m-%dT%H:%M:%S.0Z")


def test_everybody_waits(make_server):
    """The mailbox, the alias, the other host; over a restart; and the date in it stays."""
    with Remote(extensions=("MT-PRIORITY", "DSN")) as remote:
        server = make_server(config=smarthost(remote))
        server.cli("alias", "add", "team@example.test", "bob@example.test", "far@far.test")
        everybody = ["bob@example.test", "team@example.test", "near@far.test"]
        submit(server, everybody, "last", ["HOLDFOR=3600", "MT-PRIORITY=2"], ["NOTIFY=NEVER"])
        submit(server, ["bob@example.test"], "now")
        assert subjects(server, "bob") == ["now"]
        waiting = entries(server)
        assert [e["state"] for e in waiting] == ["scheduled"] * 3
        shown = server.cli("queue", "show", waiting[0]["id"]).stdout
        assert "to bob@example.test: scheduled, due " in shown and "Subject: last" in shown
        assert "asked for: priority=2 hold=" in shown
        begun = time.monotonic()
        submit(server, everybody, "later", ["HOLDFOR=8", "MT-PRIORITY=2", "ENVID=e1"],
               ["NOTIFY=SUCCESS"])
        server.cli("queue", "retry", "all")     # an operator who does not mean them
        server.kill()
        server.start()
        wait_for(lambda: len(remote.taken) == 2, SLOW, "both far ones")
        wait_for(lambda: subjects(server, "bob") == ["now", "later"], SLOW, "the one that is here")
        assert time.monotonic() - begun >= 7.9
        assert wait_for(lambda: len(left := entries(server)) == 3 and left, SLOW, "an end") == waiting
        server.cli("queue", "drop", "--yes", waiting[0]["id"])
        later = email.message_from_bytes(server.messages("bob")[1])
        assert later["Date"] == DATE and len(later.get_all("Received")) == 1
        assert later["Return-Path"] == "<alice@example.test>"
        assert sorted(t.recipients for t in remote.taken) == [["far@far.test"], ["near@far.test"]]
        assert all(mail_line(t).endswith(" MT-PRIORITY=2") for t in remote.taken)
        wait_empty(server)
        told = server.wait_messages(2)
        actions = {}
        for raw in told:
            message, *recipients = email.message_from_bytes(raw).get_payload()[1].get_payload()
            assert message["Original-Envelope-Id"] == "e1"
            actions.update({r["Final-Recipient"]: r["Action"] for r in recipients})
        assert actions == {"rfc822; bob@example.test": "delivered",
                           "rfc822; team@example.test": "expanded"}
        journey = server.cli("trace", "<later@h>").stdout
        assert journey.count("received") == 1 and "held until" in journey
        assert journey.count("relayed") == 2 and "delivered" in journey


def test_until_a_date(make_server):
    server = make_server()
    submit(server, ["bob@example.test"], "past", [until(-60)])
    assert subjects(server, "bob") == ["past"]
    begun = time.monotonic()
    submit(server, ["bob@example.test"], "dated", [until(4)])
    wait_for(lambda: subjects(server, "bob") == ["past", "dated"], SLOW, "its date")
    assert time.monotonic() - begun > 2.9     # a date has whole seconds
    wait_empty(server)


def test_what_changed_meanwhile(make_server):
    """Who is there is looked up when it goes out: who is gone is told of, the others get it."""
    server = make_server(accounts=("alice", "bob", "carol", "dave"))
    server.cli("alias", "add", "office@example.test", "carol@example.test")
    submit(server, ["bob@example.test", "carol@example.test", "office@example.test"], "moved",
           ["HOLDFOR=3600"])
    server.cli("user", "remove", "carol@example.test")
    server.cli("alias", "remove", "office@example.test", "carol@example.test")
    server.cli("alias", "add", "office@example.test", "dave@example.test")
    server.cli("queue", "release", "all")
    for user in "dave", "bob":
        wait_for(lambda: subjects(server, user) == ["moved"], SLOW, user)
    report = email.message_from_bytes(server.wait_messages(1)[0])
    recipients = report.get_payload()[1].get_payload()[1:]
    assert [(r["Final-Recipient"], r["Status"]) for r in recipients] == [
        ("rfc822; carol@example.test", "5.1.1")]
    wait_empty(server)


def test_binary_mail_is_encoded_in_a_mailbox(make_server):
    """It waits as it came, and lies in a mailbox as if it had not waited; elsewhere it stays binary."""
    with Remote(extensions=BINARY) as remote:
        server = make_server(config=smarthost(remote))
        with server.submission() as smtp:
            for to in "bob@example.test", "far@far.test":
                message = binary(to)
                assert smtp.mail("alice@example.test", ["BODY=BINARYMIME", "HOLDFOR=1"])[0] == 250
                assert smtp.rcpt(to)[0] == 250
                smtp.send(b"BDAT %d LAST\r\n" % len(message) + message)
                assert smtp.getreply()[0] == 250
        raw = server.wait_messages(1, "bob")[0]
        assert b"\0" not in raw and payload(raw) == (BYTES, "base64")
        assert payload(wait_for(lambda: remote.taken, SLOW, "the remote")[0].data) == (BYTES, "binary")
        wait_empty(server)


def test_operator(make_server):
    server = make_server()
    for subject in "first", "second":
        submit(server, ["bob@example.test"], subject, ["HOLDFOR=3600"])
    first, second = [e["id"] for e in entries(server)]
    assert "released: 1" in server.cli("queue", "release", first).stdout
    wait_for(lambda: subjects(server, "bob") == ["first"], SLOW, "the first")
    assert "dropped: 1" in server.cli("queue", "drop", "--yes", second).stdout
    assert entries(server) == []
    # One that is held stays, whatever its date is.
    for seconds in 1, 5, 25:
        begun = time.monotonic()
        submit(server, ["bob@example.test"], f"in {seconds}", [f"HOLDFOR={seconds}"])
        if "held: 1" in server.cli("queue", "hold", "all").stdout:
            break
    wait_for(lambda: time.monotonic() > begun + seconds + 1, SLOW, "its time")
    assert [e["state"] for e in entries(server)] == ["held"]
    server.cli("queue", "release", "all")
    wait_for(lambda: subjects(server, "bob")[-1] == f"in {seconds}", SLOW, "the third")


def test_refused(make_server):
    server = make_server(config="smtp { max-hold = 1d }")

    def mail(smtp, options):
        smtp.rset()
        code, text = smtp.docmd(f"MAIL FROM:<alice@example.test> {options}")
        return f"{code} {text.decode()[:5]}"

    with server.submission() as smtp:
        smtp.ehlo("client.test")
        seconds, date = smtp.esmtp_features["futurerelease"].split(" ")
        assert seconds == "86400"
        most = datetime.datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ")
        assert abs((most - datetime.datetime.utcnow()).total_seconds() - 86400) < 60
        assert mail(smtp, "HOLDFOR=86400") == "250 2.1.0"
        for bad in ("HOLDFOR=86401", until(90000), "HOLDFOR=1 " + until(1), "HOLDFOR=",
                    "HOLDFOR=-1", "HOLDFOR=1234567890", "HOLDUNTIL=tomorrow", "HOLDFOR=1 HOLDFOR=1"):
            assert mail(smtp, bad) == "501 5.5.4", bad
        assert mail(smtp, "HOLDFOR=60 BY=30;R") == "550 5.4.7"
        assert mail(smtp, "HOLDFOR=60 BY=90;R") == "250 2.1.0"
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        assert "futurerelease" not in smtp.esmtp_features
        assert mail(smtp, "HOLDFOR=60") == "555 5.5.4"


def test_off(make_server):
    server = make_server(config="smtp { max-hold = 0 }")
    with server.submission() as smtp:
        smtp.ehlo("client.test")
        assert "futurerelease" not in smtp.esmtp_features
        with pytest.raises(smtplib.SMTPSenderRefused):
            smtp.sendmail("alice@example.test", ["bob@example.test"], "x",
                          mail_options=["HOLDFOR=60"])
