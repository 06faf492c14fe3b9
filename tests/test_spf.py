"""SPF against a real DNS: the examples of RFC 7208, and what records in the world do to who reads
them."""
import concurrent.futures
import email
import json
import pathlib
import re
import tempfile
import time

import pytest

from conftest import _factory
from dns_zone import DnsZone
from test_trust import Silence

LETTER = (b"From: Ann <ann@example.com>\r\nTo: alice@example.test\r\nSubject: Hello\r\n"
          b"Message-ID: <1@example.com>\r\n\r\nHello.\r\n")

# RFC 7208 appendix A.
EXAMPLE_COM = """MX 10 mail-a
MX 20 mail-b
A 192.0.2.10
A 192.0.2.11
amy A 192.0.2.65
bob A 192.0.2.66
mail-a A 192.0.2.129
mail-b A 192.0.2.130
www CNAME example.com."""
REVERSE = """10 PTR example.com.
11 PTR example.com.
65 PTR amy.example.com.
66 PTR bob.example.com.
129 PTR mail-a.example.com.
130 PTR mail-b.example.com.
140 PTR mail-c.example.org.
3 PTR mx.example.org."""

# (record, {address: result}): each record at a name of its own below example.com.
CASES = [
    # Appendix A.1
    ("+all", {"192.0.2.3": "pass"}),
    ("a:example.com -all", {"192.0.2.10": "pass", "192.0.2.11": "pass", "192.0.2.12": "fail"}),
    ("a:example.org -all", {"192.0.2.10": "fail"}),
    ("mx:example.com -all", {"192.0.2.129": "pass", "192.0.2.130": "pass", "192.0.2.10": "fail"}),
    ("mx:example.org -all", {"192.0.2.140": "pass", "192.0.2.129": "fail"}),
    ("mx:example.com mx:example.org -all", {"192.0.2.140": "pass", "192.0.2.130": "pass"}),
    ("mx:example.com/30 mx:example.org/30 -all", {"192.0.2.131": "pass", "192.0.2.143": "pass",
                                                  "192.0.2.132": "fail"}),
    ("ptr:example.com -all", {"192.0.2.10": "pass", "192.0.2.65": "pass", "192.0.2.140": "fail",
                              "10.0.0.4": "fail"}),
    ("ip4:192.0.2.128/28 -all", {"192.0.2.65": "fail", "192.0.2.129": "pass"}),
    # Qualifiers, and nothing that matches
    ("?all", {"192.0.2.3": "neutral"}), ("~all", {"192.0.2.3": "softfail"}),
    ("", {"192.0.2.3": "neutral"}), ("ip4:192.0.2.4", {"192.0.2.3": "neutral"}),
    # IPv6, and IPv4 that looks like it
    ("ip6:2001:db8::/32 -all", {"2001:db8::1": "pass", "2001:db9::1": "fail", "192.0.2.3": "fail"}),
    ("ip4:192.0.2.0/24 -all", {"::ffff:192.0.2.9": "pass"}),
    ("ip6:::ffff:192.0.2.9 -all", {"::ffff:192.0.2.9": "fail"}),
    ("a:dual.world.test -all", {"2001:db8::7": "pass", "192.0.2.7": "pass", "2001:db8::8": "fail"}),
    ("a:dual.world.test/24//64 -all", {"2001:db8::8": "pass", "192.0.2.8": "pass"}),
    ("a:dual.world.test/0 -all", {"10.9.8.7": "pass", "2001:db8::8": "fail"}),
    ("exists:dual.world.test -all", {"2001:db8::99": "pass"}),
    ("exists:six.world.test -all", {"2001:db8::99": "fail"}),
    # Includes: the table of section 5.2
    ("include:pass.world.test -all", {"192.0.2.3": "pass"}),
    ("include:fail.world.test ?all", {"192.0.2.3": "neutral"}),
    ("include:softfail.world.test ?all", {"192.0.2.3": "neutral"}),
    ("include:neutral.world.test ?all", {"192.0.2.3": "neutral"}),
    ("-include:pass.world.test +all", {"192.0.2.3": "fail"}),
    ("include:wrong.world.test ?all", {"192.0.2.3": "permerror"}),
    ("include:dual.world.test ?all", {"192.0.2.3": "permerror"}),
    ("include:gone.world.test ?all", {"192.0.2.3": "permerror"}),
    ("include:twice.world.test ?all", {"192.0.2.3": "permerror"}),
    ("include:bogus.test ?all", {"192.0.2.3": "temperror"}),
    ("include:joined.world.test ?all", {"192.0.2.3": "pass"}),
    # Redirects
    ("redirect=fail.world.test", {"192.0.2.3": "fail"}),
    ("?all redirect=fail.world.test", {"192.0.2.3": "neutral"}),
    ("redirect=gone.world.test", {"192.0.2.3": "permerror"}),
    ("include:to-fail.world.test ?all", {"192.0.2.3": "neutral"}),
    # Limits
    ("include:loop.world.test", {"192.0.2.3": "permerror"}),
    ("redirect=loop2.world.test", {"192.0.2.3": "permerror"}),
    (" ".join(f"a:dual.world.test/3{i % 3}" for i in range(10)) + " -all", {"10.0.0.1": "fail"}),
    (" ".join("a:dual.world.test" for i in range(11)) + " -all", {"10.0.0.1": "permerror"}),
    ("a:v1.world.test a:v2.world.test ?all", {"192.0.2.3": "neutral"}),
    ("a:v1.world.test mx:v2.world.test exists:v3.world.test ?all", {"192.0.2.3": "permerror"}),
    ("mx:ten.world.test ?all", {"192.0.2.7": "pass", "192.0.2.3": "neutral"}),
    ("mx:eleven.world.test ?all", {"192.0.2.7": "permerror"}),
    ("mx:null.world.test ?all", {"192.0.2.7": "neutral"}),
    ("mx:dangling.world.test ?all", {"192.0.2.7": "neutral"}),
    # Syntax counts before any term does
    ("ip4:192.0.2.3 foo", {"192.0.2.3": "permerror"}),
    ("+all a:museum", {"192.0.2.3": "permerror"}),
    # Macros
    ("exists:%{ir}.%{v}.macro.world.test -all", {"192.0.2.3": "pass", "192.0.2.4": "fail"}),
    ("exists:%{l1r-}.%{o2}.macro.world.test -all", {"192.0.2.3": "pass"}),
    ("exists:%{p}.macro.world.test -all", {"192.0.2.3": "pass", "192.0.2.10": "fail",
                                           "10.9.9.9": "fail"}),
    ("exists:" + "%{d}." * 12 + "macro.world.test -all", {"192.0.2.3": "fail"}),
    ("exists:%{l}%_x.macro.world.test ?all", {"192.0.2.3": "neutral"}),
    # DNSSEC
    ("a:bogus.test -all", {"192.0.2.3": "temperror"}),
    ("ip4:192.0.2.3 a:bogus.test -all", {"192.0.2.3": "pass"}),
]
WORLD = """dual A 192.0.2.7
dual AAAA 2001:db8::7
six AAAA 2001:db8::99
pass TXT "v=spf1 +all"
fail TXT "v=spf1 -all"
softfail TXT "v=spf1 ~all"
neutral TXT "v=spf1"
to-fail TXT "v=spf1 redirect=fail.world.test"
wrong TXT "v=spf1 mooo"
twice TXT "v=spf1 +all"
twice TXT "V=SPF1 -all"
joined TXT "v=spf1 +" "all"
joined TXT "v=spf10 -all"
loop TXT "v=spf1 include:loop.world.test -all"
loop2 TXT "v=spf1 redirect=loop2.world.test"
v1 TXT "no address"
v2 TXT "no address"
v3 TXT "no address"
null MX 0 .
dangling MX 1 v1
dangling MX 2 v2
3.2.0.192.in-addr.macro A 127.0.0.2
strong.example.com.macro A 127.0.0.2
mx.example.org.macro A 127.0.0.2
exp TXT "v=spf1 -all exp=text.exp.world.test"
text.exp TXT "%{i} is not one of %{d}s hosts%_(%{l})"
exp2 TXT "v=spf1 -all exp=two.exp.world.test"
two.exp TXT "one"
two.exp TXT "two"
exp3 TXT "v=spf1 -all exp=evil.exp.world.test"
evil.exp TXT "a\\013\\010250 2.0.0 Hello"
exp4 TXT "v=spf1 -all exp=long.exp.world.test"
exp5 TXT "v=spf1 redirect=exp.world.test exp=two.exp.world.test"
exp6 TXT "v=spf1 include:exp.world.test -all"
exp7 TXT "v=spf1 -all exp=gone.exp.world.test"
huge TXT "v=spf1 -all"
""" + f'long.exp TXT "{"x" * 200}" "{"y" * 200}"\n' + "".join(
    f"ten MX {i} dual\n" if i == 9 else f"ten MX {i} h{i}\nh{i} A 192.0.2.{100 + i}\n"
    for i in range(10)) + "".join(f"eleven MX {i} h{i % 9}\n" for i in range(11)) + "".join(
    f'huge TXT "{i:03}{"x" * 250}" "{"y" * 250}"\n' for i in range(100))
