"""Logging in at a smarthost, by each mechanism: another Veredus is the host, a KDC has the tickets."""
import contextlib
import os

import pytest

from conftest import PASSWORD, _factory, wait_for
from dns_zone import DnsZone
from kerberos import REALM, Realm
from remote import Remote
from test_relay import FAST, SLOW, journey, message, wait_empty

ZONES = {"example.test": "mx A 127.0.0.1\n@ MX 10 mx"}


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES) as zone:
        yield zone


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    realm = Realm(tmp_path_factory.mktemp("realm"))
    try:
        realm.add_user("alice")
        yield realm
    finally:
        realm.stop()


@pytest.fixture(scope="module")
def hub(tmp_path_factory, realm):
    make, dispose = _factory(tmp_path_factory.mktemp("hub"))
    server = make(start=False)
    server.cli("user", "passwd", "alice@example.test", "--allow-legacy-auth", input=PASSWORD + "\n")
    realm.make_keytab(server.dir / "krb5.keytab", *(f"{service}/mx.example.test"
                                                   for service in ("smtp", "imap", "pop")))
    server.configure(f"kerberos {{ keytab = krb5.keytab realm = {REALM} }}\n"
                     "auth { refusal-pause = 10ms failure-wait-max = 0 }\n")
    server.start(env={"KRB5_CONFIG": realm.env["KRB5_CONFIG"]})
    yield server
    dispose()


