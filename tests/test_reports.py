"""What senders are told, as others read it: by Python's parser, with no defect in it."""
import email
import email.policy
import re

import pytest

from conftest import wait_for
from remote import Remote
from test_relay import FAST, SLOW, journey, message, smarthost, wait_empty

SIGNED = ("From: alice@example.test\nTo: bob@far.test\nSubject: signed\nMIME-Version: 1.0\n"
          "Message-ID: <signed@a.test>\n"
          "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\n\n"
          "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
          "gr\u00fc\u00dfe\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n")


def parse(raw):
    """Text for people, fields of the message, those of each recipient, the returned part."""
    report = email.message_from_bytes(raw, policy=email.policy.default)
    for part in report.walk():
        assert part.defects == [] and all(v.defects == () for v in part.values()), part
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert report["Auto-Submitted"] == "auto-replied" and report["Return-Path"] == "<>"
    assert report.get_content_type() == "multipart/report"
    people, machine, returned = report.iter_parts()
    assert people.get_content_type() == "text/plain"
    status = machine.get_payload()
    assert report.get_param("report-type") == machine.get_content_subtype()
    text = " ".join(people.get_content().split())
    return text, status[0], status[1:], returned


def failing(make_server, script, config="", **options):
    remote = Remote(script, **options)
    remote.__enter__()
    server = make_server(config=smarthost(remote) + FAST.replace("queue {", "queue { " + config))
    return remote, server


def one_report(server, send, count=1):
    send()
    return parse(server.wait_messages(count, "alice", seconds=SLOW)[count - 1])


def refuse(reply, at="RCPT"):
    return lambda session, verb, line: reply if verb == at else None


@pytest.mark.parametrize("reply, status, words", [
    ("550 5.1.1 who?", "5.1.1", "There is no such mailbox. Check the address"),
    ("552-5.2.2 The mailbox\r\n552 5.2.2 is full", "5.2.2", "The mailbox is full. Try again"),
    ("554 5.7.1 no", "5.7.1", "does not want this message"),
    ("550 nobody", "5.0.0", "Send the message again later"),
])
def test_words_for_people(make_server, reply, status, words):
    remote, server = failing(make_server, refuse(reply))
    with remote:
        def send():
            with server.submission("alice") as smtp:
                smtp.sendmail("alice@example.test", ["bob@far.test"], message(),
                              mail_options=["RET=HDRS", "ENVID=my+2Benvelope"],
                              rcpt_options=["ORCPT=rfc822;b+2Bob@far.test"])
        text, about, [bob], returned = one_report(server, send)
        assert words in text and "127.0.0.1 said:" in text and "<bob@far.test>:" in text
        assert about["Original-Envelope-Id"] == "my+envelope"
        assert about["Reporting-MTA"] == "dns; mx.example.test"
        assert bob["Original-Recipient"] == "rfc822; b+ob@far.test"
        assert (bob["Action"], bob["Status"]) == ("failed", status)
        assert bob["Diagnostic-Code"].startswith("smtp; " + reply[:3])
        assert returned.get_content_type() == "text/rfc822-headers"
        assert "<relayed@a.test>" in returned.get_payload()


def test_what_cannot_be_sent_in_this_form(make_server):
    remote, server = failing(make_server, None, extensions=("PIPELINING",))
    with remote:
        def signed():
            with server.submission("alice") as smtp:
                smtp.sendmail("alice@example.test", ["bob@far.test"], SIGNED.encode("utf-8")
                              .replace(b"\n", b"\r\n"), mail_options=["BODY=8BITMIME"])
        text, _, [bob], _ = one_report(server, signed)
        assert bob["Status"] == "5.6.3" and "can't be put into another" in text

        def utf8():
            with server.submission("alice") as smtp:
                smtp.ehlo()
                smtp.command_encoding = "utf-8"
                smtp.mail("alice@example.test", ["SMTPUTF8"])
                assert smtp.rcpt("j\u00fcrgen@far.test")[0] == 250
                smtp.data(message("utf8", to="you"))
        text, _, [one], _ = one_report(server, utf8, 2)
        assert one["Status"] == "5.6.7" and "Use an address in plain letters" in text
        assert one["Final-Recipient"] in ("utf-8; j\u00fcrgen@far.test",
                                          "utf-8; j\\x{FC}rgen@far.test")


