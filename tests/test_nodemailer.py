"""nodemailer, which much of the web's mail comes from: ways to log in, STARTTLS and TLS, delivery
reports, internationalised addresses, attachments, and many messages over few connections."""
import base64
import email
import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import PASSWORD, _factory, wait_for
from issuer import ISSUER, EcKey, Issuer, token

SCRIPT = pathlib.Path(__file__).with_name("nodemailer.js")
ALICE = {"user": "alice@example.test", "pass": PASSWORD}


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    issuer.keys = [EcKey("ec")]
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    server = make(config=f'''
        oauth {{ jwks = "{issuer.url}" issuer = "{ISSUER}" audience = mail }}
        auth {{ refusal-pause = 10ms failure-wait-max = 0 }}''')
    server.cli("user", "add", "jörg@example.test", input=PASSWORD + "\n")
    yield server
    dispose()


def send(server, *messages, auth=ALICE, port="submission", **transport):
    transport = {"port": server.port[port], "auth": auth, "secure": port == "submissions",
                 **transport}
    result = subprocess.run(
        ["node", SCRIPT], input=json.dumps({"transport": transport, "messages": messages}),
        env={**os.environ, "NODE_PATH": "/usr/share/nodejs", "NODE_NO_WARNINGS": "1"},
        capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def message(subject, **more):
    return {"from": "alice@example.test", "to": "bob@example.test", "subject": subject,
            "text": "Grüße aus Köln\n.\n..\n", **more}


def received(server, subject, user="bob"):
    found = [email.message_from_bytes(raw) for raw in server.messages(user)
             if f"Subject: {subject}\r\n".encode() in raw]
    assert len(found) == 1, (subject, len(found))
    return found[0]


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_ways_to_log_in(server, issuer, method, port):
    good, bad = ALICE, {**ALICE, "pass": "wrong"}
    if method == "CRAM-MD5":
        server.cli("user", "passwd", "alice@example.test", "--allow-legacy-auth",
                   input=PASSWORD + "\n")
    if method == "XOAUTH2":
        good = {"type": "OAuth2", "user": ALICE["user"], "accessToken": token(issuer.keys[0])}
        bad = {**good, "accessToken": token(issuer.keys[0], aud="web")}
    options = {} if method == "XOAUTH2" else {"authMethod": method}
    subject = f"{method} over {port}"
    [answer] = send(server, message(subject), auth=good, port=port, **options)
    assert answer.get("accepted") == ["bob@example.test"], answer
    assert re.search(f"auth.accepted .*mechanism={method}$", server.log_text(), re.M)
    assert "with ESMTPSA" in received(server, subject)["Received"]
    [answer] = send(server, message("never"), auth=bad, port=port, **options)
    assert answer["code"] == "EAUTH", answer
    # With a token it tries to get another one, and says that this failed.
    assert answer.get("status") == (None if method == "XOAUTH2" else 535), answer
    assert re.search(f"auth.refused .*mechanism={method}$", server.log_text(), re.M)


def test_content(server):
    data = bytes(range(256)) * 300
    body = "\n".join(["a line of ten words that goes on and on"] * 100)
    [answer] = send(server, message(
        "content", text=body, html="<p>Grüße</p>", headers={"X-Long": "word " * 100},
        attachments=[{"filename": "Übersicht.bin", "base64": base64.b64encode(data).decode()},
                     {"filename": "a.txt", "content": "x" * 5000}]))
    assert answer.get("accepted"), answer
    got = received(server, "content")
    parts = {part.get_filename(): part for part in got.walk() if part.get_filename()}
    names = {str(email.header.make_header(email.header.decode_header(name))): part
             for name, part in parts.items()}
    assert names["Übersicht.bin"].get_payload(decode=True) == data
    assert names["a.txt"].get_payload(decode=True) == b"x" * 5000
    texts = [part.get_payload(decode=True).decode() for part in got.walk()
             if part.get_content_maintype() == "text" and not part.get_filename()]
    assert texts[0].replace("\r\n", "\n").rstrip("\n") == body and "Grüße" in texts[1]


def test_dots_at_the_beginning_of_lines(server):
    assert send(server, message("dots"))[0].get("accepted")
    text = received(server, "dots").get_payload(decode=True).decode()
    assert text.replace("\r\n", "\n") == "Grüße aus Köln\n.\n..\n"


def test_delivery_report(server):
    [answer] = send(server, message("asked", dsn={
        "id": "job+17", "return": "headers", "notify": ["success"],
        "recipient": "alice@example.test"}))
    assert answer.get("accepted"), answer
    reports = [raw for raw in server.wait_messages(1, "alice") if b"job+17" in raw]
    assert len(reports) == 1
    assert re.search(rb"(?im)^Action: delivered", reports[0])
    assert b"Subject: asked" in reports[0] and "Grüße".encode() not in reports[0]


def test_internationalised_addresses(server):
    [answer] = send(server, message("an Jörg", to="jörg@example.test"))
    assert answer.get("accepted") == ["jörg@example.test"], answer
    pop = server.pop3("jörg")
    assert pop.stat()[0] == 1
    assert b"with UTF8SMTPSA" in b"\n".join(pop.retr(1)[1])
    pop.quit()
    [answer] = send(server, message("zurück", **{"from": "jörg@example.test"}),
                    auth={"user": "jörg@example.test", "pass": PASSWORD})
    assert answer.get("accepted") == ["bob@example.test"], answer


def test_refusals(server):
    answers = send(server, message("nobody", to=["bob@example.test", "nobody@example.test"]),
                   message("not hers", **{"from": "bob@example.test"}),
                   message("none", to="nobody@example.test"))
    assert answers[0].get("accepted") == ["bob@example.test"]
    assert answers[0]["rejected"] == ["nobody@example.test"]
    assert answers[1]["code"] == "EENVELOPE" and answers[1]["status"] in (550, 553), answers[1]
    assert answers[2]["code"] == "EENVELOPE" and answers[2]["status"] == 550


def test_a_pool(server):
    def ended():
        return server.log_text().count("smtp.session.end session")

    before = ended()
    subjects = [f"number {i} of the pool" for i in range(40)]
    answers = send(server, *[message(subject) for subject in subjects], pool=True,
                   maxConnections=3, maxMessages=10)
    assert all(answer.get("accepted") for answer in answers), answers
    inbox = server.messages("bob")
    for subject in subjects:
        assert sum(f"Subject: {subject}".encode() in raw for raw in inbox) == 1
    wait_for(lambda: ended() - before >= 4, what="the ends of its sessions")
    assert ended() - before < 20