# Section 7.4, an explanation each: strong-bad@email.example.com.
MACROS = {
    "%{s}": "strong-bad@email.example.com", "%{o}": "email.example.com",
    "%{d}": "email.example.com", "%{d4}": "email.example.com", "%{d3}": "email.example.com",
    "%{d2}": "example.com", "%{d1}": "com", "%{dr}": "com.example.email",
    "%{d2r}": "example.email", "%{l}": "strong-bad", "%{l-}": "strong.bad",
    "%{lr}": "strong-bad", "%{lr-}": "bad.strong", "%{l1r-}": "strong",
    "%{ir}.%{v}._spf.%{d2}": "3.2.0.192.in-addr._spf.example.com",
    "%{lr-}.lp._spf.%{d2}": "bad.strong.lp._spf.example.com",
    "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}": "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
    "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}": "3.2.0.192.in-addr.strong.lp._spf.example.com",
    "%{d2}.trusted-domains.example.net": "example.com.trusted-domains.example.net",
    "%{S} %{L-} %{h} %{c} %{r} %{p} %%%_%-": "strong-bad%40email.example.com strong.bad "
    "mx.example.org 192.0.2.3 mx.example.test mx.example.org % %20",
}
SIX = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"


def quoted(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


def zones():
    example = EXAMPLE_COM.splitlines()
    example += [f"r{i} TXT {quoted(('v=spf1 ' + record).strip())}"
                for i, (record, _) in enumerate(CASES)]
    example += ['email TXT "v=spf1 -all exp=%{h}.macros.test"']
    macros = [f'm{i} TXT "{text}"' for i, text in enumerate(MACROS)]
    macros.append('six TXT "%{ir}.%{v}._spf.%{d2}"')
    macros.append('mx.example.org TXT "' + next(reversed(MACROS)) + '"')
    return {"example.com": "\n".join(example), "example.org": "MX 10 mail-c\nmail-c A 192.0.2.140\n"
            "mx A 192.0.2.3",
            "macros.test": "\n".join(macros), "2.0.192.in-addr.arpa": REVERSE,
            "10.in-addr.arpa": "4.0.0 PTR bob.example.com.", "world.test": WORLD,
            "bogus.test": 'A 192.0.2.3\nTXT "v=spf1 +all"'}


@pytest.fixture(scope="module")
def zone():
    with DnsZone(zones(), signed=("world.test", "bogus.test"), bogus=("bogus.test",)) as dns:
        yield dns


@pytest.fixture(scope="module")
def receiver(zone):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(config=f'dns {{\n forwarder = "{zone.forwarder}"\n trust-anchor = "{zone.anchor}"\n'
                      '}\ntrust {\n received-spf = yes\n}')
    dispose()


def explain(server, sender, ip="192.0.2.3", helo="client.invalid", letter=None):
    """The verdicts of SPF, in order."""
    if letter is None:
        letter = pathlib.Path(server.dir) / "letter.eml"
        if not letter.exists():
            letter.write_bytes(LETTER)
    verdicts = json.loads(server.cli("explain", "--json", "--ip", ip, "--helo", helo, "--from",
                                     sender, letter).stdout)
    return [v for v in verdicts if v["method"] == "spf"]


def test_records(receiver):
    questions = [(i, ip, wanted) for i, (_, answers) in enumerate(CASES)
                 for ip, wanted in answers.items()]
    explain(receiver, "ann@example.com")

    def ask(question):
        i, ip, _ = question
        return explain(receiver, f"strong-bad@r{i}.example.com", ip)[0]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(ask, questions))
    wrong = [(CASES[i][0], ip, v) for (i, ip, wanted), v in zip(questions, found)
             if v["result"] != wanted]
    assert not wrong, wrong
    for v in found:
        assert (v["reason"] != "") == (v["result"] in ("temperror", "permerror")), v