def test_not_too_many(make_server):
    remote, server = failing(make_server, refuse("550 5.1.1 who?"), "max-reports-per-sender = 3")
    with remote, server.submission("alice") as smtp:
        for i in range(6):
            smtp.sendmail("alice@example.test", ["bob@far.test"], message(f"no{i}"))
        wait_empty(server)
        assert len(server.wait_messages(3, "alice")) == 3
        assert server.log_text().count("queue.dsn.limited") == 1
        assert "bounced" in journey(server, "<no5@a.test>")


def test_the_rest_is_told_in_one_message(make_server):
    """Also after a kill: what is withheld is written down with the end of the recipient."""
    remote, server = failing(make_server, refuse("550 5.1.1 wh\u00f6?".encode() + b"\r\n"),
                             "max-reports-per-sender = 1 report-digest-after = 1h")
    with remote:
        with server.submission("alice") as smtp:
            for i in range(4):
                smtp.sendmail("alice@example.test", [f"bob{i}@far.test", f"carol{i}@far.test"],
                              message(f"no{i}"),
                              rcpt_options=["NOTIFY=NEVER"] if i == 2 else [])
        wait_empty(server)
        assert len(server.wait_messages(1, "alice")) == 1
        server.kill()
        conf = server.dir / "veredus.conf"
        conf.write_text(conf.read_text().replace("report-digest-after = 1h",
                                                 "report-digest-after = 2s"))
        server.start()
        digest = email.message_from_bytes(server.wait_messages(2, "alice", seconds=SLOW)[1],
                                          policy=email.policy.default)
        assert digest["Subject"] == "4 undelivered messages" and digest["Return-Path"] == "<>"
        assert digest["Auto-Submitted"] == "auto-replied" and digest["To"] == "alice@example.test"
        text = digest.get_content()
        told = set(re.findall(r"<((?:bob|carol)\d@far\.test)> \(38\w{14}\)", text))
        assert len(told) == 4 and not any("2@" in to for to in told), text
        assert "550 5.1.1 wh" in text and "4 recipients more" in text
        assert "queue.dsn.digest" in server.log_text()


# --- double bounces ------------------------------------------------------------------------

def strangers(server):
    """A list of ours that leads elsewhere."""
    server.cli("alias", "add", "out@example.test", "bob@far.test")


@pytest.mark.parametrize("sender", ["smith@far.test", "nobody@example.test"])
def test_double_bounces(make_server, sender):
    """A report that is refused, or whose sender is nobody here, goes to postmaster, once."""
    remote, server = failing(make_server, refuse("550 5.1.1 who?"))
    with remote:
        strangers(server)
        with server.smtp() as smtp:
            smtp.sendmail(sender, ["out@example.test"], message("lost", sender))
        text, _, [lost], returned = parse(server.wait_messages(1, "alice", seconds=SLOW)[0])
        assert text.startswith("This is the mail system at mx.example.test. You get this as the")
        assert lost["Final-Recipient"] == ("rfc822; smith@far.test" if sender[0] == "s"
                                           else "rfc822; bob@far.test")
        assert returned.get_content_type() == "text/rfc822-headers"
        wait_empty(server)
        assert len(server.messages("alice")) == 1 and not remote.taken


def test_postmaster_elsewhere(make_server):
    """Should that fail, too, it ends there."""
    asked = []

    def who(session, verb, line):
        if verb == "RCPT":
            asked.append(re.search("<(.*)>", line)[1])
            return "550 5.1.1 who?"
    remote, server = failing(make_server, who)
    with remote:
        strangers(server)
        server.cli("alias", "add", "postmaster@example.test", "admin@far.test")
        with server.smtp() as smtp:
            smtp.sendmail("smith@far.test", ["out@example.test"], message("lost"))
        wait_for(lambda: "admin@far.test" in asked, SLOW, "the report to postmaster")
        wait_empty(server)
        assert asked == ["bob@far.test", "smith@far.test", "admin@far.test"]
