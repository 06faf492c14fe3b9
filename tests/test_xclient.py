"""XCLIENT and XFORWARD: who the rest of the server takes for the client."""
import pathlib
import smtplib
import subprocess
import tempfile

import pytest

from conftest import PASSWORD, _factory, wait_for
from test_auth_external import Authority, context
from test_relay_postfix import Postfix, pytestmark as needs_postfix


@pytest.fixture(scope="module")
def trusting():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    server = make(start=False, config='relay-networks = { "192.0.2.1", "127.0.0.1" }')
    server.listen("trusted", "smtp", 'xclient-networks = { "127.0.0.0/8" }')
    server.listen("users", "submission", 'xclient-networks = { "127.0.0.0/8" }')
    server.listen("others", "smtp", 'xclient-networks = { "192.0.2.0/24" }')
    yield server.start()
    dispose()


def header_of(server, subject):
    field = f"Subject: {subject}\r\n".encode()
    message = wait_for(lambda: next((m for m in server.messages() if field in m), None),
                       what=subject)
    return message.split(b"\r\n\r\n")[0].decode()


def xclient(smtp, text):
    smtp.ehlo()
    code, _ = smtp.docmd("XCLIENT " + text)
    smtp.ehlo_resp = smtp.helo_resp = None
    return code


def mail(smtp, subject, to="alice@example.test"):
    return smtp.sendmail("smith@client.test", [to], f"Subject: {subject}\r\n\r\nhello\r\n")


def relay_verdict(smtp):
    smtp.ehlo()
    smtp.mail("smith@client.test")
    code = smtp.rcpt("somebody@remote.test")[0]
    smtp.rset()
    return code


def test_trace_and_journey_name_the_client(trusting):
    with trusting.smtp("trusted") as smtp:
        assert xclient(smtp, "NAME=spike.client.test ADDR=IPV6:2001:db8::7") == 220
        mail(smtp, "by XCLIENT")
    header = header_of(trusting, "by XCLIENT")
    assert "(spike.client.test [IPv6:2001:db8::7])" in header
    queue_id = header.split("\tid ")[1][:16]
    assert "2001:db8::7" in trusting.cli("trace", queue_id).stdout
    wait_for(lambda: "client=2001:db8::7" in trusting.log_text(), what="log")


def test_trust_is_that_of_the_client(trusting):
    """What the proxy may do by its own address is not for whom it speaks, and the other way round."""
    with trusting.smtp("trusted") as smtp:
        assert relay_verdict(smtp) == 250
        assert xclient(smtp, "ADDR=192.0.2.2") == 220
        assert relay_verdict(smtp) == 550
        assert xclient(smtp, "ADDR=[UNAVAILABLE]") == 220
        assert relay_verdict(smtp) == 550
        assert xclient(smtp, "ADDR=192.0.2.1") == 220
        assert relay_verdict(smtp) == 250


def test_own_login_is_forgotten(trusting):
    with trusting.smtp("users") as smtp:
        smtp.starttls(context=trusting.tls_context())
        smtp.login("alice@example.test", PASSWORD)
        assert xclient(smtp, "ADDR=192.0.2.2") == 220
        smtp.ehlo()
        assert smtp.mail("alice@example.test")[0] == 530
        assert xclient(smtp, "LOGIN=bob@example.test") == 220
        smtp.ehlo()
        assert smtp.mail("alice@example.test")[0] == 553
        assert smtp.mail("bob@example.test")[0] == 250


def test_starttls_forgets_that_a_login_was_told(trusting):
    """Who has logged in since then is not the next client as well."""
    with trusting.smtp("users") as smtp:
        assert xclient(smtp, "LOGIN=alice@example.test HELO=client.test") == 220
        smtp.ehlo()
        smtp.starttls(context=trusting.tls_context())
        smtp.login("bob@example.test", PASSWORD)
        assert xclient(smtp, "ADDR=192.0.2.3") == 220
        smtp.ehlo()
        assert smtp.mail("bob@example.test")[0] == 530


@pytest.mark.parametrize("port", ["smtp", "others"])
def test_not_for_everybody(trusting, port):
    with trusting.smtp(port) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("xclient") and not smtp.has_extn("xforward")
        assert smtp.docmd("XCLIENT", "ADDR=192.0.2.1")[0] == 502
        assert smtp.docmd("XFORWARD", "ADDR=192.0.2.1")[0] == 502


