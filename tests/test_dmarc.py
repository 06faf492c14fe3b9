"""DMARC: what a domain wants done with mail in its name, against a real DNS and a real server."""
import email
import json
import pathlib
import re
import smtplib
import subprocess
import tempfile

import pytest

from conftest import _factory, wait_for
from dns_zone import DnsZone
from test_trust import KEYS, sign, txt

RECORDS = {
    "reject.test": "v=DMARC1; p=reject", "strict.test": "v=DMARC1; p=reject; adkim=s; aspf=s",
    "quarantine.test": "v=DMARC1; p=quarantine", "none.test": "v=DMARC1; p=none",
    "trying.test": "v=DMARC1; p=reject; t=y", "old.test": "v=DMARC1; p=reject; pct=0",
    "below.test": "v=DMARC1; p=none; sp=quarantine; np=reject",
    "wrong.test": "v=DMARC1; p=rejct", "reports.test": "v=DMARC1; p=rejct; rua=mailto:a@b.test",
}
SPF_HERE, SPF_NOWHERE = '@ TXT "v=spf1 ip4:127.0.0.1 ip4:192.0.2.1 -all"', '@ TXT "v=spf1 -all"'


def zones():
    key = txt("rsa._domainkey", f"v=DKIM1; p={KEYS.rsa_p}")
    result = {name: f'_dmarc TXT "{record}"\n{SPF_NOWHERE}\n{key}\nsub TXT "v=spf1 -all"\n'
              + txt("rsa._domainkey.sub", f"v=DKIM1; p={KEYS.rsa_p}")
              for name, record in RECORDS.items()}
    result["spf.test"] = f'_dmarc TXT "v=DMARC1; p=reject"\n{SPF_HERE}\n' \
        + SPF_HERE.replace("@", "bounces")
    result["twice.test"] = '_dmarc TXT "v=DMARC1; p=reject"\n_dmarc TXT "v=DMARC1; p=none"'
    result["beside.test"] = '_dmarc TXT "v=DMARC1; p=reject"\n_dmarc TXT "hello"'
    result["missing.test"] = ""
    # The walk: seven labels after the first, suffixes, organizations in organizations.
    result["walk.test"] = "\n".join([
        '_dmarc TXT "v=DMARC1; p=quarantine"', '_dmarc.own TXT "v=DMARC1; p=reject; psd=n"',
        SPF_HERE.replace("@", "mail"), SPF_HERE.replace("@", "mail.own"),
        '_dmarc.suffix TXT "v=DMARC1; p=reject; sp=quarantine; psd=y"',
        SPF_HERE.replace("@", "a.suffix"), SPF_HERE.replace("@", "b.suffix"),
        SPF_HERE.replace("@", "x.a.suffix"),
        '_dmarc.f.e.d.c.b.a TXT "v=DMARC1; p=reject"',
        '_dmarc.l.k.j.i.h.g.f TXT "v=DMARC1; p=reject"'])
    result["walk.test"] += "\n" + "\n".join([
        '_dmarc.quiet TXT "v=DMARC1; psd=n"', '_dmarc.broken TXT "v=DMARC1; p=rejct"',
        SPF_HERE.replace("@", "mail.quiet")])
    # RFC 9989 appendix B. Below a name of eleven labels more, one signs.
    keys = [txt(f"rsa._domainkey{at}", f"v=DKIM1; p={KEYS.rsa_p}") for at in ("", ".signing", ".child")]
    result["example.com"] = "\n".join([
        '_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com"', SPF_HERE,
        SPF_HERE.replace("@", "child"), '_dmarc.signing TXT "v=DMARC1; p=none"', *keys])
    result["example.net"] = SPF_HERE + "\n" + txt("rsa._domainkey.sample", f"v=DKIM1; p={KEYS.rsa_p}")
    result["bank.example"] = "\n".join([
        '_dmarc TXT "v=DMARC1; p=none; psd=y"', '_dmarc.giant TXT "v=DMARC1; p=reject"',
        '_dmarc.mega TXT "v=DMARC1; p=reject"', SPF_HERE.replace("@", "mail.giant"),
        txt("rsa._domainkey.mail.mega", f"v=DKIM1; p={KEYS.rsa_p}")])
    result["bogus.test"] = '_dmarc TXT "v=DMARC1; p=reject"'
    return result


@pytest.fixture(scope="module")
def zone():
    with DnsZone(zones(), signed=("bogus.test",), bogus=("bogus.test",)) as dns:
        yield dns


