"""The server is killed at random instants under load, and the mail is counted.

Every message that was answered 250 must be there exactly once, byte for byte; one whose answer was
never heard may be there or not, for all of its recipients or for none; one whose end was never
sent, or that was refused, must not be there. VEREDUS_SOAK=1 goes on without end.
"""
import itertools
import os
import random
import re
import socket
import subprocess
import threading
import time

from conftest import VEREDUS, wait_for

KILLS = int(os.environ.get("VEREDUS_KILLS", "100"))
SOAK = bool(os.environ.get("VEREDUS_SOAK"))
CLIENTS = 6
USERS = [f"user{i}" for i in range(4)]
LARGEST = 120_000
CHECK_EVERY = 50

NOT_SENT, UNKNOWN, ACCEPTED, REFUSED = "not sent", "unknown", "accepted", "refused"


class Message:
    numbers = itertools.count(1)

    def __init__(self, rng, domain):
        self.token = f"token-{next(self.numbers)}-{rng.getrandbits(64):016x}"
        self.users = rng.sample(USERS, rng.choice((1, 1, 2, 3)))
        size = int(min(LARGEST, rng.paretovariate(0.9) * 200))
        line = f"{self.token} {rng.getrandbits(256):064x}\r\n"
        self.bytes = (f"From: sender@{domain}\r\nSubject: {self.token}\r\n\r\n"
                      + line * max(1, size // len(line))).encode()
        self.state = NOT_SENT


class Client(threading.Thread):
    """Sends one message after another, over and over connections that break."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server = server
        self.random = random.Random(seed)
        self.messages = []
        self.stopping = False
        self.error = None

    def run(self):
        try:
            while not self.stopping:
                try:
                    self.session()
                except (OSError, EOFError):
                    time.sleep(0.01)
        except Exception as e:   # an answer that makes no sense: told by the test
            self.error = e

    def session(self):
        with socket.create_connection(("127.0.0.1", self.server.port["smtp"]), 30) as self.socket:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.file = self.socket.makefile("rb")
            self.expect("220")
            self.command("EHLO client.test", "250")
            while not self.stopping:
                self.send(Message(self.random, self.server.domain))
            self.command("QUIT", "221")

    def send(self, message):
        self.messages.append(message)
        self.command(f"MAIL FROM:<sender@{self.server.domain}>", "250")
        for user in message.users:
            self.command(f"RCPT TO:<{user}@{self.server.domain}>", "250")
        self.command("DATA", "354")
        self.socket.sendall(message.bytes)
        message.state = UNKNOWN   # from here on the end may be under way
        self.socket.sendall(b".\r\n")
        reply = self.reply()
        message.state = ACCEPTED if reply.startswith("250") else REFUSED

    def command(self, text, expected):
        self.socket.sendall(text.encode() + b"\r\n")
        self.expect(expected)

    def expect(self, code):
        reply = self.reply()
        if reply.startswith("421"):
            raise EOFError
        assert reply.startswith(code), reply

    def reply(self):
        while True:
            line = self.file.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            if line[3:4] != b"-":
                return line.decode()


def fetch_all(server, user):
    """The raw messages of an INBOX."""
    imap = server.imap(user)
    try:
        _, count = imap.select("INBOX", readonly=True)
        if int(count[0]) == 0:
            return []
        _, parts = imap.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in parts if isinstance(part, tuple)]
    finally:
        imap.logout()


TRACE = re.compile(rb"(?:(?:Return-Path|Authentication-Results|Received|Delivered-To):[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)+\Z",
                   re.IGNORECASE)
TOKEN = re.compile(rb"^Subject: (token-[0-9a-z-]+)\r$", re.MULTILINE)


def found_by_token(server, messages):
    """How often each message is in each mailbox; asserts that what is there is whole."""
    by_token = {m.token: m for m in messages}
    found = {}
    for user in USERS:
        for raw in fetch_all(server, user):
            match = TOKEN.search(raw)
            assert match, f"no message of ours in {user}: {raw[:300]!r}"
            message = by_token[match[1].decode()]
            assert raw.endswith(message.bytes), f"{message.token} differs in {user}"
            trace = raw[:-len(message.bytes)]
            assert TRACE.fullmatch(trace), f"{message.token} begins with {trace!r}"
            found[message.token, user] = found.get((message.token, user), 0) + 1
    return found


def count_mail(server, messages):
    found = found_by_token(server, messages)
    for m in messages:
        counts = [found.pop((m.token, user), 0) for user in m.users]
        what = f"{m.token}, {m.state}: {counts} times"
        if m.state == ACCEPTED:
            assert counts == [1] * len(counts), what
        elif m.state == UNKNOWN:
            assert counts in ([0] * len(counts), [1] * len(counts)), what
        else:
            assert counts == [0] * len(counts), what
    assert not found, f"in mailboxes of others: {found}"


def kill_at_random(server, rng, has_taken):
    """Most kills meet a server under load, some one that is starting (and recovering). A machine
    so slow that nothing would come between the kills has its time until has_taken()."""
    if rng.random() < 0.1:
        with open(server.log_path, "ab") as log:
            process = subprocess.Popen([VEREDUS, "-d", server.dir, "serve"], stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
            process.wait()
    else:
        server.start()
        time.sleep(rng.uniform(0, 0.6))
        wait_for(has_taken, 60, "mail")
        server.kill()


def round_of_kills(make_server, seed):
    rng = random.Random(seed)
    server = make_server(start=False, accounts=USERS)
    clients = [Client(server, rng.getrandbits(64)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()

    def accepted():
        return sum(m.state == ACCEPTED for c in clients for m in c.messages)

    for kill in range(KILLS):
        kill_at_random(server, rng, lambda: accepted() >= kill or any(c.error for c in clients))
        errors = [c.error for c in clients if c.error]
        assert not errors, errors
        if kill % CHECK_EVERY == CHECK_EVERY - 1:
            check = server.cli("fsck", check=False)
            assert check.returncode == 0, check.stdout + check.stderr
    server.start()
    wait_for(lambda: accepted() >= KILLS or any(c.error for c in clients), 60, "mail")
    for client in clients:
        client.stopping = True
    for client in clients:
        client.join(60)
        assert not client.is_alive()
    messages = [m for c in clients for m in c.messages]
    count_mail(server, messages)
    server.stop()
    check = server.cli("fsck", check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    return {state: sum(m.state == state for m in messages)
            for state in (ACCEPTED, UNKNOWN, NOT_SENT, REFUSED)}


def test_killed_under_load_it_loses_nothing(make_server):
    while True:
        seed = random.SystemRandom().getrandbits(32)
        print(f"seed {seed}", flush=True)
        tally = round_of_kills(make_server, seed)
        print(f"{KILLS} kills: {tally}", flush=True)
        assert tally[ACCEPTED] >= KILLS
        if not SOAK:
            return
