"""SEND, SOML and SAML (RFC 821) to a real terminal, by a utmp file of the test's own; VERB, ONEX and
XUSR as sendmail has them."""
import contextlib
import os
import pty
import struct
import tty

import pytest

from conftest import wait_for
from test_smtp import Wire

USER_PROCESS = 7


def utmp_entry(user, line):
    """struct utmp of Linux: type, pid, line, id, user, host, and what nobody reads."""
    return struct.pack("<h2xi32s4s32s256s", USER_PROCESS, os.getpid(), line.encode(), b"",
                       user.encode(), b"").ljust(384, b"\0")


class Terminal:
    """What the user of a pty would see."""

    def __init__(self, mode=0o620):
        self.master, slave = pty.openpty()
        self.slave = slave
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.fchmod(slave, mode)
        os.set_blocking(self.master, False)
        self.seen = b""

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.master, 65536):
                self.seen += chunk
        return self.seen

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminals():
    """alice has messages on, bob off."""
    alice, bob = Terminal(0o620), Terminal(0o600)
    yield {"alice": alice, "bob": bob}
    alice.close()
    bob.close()


@pytest.fixture
def server(make_server, terminals, tmp_path):
    utmp = tmp_path / "utmp"
    utmp.write_bytes(utmp_entry("nobody", "../etc/passwd") + b"".join(
        utmp_entry(user, t.path.removeprefix("/dev/")) for user, t in terminals.items()))
    return make_server(config=f"""smtp {{
        terminals = everybody
        utmp = "{utmp}"
        sendmail-commands = everybody
    }}""")


def transact(wire, verb, *to, subject="hello"):
    wire.expect(f"{verb} FROM:<smith@client.test>", "250 2.1.0")
    for address in to:
        wire.expect(f"RCPT TO:<{address}>", "250 2.1.5")
    wire.expect("DATA", "354")
    return wire.ask(f"Subject: {subject}\r\n\r\nring \x07 \x1b[2J \x1b]0;x\x07 end\r\n.")


def count(server, user, subject):
    return sum(f"Subject: {subject}\r\n".encode() in m for m in server.messages(user))


def test_send_soml_saml(server, terminals):
    screen = terminals["alice"]
    with Wire(server) as wire:
        wire.send("EHLO client.test\r\n")
        assert {"250-SEND", "250-SOML", "250-SAML"} <= set(wire.reply())
        # SEND: to the terminal, or not at all.
        assert transact(wire, "SEND", "alice@example.test", subject="send").startswith("250 2.0.0")
        seen = wait_for(lambda: b"EOF" in screen.read() and screen.seen)
        assert b"Message from <smith@client.test> ..." in seen and b"Subject: send\r\n" in seen
        assert b"ring  [2J ]0;x end\r\n" in seen
        assert not set(seen) & (set(range(32)) - set(b"\t\r\n"))
        wire.expect("SEND FROM:<smith@client.test>", "250")
        wire.expect("MAIL FROM:<smith@client.test>", "503 5.5.1")
        wire.expect("RCPT TO:<bob@example.test>", "450 4.2.1")
        wire.expect("RCPT TO:<nobody@example.test>", "550 5.1.1")
        wire.expect("DATA", "554 5.5.1")
        wire.expect("RSET", "250")
        # SOML: to the terminal, else to the mailbox.
        assert transact(wire, "SOML", "alice@example.test", "bob@example.test",
                        subject="soml").startswith("250 2.0.0 Accepted")
        # SAML: to both.
        assert transact(wire, "SAML", "alice@example.test", "bob@example.test",
                        subject="saml").startswith("250 2.0.0 Accepted")
        wait_for(lambda: screen.read().count(b"EOF") == 3)
        assert b"Subject: soml" in screen.seen and b"Subject: saml" in screen.seen
        # The next transaction is an ordinary one.
        assert transact(wire, "MAIL", "alice@example.test", subject="mail").startswith("250")
    assert [count(server, "alice", s) for s in ("send", "soml", "saml", "mail")] == [0, 0, 1, 1]
    assert [count(server, "bob", s) for s in ("send", "soml", "saml", "mail")] == [0, 1, 1, 0]
    assert screen.read().count(b"EOF") == 3
    assert terminals["bob"].read() == b""


def test_who_left_between(server, terminals):
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("SEND FROM:<smith@client.test>", "250")
        wire.expect("RCPT TO:<alice@example.test>", "250")
        os.fchmod(terminals["alice"].slave, 0o600)
        wire.expect("DATA", "354")
        wire.expect("Subject: gone\r\n\r\nx\r\n.", "450 4.2.1")
    assert not server.messages("alice")


def test_verb(server):
    server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
    with Wire(server) as wire:
        wire.send("EHLO client.test\r\n")
        assert {"250-VERB", "250-ONEX", "250-XUSR"} <= set(wire.reply())
        wire.expect("VERB on", "250 2.0.0")
        wire.expect("ONEX", "250 2.0.0")
        wire.expect("MAIL FROM:<smith@client.test>", "250")
        wire.expect("RCPT TO:<alice@example.test>", "250")
        wire.expect("RCPT TO:<team@example.test>", "250")
        wire.expect("DATA", "354")
        wire.send("Subject: x\r\n\r\nx\r\n.\r\n")
        lines = [wire.reply()[-1] for _ in range(4)]
        assert lines[:3] == ["050 sender <smith@client.test>",
                             "050 recipient <alice@example.test> into the mailbox",
                             "050 recipient <team@example.test> expanded"]
        assert lines[3].startswith("250 2.0.0 Accepted")
        # For one message.
        assert transact(wire, "MAIL", "alice@example.test").startswith("250 2.0.0 Accepted")


def test_xusr(make_server):
    """The message is completed, if who says it may relay."""
    config = "smtp { sendmail-commands = everybody }"
    trusting = make_server(config='relay-networks = { "127.0.0.0/8" }\n' + config)
    for server, completed in ((trusting, True), (make_server(config=config), False)):
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            wire.expect("XUSR", "250 2.0.0")
            transact(wire, "MAIL", "alice@example.test")
        header = server.wait_messages(1)[0].split(b"\r\n\r\n")[0]
        assert (b"\r\nMessage-ID: " in header) == completed
