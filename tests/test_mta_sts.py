"""MTA-STS (RFC 8461): policies from a real web server, kept until they expire; hosts that are what
the policy says, or are not."""
import json
import sqlite3
import time

import pytest

import conftest
from authority import Authority, tlsa
from conftest import free_port, wait_for
from dns_zone import DnsZone
from policy_server import PolicyServer, policy
from remote import Remote
from test_dane import deferred, delivered
from test_relay import SLOW, by_mx

NAMES = ("enforce", "testing", "off", "other", "expired", "unknown", "wrong", "clear", "cleartest",
         "redirected", "html", "junk", "huge", "slow", "missing", "untrusted", "dane", "both", "second",
         "restart", "id", "refresh", "wildcard", "two", "required")


class World:
    def __init__(self, directory):
        self.ca = Authority(directory, "Web")
        self.certificate = self.ca.issue("*.mx.test")
        self.untrusted = Authority(directory, "Nobody").issue("*.mx.test")
        self.web = self.ca.issue(*(f"mta-sts.{n}.test" for n in NAMES if n != "untrusted"))
        self.port = free_port()
        self.ids = {name: "1" for name in NAMES}
        self.extra = {"two": '_mta-sts TXT "v=STSv1; id=2"'}
        key = tlsa(self.certificate[0], 3, 1, 1)
        self.hosts = {"dane": f"10 dane.mx.test.", "wrong": "10 mx.wrong.test.",
                      "second": "10 else.mx.test.\n@ MX 20 second.mx.test."}
        self.mx = "\n".join(f"{n} A 127.0.0.1" for n in (*NAMES, "else")) + \
            f"\n_{self.port}._tcp.dane TLSA 3 1 1 {'ab' * 32}\n_{self.port}._tcp.both TLSA {key}"

    def zone(self, name):
        return (f"@ MX {self.hosts.get(name, f'10 {name}.mx.test.')}\nmx A 127.0.0.1\n"
                f'mta-sts A 127.0.0.1\n_mta-sts TXT "v=STSv1; id={self.ids[name]};"\n'
                + self.extra.get(name, ""))

    def zones(self):
        return {"mx.test": self.mx, **{f"{name}.test": self.zone(name) for name in NAMES}}

    def remote(self, **options):
        return Remote(port=self.port, **{"certificate": self.certificate, **options})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def dns(world):
    with DnsZone(world.zones(), signed=["mx.test"]) as zone:
        yield zone


@pytest.fixture(scope="module")
def web(world):
    with PolicyServer(world.web) as web:
        yield web


def configuration(world, dns, web, extra="", sts="", timeout="30s"):
    return by_mx(dns, world.port) + (f'mta-sts {{ port = {web.port} ca = "{world.ca.path}" '
                                     f'timeout = {timeout} {sts} }}\n{extra}')


@pytest.fixture(scope="module")
def server(world, dns, web, tmp_path_factory):
    make, dispose = conftest._factory(tmp_path_factory.mktemp("servers"))
    server = make(start=False, domain="a.test", config=configuration(
        world, dns, web, 'tls "required.test" { level = required }'))
    yield server.start({"SSL_CERT_FILE": str(world.ca.path)})
    dispose()


@pytest.fixture(autouse=True)
def usual(web):
    web.type, web.status, web.headers = "text/plain; charset=utf-8", 200, {}


def rows(server):
    with sqlite3.connect(f"file:{server.dir}/veredus.db?mode=ro", uri=True) as db:
        return dict(db.execute("SELECT domain, id FROM sts_policy"))


@pytest.mark.parametrize("name, hosts", [("enforce", ["enforce.mx.test"]), ("wildcard", ["*.mx.test"]),
                                         ("required", ["required.mx.test", "a.test"])])
