"""What comes back of mail: reports and complaints are matched to it, classified, shown."""
import email
import json
import re

import pytest

from conftest import wait_for
from remote import Remote
from test_relay import FAST, SLOW, journey, message, smarthost, wait_empty

DSN = """\
From: MAILER-DAEMON@far.test
To: alice@example.test
Subject: Returned
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; inner.far.test

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {text}

--b
Content-Type: text/rfc822-headers

{header}
--b--
"""
ARF = """\
From: fbl@far.test
To: alice@example.test
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: far/1
Version: 1

--b
Content-Type: message/rfc822

{header}
(gone)
--b--
"""
QMAIL = """\
From: MAILER-DAEMON@far.test
Subject: failure notice

Hi. This is the qmail-send program at far.test.
I'm afraid I wasn't able to deliver your message to the following addresses.

<{to}>:
{text}

--- Below this line is a copy of the message.

{header}
"""


@pytest.fixture
def sent(make_server):
    """Mail from alice that another host has taken: server, its header there, its queue id here."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote) + FAST)

        def send(*to, subject="one"):
            with server.submission("alice") as smtp:
                smtp.sendmail("alice@example.test", to, message(subject))
            taken = wait_for(lambda: [t for t in remote.taken if subject.encode() in t.data], SLOW,
                             "the message")
            wait_empty(server)
            header = taken[0].data.decode().replace("\r\n", "\n").split("\n\n")[0] + "\n"
            queue_id = re.search(r"\bid (38\w{14})\b", header)[1]
            return header, queue_id

        server.send = send
        yield server


def come_back(server, text, to="alice@example.test", sender=""):
    with server.smtp() as smtp:
        smtp.sendmail(sender, [to], text)


def bounces(server, *args):
    return json.loads(server.cli("bounces", "--json", *args).stdout)


def test_reports_are_matched(sent):
    header, queue_id = sent.send("bob@far.test", "carol@far.test")
    come_back(sent, DSN.format(to="bob@far.test", action="failed", status="5.1.1",
                               text="550 5.1.1 who?", header=header))
    come_back(sent, QMAIL.format(to="Carol@far.test", text="mailbox full (#5.2.2)", header=header))
    come_back(sent, DSN.format(to="carol@far.test", action="delayed", status="4.4.1", text="later",
                               header=header))
    later, hard = bounces(sent)
    assert (hard["class"], hard["status"], hard["to"], hard["source"]) == \
        ("hard", "5.1.1", "bob@far.test", "report")
    assert hard["queue_id"] == queue_id and hard["reporter"] == "inner.far.test"
    assert hard["from"] == hard["account"] == "alice@example.test"
    assert hard["text"] == "550 5.1.1 who?"
    assert (later["class"], later["to"]) == ("soft", "carol@far.test")
    events = journey(sent, "<one@a.test>")
    assert "hard 5.1.1: 550 5.1.1 who?" in events and "inner.far.test" in events
    assert "soft 5.2.2: mailbox full (#5.2.2)" in events and "delayed 4.4.1: later" in events
    # The report itself is delivered like any message.
    assert len(sent.wait_messages(3, "alice")) == 3
    assert [b["to"] for b in bounces(sent, "--class", "hard")] == ["bob@far.test"]
    assert len(bounces(sent, "--to", "@far.test", "--from", "@example.test", "--since", "1h")) == 2
    assert len(bounces(sent, "--id", queue_id, "--limit", "1")) == 1
    assert bounces(sent, "--to", "@ar.test") == bounces(sent, "--from", "bob@example.test") == []
    assert "hard       bob@far.test  from alice@example.test" in sent.cli("bounces").stdout


def test_who_was_sent_on_there(sent):
    """One recipient, and the report names another: hosts behind the next forward, too."""
    header, _ = sent.send("bob@far.test")
    come_back(sent, DSN.format(to="robert@inner.test", action="failed", status="5.7.1",
                               text="554 5.7.1 listed at spamhaus", header=header),
              to="alice+verp=bob=far.test@example.test")
    [one] = bounces(sent)
    assert (one["to"], one["class"]) == ("bob@far.test", "block")


def test_complaints(sent):
    header, _ = sent.send("bob@far.test")
    come_back(sent, ARF.format(header=header), sender="fbl@far.test")
    [one] = bounces(sent, "--class", "complaint")
    assert (one["to"], one["source"], one["text"]) == ("bob@far.test", "complaint", "abuse")


FAILED = {"to": "bob@far.test", "action": "failed", "status": "5.1.1", "text": "no"}


def without_received(header):
    return re.sub(r"^Received:.*\n([ \t].*\n)*", "", header, flags=re.M)


def test_by_message_id(sent):
    """Hosts that take Received fields away leave the Message-ID; and the report goes to the sender."""
    sent.send("bob@far.test", subject="other")
    header, queue_id = sent.send("bob@far.test", "carol@far.test")
    header = without_received(header)
    assert queue_id not in header
    come_back(sent, DSN.format(**{**FAILED, "to": "Bob@far.test"}, header=header))
    [one] = bounces(sent)
    assert (one["queue_id"], one["to"], one["class"]) == (queue_id, "bob@far.test", "hard")
    # Not to somebody else; not of a recipient that it never had; not of another message.
    come_back(sent, DSN.format(**FAILED, header=header), to="bob@example.test")
    come_back(sent, DSN.format(**{**FAILED, "to": "dave@far.test"}, header=header))
    come_back(sent, DSN.format(**FAILED, header=header.replace("<one@", "<two@")))
    assert bounces(sent) == [one]


def test_by_envelope_id(sent):
    with sent.submission("alice") as smtp:
        smtp.sendmail("alice@example.test", ["bob@far.test"], message("one"), ["ENVID=QQ+2B17"])
        smtp.sendmail("alice@example.test", ["bob@far.test"], message("two"))
    wait_empty(sent)
    dsn = DSN.replace("Reporting-MTA", "Original-Envelope-Id: {envid}\nReporting-MTA")
    header = "Subject: gone"
    for envid in "QQ+18", "Q", "":
        come_back(sent, dsn.format(**FAILED, header=header, envid=envid))
    assert bounces(sent) == []
    come_back(sent, dsn.format(**FAILED, header=header, envid="QQ+17"))
    [one] = bounces(sent)
    assert "hard 5.1.1: no" in journey(sent, one["queue_id"])
    assert "envid QQ+2B17" in journey(sent, "<one@a.test>")
    assert "reported" not in journey(sent, "<two@a.test>")


def test_by_verp(sent):
    """The reverse-path alone says which recipient it was, whatever is in the report."""
    verp = "alice+news-bob=far.test@example.test"
    with sent.submission("alice") as smtp:
        smtp.sendmail(verp, ["bob@far.test", "carol@far.test"], message("one"))
        smtp.sendmail("alice@example.test", ["bob@far.test"], message("two"))
    wait_empty(sent)
    text = QMAIL.format(to="robert@inner.test", text="no such user (#5.1.1)", header="Subject: x")
    come_back(sent, text, to="alice+news-dave=far.test@example.test")
    assert bounces(sent) == []
    come_back(sent, text, to=verp)
    [one] = bounces(sent)
    assert (one["to"], one["class"]) == ("bob@far.test", "hard")
    assert "reported" in journey(sent, "<one@a.test>")
    assert "reported" not in journey(sent, "<two@a.test>")


def test_searches_are_bounded(make_server):
    """Who sends reports in a storm has only so many of them looked for."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote) + FAST.replace("{", "{ max-bounce-searches = 1", 1))
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["bob@far.test"], message("one"))
        wait_empty(server)
        for i in range(3):
            come_back(server, DSN.format(**FAILED, header=f"Message-ID: <{i}@far.test>"))
        come_back(server, DSN.format(**FAILED, header="Message-ID: <one@a.test>"))
        assert bounces(server) == []
        assert "route.report.unsought" in server.log_text()


def test_guesses_suppress_nothing(make_server):
    """A Message-ID is known to all who got the message: mail must not be stopped by that."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote) + FAST +
                             'suppression "alice@example.test" { }\n')
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["bob@far.test"], message("one"))
        wait_empty(server)
        come_back(server, DSN.format(**FAILED, header="Message-ID: <one@a.test>"))
        assert len(bounces(server)) == 1 and suppressed(server) == {}


def test_what_is_not_believed(sent):
    header, queue_id = sent.send("bob@far.test", "carol@far.test")
    fields = FAILED
    # Who has not seen the message does not know its id; nor was it sent to everybody.
    forged = header.replace(queue_id, queue_id[:-1] + "0").replace("<one@", "<zero@")
    come_back(sent, DSN.format(**fields, header=forged))
    come_back(sent, DSN.format(**{**fields, "to": "dave@far.test"}, header=header))
    come_back(sent, message("no report", "", "alice@example.test", header))
    come_back(sent, DSN.format(**fields, header=header).replace("multipart/report", "text/plain"),
              sender="mallory@far.test")
    assert bounces(sent) == []
    assert "reported" not in journey(sent, "<one@a.test>")
    assert "There are none." in sent.cli("bounces").stdout
    assert sent.cli("bounces", "--class", "none", check=False).returncode == 1


def test_what_is_refused_at_once(make_server):
    with Remote(lambda s, verb, line: "550 5.1.1 who?" if verb == "RCPT" and "bob" in line
                else None) as remote:
        server = make_server(config=smarthost(remote) + FAST)
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["bob@far.test", "carol@far.test"], message())
        server.wait_messages(1, "alice", seconds=SLOW)
        [one] = bounces(server)
        assert (one["class"], one["source"], one["to"]) == ("hard", "reply", "bob@far.test")
        assert one["account"] == "alice@example.test" and one["text"] == "550 5.1.1 who?"


def test_of_another_veredus(make_server):
    """A real report: the second host takes the mail, and the third refuses it."""
    with Remote(lambda s, verb, line: "550 5.2.1 gone" if verb == "RCPT" and "bob" in line
                else None) as third:
        second = make_server(start=False, domain="second.test")
        first = make_server(start=False, domain="first.test")
        relay = 'smarthost "{0}" {{ host = "127.0.0.1" port = {1} tls = none }}\n'
        first.configure(relay.format("second.test", second.port["smtp"]) + FAST)
        second.configure(relay.format("third.test", third.port) +
                         relay.format("first.test", first.port["smtp"]) + FAST)
        second.cli("alias", "add", "out@second.test", "bob@third.test")
        first.start(), second.start()
        with first.submission("alice") as smtp:
            smtp.sendmail("alice@first.test", ["out@second.test"], message())
        [raw] = first.wait_messages(1, "alice", seconds=SLOW)
        assert email.message_from_bytes(raw).get_content_type() == "multipart/report"
        [one] = bounces(first)
        assert (one["to"], one["class"], one["status"]) == ("out@second.test", "hard", "5.2.1")
        assert one["reporter"] == "mx.second.test"


# --- suppression ---------------------------------------------------------------------------

def rcpt(server, to, user="alice", sender=None):
    """The reply to RCPT, in one text."""
    with server.submission(user) as smtp:
        smtp.mail(sender or f"{user}@example.test")
        code, text = smtp.rcpt(to)
        return f"{code} {text.decode()}"


def suppressed(server, *args):
    return {(s["scope"], s["address"]): s for s in
            json.loads(server.cli("suppression", "list", "--json", *args).stdout)}


def test_suppression(make_server):
    def script(session, verb, line):
        if verb == "RCPT" and "gone" in line.lower():
            return "550 5.1.1 who?"
        return "552 5.2.2 full" if verb == "RCPT" and "full" in line else None

    with Remote(script) as remote:
        server = make_server(config=smarthost(remote) + FAST + """
            suppression "Alice@example.test" { for = 0 }
            suppression "other.test" { complaints = no }""")

        def send(user, *to):
            with server.submission(user) as smtp:
                smtp.sendmail(f"{user}@example.test", to, message())
            wait_empty(server)

        send("alice", "Gone@far.test", "full@far.test")
        send("bob", "gone2@far.test")
        assert set(suppressed(server)) == {("alice@example.test", "gone@far.test")}
        refused = rcpt(server, "GONE@far.test")
        assert refused.startswith("550 5.1.1 No mail to it since ") and "who?" in refused
        # Not what only failed for now, nor for others; nor for strangers who use her name.
        assert rcpt(server, "full@far.test").startswith("250")
        assert rcpt(server, "gone@far.test", "bob").startswith("250")
        server.cli("suppression", "remove", "alice@example.test", "gone@far.test")
        assert rcpt(server, "gone@far.test").startswith("250")
        assert server.cli("suppression", "remove", "alice@example.test", "gone@far.test",
                          check=False).returncode == 1
        # By hand, for a time, with what is said.
        server.cli("suppression", "add", "alice@example.test", "Dave@far.test", "--for", "1h",
                   "--reason", "asked us not to")
        assert "asked us not to" in rcpt(server, "dave@far.test")
        [entry] = suppressed(server, "alice@example.test").values()
        assert entry["until_ms"] - entry["since_ms"] == 3_600_000
        assert "dave@far.test" in server.cli("suppression", "list").stdout
        done = server.cli("suppression", "add", "nobody.test", "x@far.test", check=False)
        assert done.returncode == 1 and "no section suppression" in done.stderr


def test_suppression_of_what_was_not_named(make_server):
    """Whom an alias leads to; and mail that was in the queue before."""
    def script(session, verb, line):
        return "450 4.2.0 later" if verb == "RCPT" and "dave" in line else None

    with Remote(script) as remote:
        server = make_server(config=smarthost(remote) + FAST.replace("100ms", "1h", 1).replace(
            "400ms", "1h", 1) + 'suppression "alice@example.test" { }\n')
        server.cli("alias", "add", "team@example.test", "gone@far.test", "carol@far.test")
        server.cli("suppression", "add", "alice@example.test", "gone@far.test", "--reason", "who?")
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["team@example.test"], message("list"))
            smtp.sendmail("alice@example.test", ["dave@far.test"], message("later"))
        [raw] = server.wait_messages(1, "alice", seconds=SLOW)
        assert b"gone@far.test" in raw and b"suppressed: no mail of this sender" in raw
        assert b"5.7.1" in raw and b"carol" not in raw
        wait_for(lambda: [t.recipients for t in remote.taken] == [["carol@far.test"]], SLOW, "carol")
        wait_for(lambda: "450 4.2.0" in journey(server, "<later@a.test>"), SLOW, "an attempt")
        server.cli("suppression", "add", "alice@example.test", "dave@far.test")
        server.cli("queue", "retry", "all")
        assert b"dave@far.test" in server.wait_messages(2, "alice", seconds=SLOW)[1]
        wait_empty(server)
        lines = [line for s in remote.sessions for line in s.lines]
        assert not any("gone" in line for line in lines)
        assert sum("RCPT" in line and "dave" in line for line in lines) == 1
        # That was no bounce of another host: nothing is suppressed for longer by it.
        assert {b["class"] for b in bounces(server)} <= {"policy"}
        # Others send to them as before.
        with server.submission("bob") as smtp:
            smtp.sendmail("bob@example.test", ["team@example.test"], message("bob"))
        wait_for(lambda: len(remote.taken) == 2, SLOW, "mail of bob")
        assert remote.taken[1].recipients == ["gone@far.test", "carol@far.test"]


def test_suppression_by_reports(make_server):
    """By the sender's domain, as relay clients send; complaints count."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote) + FAST + 'suppression "Bulk.test" { }\n')

        def send(*to):
            with server.smtp() as smtp:
                return smtp.sendmail("news@bulk.test", to, message("bulk", "news@bulk.test"))

        send("bob@far.test")
        taken = wait_for(lambda: remote.taken, SLOW, "the message")
        header = taken[0].data.decode().replace("\r\n", "\n").split("\n\n")[0] + "\n"
        wait_empty(server)
        come_back(server, DSN.format(to="bob@far.test", action="delayed", status="5.1.1", text="no",
                                     header=header))
        assert suppressed(server) == {}
        come_back(server, ARF.format(header=header), sender="fbl@far.test")
        [entry] = suppressed(server).values()
        assert (entry["scope"], entry["address"]) == ("bulk.test", "bob@far.test")
        [(to, (code, text))] = send("bob@far.test", "carol@far.test").items()
        assert (to, code) == ("bob@far.test", 550) and text.endswith(b"the recipient complained")
        assert rcpt(server, "bob@far.test").startswith("250")


@pytest.mark.parametrize("text, why", [
    ('suppression "no domain" { }', "neither"),
    ('suppression "a@b@c" { }', "neither"),
    ('suppression "A.test" { }\nsuppression "a.test" { }', "already"),
])
def test_mistakes(make_server, text, why):
    server = make_server(start=False, accounts=(), config=text)
    done = server.cli("check", check=False)
    assert done.returncode == 3 and why in done.stderr
