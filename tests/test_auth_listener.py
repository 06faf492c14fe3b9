"""What a listener has of its own about logging in."""
import imaplib
import poplib
import smtplib

import pytest

from conftest import PASSWORD, free_port

PROTOCOLS = ("submission", "imap", "pop3")


@pytest.fixture
def ports():
    return {name: free_port() for name in PROTOCOLS}


def login_smtp(port):
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.ehlo()
        offered = smtp.esmtp_features["auth"].split()
        smtp.user, smtp.password = "alice@example.test", PASSWORD
        return "PLAIN" in offered, smtp.auth("PLAIN", smtp.auth_plain)[0] == 235


def login_imap(port):
    with imaplib.IMAP4("127.0.0.1", port, timeout=60) as imap:
        offered = "LOGINDISABLED" not in imap.capabilities
        assert offered == ("AUTH=PLAIN" in imap.capabilities)
        return offered, imap.login("alice@example.test", PASSWORD)[0] == "OK"


def login_pop3(port):
    pop = poplib.POP3("127.0.0.1", port, timeout=60)
    try:
        capabilities = pop.capa()
        offered = "USER" in capabilities
        assert offered == ("PLAIN" in capabilities["SASL"])
        pop.user("alice@example.test")
        pop.pass_(PASSWORD)
        return offered, True
    finally:
        pop.close()


LOGINS = {"submission": login_smtp, "imap": login_imap, "pop3": login_pop3}
ERRORS = (smtplib.SMTPAuthenticationError, imaplib.IMAP4.error, poplib.error_proto)


@pytest.mark.parametrize("own", ["yes", "no"])
def test_a_listener_decides_about_passwords_in_clear(make_server, ports, own):
    """Its own option counts, whatever the protocol's says; the others go on as they were."""
    other = {"yes": "no", "no": "yes"}[own]
    config = "".join(f"{name} {{ auth-without-tls = {other} }}\n" for name in ("smtp", "imap", "pop3"))
    for name, port in ports.items():
        config += (f'listen own-{name} {{ protocol = {name} address = {{ "127.0.0.1:{port}" }} '
                   f"auth-without-tls = {own} }}\n")
    server = make_server(accounts=("alice",), config=config)
    for name, port in ports.items():
        for where, allowed in ((port, own == "yes"), (server.port[name], own == "no")):
            if allowed:
                assert LOGINS[name](where) == (True, True)
            else:
                with pytest.raises(ERRORS):
                    LOGINS[name](where)