def test_enforce(world, server, web, name, hosts):
    web.policies[f"{name}.test"] = policy(*hosts)
    before = web.asked.count(f"{name}.test")
    with world.remote() as remote:
        told = delivered(server, remote, f"{name}.test")
        assert ", verified, policy sts: the MTA-STS policy 1, enforce)" in told, told
        assert web.asked.count(f"{name}.test") == before + 1
        assert rows(server)[f"{name}.test"] == "1"
    # What is known is not asked for again.
    with world.remote() as remote:
        assert "policy sts" in delivered(server, remote, f"{name}.test")
        assert web.asked.count(f"{name}.test") == before + 1


@pytest.mark.parametrize("name, hosts, options, why", [
    ("other", ["else.mx.test"], {}, "does not name the host"),
    ("wrong", ["mx.wrong.test"], {}, "hostname mismatch (sts: the MTA-STS policy 1, enforce)"),
    ("unknown", ["unknown.mx.test"], {"nobody": True}, "(sts: the MTA-STS policy 1, enforce)"),
    ("clear", ["clear.mx.test"], {"certificate": None}, "TLS: not offered"),
])
def test_enforce_fails(world, server, web, name, hosts, options, why):
    web.policies[f"{name}.test"] = policy(*hosts)
    if options.pop("nobody", False):
        options["certificate"] = world.untrusted
    with world.remote(**options) as remote:
        told = deferred(server, f"{name}.test")
        assert why in told, told
        assert not remote.taken


def test_next_host(world, server, web):
    web.policies["second.test"] = policy("second.mx.test")
    with world.remote() as remote:
        assert "second.mx.test" in delivered(server, remote, "second.test")
        assert len(remote.sessions) == 1


def test_testing(world, server, web):
    web.policies["testing.test"] = policy("else.mx.test", mode="testing")
    with world.remote(certificate=world.untrusted) as remote:
        told = delivered(server, remote, "testing.test")
        assert "not verified, policy none: the MTA-STS policy 1, testing, does not name" in told
    web.policies["cleartest.test"] = policy("cleartest.mx.test", mode="testing")
    with world.remote(certificate=None) as remote:
        assert "no TLS, policy none: the MTA-STS policy 1, testing)" in \
            delivered(server, remote, "cleartest.test")


def test_switched_off(world, server, web):
    web.policies["off.test"] = policy(mode="none")
    with world.remote(certificate=None) as remote:
        assert "policy none: the host has no TLSA" in delivered(server, remote, "off.test")
        assert rows(server)["off.test"] == "1"


@pytest.mark.parametrize("name, change", [
    ("redirected", {"status": 301, "headers": {"Location": "https://mta-sts.enforce.test/"}}),
    ("html", {"type": "text/html"}), ("junk", {}), ("huge", {}), ("missing", {}), ("untrusted", {}), ("two", {})])
def test_no_policy_to_be_had(world, server, web, name, change):
    """Then there is none (RFC 8461 section 3.3), and the web server is left alone for a while."""
    web.policies[f"{name}.test"] = {"junk": "<html>", "missing": None,
                                    "huge": policy(f"{name}.mx.test") + "x: y\n" * 20000}.get(
                                        name, policy("else.mx.test"))
    for key, value in change.items():
        setattr(web, key, value)
    with world.remote(certificate=None) as remote:
        assert "policy none: the host has no TLSA" in delivered(server, remote, f"{name}.test")
        asked = web.asked.count(f"{name}.test")
        assert asked == (0 if name in ("untrusted", "two") else 1)
        delivered(server, remote, f"{name}.test")
        assert web.asked.count(f"{name}.test") == asked
        assert f"{name}.test" not in rows(server)


def test_a_web_server_that_sleeps(world, dns, web, make_server):
    """The same; and the message goes as soon as the time is over."""
    server = make_server(domain="a.test", config=configuration(world, dns, web, timeout="1s"))
    web.policies["slow.test"] = policy("else.mx.test")
    web.awake.clear()
    try:
        with world.remote(certificate=None) as remote:
            assert "policy none: the host has no TLSA" in delivered(server, remote, "slow.test")
            assert web.asked.count("slow.test") == 1
    finally:
        web.awake.set()


