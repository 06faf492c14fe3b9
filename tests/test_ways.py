"""Which way mail takes: by recipient, sender and account; from which of our addresses."""
import json

import pytest

from conftest import wait_for
from dns_zone import DnsZone
from remote import Remote
from test_relay import FAST, SLOW, journey, message, submit, wait_empty


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
