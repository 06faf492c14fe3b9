"""Mail for other programs, by LMTP: over TCP and Unix sockets, with a verdict for each recipient."""
import json
import smtplib

import pytest

from conftest import wait_for
from remote import CLOSE, Remote
from test_relay import FAST, SLOW, journey, message, report, wait_empty


def transport(where, options="", domain="lists.test"):
    return f'transport "{domain}" {{ lmtp = "{where}" {options} }}\n'


OPEN = "accept-from = everybody"


@pytest.fixture
def behind(make_server):
    """Has the domain lists.test, over LMTP."""
    server = make_server(start=False, domain="lists.test", accounts=("alice", "carol"))
    server.listen("lmtp", "lmtp")
    server.configure('listen lmtp-socket { protocol = lmtp  address = { "unix:lmtp.sock" } }')
    return server


def send(server, to, subject="relayed", sender="smith@far.test"):
    with server.smtp() as smtp:
        return smtp.sendmail(sender, to, message(subject, sender))


@pytest.mark.parametrize("over", ["tcp", "socket"])
def test_to_another_program(make_server, behind, over):
    where = f'127.0.0.1:{behind.port["lmtp"]}' if over == "tcp" else f"unix:{behind.dir}/lmtp.sock"
    front = make_server(config=transport(where, OPEN) + FAST)
    # Nobody listens yet: it waits, as for any host.
    send(front, ["alice@lists.test", "carol@lists.test"])
    wait_for(lambda: "deferred" in journey(front, "<relayed@a.test>"), SLOW, "an attempt")
    behind.start()
    front.cli("queue", "retry", "all")
    for name in "alice", "carol":
        [got] = behind.wait_messages(1, name, seconds=SLOW)
        assert got.startswith(b"Return-Path: <smith@far.test>\r\n")
        assert (b"TLSv1.3" in got) == (over == "tcp"), got
    wait_empty(front)
    events = journey(front, "<relayed@a.test>")
    assert events.count("relayed ") == 2 and where in events
    # Unknown there: back to the sender, who is one of ours this time.
    front.cli("alias", "add", "list@example.test", "gone@lists.test", "alice@lists.test")
    with front.submission("bob") as smtp:
        smtp.sendmail("bob@example.test", ["list@example.test"], message("two", "bob@example.test"))
    [raw] = front.wait_messages(1, "bob", seconds=SLOW)
    [about] = report(raw)
    assert about["Status"] == "5.1.1" and about["Final-Recipient"] == "rfc822; gone@lists.test"
    behind.wait_messages(2, "alice", seconds=SLOW)


def test_a_verdict_for_each(make_server):
    tries = []

    def script(session, verb, line):
        if verb == ".":
            tries.append(session.recipients)
            return (b"250 2.1.5 in\r\n552 5.2.2 full\r\n452 4.2.2 later\r\n" if len(tries) == 1
                    else None)
        return "550 5.1.1 who?" if "nobody" in line else None

    with Remote(script) as remote:
        front = make_server(config=transport(f"127.0.0.1:{remote.port}") + FAST)
        with front.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", [f"{name}@lists.test" for name in
                          ("one", "nobody", "two", "three")], message("each", "alice@example.test"))
        wait_empty(front)
        found = {}
        for raw in front.messages("alice"):
            found |= {r["Final-Recipient"]: (r["Action"], r["Status"]) for r in report(raw)}
        assert found == {"rfc822; nobody@lists.test": ("failed", "5.1.1"),
                         "rfc822; two@lists.test": ("failed", "5.2.2")}
        assert tries == [["one@lists.test", "two@lists.test", "three@lists.test"],
                         ["three@lists.test"]]
        verbs = remote.sessions[0].verbs
        assert verbs[0] == "LHLO" and "EHLO" not in verbs and "HELO" not in verbs
        events = journey(front, "<each@a.test>")
        assert "250 2.1.5 in" in events and "452 4.2.2 later" in events and "552 5.2.2" in events


def test_lost_between_two_verdicts(make_server):
    tries = []

    def script(session, verb, line):
        if verb != ".":
            return None
        tries.append(session.recipients)
        if len(tries) > 1:
            return None
        session.sock.sendall(b"250 2.1.5 in\r\n")
        return CLOSE

    with Remote(script) as remote:
        front = make_server(config=transport(f"127.0.0.1:{remote.port}", OPEN) + FAST)
        send(front, ["one@lists.test", "two@lists.test"])
        wait_empty(front)
        assert tries == [["one@lists.test", "two@lists.test"], ["two@lists.test"]]


def test_no_lmtp_there(make_server):
    """What speaks SMTP alone gets no mail: it waits for somebody to mend it."""
    with Remote(lambda session, verb, line: "500 5.5.1 what?" if verb == "LHLO" else None) as remote:
        front = make_server(config=transport(f"127.0.0.1:{remote.port}", OPEN))
        send(front, ["one@lists.test"])
        wait_for(lambda: "500 5.5.1 what?" in journey(front, "<relayed@a.test>"), SLOW, "an attempt")
        assert not any("EHLO" in s.verbs or "MAIL" in s.verbs for s in remote.sessions)


def test_who_may_send(make_server, behind):
    front = make_server(start=False, config=transport(f"unix:{behind.dir}/lmtp.sock"))
    front.configure(transport("127.0.0.1:9", OPEN, "open.test"))

    def route(*args, status=0):
        done = front.cli("route", "--json", *args, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    assert not route("--from", "x@far.test", "a@lists.test", status=3)["accepted"]
    assert not route("--from", "x@far.test", "a@sub.open.test", status=3)["accepted"]
    [way] = route("a@lists.test")["destinations"]
    assert way["destination"] == f"lmtp:unix:{behind.dir}/lmtp.sock:0:0" and way["tls"] == "none"
    assert way["smarthost"]["protocol"] == "lmtp"
    [way] = route("--from", "x@far.test", "a@open.test")["destinations"]
    assert way["tls"] == "opportunistic" and way["hosts"][0]["address"] == "127.0.0.1:9"
    assert "by transport \"open.test\" of the configuration: LMTP to 127.0.0.1 port 9\n" in \
        front.cli("route", "a@open.test").stdout
    front.start()
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="5.7.1"):
        send(front, ["a@lists.test"])


@pytest.mark.parametrize("text, why", [
    (transport("host:24", OPEN, "*"), "would let strangers send anywhere"),
    (transport("host:0"), "write \"unix:PATH\" or \"HOST:PORT\""),
    (transport("no host"), "write \"unix:PATH\" or \"HOST:PORT\""),
    ("transport \"a.test\" { }", "it leads nowhere"),
    (transport("host") + transport("other"), "with the title 'lists.test' already"),
    ("smarthost lists.test { host = h }\n" + transport("other"), "of this domain already"),
])
def test_mistakes(make_server, text, why):
    server = make_server(start=False, accounts=(), config=text)
    done = server.cli("check", check=False)
    assert done.returncode == 3 and why in done.stderr
