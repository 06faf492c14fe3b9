"""Blocklists and allowlists in the DNS (RFC 5782), and scores: real zones, real sessions."""
import json
import pathlib
import re
import socket
import tempfile

import pytest

from conftest import _factory, wait_for
from dns_zone import DnsZone
from test_guard import Client, guard_server, metric

WORKS = '2.0.0.127 A 127.0.0.2\n2.0.0.127 TXT "Test"\n'
ZONES = {
    "bl.test": WORKS + """
7.2.0.192 A 127.0.0.4
7.2.0.192 TXT "Ask https://bl.test/why?ip=192.0.2.7"
8.2.0.192 A 127.0.0.9
9.2.0.192 A 127.0.0.4
1.113.0.203 A 127.0.0.4
b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2 A 127.0.0.4
2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 A 127.0.0.2
""",
    "dbl.test": "test A 127.0.1.2\nbad.example A 127.0.1.2\nhelo.example A 127.0.1.3\n"
                "shop.example A 127.0.1.4\n77.2.0.192 A 127.0.1.9\n",
    "good.test": WORKS + "9.2.0.192 A 127.0.10.1\n",
    "refuses.test": "*.0.0.127 A 127.255.255.254\n* A 127.255.255.254\n",
    "everybody.test": "* A 127.0.0.2\n*.0.0.127 A 127.0.0.2\n",
}
LISTS = """
dns-list bl { zone = "bl.test" weight = "4" timeout = 30s
              answers = { "127.0.0.2-127.0.0.7", "127.0.0.9=1.5" } }
dns-list dbl { zone = "dbl.test" timeout = 30s ask = { helo, sender, links, link-addresses } weight = "5" }
dns-list good { zone = "good.test" weight = "-6" timeout = 30s }
rule "good ones" { listed = { "good" } verdict = allow }
rule "bad ones" { listed = { "bl 127.0.0.4" } stage = rcpt verdict = reject }
rule "bad name" { listed = { "dbl 127.0.1.3" } verdict = defer reply = "450 4.7.1 Not with that name" }
rule "both" { score = "9" stage = rcpt recipient = { "bob@*" } verdict = reject }
score { tag = "1" junk = "5" reject = "9" weights = { "spf=none*: 0.5", "iprev=permerror*: 0.25",
                    "dnswl=pass*: -0.25" } }
"""


@pytest.fixture(scope="module")
def zone():
    world = {name: "" for name in ("test", "example", "in-addr.arpa", "ip6.arpa")}
    with DnsZone(dict(ZONES, **world), signed=()) as dns:
        yield dns


@pytest.fixture(scope="module")
def listed(zone):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield guard_server(make, LISTS + "guard { greeting-wait = 0 slow-max = 20ms }", dns=zone)
    dispose()


def letter(body="Hello.", html=False):
    kind = "text/html" if html else "text/plain"
    return f"Subject: x\r\nContent-Type: {kind}\r\n\r\n{body}\r\n"


def talk(server, ip, helo="client.test", sender="x@remote.test", recipient="alice@example.test",
         body="Hello.", html=False):
    """The first line that is no success, or the last."""
    with Client(server, ip) as c:
        for line in (c.line(), c.say(f"EHLO {helo}"), c.say(f"MAIL FROM:<{sender}>"),
                     c.say(f"RCPT TO:<{recipient}>")):
            if line[0] != "2":
                return line
        return c.message(letter(body, html))


def test_the_client(listed):
    refused = talk(listed, "192.0.2.7")
    assert refused.startswith("550 5.7.1 192.0.2.7 is listed in bl.test (127.0.0.4): "
                              "Ask https://bl.test/why?ip=192.0.2.7")
    assert talk(listed, "2001:db8:1:2:3:4:567:89ab").startswith("550 5.7.1 2001:db8:1:2:3:4:")
    assert talk(listed, "198.51.100.1").startswith("250")
    # In a list of the good besides, which is told as RFC 8904 wants.
    assert talk(listed, "192.0.2.9").startswith("250")
    got = listed.messages()[-1].decode()
    assert "dnswl=pass dns.zone=good.test policy.ip=127.0.10.1" in " ".join(got.split())
    wait_for(lambda: metric(listed, 'guard_list_total{list="bl",result="listed"}') >= 3)
    assert metric(listed, 'guard_list_total{list="good",result="listed"}') >= 1


