"""Greylisting (RFC 6647), and refusals that are found by the code in their reply."""
import json
import re

import pytest

from dns_zone import DnsZone
from test_guard import Client, guard_server, metric

class Coded(Client):
    with_codes = True


RULES = """
rule "friends" { client = { "192.0.2.128/25" } verdict = allow }
rule "unknown" { client = { "192.0.2.0/24", "2001:db8::/32" } verdict = greylist }
greylist { delay = 1h window = 2h known-after = 2 }
"""


@pytest.fixture(scope="module")
def zone():
    with DnsZone({"proven.test": '@ TXT "v=spf1 ip4:192.0.2.9 -all"', "remote.test": "",
                  "client.test": ""}, signed=()) as dns:
        yield dns


def attempt(server, ip, sender="someone@remote.test", recipient="alice@example.test"):
    """The answer to RCPT, or to the message."""
    with Coded(server, ip) as c:
        line = c.hello().envelope(sender, recipient)[-1]
        return c.message() if line.startswith("250") else line


def entries(server, *text):
    return json.loads(server.cli("greylist", "list", "--json", *text).stdout)


def test_who_comes_again_is_known(make_server, zone):
    server = guard_server(make_server, RULES, dns=zone)
    assert re.match(r"451 4\.7\.1 Greylisted, as we do not know you yet: try again in 60 minutes "
                    r"\(ref [2-9A-Z]{8}\)", attempt(server, "192.0.2.1"))
    assert attempt(server, "192.0.2.1").startswith("451")
    assert attempt(server, "192.0.2.200").startswith("250")       # a friend
    assert attempt(server, "198.51.100.1").startswith("250")      # no rule is about it
    assert attempt(server, "192.0.2.9", "x@proven.test").startswith("250")
    assert attempt(server, "192.0.2.1", "x@proven.test").startswith("451")
    first, = entries(server, "someone@remote.test")
    assert (first["state"], first["network"], first["to"]) == \
        ("waits", "192.0.2.0/24", "alice@example.test")
    server.configure("greylist { delay = 1ms }")    # which is over
    server.cli("reload")
    assert attempt(server, "192.0.2.77").startswith("250")        # another host of the network
    assert metric(server, "greylist_delayed_total") == 3
    assert metric(server, "greylist_passed_total") == 1
    # What is known survives; after the second one of them the network is known with all.
    server.stop()
    server.start()
    assert attempt(server, "192.0.2.1").startswith("250")
    assert attempt(server, "192.0.2.1", "x@proven.test").startswith("250")
    assert attempt(server, "192.0.2.3", "new@remote.test", "bob@example.test").startswith("250")
    assert {e["state"] for e in entries(server)} == {"known", "network"}


def test_people_let_in_who_waits(make_server, zone):
    server = guard_server(make_server, RULES, dns=zone)
    assert "60 minutes" in attempt(server, "2001:db8::1")
    assert server.cli("greylist", "release", "192.0.2.1", check=False).returncode != 0
    assert "1 may come in" in server.cli("greylist", "release", "remote.test").stdout
    assert [e["state"] for e in entries(server)] == ["ready"]
    assert attempt(server, "2001:db8::1").startswith("250")
    assert attempt(server, "2001:db8:0:1::1").startswith("451")
    # Nothing is noted by a question.
    stages = json.loads(server.cli("policy", "test", "--json", "--client", "192.0.2.1", "--from",
                                   "a@remote.test", "--to", "alice@example.test").stdout)
    assert stages[-1]["verdict"] == "defer" and stages[-1]["rule"] == "unknown"
    assert entries(server, "192.0.2.1") == []
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"], "Subject: x\r\n\r\nx\r\n")


def test_after_the_message(make_server, zone):
    """A rule about what checks found waits for the message."""
    server = guard_server(make_server, """
        rule "unproven" { found = { "!dkim=pass*", "!spf=pass*" } verdict = greylist }
        greylist { delay = 1h }""", dns=zone)
    assert attempt(server, "192.0.2.1").startswith("451 4.7.1 Greylisted")
    assert attempt(server, "192.0.2.9", "x@proven.test").startswith("250")
    entry, = entries(server)
    assert entry["from"] == "someone@remote.test" and entry["to"] == ""


def test_refusals_are_found_by_their_code(make_server, zone):
    server = guard_server(make_server, """
        rule "bad name" { helo = { "bad.test" } verdict = reject reply = "550 5.7.1 Not you" }
        score { reject = "1" weights = { "dkim=none*: 3" } }""", dns=zone)
    with Coded(server, "192.0.2.1") as c:
        c.line()
        code = re.fullmatch(r"550 5\.7\.1 Not you \(ref ([2-9A-Z]{8})\)\r?\n?",
                            c.say("EHLO bad.test"))[1]
    assert f"code={code}" in server.log_text()

    def check():
        found, = json.loads(server.cli("trace", "--json", code.lower()).stdout)
        assert found["by"] == 'rule "bad name"' and found["stage"] == "helo"
        assert (found["client"], found["helo"], found["reply"]) == \
            ("192.0.2.1", "bad.test", "550 5.7.1 Not you")
    check()
    other = re.search(r"\(ref (\w{8})\)", attempt(server, "192.0.2.2"))[1]
    text = server.cli("trace", other).stdout
    assert "refused at stage message by score" in text and "someone@remote.test" in text
    server.stop()
    check()
    for text in text, server.cli("trace", other).stdout:
        assert re.search(r"^  to +alice@example.test$", text, re.M)
        assert re.search(r"^  checked  dkim=none, spf=", text, re.M), text
        assert re.search(r"^  scored   3.00: dkim=none 3.00$", text, re.M), text
    assert server.cli("trace", "22222222", check=False).returncode != 0
