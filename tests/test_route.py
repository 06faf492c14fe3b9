"""veredus route: what would become of mail, told without sending any."""
import json

import pytest

from dns_zone import DnsZone

ZONES = {
    "far.test": "@ MX 20 mx2\n@ MX 10 mx1\nmx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx2 AAAA 2001:db8::2",
    "plain.test": "@ A 192.0.2.3\nmx A 192.0.2.3",
    "sister.test": "@ MX 10 mx.plain.test.", "brother.test": "@ MX 10 mx.plain.test.",
    "null.test": "@ MX 0 .",
    "back.test": "@ MX 10 best\n@ MX 20 mx.example.test.\n@ MX 30 worse\nbest A 192.0.2.4\n"
                 "worse A 192.0.2.5",
    "loop.test": "@ MX 10 mx.example.test.",
    "forged.test": "@ MX 10 mx\nmx A 192.0.2.6",
    "zero.test": "@ MX 10 mx\nmx A 0.0.0.0\nmx AAAA ::\nmx AAAA ::ffff:0.0.0.0\nmx A 224.0.0.1",
}
SMARTHOSTS = """
suppression "alice@example.test" { }
smarthost "hosted.test" { host = "192.0.2.9" port = 2525 tls = none }
smarthost "other.test" { host = "192.0.2.9" port = 2525 tls = none }
"""


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES, signed=["far.test", "null.test"], bogus=["forged.test"]) as zone:
        yield zone