def test_names(listed):
    assert talk(listed, "198.51.100.2", helo="mail.helo.example").startswith("450 4.7.1 Not with")
    assert talk(listed, "198.51.100.2", sender="x@mail.bad.example").startswith("250")
    message = wait_for(lambda: listed.messages(mailbox="Junk"), what="Junk")[-1].decode()
    assert re.search(r"X-Veredus-Score: \S+; 5.75: list.dbl 5.00 \(mail.bad.example: 127.0.1.2\),"
                     r"\r\n\tspf=none 0.50", message)
    # Of two transactions each has its own sender.
    with Client(listed, "198.51.100.2") as c:
        c.hello()
        c.say("MAIL FROM:<x@bad.example>")
        c.say("RSET")
        c.envelope()
        assert c.message(letter()).startswith("250")
    assert b"list.dbl" not in listed.messages()[-1]


def test_links(listed):
    junk = len(listed.messages(mailbox="Junk"))
    assert talk(listed, "198.51.100.3", html=True,
                body='<a href="https&#58;//www.shop.example/">x</a>').startswith("250")
    wait_for(lambda: len(listed.messages(mailbox="Junk")) == junk + 1, what="Junk")
    assert talk(listed, "198.51.100.3", body="http://192.0.2.77/x").startswith("250")
    wait_for(lambda: len(listed.messages(mailbox="Junk")) == junk + 2, what="Junk")
    # Two of them are too much: 5 + 5 + ...
    refused = talk(listed, "198.51.100.3", body="http://shop.example/ http://bad.example/")
    assert refused.startswith("550 5.7.1 This message looks")
    refused = talk(listed, "192.0.2.8", body="http://shop.example/ http://192.0.2.77/")
    assert refused.startswith("550 5.7.1 This message looks")


def test_the_journey_tells_the_score(listed):
    text = talk(listed, "192.0.2.8")
    queue_id = re.search(r"250 2\.\d\.0 (?:.* )?([0-9A-Za-z]{16})", text)[1]
    trace = listed.cli("trace", queue_id).stdout
    assert "scored" in trace and "list.bl 1.50 (192.0.2.8: 127.0.0.9)" in trace
    assert "iprev=permerror" in trace


def test_fields_in_our_name_go(listed):
    name = re.search(r"hostname = \"?([^\s\"]+)", (listed.dir / "veredus.conf").read_text())[1]
    with Client(listed, "198.51.100.4") as c:
        c.hello().envelope()
        c.message(f"X-Veredus-Score: {name}; -50\r\nX-Veredus-Tag: other.test; kept\r\n"
                  f"x-veredus-tag: {name}; white\r\nSubject: forged\r\n\r\nx\r\n")
    message, = [m for m in listed.messages() if b"Subject: forged" in m]
    assert b"-50" not in message and b"white" not in message and b"other.test; kept" in message


def test_users_are_not_asked_about(listed):
    with listed.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"], letter("http://bad.example"))
    wait_for(lambda: any(b"http://bad.example" in m for m in listed.messages()), what="the mail")


def test_policy_test(listed):
    stages = json.loads(listed.cli("policy", "test", "--json", "--client", "192.0.2.7", "--helo",
                                   "mail.helo.example", "--from", "x@y.test", "--to",
                                   "alice@example.test").stdout)
    assert [s["rule"] for s in stages] == [None, "bad name"]
    stages = json.loads(listed.cli("policy", "test", "--json", "--client", "192.0.2.7", "--from",
                                   "x@bad.example", "--to", "bob@example.test").stdout)
    assert stages[-1]["rule"] == "bad ones"
    assert stages[-1]["why"] == "listed bl 127.0.0.4"


def test_explain(listed):
    path = listed.dir / "letter.eml"
    path.write_text("From: a@b.test\r\nSubject: x\r\n\r\nhttp://www.shop.example/\r\n")
    found = json.loads(listed.cli("explain", "--json", "--ip", "192.0.2.8", "--from", "x@y.test",
                                  path).stdout)
    score, = [v for v in found if v["method"] == "score"]
    assert {(x["name"], x["weight"]) for x in score["lines"]} >= \
        {("list.bl", 1.5), ("list.dbl", 5.0)}
    assert any(v["method"] == "iprev" and v["result"] == "permerror" for v in found)
    text = listed.cli("explain", "--ip", "192.0.2.8", "--from", "x@y.test", path).stdout
    assert re.search(r"^score   7\.25$", text, re.M)
    assert "5.00  list.dbl  www.shop.example: 127.0.1.4" in text


def test_lists_of_the_good_are_told(listed):
    """RFC 8904, and what rules and weights may ask for."""
    path = listed.dir / "good.eml"
    path.write_text("From: a@b.test\r\nSubject: x\r\n\r\nhello\r\n")
    text = listed.cli("explain", "--ip", "192.0.2.9", "--from", "x@y.test", path).stdout
    assert re.search(r"^dnswl   pass\n +dns.zone=good.test policy.ip=127.0.10.1", text, re.M), text
    assert "dnswl" not in listed.cli("explain", "--ip", "198.51.100.1", path).stdout
    text = listed.cli("policy", "test", "--client", "192.0.2.9", "--from", "x@y.test", path).stdout
    assert re.search(r"-0.25  dnswl=pass  good.test", text), text


