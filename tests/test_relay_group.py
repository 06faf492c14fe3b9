"""Domains with the same MX hosts are one destination: they share connections and a pause."""
import pytest

from conftest import wait_for
from dns_zone import DnsZone
from remote import Remote
from test_relay import SLOW, by_mx, entries, message, wait_empty

CUSTOMERS = [f"c{i}" for i in range(12)]
ZONES = {
    "provider.test": "mx1 A 127.0.0.1\nmx2 A 127.0.0.1",
    # The order of records and of letters makes no difference.
    "customers.test": "\n".join(
        f"{name} MX 10 mx{1 + i % 2}.provider.test.\n"
        f"{name} MX 10 {'MX' if i % 3 else 'mx'}{2 - i % 2}.provider.test."
        for i, name in enumerate(CUSTOMERS)),
    "other.test": "@ MX 10 mx1.provider.test.",
}


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES, signed=[]) as zone:
        yield zone


def start(make_server, dns, remote, extra):
    server = make_server(start=False, domain="a.test")
    server.configure(by_mx(dns, remote.port, extra))
    return server.start()


def send(server, to):
    with server.smtp() as smtp:
        for i, address in enumerate(to):
            smtp.sendmail("alice@a.test", address, message(f"m{i}"))


def domains_of(session, remote):
    return {r.split("@")[1] for t in remote.taken if t.session is session for r in t.recipients}


def test_one_limit_for_all(make_server, dns):
    with Remote() as remote:
        remote.let_in.clear()   # a connection that has nothing to do for a while is given up
        a = start(make_server, dns, remote, "max-connections-per-destination = 1")
        to = [f"x@{name}.customers.test" for name in CUSTOMERS * 3]
        send(a, to)
        remote.let_in.set()
        wait_for(lambda: len(remote.taken) == len(to), SLOW)
        wait_empty(a)
        assert len(remote.sessions) <= 4      # some may have been idle for too long between two
        assert max(len(domains_of(s, remote)) for s in remote.sessions) >= len(CUSTOMERS) // 2
        # Other hosts, though one of them is the same.
        send(a, ["x@other.test"])
        wait_for(lambda: len(remote.taken) == len(to) + 1, SLOW)
        assert domains_of(remote.sessions[-1], remote) == {"other.test"}


def test_recipients_at_several_domains(make_server, dns):
    """Once it is known that they are one destination, they share a transaction."""
    to = [f"x@{name}.customers.test" for name in CUSTOMERS]
    with Remote() as remote:
        a = start(make_server, dns, remote, "")
        send(a, to)
        wait_for(lambda: len(remote.taken) == len(to), SLOW)
        with a.smtp() as smtp:
            smtp.sendmail("alice@a.test", to, message("all"))
        wait_for(lambda: sum(len(t.recipients) for t in remote.taken) == 2 * len(to), SLOW)
        assert sorted(remote.taken[-1].recipients) == sorted(to)
        wait_empty(a)


def test_one_pause_for_all(make_server, dns):
    """A dead provider is asked once a step, however many domains it has."""
    with Remote(lambda session, verb, line: "421 4.3.2 closed" if verb == "CONNECT" else None) as r:
        a = start(make_server, dns, r,
                  "max-connections-per-destination = 1 retry-first = 1h retry-max = 1h")
        send(a, [f"x@{name}.customers.test" for name in CUSTOMERS])
        wait_for(lambda: sum("421" in e["last"] for e in entries(a)) == len(CUSTOMERS), SLOW)
        # Two addresses are asked in each step, and of steps there was one.
        before = len(r.sessions)
        assert before <= 2
        r.script = None
        a.cli("queue", "retry", "all")
        wait_for(lambda: len(r.taken) == len(CUSTOMERS), SLOW)
        wait_empty(a)
