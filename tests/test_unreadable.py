"""A message that the disk loses while it is sent: nobody is told that it was all, and the server
lives on."""
import os
import socket
import ssl

import pytest

from conftest import PASSWORD

BYTES = 12 << 20   # more than the buffers of a connection hold


@pytest.fixture(scope="module")
def served(server):
    imap = server.imap()
    line = b"0123456789" * 7 + b"\r\n"
    for number in range(3):
        status, _ = imap.append("INBOX", None, None, b"Subject: %d\r\n\r\n" % number +
                                line * (BYTES // len(line)))
        assert status == "OK"
    imap.logout()
    return server


def connect(server, port, tls):
    """A client that takes little at a time."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    s.settimeout(60)
    s.connect(("127.0.0.1", server.port[port]))
    return server.tls_context().wrap_socket(s) if tls else s


def say(s, text):
    s.sendall(text.encode() + b"\r\n")


def read_to(s, wanted, so_far=b""):
    while wanted not in so_far:
        piece = s.recv(65536)
        assert piece, so_far[-200:]
        so_far += piece
    return so_far


def read_all(s):
    result = bytearray()
    try:
        while piece := s.recv(1 << 20):
            result += piece
    except (ConnectionError, ssl.SSLError):
        pass
    return bytes(result)


def cut_segments(server):
    for path in (server.dir / "segments").glob("*.seg"):
        os.truncate(path, 64 << 10)


def test_fetch_and_retr_break_off(served):
    """Both have begun when the file gets short."""
    user = f"alice@{served.domain}"
    imap = connect(served, "imaps", True)
    read_to(imap, b"\r\n")
    say(imap, f'a LOGIN {user} "{PASSWORD}"')
    read_to(imap, b"a OK")
    say(imap, "b SELECT INBOX")
    read_to(imap, b"b OK")
    pop = connect(served, "pop3s", True)
    read_to(pop, b"\r\n")
    for command in (f"USER {user}", f"PASS {PASSWORD}"):
        say(pop, command)
        assert read_to(pop, b"\r\n").startswith(b"+OK")
    say(pop, "RETR 2")
    read_to(pop, b"Subject: 1")
    say(imap, "c FETCH 1 (UID BODY.PEEK[])")
    read_to(imap, b"Subject: 0")
    cut_segments(served)
    rest = read_all(imap)
    assert b"c OK" not in rest and not rest.endswith(b")\r\n")
    assert not read_all(pop).endswith(b"\r\n.\r\n")
    assert served.process.poll() is None
    # Who comes now is told, and can go on.
    imap = served.imap()
    imap.select("INBOX")
    status, answer = imap.fetch("3", "(BODY.PEEK[])")
    assert status == "NO" or not any(isinstance(part, tuple) for part in answer), answer
    assert imap.append("INBOX", None, None, b"Subject: 3\r\n\r\nback\r\n")[0] == "OK"
    assert b"back" in imap.fetch("4", "(BODY.PEEK[])")[1][0][1]
    imap.logout()
    assert served.log_text().count("unreadable") >= 1
