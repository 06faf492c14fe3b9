"""Which way mail takes: by recipient, sender and account; from which of our addresses."""
import contextlib
import json
import re
import socket
import time

import pytest

from conftest import wait_for
from dns_zone import DnsZone
from remote import Remote
from test_relay import FAST, SLOW, entries, journey, message, report, submit, wait_empty


def way(kind, title, remote=None, options=""):
    host = f'host = "127.0.0.1" port = {remote.port} tls = none' if remote else ""
    return f'{kind} "{title}" {{ {host} {options} }}\n'


@pytest.fixture
def remotes():
    with Remote() as one, Remote() as two, Remote() as three:
        yield one, two, three


def hand_in(server, user, to, subject="relayed", sender=None):
    sender = sender or f"{user}@example.test"
    with server.submission(user) as smtp:
        smtp.sendmail(sender, to, message(subject, sender))


def route(server, *args, status=0):
    done = server.cli("route", "--json", *args, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)["destinations"]


def test_by_sender_and_account(make_server, remotes):
    usual, news, bulk = remotes
    server = make_server(config=(
        way("smarthost", "newsletters", news,
            'domain = { "*" } sender = { "@news.test", "!chief@news.test" }')
        + way("smarthost", "bulk", bulk,
              'domain = { "*" } account = { "bob@example.test" }')
        + way("smarthost", "*", usual)
        + 'relay-networks = { "127.0.0.0/8" }\n' + FAST))
    submit(server, "x@far.test", "news", "reader@news.test")
    submit(server, "x@far.test", "chief", "chief@news.test")
    submit(server, "x@far.test", "stranger", "bob@example.test")
    hand_in(server, "alice", "x@far.test", "alice")
    hand_in(server, "bob", "x@far.test", "bob")
    wait_empty(server)

    def subjects(remote):
        return sorted(t.data.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for t in remote.taken)

    assert subjects(news) == ["news"] and subjects(bulk) == ["bob"]
    assert subjects(usual) == ["alice", "chief", "stranger"]
    # The same is told beforehand, with the reason.
    for args, title, why in [
            (("--from", "r@news.test", "--account", "alice@example.test"), "newsletters",
             "domain *, sender @news.test"),
            (("--account", "Bob@Example.test"), "bulk", "domain *, account bob@example.test"),
            (("--from", "bob@example.test"), "bulk", "domain *, account bob@example.test"),
            (("--from", "alice@example.test"), "*", "domain *"), ((), "*", "domain *")]:
        [found] = route(server, *args, "x@far.test")
        assert found["way"] == {"section": "smarthost", "title": title, "why": why}, args
    text = server.cli("route", "--account", "bob@example.test", "x@far.test").stdout
    assert '  by smarthost "bulk" of the configuration: 127.0.0.1 port' in text
    assert "  which is for domain *, account bob@example.test\n" in text


def test_account_survives_a_restart(make_server, remotes):
    usual, bulk, _ = remotes
    bulk.script = lambda session, verb, line: "450 4.2.0 later" if verb == "RCPT" else None
    config = (way("smarthost", "bulk", bulk, 'domain = { "*" } account = { "bob@*" }')
              + way("smarthost", "*", usual))
    server = make_server(config=config)
    hand_in(server, "bob", "x@far.test")
    wait_for(lambda: "450 4.2.0 later" in journey(server, "<relayed@a.test>"), SLOW, "an attempt")
    [entry] = json.loads(server.cli("queue", "list", "--json").stdout)
    assert entry["account"] == "bob@example.test"
    assert "  handed in by bob@example.test\n" in server.cli("queue", "show", entry["id"]).stdout
    server.kill()
    bulk.script = None
    server.start()
    server.cli("queue", "retry", "all")
    wait_empty(server)
    assert len(bulk.taken) == 1 and not usual.taken


def test_the_file_decides(make_server, remotes):
    """Sections of whatever kind in the order of the file, those that name the domain first."""
    first, second, _ = remotes
    server = make_server(start=False, config=(
        way("smarthost", "*", first, 'account = { "bob@example.test" }')
        + way("smarthost", "some", second, 'domain = { "one.test", "Zwei.test" }')
        + f'transport "late" {{ domain = {{ "one.test", "*" }} lmtp = "unix:x.sock"'
          ' sender = { "*" } }\n'))
    checked = server.cli("check", check=False)
    assert checked.returncode != 0
    assert ('transport "late": section smarthost "some" above has the mail of this domain already'
            in checked.stdout + checked.stderr)


