"""Other programs that say who has sent a message, to compare with: OpenDKIM and OpenDMARC as milters,
Rspamd with its modules for SPF, DKIM, DMARC and ARC alone. Each is a context manager that runs one in a
directory of its own, and stops it."""
import json
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import tempfile
import threading

from conftest import free_port, wait_for
from peers import unpack

START_SECONDS = 90   # a bound for slow machines


def cpu_seconds(pid):
    """What a process and its children have used."""
    total = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue
        fields = rest.rsplit(")", 1)[1].split()
        if pid in (int(number), int(fields[1])):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Program:
    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="peer-")
        self.dir = pathlib.Path(self.directory.name)
        self.process = subprocess.Popen(self.prepare(), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        try:
            wait_for(self.is_ready, START_SECONDS, type(self).__name__)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(60)
        self.directory.cleanup()

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)


class Resolver:
    """For programs that ask port 53 of what /etc/resolv.conf names: passes questions on to a zone, from
    an address of loopback. Needs root."""

    def __init__(self, zone):
        self.target = ("127.0.0.1", int(zone.forwarder.split("@")[1]))

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(50):
            self.address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
            try:
                self.socket.bind((self.address, 53))
                break
            except OSError:
                continue
        self.stopping, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        os.close(self.stop)
        self.thread.join(30)
        os.close(self.stopping)
        self.socket.close()

    def serve(self):
        while True:
            ready, _, _ = select.select([self.socket, self.stopping], [], [])
            if self.stopping in ready:
                return
            data, client = self.socket.recvfrom(65535)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
                question.settimeout(10)
                question.sendto(data, self.target)
                try:
                    self.socket.sendto(question.recv(65535), client)
                except OSError:
                    continue

    def mount(self, directory):
        """A command for a mount namespace, that makes it the resolver there."""
        path = pathlib.Path(directory) / "resolv.conf"
        path.write_text(f"nameserver {self.address}\noptions timeout:10\n")
        path.chmod(0o644)
        return f"mount --bind {path} /etc/resolv.conf"


# --- milters --------------------------------------------------------------------------------

