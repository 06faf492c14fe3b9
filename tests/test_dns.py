"""Lookups against a real signed zone. The program dns_probe asks; see src/dns/dns_probe.c."""
import os
import pathlib
import socket
import subprocess

import pytest

from dns_zone import DnsZone

ROOT = pathlib.Path(__file__).resolve().parent.parent
VEREDUS = pathlib.Path(os.environ.get("VEREDUS", ROOT / "build" / "veredus")).resolve()
PROBE = VEREDUS.parent / "src" / "dns" / "dns_probe"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LONG = "x" * 255

EXAMPLE = f"""
@ MX 20 backup
@ MX 10 Mail
@ MX 10 mail2.other.test.
@ TXT "v=spf1 " "-all"
mail A 192.0.2.1
mail A 192.0.2.2
mail AAAA 2001:db8::1
backup A 192.0.2.3
six AAAA 2001:db8::6
alias CNAME mail
null MX 0 .
far CNAME there.other.test.
dangling CNAME nowhere
long TXT "{LONG}" "{LONG}" "y"
_25._tcp.mail TLSA 3 1 1 {DIGEST}
strange MX 10 we\\.ird\\032host
*.wild A 192.0.2.99
"""

ZONES = {
    "example.test": EXAMPLE,
    "other.test": "mail2 A 192.0.2.4\nthere A 192.0.2.5\n@ MX 10 mail2",
    "forged.test": "mail A 192.0.2.6\n@ MX 10 mail",
    "2.0.192.in-addr.arpa": "1 PTR mail.example.test.\n1 PTR Second.example.test.",
    "8.b.d.0.1.0.0.2.ip6.arpa": "1" + ".0" * 23 + " PTR mail.example.test.",
}


@pytest.fixture(scope="module")
def dns():
    signed = [name for name in ZONES if name != "other.test"]
    with DnsZone(ZONES, signed=signed, bogus=["forged.test"]) as server:
        yield server


