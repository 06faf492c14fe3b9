"""DomainKeys, which came before DKIM: what Mail::DKIM signs and changes on its way, judged by a real
server and by Mail::DKIM, which must agree."""
import base64
import email
import json
import pathlib
import subprocess
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import _factory
from dns_zone import DnsZone

KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
ZONE = f'''
_domainkey TXT "o=-; n=all that is ours"
old._domainkey TXT "k=rsa; p={PUBLIC}"
ann._domainkey TXT "g=ann; p={PUBLIC}"
bob._domainkey TXT "g=bob; p={PUBLIC}"
try._domainkey TXT "t=y; p={PUBLIC}"
gone._domainkey TXT "p="
'''
MESSAGE = (b"Received: by a.signed.test;\r\n Sun, 1 Mar 2026\r\nReceived: by b.signed.test; Sun\r\n"
           b"From: Ann <ann@signed.test>\r\nTo: alice@example.test\r\nSubject: Hello  there\r\n"
           b"Message-ID: <1@signed.test>\r\n\r\nHello,  Alice. \t\r\n\r\n \r\nAnn\r\n\r\n\r\n")

SIGN = '''
    use Mail::DKIM::Signer; use Mail::DKIM::DkSignature;
    my ($key, @jobs) = @ARGV;
    while (my ($file, $method, $selector, $headers) = splice(@jobs, 0, 4)) {
        my $s = Mail::DKIM::Signer->new(Algorithm => "rsa-sha1", KeyFile => $key, Policy => sub {
            my $d = shift;
            $d->add_signature(Mail::DKIM::DkSignature->new(Algorithm => "rsa-sha1",
                Method => $method, Domain => "signed.test", Selector => $selector,
                Headers => $headers eq "" ? undef : $headers));
            return;
        });
        open my $f, "<:raw", $file or die; local $/ = undef; my $m = <$f>; close $f;
        $s->PRINT($m); $s->CLOSE;
        open $f, ">:raw", $file or die;
        print $f map({ $_->as_string, "\\r\\n" } $s->signatures), $m; close $f;
    }
'''
VERIFY = '''
    use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS::Resolver;
    my ($port, @files) = @ARGV;
    Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ["127.0.0.1"],
        port => $port, udp_timeout => 20, recurse => 1));
    for my $file (@files) {
        open my $f, "<:raw", $file or die; local $/ = undef; my $m = <$f>; close $f;
        my $v = Mail::DKIM::Verifier->new(); $v->PRINT($m); $v->CLOSE;
        print $v->result, "\\n";
    }
'''


def perl(script, *args):
    out = subprocess.run(["perl", "-e", script, *map(str, args)], capture_output=True, text=True,
                         timeout=60)
    assert out.returncode == 0, out.stderr
    return out.stdout.split()


@pytest.fixture(scope="module")
def zone():
    with DnsZone({"signed.test": ZONE}) as dns:
        yield dns


@pytest.fixture(scope="module")
def server(zone):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(config=f'dns {{\n forwarder = "{zone.forwarder}"\n'
                      f' trust-anchor = "{zone.anchor}"\n}}')
    dispose()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(KEY.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.TraditionalOpenSSL,
                                       serialization.NoEncryption()))
    return path


def ours(server, path):
    found = json.loads(server.cli("explain", "--json", path).stdout)
    return next(v for v in found if v["method"] == "domainkeys")


# What is signed how, what happens to it then, and what comes of it.
CASES = [
    ("simple", "old", "", None, "pass"),
    ("simple", "old", "from:to:subject", None, "pass"),
    ("simple", "old", "Received:From:Subject:Received", None, "pass"),
    ("nofws", "old", "from:received:subject:received", None, "pass"),
    ("nofws", "ann", "", None, "pass"),
    ("nofws", "bob", "", None, "permerror"),
    ("nofws", "gone", "", None, "permerror"),
    ("nofws", "none", "", None, "permerror"),
    ("nofws", "old", "", (b"Hello,  Alice. \t", b"Hello,\tAlice."), "pass"),
    ("simple", "old", "", (b"Hello,  Alice. \t", b"Hello,\tAlice."), "fail"),
    ("nofws", "old", "", (b"Hello  there", b"Hello\r\n there"), "pass"),
    ("nofws", "old", "", (b"Alice", b"Malice"), "fail"),
    ("nofws", "try", "", (b"Alice", b"Malice"), "neutral"),
    ("simple", "old", "", (b"DomainKey", b"Received: by c.test; Mon\r\nDomainKey"), "pass"),
    ("simple", "old", "", (b"\r\n\r\n\r\n", b"\r\n"), "pass"),
    ("simple", "old", "", (b"ann@signed", b"ann@other"), "neutral"),
]
# Mail::DKIM has no result for a key that is missing, not for this sender, or only tested.
THEIRS = {"permerror": "invalid", "neutral": "fail"}


def test_as_mail_dkim(server, zone, tmp_path, key_file):
    paths = [tmp_path / str(i) for i in range(len(CASES))]
    jobs = []
    for path, (method, selector, names, _, _) in zip(paths, CASES):
        path.write_bytes(MESSAGE)
        jobs += [path, method, selector, names]
    perl(SIGN, key_file, *jobs)
    for path, (_, _, _, change, _) in zip(paths, CASES):
        if change:
            assert change[0] in path.read_bytes()
            path.write_bytes(path.read_bytes().replace(*change, 1))
    theirs = perl(VERIFY, zone.forwarder.split("@")[1], *paths)
    for path, case, said in zip(paths, CASES, theirs):
        verdict = ours(server, path)
        assert verdict["result"] == case[-1], (case, verdict)
        if case[-1] in ("pass", "fail"):
            assert said == case[-1], case
        else:
            assert said in (THEIRS[case[-1]], "invalid"), (case, said)


def test_received(server, tmp_path, key_file):
    path = tmp_path / "m"
    path.write_bytes(MESSAGE)
    perl(SIGN, key_file, path, "nofws", "old", "")
    with server.smtp() as smtp:
        smtp.sendmail("ann@signed.test", ["alice@example.test"], path.read_bytes())
    got = email.message_from_bytes(server.wait_messages(1)[0])
    field = " ".join(got["Authentication-Results"].split())
    assert "domainkeys=pass header.d=signed.test header.from=ann@signed.test" in field
    assert "dkim=none" in field
    evidence = ours(server, path)["evidence"]
    assert evidence["canonical form"] == "nofws" and evidence["policy of"] == "_domainkey.signed.test"
    assert evidence["policy"] == "o=-; n=all that is ours"
    server.configure("trust {\n domainkeys = no\n}")
    server.stop()
    server.start()
    assert "domainkeys" not in server.cli("explain", "--json", path).stdout
