"""Clients that mean harm or are broken: none may crash the server, make it leak, hold up another
session, or leave half a message. (The server of these tests is the sanitized one in `make check`; a
report of a sanitizer fails the module when the server stops.)"""
import concurrent.futures
import contextlib
import os
import random
import socket
import threading
import time

import pytest

from conftest import wait_for
from test_smtp import Wire, open_files, running, use_all

CONFIG = """
smtp { max-message = 1000000 max-errors = 10000 max-recipients = 100000 min-data-rate = 1000000
       command-timeout = 4s data-timeout = 4s }
"""
SESSION = (b"EHLO client.test\r\nMAIL FROM:<a@client.test> SIZE=100\r\nRCPT TO:<alice@example.test>\r\n"
           b"RCPT TO:<nobody@example.test>\r\nBDAT 20\r\nSubject: torn\r\n\r\nx\r\nBDAT 3 LAST\r\ny\r\n")
# For another session's NOOP meanwhile: far more than it takes, also when sanitized. Of the server's own
# time, if it had to wait for the machine.
REQUIRED_SECONDS = 1


@pytest.fixture(scope="module")
def server():
    with running(CONFIG) as server:
        use_all(server)
        yield server


@pytest.fixture(autouse=True)
def others_go_on(server):
    """Another session is served all the while, and the server has no more open files afterwards."""
    before = open_files(server)
    stop = threading.Event()

    def ask():
        worst = 0
        while not stop.is_set():
            with Wire(server) as wire:
                for _ in range(10):
                    begun, worked = time.monotonic(), cpu_seconds(server)
                    wire.expect("NOOP", "250")
                    worst = max(worst, min(time.monotonic() - begun, cpu_seconds(server) - worked))
                    if stop.wait(0.02):
                        break
        return worst

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        yield
        stop.set()
        worst = asked.result()
    assert server.process.poll() is None
    assert worst < REQUIRED_SECONDS
    wait_for(lambda: open_files(server) <= before + 2, 20, "closed connections")


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def subjects(server, subject):
    return sum(f"Subject: {subject}".encode() in m for m in server.messages("alice"))


def send_until_closed(wire, data, seconds=60):
    """Sends again and again; True if the server hung up."""
    wire.sock.settimeout(30)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            wire.sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return True
    except TimeoutError:
        return False
    return False


def send_if_open(wire, data):
    with contextlib.suppress(OSError):
        wire.send(data)


def test_nul_in_commands(server):
    with Wire(server) as wire:
        for line in (b"NO\0OP\r\n", b"\0\r\n", b"EHLO client\0.test\r\n", b"NOOP\0\r\n",
                     b"MAIL FROM:<a\0@client.test>\r\n"):
            wire.send(line)
            assert wire.reply()[-1].startswith("500 5.5.2"), line
        wire.expect("EHLO client.test", "250")


def test_line_of_100_mib(server):
    """It is skipped as it comes, not kept: one answer, and the session goes on."""
    before = resident(server)
    block = b"x" * (1 << 20)
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.sock.settimeout(60)
            for _ in range(100):
                wire.sock.sendall(block)
            wire.send(b"\r\n")
        with contextlib.suppress(EOFError, ConnectionResetError):
            assert wire.reply()[-1].startswith(("500 5.5.2", "421"))
    assert resident(server) - before < 32 << 20


def test_message_in_one_line_that_never_ends(server):
    with Wire(server) as wire:
        wire.begin()
        wire.expect("DATA", "354")
        assert send_until_closed(wire, b"x" * (1 << 20))
    assert list((server.dir / "tmp").glob("*")) == []


def ask_many(wire, lines, batch=5000):
    """How often each code was the answer."""
    codes = {}
    for start in range(0, len(lines), batch):
        part = lines[start:start + batch]
        sender = threading.Thread(target=send_if_open, args=(wire, b"".join(part)))
        sender.start()
        with contextlib.suppress(EOFError, ConnectionResetError):
            for _ in part:
                code = wire.reply()[-1][:3]
                codes[code] = codes.get(code, 0) + 1
        sender.join()
        if "421" in codes:
            break
    return codes


def test_100000_recipients(server):
    """All in one mailbox, which gets the message once; one more is one too many."""
    with Wire(server) as wire:
        wire.sock.settimeout(60)
        wire.expect("EHLO client.test", "250")
        wire.expect("MAIL FROM:<a@client.test>", "250")
        assert ask_many(wire, [b"RCPT TO:<alice+%d@example.test>\r\n" % i
                               for i in range(100_000)]) == {"250": 100_000}
        wire.expect("RCPT TO:<alice@example.test>", "452 4.5.3")
        wire.expect("DATA", "354")
        wire.expect("Subject: many\r\n\r\nx\r\n.", "250 2.0.0")
    assert subjects(server, "many") == 1


