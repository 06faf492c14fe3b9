"""Signing: keys that are made, published, found in the DNS and changed; and what other programs say
of the signatures."""
import email
import json
import pathlib
import re
import smtplib
import subprocess
import tempfile
import time

import dkim
import pytest

from conftest import PASSWORD, _factory, wait_for
from dns_zone import DnsZone
from remote import Remote

BODY = "Hello,  Bob. \r\n.dot\r\n\r\nYours\r\n\r\n\r\n"


def message(sender="alice@example.test", subject="signed", extra="", body=BODY):
    return (f"From: Alice <{sender}>\r\nTo: bob@there.test\r\nSubject: {subject}\r\n"
            f"Date: Sun, 1 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{time.time_ns()}@example.test>\r\n"
            f"{extra}\r\n{body}").encode()


class Signer:
    """A server whose mail for others ends at a remote, and the DNS in which it is to publish."""

    def __init__(self, make, remote, zone, config=""):
        self.remote, self.zone = remote, zone
        self.server = make(start=False, accounts=("alice",), config=f"""
dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
smarthost "*" {{ host = "127.0.0.1" port = {remote.port} tls = none }}
{config}""")
        self.server.cli("domain", "add", "second.test")
        self.server.cli("user", "add", "carol@second.test", input=PASSWORD + "\n")
        self.server.start()

    def cli(self, *args, **options):
        return self.server.cli("dkim", *args, **options)

    def keys(self, domain="example.test"):
        return json.loads(self.cli("list", domain, "--json").stdout)

    def publish(self, domain="example.test"):
        """Puts what `show` prints into the zone, as it is."""
        text = re.sub(r"\n\s+", " ", self.cli("show", domain).stdout)
        self.zone.set(domain, "\n".join(line for line in text.splitlines()
                                        if not line.startswith(";")))

    def send(self, data, user="alice@example.test", to="bob@there.test", sender=None):
        """What the remote gets."""
        before = len(self.remote.taken)
        with smtplib.SMTP("127.0.0.1", self.server.port["submission"], timeout=60) as smtp:
            smtp.starttls(context=self.server.tls_context())
            smtp.login(user, PASSWORD)
            smtp.sendmail(user if sender is None else sender, [to], data)
        wait_for(lambda: len(self.remote.taken) > before, 60, "the message")
        return self.remote.taken[-1].data


@pytest.fixture(scope="module")
def signer():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote() as remote, DnsZone({"example.test": "", "second.test": ""}) as zone:
        yield Signer(make, remote, zone)
        dispose()


@pytest.fixture(scope="module")
def signed(signer):
    """With keys that are in use."""
    signer.cli("create", "example.test", "--now")
    signer.publish()
    assert "missing" not in signer.cli("check", "example.test").stdout
    return signer


def records(signer, domain="example.test"):
    return {key["name"]: key["record"] for key in signer.keys(domain)}


def judge(signer, data):
    """What dkimpy says of each signature, from the top."""
    known = records(signer)
    verifier = dkim.DKIM(data)
    count = len(email.message_from_bytes(data).get_all("DKIM-Signature", []))


    def verify(i):
        try:
            return verifier.verify(i, dnsfunc=lambda name, timeout=5: known[name.decode().strip(".")])
        except dkim.ValidationError:
            return False
    return [verify(i) for i in range(count)]


def test_dkimpy_agrees(signed):
    data = signed.send(message())
    assert judge(signed, data) == [True, True]
    m = email.message_from_bytes(data)
    kinds = [re.search(r"\ba=([\w-]+)", field)[1] for field in m.get_all("DKIM-Signature")]
    assert kinds == ["rsa-sha256", "ed25519-sha256"]
    assert m.keys()[0] == "Received"
    # Nothing may be added that is shown.
    for added in (b"From: eve@evil.test\r\n", b"Subject: another\r\n", b"Reply-To: eve@evil.test\r\n"):
        assert judge(signed, added + data) == [False, False]
    assert judge(signed, data + b"more\r\n") == [False, False]
    assert judge(signed, b"List-Id: <x>\r\n" + data) == [True, True]


