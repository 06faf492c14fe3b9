#!/usr/bin/python3
"""What waiting IMAP sessions cost, and how soon they hear of mail.

    imap_idle.py VEREDUS [SESSIONS [TLS_SESSIONS [MESSAGES [DELIVERIES]]]]  (10000 2000 1000000 300)

SESSIONS clients of a hundred accounts log in, select INBOX and wait in IDLE, and as many as TLS_SESSIONS
do so over TLS; then mail is delivered by SMTP to another client that waits among them; then two clients
select a mailbox of MESSAGES messages. Memory is what the process has of its own (anonymous pages: the
database's are the page cache's) before and after, once all is quiet. The goals: 5 KiB for a session, 35 KiB with TLS, 5 ms from the end of a message to the
client, 8 MiB for the mailbox. Needs that many open files twice (ulimit -Hn). Exit status 1 if a goal is
missed.
"""
import pathlib
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

GOALS = {"plain": 5, "tls": 35, "delivery": 5.0, "selected": 8.0}
ACCOUNTS, PASSWORD = 100, "correct horse"
CONFIG = """
imap {{ auth-without-tls = yes }}
listen waiting {{ protocol = imap address = {{ "127.0.0.1:{imap}" }} max-sessions = 100000 max-sessions-per-address = 0 }}
listen waiting-tls {{ protocol = imaps address = {{ "127.0.0.1:{imaps}" }} max-sessions = 100000 max-sessions-per-address = 0 }}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, veredus, top):
        self.veredus, self.dir, self.top = veredus, top / "mail", top
        self.imap, self.imaps = free_port(), free_port()
        self.offset = next(n for n in range(30000, 33000, 13) if self.is_free(25 + n))
        self.cli("init", "--domain", "bench.test", "--hostname", "mx.bench.test",
                 "--port-offset", str(self.offset))
        with open(self.dir / "veredus.conf", "a") as f:
            f.write(CONFIG.format(imap=self.imap, imaps=self.imaps))
        for n in range(ACCOUNTS):
            self.cli("user", "add", f"user{n}@bench.test", input=PASSWORD + "\n")
        self.start()

    def start(self):
        self.log = open(self.top / "log", "wb")
        self.process = subprocess.Popen([self.veredus, "-d", self.dir, "serve"], stdout=self.log,
                                        stderr=self.log)
        while self.is_free(self.imap):
            if self.process.poll() is not None:
                sys.exit((self.top / "log").read_text())
            time.sleep(0.05)

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) != 0

    def cli(self, *args, input=None):
        subprocess.run([self.veredus, "-d", self.dir, *args], input=input, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def kib(self):
        """Once it does not change any more."""
        before = None
        while True:
            rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
            now = int(re.search(r"^Anonymous:\s+(\d+)", rollup, re.M)[1])
            if before is not None and abs(now - before) < 64:
                return now
            before = now
            time.sleep(1)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Client:
    def __init__(self, port, user, context=None):
        self.sock = socket.create_connection(("127.0.0.1", port))
        if context:
            self.sock = context.wrap_socket(self.sock)
        self.held = b""
        self.line()
        self.command(f'x LOGIN {user}@bench.test "{PASSWORD}"')

    def line(self):
        while b"\n" not in self.held:
            data = self.sock.recv(65536)
            if not data:
                sys.exit("the server has closed a connection")
            self.held += data
        line, _, self.held = self.held.partition(b"\n")
        return line

    def command(self, text, end=b"x "):
        self.sock.sendall(text.encode() + b"\r\n")
        line = self.line()
        while not line.startswith(end):
            line = self.line()
        if not line.startswith((b"x OK", b"+")):
            sys.exit(f"{text}: {line}")

    def idle(self):
        self.command("x SELECT INBOX")
        self.command("x IDLE", b"+")
        return self


def waiting(server, count, context):
    before = server.kib()
    port = server.imaps if context else server.imap
    clients = [Client(port, f"user{1 + n % (ACCOUNTS - 1)}", context).idle() for n in range(count)]
    return clients, (server.kib() - before) / max(count, 1)


def deliver(server, count):
    """Seconds from the end of each message, and from the server's answer, to the client that waits."""
    listener, heard = Client(server.imap, "user0").idle(), []

    def listen():
        while len(heard) < count:
            if listener.line().endswith(b"EXISTS\r"):
                heard.append(time.perf_counter())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    smtp = socket.create_connection(("127.0.0.1", 25 + server.offset))
    smtp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers, sent, answered = smtp.makefile("rb"), [], []

    def say(text):
        smtp.sendall(text)
        line = answers.readline()
        while line[3:4] == b"-":
            line = answers.readline()
        if line[:1] not in b"23":
            sys.exit(f"SMTP: {line}")

    answers.readline()
    say(b"EHLO bench.test\r\n")
    for n in range(count):
        say(b"MAIL FROM:<a@example.org>\r\n")
        say(b"RCPT TO:<user0@bench.test>\r\n")
        say(b"DATA\r\n")
        smtp.sendall(b"From: a@example.org\r\nSubject: hello\r\n\r\nHello.\r\n")
        sent.append(time.perf_counter())
        say(b".\r\n")
        answered.append(time.perf_counter())
        while len(heard) <= n:
            time.sleep(0.0005)
    thread.join()
    return ([h - s for h, s in zip(heard, sent)], [h - a for h, a in zip(heard, answered)])


