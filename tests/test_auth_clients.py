"""Passwords shown by real clients, and the lengths that RFC 4954 grants."""
import base64
import subprocess

import pytest

from conftest import PASSWORD, _factory
from test_smtp import Wire

ALICE = "alice@example.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    yield make(config="auth { refusal-pause = 0 failure-wait-max = 0 }")
    dispose()


def run(*command):
    return subprocess.run([str(c) for c in command], text=True, capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=60)


def swaks(server, mechanism, password):
    return run("swaks", "--server", "127.0.0.1", "--port", server.port["submission"], "-tls", "--auth",
               mechanism, "--auth-user", ALICE, "--auth-password", password, "--quit-after", "AUTH")


def curl(server, mechanism, password):
    for url in (f"smtp://127.0.0.1:{server.port['submission']}", f"imap://127.0.0.1:{server.port['imap']}/INBOX",
                f"pop3://127.0.0.1:{server.port['pop3']}/", f"imaps://127.0.0.1:{server.port['imaps']}/INBOX"):
        result = run("curl", "-sS", "-k", "--ssl-reqd", url, "--login-options", f"AUTH={mechanism}", "--user",
                     f"{ALICE}:{password}", *([] if url.startswith("pop3") else ["-X", "NOOP"]))
        if result.returncode:
            break
    return result


def gsasl(server, mechanism, password):
    for protocol, port in (("smtp", "submission"), ("imap", "imap")):
        result = run("gsasl", "--" + protocol, "-m", mechanism, "-a", ALICE, "-p", password, "-d", "--no-cb",
                     f"--x509-ca-file={next(server.dir.glob('certificate*.pem'))}", "127.0.0.1",
                     server.port[port])
        if result.returncode:
            break
    return result


def msmtp(server, mechanism, password):
    config = server.dir.parent / "msmtprc"
    config.write_text(f"""account default
host 127.0.0.1
port {server.port['submission']}
tls on
tls_certcheck off
auth {mechanism.lower()}
user {ALICE}
password "{password}"
from {ALICE}
""")
    config.chmod(0o600)
    return subprocess.run(["msmtp", "-C", config, "bob@example.test"], text=True, capture_output=True,
                          input=f"From: {ALICE}\nSubject: by {mechanism}\n\nhello\n", timeout=60)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("client", [swaks, curl, gsasl, msmtp], ids=lambda c: c.__name__)
def test_clients(server, client, mechanism):
    result = client(server, mechanism, PASSWORD)
    assert result.returncode == 0, result.stdout + result.stderr
    assert client(server, mechanism, "wrong").returncode != 0


def test_long_lines(server):
    """RFC 4954: an AUTH command, and a line of its exchange, have up to 12,288 bytes."""
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        long = base64.b64encode(b"\0" + b"x" * 9100 + b"\0wrong").decode()
        assert 12000 < len(long) < 12270
        wire.expect("AUTH PLAIN " + long, "535 5.7.8")
        wire.expect("AUTH PLAIN", "334 ")
        wire.expect(long, "535 5.7.8")
        wire.expect("AUTH PLAIN " + long + "A" * 400, "500 5.5.")
        wire.expect("AUTH PLAIN", "334 ")
        wire.expect("A" * 13000, "500 5.5.6")
        # Other commands keep to their own limit.
        wire.expect("NOOP " + "x" * 3000, "500 5.5.")
        assert wire.login().startswith("235 ")


def test_the_server_has_the_first_word(make_server):
    """RFC 4954 section 4: an initial response is 501 where the mechanism has no room for one."""
    server = make_server(start=False, accounts=())
    server.cli("user", "add", ALICE, "--allow-legacy-auth", input=PASSWORD + "\n")
    server.start()
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        for mechanism in ("CRAM-MD5", "DIGEST-MD5"):
            wire.expect(f"AUTH {mechanism} YWxpY2U=", "501 5.5.2")
            wire.expect(f"AUTH {mechanism}", "334 ")
            wire.expect("*", "501 5.0.0")