def test_odd_messages(signed):
    for data in (message(body=""), message(body="\r\n\r\n"), message(body="x" * 300_000),
                 message(extra="X-Empty:\r\nCc: a@b.test,\r\n\tc@d.test\r\n", body="no end"),
                 message(subject="a  b\t c", body="\t tabs \t and\r\n  \r\n spaces   \r\n")):
        assert judge(signed, signed.send(data)) == [True, True]


def test_mail_dkim_agrees(signed, tmp_path):
    (tmp_path / "m").write_bytes(signed.send(message()))
    script = """
        use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS::Resolver;
        Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(
            nameservers => ["127.0.0.1"], port => $ARGV[1], recurse => 0));
        my $v = Mail::DKIM::Verifier->new();
        open my $f, "<", $ARGV[0] or die; local $/ = undef; my $m = <$f>;
        $v->PRINT($m); $v->CLOSE;
        print join(" ", map { $_->algorithm . "=" . $_->result } $v->signatures), "\\n";
    """
    port = signed.zone.forwarder.split("@")[1]
    out = subprocess.run(["perl", "-e", script, tmp_path / "m", port], capture_output=True,
                         text=True, timeout=60)
    # Debian's knows no Ed25519.
    assert out.stdout.startswith("rsa-sha256=pass"), out.stdout + out.stderr


def test_opendkim_agrees(signed, tmp_path):
    """Which knows no Ed25519 and passes over it."""
    data = signed.send(message())
    (tmp_path / "m").write_bytes(data)
    (tmp_path / "dns").write_text("".join(f"{name} {record}\n"
                                          for name, record in records(signed).items()))
    (tmp_path / "conf").write_text(f"Mode v\nTestDNSData {tmp_path}/dns\n")
    out = subprocess.run(["opendkim", "-x", tmp_path / "conf", "-vv", "-t", tmp_path / "m"],
                         capture_output=True, text=True, timeout=60)
    assert "verification (s=rsa" in out.stdout + out.stderr and "succeeded" in out.stdout + out.stderr, \
        out.stdout + out.stderr
    (tmp_path / "m").write_bytes(data + b"more\r\n")
    out = subprocess.run(["opendkim", "-x", tmp_path / "conf", "-vv", "-t", tmp_path / "m"],
                         capture_output=True, text=True, timeout=60)
    assert "succeeded" not in out.stdout + out.stderr


def test_whose_mail_is_signed(signed):
    # Another domain that has no keys; its user may not write as alice.
    data = signed.send(message("carol@second.test"), "carol@second.test")
    assert b"DKIM-Signature" not in data
    data = signed.send(message("alice@example.test"), "carol@second.test")
    assert b"DKIM-Signature" not in data
    # A sender of ours with another's From: the account's domain vouches.
    data = signed.send(message("alice@elsewhere.test"))
    assert b"d=example.test" in data and judge(signed, data) == [True, True]


def test_journey_tells(signed):
    data = signed.send(message())
    message_id = email.message_from_bytes(data)["Message-ID"]
    assert "signed by example.test" in signed.server.cli("trace", message_id).stdout


def test_reports_are_signed(signed):
    """From MAILER-DAEMON@mx.example.test, by the domain above."""
    signed.remote.script = lambda session, verb, line: \
        "550 5.1.1 nobody" if verb == "RCPT" and "ghost" in line else None
    try:
        with signed.server.submission() as smtp:
            smtp.sendmail("alice@example.test", ["ghost@there.test"], message())
        report = signed.server.wait_messages(1)[-1]
        header, body = report.split(b"\r\n\r\n", 1)
        assert b"DKIM-Signature" not in header   # it stays here
        assert b"DKIM-Signature" in body         # what it returns did not
        signed.server.cli("alias", "add", "gone@example.test", "ghost@there.test")
        before = len(signed.remote.taken)
        with signed.server.smtp() as smtp:
            smtp.sendmail("far@there.test", ["gone@example.test"], message("far@there.test"))
        wait_for(lambda: len(signed.remote.taken) > before, 60, "a report")
        data = signed.remote.taken[-1].data
        assert signed.remote.taken[-1].sender == "" and b"MAILER-DAEMON@mx.example.test" in data
        assert b"d=example.test" in data and judge(signed, data) == [True, True]
    finally:
        signed.remote.script = None