def test_xforward_is_for_one_message(trusting):
    before = trusting.log_text().count("smtp.xforward")
    with trusting.smtp("trusted") as smtp:
        smtp.ehlo()
        assert smtp.docmd("XFORWARD", "NAME=spike.client.test ADDR=192.0.2.7 IDENT=4bXyz")[0] == 250
        mail(smtp, "from afar")
        mail(smtp, "from here")
    def journey(subject):
        header = header_of(trusting, subject)
        assert "192.0.2.7" not in header
        return trusting.cli("trace", header.split("\tid ")[1][:16]).stdout
    assert "forwarded for name=spike.client.test addr=192.0.2.7 ident=4bXyz" in journey("from afar")
    assert "forwarded" not in journey("from here")
    assert trusting.log_text().count("smtp.xforward") == before + 1


def test_swaks(trusting):
    result = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(trusting.port["trusted"]), "--to",
         "alice@example.test", "--from", "smith@client.test", "--header", "Subject: swaks",
         "--xclient-name", "pink.client.test", "--xclient-addr", "192.0.2.99", "--xclient-port",
         "4711", "--xclient-proto", "ESMTP", "--xclient-helo", "pink", "--xclient-destport", "25"],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "(pink.client.test [192.0.2.99])" in header_of(trusting, "swaks")


def test_what_is_told_goes_and_other_things_stay(trusting):
    """Again and again, in one session: the last word counts."""
    with trusting.smtp("trusted") as smtp:
        for i in range(30):
            assert xclient(smtp, f"NAME=host{i}.client.test") == 220
        assert xclient(smtp, "LOGIN=alice@example.test") == 220
        assert xclient(smtp, "ADDR=192.0.2.30 NAME=last.client.test") == 220
        smtp.ehlo()
        smtp.sendmail("alice@example.test", ["alice@example.test"], "Subject: last word\r\n\r\nx\r\n")
    header = header_of(trusting, "last word")
    assert "(last.client.test [192.0.2.30])" in header and "with ESMTPA" in header


def test_rules_know_the_name_after_a_login_that_failed(make_server):
    """The name that was told stays, although the command behind it was refused."""
    server = make_server(start=False, config="""
        rule "pool" { rdns = { "*.pool.client.test" } verdict = reject stage = mail }
        guard { rdns-timeout = 10ms greeting-wait = 0 }""")
    server.listen("trusted", "smtp", 'xclient-networks = { "127.0.0.0/8" }')
    server.start()
    name = "a-name-that-is-long-enough-to-be-found-again.pool.client.test"
    with server.smtp("trusted") as smtp:
        assert xclient(smtp, f"ADDR=192.0.2.40 NAME={name}") == 220
        assert xclient(smtp, "LOGIN=nobody@example.test") == 550
        for _ in range(3):
            smtp.ehlo("client.test")
            assert smtp.mail("smith@client.test")[0] == 550


def test_the_certificate_is_the_proxys(make_server, tmp_path):
    """It neither relays for whom the proxy speaks, nor logs them in, nor fetches their mail."""
    mine = Authority(tmp_path, "proxies").issue("proxy")
    text = subprocess.run(["openssl", "x509", "-in", mine, "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    server = make_server(start=False, config=f"""
        relay-certificates = {{ "{text.split("=")[1].strip()}" }}
        smtp {{ turn = yes }}""")
    server.listen("trusted", "smtp", 'xclient-networks = { "127.0.0.0/8" }')
    server.start()
    server.cli("certificate", "add", "alice@example.test", str(mine))
    server.cli("fetch", "add", "away.test", "alice@example.test")
    tls = context(mine)
    with server.smtp("trusted") as smtp:
        smtp.starttls(context=tls)
        assert relay_verdict(smtp) == 250
        assert "EXTERNAL" in smtp.esmtp_features["auth"]
        assert xclient(smtp, "ADDR=192.0.2.40") == 220
        assert relay_verdict(smtp) == 550
        assert "EXTERNAL" not in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "EXTERNAL =")[0] == 504
        assert smtp.docmd("TURN")[0] == 502


@needs_postfix
def test_postfix_tells_where_mail_came_from(trusting):
    certificate = (trusting.dir / "certificate.pem", trusting.dir / "certificate.key")
    with Postfix(trusting.port["trusted"], certificate,
                 later=lambda _: "smtp_send_xforward_command = yes\n") as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, "laptop.client.test", timeout=60) as smtp:
            mail(smtp, "through Postfix")
        header = header_of(trusting, "through Postfix")
    journey = trusting.cli("trace", header.split("\tid ")[1][:16]).stdout
    assert "forwarded for" in journey and "addr=127.0.0.1" in journey
    assert "helo=laptop.client.test" in journey and "ident=" in journey
