"""IMAP and POP3 as programs of today speak them: imapflow, the client of much of the web's mail (from npm,
fetched once), and alpine, which reads a mailbox as it did thirty years ago."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

from conftest import PASSWORD, ROOT
from relay_peers import unpack
from test_imap import Raw
from test_imap_clients import needs

IMAPFLOW = "imapflow@1.0.170"
IMAPFLOW_BEFORE = "2026-11-15"


@pytest.fixture(scope="module")
def imapflow():
    return unpack("imapflow", IMAPFLOW, IMAPFLOW_BEFORE) / "node_modules"


def flow(server, modules, user, port="imaps", **more):
    job = {"port": server.port[port], "secure": port == "imaps", "user": f"{user}@{server.domain}",
           "pass": PASSWORD, **more}
    result = subprocess.run(["node", ROOT / "tests/imapflow.js"], input=json.dumps(job), text=True,
                            capture_output=True, timeout=120,
                            env={**os.environ, "NODE_PATH": str(modules), "NODE_NO_WARNINGS": "1"})
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("port", ["imaps", "imap"])
def test_imapflow(server, imapflow, port):
    user = f"flow-{port}"
    server.cli("user", "add", f"{user}@{server.domain}", input=PASSWORD + "\n")
    server.cli("quota", "set", f"{user}@{server.domain}", "--storage", "1M")
    seen = flow(server, imapflow, user, port)
    assert {"IMAP4rev1", "IDLE", "MOVE", "CONDSTORE", "UIDPLUS"} <= set(seen["capabilities"])
    assert "CONDSTORE" in seen["enabled"]
    assert sorted(map(tuple, seen["mailboxes"])) == [
        ("Archive", "\\Archive"), ("Drafts", "\\Drafts"), ("INBOX", "\\Inbox"), ("Junk", "\\Junk"),
        ("Sent", "\\Sent"), ("Trash", "\\Trash")]
    assert seen["appended"] == [1, 2, 3] and seen["exists"] == 3
    assert seen["messages"] == [
        {"uid": n, "flags": ["\\Flagged"], "subject": f"Grüße {n}", "from": "ann@else.test",
         "type": "text/plain", "date": 1700000000000, "size": True, "emailId": True, "threadId": True}
        for n in (1, 2, 3)]
    assert seen["foundUtf8"] == [2] and seen["body"] == "Hallo Jörg 3\r\n"
    assert seen["unseen"] == [3] and seen["copied"] == [1] and seen["moved"] == [1]
    assert seen["left"] == 1 and seen["heard"] == 2
    assert seen["status"] == {"path": "Archive", "messages": 1, "unseen": 0, "uidNext": 2}
    assert seen["quota"]["storage"]["limit"] == 1024 * 1024
    assert [len(server.messages(user, box)) for box in ("INBOX", "Archive", "Trash")] == [2, 1, 1]


def test_imapflow_knows_why_it_is_refused(server, imapflow):
    assert flow(server, imapflow, "alice", wrong=True, **{"pass": "wrong"}) == {
        "failed": True, "code": "AUTHENTICATIONFAILED"}


class Screen:
    """A program on a terminal: keys go in when what is waited for has come."""

    def __init__(self, *command, env):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def wait(self, pattern):
        end = time.monotonic() + 60
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, (pattern, self.seen[-2000:])
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536)

    def press(self, keys, then):
        self.seen = b""
        os.write(self.fd, keys)
        self.wait(then)

    def end(self, keys):
        """The keys that end it; its status."""
        os.write(self.fd, keys)
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:     # it has closed the terminal
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@needs("alpine")
def test_alpine(server, tmp_path):
    """Flags a message, deletes the next, files the third, and goes."""
    server.cli("user", "add", f"pine@{server.domain}", input=PASSWORD + "\n")
    client = Raw(server, login=False)
    client.ok(f'LOGIN pine@{server.domain} "{PASSWORD}"')
    for n in (1, 2, 3):
        text = f"From: a@else.test\r\nSubject: letter {n}\r\n\r\nText {n}.\r\n"
        client.ok(f"APPEND INBOX {{{len(text)}+}}\r\n{text}")
    where = f"127.0.0.1:{server.port['imaps']}/imap/ssl/novalidate-cert/user=pine@{server.domain}"
    rc = tmp_path / "pinerc"
    rc.write_text(f"inbox-path={{{where}}}INBOX\nfolder-collections=Mail {{{where}}}[]\n"
                  "feature-list=enable-flag-cmd,expunge-without-confirm-everywhere,quit-without-confirm\n"
                  "user-domain=example.test\nlast-version-used=9.99z\n")
    screen = Screen("alpine", "-p", str(rc), "-i", "-sort", "arrival",
                    env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C"})
    screen.wait(b"ENTER PASSWORD")
    screen.press(PASSWORD.encode() + b"\r", b"Preserve password")
    # What it says with DONE is when it took a while.
    screen.press(b"n", b"opened with 3 messages|Opening .*DONE")
    screen.press(b"*", b"Flag New")
    screen.press(b"*n", b"letter 2")
    screen.press(b"d", b"deletion")
    screen.press(b"s", b"SAVE")
    screen.press(b"Archive\r", b"copied to|Saving +DONE")
    assert screen.end(b"q") == 0
    client.ok("SELECT INBOX")
    assert b"letter 1" in client.ok("FETCH 1 ENVELOPE")[0]
    assert b"\\Flagged" in client.ok("FETCH 1 FLAGS")[0]
    client.ok("SELECT Archive")
    line, = client.ok("FETCH 1:* ENVELOPE")
    assert b"letter 3" in line
    client.close()