def test_dane_comes_first(world, server, web):
    """A policy can't make up for TLSA records that do not match, nor undo those that do."""
    web.policies["dane.test"] = policy("dane.mx.test")
    web.policies["both.test"] = policy("else.mx.test")
    with world.remote() as remote:
        assert "matching DANE TLSA records" in deferred(server, "dane.test")
        assert "policy dane" in delivered(server, remote, "both.test")


def test_survives(world, dns, web, make_server):
    """A restart, and a domain that says nothing any more: the policy holds until it expires. A new id
    brings a new policy; a domain whose record is back with no policy to be had keeps the old one."""
    server = make_server(start=False, domain="a.test", config=configuration(world, dns, web))
    trust = {"SSL_CERT_FILE": str(world.ca.path)}
    web.policies["restart.test"] = policy("restart.mx.test")
    web.policies["expired.test"] = policy("expired.mx.test", max_age=1)
    with world.remote() as remote:
        server.start(trust)
        delivered(server, remote, "restart.test")
        delivered(server, remote, "expired.test")
        server.stop()
        dns.set("restart.test", world.zone("restart").replace("v=STSv1", "v=none"))
        dns.set("expired.test", world.zone("expired").replace("v=STSv1", "v=none"))
        time.sleep(1.1)  # as long as the policy holds, and more
        server.start(trust)
        assert "policy sts" in delivered(server, remote, "restart.test")
        assert "policy none" in delivered(server, remote, "expired.test")
        server.stop()
        world.ids["restart"] = "2"
        dns.set("restart.test", world.zone("restart"))
        del web.policies["restart.test"]
        server.start(trust)
        assert "MTA-STS policy 1, enforce" in delivered(server, remote, "restart.test")
        server.stop()
        web.policies["restart.test"] = policy("*.mx.test")
        server.start(trust)
        assert "MTA-STS policy 2, enforce" in delivered(server, remote, "restart.test")
        assert rows(server) == {"restart.test": "2", "expired.test": "1"} or \
            rows(server) == {"restart.test": "2"}


def test_fetched_ahead_of_expiry(world, dns, web, make_server):
    server = make_server(start=False, domain="a.test",
                         config=configuration(world, dns, web, sts="refresh = 400ms"))
    web.policies["refresh.test"] = policy("refresh.mx.test")
    with world.remote() as remote:
        server.start({"SSL_CERT_FILE": str(world.ca.path)})
        delivered(server, remote, "refresh.test")
        wait_for(lambda: web.asked.count("refresh.test") > 2, SLOW, "the policy fetched anew")
        # One that fails leaves the old one.
        web.status = 500
        asked = len(web.asked)
        wait_for(lambda: len(web.asked) > asked + 1, SLOW, "two tries more")
        assert "policy sts" in delivered(server, remote, "refresh.test")


def test_route_tells(server, web):
    web.policies["id.test"] = policy("else.mx.test", "*.mx.test")
    told = server.cli("route", "bob@id.test").stdout
    assert "MTA-STS policy 1, enforce, of " in told and ", mx else.mx.test *.mx.test\n" in told
    assert "policy sts: TLS or nothing, verified: the MTA-STS policy 1, enforce" in told
    assert "id.test" not in rows(server)
    web.policies["other.test"] = policy("else.mx.test")
    done = server.cli("route", "bob@other.test", check=False)
    assert done.returncode == 75 and "left out: other.mx.test: the MTA-STS policy" in done.stdout
    web.policies["enforce.test"] = policy("enforce.mx.test")
    [place] = json.loads(server.cli("route", "--json", "x@enforce.test").stdout)["destinations"]
    assert place["sts"]["mode"] == "enforce" and place["sts"]["mx"] == ["enforce.mx.test"]
