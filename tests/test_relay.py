"""Mail that leaves: by MX through signed zones, by smarthost, refused, deferred, expired."""
import email
import email.policy
import json
import time

import pytest

from conftest import PASSWORD, wait_for
from dns_zone import DnsZone
from remote import Remote

SLOW = 60


def message(subject="relayed", sender="alice@a.test", to="bob@b.test", body="The body.\n.dot\n"):
    return f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{subject}@a.test>\n\n{body}"


def submit(server, to, subject="relayed", sender=None, **options):
    """Hands a message in at the SMTP port, as a network that may relay."""
    sender = f"alice@{server.domain}" if sender is None else sender
    with server.smtp() as smtp:
        smtp.sendmail(sender, to, message(subject, sender, str(to)), **options)


def entries(server):
    out = server.cli("queue", "list", "--json").stdout
    return json.loads(out)


def wait_empty(server, seconds=SLOW):
    wait_for(lambda: entries(server) == [], seconds, "an empty queue")


def journey(server, message_id):
    return server.cli("trace", message_id).stdout


def report(raw):
    """The fields about the recipients of a DSN, one message a recipient."""
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report"
    assert parsed["Return-Path"] == "<>"
    parts = list(parsed.iter_parts())
    assert [p.get_content_type() for p in parts][:2] == ["text/plain", "message/delivery-status"]
    return list(parts[1].iter_parts())[1:]


def smarthost(remote, domain="*", extra=""):
    return (f'smarthost "{domain}" {{ host = "127.0.0.1" port = {remote.port} tls = none {extra} }}\n'
            'relay-networks = { "127.0.0.0/8" }\n')


FAST = "queue { retry-first = 100ms retry-max = 400ms }"


# --- by MX ---------------------------------------------------------------------------------

ZONES = {
    "a.test": "@ MX 10 mx\nmx A 127.0.0.1\nmx AAAA ::1",
    "b.test": "@ MX 20 mx\n@ MX 10 down\nmx A 127.0.0.1\ndown A 127.0.0.2",
    "implicit.test": "@ A 127.0.0.1",
    "null.test": "@ MX 0 .",
    "empty.test": "@ TXT none",
    "nowhere.test": "@ MX 10 mx\nmx TXT none",
    "loop.test": "@ MX 10 mx\nmx A 127.0.0.1",
    "named.test": "@ MX 10 mx.a.test.",
    "forged.test": "@ MX 10 mx\nmx A 127.0.0.1",
}


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES, bogus=["forged.test"]) as zone:
        yield zone


def by_mx(zone, port, extra=""):
    return (f'dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}\n'
            f'queue {{ smtp-port = {port} retry-first = 100ms retry-max = 1s expire = 1h {extra} }}\n'
            'relay-networks = { "127.0.0.0/8", "::1" }\n')


@pytest.fixture
def pair(make_server, dns):
    """Two servers, each of which finds the other by MX."""
    a = make_server(start=False, domain="a.test")
    b = make_server(start=False, domain="b.test")
    a.configure(by_mx(dns, b.port["smtp"]))
    b.configure(by_mx(dns, a.port["smtp"]))
    return a.start(), b.start()


def test_two_veredus(pair):
    a, b = pair
    with a.submission("alice") as smtp:
        smtp.sendmail("alice@a.test", ["bob@b.test", "alice@b.test"], message())
    raw = b.wait_messages(1, "bob", seconds=SLOW)[0]
    assert raw.endswith(b"\r\n\r\nThe body.\r\n.dot\r\n")
    assert raw.startswith(b"Return-Path: <alice@a.test>\r\n")
    hops = email.message_from_bytes(raw).get_all("Received")
    assert len(hops) == 2
    assert "with ESMTPS" in hops[0] and "TLSv1.3" in hops[0]
    assert "with ESMTPSA" in hops[1]
    assert b.wait_messages(1, "alice", seconds=SLOW)[0].count(b"\r\nReceived:") == 2
    wait_empty(a)
    events = journey(a, "<relayed@a.test>")
    assert events.count("relayed") >= 2 and "TLSv1.3" in events and "mx.b.test" in events

    with b.submission("bob") as smtp:
        smtp.sendmail("bob@b.test", ["alice@a.test"], message("answer", "bob@b.test"))
    assert b"Subject: answer" in a.wait_messages(1, "alice", seconds=SLOW)[0]


def failure_of(server, to, subject):
    """The one DSN that a message to an impossible address brings, read over POP3."""
    before = len(server.messages("alice"))
    submit(server, to, subject)
    server.wait_messages(before + 1, "alice", seconds=SLOW)
    pop = server.pop3("alice")
    raw = b"\r\n".join(pop.retr(before + 1)[1]) + b"\r\n"
    pop.quit()
    [about] = report(raw)
    assert about["Final-Recipient"] == f"rfc822; {to}"
    assert about["Action"] == "failed"
    assert f"Subject: {subject}".encode() in raw
    return about["Status"]


