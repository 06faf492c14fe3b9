"""Domains that are not ours and whose mail is taken: lists of recipients, call-ahead, backup MX."""
import json
import smtplib
import threading
import time

import pytest

from conftest import wait_for
from dns_zone import DnsZone
from remote import CLOSE, SILENCE, Remote
from test_relay import FAST, SLOW, entries, journey, message, wait_empty

STRANGER = "smith@far.test"


def send(server, *to, sender=STRANGER, subject="relayed"):
    """Refusals by address; a single recipient's is raised."""
    with server.smtp() as smtp:
        return smtp.sendmail(sender, to, message(subject, sender))


def refusal(server, to, sender=STRANGER):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(server, to, sender=sender)
    code, text = refused.value.recipients[to]
    return f"{code} {text.decode()}"


def relay(remote, options="", domain="b.test"):
    return (f'relay "{domain}" {{ {options} }}\n'
            f'smarthost "{domain}" {{ host = "127.0.0.1" port = {remote.port} tls = none }}\n')


def route(server, *args):
    return json.loads(server.cli("route", "--json", *args, check=False).stdout)


def probes(remote):
    return [line for s in remote.sessions for line in s.lines if line.startswith("RCPT")]


# --- lists ---------------------------------------------------------------------------------

def test_list(make_server, tmp_path):
    with Remote() as remote:
        front = make_server(config=relay(remote) + relay(remote, "", "all.test") + FAST)
        front.cli("relay", "add", "Bob@B.test")
        front.cli("relay", "add", "@all.test")
        for wrong in "bob@b.test", "x@example.test", "x@other.test", "no address":
            assert front.cli("relay", "add", wrong, check=False).returncode == 1
        refused = send(front, "bob@b.test", "BOB+tag@b.test", "nobody@b.test", "any@all.test",
                       "postmaster@b.test", "x@other.test")
        assert {to: text[:9] for to, (_, text) in refused.items()} == \
            {"nobody@b.test": b"5.1.1 No ", "x@other.test": b"5.7.1 Rel"}
        wait_empty(front)
        taken = {r for t in remote.taken for r in t.recipients}
        assert taken == {"bob@b.test", "BOB+tag@b.test", "any@all.test", "postmaster@b.test"}
        # Who may send anywhere hears at once as well.
        with front.submission("alice") as smtp:
            smtp.mail("alice@example.test")
            assert smtp.rcpt("nobody@b.test")[0] == 550
        found = route(front, "--from", STRANGER, "nobody@b.test")
        assert found["verdict"] == "no-user" and not found["relay"]["listed"]
        assert "relay domain b.test: the recipient is in the list" in \
            front.cli("route", "--from", STRANGER, "bob@b.test").stdout
        # A file replaces what is there for its domain.
        file = tmp_path / "recipients"
        file.write_text("# those of b.test\ncarol@b.test OK\n" +
                        "".join(f"user{i}@b.test\n" for i in range(3000)))
        assert front.cli("relay", "import", "b.test", file).stdout == \
            "b.test: 3001 added, 1 removed\n"
        assert front.cli("relay", "import", "b.test", file).stdout == \
            "b.test: 0 added, 0 removed\n"
        listed = json.loads(front.cli("relay", "list", "--json").stdout)
        assert len(listed) == 3002 and listed[0] == {"address": "@all.test"}
        assert refusal(front, "bob@b.test").startswith("550 5.1.1")
        assert send(front, "carol@b.test", "user2999@b.test", "any@all.test") == {}
        file.write_text("x@other.test\n")
        done = front.cli("relay", "import", "b.test", file, check=False)
        assert done.returncode == 1 and "x@other.test is not in b.test" in done.stderr or \
            "no section relay" in done.stderr
        assert send(front, "carol@b.test") == {}
        front.cli("relay", "remove", "@all.test")
        assert refusal(front, "any@all.test").startswith("550 5.1.1")


# --- call-ahead ----------------------------------------------------------------------------