def test_macros(receiver):
    def ask(item):
        macro, i = item
        verdict, = explain(receiver, "strong-bad@email.example.com", helo=f"m{i}")
        return macro, verdict["evidence"].get("explanation")
    items = [(macro, i) for i, macro in enumerate(MACROS) if "%{h}" not in macro]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for macro, text in pool.map(ask, items):
            assert text == MACROS[macro], macro
    verdict = explain(receiver, "strong-bad@email.example.com", helo="mx.example.org")[0]
    assert verdict["evidence"]["explanation"] == list(MACROS.values())[-1]
    verdict = explain(receiver, "x@email.example.com", ip="2001:db8::cb01", helo="six")[0]
    assert verdict["evidence"]["explanation"] == SIX


def test_explanations(receiver):
    def text(name):
        verdict, = explain(receiver, f"ann@{name}.world.test")
        assert verdict["result"] == "fail"
        return verdict["evidence"].get("explanation")
    assert text("exp") == "192.0.2.3 is not one of exp.world.tests hosts (ann)"
    assert text("exp2") is None and text("exp3") is None and text("exp7") is None
    assert text("exp4") == "x" * 200 + "y" * 40
    assert text("exp5") == "192.0.2.3 is not one of exp.world.tests hosts (ann)"
    assert text("exp6") is None