def test_life_of_keys(make_server):
    with Remote() as remote, DnsZone({"example.test": "", "second.test": ""}) as zone:
        s = Signer(make_server, remote, zone, "trust {\n keep-old-keys = 1s\n}")
        made = s.cli("create", "example.test").stdout
        assert "v=DKIM1; k=rsa; p=" in made and "k=ed25519" in made
        assert all(len(string) <= 255 for string in re.findall(r'"([^"]*)"', made))
        assert {key["state"] for key in s.keys()} == {"waiting"}
        assert b"DKIM-Signature" not in s.send(message())
        assert "make new ones with veredus dkim rotate" in s.cli("create", "example.test",
                                                                 check=False).stderr
        out = s.cli("check", check=False)
        assert out.returncode == 3 and out.stdout.count("missing") == 2

        # The records are published: the keys sign, though it was known that there are none.
        s.publish("example.test")
        out = s.cli("check", check=False)
        assert out.returncode == 0 and out.stdout.count("signs from now on") == 2, out.stdout
        assert b"DKIM-Signature" in s.send(message())
        s.cli("create", "second.test", "--selector", "one", "--algorithm", "ed25519")
        s.publish("second.test")
        out = s.cli("check", "second.test").stdout
        assert "signs from now on" in out
        assert b"d=second.test" in s.send(message("carol@second.test"), "carol@second.test")

        # Rotation: the old key signs until the new one is there.
        s.cli("rotate", "second.test", "--selector", "two", "--algorithm", "ed25519")
        assert b"s=one" in s.send(message("carol@second.test"), "carol@second.test")
        again = s.cli("rotate", "second.test", "--algorithm", "ed25519", check=False)
        assert "the key two of second.test waits" in again.stderr, again
        assert [key["selector"] for key in s.keys("second.test")] == ["one", "two"]
        s.publish("second.test")
        s.cli("check", "second.test")
        assert b"s=two" in s.send(message("carol@second.test"), "carol@second.test")
        assert [key["state"] for key in s.keys("second.test")] == ["old", "active"]

        # Another key in the DNS than ours.
        s.cli("rotate", "second.test", "--selector", "three", "--algorithm", "ed25519")
        s.zone.set("second.test", 'three._domainkey TXT "v=DKIM1; k=ed25519; p=YWJj"')
        out = s.cli("check", "second.test", check=False)
        assert out.returncode == 3 and "different" in out.stdout and "p=YWJj" in out.stdout
        s.cli("activate", "second.test", "three")
        assert b"s=three" in s.send(message("carol@second.test"), "carol@second.test")

        s.cli("remove", "second.test", "three")
        assert b"DKIM-Signature" not in s.send(message("carol@second.test"), "carol@second.test")
        s.cli("remove", "second.test")
        assert s.cli("remove", "second.test", check=False).returncode == 1
        assert "second.test has no keys" in s.cli("check", "second.test", check=False).stderr

        # Keys outlive the server, and can be looked at without one.
        s.cli("activate", "example.test", s.keys()[0]["selector"])
        s.server.stop()
        assert len(s.keys()) == 2
        assert s.cli("check", check=False).returncode == 1
        assert "make some with veredus dkim create" in s.cli("rotate", "third.test",
                                                             check=False).stderr
        for bad in (["create", "-"], ["rotate", "third.test"], ["create", "x.test", "--bits", "512"],
                    ["create", "x.test", "--algorithm", "dsa"]):
            assert s.cli(*bad, check=False).returncode == 1
        s.server.start()
        assert b"a=rsa-sha256" in s.send(message())
        files = list(s.server.dir.glob("veredus.db*"))
        assert files and all(path.stat().st_mode & 0o77 == 0 for path in files)
