"""Chains of seals (ARC) between us, dkimpy and Mail::DKIM, both ways."""
import email
import pathlib
import re
import subprocess
import tempfile

import dkim
import pytest

from conftest import _factory, wait_for
from dns_zone import DnsZone
from remote import Remote
from test_sieve import put_script
from test_trust import KEYS, MESSAGE, sign, txt

ZONES = {"signed.test": txt("rsa._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}"),
         "lists.test": txt("arc._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}"),
         "other.test": txt("arc._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}"),
         "policy.test": '_dmarc TXT "v=DMARC1; p=reject"\n@ TXT "v=spf1 -all"',
         "example.test": ""}


class Forwarder:
    def __init__(self, make, remote, zone):
        self.remote, self.zone = remote, zone
        self.server = make(start=False, config=f"""
dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
smarthost "*" {{ host = "127.0.0.1" port = {remote.port} tls = none }}
trust {{ trusted-sealers = {{ "Lists.test" }} }}""")
        self.server.cli("alias", "add", "away@example.test", "ann@far.test")
        self.server.cli("alias", "add", "list@example.test", "alice@example.test", "ann@far.test",
                        "eve@far.test")
        put_script(self.server, "bob", 'redirect "ann@far.test";')
        self.server.cli("dkim", "create", "example.test", "--now")
        text = re.sub(r"\n\s+", " ", self.server.cli("dkim", "show", "example.test").stdout)
        zone.set("example.test", "\n".join(x for x in text.splitlines() if x[0] != ";"))
        self.server.start()

    def forward(self, data, to="away@example.test"):
        """What comes out."""
        before = len(self.remote.taken)
        with self.server.smtp() as smtp:
            smtp.sendmail("ann@signed.test", [to], data)
        return wait_for(lambda: self.remote.taken[before:], what="the message")[0].data

    def dns(self, name, timeout=5):
        name = name.decode().strip(".")
        for key in self.server.cli("dkim", "list", "--json").stdout.split("},"):
            if f'"{name}"' in key:
                return re.search(r'"record":"([^"]*)"', key)[1].replace("\\/", "/")
        return f"v=DKIM1; p={KEYS.rsa_p}"

    def port(self):
        return self.zone.forwarder.split("@")[1]


@pytest.fixture(scope="module")
def forwarder():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote() as remote, DnsZone(ZONES) as zone:
        yield Forwarder(make, remote, zone)
        dispose()


def seal(message, found="dkim=pass header.d=signed.test", domain="lists.test"):
    """As a list would: what it found, and a set of fields."""
    message = f"Authentication-Results: mx.{domain}; {found}\r\n".encode() + message
    return b"".join(dkim.arc_sign(message, b"arc", domain.encode(), KEYS.rsa, b"mx." + domain.encode(),
                                  include_headers=[b"from", b"to", b"subject", b"date"])) + message


def arc_result(data):
    field = email.message_from_bytes(data)["Authentication-Results"]
    return re.search(r"\barc=(\w+)", field)[1]


def mail_dkim(data, port):
    """What Mail::DKIM says of the chain."""
    script = """
        use Mail::DKIM::ARC::Verifier; use Mail::DKIM::DNS; use Net::DNS::Resolver;
        Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(
            nameservers => ["127.0.0.1"], port => $ARGV[0], recurse => 0));
        my $v = Mail::DKIM::ARC::Verifier->new();
        local $/ = undef; binmode STDIN; my $m = <STDIN>;
        $v->PRINT($m); $v->CLOSE; print $v->result, " ", $v->result_detail;
    """
    out = subprocess.run(["perl", "-e", script, port], input=data, capture_output=True, timeout=60)
    return out.stdout.decode() + out.stderr.decode()


def test_first_seal(forwarder):
    data = forwarder.forward(sign())
    m = email.message_from_bytes(data)
    assert len(m.get_all("ARC-Seal")) == 1 and "cv=none" in m["ARC-Seal"]
    assert "dkim=pass" in m["ARC-Authentication-Results"]
    assert m["Delivered-To"] == "away@example.test"
    assert dkim.arc_verify(data, dnsfunc=forwarder.dns)[0] == b"pass"
    assert mail_dkim(data, forwarder.port()).startswith("pass")
    changed = data.replace(b"Hello, Alice", b"Hello, Malice")
    assert dkim.arc_verify(changed, dnsfunc=forwarder.dns)[0] == b"fail"
    message_id = m["Message-ID"]
    assert "sealed by example.test" in forwarder.server.cli("trace", message_id).stdout