MISTAKES = [
    ('smarthost "no domain" { host = x.test }', "the title is no domain: write a domain, or \"*\""),
    ('smarthost "x" { host = x.test domain = { "a b" } }', "domain: 'a b' is none"),
    ('route "*" { sender = { "!" } }', "sender: '!' is no pattern"),
    ('route "*" { source = { "192.0.2.1:25" } }', "source: '192.0.2.1:25' is none"),
    ('route "*" { source = { "192.0.2.1 no_name!" } }', "source: '192.0.2.1 no_name!' is none"),
    ('route "*" { source = { "192.0.2.1" } }', "source: none of the addresses is there"),
    ('route "*" { helo = "not a name" }', "helo: 'not a name' is no host name"),
    ('route "*" { host = x.test }', "there is no option 'host' in section route"),
    ('transport "*" { lmtp = "unix:x" accept-from = everybody }', "would let strangers send")]


def test_mistakes_are_told(make_server):
    server = make_server(start=False)
    base = (server.dir / "veredus.conf").read_text()
    for config, complaint in MISTAKES:
        (server.dir / "veredus.conf").write_text(base + config)
        checked = server.cli("check", check=False)
        assert checked.returncode != 0 and complaint in checked.stdout + checked.stderr, config


# --- our addresses -------------------------------------------------------------------------

def seen(remote):
    return [(s.peer, s.lines[0].split(" ")[1]) for s in remote.sessions if s.lines]


def test_pools(make_server, remotes):
    usual, bulk, third = remotes
    server = make_server(start=False, config=(
        'queue { source = { "127.0.0.7" } retry-first = 100ms retry-max = 400ms }\n'
        + way("smarthost", "bulk.test", bulk, 'helo = "bulk.example.test" source = '
              '{ "127.0.0.11", "192.0.2.200", "127.0.0.12 second.example.test", "::1" }')
        + way("smarthost", "*", usual) + 'relay-networks = { "127.0.0.0/8" }\n'))
    checked = server.cli("check")
    told = checked.stdout + checked.stderr
    assert "source: this host can't send from 192.0.2.200: it is left out" in told
    server.start()
    for n in range(4):
        submit(server, "x@bulk.test", f"bulk{n}")
        wait_empty(server)
        bulk.hang_up()
        wait_for(lambda: not bulk.open, SLOW, "the end of the connection")
    submit(server, "x@far.test")
    wait_empty(server)
    assert sorted(set(seen(bulk))) == [("127.0.0.11", "bulk.example.test"),
                                       ("127.0.0.12", "second.example.test")]
    assert all(seen(bulk).count(s) >= 1 for s in set(seen(bulk)))
    assert seen(usual) == [("127.0.0.7", "mx.example.test")]
    assert "from 127.0.0.7)" in journey(server, "<relayed@a.test>")
    [found] = route(server, "x@bulk.test")
    assert found["source"] == {"helo": "bulk.example.test", "addresses": [
        {"address": "127.0.0.11", "helo": "bulk.example.test"},
        {"address": "127.0.0.12", "helo": "second.example.test"},
        {"address": "::1", "helo": "bulk.example.test"}]}
    assert ("  from 127.0.0.12, as second.example.test\n"
            in server.cli("route", "x@bulk.test").stdout)


ZONES = {"far.test": "@ MX 10 mx\nmx A 127.0.0.1", "six.test": "@ MX 10 mx\nmx AAAA ::1"}


def test_by_mx_from_elsewhere(make_server):
    """A section route changes where mail comes from, not where it goes."""
    with DnsZone(ZONES) as dns, Remote() as remote:
        server = make_server(config=(
            f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n'
            f'queue {{ smtp-port = {remote.port} }}\n'
            'route "news" { domain = { "*" } sender = { "@news.test" } source = { "127.0.0.21" }'
            ' helo = news.example.test }\n'
            'relay-networks = { "127.0.0.0/8" }\n'))
        submit(server, "x@far.test", "usual")
        submit(server, "x@far.test", "news", "a@news.test")
        wait_empty(server)
        assert sorted(seen(remote)) == [("127.0.0.1", "mx.example.test"),
                                        ("127.0.0.21", "news.example.test")]
        text = server.cli("route", "--from", "a@news.test", "--account", "bob@example.test",
                          "x@far.test").stdout
        assert "destination far.test route:0: x@far.test\n  by its MX records" in text
        assert '  as route "news" of the configuration wants, which is for domain *' in text
        # There is no address of ours for a host that has IPv6 only.
        submit(server, "x@six.test", "six", "a@news.test")
        wait_for(lambda: "Address family not supported" in journey(server, "<six@a.test>"), SLOW,
                 "an attempt")


