"""Mails that tell users what is held for them, and the pages that the links in them lead to."""
import email
import email.policy
import http.client
import pathlib
import re
import socket
import tempfile

import pytest

from conftest import _factory, free_port
from test_clamd import Scripted
from test_quarantine import journey, rows

CONFIG = """
rule "odd sender" {{ sender = {{ "odd@*" }} verdict = quarantine }}
filter "virus" {{ kind = clamd address = "{clamd}" on-found = quarantine mail = all }}
listen pages {{ protocol = https address = {{ "127.0.0.1:{port}" }} }}
listen plain {{ protocol = http address = {{ "127.0.0.1:{plain}" }} }}
quarantine {{ public-url = "https://127.0.0.1:{port}/" }}
guard {{ greeting-wait = 0 rdns = no }}
trust {{ verify = no }}
"""


@pytest.fixture(scope="module")
def clamd():
    with Scripted() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def held(clamd):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    server = make(start=False, accounts=("alice", "bob", "carol"))
    server.port["pages"], server.port["plain"] = free_port(), free_port()
    server.configure(CONFIG.format(clamd=clamd.address, port=server.port["pages"],
                                   plain=server.port["plain"]))
    yield server.start()
    dispose()


def send(server, to, subject="hello", author="Ann <a@b.test>", sender="odd@remote.test"):
    with server.smtp() as smtp:
        smtp.sendmail(sender, [to], f"From: {author}\r\nSubject: {subject}\r\n\r\nx\r\n")


def digest(server, user):
    assert "1 mail sent" in server.cli("quarantine", "digest", f"{user}@example.test").stdout
    return email.message_from_bytes(server.messages(user)[-1], policy=email.policy.default)


def links(mail):
    text = mail.get_body(("plain",)).get_content()
    found = re.findall(r"Deliver:  (https://\S+)", text)
    assert re.findall(r'<a href="(https://[^"]+)"', mail.get_body(("html",)).get_content()) == found
    return found


def ask(server, method, url, body=None, headers=None):
    """Over TLS, as browsers do: status, header, page."""
    path = re.sub(r"^https://[^/]+", "", url)
    c = http.client.HTTPSConnection("127.0.0.1", server.port["pages"], timeout=60,
                                    context=server.tls_context())
    c.request(method, path, body, headers or {})
    reply = c.getresponse()
    page = reply.read().decode()
    c.close()
    return reply.status, reply.headers, page


def press(server, url, page, action):
    """What a browser does with the page's button."""
    form = re.search(rf'<form method="post" action="([^"]+/{action})">', page)[1]
    return ask(server, "POST", url.rsplit("/", 1)[0] + "/" + form)


def test_a_digest_and_its_links(held):
    send(held, "alice@example.test", "=?utf-8?Q?Sch=C3=B6ne_<b>Ware</b>?=",
         '"<script>alert(1)</script>" <x@evil.test>')
    send(held, "alice@example.test", "second")
    send(held, "bob@example.test", "third")
    mail = digest(held, "alice")
    assert mail["Subject"] == "2 messages are held for you"
    assert mail["From"].addresses[0].addr_spec == "postmaster@example.test"
    assert mail["Auto-Submitted"] == "auto-generated" and "Return-Path: <>" in str(mail)[:20]
    page = mail.get_body(("html",)).get_content()
    assert "<script" not in page and "Schöne &lt;b&gt;Ware&lt;/b&gt;" in page
    assert "Schöne <b>Ware</b>" in mail.get_body(("plain",)).get_content()
    first, second = links(mail)
    # Looking changes nothing, as often as programs like to look.
    for method in ("GET", "HEAD", "GET"):
        status, headers, page = ask(held, method, first)
        assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer" and "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    row = rows(held, "--user", "alice@example.test")[0]
    # It takes the button, once.
    status, _, answer = press(held, first, page, "release")
    assert (status, "You find the message" in answer) == (200, True)
    assert b"<x@evil.test>" in held.messages("alice")[-1]
    assert ("released", "by alice@example.test, over a link") in journey(held, row["queue_id"])
    assert press(held, first, page, "release")[0] == 404
    assert ask(held, "GET", first)[0] == 404
    page = ask(held, "GET", second)[2]
    assert press(held, second, page, "drop")[0] == 200
    assert rows(held, "--user", "alice@example.test") == []
    # Nobody is told twice, and each of their own only.
    result = held.cli("quarantine", "digest", "alice@example.test", check=False)
    assert result.returncode == 1 and "nothing new" in result.stderr
    assert "1 mail sent" in held.cli("quarantine", "digest").stdout
    assert "0 mails sent" in held.cli("quarantine", "digest").stdout
    mail = email.message_from_bytes(held.messages("bob")[-1], policy=email.policy.default)
    assert mail["Subject"] == "1 message is held for you" and len(links(mail)) == 1


def test_malware_is_not_for_users(held, clamd):
    clamd.answer = b"stream: Test.Virus FOUND\0"
    send(held, "carol@example.test", "bill", sender="x@remote.test")
    clamd.answer = b"stream: OK\0"
    mail = digest(held, "carol")
    assert "a filter (virus: Test.Virus)" in mail.get_body(("plain",)).get_content()
    assert links(mail) == []


def test_what_is_no_link_is_refused(held):
    send(held, "bob@example.test", "again")
    url = links(digest(held, "bob"))[-1]
    before = rows(held, "--user", "bob@example.test")
    bent = url[:-1] + ("0" if url[-1] != "0" else "1")
    for wrong in (bent, url + "0", url[:-2], url + "/other", "/", "/metrics", "/quarantine/",
                  "/quarantine/" + "0" * 80, "/quarantine/../metrics"):
        status, headers, page = ask(held, "GET", wrong)
        assert status == 404 and "default-src 'none'" in headers["Content-Security-Policy"], wrong
    assert ask(held, "POST", bent + "/release")[0] == 404
    status, headers, _ = ask(held, "POST", url)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    status, headers, _ = ask(held, "GET", url + "/release")
    assert (status, headers["Allow"]) == (405, "POST")
    assert ask(held, "DELETE", url)[0] == 405
    assert ask(held, "POST", url + "/release", b"x" * 5000)[0] == 400
    assert ask(held, "POST", url + "/other", b"x" * 4000)[0] == 404
    assert rows(held, "--user", "bob@example.test") == before
    # The commands of the operator are not to be had here.
    for text in (b'{"command":"quarantine.list"}\r\n\r\n', b"GET / HTTP/1.1\r\nA : x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                 b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 100 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", held.port["plain"]), timeout=60) as s:
            s.sendall(text)
            assert s.recv(12) == b"HTTP/1.1 400", text


def test_requests_have_a_rate(held):
    statuses = set()
    for _ in range(1000):   # as many as there are in a minute, and those of the time that it takes
        with socket.create_connection(("127.0.0.1", held.port["plain"]), timeout=60,
                                      source_address=("127.0.0.2", 0)) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            statuses.add(s.recv(12))
        if b"HTTP/1.1 429" in statuses:
            break
    assert statuses == {b"HTTP/1.1 404", b"HTTP/1.1 429"}
    assert ask(held, "GET", "/")[0] == 404      # another client
