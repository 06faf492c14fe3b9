"""Sessions made by chance: thousands of sequences of commands, good, bad and broken, pipelined and
cut anywhere, over every kind of listener. Whatever comes, each line of the server is one of a reply
of SMTP, the session ends, and the server lives (with `make check` under sanitizers, which fail the
module when it stops).

VEREDUS_FUZZ_SEED and VEREDUS_FUZZ_SESSIONS (of each listener) make another or a longer run; a
failure tells the seed of its session, and what was said."""
import base64
import concurrent.futures
import errno
import os
import pathlib
import random
import re
import socket
import tempfile

import pytest

from conftest import PASSWORD, _factory, free_port
from test_smtp import Wire
from test_smtp_docs import OPTIONS, prepare

SEED = int(os.environ.get("VEREDUS_FUZZ_SEED", "1"))
SESSIONS = int(os.environ.get("VEREDUS_FUZZ_SESSIONS", "1000"))
SESSION_SECONDS = 60
CONFIG = OPTIONS + """
auth { refusal-pause = 0 failure-wait-max = 0 }
guard { greeting-wait = 0 rdns = no max-junk-commands = 10 slow-max = 5ms score-half-life = 100ms
        ban-time = 100ms ban-time-max = 100ms }
smtp { max-message = 64K memory = 16K auth-without-tls = yes max-errors = 30 max-command = 1K }
"""
LISTENERS = ["smtp", "submission", "lmtp", "odmr", "trusted", "proxied"]
LOGIN = base64.b64encode(f"\0alice@example.test\0{PASSWORD}".encode()).decode()

# --- a grammar: a name in braces stands for one of its list ----------------------------------

WORDS = {
    "command": """{hello}|{hello}|MAIL FROM:{path} {mail}|MAIL FROM:{path} {mail}|MAIL FROM:{path}|
        RCPT TO:{path} {rcpt}|RCPT TO:{path}|RCPT TO:<{user}@example.test>|
        RCPT TO:<alice@example.test>|DATA|DATA|{bdat}|{bdat}|RSET|NOOP{junk}|QUIT|HELP {topic}|HELP|
        VRFY {asked}|EXPN {asked}|ETRN {node}|ATRN {nodes}|ATRN|TURN|SEND FROM:{path}|
        SOML FROM:{path}|SAML FROM:{path}|VERB|ONEX|XUSR|XCLIENT {attributes}|XFORWARD {attributes}|
        AUTH {auth}|STARTTLS|BURL imap://x/y LAST|BURL imap://mx.example.test/INBOX/;UID=1 LAST|LHLO client.test|
        PROXY TCP4 192.0.2.1 192.0.2.2 1 25|{junk}|{verb}{junk}|{verb}""",
    "verb": """HELO|EHLO|LHLO|MAIL|RCPT|DATA|BDAT|RSET|NOOP|QUIT|HELP|VRFY|EXPN|ETRN|ATRN|TURN|SEND|
        SOML|SAML|AUTH|STARTTLS|XCLIENT|XFORWARD|MAIL FROM:|RCPT TO:|MAIL FROM:<>|
        mAiL fRoM: <a@b.test>""",
    "hello": """EHLO client.test|EHLO [192.0.2.1]|HELO client.test|EHLO [IPv6:::1]|LHLO client.test|
        EHLO {junk}""",
    "user": """alice|bob|carol|nobody|team|secret|old|away|Alice+x|postmaster|"al ice"|
        j\u00fcrgen""",
    "domain": """example.test|client.test|far.test|far.example|example.net|b\u00fccher.test|
        xn--bcher-kva.test|[192.0.2.1]|[IPv6:::1]|x..y|-a.test|{junk}""",
    "path": """<{user}@{domain}>|<{user}@{domain}>|<{user}@{domain}>|<>|<{user}>|{user}@{domain}|
        <@a.test,@b.test:{user}@{domain}>|<{junk}>""",
    "mail": """SIZE={number}|BODY=8BITMIME|BODY=BINARYMIME|BODY=7BIT|SMTPUTF8|RET=FULL|RET=HDRS|
        ENVID={xtext}|AUTH={xtext}|AUTH=<>|REQUIRETLS|BY={number};R|BY={number};NT|BY=-5;N|
        HOLDFOR={number}|HOLDUNTIL=2030-01-01T00:00:00Z|HOLDUNTIL={junk}|MT-PRIORITY=-3|
        MT-PRIORITY={number}|SOLICIT=net.example:ADV|SOLICIT={junk}|{mail} {mail}|{junk}={junk}""",
    "rcpt": """NOTIFY=NEVER|NOTIFY=SUCCESS,FAILURE,DELAY|ORCPT=rfc822;{xtext}|ORCPT=utf-8;{xtext}|
        NOTIFY={junk}|{rcpt} {rcpt}|{junk}""",
    "xtext": r"a+2Bb@example.test|x|+3D+|\x{hex}b@c.test|{junk}",
    "number": """0|1|7|100|3600|65537|4294967296|18446744073709551616|99999999999999999999|-1|+1|
        0x1|{junk}""",
    "asked": """alice|alice@example.test|team@example.test|secret|bob@second.test|old@example.test|
        <{user}@{domain}>|{junk}""",
    "node": "example.net|@example.net|#all|#none|far.example|{domain}|{junk}",
    "nodes": "far.example|far.example,b.test|{domain},{domain}|,|{junk}",
    "attributes": """ADDR=192.0.2.7|NAME=spike.client.test ADDR=IPV6:2001:db8::1|
        LOGIN=alice@example.test|LOGIN={xtext}|PROTO=ESMTP HELO={domain}|PORT={number}|
        IDENT={xtext} SOURCE=LOCAL|NAME=[UNAVAILABLE]|DESTADDR=192.0.2.9 DESTPORT=25|
        NAME=[TEMPUNAVAIL]|{junk}={junk}|{junk}""",
    "auth": """PLAIN {login}|PLAIN|PLAIN =|LOGIN|LOGIN YWxpY2VAZXhhbXBsZS50ZXN0|SCRAM-SHA-256|
        SCRAM-SHA-1 biwsbj1hbGljZUBleGFtcGxlLnRlc3Qscj1hYWE=|CRAM-MD5|EXTERNAL =|
        OAUTHBEARER {junk}|{junk}""",
    "topic": "DSN|MAIL|help|HELP DSN|{junk}",
}
ALTERNATIVES = {name: re.sub(r"\n\s*", "", text).split("|") for name, text in WORDS.items()}
LINES = [b"Subject: x", b"", b".", b"..", b". ", b"hello", b"TLS-Required: No", b" folded", b"*",
         b"Solicitation: net.example:ADV", b"Received: from a by b; x", b"From: <a@b.test>", b"=",
         b"\xc3\xbc\xff", b"x" * 1200, b"y" * 18000, b"MIME-Version: 1.0", b"--b", b"--b--",
         b"Content-Type: multipart/mixed; boundary=b"]
