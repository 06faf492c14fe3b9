"""Dialogues with the IMAP server, as tests/imap/README has them: scripts of tests/imap, and the
sessions of docs/imap.md. Played by the player of SMTP's dialogues."""
import itertools
import re
import zlib

from conftest import PASSWORD
from test_smtp import Dialogue, Wire

MESSAGE = """From: Ann <ann@example.test>\r
To: alice@example.test\r
Subject: message {0}\r
Date: Thu, 1 Jan 2026 0{1}:00:00 +0000\r
Message-ID: <{0}@example.test>\r
\r
Hello {0}.\r
"""
USERS = itertools.count(1)


class ImapWire(Wire):
    def __init__(self, server, port):
        super().__init__(server, "imap" if port == "imaps" else port, greeting=False)
        if port == "imaps":
            self.line()
            self.command("STARTTLS")
            self.wrap()

    def line(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        return line.decode().removesuffix("\r\n")

    def command(self, text):
        """Untagged lines of a command that succeeds; a literal is sent without waiting."""
        self.send(f"x {text}\r\n")
        lines = [self.line()]
        while not lines[-1].startswith("x "):
            lines.append(self.line())
        assert lines[-1].startswith("x OK"), lines
        return lines


class Deflated:
    """What a connection is after COMPRESS, for the one who reads lines of it."""

    def __init__(self, sock):
        self.sock, self.held = sock, b""
        self.deflate, self.inflate = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

    def sendall(self, data):
        self.sock.sendall(self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH))

    def fill(self):
        data = self.sock.recv(65536)
        self.held += self.inflate.decompress(data)
        return data

    def readline(self):
        while b"\n" not in self.held and self.fill():
            pass
        line, end, self.held = self.held.partition(b"\n")
        return line + end

    def read(self, size):
        while len(self.held) < size and self.fill():
            pass
        data, self.held = self.held[:size], self.held[size:]
        return data

    def makefile(self, _):
        return self

    def close(self):
        self.sock.close()


class ImapDialogue(Dialogue):
    HEAD = re.compile(r"@ (\w+)(?: with (\d+) messages)?(?: under (\S+))?(?: after (.*))?$", re.M)
    SAME = [(r"\b(UIDVALIDITY|APPENDUID|COPYUID) \d{9,}", r"\1 N"),
            (r'"(?!01-Jan-2026)[ \d]\d-\w{3}-20\d\d [\d:]+ [+-]\d{4}"', "DATE"),
            (r"\bQRESYNC \(\d{9,}", "QRESYNC (N"),
            (r"\b(X-GM-(?:MSGID|THRID)) \d{6,}", r"\1 1"),
            (r":INTERNAL:[0-9a-f]{32,}", ":INTERNAL:TOKEN"), (r"user\d+%40", "alice%40"),
            (r"\b(MAILBOXID|EMAILID|THREADID) \([\w-]+\)", r"\1 (ID)")]

    def __init__(self, server, text, name, first=1):
        head = self.HEAD.search(text)
        self.lines, self.name, self.first, self.exact = text.splitlines(), name, first, True
        self.reply, self.tag, self.validity = [], None, None
        user = f"user{next(USERS)}@{server.domain}" if head[2] or head[4] else None
        self.token, self.skipping = None, False
        self.local = user.split("@")[0] if user else "alice"
        if user:
            server.cli("user", "add", user, input=PASSWORD + "\n")
            self.fill(server, user, int(head[2] or 0))
        self.wire = ImapWire(server, head[1])
        for said in head[4].split() if head[4] else ():
            self.begin(said, user)

    @classmethod
    def options(cls, text):
        """Those of section imap that the server needs."""
        return (cls.HEAD.search(text)[3] or "").replace("=", " = ").split(",")

    def fill(self, server, user, count):
        """Messages that nobody has seen, but are no longer \\Recent."""
        with ImapWire(server, "imaps") as wire:
            wire.command(f'LOGIN {user} "{PASSWORD}"')
            for n in range(1, count + 1):
                text = MESSAGE.format(n, n % 10)
                wire.command(f'APPEND INBOX "01-Jan-2026 0{n % 10}:00:00 +0000" {{{len(text)}+}}\r\n{text}')
            self.validity, = re.findall(r"UIDVALIDITY (\d+)", "".join(wire.command("SELECT INBOX")))

    def begin(self, said, user):
        self.wire.command({"LOGIN": f'LOGIN {user} "{PASSWORD}"', "SELECT": "SELECT INBOX"}.get(
            said, said.replace("_", " ")))

    def same(self, line):
        for pattern, becomes in self.SAME:
            line = re.sub(pattern, becomes, line)
        return line

    def note_token(self):
        """Of the URL that was authorized last."""
        if found := re.match("\\* GENURLAUTH.*(:INTERNAL:[0-9a-f]+)", self.reply[0]):
            self.token = found[1]

    def expect_line(self, text):
        super().expect_line(text)
        self.note_token()

    def skip_to_end(self):
        while self.reply == ["..."] or (self.skipping and not self.reply[0].startswith(f"{self.tag} ")):
            self.skipping = True
            self.reply = [self.wire.line()]
            self.note_token()
        self.skipping = False

    def step(self, line):
        if line.startswith("C: ") and (tag := re.match(r"C: (\w+) ", line)):
            self.skip_to_end()
            self.tag = tag[1]
        line = line.replace("alice%40", self.local + "%40")
        if self.token:
            line = re.sub(r":INTERNAL:[0-9a-f]{32,}", self.token, line)
        if self.validity:
            line = re.sub(r"\bQRESYNC \(\d{9,}", f"QRESYNC ({self.validity}", line)
        if line == "DEFLATE":
            self.wire.sock = self.wire.file = Deflated(self.wire.sock)
        else:
            super().step(line)