def users(session, verb, line):
    if verb == "RCPT" and "nobody" in line:
        return "550 5.1.1 who?"
    if verb == "RCPT" and "gone" in line:
        return "553 who?"
    if verb == "RCPT" and "exchange" in line:
        return "550 5.4.1 Recipient address rejected: Access denied"
    if verb == "RCPT" and "blocked" in line:
        return "554 5.7.1 you are on a list"
    if verb == "RCPT" and "grey" in line:
        return "450 4.7.1 later"
    return None


def test_call_ahead(make_server):
    with Remote(users) as remote:
        front = make_server(config=relay(remote, "verify = call-ahead") + FAST)
        assert "asked for the recipient first" in \
            front.cli("route", "--from", STRANGER, "Bob@b.test").stdout
        refused = send(front, "Bob@b.test", "nobody@b.test", "gone@b.test", "exchange@b.test",
                       "blocked@b.test", "grey@b.test", "postmaster@b.test")
        assert {to.split("@")[0]: code for to, (code, _) in refused.items()} == \
            {"nobody": 550, "gone": 550, "exchange": 550, "blocked": 450, "grey": 450}
        wait_empty(front)
        [taken] = remote.taken
        assert taken.recipients == ["Bob@b.test", "postmaster@b.test"]
        asked = [s for s in remote.sessions if "DATA" not in s.verbs]
        wait_for(lambda: all(s.verbs[-1] == "QUIT" for s in asked), SLOW, "good-byes")
        assert all("MAIL FROM:<>" in s.lines for s in asked)
        assert len(asked) == 6
        # What was said is remembered; what was not said is asked again.
        for to, code in ("bob@b.test", 250), ("NOBODY@b.test", 550), ("grey@b.test", 450):
            with front.smtp() as smtp:
                smtp.ehlo()
                smtp.mail(STRANGER)
                assert smtp.rcpt(to)[0] == code
        assert len(probes(remote)) == 2 + 6 + 1
        assert route(front, "--from", STRANGER, "nobody@b.test")["relay"]["known"] is False
        told = front.cli("route", "--from", STRANGER, "nobody@b.test", check=False).stdout
        assert "the next host does not know the recipient" in told and "550 5.1.1 who?" in told
        assert "refused from a stranger: 550 5.1.1" in told
        assert front.cli("relay", "forget", "b.test").stdout == "4 answers forgotten\n"
        assert refusal(front, "nobody@b.test").startswith("550 5.1.1")
        assert len(probes(remote)) == 10


def test_answers_grow_old(make_server):
    with Remote(users) as remote:
        front = make_server(config=relay(
            remote, "verify = call-ahead known-for = 1s unknown-for = 1h") + FAST)
        send(front, "bob@b.test", "nobody@b.test")
        wait_empty(front)
        asked = len(probes(remote))
        time.sleep(1.1)
        send(front, "bob@b.test", "nobody@b.test")
        wait_empty(front)
        assert len(probes(remote)) == asked + 2   # bob again, and his message


@pytest.mark.parametrize("trouble", [CLOSE, SILENCE, "421 4.3.2 not now", "554 5.7.1 go away"])
def test_next_host_in_trouble(make_server, trouble):
    with Remote(lambda session, verb, line: trouble if verb == "CONNECT" else None) as remote:
        config = relay(remote, "verify = call-ahead probe-timeout = 1s") + relay(
            remote, "verify = call-ahead probe-timeout = 1s on-trouble = accept", "open.test")
        front = make_server(config=config + FAST)
        began = time.monotonic()
        assert refusal(front, "bob@b.test").startswith("450 4.1.1")
        assert time.monotonic() - began < 15
        # It is left alone for a while, and nothing is remembered of bob.
        assert refusal(front, "carol@b.test").startswith("450 4.1.1")
        assert not any("bob" in p or "carol" in p for p in probes(remote))
        # Who may send anywhere is not held up, nor anybody where the operator says so.
        with front.submission("alice") as smtp:
            smtp.mail("alice@example.test")
            assert smtp.rcpt("bob@b.test")[0] == 250
        assert send(front, "bob@open.test") == {}
        assert [e["to"] for e in entries(front)] == ["bob@open.test"]