def test_what_was_not_asked_is_told(receiver):
    letter = pathlib.Path(receiver.dir) / "unasked.eml"
    letter.write_bytes(LETTER)
    for known, told in (("--from", "a@pass.world.test"), True), ((), True), \
            (("--from", "a@pass.world.test", "--ip", "192.0.2.3"), False):
        text = receiver.cli("explain", *known, letter).stdout
        assert ("spf     unasked: it takes --ip and --from\n" in text) == told, text


def test_evidence(receiver):
    verdict, = explain(receiver, "ann@exp6.world.test")
    assert verdict["evidence"]["record"] == "v=spf1 include:exp.world.test -all"
    assert verdict["evidence"]["term"] == "-all"
    assert verdict["evidence"]["term of"] == "exp6.world.test"
    assert verdict["evidence"]["terms that asked"] == "1"
    i = [record for record, _ in CASES].index("include:pass.world.test -all")
    verdict, = explain(receiver, f"ann@r{i}.example.com")
    assert verdict["evidence"]["term"] == "include:pass.world.test, which has +all"
    verdict, = explain(receiver, "ann@wrong.world.test")
    assert verdict["reason"] == "an unknown mechanism" and verdict["evidence"]["term"] == "mooo"
    assert explain(receiver, "ann@huge.world.test")[0]["result"] == "fail"


def test_identities(receiver):
    both = explain(receiver, "ann@pass.world.test", helo="fail.world.test")
    assert [(v["result"], v["properties"]) for v in both] == [
        ("pass", {"smtp.mailfrom": "pass.world.test"}), ("fail", {"smtp.helo": "fail.world.test"})]
    verdict, = explain(receiver, "<>", helo="fail.world.test")
    assert verdict["properties"] == {"smtp.helo": "fail.world.test"}
    assert verdict["result"] == "fail"
    assert explain(receiver, "<>", helo="[192.0.2.3]")[0]["result"] == "none"
    assert explain(receiver, "ann@gone.world.test")[0]["result"] == "none"
    assert explain(receiver, "ann@localhost")[0]["result"] == "none"
    assert explain(receiver, "ann@bogus.test")[0]["result"] == "temperror"


def test_received(receiver):
    with receiver.smtp() as smtp:
        smtp.ehlo("fail.world.test")
        smtp.sendmail("\"a;b\"@pass.world.test", ["alice@example.test"], LETTER)
    got = email.message_from_bytes(receiver.wait_messages(1)[-1])
    results = " ".join(got["Authentication-Results"].split())
    assert "spf=pass smtp.mailfrom=pass.world.test" in results
    assert "spf=fail smtp.helo=fail.world.test" in results
    field = " ".join(got["Received-SPF"].split())
    assert field.startswith("pass (mx.example.test: domain of pass.world.test designates")
    assert 'client-ip=127.0.0.1; envelope-from="a;b@pass.world.test"; ' in field
    assert 'identity=mailfrom; receiver="mx.example.test"; mechanism="+all"' in field
    journey = receiver.cli("trace", "<1@example.com>").stdout
    assert re.search(r"checked .*spf=pass \(pass\.world\.test\), spf=fail \(fail", journey), journey


def test_silence_costs_its_time(make_server):
    with Silence() as silence:
        server = make_server(start=False, config=f'dns {{\n forwarder = "{silence.forwarder}"\n}}\n'
                                                 'trust {\n timeout = 500ms\n}')
        began = time.monotonic()
        verdicts = explain(server, "ann@pass.world.test", helo="fail.world.test")
        assert [v["result"] for v in verdicts] == ["temperror", "temperror"]
        assert time.monotonic() - began < 10