@pytest.fixture
def host(make_server, dns):
    """Not running."""
    server = make_server(start=False, config=(
        f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n' + SMARTHOSTS))
    server.cli("alias", "add", "team@example.test", "alice@example.test", "both@example.test",
               "Carol@far.test", "nobody@example.test")
    server.cli("alias", "add", "both@example.test", "alice@example.test", "dave@hosted.test",
               "eve@other.test")
    return server


def route(server, *args, status=0):
    done = server.cli("route", "--json", *args, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def tree(steps):
    return [(s["address"], s["kind"], *([tree(s["members"])] if s["members"] else []))
            for s in steps]


def place(server, address, status=0):
    places = route(server, address, status=status)["destinations"]
    assert len(places) == 1
    return places[0]


def hosts(found):
    return [(h["preference"], h["host"], h["address"]) for h in found["hosts"]]


def test_aliases_as_a_tree(host):
    found = route(host, "Team+x@example.test")
    assert found["accepted"] and found["reply"].startswith("250 ")
    assert tree(found["tree"]) == [
        ("Team+x@example.test", "alias", [
            ("alice@example.test", "mailbox"),
            ("both@example.test", "alias", [
                ("alice@example.test", "mailbox"),
                ("dave@hosted.test", "elsewhere"),
                ("eve@other.test", "elsewhere")]),
            ("carol@far.test", "elsewhere"),
            ("nobody@example.test", "unknown")])]
    assert found["tree"][0]["found"] == "team@example.test"
    again = found["tree"][0]["members"][1]["members"][0]
    assert again["again"] and not found["tree"][0]["members"][0]["again"]
    smart, far = found["destinations"]
    assert smart["recipients"] == ["dave@hosted.test", "eve@other.test"]
    assert smart["destination"] == "smarthost:192.0.2.9:2525:0" and smart["by"] == "smarthost"
    assert smart["smarthost"] == {"for": "hosted.test", "protocol": "smtp", "host": "192.0.2.9", "port": 2525,
                                  "user": None}
    assert smart["tls"] == "none" and hosts(smart) == [(0, "192.0.2.9", "192.0.2.9:2525")]
    assert far["recipients"] == ["carol@far.test"] and far["destination"] == "far.test"


def test_by_mx(host):
    far = place(host, "x@far.test")
    assert far["by"] == "mx" and far["dnssec"] and far["tls"] == "opportunistic"
    assert hosts(far) == [(10, "mx1.far.test", "192.0.2.1:25"),
                          (20, "mx2.far.test", "[2001:db8::2]:25"),
                          (20, "mx2.far.test", "192.0.2.2:25")]
    plain = place(host, "x@plain.test")
    assert plain["by"] == "address" and not plain["dnssec"]
    assert hosts(plain) == [(0, "plain.test", "192.0.2.3:25")]
    literal = place(host, "x@[192.0.2.77]")
    assert literal["by"] == "literal" and hosts(literal) == [(0, "192.0.2.77", "192.0.2.77:25")]
    # Domains with the same hosts are one destination for the queue; those of an address are not.
    assert place(host, "x@brother.test")["shared"] == place(host, "x@sister.test")["shared"] == \
        "mx:mx.plain.test"
    assert far["shared"] == "mx:mx1.far.test;mx2.far.test dnssec"
    assert plain["shared"] is None and literal["shared"] is None
    back = place(host, "x@back.test")
    assert back["own_left_out"] and hosts(back) == [(10, "best.back.test", "192.0.2.4:25")]


@pytest.mark.parametrize("domain, status, exit_status", [
    ("null.test", "5.1.10", 3), ("nowhere.far.test", "5.1.2", 3), ("loop.test", "5.4.6", 3),
    ("zero.test", "5.4.4", 3), ("[0.0.0.0]", "5.4.4", 3),
    ("forged.test", "4.4.3", 75)])
def test_no_way(host, domain, status, exit_status):
    found = place(host, f"x@{domain}", status=exit_status)
    assert found["status"] == status and found["hosts"] == []
    assert found["temporary"] == (exit_status == 75)


def test_who_sends(host):
    assert route(host, "--from", "alice@example.test", "x@far.test")["trusted"]
    for sender in "x@plain.test", "", "nobody@example.test":
        refused = route(host, "--from", sender, "x@far.test", status=3)
        assert refused["reply"] == "550 5.7.1 Relaying denied" and not refused["accepted"]
        assert refused["destinations"] == refused["queued"] == []
        assert route(host, "--from", sender, "alice@example.test")["verdict"] == "local"


def test_hosts_that_may_relay(host):
    """Their mail is of no account: sections for accounts are not for it, whoever it is from."""
    host.configure('relay-networks = { "192.0.2.0/28", "2001:db8::/64" }\n'
                   'smarthost "users" { domain = { "far.test" } account = { "*@example.test" } host = "192.0.2.9" }')
    ask = "--from", "alice@example.test", "x@far.test"
    assert place(host, "x@far.test")["by"] == "mx"
    [by_user] = route(host, *ask)["destinations"]
    assert by_user["by"] == "smarthost"
    for client in "192.0.2.3", "2001:db8::77":
        found = route(host, "--client", client, *ask)
        assert found["trusted"] and found["client"] == client and found["account"] == ""
        assert [d["by"] for d in found["destinations"]] == ["mx"]
    for client in "192.0.2.16", "2001:db8:0:1::1":
        assert route(host, "--client", client, *ask, status=3)["reply"] == "550 5.7.1 Relaying denied"
    told = host.cli("route", "--client", "192.0.2.3", *ask).stdout
    assert "accepted from a host that may relay: 250" in told
    wrong = host.cli("route", "--client", "far.test", *ask, check=False)
    assert wrong.returncode == 1 and "'far.test' is no address of a host" in wrong.stderr


def test_who_does_not_get_it_any_more(host):
    """What RCPT and the queue would say of suppressed recipients."""
    host.cli("suppression", "add", "alice@example.test", "carol@far.test", "--reason", "unknown")
    refused = route(host, "--from", "alice@example.test", "Carol@FAR.test", status=3)
    assert refused["verdict"] == "suppressed" and refused["queued"] == []
    assert refused["reply"].startswith("550 5.1.1 No mail to it since ")
    assert refused["reply"].endswith(": unknown")
    # An alias is taken, and leads to the others; others send to her.
    alias = route(host, "--account", "alice@example.test", "team@example.test", status=3)
    assert alias["accepted"] and [d["by"] for d in alias["destinations"]] == ["smarthost"]
    text = host.cli("route", "--account", "alice@example.test", "team@example.test", check=False).stdout
    assert "carol@far.test comes back, 5.7.1: suppressed: No mail to it since" in text
    for sender in "bob@example.test", "x@plain.test":
        assert len(route(host, "--from", sender, "team@example.test")["destinations"]) == 2


def test_refused(host):
    host.cli("alias", "add", "--moved", "gone@example.test", "new@far.test")
    host.cli("alias", "add", "a@example.test", "b@example.test")
    host.cli("alias", "add", "b@example.test", "a@example.test")
    host.cli("user", "disable", "bob@example.test")
    for name, kind, reply in [("nobody", "unknown", "550 5.1.1"), ("gone", "moved", "551 5.1.6"),
                              ("bob", "disabled", "550 5.2.1")]:
        found = route(host, f"{name}@example.test", status=3)
        assert found["reply"].startswith(reply) and found["tree"][0]["kind"] == kind
        assert found["destinations"] == []
    loop = route(host, "a@example.test", status=3)
    assert loop["reply"].startswith("550 5.4.6")
    assert tree(loop["tree"]) == [("a@example.test", "alias", [
        ("b@example.test", "alias", [("a@example.test", "loop")])])]
    assert host.cli("route", "no address", check=False).returncode == 1


def test_others_that_stand_in(host):
    assert tree(route(host, "Postmaster")["tree"]) == [
        ("postmaster@example.test", "postmaster", [("alice@example.test", "mailbox")])]
    assert tree(route(host, "postmaster@example.test")["tree"]) == [
        ("postmaster@example.test", "postmaster", [("alice@example.test", "mailbox")])]
    host.cli("domain", "catch-all", "example.test", "bob@example.test")
    assert tree(route(host, "anybody@example.test")["tree"]) == [
        ("anybody@example.test", "catch-all", [("bob@example.test", "mailbox")])]
    host.cli("fetch", "add", "held.test", "alice@example.test")
    held = route(host, "--from", "x@far.test", "x@held.test")
    assert held["queued"][0]["fetched"] and held["destinations"] == []
    host.cli("fetch", "add", "hosted.test", "alice@example.test")
    hosted = route(host, "x@hosted.test")
    assert not hosted["queued"][0]["fetched"] and len(hosted["destinations"]) == 1


def test_while_it_runs(host):
    offline = route(host, "team@example.test")
    host.start()
    assert route(host, "team@example.test") == offline
    text = host.cli("route", "team@example.test").stdout
    assert "    alice@example.test: mailbox, which gets it already\n" in text
    assert "  by its MX records, which DNSSEC vouches for\n" in text
    assert "     10  mx1.far.test  192.0.2.1:25\n" in text
    assert json.loads(host.cli("queue", "list", "--json").stdout) == []