def probe(*questions, forwarder, anchor="", timeout_ms=20000, deadline_ms=60000, status=0):
    """One list of words a question."""
    done = subprocess.run([PROBE, forwarder, str(anchor), str(timeout_ms), str(deadline_ms)]
                          + [word for q in questions for word in q.split()],
                          capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.returncode == status
    return [line.split(" ") for line in done.stdout.splitlines()]


def ask(dns, *questions, anchor=None):
    """What follows the question in each answer."""
    lines = probe(*questions, forwarder=dns.forwarder,
                  anchor=dns.anchor if anchor is None else anchor)
    assert len(lines) == len(questions)
    return [line[2:] for line in lines]


def test_answers_are_secure(dns):
    mx, addresses, txt, tlsa = ask(dns, "mx example.test", "a mail.example.test",
                                   "txt example.test", "tlsa _25._tcp.mail.example.test")
    assert mx[:4] == ["0", "secure", "ttl=300", "name=example.test"]
    assert mx[4:] in (["10:mail.example.test", "10:mail2.other.test", "20:backup.example.test"],
                      ["10:mail2.other.test", "10:mail.example.test", "20:backup.example.test"])
    assert addresses[:2] == ["0", "secure"]
    assert addresses[4] == "2001:db8::1"
    assert sorted(addresses[5:]) == ["192.0.2.1", "192.0.2.2"]
    assert txt[4:] == ['"v=spf1', '-all"']
    assert tlsa[4:] == [f"3:1:1:{DIGEST}"]


def test_one_family_is_enough(dns):
    four, six = ask(dns, "a backup.example.test", "a six.example.test")
    assert four[:2] + four[4:] == ["0", "secure", "192.0.2.3"]
    assert six[:2] + six[4:] == ["0", "secure", "2001:db8::6"]


def test_no_such_name_and_no_such_data(dns):
    gone, gone_mx, empty, wild = ask(dns, "a gone.example.test", "mx gone.example.test",
                                     "mx mail.example.test", "a any.wild.example.test")
    assert gone[:2] == ["ENOENT", "secure"]
    assert gone_mx[:2] == ["ENOENT", "secure"]
    assert empty[:2] == ["ENODATA", "secure"]
    assert wild[:2] + wild[4:] == ["0", "secure", "192.0.2.99"]


def test_aliases(dns):
    near, far, dangling = ask(dns, "a alias.example.test", "a far.example.test",
                              "a dangling.example.test")
    assert near[:2] == ["0", "secure"]
    assert near[3] == "name=mail.example.test"
    # The alias is signed, but what it leads to is not.
    assert far[:2] + far[3:] == ["0", "insecure", "name=there.other.test", "192.0.2.5"]
    assert dangling[:2] == ["ENOENT", "secure"]


def test_null_mx_and_odd_names(dns):
    null, strange, long = ask(dns, "mx null.example.test", "mx strange.example.test",
                              "txt long.example.test")
    assert null[4:] == ["0:"]
    assert strange[4:] == ["10:we\\046ird\\032host.example.test"]
    assert long[4:] == [f'"{LONG}{LONG}y"']


def test_names_are_normalised(dns):
    dot, upper = ask(dns, "a backup.example.test.", "mx EXAMPLE.Test")
    assert dot[:4] == ["0", "secure", "ttl=300", "name=backup.example.test"]
    assert upper[3] == "name=example.test"


def test_invalid_names(dns):
    names = ["a..test", ".test", "x" * 64 + ".test", "a\\046b.test", "näh.test",
             ".".join(["x" * 50] * 6)]
    for answer in ask(dns, *["a " + name for name in names]):
        assert answer == ["EINVAL"]
    assert ask(dns, "ptr unix:/x") == [["EINVAL"]]


def test_reverse(dns):
    four, six, mapped, none = ask(dns, "ptr 192.0.2.1", "ptr 2001:db8::1", "ptr ::ffff:192.0.2.1",
                                  "ptr 192.0.2.77")
    assert sorted(four[4:]) == ["mail.example.test", "second.example.test"]
    assert four[:2] == ["0", "secure"]
    assert six[:2] + six[4:] == ["0", "secure", "mail.example.test"]
    assert mapped == four or sorted(mapped[4:]) == sorted(four[4:])
    assert none[0] == "ENOENT"


def test_unsigned_zone_is_insecure(dns):
    here, gone = ask(dns, "mx other.test", "a gone.other.test")
    assert here[:2] + here[4:] == ["0", "insecure", "10:mail2.other.test"]
    assert gone[:2] == ["ENOENT", "insecure"]


def test_forged_answers_are_no_answers(dns):
    for answer in ask(dns, "mx forged.test", "a mail.forged.test", "a gone.forged.test",
                      "tlsa _25._tcp.mail.forged.test"):
        assert answer == ["EBADMSG"]


def test_without_anchor_nothing_is_secure(dns):
    mx, forged = ask(dns, "mx example.test", "a mail.forged.test", anchor="")
    assert mx[:2] == ["0", "insecure"]
    assert forged[:2] + forged[4:] == ["0", "insecure", "192.0.2.6"]


def test_refused_is_temporary(dns):
    assert ask(dns, "a elsewhere.invalid.example") == [["EAGAIN"]]


def test_silent_server(dns):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        forwarder = f"127.0.0.1@{silent.getsockname()[1]}"
        # Each limit ends it, long before the other one would.
        lines = probe("mx example.test", "a example.test", forwarder=forwarder, timeout_ms=300,
                      deadline_ms=3_600_000)
        assert [line[2] for line in lines] == ["EAGAIN", "EAGAIN"]
        lines = probe("a example.test", forwarder=forwarder, timeout_ms=3_600_000, deadline_ms=300)
        assert [line[2] for line in lines] == ["ETIMEDOUT"]


def test_many_at_once(dns):
    questions = [f"a n{i}.wild.example.test" for i in range(500)]
    for answer in ask(dns, *questions):
        assert answer[:2] + answer[4:] == ["0", "secure", "192.0.2.99"]


def test_changed_zone(dns):
    assert ask(dns, "a fresh.other.test")[0][0] == "ENOENT"
    dns.set("other.test", ZONES["other.test"] + "\nfresh A 192.0.2.8")
    assert ask(dns, "a fresh.other.test")[0][4:] == ["192.0.2.8"]


def test_bad_configuration(tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("this is no anchor\n")
    assert probe(forwarder="nowhere", status=1) == [["open", "EINVAL"]]
    assert probe(forwarder="127.0.0.1@53", anchor=tmp_path / "none", status=1) == [["open", "ENOENT"]]
    assert probe(forwarder="127.0.0.1@53", anchor=bad, status=1) == [["open", "EINVAL"]]