@pytest.fixture(scope="module")
def receiver(zone):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(config=f'dns {{\n forwarder = "{zone.forwarder}"\n trust-anchor = "{zone.anchor}"\n'
                      '}')
    dispose()


def letter(author, extra=b""):
    return (f"From: Ann <ann@{author}>\r\n".encode() + extra + b"To: alice@example.test\r\n"
            b"Subject: Hello\r\nMessage-ID: <1@letter.test>\r\n\r\nHello.\r\n")


def judged(server, message, sender="x@missing.test", ip="192.0.2.1"):
    path = pathlib.Path(server.dir) / "letter.eml"
    path.write_bytes(message)
    return [v for v in json.loads(server.cli("explain", "--json", "--ip", ip, "--helo",
                                             "c.missing.test", "--from", sender, path).stdout)
            if v["method"] == "dmarc"]


def verdict(server, author, sender="x@missing.test", signer=None, **options):
    message = letter(author)
    if signer:
        message = sign(message, domain=signer.encode(),
                       include_headers=[b"from", b"subject"], **options)
    found, = judged(server, message, sender)
    return found["result"], found["properties"].get("policy.dmarc")


def test_policies(receiver):
    wanted = {
        "reject.test": ("fail", "reject"), "quarantine.test": ("fail", "quarantine"),
        "none.test": ("fail", "none"), "trying.test": ("fail", "quarantine"),
        "old.test": ("fail", "quarantine"), "sub.below.test": ("fail", "quarantine"),
        "nowhere.below.test": ("fail", "reject"), "below.test": ("fail", "none"),
        "wrong.test": ("none", None), "reports.test": ("fail", "none"),
        "twice.test": ("none", None), "beside.test": ("fail", "reject"),
        "missing.test": ("none", None), "bogus.test": ("temperror", None),
        "sub.reject.test": ("fail", "reject"),
    }
    assert {name: verdict(receiver, name) for name in wanted} == wanted


def test_alignment(receiver):
    assert verdict(receiver, "reject.test", signer="reject.test") == ("pass", None)
    assert verdict(receiver, "reject.test", signer="sub.reject.test") == ("pass", None)
    assert verdict(receiver, "sub.reject.test", signer="reject.test") == ("pass", None)
    assert verdict(receiver, "reject.test", signer="none.test")[0] == "fail"
    assert verdict(receiver, "strict.test", signer="strict.test") == ("pass", None)
    assert verdict(receiver, "strict.test", signer="sub.strict.test")[0] == "fail"
    assert verdict(receiver, "spf.test", "x@spf.test") == ("pass", None)
    assert verdict(receiver, "spf.test", "x@bounces.spf.test") == ("pass", None)
    assert verdict(receiver, "spf.test", "<>")[0] == "fail"


def test_walk(receiver):
    assert verdict(receiver, "news.walk.test", "x@mail.walk.test") == ("pass", None)
    assert verdict(receiver, "news.own.walk.test", "x@mail.own.walk.test") == ("pass", None)
    assert verdict(receiver, "news.own.walk.test", "x@mail.walk.test") == ("fail", "reject")
    assert verdict(receiver, "news.walk.test", "x@mail.own.walk.test") == ("fail", "quarantine")
    assert verdict(receiver, "b.suffix.walk.test", "x@a.suffix.walk.test") == ("fail", "quarantine")
    assert verdict(receiver, "x.a.suffix.walk.test", "x@a.suffix.walk.test") == ("pass", None)
    assert verdict(receiver, "suffix.walk.test", "x@a.suffix.walk.test") == ("fail", "reject")
    # A record that asks for nothing is one, all the same.
    assert verdict(receiver, "news.quiet.walk.test") == ("none", None)
    assert verdict(receiver, "broken.walk.test") == ("none", None)
    assert verdict(receiver, "news.walk.test", "x@mail.quiet.walk.test") == ("fail", "quarantine")
    # Of a long name the eight-label parent is never asked, the seven-label one is.
    assert verdict(receiver, "m.l.k.j.i.h.g.f.walk.test") == ("fail", "quarantine")
    assert verdict(receiver, "m.h.g.f.e.d.c.b.a.walk.test")[0] == "fail"
    found, = judged(receiver, letter("m.h.g.f.e.d.c.b.a.walk.test"))
    assert found["evidence"]["record of"] == "walk.test"