def test_no_way_to_go(make_server, dns):
    a = make_server(start=False, domain="a.test")
    a.configure(by_mx(dns, a.port["smtp"]))
    a.start()
    assert failure_of(a, "x@null.test", "one") == "5.1.10"
    assert failure_of(a, "x@missing.a.test", "two") == "5.1.2"
    assert failure_of(a, "x@empty.test", "three") == "5.4.4"
    assert failure_of(a, "x@nowhere.test", "four") == "5.4.4"
    assert failure_of(a, "x@loop.test", "five") == "5.4.6"
    assert failure_of(a, "x@named.test", "six") == "5.4.6"
    wait_empty(a)
    # What DNSSEC calls forged is no answer at all: nothing is sent, nothing is given up.
    submit(a, "x@forged.test", "seven")
    [entry] = wait_for(lambda: [e for e in entries(a) if e["attempts"] > 1], SLOW)
    assert "DNS" in entry["last"]
    assert len(a.messages("alice")) == 6


def test_implicit_mx_and_literals(make_server, dns):
    with Remote() as remote:
        a = make_server(start=False, domain="a.test")
        a.configure(by_mx(dns, remote.port))
        a.start()
        submit(a, ["x@implicit.test", "y@[127.0.0.1]"], "one")
        wait_for(lambda: len(remote.taken) == 2, SLOW)
        assert {t.recipients[0] for t in remote.taken} == {"x@implicit.test", "y@[127.0.0.1]"}
        wait_empty(a)


# --- by smarthost --------------------------------------------------------------------------

def test_smarthost_with_password(make_server):
    b = make_server(domain="b.test", accounts=("bob", "carol"))
    a = make_server(start=False, domain="a.test")
    (a.dir / "smarthost.password").write_text(PASSWORD + "\n")
    a.configure(f"""
        relay-networks = {{ "127.0.0.0/8" }}
        smarthost "*" {{
            host = "127.0.0.1" port = {b.port['submission']} tls = required
            user = "bob@b.test" password-file = "smarthost.password"
        }}""")
    a.start()
    submit(a, ["carol@b.test"], sender="bob@b.test")
    raw = b.wait_messages(1, "carol", seconds=SLOW)[0]
    assert "with ESMTPSA" in email.message_from_bytes(raw).get_all("Received")[0]
    wait_empty(a)


def test_smarthost_for_one_domain_and_wrong_password(make_server):
    with Remote(users={"me": "secret"}) as remote, Remote() as other:
        a = make_server(start=False, domain="a.test")
        (a.dir / "right").write_text("secret\n")
        (a.dir / "wrong").write_text("public\n")
        a.configure(smarthost(remote, "near.test", 'user = "me" password-file = "right"')
                    + smarthost(remote, "wrong.test", 'user = "me" password-file = "wrong"')
                    .split("\n")[0] + "\n" + smarthost(other).split("\n")[0] + "\n" + FAST)
        a.start()
        submit(a, ["x@near.test", "x@far.test", "x@wrong.test"])
        wait_for(lambda: len(remote.taken) == 1 and len(other.taken) == 1, SLOW)
        assert remote.taken[0].recipients == ["x@near.test"]
        assert remote.taken[0].session.user == "me"
        assert other.taken[0].recipients == ["x@far.test"]
        [entry] = wait_for(lambda: [e for e in entries(a) if e["attempts"] > 0], SLOW)
        assert entry["to"] == "x@wrong.test" and "535 5.7.8" in entry["last"]


# --- fates ---------------------------------------------------------------------------------

def test_temporary_then_success(make_server):
    def script(session, verb, line):
        if verb == "RCPT" and "later" in line and session.remote.tries < 3:
            session.remote.tries += 1
            return "450 4.2.0 not yet"
    with Remote(script) as remote:
        remote.tries = 0
        a = make_server(domain="a.test", config=smarthost(remote) + FAST)
        submit(a, ["later@far.test", "now@far.test"])
        wait_for(lambda: len(remote.taken) == 2, SLOW)
        assert [t.recipients for t in remote.taken] == [["now@far.test"], ["later@far.test"]]
        wait_empty(a)
        assert journey(a, "<relayed@a.test>").count("450 4.2.0 not yet") == 3
        assert a.messages("alice") == []


