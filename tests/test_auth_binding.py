"""SCRAM-*-PLUS by tls-server-end-point (RFC 5929), which GNU SASL's client does not have: with Python's
TLS, which tells the server's certificate."""
import base64
import hashlib
import smtplib
import ssl
import subprocess

import pytest

from conftest import PASSWORD, _factory
from test_auth import SCRAM, Scram

FLAG = "p=tls-server-end-point"


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    yield make
    dispose()


FAST = "auth { channel-binding = yes refusal-pause = 10ms failure-wait-max = 0 }"


@pytest.fixture(scope="module")
def server(make):
    return make(config=FAST)


def connect(server, newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    smtp = smtplib.SMTP("127.0.0.1", server.port["submission"])
    smtp.starttls(context=context)
    smtp.ehlo()
    return smtp


def login(smtp, scram, mechanism):
    """The code of the last reply; the server's proof is checked on the way."""
    code, text = smtp.docmd("AUTH", f"{mechanism} {encode(scram.step(None))}")
    while code == 334:
        code, text = smtp.docmd(encode(scram.step(base64.b64decode(text))))
    return code


def encode(text):
    return base64.b64encode(text.encode()).decode()


def end_point(smtp, digest="sha256"):
    return hashlib.new(digest, smtp.sock.getpeercert(binary_form=True)).digest()


@pytest.mark.parametrize("mechanism,newest", [
    (SCRAM[0] + "-PLUS", ssl.TLSVersion.TLSv1_3), (SCRAM[1] + "-PLUS", ssl.TLSVersion.TLSv1_2)])
def test_the_certificate_of_the_server(server, mechanism, newest):
    with connect(server, newest) as smtp:
        assert mechanism in smtp.esmtp_features["auth"].split()
        good = end_point(smtp)
        for password, flag, bound, code in [
                (PASSWORD, FLAG, good, 235), ("wrong", FLAG, good, 535),
                (PASSWORD, FLAG, good[::-1], 535), (PASSWORD, FLAG, b"", 535),
                (PASSWORD, FLAG, good + b"x", 535), (PASSWORD, "p=tls-unique", good, 535),
                (PASSWORD, "n", b"", 535), (PASSWORD, "y", b"", 535), (PASSWORD, "p=", good, 501),
                (PASSWORD, "p", good, 501)]:
            with connect(server, newest) as other:
                scram = Scram(mechanism, "alice@example.test", password, flag, bound)
                assert login(other, scram, mechanism) == code, (flag, bound)


def test_what_is_bound_is_not_taken_without(server):
    for flag, code in (("n", 235), ("y", 535), (FLAG, 535)):
        with connect(server) as smtp:
            bound = end_point(smtp) if flag == FLAG else b""
            scram = Scram("SCRAM-SHA-256", "alice@example.test", PASSWORD, flag, bound)
            assert login(smtp, scram, "SCRAM-SHA-256") == code, flag
    # In clear nothing is offered that binds: a client may say that it could.
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        scram = Scram("SCRAM-SHA-256", "alice@example.test", PASSWORD, "y")
        assert login(smtp, scram, "SCRAM-SHA-256") == 235


def test_acting_as_somebody_else(server):
    for name, code in (("alice@example.test", 235), ("bob@example.test", 535)):
        with connect(server) as smtp:
            scram = Scram("SCRAM-SHA-256", "alice@example.test", PASSWORD)
            scram.header = f"n,a={name},"
            assert login(smtp, scram, "SCRAM-SHA-256") == code


@pytest.mark.parametrize("signature,digest", [("-sha1", "sha256"), ("-sha384", "sha384"),
                                              ("-sha512", "sha512")])
def test_the_hash_of_the_signature(make, signature, digest):
    server = make(start=False)
    server.configure(FAST)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", signature, "-days",
                    "2", "-subj", "/CN=mx.example.test", "-keyout", server.dir / "certificate.key",
                    "-out", server.dir / "certificate.pem"], check=True, capture_output=True)
    server.start()
    with connect(server) as smtp:
        scram = Scram(SCRAM[0], "alice@example.test", PASSWORD, FLAG, end_point(smtp, digest))
        assert login(smtp, scram, SCRAM[0] + "-PLUS") == 235


def test_a_signature_without_a_hash(make):
    server = make(start=False)
    server.configure(FAST)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj",
                    "/CN=mx.example.test", "-keyout", server.dir / "certificate.key", "-out",
                    server.dir / "certificate.pem"], check=True, capture_output=True)
    server.start()
    with connect(server, ssl.TLSVersion.TLSv1_2) as smtp:
        assert "PLUS" not in smtp.esmtp_features["auth"]
    with connect(server) as smtp:
        scram = Scram(SCRAM[0], "alice@example.test", PASSWORD, FLAG, end_point(smtp))
        assert login(smtp, scram, SCRAM[0] + "-PLUS") == 535
