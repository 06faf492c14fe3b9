"""LDAP as a back end: OpenLDAP's slapd, with and without TLS, gone, back, and hanging."""
import shutil
import signal
import smtplib
import socket
import subprocess
import time

import pytest

from conftest import PASSWORD, free_port, wait_for

ALICE = "alice@example.test"
BASE = "dc=example,dc=test"
SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/bin")
ENTRIES = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: cn=reader,{BASE}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reading

"""


def person(uid, mail, password):
    return (f"dn: uid={uid},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
            f"mail: {mail}\nuserPassword: {password}\n\n")


class Slapd:
    """May be searched by cn=reader alone."""

    def __init__(self, directory):
        self.dir, self.port, self.tls_port, self.process = directory, free_port(), free_port(), None
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        directory / "key.pem", "-out", directory / "ca.pem"], check=True, capture_output=True)
        (directory / "db").mkdir()
        (directory / "slapd.conf").write_text(f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {directory}/pid
TLSCertificateFile {directory}/ca.pem
TLSCertificateKeyFile {directory}/key.pem
database mdb
maxsize 10485760
suffix "{BASE}"
directory {directory}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,{BASE}" read by * none
""")
        entries = ENTRIES + person("al", ALICE, "in ldap") + person("carol", "carol@example.test", "in ldap")
        entries += person("twin1", "twin@example.test", "in ldap") + person("twin2", "twin@example.test", "in ldap")
        entries += person("star", "*@example.test", "in ldap")
        (directory / "entries").write_text(entries)
        subprocess.run([SLAPD, "-T", "add", "-f", directory / "slapd.conf", "-l", directory / "entries"],
                       check=True, capture_output=True)
        self.start()

    def start(self):
        self.process = subprocess.Popen([SLAPD, "-f", self.dir / "slapd.conf", "-d", "0", "-h",
                                         f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 30, "slapd")

    def answers(self):
        assert self.process.poll() is None
        try:
            for port in (self.port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(30)
        self.process = None


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    server = Slapd(tmp_path_factory.mktemp("slapd"))
    yield server
    server.stop()


@pytest.fixture
def with_ldap(make_server, slapd):
    def make(options="", before="", url=None):
        secret = slapd.dir / "reader"
        secret.write_text("reading\n")
        return make_server(accounts=("alice",), config=f"""
auth {{ refusal-pause = 0 failure-wait-max = 0 }}
{before}
passdb staff {{
    driver = ldap
    url = "{url or f'ldap://127.0.0.1:{slapd.port}'}"
    bind-dn = "cn=reader,{BASE}"
    bind-password-file = "{secret}"
    base = "{BASE}"
    {options}
}}""")
    return make


def login(server, name, password):
    with server.smtp("submission") as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo()
        smtp.user, smtp.password = name, password
        try:
            return smtp.auth("PLAIN", smtp.auth_plain)[0]
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code


@pytest.mark.parametrize("how", ["starttls", "ldaps"])
def test_bind_and_search(with_ldap, slapd, how):
    options = f'ca = "{slapd.dir}/ca.pem"' + (" starttls = yes" if how == "starttls" else "")
    server = with_ldap(options, url=f"ldaps://127.0.0.1:{slapd.tls_port}" if how == "ldaps" else None)
    assert login(server, ALICE, "in ldap") == 235
    assert login(server, "ALICE@example.test", "in ldap") == 235
    assert server.imap  # the same over IMAP:
    for name, password in ((ALICE, "wrong"), (ALICE, PASSWORD), (ALICE, ""), ("nobody@example.test", "in ldap"),
                           ("*", "in ldap"), ("a*@example.test", "in ldap"), ("carol@example.test", "in ldap"),
                           ("x)(mail=alice@example.test", "in ldap"), ("twin@example.test", "in ldap"),
                           ("reader@example.test", "reading"), ('"a(b)*\\\\"@example.test', "in ldap")):
        assert login(server, name, password) == 535, name
    assert "several entries" in server.log_text()
    assert "auth.no_account account=carol@example.test" in server.log_text()


def test_nobody_is_trusted_without_a_known_certificate(with_ldap, slapd):
    for options, url in (("", f"ldaps://127.0.0.1:{slapd.tls_port}"), ("starttls = yes", None)):
        server = with_ldap(options, url=url)
        assert login(server, ALICE, "in ldap") == 454
        assert "auth.ldap passdb=staff" in server.log_text()


def test_names_and_accounts(with_ldap):
    server = with_ldap('domain = example.test filter = "(uid=%n)" address-attribute = mail create-accounts = yes')
    assert login(server, "al", "in ldap") == 235
    assert login(server, "al@example.test", "in ldap") == 235
    assert login(server, "alice", "in ldap") == 535
    assert login(server, "al@other.test", "in ldap") == 535
    assert login(server, "carol", "wrong") == 535
    assert "carol" not in server.cli("user", "list").stdout
    assert login(server, "carol", "in ldap") == 235
    assert server.cli("user", "list").stdout.count("example.test") == 2


def test_gone_and_back(with_ldap, slapd):
    server = with_ldap(before="passdb internal { }")
    assert login(server, ALICE, "in ldap") == 235
    try:
        slapd.stop()
        assert login(server, ALICE, "in ldap") == 454
        assert login(server, ALICE, PASSWORD) == 235
    finally:
        slapd.start()
    assert login(server, ALICE, "in ldap") == 235


def test_hanging_and_back(with_ldap, slapd):
    server = with_ldap("timeout = 2s", before="passdb internal { }")
    wait_for(lambda: login(server, ALICE, "in ldap") == 235, what="an answer in time")
    slapd.process.send_signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert login(server, ALICE, "in ldap") == 454
        assert time.monotonic() - start < 10
        assert login(server, ALICE, PASSWORD) == 235
    finally:
        slapd.process.send_signal(signal.SIGCONT)
    wait_for(lambda: login(server, ALICE, "in ldap") == 235, what="slapd to be asked again")


def test_a_warning(make_server):
    for url, more, warned in (("ldap://ldap.example.test", "", True), ("ldap://ldap.example.test", "starttls = yes", False),
                              ("ldaps://ldap.example.test", "", False), ("ldap://127.0.0.1:3890", "", False)):
        server = make_server(start=False, accounts=(),
                             config=f'passdb x {{ driver = ldap base = "dc=x" url = "{url}" {more} }}')
        result = server.cli("check", check=False)
        assert ("in clear" in result.stdout + result.stderr) == warned, url


def test_mistakes(make_server):
    for options, why in (("", "there is no url"), ('url = "http://x"', "url"),
                         ('url = "ldap://x" base = "dc=x" filter = "(mail=%x)"', "filter"),
                         ('url = "ldap://x"', "there is no base"),
                         ('url = "ldap://x" base = "dc=x" bind-dn = "cn=x"', "bind-password-file"),
                         ('url = "ldaps://x" base = "dc=x" starttls = yes', "starttls")):
        server = make_server(start=False, accounts=(), config=f"passdb x {{ driver = ldap {options} }}")
        result = server.cli("check", check=False)
        assert result.returncode != 0 and why in result.stdout + result.stderr, options
