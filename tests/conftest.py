"""Fixtures: a real server in a temporary directory, on loopback ports of its own.

    def test_something(server):              # one server for the test module
        with server.smtp() as smtp: ...
    def test_other(make_server):             # servers made to measure
        a = make_server(domain="a.test", config="smtp { max-recipients = 5 }")

The program under test is named by VEREDUS (default: build/veredus). Every server is stopped at the
end, and a server that ended badly (a sanitizer's report, a signal) fails its test.
"""
import atexit
import fcntl
import imaplib
import os
import pathlib
import poplib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
VEREDUS = pathlib.Path(os.environ.get("VEREDUS", ROOT / "build" / "veredus")).resolve()
PORTS = {"smtp": 25, "smtp2": 2525, "submission": 587, "submissions": 465, "pop3": 110,
         "pop3s": 995, "imap": 143, "imaps": 993, "managesieve": 4190}
MORE_PORTS = (24, 27, 30, 34, 35)   # for Server.listen(); modulo 39 unlike each other and PORTS
PASSWORD = "correct horse"
START_SECONDS = 120   # a bound for slow sanitized runs, not a measurement


os.environ["TZ"] = "UTC"   # of the servers, too: the dates that tests expect
time.tzset()
LOCK_DIR = pathlib.Path(tempfile.gettempdir()) / "veredus-test-ports"