def without_leaks(env):
    """libgssglue forgets 16 bytes whenever it is asked for a name."""
    return {**env, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def general(dns):
    return (f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n'
            'relay-networks = { "127.0.0.0/8" }\n' + FAST + "\n")


def section(port, options, tls="required", domain="*"):
    return (f'smarthost "{domain}" {{ host = "mx.example.test" port = {port} tls = {tls}'
            f' {options} }}\n')


def smarthost(dns, port, options, tls="required"):
    return general(dns) + section(port, options, tls)


@pytest.fixture
def front(make_server):
    def make(config, env=None):
        server = make_server(start=False, domain="front.test", config=config)
        (server.dir / "secret").write_text(PASSWORD + "\n")
        (server.dir / "wrong").write_text("guessed\n")
        server.start(env=env)
        return server
    return make


LOGIN = 'user = "alice@example.test" password-file = secret '


USED = {"any": "SCRAM-SHA-256", "scram-sha-1": "SCRAM-SHA-1", "digest-md5": "DIGEST-MD5",
        "cram-md5": "CRAM-MD5", "plain": "PLAIN", "login": "LOGIN"}


def test_by_password(front, hub, dns):
    server = front(general(dns) + "".join(
        section(hub.port["submission"], LOGIN + f"auth = {auth}", domain=f"{auth}.test")
        for auth in USED))
    with server.smtp() as smtp:
        smtp.sendmail("alice@example.test", [f"x@{auth}.test" for auth in USED],
                      message("password", "alice@example.test"))
    wait_empty(server)
    assert journey(server, "<password@a.test>").count("relayed ") == len(USED)
    for used in USED.values():
        assert f"service=smtp mechanism={used}" in hub.log_text()


def test_by_ticket(front, hub, dns, realm):
    server = front(smarthost(dns, hub.port["submission"], "auth = gssapi"),
                   without_leaks(realm.ticket("alice")))
    with server.smtp() as smtp:
        smtp.sendmail("alice@example.test", "bob@example.test", message("ticket", "alice@example.test"))
    wait_empty(server)
    assert "service=smtp mechanism=GSSAPI" in hub.log_text()


def test_without_a_ticket(front, hub, dns, realm):
    env = {"KRB5_CONFIG": realm.env["KRB5_CONFIG"], "KRB5CCNAME": "FILE:/nonexistent/cache"}
    server = front(smarthost(dns, hub.port["submission"], "auth = gssapi"), without_leaks(env))
    with server.smtp() as smtp:
        smtp.sendmail("alice@example.test", "bob@example.test", message("none", "alice@example.test"))
    wait_for(lambda: "mx.example.test: GSSAPI: " in journey(server, "<none@a.test>"), SLOW,
             "an attempt")


def test_a_wrong_password_waits(front, hub, dns):
    server = front(smarthost(dns, hub.port["submission"],
                             'user = "bob@example.test" password-file = wrong'))
    with server.smtp() as smtp:
        smtp.sendmail("bob@example.test", "x@example.test", message("wrong", "bob@example.test"))
    wait_for(lambda: "535 5.7.8" in journey(server, "<wrong@a.test>"), SLOW, "an attempt")


def speaker(offer, answers):
    """Offers mechanisms, and answers lines by a list."""
    def script(session, verb, line):
        if verb == "EHLO":
            return f"250-remote.test\r\n250 AUTH {offer}"
        if verb == "AUTH" or getattr(session, "in_auth", False):
            at = session.in_auth = getattr(session, "in_auth", 0) + 1
            return answers[at - 1] if at <= len(answers) else "535 5.7.8 no"
        return None
    return script


HOSTILE = [
    ("NTLM XOAUTH2", [], "offers no AUTH mechanism that we may use"),
    # Challenges that are none, without end, and a server that can't prove that it knows us.
    ("CRAM-MD5", ["334 !!!"], "CRAM-MD5: "), ("SCRAM-SHA-256", ["334 cj1h"], "SCRAM-SHA-256: "),
    ("DIGEST-MD5", ["334 " + "A" * 500], "DIGEST-MD5: "),
    ("SCRAM-SHA-256", ["235 2.7.0 welcome"], "SCRAM-SHA-256: 235 before the host has proved who it is"),
    ("SCRAM-SHA-1", ["235 2.7.0 welcome"], "SCRAM-SHA-1: 235 before"),
    ("LOGIN", ["334 VXNlcm5hbWU6"] * 30, "LOGIN: "), ("PLAIN", ["334 more"] * 30, "334 more")]


def test_hostile(front, dns):
    with contextlib.ExitStack() as stack:
        remotes = [stack.enter_context(Remote(speaker(offer, answers)))
                   for offer, answers, _ in HOSTILE]
        server = front(general(dns) + "".join(
            section(remote.port, LOGIN, "none", f"far{i}.test") for i, remote in enumerate(remotes)))
        with server.smtp() as smtp:
            smtp.sendmail("alice@example.test", [f"x@far{i}.test" for i in range(len(HOSTILE))],
                          message("odd", "alice@example.test"))
        wait_for(lambda: all(told in journey(server, "<odd@a.test>") for _, _, told in HOSTILE),
                 SLOW, "attempts")
        said = [line for remote in remotes for s in remote.sessions for line in s.lines]
        assert not any(PASSWORD in line for line in said)


def test_in_clear_the_password_is_not_told(front, dns):
    """With tls = none what shows the password comes last; else nothing goes without TLS."""
    with Remote(speaker("PLAIN LOGIN CRAM-MD5", ["535 5.7.8 no"])) as remote:
        server = front(smarthost(dns, remote.port, LOGIN, tls="none"))
        with server.smtp() as smtp:
            smtp.sendmail("alice@example.test", "x@far.test", message("clear", "alice@example.test"))
        wait_for(lambda: any("AUTH CRAM-MD5" in s.lines for s in remote.sessions), SLOW, "AUTH")


def test_mistakes_are_told(make_server):
    server = make_server(start=False)
    (server.dir / "secret").write_text(PASSWORD)
    base = (server.dir / "veredus.conf").read_text()
    for options, complaint in [
            ("auth = gssapi password-file = secret", "auth = gssapi takes no password"),
            ("auth = plain password-file = secret", "user and password-file belong together"),
            ("auth = ntlm", "auth is 'ntlm': it must be any, plain")]:
        (server.dir / "veredus.conf").write_text(base + f'smarthost "*" {{ host = x.test {options} }}\n')
        checked = server.cli("check", check=False)
        assert checked.returncode != 0 and complaint in checked.stdout + checked.stderr, options