class MilterClient:
    """A mail server's side of a milter, one message after another, all of one client."""

    def __init__(self, port, client="192.0.2.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.stream = self.socket.makefile("rb")
        self.ask(b"O", struct.pack("!III", 6, 0x1FF, 0))
        self.ask(b"C", b"localhost\0" + b"4" + struct.pack("!H", 4711) + client.encode() + b"\0")
        self.ask(b"H", b"client.test\0")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stream.close()
        self.socket.close()

    def read(self):
        length, = struct.unpack("!I", self.stream.read(4))
        data = self.stream.read(length)
        return data[:1], data[1:]

    def ask(self, command, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command + data)
        return self.read()

    def fields(self, message, sender=b"ann@signed.test"):
        """Those that it puts on top of the message."""
        self.ask(b"M", b"<" + sender + b">\0")
        self.ask(b"R", b"<alice@example.test>\0")
        header, body = message.split(b"\r\n\r\n", 1)
        for field in header.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
            name, value = field.split(b":", 1)
            self.ask(b"L", name + b"\0" + value.removeprefix(b" ") + b"\0")
        self.ask(b"N")
        for at in range(0, len(body), 65535):
            self.ask(b"B", body[at:at + 65535])
        fields = b""
        kind, data = self.ask(b"E")
        while kind in (b"i", b"h"):
            name, value, _ = (data[4:] if kind == b"i" else data).split(b"\0")
            fields += name + b": " + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
            kind, data = self.read()
        return fields


class OpenDkim(Program):
    """records: names of keys and what stands there, for verifying. options: lines of its
    configuration, which may name a file "key" with the private key."""

    def __init__(self, options, records=None, key=None):
        self.options, self.records, self.key = options, records, key

    def prepare(self):
        self.port = free_port()
        options = self.options
        if self.key:
            (self.dir / "key").write_bytes(self.key)
            (self.dir / "key").chmod(0o600)
            options += f"\nKeyFile {self.dir}/key\nRequireSafeKeys no"
        if self.records:
            (self.dir / "dns").write_text("".join(f"{name} {text}\n"
                                                  for name, text in self.records.items()))
            options += f"\nTestDNSData {self.dir}/dns"
        (self.dir / "conf").write_text(options + "\n")
        return ["opendkim", "-f", "-x", self.dir / "conf", "-p", f"inet:{self.port}@127.0.0.1"]

    def is_ready(self):
        try:
            self.client().__exit__()
        except (OSError, struct.error):
            return False
        return True

    def client(self, **options):
        return MilterClient(self.port, **options)

    def fields(self, message, **options):
        with self.client() as client:
            return client.fields(message, **options)


class OpenDmarc(Program):
    """Believes results in the given name, and evaluates DMARC with them."""

    def __init__(self, authserv_id, resolver):
        self.authserv_id, self.resolver = authserv_id, resolver

    def prepare(self):
        root = unpack(["opendmarc", "libopendmarc2", "libspf2-2"], "opendmarc")
        libraries, = root.glob("usr/lib/*-linux-gnu")
        self.port = free_port()
        (self.dir / "conf").write_text(f"AuthservID dmarc.test\nTrustedAuthservIDs {self.authserv_id}\n"
                                       "RejectFailures false\nRequiredHeaders false\nSyslog false\n"
                                       f"HistoryFile {self.dir}/history\n"
                                       f"PublicSuffixList {self.dir}/suffixes\n")
        (self.dir / "suffixes").write_text("test\n")
        self.dir.chmod(0o755)
        return ["unshare", "--mount", "sh", "-c", f'{self.resolver.mount(self.dir)} && exec "$@"', "sh",
                "env", f"LD_LIBRARY_PATH={libraries}", root / "usr/sbin/opendmarc", "-f", "-c",
                self.dir / "conf", "-u", "root", "-p", f"inet:{self.port}@127.0.0.1"]

    is_ready = OpenDkim.is_ready
    client = OpenDkim.client
    fields = OpenDkim.fields


# --- Rspamd ---------------------------------------------------------------------------------

CONF = """
options {{ filters = "dkim"; pidfile = "{dir}/pid"; tempdir = "{dir}"; hs_cache_dir = "{dir}";
  control_socket = "{dir}/control mode=0600"; history_file = ""; rrd = ""; disable_hyperscan = true;
  url_tld = "{dir}/tld"; local_addrs = []; task_timeout = 60s;
  dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 5s; retransmits = 2; }} }}
logging {{ type = "console"; level = "error"; }}
lang_detection {{ languages_enabled = []; }}
worker "normal" {{ bind_socket = "{dir}/socket mode=0666"; count = 1; }}
worker "controller" {{ enabled = false; }}
worker "rspamd_proxy" {{ enabled = false; }}
worker "hs_helper" {{ enabled = false; }}
metric {{ name = "default"; actions {{ reject = 15; }} }}
modules {{ path = "{plugins}/spf.lua"; path = "{plugins}/dmarc.lua"; path = "{plugins}/arc.lua";
  path = "{plugins}/dkim_signing.lua"; }}
dkim {{ dkim_cache_size = 2k; trusted_only = false; }}
spf {{ spf_cache_size = 2k; }}
dmarc {{ reporting {{ enabled = false; }} }}
arc {{ sign_inbound = false; }}
dkim_signing {{ sign_authenticated = true; allow_username_mismatch = true; use_domain = "header";
  use_esld = false; selector = "rspamd"; path = "{dir}/key"; }}
"""


class Rspamd(Program):
    """Signs mail of users by a key of its own making, whose record is .record."""

    def __init__(self, zone):
        self.zone = zone

    def prepare(self):
        made = subprocess.run(["rspamadm", "dkim_keygen", "-b", "2048", "-s", "rspamd", "-k",
                               self.dir / "key"], check=True, capture_output=True, text=True)
        self.record = "".join(made.stdout.split('"')[1::2])
        (self.dir / "key").chmod(0o644)
        (self.dir / "tld").write_text("test\norg\ncom\n")
        (self.dir / "conf").write_text(CONF.format(dir=self.dir, plugins="/usr/share/rspamd/plugins",
                                                   dns=self.zone.forwarder.split("@")[1]))
        return ["rspamd", "-f", "-i", "-c", self.dir / "conf"]

    def talk(self, question):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(self.dir / "socket"))
            s.sendall(question)
            return s.makefile("rb").read()

    def is_ready(self):
        try:
            return b"pong" in self.talk(b"GET /ping HTTP/1.0\r\n\r\n")
        except OSError:
            return False

    def symbols(self, message, sender="ann@signed.test", ip="192.0.2.1", helo="client.test"):
        """What it found: {"R_DKIM_ALLOW": [...], ...}."""
        reply = self.check(message, f"IP: {ip}\r\nHelo: {helo}\r\nFrom: {sender}\r\n")
        return {name: found.get("options", []) for name, found in reply["symbols"].items()}

    def check(self, message, fields):
        head = (f"POST /checkv2 HTTP/1.0\r\nContent-Length: {len(message)}\r\n{fields}"
                "Rcpt: alice@example.test\r\n\r\n")
        return json.loads(self.talk(head.encode() + message).split(b"\r\n\r\n", 1)[1])

    def signature(self, message):
        """Of a message of a user."""
        reply = self.check(message, "IP: 127.0.0.1\r\nUser: ann\r\nFrom: ann@signed.test\r\n")
        value = reply["dkim-signature"].replace("\r\n", "\n").replace("\n", "\r\n")
        return b"DKIM-Signature: " + value.encode() + b"\r\n"
