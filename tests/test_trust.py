"""Who has signed a message: DKIM as other programs make it, judged by a real server that asks a
real DNS."""
import base64
import email
import json
import pathlib
import re
import smtplib
import socket
import subprocess
import tempfile

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from conftest import _factory
from dns_zone import DnsZone
from trust_peers import OpenDkim

MESSAGE = (b"From: Ann <ann@signed.test>\r\nTo: alice@example.test\r\nSubject: Hello  there\r\n"
           b"Date: Sun, 1 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@signed.test>\r\n\r\n"
           b"Hello, Alice.  \r\n\r\nAnn\r\n\r\n\r\n")


class Keys:
    """A key of each kind, as PEM and as a DNS record."""

    def __init__(self, bits=2048):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        self.rsa = key.private_bytes(serialization.Encoding.PEM,
                                     serialization.PrivateFormat.TraditionalOpenSSL,
                                     serialization.NoEncryption())
        public = key.public_key()
        self.rsa_p = base64.b64encode(public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
        self.rsa_pkcs1_p = base64.b64encode(public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1)).decode()
        key = ed25519.Ed25519PrivateKey.generate()
        self.ed = base64.b64encode(key.private_bytes(serialization.Encoding.Raw,
                                                     serialization.PrivateFormat.Raw,
                                                     serialization.NoEncryption()))
        self.ed_p = base64.b64encode(key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()


KEYS = Keys()
WEAK = Keys(1024 - 8)


def txt(owner, text):
    """A TXT record in strings of 100 bytes."""
    strings = " ".join(f'"{text[i:i + 100]}"' for i in range(0, len(text), 100))
    return f"{owner} TXT {strings}"


ZONE = "\n".join([
    txt("rsa._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}"),
    txt("bare._domainkey", f"p={KEYS.rsa_pkcs1_p}"),
    txt("ed._domainkey", f"v=DKIM1; k=ed25519; p={KEYS.ed_p}"),
    txt("weak._domainkey", f"v=DKIM1; p={WEAK.rsa_p}"),
    txt("revoked._domainkey", "v=DKIM1; p="),
    txt("exact._domainkey", f"v=DKIM1; t=s; p={KEYS.rsa_p}"),
    txt("testing._domainkey", f"v=DKIM1; t=y; p={KEYS.rsa_p}"),
    txt("sha1._domainkey", f"v=DKIM1; h=sha1; p={KEYS.rsa_p}"),
    txt("other._domainkey", f"v=DKIM1; s=tlsrpt; p={KEYS.rsa_p}"),
    txt("twice._domainkey", f"v=DKIM1; p={KEYS.rsa_p}"),
    txt("twice._domainkey", f"v=DKIM1; k=ed25519; p={KEYS.ed_p}"),
    txt("beside._domainkey", f"v=DKIM1; p={KEYS.rsa_p}"),
    txt("beside._domainkey", "v=spf1 -all"),
    *[txt("huge._domainkey", f"v=DKIM1; n={i:03}{'x' * 500}; p={KEYS.rsa_p}") for i in range(40)],
    "alias._domainkey CNAME rsa._domainkey",
])


class Silence:
    """A name server that takes questions and never answers."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.forwarder = "127.0.0.1@%d" % self.socket.getsockname()[1]
        return self

    def __exit__(self, *exc):
        self.socket.close()


@pytest.fixture(scope="module")
def zone():
    with DnsZone({"signed.test": ZONE, "bogus.test": txt("rsa._domainkey",
                                                         f"p={KEYS.rsa_p}")},
                 bogus=("bogus.test",)) as dns:
        yield dns


@pytest.fixture(scope="module")
def receiver(zone):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(config=f'dns {{\n forwarder = "{zone.forwarder}"\n'
                      f' trust-anchor = "{zone.anchor}"\n}}')
    dispose()


def sign(message=MESSAGE, selector=b"rsa", key=None, domain=b"signed.test", **options):
    options.setdefault("include_headers", [b"from", b"to", b"subject", b"date", b"message-id"])
    return dkim.sign(message, selector, domain, key or KEYS.rsa, **options) + message


def receive(server, message):
    """The message as it lies in the mailbox, sent by a stranger."""
    before = len(server.messages())
    with server.smtp() as smtp:
        smtp.sendmail("ann@signed.test", ["alice@example.test"], message)
    return server.wait_messages(before + 1)[-1]


def results(server, message):
    """The results of DKIM, in order: "pass", "fail" ..."""
    got = email.message_from_bytes(receive(server, message))
    field = got["Authentication-Results"]
    assert field.startswith("mx.example.test;"), field
    return re.findall(r"\bdkim=(\w+)", field)


@pytest.mark.parametrize("canon", [(b"simple", b"simple"), (b"relaxed", b"relaxed"),
                                   (b"simple", b"relaxed"), (b"relaxed", b"simple")])
def test_rsa(receiver, canon):
    assert results(receiver, sign(canonicalize=canon)) == ["pass"]


def test_ed25519_and_two_at_once(receiver):
    one = sign(selector=b"ed", key=KEYS.ed, signature_algorithm=b"ed25519-sha256")
    assert results(receiver, one) == ["pass"]
    both = sign(one)
    assert results(receiver, both) == ["pass", "pass"]
    assert results(receiver, both.replace(b"Hello, Alice", b"Hello, Malice")) == ["fail", "fail"]


@pytest.mark.parametrize("canon", ["simple/simple", "relaxed/relaxed", "simple/relaxed"])
def test_signed_by_opendkim(receiver, canon):
    options = f"Mode s\nDomain signed.test\nSelector rsa\nCanonicalization {canon}\nOversignHeaders From"
    with OpenDkim(options, key=KEYS.rsa) as opendkim, opendkim.client(client="127.0.0.1") as client:
        signature = client.fields(MESSAGE)
    assert b"a=rsa-sha256" in signature
    assert results(receiver, signature + MESSAGE) == ["pass"]


@pytest.mark.parametrize("method", ["simple/simple", "relaxed/relaxed", "relaxed/simple"])
def test_signed_by_mail_dkim(receiver, tmp_path, method):
    (tmp_path / "key").write_bytes(KEYS.rsa)
    (tmp_path / "m").write_bytes(MESSAGE)
    script = '''
        use Mail::DKIM::Signer;
        my $s = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => $ARGV[2],
            Domain => "signed.test", Selector => "rsa", KeyFile => $ARGV[1]);
        open my $f, "<", $ARGV[0] or die; local $/ = undef; my $m = <$f>;
        $s->PRINT($m); $s->CLOSE; print $s->signature->as_string, "\r\n";
    '''
    out = subprocess.run(["perl", "-e", script, tmp_path / "m", tmp_path / "key", method],
                         capture_output=True, timeout=60)
    assert out.returncode == 0, out.stderr
    signature = out.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert results(receiver, signature + MESSAGE) == ["pass"]


@pytest.mark.parametrize("selector, wanted", [
    (b"bare", "pass"), (b"alias", "pass"), (b"beside", "pass"), (b"testing", "pass"),
    (b"exact", "pass"), (b"ed", "permerror"), (b"revoked", "permerror"), (b"sha1", "permerror"),
    (b"other", "permerror"), (b"twice", "permerror"), (b"huge", "permerror"),
    (b"missing", "permerror"),
])
def test_key_records(receiver, selector, wanted):
    assert results(receiver, sign(selector=selector)) == [wanted]


def test_keys_that_do_not_hold(receiver):
    assert results(receiver, sign(selector=b"weak", key=WEAK.rsa)) == ["permerror"]
    assert results(receiver, sign(selector=b"exact", identity=b"ann@sub.signed.test")) == \
        ["permerror"]
    assert results(receiver, sign(identity=b"ann@sub.signed.test")) == ["pass"]
    assert results(receiver, sign(domain=b"bogus.test")) == ["temperror"]
    assert results(receiver, sign(signature_algorithm=b"rsa-sha1")) == ["permerror"]


def test_keys_of_reports_on_tls(receiver):
    """RFC 8460 section 3: such a key is for these reports, and for nothing else."""
    report = MESSAGE.replace(b"\r\n\r\n", b"\r\nTLS-Report-Domain: example.test\r\nContent-Type: "
                             b"multipart/report; report-type=\"tlsrpt\"; boundary=b\r\n\r\n", 1)
    assert results(receiver, sign(report, selector=b"other")) == ["pass"]
    other = report.replace(b"tlsrpt", b"other")
    assert results(receiver, sign(other, selector=b"other")) == ["permerror"]


def test_changed(receiver):
    signed = sign()
    assert results(receiver, signed.replace(b"Subject: Hello", b"Subject: Goodbye")) == ["fail"]
    assert results(receiver, signed + b"more\r\n") == ["fail"]
    assert results(receiver, b"From: eve@evil.test\r\n" + signed) == ["fail"]
    changed = sign(selector=b"testing").replace(b"Ann\r\n", b"Eve\r\n")
    assert results(receiver, changed) == ["neutral"]
    assert results(receiver, sign(length=True)) == ["pass"]
    assert results(receiver, sign(length=True) + b"more\r\n") == ["policy"]
    assert results(receiver, MESSAGE) == ["none"]


def test_journey_tells(receiver):
    with receiver.smtp() as smtp:
        smtp.sendmail("ann@signed.test", ["alice@example.test"],
                      sign(MESSAGE.replace(b"<1@", b"<journey@")))
    journey = receiver.cli("trace", "<journey@signed.test>").stdout
    assert re.search(r"checked +dkim=pass \(signed\.test\)", journey), journey


def test_explain(receiver, tmp_path):
    letter = tmp_path / "letter.eml"
    letter.write_bytes(b"From x Sun Mar  1 10:00:00 2026\n" + sign().replace(b"\r\n", b"\n"))
    verdict = json.loads(receiver.cli("explain", "--json", letter).stdout)[0]
    assert verdict["result"] == "pass" and verdict["properties"]["header.d"] == "signed.test"
    assert verdict["evidence"]["key"] == "rsa._domainkey.signed.test"
    assert verdict["evidence"]["key bits"] == "2048"
    assert verdict["evidence"]["body hash found"] == verdict["evidence"]["body hash signed"]
    letter.write_bytes(sign() + b"more\r\n")
    text = receiver.cli("explain", letter).stdout
    assert re.search(r"^dkim +fail: the body was changed", text, re.M), text
    found, signed = re.findall(r"body hash \w+ +(\S+)", text)
    assert found != signed
    letter.write_bytes(sign() + b"\x1b[2J\r\n")
    assert "\x1b" not in receiver.cli("explain", letter).stdout
    letter.write_bytes(b"")
    assert receiver.cli("explain", letter, check=False).returncode == 1
    assert receiver.cli("explain", tmp_path / "none", check=False).returncode == 1


def test_forged_results(receiver):
    forged = (b"Authentication-Results: mx.example.test; dkim=pass header.d=bank.test\r\n"
              b"authentication-results:\r\n (hidden) MX.Example.TEST 1; spf=pass\r\n"
              b"Authentication-Results: mx.other.test; dkim=pass\r\n"
              b"Authentication-Results: (( mx.example.test; dkim=pass\r\n")
    got = email.message_from_bytes(receive(receiver, forged + sign() + b"x" * 600_000 + b"\r\n"))
    fields = got.get_all("Authentication-Results")
    assert len(fields) == 2 and "bank" not in str(fields) and fields[1].startswith("mx.other.test")
    assert "dkim=fail" in fields[0]
    assert got.keys()[:3] == ["Return-Path", "Authentication-Results", "Received"]
    # Who has logged in is not judged.
    with receiver.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"],
                      MESSAGE.replace(b"ann@signed.test", b"alice@example.test"))
    got = email.message_from_bytes(receiver.messages()[-1])
    assert got["Authentication-Results"] is None


def test_hostile_signatures(receiver):
    tail = b"; d=signed.test; s=rsa; bh=YWJj; b=YWJj\r\n"
    many = b"DKIM-Signature: v=1; a=rsa-sha256; h=from" + tail
    assert results(receiver, many * 1000 + MESSAGE) == ["fail"] * 10
    names = b"DKIM-Signature: v=1; a=rsa-sha256; h=from" + b":x" * 10_000
    names = re.sub(rb"((?::x){400})", rb"\1\r\n ", names)
    giant = b"DKIM-Signature: v=1; a=rsa-sha256; h=from; z=" + b"x" * 900 + b"\r\n "
    giant = giant + b"\r\n ".join([b"y" * 900] * 100)
    tags = b"DKIM-Signature: v=1; " + b"".join(b"t%d=x;\r\n " % i for i in range(1000))
    odd = b"DKIM-Signature:\r\n" + b"DKIM-Signature: ;;;=;=\r\n"
    assert results(receiver, names + tail + giant + tail + tags + tail + odd + MESSAGE) == \
        ["neutral"] * 5
    fields = b"".join(b"X-%d: y\r\n" % i for i in range(5000))
    assert results(receiver, fields + sign()) == ["permerror"]


def test_silent_dns(make_server):
    with Silence() as silence:
        server = make_server(config=f'dns {{\n forwarder = "{silence.forwarder}"\n}}\n'
                                    'guard {\n rdns = no\n}\ntrust {\n timeout = 500ms\n}')
        assert results(server, sign(sign(selector=b"ed", key=KEYS.ed,
                                         signature_algorithm=b"ed25519-sha256"))) == \
            ["temperror", "temperror"]


def test_turned_off(make_server):
    server = make_server(config="trust {\n verify = no\n}")
    forged = b"Authentication-Results: mx.example.test; dkim=pass\r\n"
    got = email.message_from_bytes(receive(server, forged + MESSAGE))
    assert got["Authentication-Results"] is None


def test_rules(make_server, zone):
    server = make_server(config=f"""
dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
rule "friend" {{ helo = {{ "friend.test" }} verdict = allow }}
rule "others" {{ recipient = {{ "!alice@*" }} verdict = reject }}
rule "unsigned" {{
    sender = {{ "signed.test" }} found = {{ "!dkim=pass signed.test" }}
    verdict = reject reply = "550 5.7.20 Not signed by signed.test"
}}
rule "changed" {{ found = {{ "dkim=fail*" }} verdict = tag tag = changed }}""")
    assert results(server, sign()) == ["pass"]
    with pytest.raises(smtplib.SMTPDataError) as refused:
        receive(server, sign() + b"more\r\n")
    assert refused.value.smtp_code == 550 and b"Not signed by signed.test" in refused.value.smtp_error
    assert "stage=message" in server.log_text()
    before = len(server.messages())
    with server.smtp() as smtp:
        smtp.sendmail("eve@other.test", ["alice@example.test"], sign() + b"more\r\n")
    assert b"X-Veredus-Tag: mx.example.test; changed" in server.wait_messages(before + 1)[-1]
    with server.smtp(local_hostname="friend.test") as smtp:
        smtp.sendmail("ann@signed.test", ["alice@example.test"], MESSAGE)
    assert b"dkim=none" in server.wait_messages(before + 2)[-1]
    server.configure('rule "both" { found = { "dkim=*" } recipient = { "a@b.test" } verdict = reject }')
    assert "there is no single one" in server.cli("check", check=False).stderr