# --- times ---------------------------------------------------------------------------------

def test_times_of_a_way(make_server):
    """Each way is tried again, told of and given up by its own times."""
    tries = {"slow": [], "fast": []}

    def script(session, verb, line):
        if verb != "RCPT":
            return None
        for name, at in tries.items():
            if name in line:
                at.append(time.monotonic())
        return "450 4.2.0 not yet"

    with Remote(script) as remote:
        server = make_server(config=(
            'queue { retry-first = 100ms retry-max = 200ms expire = 1h }\n'
            # Its date is trusted when the server has run as long as the shortest life.
            'route "brief.test" { expire = 100ms }\n'
            + way("smarthost", "fast.test", remote, "expire = 5s delay-notice-after = 400ms")
            + way("smarthost", "slow.test", remote, "retry-first = 1h retry-max = 2h")
            + 'relay-networks = { "127.0.0.0/8" }\n'))
        with server.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", ["x@fast.test", "x@slow.test"],
                          message("asked", "alice@example.test"),
                          rcpt_options=["NOTIFY=FAILURE,DELAY"])
        with server.submission("bob") as smtp:
            smtp.sendmail("bob@example.test", ["y@fast.test"], message("unasked", "bob@example.test"))
        found = [about for raw in server.wait_messages(2, "alice", seconds=SLOW)
                 for about in report(raw)]
        assert [(a["Final-Recipient"], a["Action"]) for a in found] == [
            ("rfc822; x@fast.test", "delayed"), ("rfc822; x@fast.test", "failed")]
        assert found[0]["Will-Retry-Until"] and found[0]["Status"] == "4.2.0"
        [raw] = server.wait_messages(1, "bob", seconds=SLOW)
        assert report(raw)[0]["Action"] == "failed"
        [left] = json.loads(server.cli("queue", "list", "--json").stdout)
        assert left["to"] == "x@slow.test" and left["attempts"] == 1
        assert len(tries["slow"]) == 1 and len(tries["fast"]) > 3   # two, again and again
        [found] = route(server, "x@fast.test")
        assert found["times"] == {"retry_first_ms": 100, "retry_max_ms": 200, "expire_ms": 5000,
                                  "delay_notice_ms": 400}
        assert ("  tried again after 1h, then up to 2h; given up after 1h\n"
                in server.cli("route", "x@slow.test").stdout)


def test_delays_are_told_unasked(make_server):
    with Remote(lambda session, verb, line: "450 4.2.0 no" if verb == "RCPT" else None) as remote:
        server = make_server(config=(
            'queue { retry-first = 50ms retry-max = 10h delay-notice-after = 1s'
            ' delay-notice-unasked = yes }\n'
            # Dates are trusted once the clock has run evenly for as long as mail may take.
            'route "brief.test" { expire = 500ms }\n' + way("smarthost", "*", remote)))
        hand_in(server, "alice", "x@far.test", "plain")
        with server.submission("bob") as smtp:
            smtp.sendmail("bob@example.test", ["x@far.test"], message("failures", "bob@example.test"),
                          rcpt_options=["NOTIFY=FAILURE"])
        # At its time, and not when the pauses, which grow, come to an end.
        [raw] = server.wait_messages(1, seconds=SLOW)
        assert report(raw)[0]["Action"] == "delayed"
        time.sleep(1)
        assert len(server.messages()) == 1 and server.messages("bob") == []


def test_when_it_is_given_up_is_shown(make_server):
    """By the way that it goes, and not by what section queue says."""
    def later(session, verb, line):
        return "450 4.2.0 later" if verb == "RCPT" else None

    with Remote(later) as remote:
        server = make_server(config=FAST.replace("{", "{ expire = 3d", 1) + "\n" +
                             way("smarthost", "far.test", remote, "expire = 14d") +
                             way("smarthost", "*", remote))
        hand_in(server, "alice", ["x@far.test", "y@near.test"])
        days = {e["to"]: (e["expires_ms"] - e["arrived_ms"]) / 86_400_000
                for e in wait_for(lambda: entries(server), SLOW, "the queue")}
        assert days == {"x@far.test": 14, "y@near.test": 3}
        shown = server.cli("queue", "show", entries(server)[0]["id"]).stdout
        assert len(set(re.findall(r"given up (.*)", shown))) == 2
        server.cli("queue", "reroute", "--yes", "near.test", "x@far.test")
        [x] = [e for e in entries(server) if e["to"] == "x@far.test"]
        assert x["expires_ms"] - x["arrived_ms"] == 3 * 86_400_000