def test_examples(receiver):
    """RFC 9989, appendix B.1 (which identifiers are aligned) and B.4 (tree walks)."""
    passes, fails = ("pass", None), ("fail", "none")
    deep = "a.b.c.d.e.f.g.h.i.j.k.example.com"
    for author, sender, signer, wanted in (
            ("example.com", "x@example.com", None, passes),              # B.1.1, examples 1 to 3
            ("child.example.com", "x@example.com", None, passes),
            ("example.com", "x@child.example.com", None, passes),
            ("example.com", "x@example.net", None, fails),
            ("example.com", "x@example.net", "example.com", passes),     # B.1.2, examples 1 to 3
            ("child.example.com", "x@example.net", "example.com", passes),
            ("example.com", "x@example.net", "sample.example.net", fails),
            ("example.com", "x@example.net", "signing.example.com", passes),      # B.4.1
            (deep, "x@example.com", None, passes),                                # B.4.2
            (deep, "x@example.net", "signing.example.com", passes),
            ("giant.bank.example", "x@mail.giant.bank.example", None, passes),    # B.4.3
            ("giant.bank.example", "x@example.net", "mail.mega.bank.example", ("fail", "reject"))):
        assert verdict(receiver, author, sender, signer) == wanted, (author, sender, signer)
    found, = judged(receiver, letter(deep))
    assert found["evidence"]["record of"] == "example.com"
    found, = judged(receiver, letter("giant.bank.example"))
    assert found["evidence"]["record of"] == "giant.bank.example"


def test_authors(receiver):
    message = letter("none.test", b"From: eve@reject.test, ann@none.test\r\n")
    found = judged(receiver, message)
    assert [v["properties"]["header.from"] for v in found] == ["none.test", "reject.test"]
    assert judged(receiver, letter("x").split(b"\r\n", 1)[1])[0]["reason"] == "there is no author"
    many = letter("a1.test", b"From: " + b", ".join(b"x@a%d.test" % i for i in range(9)) + b"\r\n")
    found = judged(receiver, many)
    assert len(found) == 5 and found[-1]["result"] == "permerror"


def send(server, message, sender="x@missing.test"):
    with server.smtp() as smtp:
        smtp.sendmail(sender, ["alice@example.test"], message)


def test_refused(receiver):
    for message in (letter("reject.test"), letter("none.test", b"From: eve@reject.test\r\n")):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(receiver, message)
        assert refused.value.smtp_code == 550
        assert refused.value.smtp_error.startswith(b"5.7.1 Mail from reject.test")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(receiver, letter("spf.test"), "x@reject.test")
    assert b"spf.test" in refused.value.smtp_error
    before = len(receiver.messages())
    send(receiver, sign(letter("reject.test"), domain=b"reject.test",
                        include_headers=[b"from", b"subject"]))
    got = email.message_from_bytes(receiver.wait_messages(before + 1)[-1])
    assert "dmarc=pass header.from=reject.test" in " ".join(got["Authentication-Results"].split())


def questions(server):
    text = subprocess.run(["curl", "-sS", "--unix-socket", server.dir / "control.sock",
                           "http://x/metrics"], capture_output=True, text=True, check=True).stdout
    return {answer: int(count) for answer, count in re.findall(
        r'^veredus_dns_questions_total{answer="(\w+)"} (\d+)$', text, re.M)}


def test_what_is_known_is_not_asked_again(receiver):
    message = sign(letter("below.test"), domain=b"below.test", include_headers=[b"from"])
    send(receiver, message, "x@spf.test")
    before = questions(receiver)
    for _ in range(3):
        send(receiver, message, "x@spf.test")
    after = questions(receiver)
    assert after["resolver"] == before["resolver"]
    assert after["cache"] >= before["cache"] + 9


def test_quarantined(receiver):
    send(receiver, letter("quarantine.test"))
    message, = wait_for(lambda: receiver.messages(mailbox="Junk"), what="the Junk folder")
    assert b"policy.dmarc=quarantine" in message


def test_only_told(make_server, zone):
    server = make_server(config=f'dns {{\n forwarder = "{zone.forwarder}"\n trust-anchor = '
                                f'"{zone.anchor}"\n}}\ntrust {{\n dmarc-policy = report\n}}')
    send(server, letter("reject.test"))
    got = email.message_from_bytes(server.wait_messages(1)[-1])
    assert "dmarc=fail" in got["Authentication-Results"]
