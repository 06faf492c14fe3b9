"""SMTP in: every command in right and wrong order, what must not get through, and what a client
that goes away leaves behind (nothing)."""
import base64
import contextlib
import os
import pathlib
import re
import smtplib
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import PASSWORD, _factory, wait_for

DIALOGUES = sorted((pathlib.Path(__file__).parent / "smtp").glob("*.txt"))
LIMITS = """
smtp {
    max-message = 1000000
    memory = 16K
    no-soliciting = "net.example:ADV,org.example:ADLT"
    vrfy = everybody
}
"""


class Wire:
    """One connection, bytes as they are."""

    def __init__(self, server, port="smtp", greeting=True):
        self.sock = socket.create_connection(("127.0.0.1", server.port[port]), timeout=60)
        self.server = server
        self.file = self.sock.makefile("rb")
        if port == "submissions":
            self.wrap()
        if greeting:
            assert self.reply()[-1].startswith("220 ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def wrap(self):
        self.sock = self.server.tls_context().wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError(lines)
            assert line.endswith(b"\r\n"), line
            lines.append(line[:-2].decode())
            if lines[-1][3:4] != "-":
                return lines

    def ask(self, line):
        self.send(line + "\r\n")
        return self.reply()[-1]

    def expect(self, line, code):
        reply = self.ask(line)
        assert reply.startswith(code), f"{line}: {reply}"
        return reply

    def starttls(self):
        self.expect("EHLO client.test", "250")
        self.expect("STARTTLS", "220 2.0.0")
        self.wrap()

    def login(self, user="alice", password=PASSWORD):
        token = base64.b64encode(f"\0{user}@{self.server.domain}\0{password}".encode()).decode()
        return self.ask(f"AUTH PLAIN {token}")

    def begin(self, *to, sender="smith@client.test"):
        self.expect("EHLO client.test", "250")
        self.expect(f"MAIL FROM:<{sender}>", "250 2.1.0")
        for address in to or ("alice@example.test",):
            self.expect(f"RCPT TO:<{address}>", "250 2.1.5")

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


@contextlib.contextmanager
def running(config):
    """A server with an alias."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        server = make(start=False, config=config)
        server.listen("lmtp", "lmtp")
        server.listen("trusted", "smtp", 'xclient-networks = { "127.0.0.0/8" }')
        server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
        server.cli("domain", "add", "second.test")
        server.cli("alias", "add", "--hidden", "secret@example.test", "alice@example.test",
                   "bob@example.test")
        server.cli("alias", "add", "--moved", "old@example.test", "new@far.test")
        server.cli("alias", "add", "away@example.test", "away@far.test")
        server.cli("alias", "add", "bob@second.test", "bob@example.test")
        yield server.start()
    finally:
        dispose()


@pytest.fixture(scope="module")
def limited():
    with running(LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def normalising():
    with running("smtp { bare-newline = normalise\n bad-helo = tolerate }") as server:
        yield server


def unescape(text):
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", lambda m: {
        b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\",
    }.get(m[1]) or bytes([int(m[1][1:], 16)]), text.encode())


class Dialogue:
    """Lines as tests/smtp/README has them, played against a server.

    exact: each S: line is a whole line of the server's, as in docs/smtp.md, where "S: ..." stands
    for any lines of a reply, and what differs from run to run may."""

    HEAD = re.compile(r"@ (\w+)(?: with options)?(?: after (.*))?$", re.M)
    SAID = {"EHLO": "EHLO client.test", "LHLO": "LHLO client.test",
            "MAIL": "MAIL FROM:<smith@client.test>", "RCPT": "RCPT TO:<alice@example.test>"}

    def __init__(self, server, text, name, first=1, exact=False):
        head = self.HEAD.search(text)
        self.lines, self.name, self.first, self.exact = text.splitlines(), name, first, exact
        self.wire = Wire(server, head[1] if head else "smtp", greeting=False)
        self.reply = []
        for said in head[2].split() if head and head[2] else ():
            self.begin(said)

    def begin(self, said):
        """What comes before the dialogue, and is not shown."""
        if not self.reply:
            self.reply = self.wire.reply()
        if said == "STARTTLS":
            self.wire.starttls()
        elif said == "AUTH":
            assert self.wire.login().startswith("235 ")
        else:
            self.wire.expect(self.SAID[said], "250 ")

    @staticmethod
    def same(line):
        line = re.sub(r"\b[34][0-9A-HJKMNP-TV-Z]{15}\b", "ID", line)   # to 2057
        return re.sub(r"\b20\d\d-[\d-]+T[\d:]+Z", "DATE", line)

    def expect_line(self, text):
        line = self.wire.file.readline().decode().removesuffix("\r\n")
        while self.reply == ["..."] and line and self.same(line) != self.same(text):
            line = self.wire.file.readline().decode().removesuffix("\r\n")
        self.reply = [line]
        assert self.same(line) == self.same(text), line

    def skip_to_end(self):
        """Of a reply, unless a line of it was still to be seen."""
        if self.reply == ["..."]:
            self.reply = self.wire.reply()

    def expect(self, text):
        if text == "...":
            self.reply = ["..."]
        elif self.exact:
            self.expect_line(text)
        else:
            self.reply = self.wire.reply()
            assert self.reply[-1].startswith(text), self.reply

    def step(self, line):
        kind, text = line[:2], line[3:]
        if kind != "S:":
            self.skip_to_end()
        if kind == "C:":
            self.wire.send(text + "\r\n")
        elif kind == "R:":
            self.wire.send(unescape(text))
        elif kind == "S:":
            self.expect(text)
        elif kind == "S?":
            assert any(r.startswith(text) for r in self.reply), self.reply
        elif kind == "S!":
            assert not any(r.startswith(text) for r in self.reply), self.reply
        elif line == "TLS":
            self.wire.wrap()
        elif line == "CLOSED":
            assert self.wire.is_closed()
        else:
            assert not line or line[0] in "#@", line

    def play(self):
        with self.wire:
            for number, line in enumerate(self.lines, self.first):
                try:
                    self.step(line)
                except (AssertionError, OSError, EOFError) as e:
                    raise AssertionError(f"{self.name}:{number}: {line}: {e}") from None
            self.skip_to_end()


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda p: p.stem)
def test_dialogue(limited, path):
    Dialogue(limited, path.read_text(), path.name).play()


# --- what is received --------------------------------------------------------------------


def newest(server, user, subject):
    """The message with this subject, when it has come."""
    def find():
        return [m for m in server.messages(user) if b"Subject: " + subject.encode() in m]
    return wait_for(find, what=subject)[-1]


def has(server, user, subject):
    return any(b"Subject: " + subject.encode() in m for m in server.messages(user))


def test_byte_for_byte(limited):
    body = b"..dots\r\n.\xe9\xff 8 bits\r\n\tand \x01 control\r\n" + b"x" * 5000 + b"\r\nend\r\n"
    message = b"Subject: bytes\r\n\r\n" + body
    with limited.smtp() as smtp:
        smtp.sendmail("smith@client.test", ["alice@example.test"], message)
    got = newest(limited, "alice", "bytes")
    assert got.endswith(b"\r\n" + message)
    assert got.startswith(b"Return-Path: <smith@client.test>\r\nAuthentication-Results: ")


def test_trace_field(limited):
    with Wire(limited) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        accepted = wire.expect("Subject: trace\r\n\r\n.", "250 2.0.0 Accepted, id ")
    header = newest(limited, "alice", "trace").split(b"\r\n\r\n")[0].decode()
    trace = header.replace("\r\n\t", " ").split("\r\n")[2]
    assert re.fullmatch(
        r"Received: from client\.test \(\[127\.0\.0\.1\]\) by mx\.example\.test \(Veredus\)"
        r" with ESMTP id " + accepted.split()[-1] + r" for <alice@example\.test>;"
        r" \w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", trace), trace


def test_trace_names_tls_login_and_no_single_recipient(limited):
    with limited.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test", "bob@example.test"],
                      "Subject: submitted\r\n\r\nx\r\n")
    trace = newest(limited, "bob", "submitted").split(b"\r\n\r\n")[0]
    assert re.search(rb"with ESMTPSA \(TLSv1\.[23] cipher [A-Z0-9_-]+\)", trace)
    assert b" for <" not in trace


def test_odd_names_in_trace(normalising):
    with Wire(normalising) as wire:
        wire.expect("HELO my(pc", "250")
        wire.expect("MAIL FROM:<a@client.test>", "250")
        wire.expect("RCPT TO:<alice@example.test>", "250")
        wire.expect("DATA", "354")
        wire.expect("Subject: oddname\r\n\r\n.", "250")
    trace = newest(normalising, "alice", "oddname")
    assert b"Received: from [127.0.0.1] ([127.0.0.1]) (said my\\(pc)\r\n" in trace
    assert b"with SMTP\r\n" in trace


def test_alias_reaches_each_once(limited):
    with limited.smtp() as smtp:
        smtp.sendmail("smith@client.test", ["team@example.test", "Alice+x@example.test"],
                      "Subject: once\r\n\r\nx\r\n")
    newest(limited, "bob", "once")
    assert sum(b"Subject: once" in m for m in limited.messages("alice")) == 1


def test_large_message_goes_through_a_file(limited):
    """Sixty times what may stay in memory; and no file is left."""
    body = b"".join(b"%07d %s\r\n" % (i, b"y" * 60) for i in range(13000))
    with limited.smtp() as smtp:
        smtp.sendmail("smith@client.test", ["bob@example.test"], b"Subject: large\r\n\r\n" + body)
    assert newest(limited, "bob", "large").endswith(b"\r\n\r\n" + body)
    assert list((limited.dir / "tmp").glob("*")) == []


# --- the end of the data -----------------------------------------------------------------

# Each is taken for the end of the data by some server (SMTP smuggling); none may be here.
NOT_THE_END = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\0\r\n",
               b"\n.\r", b"\r\n\x00.\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n"]


@pytest.mark.parametrize("sequence", NOT_THE_END, ids=repr)
@pytest.mark.parametrize("normalise", [False, True], ids=["refuse", "normalise"])
def test_smuggling(limited, normalising, sequence, normalise):
    server = normalising if normalise else limited
    # In these the dot does stand between two CRLFs, but is not alone on its line.
    is_plain = sequence in (b"\r\n.\0\r\n", b"\r\n\x00.\r\n", b"\r\n. \r\n")
    subject = f"outer{abs(hash((sequence, normalise)))}"
    with Wire(server) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        wire.send(f"Subject: {subject}\r\n\r\nouter".encode() + sequence +
                  b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
                  b"Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n")
        reply = wire.reply()[-1]
        if normalise or is_plain:
            assert reply.startswith("250 2.0.0"), reply
        else:
            assert reply.startswith("550 5.6.0"), reply
        # One message was sent, and one answer came.
        assert wire.ask("NOOP").startswith("250 2.0.0 OK")
        wire.expect("QUIT", "221")
        assert wire.is_closed()
    assert not has(server, "bob", "smuggled")
    assert has(server, "alice", subject) == (normalise or is_plain)


def test_bare_newlines_become_crlf(normalising):
    with Wire(normalising) as wire:
        wire.send(b"EHLO client.test\nMAIL FROM:<a@client.test>\nRCPT TO:<alice@example.test>\n"
                  b"DATA\n")
        assert [wire.reply()[-1][:3] for _ in range(4)] == ["250", "250", "250", "354"]
        wire.send(b"Subject: bare\n\none\rtwo\nthree\r\n.\r\n")
        assert wire.reply()[-1].startswith("250 2.0.0")
    assert newest(normalising, "alice", "bare").endswith(
        b"Subject: bare\r\n\r\none\r\ntwo\r\nthree\r\n")


def test_data_cut_anywhere(limited):
    """The final dot in two packets, at each of its bytes."""
    text = b"Subject: severed\r\n\r\n.\r.\r\r\n..\r\nlast\r\n.\r\n".replace(b"\r.\r\r\n", b"..\r\n")
    with Wire(limited) as wire:
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.expect("EHLO client.test", "250")
        for cut in range(len(text)):
            wire.expect("MAIL FROM:<a@client.test>", "250")
            wire.expect("RCPT TO:<bob@example.test>", "250")
            wire.expect("DATA", "354")
            wire.send(text[:cut])
            time.sleep(0.002)
            wire.send(text[cut:])
            assert wire.reply()[-1].startswith("250 2.0.0"), cut
    copies = {m.split(b"\r\n\r\n", 1)[1] for m in limited.messages("bob") if b"Subject: severed" in m}
    assert len(copies) == 1


# --- limits ------------------------------------------------------------------------------


def test_line_too_long(limited):
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("NOOP " + "x" * 5000, "500 5.5.2")
        wire.expect("NOOP " + "x" * 100000, "500 5.5.2")
        wire.expect("NOOP", "250")


def test_message_too_big(limited):
    with Wire(limited) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        wire.send(b"Subject: toobig\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1001 + b".\r\n")
        assert wire.reply()[-1].startswith("552 5.3.4")
        wire.expect("NOOP", "250")
    assert not has(limited, "alice", "toobig")


def test_message_without_end_is_cut_off(limited):
    with Wire(limited) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        with pytest.raises((ConnectionResetError, BrokenPipeError, EOFError)):
            for _ in range(100):
                wire.send((b"x" * 998 + b"\r\n") * 1000)
            wire.reply()
            wire.reply()


def test_exactly_the_largest(limited):
    message = b"Subject: exact\r\n\r\n"
    message += b"x" * (1000000 - len(message) - 2) + b"\r\n"
    with limited.smtp() as smtp:
        smtp.sendmail("a@client.test", ["alice@example.test"], message)
    newest(limited, "alice", "exact")


def test_long_lines_pass(limited):
    with limited.smtp() as smtp:
        smtp.sendmail("a@client.test", ["alice@example.test"],
                      b"Subject: longline\r\n\r\n" + b"z" * 100000 + b"\r\n")
    assert b"z" * 100000 in newest(limited, "alice", "longline")


def test_thousand_recipients(make_server):
    server = make_server(start=False)
    for i in range(20):
        server.cli("alias", "add", f"a{i}@example.test", "alice@example.test")
    server.start()
    with server.submission() as smtp:
        to = [f"r{i}@remote.invalid" for i in range(980)] + [f"a{i}@example.test" for i in range(20)]
        smtp.ehlo("client.test")
        smtp.mail("alice@example.test")
        assert all(smtp.rcpt(address)[0] == 250 for address in to)
        assert smtp.rcpt("bob@example.test") == (452, b"4.5.3 Too many recipients")
        assert smtp.data("Subject: many\r\n\r\nx\r\n")[0] == 250
    assert sum(m.endswith(b"Subject: many\r\n\r\nx\r\n") for m in server.messages("alice")) == 1
    assert not server.messages("bob")


def test_too_many_transactions(make_server):
    server = make_server(config="smtp { max-transactions = 2 }")
    with Wire(server) as wire:
        wire.begin()
        wire.expect("RSET", "250")
        wire.begin()
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<a@client.test>", "421 4.7.0")
        assert wire.is_closed()


def drip_until_closed(wire):
    begin = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - begin < 30:
            wire.send(b"x")
            time.sleep(0.1)


def test_timeouts(make_server):
    """Of the data. A byte now and then is not enough to be let on."""
    server = make_server(config="smtp { data-timeout = 1s }")
    with Wire(server) as slow, Wire(server) as drip:
        for wire in slow, drip:
            wire.begin()
            wire.expect("DATA", "354")
        drip_until_closed(drip)
        assert slow.reply()[-1].startswith("421 4.4.2")
        assert slow.is_closed()
    assert not server.messages("alice")


def test_slow_command_line(make_server):
    """The time-out is for the line, not for each of its bytes."""
    server = make_server(config="smtp { command-timeout = 1s }")
    with Wire(server) as idle, Wire(server) as wire:
        drip_until_closed(wire)
        assert idle.reply()[-1].startswith("421 4.4.2")
        assert idle.is_closed()


def test_mail_loops_end(limited):
    received = "Received: from a.test by b.test; Wed, 31 Dec 2025 09:00:00 +0000\r\n"
    with limited.smtp() as smtp:
        smtp.sendmail("a@client.test", ["alice@example.test"],
                      received * 49 + "Subject: notyet\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("a@client.test", ["alice@example.test"],
                          received * 50 + "Subject: loop\r\n\r\nx\r\n")
    assert refused.value.smtp_code == 554
    assert refused.value.smtp_error.startswith(b"5.4.6")


def test_quota(make_server):
    server = make_server(start=False)
    server.cli("user", "quota", "bob@example.test", "20K")
    server.start()
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("MAIL FROM:<a@client.test> SIZE=30000", "250")
        wire.expect("RCPT TO:<bob@example.test>", "452 4.2.2")
        wire.expect("RCPT TO:<alice@example.test>", "250")


# --- TLS and AUTH ------------------------------------------------------------------------


def test_starttls_forgets_all(limited):
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("STARTTLS", "220")
        wire.wrap()
        wire.expect("MAIL FROM:<a@client.test>", "503 5.5.1")
        wire.send("EHLO client.test\r\n")
        reply = wire.reply()
        assert not any("STARTTLS" in line for line in reply)
        assert any(line.startswith("250-AUTH ") and "PLAIN" in line for line in reply)
        wire.expect("STARTTLS", "503 5.5.1")


def test_starttls_injection(limited):
    """What stands behind STARTTLS in clear is never taken for what comes under TLS."""
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        wire.send("STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@client.test>\r\n")
        assert wire.reply()[-1].startswith("220")
        wire.wrap()
        assert wire.ask("NOOP") == "250 2.0.0 OK"
        wire.expect("MAIL FROM:<a@client.test>", "503 5.5.1")


def test_plain_after_starttls_ends_the_session(limited):
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("STARTTLS", "220")
        wire.send("EHLO client.test\r\n" * 10)
        rest = b""
        try:
            rest = wire.file.read()
        except ConnectionResetError:
            pass
        assert b"250" not in rest


def test_tls_dripped(limited):
    """A client hello that never ends is not waited for by anybody else."""
    with Wire(limited) as stuck, Wire(limited) as other:
        stuck.expect("EHLO client.test", "250")
        stuck.expect("STARTTLS", "220")
        stuck.send(b"\x16\x03\x01\x02\x00\x01")
        other.expect("NOOP", "250")


def test_login(limited):
    with Wire(limited, "submissions") as wire:
        wire.send("EHLO client.test\r\n")
        assert any(line.startswith("250-AUTH ") for line in wire.reply())
        wire.expect("MAIL FROM:<alice@example.test>", "530 5.7.0")
        assert wire.login().startswith("235 2.7.0")
        assert wire.login().startswith("503 5.5.1")
        wire.send("EHLO client.test\r\n")
        assert not any(line.startswith("250-AUTH ") for line in wire.reply())
        wire.expect("MAIL FROM:<bob@example.test>", "553 5.7.1")
        wire.expect("MAIL FROM:<x@remote.test>", "553 5.7.1")
        wire.expect("MAIL FROM:<team@example.test>", "250")
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<>", "250")
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<Alice+list@example.test>", "250")
        assert wire.login().startswith("503 5.5.1")
        wire.expect("RCPT TO:<nobody@example.test>", "550 5.1.1")
        wire.expect("RCPT TO:<somebody@remote.invalid>", "250 2.1.5")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def test_login_in_steps(limited):
    with Wire(limited, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("AUTH PLAIN", "334 ")
        wire.expect("*", "501 5.0.0")
        wire.expect("AUTH PLAIN", "334 ")
        wire.expect("not base64!", "501 5.5.2")
        wire.expect("AUTH LOGIN", "334 " + b64("User Name")[:2])
        wire.expect(b64("alice@example.test"), "334 ")
        wire.expect("*", "501 5.0.0")
        wire.expect("AUTH PLAIN", "334 ")
        wire.expect("x" * 13000, "500 5.5.6")
        wire.expect("NOOP", "250 2.0.0 OK")
        wire.expect("AUTH LOGIN", "334 ")
        wire.expect(b64("alice@example.test"), "334 ")
        wire.expect(b64(PASSWORD), "235 2.7.0")


def test_wrong_passwords_cost_time_then_the_connection(limited):
    with Wire(limited, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        begin = time.monotonic()
        assert wire.login(password="wrong").startswith("535 5.7.8")
        assert wire.login(user="nobody").startswith("535 5.7.8")
        assert wire.login(password="guess").startswith("421 4.7.0")
        assert time.monotonic() - begin > 2
        assert wire.is_closed()


def test_auth_lost_in_the_middle(limited):
    for sent in ("AUTH PLAIN\r\n", "AUTH LOGIN\r\n" + b64("alice@example.test") + "\r\n"):
        with Wire(limited, "submissions") as wire:
            wire.expect("EHLO client.test", "250")
            wire.send(sent)
            assert wire.reply()[-1].startswith("334")
    with Wire(limited) as wire:
        wire.expect("NOOP", "250")


# --- pipelining, disconnects, many at once -----------------------------------------------

TRANSACTION = (b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<bob@example.test>\r\n"
               b"RCPT TO:<nobody@example.test>\r\nDATA\r\n")


def test_pipelining_in_one_packet(limited):
    with Wire(limited) as wire:
        wire.send(TRANSACTION + b"Subject: piped1\r\n\r\nx\r\n.\r\n" +
                  TRANSACTION[TRANSACTION.index(b"MAIL"):] +
                  b"Subject: piped2\r\n\r\nx\r\n.\r\nQUIT\r\n")
        codes = [wire.reply()[-1][:3] for _ in range(12)]
        assert codes == ["250", "250", "250", "550", "354", "250",
                         "250", "250", "550", "354", "250", "221"]
        assert wire.is_closed()
    newest(limited, "bob", "piped1")
    newest(limited, "bob", "piped2")


def test_ten_thousand_noops(limited):
    with Wire(limited) as wire:
        sender = threading.Thread(target=wire.send, args=(b"NOOP\r\n" * 10000,))
        sender.start()
        assert all(wire.reply() == ["250 2.0.0 OK"] for _ in range(10000))
        sender.join()


def use_all(server):
    """Opens what is opened at the first use and stays open."""
    for _ in range(3):
        with server.smtp() as smtp:
            smtp.sendmail("a@client.test", ["alice@example.test"], "Subject: first\r\n\r\nx\r\n")
        server.messages("alice")


def open_files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_disconnect_at_each_byte(limited):
    """A message is there as a whole or not at all, and nothing of the rest stays."""
    whole = TRANSACTION + b"Subject: torn\r\n\r\nbody\r\n.\r\n"
    use_all(limited)
    before = open_files(limited)
    for cut in range(len(whole)):
        sock = socket.create_connection(("127.0.0.1", limited.port["smtp"]), timeout=60)
        sock.sendall(whole[:cut])
        if cut % 2:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        sock.close()
    wait_for(lambda: open_files(limited) <= before + 2, 20, "closed connections")
    assert not has(limited, "bob", "torn")
    assert list((limited.dir / "tmp").glob("*")) == []


def test_disconnect_in_large_message(limited):
    for _ in range(20):
        with Wire(limited) as wire:
            wire.begin()
            wire.expect("DATA", "354")
            wire.send((b"x" * 98 + b"\r\n") * 3000)
    wait_for(lambda: not any("(deleted)" in os.readlink(f"/proc/{limited.process.pid}/fd/{fd}")
                             for fd in os.listdir(f"/proc/{limited.process.pid}/fd")
                             if os.path.islink(f"/proc/{limited.process.pid}/fd/{fd}")),
             20, "spool files to go")
    assert list((limited.dir / "tmp").glob("*")) == []


def test_stopping_says_so(make_server):
    server = make_server()
    with Wire(server) as idle, Wire(server) as busy:
        busy.begin()
        busy.expect("DATA", "354")
        server.process.terminate()
        assert idle.reply()[-1].startswith("421 4.3.2")
        assert busy.reply()[-1].startswith("421 4.3.2")


def test_session_is_logged_once(limited):
    with Wire(limited) as wire:
        wire.expect("EHLO logged.test", "250")
        wire.expect("MAIL FROM:<a@client.test>", "250")
        for _ in range(3):
            wire.expect("RCPT TO:<nobody@example.test>", "550")
        wire.expect("QUIT", "221")
    line = wait_for(lambda: [l for l in limited.log_text().splitlines() if "helo=logged.test" in l],
                    what="the log line")
    assert len(line) == 1
    assert 'commands="ehlo=1 mail=1 rcpt=0/3 quit=1"' in line[0]
    assert "end=quit" in line[0]


def test_swaks(limited):
    result = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{limited.port['smtp']}", "--pipeline",
         "--from", "smith@client.test", "--to", "bob@example.test,team@example.test",
         "--header", "Subject: swaks", "--body", "hello"],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    newest(limited, "bob", "swaks")