def test_permanent_is_told_over_imap(make_server):
    def script(session, verb, line):
        if verb == "RCPT" and "no" in line:
            return "550-5.1.1 no such user\r\n550 5.1.1 here"
    with Remote(script) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) +
                        FAST.replace("queue {", "queue { double-bounces = no "))
        submit(a, ["no1@far.test", "yes@far.test", "no2@far.test"])
        [raw] = a.wait_messages(1, "alice", seconds=SLOW)
        assert [r["Final-Recipient"] for r in report(raw)] == ["rfc822; no1@far.test",
                                                               "rfc822; no2@far.test"]
        assert {r["Status"] for r in report(raw)} == {"5.1.1"}
        assert report(raw)[0]["Remote-MTA"] == "dns; [127.0.0.1]"
        wait_for(lambda: len(remote.taken) == 1, SLOW)
        # Nobody answers a report: one that can't be delivered is the end of it.
        submit(a, ["no@far.test"], sender="")
        submit(a, ["no@far.test"], sender="nobody@a.test")
        wait_empty(a)
        wait_for(lambda: "queue.dsn.undeliverable" in a.log_text(), SLOW)
        assert len(a.messages("alice")) == 1


def test_expiry(make_server):
    with Remote(lambda session, verb, line: "421 4.3.2 closed" if verb == "CONNECT" else None) as r:
        a = make_server(domain="a.test", config=smarthost(r)
                        + "queue { retry-first = 100ms retry-max = 500ms expire = 6s }")
        submit(a, "x@far.test")
        [raw] = a.wait_messages(1, "alice", seconds=SLOW)
        [about] = report(raw)
        assert about["Status"] == "4.4.7" and about["Action"] == "failed"
        assert "421 4.3.2 closed" in about["Diagnostic-Code"]
        wait_empty(a)
        assert 3 <= len(r.sessions) <= 30


def test_a_dead_host_is_asked_once_a_step(make_server):
    with Remote(lambda session, verb, line: "421 4.3.2 closed" if verb == "CONNECT" else None) as r:
        a = make_server(domain="a.test", config=smarthost(r)
                        + "queue { retry-first = 3s retry-max = 3s }")
        began = time.monotonic()
        for i in range(30):
            submit(a, f"x{i}@far.test", f"m{i}")
        wait_for(lambda: all("421" in e["last"] for e in entries(a)) and len(entries(a)) == 30, SLOW)
        before = len(r.sessions)
        # Those that were open when the first failed, and one a step.
        assert before <= 10 + (time.monotonic() - began) // 3
        r.script = None
        wait_for(lambda: len(r.taken) == 30, SLOW)
        wait_empty(a)
        # Afterwards the first finds out, and then there may be more.
        assert len(r.sessions) <= before + 12


def test_connections_are_reused(make_server):
    with Remote() as remote:
        remote.let_in.clear()   # a connection that has nothing to do for a while is given up
        a = make_server(domain="a.test", config=smarthost(remote)
                        + "queue { max-connections-per-destination = 2 }")
        with a.smtp() as smtp:
            for i in range(60):
                smtp.sendmail("alice@a.test", f"x{i}@far{i % 5}.test", message(f"m{i}"))
        remote.let_in.set()
        wait_for(lambda: len(remote.taken) == 60, SLOW)
        wait_empty(a)
        assert len(remote.sessions) <= 10
        assert all(t.session.lines.count("EHLO mx.a.test") == 1 for t in remote.taken)


def test_remotes_without_extensions(make_server):
    """HELO only, and one recipient at a time because nothing is pipelined."""
    def script(session, verb, line):
        return "500 what?" if verb == "EHLO" else None
    with Remote(script) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + FAST)
        submit(a, ["x@far.test", "y@far.test"])
        wait_for(lambda: len(remote.taken) == 1, SLOW)
        assert remote.taken[0].session.verbs[:6] == ["EHLO", "HELO", "MAIL", "RCPT", "RCPT", "DATA"]
        assert "SIZE" not in " ".join(remote.taken[0].session.lines)
        wait_empty(a)


def test_tls_that_fails_is_left_out(make_server):
    """Opportunistic: a host whose STARTTLS is broken gets the mail in clear."""
    def script(session, verb, line):
        if verb == "EHLO":
            return "250-remote.test\r\n250 STARTTLS"
        if verb == "STARTTLS":
            return b"220 go on\r\n\x15\x03\x01\x00\x02\x02\x28 this is no TLS\r\n"
    with Remote(script) as remote:
        config = smarthost(remote).replace("tls = none", "tls = opportunistic") + FAST
        a = make_server(domain="a.test", config=config)
        submit(a, "x@far.test")
        wait_for(lambda: len(remote.taken) == 1, SLOW)
        assert "STARTTLS" in remote.sessions[0].verbs
        assert "STARTTLS" not in remote.taken[0].session.verbs
        wait_empty(a)


def test_tls_that_is_required_is_waited_for(make_server):
    with Remote() as remote:
        config = smarthost(remote).replace("tls = none", "tls = required") + FAST
        a = make_server(domain="a.test", config=config)
        submit(a, "x@far.test")
        [entry] = wait_for(lambda: [e for e in entries(a) if e["attempts"] > 1], SLOW)
        assert "TLS: not offered" in entry["last"]
        assert remote.taken == []
