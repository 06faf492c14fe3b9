"""DANE for SMTP (RFC 7672): signed zones with TLSA records by Knot, and a host that is what they say,
or is not. What does not match waits; nothing falls back."""
import contextlib
import itertools
import json
import sqlite3

import pytest

from authority import Authority, tlsa
from conftest import free_port, wait_for
from dns_zone import DnsZone
from remote import Remote
from test_relay import SLOW, by_mx, entries, journey, message

FORMS = [(usage, selector, matching) for usage in (2, 3) for selector in (0, 1)
         for matching in (0, 1, 2)]
OTHER = "3 1 1 " + "ab" * 32
numbers = itertools.count(1)


class World:
    """An MX host on one port, with a certificate of an authority that nobody trusts, for
    *.mx.dane.test. The domains differ by what the DNS says about it."""

    def __init__(self, directory):
        self.ca = Authority(directory)
        self.certificate = self.ca.issue("*.mx.dane.test")
        self.port = free_port()
        key = tlsa(self.certificate[0], 3, 1, 1)
        lines = [
            *self.host("rolled", OTHER, key), *self.host("stale", OTHER), *self.host("none"),
            *self.host("pkix", tlsa(self.certificate[0], 1, 1, 1), tlsa(self.ca.path, 0, 1, 1)),
            *self.host("odd", "3 1 7 " + "ab" * 32, "3 1 1 abcd", "9 9 9 00"),
            *self.host("clear", key), *self.host("plain", tlsa(self.certificate[0], 1, 1, 1)),
            *self.host("hidden"), "_tcp.hidden.mx NS ns",
            *self.host("strict"), *self.host("strictly", key),
            *self.host("switched", OTHER), *self.host("careless", OTHER), *self.host("again", key),
            # The name is in no certificate, which counts for DANE-TA only.
            *self.host("named", tlsa(self.ca.path, 2, 1, 1), host="named"),
            *self.host("unnamed", key, host="unnamed"),
            "alias MX 10 other", "other CNAME d311.mx",
            # The target of this alias has no records, the alias itself does.
            *self.host("initial", key, address="CNAME none.mx"),
            # The addresses are not signed, the alias is.
            *self.host("away", OTHER, address="CNAME host.open.test."),
            "second MX 10 stale.mx", "second MX 20 d311.mx"]
        for usage, selector, matching in FORMS:
            path = self.ca.path if usage == 2 else self.certificate[0]
            lines += self.host(f"d{usage}{selector}{matching}",
                               tlsa(path, usage, selector, matching))
        self.zones = {
            "dane.test": "\n".join(lines),
            "_tcp.hidden.mx.dane.test": f"_{self.port} TLSA {key}",
            "open.test": f"@ MX 10 host\nhost A 127.0.0.1\n_{self.port}._tcp.host TLSA {OTHER}",
            "hosted.test": "@ MX 10 d311.mx.dane.test.",
            "stray.test": "@ MX 10 stale.mx.dane.test.",
            "forged.test": f"@ MX 10 mx\nmx A 127.0.0.1\n_{self.port}._tcp.mx TLSA {key}",
        }

    def host(self, label, *records, host=None, address="A 127.0.0.1"):
        host = host or f"{label}.mx"
        own = [] if host == label else [f"{label} MX 10 {host}"]
        return [*(own or [f"{label} MX 10 {label}"]), f"{host} {address}",
                *(f"_{self.port}._tcp.{host} TLSA {record}" for record in records)]

    def remote(self, **options):
        return Remote(port=self.port, **{"certificate": self.certificate, **options})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def dns(world):
    with DnsZone(world.zones, signed=["dane.test"],
                 bogus=["forged.test", "_tcp.hidden.mx.dane.test"]) as zone:
        yield zone


@pytest.fixture(scope="module")
def server(world, dns, tmp_path_factory):
    import conftest
    make, dispose = conftest._factory(tmp_path_factory.mktemp("servers"))
    # What waits is tried once: not again when the host is there with something else.
    config = by_mx(dns, world.port).replace("retry-first = 100ms retry-max = 1s", "retry-first = 1h")
    yield make(domain="a.test", config=config + """
        tls "strict.dane.test" { level = dane }
        tls "strictly.dane.test" { level = dane  oldest-version = 1.3 }
        tls "switched.dane.test" { level = opportunistic }
        """)
    dispose()


def submit(server, domain, header=""):
    """The Message-ID."""
    subject = f"{next(numbers)}.{domain}"
    text = message(subject, to=f"bob@{domain}")
    with server.smtp() as smtp:
        smtp.sendmail("alice@a.test", [f"bob@{domain}"], header + text)
    return f"<{subject}@a.test>"


def delivered(server, remote, domain, header=""):
    """What the journey says of TLS."""
    before = len(remote.taken)
    message_id = submit(server, domain, header)
    wait_for(lambda: len(remote.taken) > before, SLOW, "the message")
    wait_for(lambda: "relayed" in journey(server, message_id), SLOW, "its record")
    return next(line for line in journey(server, message_id).splitlines() if "relayed " in line)


def deferred(server, domain, header=""):
    """Why."""
    submit(server, domain, header)
    wait_for(lambda: any(e["last"] for e in waiting(server, domain)), SLOW, "an attempt")
    [entry] = waiting(server, domain)
    # No attempt is left that another test's remote would see.
    server.cli("queue", "hold", entry["id"])
    wait_for(lambda: not on_its_way(server), SLOW, "the end of the attempt")
    server.cli("queue", "drop", "--yes", entry["id"])
    return entry["last"]


