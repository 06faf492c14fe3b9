"""Messages made to cost time or memory, through a real server: in by SMTP, out by IMAP.

What is shown: each is taken, IMAP tells of it in legal syntax, the session lives on, and neither
the memory of the server nor the work that it does grows faster than the message. Work is counted
in instructions by Valgrind's callgrind where it is installed, not in seconds."""
import os
import re
import resource
import shutil
import smtplib
import subprocess

import pytest

from conftest import VEREDUS, Server

MIB = 1024 * 1024
HEAD = b"From: a@client.test\r\nSubject: hostile-%s\r\n"


def nested(depth):
    """Parts in parts, each with a boundary of its own."""
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
                      for i in range(depth))
    return opened + b"\r\ninnermost\r\n" + b"".join(b"--b%d--\r\n" % i
                                                      for i in reversed(range(depth)))


def nested_messages(depth):
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\ninnermost\r\n"


def parts(count):
    return (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
            + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * count + b"--b--\r\n")


def fields(size):
    return b"X-Field: value of a field\r\n" * (size // 27) + b"\r\nbody\r\n"


def field(size):
    return b"X-Field: " + b"v" * size + b"\r\n\r\nbody\r\n"


def folded(size):
    return b"X-Field: v\r\n" + b" v\r\n" * (size // 4) + b"\r\nbody\r\n"


def addresses(count):
    return b"To: " + b",\r\n ".join(b"a%d@b.test" % i for i in range(count)) + b"\r\n\r\nbody\r\n"


def groups(count):
    return b"To: " + b"g: a@b.test; (((" * count + b"\r\n\r\nbody\r\n"


def words(count):
    return b"Subject: " + b"=?utf-8?q?=C3=A4?=\r\n " * count + b"x\r\n\r\nbody\r\n"


def parameters(count):
    return (b"Content-Type: text/plain" + b"".join(b"; x*%d*=%%41" % i for i in range(count))
            + b"\r\n\r\nbody\r\n")


def dashes(size):
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--\r\n" * (size // 4)


HOSTILE = {
    "nested": nested(10_000),
    "nested-messages": nested_messages(10_000),
    "parts": parts(100_000),
    "fields": fields(10 * MIB),
    "field": field(10 * MIB),
    "folded": folded(10 * MIB),
    "addresses": addresses(1_000_000),
    "groups": groups(200_000),
    "words": words(300_000),
    "parameters": parameters(200_000),
    "dashes": dashes(10 * MIB),
}


# --- IMAP's grammar ---------------------------------------------------------------------------

def value_at(data, at):
    """The IMAP value at an offset and what follows it: strings, numbers, NIL, lists of them."""
    stack = [[]]
    while True:
        byte = data[at:at + 1]
        if byte == b"(":
            stack.append([])
            at += 1
        elif byte == b")":
            done = stack.pop()
            stack[-1].append(done)
            at += 1
        elif byte == b" ":
            assert len(stack) > 1
            at += 1
        elif byte == b'"':
            m = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"').match(data, at)
            assert m, data[at:at + 80]
            stack[-1].append(m[1])
            at = m.end()
        elif byte == b"{":
            m = re.compile(rb"\{(\d+)\}\r\n").match(data, at)
            assert m, data[at:at + 80]
            at = m.end() + int(m[1])
            assert at <= len(data) and b"\0" not in data[m.end():at]
            stack[-1].append(data[m.end():at])
        else:
            m = re.compile(rb"NIL|\d+").match(data, at)
            assert m, data[at:at + 80]
            stack[-1].append(None if m[0] == b"NIL" else int(m[0]))
            at = m.end()
        if len(stack) == 1:
            return stack[0][0], at


def check_addresses(value):
    assert value is None or value and all(len(a) == 4 for a in value)


def check_envelope(value):
    assert len(value) == 10
    for i in (0, 1, 8, 9):
        assert value[i] is None or isinstance(value[i], bytes)
    for i in range(2, 8):
        check_addresses(value[i])


def check_body(root):
    """RFC 3501 section 9, body; without recursion, since depth is the point. How many leaves."""
    todo, leaves = [root], 0
    while todo:
        body = todo.pop()
        children = [b for b in body if isinstance(b, list)] if isinstance(body[0], list) else []
        if children:
            count = next(i for i, b in enumerate(body) if not isinstance(b, list))
            assert isinstance(body[count], bytes)
            todo += body[:count]
            continue
        leaves += 1
        assert isinstance(body[0], bytes) and isinstance(body[1], bytes)
        assert body[2] is None or len(body[2]) % 2 == 0
        assert isinstance(body[5], bytes) and isinstance(body[6], int)
        if (body[0].lower(), body[1].lower()) == (b"message", b"rfc822"):
            check_envelope(body[7])
            todo.append(body[8])
            assert isinstance(body[9], int)
        elif body[0].lower() == b"text":
            assert isinstance(body[7], int)
    return leaves


def fetch(imap, number, item):
    """The raw response: imaplib's splitting at literals is undone."""
    status, data = imap.fetch(number, f"({item})")
    assert status == "OK"
    raw = b"".join(p[0] + b"\r\n" + p[1] if isinstance(p, tuple) else p for p in data)
    at = raw.index(item.encode()) + len(item) + 1
    value, end = value_at(raw, at)
    assert raw[end:].rstrip() == b")"
    return value


# --- through the server -----------------------------------------------------------------------

def peak_bytes(server):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A server that got all of them, each in a session of its own. A sanitizer is told not to keep
    what was freed."""
    server = Server(tmp_path_factory.mktemp("hostile") / "server")
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    server.start(env={"ASAN_OPTIONS": options})
    server.peaks = {}
    for name, text in HOSTILE.items():
        before = peak_bytes(server)
        with server.smtp() as smtp:
            smtp.sendmail("a@client.test", ["alice@example.test"], HEAD % name.encode() + text)
            assert smtp.noop()[0] == 250
        server.peaks[name] = peak_bytes(server) - before
    yield server
    server.dispose()


@pytest.mark.parametrize("name", HOSTILE)
def test_in_and_out(loaded, name):
    with loaded.imap() as imap:
        imap.select("INBOX", readonly=True)
        number = str(list(HOSTILE).index(name) + 1)
        check_envelope(fetch(imap, number, "ENVELOPE"))
        leaves = check_body(fetch(imap, number, "BODYSTRUCTURE"))
        assert 1 <= leaves <= 1001
        assert check_body(fetch(imap, number, "BODY")) == leaves
        status, data = imap.fetch(number, "(RFC822.SIZE BODY.PEEK[])")
        assert status == "OK" and data[0][1].endswith(HOSTILE[name])
        status, data = imap.fetch(number, "(BODY.PEEK[1.1.1.1] BODY.PEEK[999.MIME] "
                                          "BODY.PEEK[HEADER.FIELDS (SUBJECT TO)])")
        assert status == "OK"
        assert imap.noop()[0] == "OK"


def test_memory_is_bounded(loaded):
    """By a small multiple of the message, whatever it is made of."""
    for name, peak in loaded.peaks.items():
        assert peak < 6 * len(HOSTILE[name]) + 32 * MIB, (name, loaded.peaks)


def test_submitted(loaded):
    """The same through the mending of submissions: taken, or refused for a line that can't be
    folded, and the session goes on."""
    with loaded.submission() as smtp:
        for name in GROWING:
            text = GROWING[name](20_000)
            try:
                smtp.sendmail("alice@example.test", ["bob@example.test"],
                              HEAD % b"submitted" + text)
            except smtplib.SMTPDataError as e:
                assert e.smtp_code == 550, (name, e)
                assert b"5.6.2" in e.smtp_error, (name, e)
            assert smtp.noop()[0] == 250


# --- work -------------------------------------------------------------------------------------

GROWING = {
    "nested": lambda n: nested(n // 4), "nested-messages": nested_messages, "parts": parts,
    "fields": lambda n: fields(32 * n), "field": lambda n: field(64 * n),
    "folded": lambda n: folded(16 * n), "addresses": addresses, "groups": groups,
    "words": words, "parameters": parameters, "dashes": lambda n: dashes(16 * n),
}
IS_SANITIZED = b"__asan_init" in open(VEREDUS, "rb").read()


def work(path, tmp_path):
    """What `veredus message show` needs, in instructions; under a sanitizer, where Valgrind can't
    run, in seconds of the processor."""
    command = [VEREDUS, "message", "show", path]
    if IS_SANITIZED or not shutil.which("valgrind"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime
    result = subprocess.run(["valgrind", "--tool=callgrind",
                             f"--callgrind-out-file={tmp_path / 'callgrind'}", *command],
                            capture_output=True, text=True, timeout=300, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr)[1])


@pytest.mark.parametrize("name", GROWING)
def test_work_is_linear(name, tmp_path):
    """Eight times the message is some eight times the work, where the square would be sixty-four.
    What starting costs is taken off; what is too little to be measured is little."""
    def of(n):
        path = tmp_path / f"{n}.eml"
        path.write_bytes(HEAD % name.encode() + GROWING[name](n))
        return work(path, tmp_path)
    least, large = (0.2, 32_000) if IS_SANITIZED else (10_000_000, 8000)
    base, one, eight = of(1), of(large // 8), of(large)
    assert eight - base < 20 * max(one - base, least), (base, one, eight)