def lock_of(port):
    """None if another process of tests has it."""
    LOCK_DIR.mkdir(exist_ok=True)
    lock = open(LOCK_DIR / str(port), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


class PortOffset:
    """An offset to the standard ports that no other test uses. Multiples of 39: no two of them
    make two of our ports meet."""

    def __init__(self):
        for offset in range(10010, 28500, 39):
            self.lock = lock_of(offset)
            if not self.lock:
                continue
            if all(self.is_free(port + offset) for port in PORTS.values()):
                self.value = offset
                return
            self.lock.close()
        raise RuntimeError("no free ports")

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def release(self):
        self.lock.close()


def is_sanitized():
    """Whether figures of memory are those of a build for tests."""
    return b"__asan_init" in VEREDUS.read_bytes()


def own_ports():
    """Ports that nobody else comes to use: not another process of tests, and not the kernel, which
    takes those of connections, and of who binds port 0, from below them."""
    locks = []   # held to the end of the process
    for first in range(61000, 65500, 25):
        if lock := lock_of(first):
            locks.append(lock)
            yield from filter(PortOffset.is_free, range(first, first + 25))


OWN_PORTS = own_ports()


def free_port():
    """A port where nobody listens, for the test alone: it may be bound, or left, at any time."""
    for port in OWN_PORTS:
        return port
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=60, what="condition"):
    """Polls until condition() is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        # Before it is looked at: what came while this process was stalled counts, too.
        is_last = time.monotonic() > end
        value = condition()
        if value:
            return value
        if is_last:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(0.02)


def within_a_day(seconds=120):
    """Returns when so much is left of this day of UTC, for tests of what is counted by days."""
    left = 86400 - time.time() % 86400
    if left < seconds:
        time.sleep(left + 1)


class Templates:
    """Data directories as `init` and `user add` make them, one for each set of accounts. Servers
    begin with a copy: hashing passwords is slow on purpose, and would be half of what a test costs."""
    OFFSET = 10000

    def __init__(self):
        self.made = {}

    def copy(self, to, offset, domain, hostname, accounts):
        wanted = domain, hostname, tuple(accounts)
        if wanted not in self.made:
            self.made[wanted] = self.make(*wanted)
        shutil.copytree(self.made[wanted], to, dirs_exist_ok=True)
        conf = pathlib.Path(to, "veredus.conf")
        conf.write_text(re.sub(r'(?<=:)(\d+)(?=")', lambda port: str(int(port[1]) - self.OFFSET +
                                                                     offset), conf.read_text())
                        .replace(f"plus {self.OFFSET}", f"plus {offset}"))

    def make(self, domain, hostname, accounts):
        parent = tempfile.mkdtemp(prefix="veredus-template-")
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        directory = pathlib.Path(parent, "data")
        run_cli(directory, "init", "--domain", domain, "--hostname", hostname,
                "--port-offset", str(self.OFFSET))
        for name in accounts:
            run_cli(directory, "user", "add", f"{name}@{domain}", input=PASSWORD + "\n")
        return directory


TEMPLATES = Templates()


def run_cli(directory, *args, input=None, check=True):
    result = subprocess.run([VEREDUS, "-d", directory, *args], input=input, text=True,
                            capture_output=True, timeout=START_SECONDS)
    if check and result.returncode != 0:
        raise AssertionError(f"veredus {' '.join(map(str, args))}: {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result


class Server:
    """A Veredus with its data directory. Accounts are created with PASSWORD."""

    def __init__(self, directory, domain="example.test", accounts=("alice", "bob"), config="",
                 hostname=None):
        self.dir = pathlib.Path(directory)
        self.domain = domain
        self.hostname = hostname or f"mx.{domain}"
        self.offset = PortOffset()
        self.port = {name: port + self.offset.value for name, port in PORTS.items()}
        self.process = None
        self.log_path = self.dir.parent / (self.dir.name + ".log")
        TEMPLATES.copy(self.dir, self.offset.value, domain, self.hostname, accounts)
        self.configure(config)

    def configure(self, text):
        """Appends to the configuration; takes effect at the next start."""
        if text:
            with open(self.dir / "veredus.conf", "a") as f:
                f.write("\n" + text + "\n")

    def listen(self, name, protocol, options=""):
        """A further listener, for the next start: port[name]."""
        unused = (port + self.offset.value for port in MORE_PORTS
                  if port + self.offset.value not in self.port.values())
        self.port[name] = next((port for port in unused if PortOffset.is_free(port)), 0) or \
            free_port()
        self.configure(f'listen {name} {{\n protocol = {protocol}\n'
                       f' address = {{ "127.0.0.1:{self.port[name]}" }}\n {options}\n}}')

    def cli(self, *args, input=None, check=True):
        return run_cli(self.dir, *args, input=input, check=check)

    def start(self, env=None):
        """Returns when all its ports take connections."""
        self.log = open(self.log_path, "ab")
        before = self.log_path.stat().st_size
        self.process = subprocess.Popen([VEREDUS, "-d", self.dir, "serve"], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **(env or {})})
        end = time.monotonic() + START_SECONDS
        while b" server.ready " not in self.log_path.read_bytes()[before:]:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("the server does not start:\n" + self.log_text())
            time.sleep(0.02)
        return self

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self):
        """SIGKILL: no good-bye."""
        self.process.kill()
        self.process.wait()
        self.process = None
        self.log.close()

    def stop(self):
        """SIGTERM, and a look at how it ended."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            status = f"no end within {START_SECONDS} s"
        self.process = None
        self.log.close()
        text = self.log_text()
        assert status == 0, f"the server ended with {status}:\n{text[-8000:]}"
        for report in ("Sanitizer", "runtime error:"):
            assert report not in text, text[-16000:]

    def dispose(self):
        try:
            self.stop()
        finally:
            self.offset.release()

    # --- clients ---------------------------------------------------------------------------

    def tls_context(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def smtp(self, port="smtp", **options):
        return smtplib.SMTP("127.0.0.1", self.port[port], timeout=60, **options)

    def submission(self, user="alice"):
        """Logged in, over STARTTLS."""
        smtp = self.smtp("submission")
        smtp.starttls(context=self.tls_context())
        smtp.login(f"{user}@{self.domain}", PASSWORD)
        return smtp

    def imap(self, user="alice"):
        """Logged in, over TLS."""
        imap = imaplib.IMAP4_SSL("127.0.0.1", self.port["imaps"], ssl_context=self.tls_context(),
                                 timeout=60)
        imap.login(f"{user}@{self.domain}", PASSWORD)
        return imap

    def pop3(self, user="alice"):
        """Logged in, over TLS."""
        pop = poplib.POP3_SSL("127.0.0.1", self.port["pop3s"], context=self.tls_context(),
                              timeout=60)
        pop.user(f"{user}@{self.domain}")
        pop.pass_(PASSWORD)
        return pop

    def messages(self, user="alice", mailbox="INBOX"):
        """The raw messages of a mailbox, oldest first."""
        imap = self.imap(user)
        try:
            imap.select(mailbox, readonly=True)
            _, data = imap.search(None, "ALL")
            result = []
            for number in data[0].split():
                _, parts = imap.fetch(number, "(BODY.PEEK[])")
                # Flags that others change may be told before.
                result.append(next(part[1] for part in parts if isinstance(part, tuple)))
            return result
        finally:
            imap.logout()

    def wait_messages(self, count, user="alice", mailbox="INBOX", seconds=60):
        return wait_for(lambda: (m := self.messages(user, mailbox)) and len(m) >= count and m,
                        seconds, f"{count} messages for {user}")


def _factory(directory):
    servers = []

    def make(start=True, **options):
        server = Server(directory / f"server{len(servers)}", **options)
        servers.append(server)
        return server.start() if start else server

    def dispose():
        errors = []
        for server in servers:
            try:
                server.dispose()
            except AssertionError as e:
                errors.append(str(e))
        shutil.rmtree(directory, ignore_errors=True)
        assert not errors, "\n".join(errors)

    return make, dispose


@pytest.fixture
def make_server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make
    dispose()


@pytest.fixture(scope="module")
def server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make()
    dispose()
