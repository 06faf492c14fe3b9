"""A milter over the real libmilter: negotiation, all changes, and what it sees of our checks."""
import pathlib
import socket
import subprocess
import sys
import tempfile

import pytest

from conftest import _factory, wait_for

HERE = pathlib.Path(__file__).parent


def listens(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def server():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="milter-"))
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    # Not milter.py beside it, but the module of that name.
    process = subprocess.Popen([sys.executable, "-I", HERE / "libmilter_filter.py",
                                directory / "socket"])
    try:
        wait_for(lambda: listens(directory / "socket"), 60, "the milter")
        one = make(start=False)
        one.configure(f'filter "obedient" {{ address = "unix:{directory}/socket" }}\n'
                      "guard { greeting-wait = 0 }")
        one.start()
        yield one
    finally:
        process.terminate()
        process.wait(30)
        dispose()


def send(server, *todo, body="Body"):
    fields = "".join(f"X-Do: {line}\r\n" for line in todo)
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("ann@remote.test")
        smtp.rcpt("alice@example.test")
        code, text = smtp.data(f"{fields}Subject: one\r\nX-Old: 1\r\nX-Old: 2\r\n"
                               f"Authentication-Results: other.test; none\r\n\r\n{body}\r\n".encode())
        return f"{code} {text.decode()}"


def last(server, **options):
    return server.messages(**options)[-1].decode()


def test_what_it_sees(server):
    reply = send(server)
    message = last(server)
    assert "X-Seen: [127.0.0.1] 127.0.0.1 <ann@remote.test> <alice@example.test> mx.example.test; " \
           "other.test;" in message.replace("\r\n\t", " ")
    assert f"X-Queue-Id: {reply.split()[-1]}" in message
    assert "X-Body-Size: 6" in message
    # It has seen enough.
    assert send(server, body="\r\n".join(["y" * 70] * 4000)).startswith("250")
    assert 100000 < int(last(server).split("X-Body-Size: ")[1].split()[0]) < 200000


def test_fields_and_body(server):
    send(server, "chgheader|X-Old|2|changed", "chgheader|X-Old|1|", "addheader|X-First|yes|0",
         "replacebody|Another body")
    message = last(server)
    header, body = message.split("\r\n\r\n", 1)
    assert body.rstrip() == "Another body"
    assert "\r\nX-First: yes\r\nX-Do: " in header
    assert "X-Old: 1" not in header and "\r\nX-Old: changed\r\n" in header


def test_results_of_ours_stay(server):
    """The first is ours: what is done to it is in vain. The second is that of the message."""
    send(server, "chgheader|Authentication-Results|1|mx.example.test; evil=pass",
         "chgheader|Authentication-Results|2|", "addheader|X-Second|yes|1")
    message = last(server)
    header = message.split("\r\n\r\n", 1)[0]
    assert header.count("\r\nAuthentication-Results:") == 1
    assert "\r\nAuthentication-Results: mx.example.test;\r\n" in header
    assert "\r\nX-Second: yes\r\nX-Do: " in header


def test_the_envelope(server):
    before = len(server.messages())
    send(server, "delrcpt|<alice@example.test>", "addrcpt|<bob@example.test>",
         "chgfrom|<new@remote.test>")
    assert len(server.messages()) == before
    assert last(server, user="bob").startswith("Return-Path: <new@remote.test>")


def test_verdicts(server):
    assert send(server, "reply|554|5.7.9|Not this one").startswith("554 5.7.9 Not this one")
    before = len(server.messages()), len(server.messages(mailbox="Junk"))
    assert send(server, "discard").startswith("250")
    assert send(server, "quarantine|odd").startswith("250")
    assert (len(server.messages()), len(server.messages(mailbox="Junk")) - 1) == before