JUNK = [b"", b" ", b"\0", b"\t", b"\r", b"\n", b"\xff\xfe", b"<", b">", b"<<<>>>", b'"', b"\\",
        b"@", b"%s%n", b"=", b"+", b";", b"x" * 513, b"a" * 1100, b"\xc3\xbc", b"\x1b[2J", b"*", b",",
        b"-", b"2147483648"]


class Script:
    """What one client says."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def word(self, name, depth=0):
        r = self.random
        if name == "junk" or depth > 8:
            return r.choice(JUNK) if r.random() < 0.8 else r.randbytes(r.randint(1, 40))
        if name == "bdat":
            return self.chunk()
        if name == "hex":
            return b"{%X}" % r.choice([0x41, 0xFC, 0, 0x110000])
        if name == "login":
            return LOGIN.encode()
        text = r.choice(ALTERNATIVES[name])
        parts = re.split(r"\{(\w+)\}", text)
        return b"".join(self.word(p, depth + 1) if i % 2 else p.encode()
                        for i, p in enumerate(parts))

    def lines(self):
        r = self.random
        return b"".join(r.choice(LINES) + b"\r\n" for _ in range(r.randint(0, 12)))

    def chunk(self):
        """With as many bytes as it says, or not quite."""
        data = self.lines() if self.random.random() < 0.8 else self.random.randbytes(50)
        size = max(0, len(data) + self.random.choice([0, 0, 0, 0, 0, -1, 2, 30]))
        last = self.random.choice([b"", b" LAST", b" last", b" x"])
        return b"BDAT %d%s\r\n" % (size, last) + data

    def command(self):
        r, said = self.random, self.word("command")
        if r.random() < 0.05:
            said = bytes(b ^ (1 << r.randrange(8)) if r.random() < 0.1 else b for b in said)
        said += r.choice([b"\r\n"] * 30 + [b"\n", b"\r", b" \r\n", b"\r\r\n", b""])
        if said.upper().startswith(b"DATA") or r.random() < 0.02:
            said += self.lines() + r.choice([b".\r\n"] * 9 + [b".\n"])
        return said

    def session(self, begins):
        r = self.random
        parts = list(begins) if r.random() < 0.9 else []
        # Not all of one address, which is soon shut out.
        address = b"192.0.%d.%d" % (r.randrange(256), r.randrange(256))
        parts = [part.replace(b"ADDRESS", address) for part in parts]
        parts += [self.command() for _ in range(r.randint(1, 25))]
        if r.random() < 0.3:
            parts.insert(r.randrange(len(parts) + 1), b"MAIL FROM:<smith@client.test>\r\n"
                         b"RCPT TO:<bob@example.test>\r\nDATA\r\n" + self.lines() + b".\r\n")
        return b"".join(parts)


# --- playing it ------------------------------------------------------------------------------

GONE = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
LINE = re.compile(rb"(?:[2-5]\d\d|050)[ -][\t\x20-\x7e\x80-\xff]*\r\n")
BEGINS = {
    "smtp": [b"EHLO client.test\r\n"],
    "submission": [b"EHLO client.test\r\n", b"AUTH PLAIN " + LOGIN.encode() + b"\r\n"],
    "lmtp": [b"LHLO client.test\r\n"],
    "odmr": [b"EHLO client.test\r\n", b"AUTH PLAIN " + LOGIN.encode() + b"\r\n"],
    "trusted": [b"EHLO client.test\r\n"],
    "proxied": [b"PROXY TCP4 ADDRESS 192.0.2.2 1024 25\r\n", b"EHLO client.test\r\n"],
}


def check_replies(received):
    """Each line is one of a reply, and lines of one reply have one code."""
    code = None
    for line in received.splitlines(keepends=True):
        assert LINE.fullmatch(line) and len(line) <= 512, line
        assert code in (None, line[:3]), line
        code = line[:3] if line[3:4] == b"-" else None
        if line.startswith(b"250 2.0.0 OK, now reversing"):
            return   # it is a client from here on
    assert code is None, "a reply without its end"


def send_in_pieces(sock, said, chance):
    at = 0
    while at < len(said):
        size = chance.choice([1, 7, 100, 1400, 100000])
        sock.sendall(said[at:at + size])
        at += size


def converse(server, listener, seed):
    """How many lines came to the end of the session; 0 if they got lost with the connection."""
    script = Script(seed)
    said, received = script.session(BEGINS[listener]), b""
    try:
        address = ("127.0.0.1", server.port[listener])
        with socket.create_connection(address, SESSION_SECONDS) as sock:
            try:
                send_in_pieces(sock, said, script.random)
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    received += data
            except OSError as e:
                if e.errno not in GONE:
                    raise
                return 0   # it had hung up with some of what we say unread
        check_replies(received)
        return received.count(b"\n")
    except (AssertionError, OSError) as e:
        raise AssertionError(f"{listener}, seed {seed}: {e!r}\nsaid: {said!r}\n"
                             f"received: {received[-2000:]!r}") from None


@pytest.fixture(scope="module")
def server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        made = make(start=False, config=CONFIG % free_port())
        (made.dir / "utmp").touch()
        made.cli("domain", "add", "second.test")
        yield prepare(made)
    finally:
        dispose()


@pytest.mark.parametrize("listener", LISTENERS)
def test_random_sessions(server, listener):
    seeds = [f"{SEED}/{listener}/{i}" for i in range(SESSIONS)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        lines = list(pool.map(lambda seed: converse(server, listener, seed), seeds))
    # Most of it was more than a refusal.
    assert sum(n > 5 for n in lines) > SESSIONS / 2
    # It is as well as before.
    assert server.process.poll() is None
    with Wire(server) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        wire.expect("Subject: after\r\n\r\nx\r\n.", "250 2.0.0 Accepted")


def test_random_sessions_over_tls(server):
    """Fewer, since handshakes take time."""
    for i in range(SESSIONS // 10):
        script = Script(f"{SEED}/tls/{i}")
        with Wire(server, "submissions") as wire:
            try:
                send_in_pieces(wire.sock, script.session(BEGINS["submission"]), script.random)
                wire.sock.sendall(b"\r\n" * 100 + b".\r\n*\r\nQUIT\r\n")
                received = b"".join(iter(lambda: wire.file.read1(65536), b""))
            except (OSError, EOFError):
                continue
        check_replies(received)