# --- hosts ---------------------------------------------------------------------------------

@contextlib.contextmanager
def silent(port, *addresses):
    """Addresses that answer no SYN: their queue of connections is full."""
    with contextlib.ExitStack() as stack:
        for address in addresses or ["::1"]:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(socket.socket(family))
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket(family))
                waiting.setblocking(False)
                waiting.connect_ex((address, port))
        time.sleep(0.1)
        yield


HOSTS = {
    "both.test": "@ MX 10 mx\nmx A 127.0.0.1\nmx AAAA ::1\nc MX 10 mx\n"
                 "to CNAME mx\nalias MX 10 to\n"
                 "many MX 10 five\nfive A 127.0.0.1\nfive A 127.0.0.21\nfive A 127.0.0.22\n"
                 "five A 127.0.0.23\nfive AAAA ::1\n",
    "chain.test": "a CNAME b\nb CNAME c.both.test.\nround CNAME again\nagain CNAME round",
}


def took_ms(server, message_id):
    events = json.loads(server.cli("trace", "--json", message_id).stdout)
    at = {e["event"]: e["at_ms"] for e in events}
    return at["relayed"] - at["queued"]


def asking(dns, domain, options):
    """A stranger's mail for the domain is taken when its host knows the recipient."""
    return (f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n'
            f'queue {{ {options} }}\n'
            f'relay "{domain}" {{ verify = call-ahead probe-timeout = 40s }}\n')


def test_the_first_address_that_answers(make_server):
    """Four silent ones are passed in a second, though each has 40: they are tried side by side, for
    the question as for the mail."""
    dead = "::1", "127.0.0.21", "127.0.0.22", "127.0.0.23"
    with DnsZone(HOSTS) as dns, Remote() as remote, silent(remote.port, *dead):
        server = make_server(config=asking(
            dns, "many.both.test", f"smtp-port = {remote.port} connect-timeout = 40s"))
        begun = time.monotonic()
        submit(server, "x@many.both.test")
        assert time.monotonic() - begun < 15
        wait_empty(server)
        asked, sent = remote.sessions
        assert "DATA" not in asked.verbs and "MAIL FROM:<>" in asked.lines
        assert asked.peer == sent.peer == "127.0.0.1"
        assert took_ms(server, "<relayed@a.test>") < 10_000


def test_who_answers_and_does_not_want(make_server):
    """The other addresses of the host are asked, too."""
    with DnsZone(HOSTS) as dns, Remote() as remote, \
            Remote(lambda s, verb, line: "421 4.3.2 not now", address="::1", port=remote.port) as grim:
        server = make_server(config=asking(dns, "both.test", f"smtp-port = {remote.port}"))
        submit(server, "x@both.test")
        wait_empty(server)
        # A connection that came too late to be the first, on a slow machine, says nothing.
        assert len(grim.sessions) == sum(bool(s.verbs) for s in remote.sessions) == 2
        assert len(remote.taken) == 1
        assert "deferred" not in server.cli("trace", "<relayed@a.test>").stdout


def test_a_dead_address_of_the_other_family(make_server):
    """A silent IPv6 address costs a moment, not its whole time-out; alone it has that."""
    with DnsZone(HOSTS) as dns, Remote() as remote, silent(remote.port):
        server = make_server(config=(
            f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n'
            f'queue {{ smtp-port = {remote.port} connect-timeout = 40s }}\n'
            'relay-networks = { "127.0.0.0/8" }\n'))
        begun = time.monotonic()
        submit(server, "x@both.test")
        wait_empty(server)
        assert time.monotonic() - begun < 15
        [session] = remote.sessions
        assert session.peer == "127.0.0.1"
        # Aliases in the DNS are followed, for domains and for the names of hosts.
        for address in "x@a.chain.test", "x@alias.both.test":
            [found] = route(server, address)
            assert [(h["address"].rsplit(":", 1)[0]) for h in found["hosts"]] == ["[::1]", "127.0.0.1"]
        submit(server, ["y@a.chain.test"], "chain")
        wait_empty(server)
        assert [t.recipients for t in remote.taken][-1] == ["y@a.chain.test"]
        [found] = route(server, "x@round.chain.test", status=75)
        assert found["temporary"] and found["status"] == "4.4.3"
