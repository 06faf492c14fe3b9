"""COMPRESS=DEFLATE (RFC 4978): plain and over TLS, with IDLE, and what must not come of it."""
import os
import zlib

import pytest

from imap_dialogue import Deflated
from test_imap import Raw, fill
from test_imap_clients import memory


def compressed(server, tls=True):
    client = Raw(server, tls=tls)
    assert b"COMPRESS=DEFLATE" in client.ok("CAPABILITY")[0].split()
    client.ok("COMPRESS DEFLATE")
    client.socket = client.file = Deflated(client.socket)
    assert b"COMPRESS=DEFLATE" not in client.ok("CAPABILITY")[0].split()
    return client


@pytest.fixture(scope="module")
def server():
    import pathlib
    import tempfile
    from conftest import _factory
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(config="imap { auth-without-tls = yes }")
    dispose()


@pytest.mark.parametrize("tls", [True, False])
def test_all_as_before(server, tls):
    client = compressed(server, tls)
    text = b"Subject: random\r\n\r\n" + os.urandom(300000).hex().encode() + b"\r\n"
    assert b"OK [APPENDUID" in client.append(text)
    fill(client, 3)
    client.ok("SELECT INBOX")
    line, = client.ok("FETCH 1 BODY.PEEK[]")
    assert text in line
    client.send(b"".join(b"p%d NOOP\r\n" % i for i in range(3000)))
    for i in range(3000):
        assert client.line() == b"p%d OK Done." % i
    other = Raw(server)
    tag = client.start("IDLE")
    assert client.line().startswith(b"+ ")
    for i in range(3):
        fill(other, 1)
        assert b" EXISTS" in client.line() and b" RECENT" in client.line()
    client.send(b"DONE\r\n")
    assert client.answer(tag) == [tag + b" OK Idle ended."]
    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok("CLOSE")
    assert client.command("LOGOUT")[-1].endswith(b"OK Done.")
    other.close()


def test_bytes_one_by_one(server):
    client = compressed(server, tls=False)
    for text in (b"x1 NOOP\r\n", b"x2 STATUS INBOX (MESSAGES)\r\n"):
        raw = client.socket
        data = raw.deflate.compress(text) + raw.deflate.flush(zlib.Z_SYNC_FLUSH)
        for i in range(len(data)):
            raw.sock.sendall(data[i:i + 1])
    assert client.line() == b"x1 OK Done."
    assert b"MESSAGES" in client.line() and client.line() == b"x2 OK Done."
    client.close()


def test_little_that_becomes_much(server):
    """A line of 200 MB in 200 KB is a line that is too long, and takes no memory."""
    client = compressed(server, tls=False)
    before = memory(server)
    client.send(b"x NOOP " + b"x" * (200 << 20) + b"\r\n")
    assert client.line() == b"* BAD Command line too long"
    client.ok("NOOP")
    assert memory(server) - before < 20000
    client.close()


def test_what_is_not_deflate_ends_the_session(server):
    client = compressed(server, tls=False)
    client.socket.sock.sendall(b"\xff" * 100)
    assert client.line() == b""
    client.close()
    client = compressed(server, tls=False)
    client.socket.sock.sendall(client.socket.deflate.compress(b"x NOOP\r\n") +
                               client.socket.deflate.flush(zlib.Z_FINISH))
    assert client.line() == b"x OK Done."
    assert client.line() == b""
    client.close()


def test_only_after_login_and_only_once(server):
    client = Raw(server, login=False)
    client.bad("COMPRESS DEFLATE")
    client.close()
    client = Raw(server)
    client.no("COMPRESS ZSTD")
    client.bad("COMPRESS")
    client.ok("NOOP")
    client.close()