def test_only_some_at_a_time(make_server):
    now, most, lock = [], [], threading.Lock()

    def script(session, verb, line):
        if verb == "RCPT":
            with lock:
                now.append(session)
                most.append(len(now))
            time.sleep(0.1)
            with lock:
                now.remove(session)
        return None

    with Remote(script) as remote:
        front = make_server(config=relay(remote, "verify = call-ahead max-probes = 2") + FAST)
        clients = [front.smtp() for _ in range(8)]
        for i, smtp in enumerate(clients):
            smtp.ehlo()
            smtp.mail(STRANGER)
            smtp.putcmd(f"rcpt to:<user{i % 4}@b.test>")
        assert [smtp.getreply()[0] for smtp in clients] == [250] * 8
        # One asks for a user, and the other waits for what it hears.
        assert max(most) <= 2 and len(probes(remote)) == 4
        for smtp in clients:
            smtp.quit()


def test_behind_lmtp(make_server):
    """A transport that everybody may write to asks the program behind it."""
    with Remote(users) as remote:
        front = make_server(config=FAST + f"""
            transport "lists.test" {{ lmtp = "127.0.0.1:{remote.port}" accept-from = everybody }}
            relay "lists.test" {{ verify = call-ahead }}""")
        assert set(send(front, "announce@lists.test", "nobody@lists.test")) == \
            {"nobody@lists.test"}
        wait_empty(front)
        assert all(s.verbs[0] == "LHLO" for s in remote.sessions)
        assert remote.taken[0].recipients == ["announce@lists.test"]


# --- backup MX -----------------------------------------------------------------------------

ZONES = {
    "b.test": "@ MX 10 first\n@ MX 20 mx.a.test.\n@ MX 20 equal\n@ MX 30 worse\n"
              "first A 127.0.0.1\nequal A 127.0.0.3\nworse A 127.0.0.3",
    "best.test": "@ MX 10 mx.a.test.\n@ MX 20 other\nother A 127.0.0.3",
    "a.test": "mx A 127.0.0.1",
}


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES) as zone:
        yield zone


def test_backup_mx(make_server, dns):
    with Remote() as first, Remote(address="127.0.0.3", port=first.port) as worse:
        first.script = lambda session, verb, line: "421 4.3.2 not now" if verb == "CONNECT" else None
        backup = make_server(domain="a.test", config=f"""
            dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}
            queue {{ smtp-port = {first.port} retry-first = 1h }}
            smtp {{ etrn = everybody }}
            relay "b.test" {{ }}
            relay "best.test" {{ verify = none }}""")
        backup.cli("relay", "add", "@b.test")
        send(backup, "bob@b.test")
        wait_for(lambda: "421 4.3.2" in journey(backup, "<relayed@a.test>"), SLOW, "an attempt")
        told = backup.cli("route", "--from", STRANGER, "bob@b.test").stdout
        assert "this host is among them: left out, with those that are no better" in told
        assert f"10  first.b.test  127.0.0.1:{first.port}" in told and "127.0.0.3" not in told
        # It comes back, and asks for its mail.
        first.script = None
        with backup.smtp() as smtp:
            smtp.ehlo("first.b.test")
            assert smtp.docmd("ETRN b.test")[0] in (250, 251, 252, 253)
        wait_for(lambda: first.taken, SLOW, "the message")
        assert first.taken[0].recipients == ["bob@b.test"]
        wait_empty(backup)
        # Where we are the best, there is nobody to pass it on to.
        send(backup, "bob@best.test", subject="loop", sender="alice@a.test")
        [raw] = backup.wait_messages(1, "alice", seconds=SLOW)
        assert b"5.4.6" in raw and b"loops back here" in raw
        assert not worse.sessions


@pytest.mark.parametrize("text, why", [
    ('relay "no domain" { }', "no domain"),
    ('relay "*" { }', "no domain"),
    ('relay "B.test" { }\nrelay "b.test" { }', "already"),
    ('relay "b.test" { verify = sometimes }', "verify"),
])
def test_mistakes(make_server, text, why):
    server = make_server(start=False, accounts=(), config=text)
    done = server.cli("check", check=False)
    assert done.returncode == 3 and why in done.stderr