def on_its_way(server):
    with contextlib.closing(sqlite3.connect(f"file:{server.dir}/veredus.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT 1 FROM queue_recipient WHERE lease_owner IS NOT NULL").fetchall()


def waiting(server, domain):
    return [e for e in entries(server) if e["to"] == f"bob@{domain}"]


@pytest.mark.parametrize("form", ["d%d%d%d" % form for form in FORMS])
def test_forms(world, server, form):
    with world.remote() as remote:
        told = delivered(server, remote, f"{form}.dane.test")
        assert f"verified, policy dane: the TLSA records of {form}.mx.dane.test" in told, told
        assert remote.sessions[0].tls and len(remote.sessions) == 1


@pytest.mark.parametrize("domain, base", [
    ("rolled.dane.test", "rolled.mx.dane.test"), ("alias.dane.test", "d311.mx.dane.test"),
    ("initial.dane.test", "initial.mx.dane.test"), ("unnamed.dane.test", "unnamed.dane.test"),
    ("hosted.test", "d311.mx.dane.test, which no DNSSEC says is its MX"),
    ("strictly.dane.test", "strictly.mx.dane.test"),
])
def test_good(world, server, domain, base):
    with world.remote() as remote:
        told = delivered(server, remote, domain)
        assert f", verified, policy dane: the TLSA records of {base})" in told, told


@pytest.mark.parametrize("domain, why", [
    ("stale.dane.test", "no matching DANE TLSA records"), ("named.dane.test", "hostname mismatch"),
    ("stray.test", "no matching DANE TLSA records"),
    ("away.dane.test", "no matching DANE TLSA records"),
    ("hidden.dane.test", "_tcp.hidden.mx.dane.test forged"),
    ("forged.test", "the DNS does not answer"),
    ("strict.dane.test", "section tls asks for DANE"),
])
def test_bad(world, server, domain, why):
    with world.remote() as remote:
        told = deferred(server, domain)
        assert why.lower() in told.lower(), told
        assert not remote.taken and not any("MAIL" in s.verbs for s in remote.sessions)


@pytest.mark.parametrize("domain", ["clear.dane.test", "plain.dane.test"])
def test_no_starttls(world, server, domain):
    """Stripped, perhaps: also records that can't be used say that there is TLS."""
    with world.remote(certificate=None) as remote:
        assert "not offered" in deferred(server, domain)
        assert not remote.taken


@pytest.mark.parametrize("domain", ["pkix.dane.test", "odd.dane.test"])
def test_unusable(world, server, domain):
    with world.remote() as remote:
        told = delivered(server, remote, domain)
        assert "not verified, policy dane: none of the TLSA records" in told, told


@pytest.mark.parametrize("domain, why", [
    ("none.dane.test", "policy none: the host has no TLSA records"),
    ("open.test", "policy none: the host's addresses are not signed"),
    ("switched.dane.test", "policy configured: section tls asks for nothing"),
])
def test_opportunistic(world, server, domain, why):
    with world.remote() as remote:
        assert why in delivered(server, remote, domain)
    with world.remote(certificate=None) as remote:
        assert "no TLS, " + why in delivered(server, remote, domain)


def test_next_host(world, server):
    with world.remote() as remote:
        assert "of d311.mx.dane.test" in delivered(server, remote, "second.dane.test")
        assert len(remote.sessions) == 2


def test_message_that_does_not_care(world, server):
    with world.remote() as remote:
        assert "matching" in deferred(server, "careless.dane.test")
        told = delivered(server, remote, "careless.dane.test", "TLS-Required: No\n")
        assert "policy none: the message says that TLS is not required" in told


def test_resumed(world, dns, make_server):
    """The second connection resumes, and is as verified as the first."""
    domain = "again.dane.test"
    server = make_server(domain="a.test", config=by_mx(dns, world.port))
    with world.remote() as remote:
        assert "resumed" not in delivered(server, remote, domain)
        wait_for(lambda: not remote.open, SLOW, "the end of the connection")
        assert ", verified, resumed, policy dane" in delivered(server, remote, domain)
        assert [s.resumed for s in remote.sessions] == [False, True]


def test_route_tells(world, server):
    """Without sending anything."""
    def route(domain, status=0):
        done = server.cli("route", f"bob@{domain}", check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    key = tlsa(world.certificate[0], 3, 1, 1)
    told = route("rolled.dane.test")
    assert f"    10  rolled.mx.dane.test  127.0.0.1:{world.port}\n" \
        "         policy dane: TLS or nothing, verified: the TLSA records of rolled.mx.dane.test\n" in told
    assert f"         _{world.port}._tcp.rolled.mx.dane.test TLSA {key}\n" in told
    assert "policy dane: TLS or nothing, verified, TLS 1.3:" in route("strictly.dane.test")
    told = route("pkix.dane.test")
    assert "any certificate: none of the TLSA records" in told and told.count(", of no use\n") == 2
    assert "policy none: TLS if offered, any certificate: the host has no TLSA" in route("none.dane.test")
    assert "policy configured: TLS if offered, any cert" in route("switched.dane.test")
    # Left out: mail would wait.
    told = route("strict.dane.test", 75)
    assert "tried again later: 4.7.5" in told and "left out: strict.mx.dane.test: section tls" in told
    assert "forged" in route("hidden.dane.test", 75)
    [place] = json.loads(server.cli("route", "--json", "x@second.dane.test").stdout)["destinations"]
    assert [h["policy"]["kind"] for h in place["hosts"]] == ["dane", "dane"]
    assert place["hosts"][0]["policy"]["tlsa"] == [{"record": OTHER, "usable": True}]