def test_100000_unknown_recipients(server):
    with Wire(server) as wire:
        wire.sock.settimeout(60)
        wire.expect("EHLO client.test", "250")
        wire.expect("MAIL FROM:<a@client.test>", "250")
        codes = ask_many(wire, [b"RCPT TO:<nobody%d@example.test>\r\n" % i for i in range(100_000)])
        assert codes["421"] == 1 and codes["550"] < 10_000
        assert wire.is_closed()


def test_slow_drip(server):
    """A byte now and then, in a command, in a message and in a chunk: each ends in its time."""
    with Wire(server) as command, Wire(server) as data, Wire(server) as chunk:
        data.begin()
        data.expect("DATA", "354")
        chunk.begin()
        chunk.send("BDAT 1000\r\n")
        open_ones = {command, data, chunk}
        end = time.monotonic() + 30
        while open_ones and time.monotonic() < end:
            for wire in list(open_ones):
                try:
                    wire.send(b"x")
                except (BrokenPipeError, ConnectionResetError):
                    open_ones.discard(wire)
            time.sleep(0.2)
        assert not open_ones


def test_clients_that_never_read(server):
    """What they are told fills their buffers and ours, and no more; after a while they are left."""
    before, files = resident(server), open_files(server)
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(4)]
        for wire in wires:
            wire.sock.settimeout(0.2)
            end = time.monotonic() + 1
            with contextlib.suppress(OSError):
                while time.monotonic() < end:
                    wire.sock.sendall(b"HELP\r\n" * 1000)
        assert resident(server) - before < 64 << 20
        wait_for(lambda: open_files(server) <= files + 2, 120, "the server to leave")


@pytest.mark.parametrize("half_closed", [False, True], ids=["closed", "half-closed"])
def test_disconnect_at_each_byte(server, half_closed):
    """Every prefix of a session in chunks; test_smtp.py has one with DATA."""
    for cut in range(len(SESSION)):
        with socket.create_connection(("127.0.0.1", server.port["smtp"]), timeout=60) as sock:
            sock.sendall(SESSION[:cut])
            if half_closed:
                sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while sock.recv(65536):
                        pass
    assert subjects(server, "torn") == 0
    with socket.create_connection(("127.0.0.1", server.port["smtp"]), timeout=60) as sock:
        sock.sendall(SESSION + b"QUIT\r\n")
        while sock.recv(65536):
            pass
    wait_for(lambda: subjects(server, "torn") == 1)
    with contextlib.closing(server.imap()) as imap:
        imap.select()
        imap.store("1:*", "+FLAGS", r"\Deleted")
        imap.expunge()
    assert list((server.dir / "tmp").glob("*")) == []


WORDS = [b"EHLO client.test", b"HELO [zz]", b"MAIL FROM:<a@client.test>", b"MAIL FROM:<", b"RCPT TO:<>",
         b"RCPT TO:<alice@example.test>", b"DATA", b".", b"..", b"BDAT 5", b"BDAT 0 LAST", b"BDAT 1 LAST",
         b"RSET", b"NOOP", b"VRFY alice", b"EXPN team", b"ETRN #all", b"ATRN a,b", b"TURN", b"HELP DSN",
         b"STARTTLS", b"AUTH PLAIN AA==", b"AUTH PLAIN", b"*", b"XCLIENT ADDR=1", b"SEND FROM:<>",
         b"VERB", b"\x16\x03\x01\x02\0", b"GET / HTTP/1.1", b"Subject: garbage", b""]


@pytest.mark.parametrize("seed", range(8))
def test_pipelined_garbage(server, seed):
    """Commands in no order at all, some cut, some with bytes that mean nothing, all in one stream."""
    rng = random.Random(seed)
    stream = b""
    for _ in range(3000):
        word = rng.choice(WORDS)
        if rng.random() < 0.1:
            word = word[:rng.randrange(len(word) + 1)] + rng.randbytes(rng.randrange(20))
        stream += word + rng.choice([b"\r\n"] * 8 + [b"\n", b"\r", b"\0\r\n"])
    with socket.create_connection(("127.0.0.1", server.port["smtp"]), timeout=60) as sock:
        def send():
            with contextlib.suppress(OSError):
                sock.sendall(stream)
                sock.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(65536):
                pass
        sender.join()
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
