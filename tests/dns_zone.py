"""A DNS server on loopback with signed zones, for tests: Knot in a temporary directory.

    with DnsZone({"example.test": "mx 10 mail\\nmail A 127.0.0.1"}) as dns:
        dns.forwarder      # "127.0.0.1@40053": for `forwarder` in a configuration
        dns.anchor         # path of a file with the DS records of the signed zones

`signed` lists the zones that are signed (all, if it is left out); `bogus` lists those whose DS in
the anchor file belongs to no key of theirs, so that a validator must call every answer forged. A
record line is "[OWNER] TYPE DATA", its owner relative to the zone ("@" for the zone itself); SOA,
NS and the server's own address are added. set() replaces a zone's records while the server runs.
Everything is gone at the end; the server is stopped by the process that was started.
"""
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from conftest import free_port

KNOTD = shutil.which("knotd") or "/usr/sbin/knotd"
KNOTC = shutil.which("knotc") or "/usr/sbin/knotc"
KEYMGR = shutil.which("keymgr") or "/usr/sbin/keymgr"
START_SECONDS = 120   # a bound for slow machines, not a measurement
TTL = 300


def question(name, qtype):
    """A query with the EDNS flag that asks for signatures."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.strip(".").split("."))
    edns = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0)
    return struct.pack("!6H", 4711, 0, 1, 0, 0, 1) + labels + struct.pack("!BHH", 0, qtype, 1) + edns


class DnsZone:
    def __init__(self, zones, signed=None, bogus=()):
        self.zones = {name.strip("."): records for name, records in zones.items()}
        self.signed = set(self.zones if signed is None else signed) | set(bogus)
        self.bogus = set(bogus)
        self.serials = dict.fromkeys(self.zones, 0)
        self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *exc):
        self.stop()

    # --- starting and stopping

    def start(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="veredus-dns-"))
        (self.directory / "db").mkdir()
        for name in self.zones:
            self.write_zone(name)
        for attempt in range(5):
            self.port = free_port()
            self.forwarder = f"127.0.0.1@{self.port}"
            self.conf = self.directory / "knot.conf"
            self.conf.write_text(self.configuration())
            log = open(self.directory / "knotd.log", "w")
            self.process = subprocess.Popen([KNOTD, "-c", str(self.conf)], stdout=log,
                                            stderr=subprocess.STDOUT)
            log.close()
            if self.wait_until_serving():
                break
        else:
            raise RuntimeError((self.directory / "knotd.log").read_text())
        self.anchor = self.directory / "anchors"
        self.anchor.write_text("".join(self.ds(name) for name in sorted(self.signed)))
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        shutil.rmtree(getattr(self, "directory", "/nonexistent"), ignore_errors=True)

    def wait_until_serving(self):
        """False if the server has ended (its port was taken meanwhile)."""
        deadline = time.monotonic() + START_SECONDS
        waiting = set(self.zones)
        while waiting and time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            waiting = {name for name in waiting if not self.is_serving(name)}
            if waiting:
                time.sleep(0.02)
        if waiting:
            raise RuntimeError(f"{waiting}: " + (self.directory / "knotd.log").read_text())
        return True

    def is_serving(self, name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.2)
            try:
                udp.connect(("127.0.0.1", self.port))
                udp.send(question(name, 6))
                answer = udp.recv(4096)
            except OSError:
                return False
        rcode = answer[3] & 15
        answers = struct.unpack("!H", answer[6:8])[0]
        return rcode == 0 and answers == (2 if name in self.signed else 1)

    def configuration(self):
        zones = "".join(
            f"  - domain: {name}\n    file: {self.directory}/{name}.zone\n"
            + ("    dnssec-signing: on\n    dnssec-policy: test\n" if name in self.signed else "")
            for name in self.zones)
        return f"""\
server:
    rundir: {self.directory}
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {self.directory}/knot.sock
log:
  - target: stdout
    any: warning
database:
    storage: {self.directory}/db
policy:
  - id: test
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: {self.directory}
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    semantic-checks: off
zone:
{zones}"""

    # --- zones

    def write_zone(self, name):
        self.serials[name] += 1
        lines = [f"$ORIGIN {name}.", f"$TTL {TTL}",
                 f"@ SOA ns hostmaster {self.serials[name]} 3600 600 86400 {TTL}",
                 "@ NS ns", "ns A 127.0.0.1"]
        for line in self.zones[name].splitlines():
            owner = "" if line.split()[:1] and line.split()[0].isupper() else None
            lines.append("@ " + line if owner == "" else line)
        (self.directory / f"{name}.zone").write_text("\n".join(lines) + "\n")

    def set(self, name, records):
        """Replaces the records of a zone and returns when the server has them."""
        name = name.strip(".")
        self.zones[name] = records
        self.write_zone(name)
        subprocess.run([KNOTC, "-c", str(self.conf), "-b", "zone-reload", name], check=True,
                       stdout=subprocess.DEVNULL)

    def ds(self, name):
        out = subprocess.run([KEYMGR, "-c", str(self.conf), name, "ds"], check=True,
                             capture_output=True, text=True).stdout
        if name not in self.bogus:
            return out
        # The same key tag and algorithm with another digest.
        return "".join(line[:-1] + ("0" if line[-1] != "0" else "1") + "\n"
                       for line in out.splitlines())