def large_mailbox(server, messages):
    client = Client(server.imap, "user0")
    text = "Subject: many\r\n\r\n"
    client.command("x CREATE many")
    client.command(f"x APPEND many {{{len(text)}+}}\r\n{text}")
    client.command("x SELECT many")
    have = 1
    while have < messages:
        more = min(have, messages - have)
        client.command(f"x UID COPY 1:{more} many")
        have += more
    server.stop()   # nothing of it is in memory then
    server.start()
    clients = [Client(server.imap, "user0").idle() for _ in range(2)]
    before = server.kib()
    sizes = []
    for one in clients:
        one.command("DONE", b"x ")
    for one in clients:
        one.command("x SELECT many")
        one.command("x IDLE", b"+")
        sizes.append((server.kib() - before) / 1024)
    return sizes


def main():
    veredus = sys.argv[1]
    counts = [10000, 2000, 1000000, 300]
    for i, text in enumerate(sys.argv[2:]):
        counts[i] = int(text)
    sessions, tls_sessions, messages, deliveries = counts
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    missed = []

    def tell(what, value, unit, goal):
        print(f"{what:<60} {value:9.2f} {unit:<4} goal {goal}", flush=True)
        missed.extend([what] if value > goal else [])

    with tempfile.TemporaryDirectory(prefix="veredus-bench-") as top:
        server = Server(veredus, pathlib.Path(top))
        try:
            for n in range(ACCOUNTS):   # what the first of each costs is not a session's
                for port, how in ((server.imap, None), (server.imaps, context)):
                    Client(port, f"user{n}", how).idle().sock.close()
            plain, size = waiting(server, sessions, None)
            tell(f"an IDLE session, of {sessions}", size, "KiB", GOALS["plain"])
            after_dot, after_answer = deliver(server, deliveries)
            tell(f"delivery to IDLE, median of {deliveries}, {sessions} waiting",
                 statistics.median(after_dot) * 1000, "ms", GOALS["delivery"])
            print(f"{'... after the 250 (before it: less than 0)':<60}"
                  f" {statistics.median(after_answer) * 1000:9.2f} ms")
            for client in plain:
                client.sock.close()
            secure, size = waiting(server, tls_sessions, context)
            tell(f"an IDLE session with TLS, of {tls_sessions}", size, "KiB", GOALS["tls"])
            for client in secure:
                client.sock.close()
            first, both = large_mailbox(server, messages)
            tell(f"a session with a mailbox of {messages} messages", first, "MiB", GOALS["selected"])
            tell("two of them", both, "MiB", GOALS["selected"])
        finally:
            server.stop()
    sys.exit(bool(missed))


main()