def test_what_a_script_sends_on(forwarder):
    data = forwarder.forward(sign(), to="bob@example.test")
    m = email.message_from_bytes(data)
    assert len(m.get_all("ARC-Seal")) == 1 and m["Delivered-To"] == "bob@example.test"
    assert dkim.arc_verify(data, dnsfunc=forwarder.dns)[0] == b"pass"


def test_chain_of_others(forwarder):
    data = forwarder.forward(seal(sign()))
    assert arc_result(data) == "pass"
    m = email.message_from_bytes(data)
    assert [re.search(r"cv=(\w+)", s)[1] for s in m.get_all("ARC-Seal")] == ["pass", "none"]
    assert dkim.arc_verify(data, dnsfunc=forwarder.dns)[0] == b"pass"
    assert mail_dkim(data, forwarder.port()).startswith("pass")
    again = forwarder.forward(data.replace(b"Delivered-To", b"X-Delivered-To"))
    assert arc_result(again) == "pass" and again.count(b"ARC-Seal:") == 3
    assert mail_dkim(again, forwarder.port()).startswith("pass")


def test_broken_chain(forwarder):
    data = forwarder.forward(seal(sign()).replace(b"Hello, Alice", b"Hello, Malice"))
    assert arc_result(data) == "fail"
    newest = email.message_from_bytes(data).get_all("ARC-Seal")[0]
    assert "i=2" in newest and "cv=fail" in newest
    data = forwarder.forward(data.replace(b"Delivered-To", b"X-Delivered-To"))
    assert data.count(b"ARC-Seal:") == 2


def test_what_dmarc_makes_of_it(forwarder):
    """Who is trusted may say that a message was in order before it was changed; nobody else may, and
    not if the chain is broken or has others in it."""
    server = forwarder.server
    letter = MESSAGE.replace(b"ann@signed.test", b"ann@policy.test")
    good = "dmarc=pass header.from=policy.test"

    def send(message):
        with server.smtp() as smtp:
            smtp.ehlo()
            smtp.mail("x@lists.test")
            smtp.rcpt("alice@example.test")
            return smtp.data(message)[0]

    before = len(server.messages())
    trusted = seal(letter, good)
    assert send(trusted) == 250
    got = email.message_from_bytes(server.wait_messages(before + 1)[-1])
    field = " ".join(got["Authentication-Results"].split())
    assert 'dmarc=fail reason="a trusted host found it in order before"' in field
    assert "arc=pass header.d=lists.test smtp.remote-ip=127.0.0.1 header.oldest-pass=0" in field
    assert send(seal(trusted, "arc=pass; dmarc=fail header.from=policy.test")) == 250
    for refused in (letter, seal(letter, "dmarc=fail header.from=policy.test"),
                    seal(letter, "dkim=pass header.d=policy.test"), seal(letter, good, "other.test"),
                    seal(seal(letter, good, "other.test"), "arc=pass; " + good),
                    seal(trusted, "arc=pass; " + good, "other.test"),
                    trusted.replace(b"Hello, Alice", b"Hello, Malice"),
                    trusted.replace(b"dmarc=pass", b"dmarc=pass header.d=policy.test"),
                    trusted.replace(b"cv=none", b"cv=pass")):
        assert send(refused) == 550
    assert len(server.messages()) == before + 2


def test_list_has_a_copy_here(forwarder):
    before = len(forwarder.server.messages())
    data = forwarder.forward(sign(), "list@example.test")
    here = forwarder.server.wait_messages(before + 1)[-1]
    for copy in (data, here):
        assert dkim.arc_verify(copy, dnsfunc=forwarder.dns)[0] == b"pass"


def test_hostile_chains(forwarder):
    """Costs what its bytes cost, and fails."""
    one = (b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=lists.test; s=arc; b=YWJj\r\n"
           b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=lists.test; s=arc; h=from; bh=YWJj; b=YWJj\r\n"
           b"ARC-Authentication-Results: i=%d; x; none\r\n")
    for chain in (b"".join(one % (i, i, i) for i in range(1, 51)), (one % (1, 1, 1)) * 300,
                  one % (99, 99, 99), one % (2, 2, 2), b"ARC-Seal:\r\n", b"ARC-Seal: ;;=\r\n"):
        before = len(forwarder.server.messages())
        with forwarder.server.smtp() as smtp:
            smtp.sendmail("ann@signed.test", ["alice@example.test"], chain + MESSAGE)
        got = forwarder.server.wait_messages(before + 1)[-1]
        assert b"arc=pass" not in got


def test_explain(forwarder, tmp_path):
    (tmp_path / "m").write_bytes(seal(sign()))
    text = forwarder.server.cli("explain", tmp_path / "m").stdout
    assert re.search(r"seal +1 by lists\.test: pass, trusted", text), text
    assert re.search(r"^arc +pass", text, re.M)
