"""Several certificates: each client gets the one of the name that it asks for, and renewed ones
while sessions go on."""
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

from authority import Authority
from conftest import wait_for

IMPLICIT = ["submissions", "pop3s", "imaps"]
# What is said before TLS, and how the last lines of the answers to that begin.
STARTTLS = {"smtp": ((b"EHLO c\r\n", b"250 "), (b"STARTTLS\r\n", b"220 ")),
            "pop3": ((b"STLS\r\n", b"+OK"),), "imap": ((b"a STARTTLS\r\n", b"a OK"),)}
STARTTLS["submission"] = STARTTLS["smtp"]


def make_certificate(directory, name, *names):
    alternatives = ",".join(f"DNS:{n}" for n in (names or [name]))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={alternatives}", "-keyout",
                    directory / f"{name}.key", "-out", directory / f"{name}.pem"],
                   check=True, capture_output=True)


def fingerprint(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()


def connect(server, port, name):
    """A TLS session that asks for name, or for none."""
    plain = socket.create_connection(("127.0.0.1", server.port[port]), timeout=60)
    if port in STARTTLS:
        with plain.makefile("rb") as answers:
            answers.readline()   # the greeting
            for command, wanted in STARTTLS[port]:
                plain.sendall(command)
                assert any(line.startswith(wanted) for line in iter(answers.readline, b""))
    context = server.tls_context()
    return context.wrap_socket(plain, server_hostname=name)


def presented(server, port, name):
    with connect(server, port, name) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


@pytest.fixture
def many(make_server):
    server = make_server(start=False)
    make_certificate(server.dir, "second.test", "second.test", "mail.second.test")
    make_certificate(server.dir, "wild.test", "*.wild.test")
    for name in ("second", "wild"):
        server.configure(f'certificate {name} {{\n chain = "{name}.test.pem"\n'
                         f' key = "{name}.test.key"\n}}')
    return server.start()


def test_the_name_that_is_asked_for(many):
    default, second, wild = (fingerprint(many.dir / f"{n}.pem")
                             for n in ("certificate", "second.test", "wild.test"))
    for port in IMPLICIT + list(STARTTLS):
        assert presented(many, port, "second.test") == second, port
    for name, expected in [("SECOND.test", second), ("mail.second.test", second),
                           ("a.wild.test", wild), ("a.b.wild.test", default),
                           ("wild.test", default), ("unknown.test", default), (None, default),
                           (many.hostname, default)]:
        assert presented(many, "imaps", name) == expected, name


def test_renewed_while_sessions_go_on(many):
    before = presented(many, "imaps", "second.test")
    imap, smtp = many.imap(), many.submission()
    make_certificate(many.dir, "second.test", "second.test", "mail.second.test")
    many.process.send_signal(signal.SIGHUP)
    wait_for(lambda: presented(many, "imaps", "second.test") != before, what="the new certificate")
    assert presented(many, "smtp", "second.test") == fingerprint(many.dir / "second.test.pem")
    assert imap.noop()[0] == "OK" and smtp.noop()[0] == 250
    imap.logout()
    smtp.quit()


def test_check_names_those_that_are_wrong(many):
    many.stop()
    path = many.dir / "veredus.conf"
    path.write_text(path.read_text().replace("second.test.key", "wild.test.key"))
    (many.dir / "wild.test.pem").write_text("nonsense")
    result = many.cli("check", check=False)
    assert result.returncode == 3
    lines = result.stderr.splitlines()
    text = path.read_text().splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("second", "wild")):
        found = re.match(rf'{re.escape(str(path))}:(\d+): certificate "{name}": .*PEM', line)
        assert found, line
        # The line in which the section ends.
        assert f"certificate {name}" in "\n".join(text[int(found[1]) - 4:int(found[1])])


def test_check_warns_of_what_clients_will_not_believe(make_server, tmp_path):
    s = make_server(start=False)
    assert "certificate" not in s.cli("check").stderr
    authority = Authority(tmp_path)

    def use(chain, key):
        (s.dir / "certificate.pem").write_bytes(chain.read_bytes())
        (s.dir / "certificate.key").write_bytes(key.read_bytes())
        return s.cli("check").stderr

    said = use(*authority.issue("other.test", days=-1))
    assert "certificate.pem has expired on " in said
    assert f"no certificate is for the hostname {s.hostname}" in said
    said = use(*authority.issue(s.hostname, days=5))
    assert "certificate.pem expires on " in said and "no certificate is for" not in said
    os.chmod(s.dir / "certificate.key", 0o644)
    assert "everybody may read" in use(*authority.issue(s.hostname))
    s.configure('dns { forwarder = "300.1.1.1" }')
    assert "forwarder" in s.cli("check", check=False).stderr