def test_lists_check(listed, make_server, zone):
    done = listed.cli("guard", "lists", "check")
    assert re.search(r"^bl +works +bl.test\n +127.0.0.2 +listed \(127.0.0.2\)\n"
                     r" +127.0.0.1 +not listed\n", done.stdout, re.M)
    assert "it knows no IPv6" in done.stdout          # good.test
    server = make_server(start=False, config=f'''
        dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
        dns-list refuses {{ zone = "refuses.test" }}
        dns-list everybody {{ zone = "everybody.test" }}
        dns-list gone {{ zone = "gone.bl.test" }}''')
    done = server.cli("guard", "lists", "check", "--json", check=False)
    assert done.stdout, done.stderr
    assert done.returncode != 0
    lists = {x["list"]: x for x in json.loads(done.stdout)}
    assert not any(x["ok"] for x in lists.values())
    assert "refused by the list: 127.255.255.254" in json.dumps(lists["refuses"])
    assert not lists["everybody"]["entries"][1]["ok"]
    said = listed.cli("guard", "lists", "ask", "192.0.2.7").stdout
    assert re.search(r"^bl +listed \(127.0.0.4\), weight 4.00: Ask https://bl.test/why", said, re.M)
    said = listed.cli("guard", "lists", "ask", "www.shop.example").stdout
    assert re.search(r"^dbl +listed \(127.0.1.4\), weight 5.00$", said, re.M)


def test_a_list_that_fails_lets_all_pass(make_server, zone):
    """One that refuses is believed by nobody, and left alone; the operator is told once."""
    server = guard_server(make_server, '''
        dns-list refuses { zone = "refuses.test" weight = "50" timeout = 30s }
        dns-list everybody { zone = "everybody.test" answers = { "127.0.0.4" } timeout = 30s }
        score { reject = "5" }
        rule "bad" { listed = { "*" } stage = rcpt verdict = reject }''', dns=zone)
    for i in range(3):
        assert talk(server, f"192.0.2.{i + 1}").startswith("250")
    log = server.log_text()
    assert log.count("guard.list.failed") == 1
    assert "list=refuses" in log and "127.255.255.254" in log
    assert metric(server, 'guard_list_total{list="refuses",result="failed"}') == 1
    assert metric(server, 'guard_list_total{list="everybody",result="clear"}') == 3


def test_silence_costs_its_time_and_not_for_ever(make_server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = guard_server(make_server, f'''
            dns {{ forwarder = "127.0.0.1@{silent.getsockname()[1]}" }}
            trust {{ verify = no }}
            dns-list silent {{ zone = "silent.test" timeout = 300ms }}
            rule "bad" {{ listed = {{ "silent" }} stage = mail verdict = reject }}''')
        for i in range(5):
            assert talk(server, f"192.0.2.{i + 1}").startswith("250")
        assert "guard.list.failed list=silent" in server.log_text()
        assert talk(server, "192.0.2.9").startswith("250")
        assert metric(server, 'guard_list_total{list="silent",result="failed"}') == 5


@pytest.mark.parametrize("text, why", [
    ('dns-list "a b" { zone = "x.test" }', "must be one word"),
    ("dns-list a { weight = 1 }", "there is no zone"),
    ('dns-list a { zone = "x..test" }', "is no domain"),
    ('dns-list a { zone = "x.test" ask = { clients } }', "'clients' is not known"),
    ('dns-list a { zone = "x.test" answers = { "127.0.0" } }', "answers: '127.0.0' is none"),
    ('dns-list a { zone = "x.test" weight = heavy }', "weight: 'heavy' is none"),
    ('rule a { listed = { nowhere } verdict = reject }', "no section dns-list that 'nowhere'"),
    ('rule a { score = "-1" verdict = reject }', "score: '-1' is none"),
    ('score { junk = much }', "junk: 'much' is no score"),
    ('score { weights = { "spf=fail" } }', "weights: 'spf=fail' is none"),
    ('dns-list a { zone = "x.test" ask = { links } }\n'
     'rule b { listed = { a } stage = rcpt verdict = reject }', "only known at stage message"),
])
def test_mistakes_are_told(make_server, text, why):
    server = make_server(start=False, config=text)
    done = server.cli("check", check=False)
    assert done.returncode != 0 and why in done.stdout + done.stderr
