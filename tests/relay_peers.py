"""Exim, OpenSMTPD and Haraka as those that take our mail: each refuses nobody@peer.test (and
later@peer.test for now, where it can), and passes all other mail on to a port. Exim and Haraka offer
STARTTLS; OpenSMTPD 6.8 can't with OpenSSL 3 (its key lies in another process, by an engine).

Haraka comes from npm, once, into a directory beside the build."""
import fcntl
import os
import pathlib
import shutil
import smtplib
import subprocess
import tempfile

from conftest import free_port, wait_for
from peers import UNPACKED, USERS, Exim, OpenSmtpd

HARAKA = "Haraka@3.1.1"
# What its dependencies were when this was written: later ones want later versions of Node.
HARAKA_BEFORE = "2026-06-15"


def certificate_for(directory, certificate, user=None):
    """Copies that the peer may read, and nobody else."""
    copies = []
    for source, name in zip(certificate, ("cert.pem", "key.pem")):
        copy = directory / name
        shutil.copy(source, copy)
        copy.chmod(0o600)
        if user:
            os.chown(copy, USERS[user], USERS[user])
        copies.append(copy)
    return copies


class EximServer(Exim):
    def __init__(self, relay_port, certificate):
        super().__init__(relay_port)
        self.port = free_port()
        cert, key = certificate_for(self.dir, certificate, "Debian-exim")
        conf = self.dir / "exim.conf"
        text = conf.read_text()
        text = text.replace("begin acl\ntake:\n", f"""\
tls_advertise_hosts = *
tls_certificate = {cert}
tls_privatekey = {key}
daemon_smtp_ports = {self.port}
local_interfaces = 127.0.0.1
pid_file_path = {self.dir}/exim.pid
begin acl
take:
  deny local_parts = nobody
       message = 5.1.1 there is nobody
  defer local_parts = later
        message = 4.2.1 not now
""", 1)
        conf.write_text(text)

    def __enter__(self):
        with open(self.dir / "out", "wb") as log:
            self.process = subprocess.Popen(
                self.command(self.program, "-C", self.dir / "exim.conf", "-bdf", "-q1s"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: answers(self.port), 30, "Exim")
        return self


class OpenSmtpdServer(OpenSmtpd):
    def __init__(self, relay_port, certificate):
        super().__init__(relay_port)
        (self.dir / "smtpd.conf").write_text(f"""\
table refused {{ "nobody@peer.test" }}
listen on 127.0.0.1 port {self.port} hostname mx.openbsd.test
action "out" relay host smtp://127.0.0.1:{relay_port} helo mx.openbsd.test
match from any for any rcpt-to <refused> reject
match from any for any action "out"
""")


class Haraka:
    def __init__(self, relay_port, certificate, tls_out=False):
        self.root = unpack("haraka", HARAKA, HARAKA_BEFORE)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="veredus-peer-", dir="/tmp"))
        self.port = free_port()
        self.process = None
        for name in ("config", "plugins", "queue"):
            (self.dir / name).mkdir()
        cert, key = certificate_for(self.dir, certificate)
        files = {
            "smtp.ini": f"listen=127.0.0.1:{self.port}\nnodes=0\n",
            "plugins": "tls\npeer\n",
            "tls.ini": f"key={key}\ncert={cert}\nno_starttls_ports[]=1\n",
            "log.ini": "[main]\nlevel=info\n",
            "outbound.ini": f"enable_tls={str(tls_out).lower()}\ntemp_fail_intervals=1s,1s,1s\n",
            "me": "mx.haraka.test\n",
        }
        for name, text in files.items():
            (self.dir / "config" / name).write_text(text)
        shutil.copy(self.root / "node_modules/Haraka/config/connection.ini", self.dir / "config")
        # Those that it would look for itself: seconds or a minute, as luck has it.
        subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt",
                        "group:ffdhe2048", "-out", self.dir / "config/dhparams.pem"], check=True)
        (self.dir / "plugins/peer.js").write_text("""\
'use strict';
exports.hook_rcpt = function (next, connection, params) {
    connection.relaying = true;
    const who = params[0].address();
    if (who.startsWith('nobody@')) return next(DENY, 'there is nobody');
    if (who.startsWith('later@')) return next(DENYSOFT, 'not now');
    next(OK);
};
exports.hook_get_mx = function (next, hmail, domain) {
    next(OK, { exchange: '127.0.0.1', port: PORT, priority: 0 });
};
""".replace("PORT", str(relay_port)))

    def __enter__(self):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["node", self.root / "node_modules/Haraka/bin/haraka", "-c", self.dir],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: answers(self.port), 60, "Haraka")
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def unpack(name, package, before):
    """A package of npm's with what it needs, by now unpacked in a directory beside the build."""
    UNPACKED.mkdir(exist_ok=True)
    with open(UNPACKED / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = UNPACKED / name
        if root.exists():
            return root
        part = UNPACKED / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        (part / "package.json").write_text('{"private": true}\n')
        fetched = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts",
             f"--before={before}", package], cwd=part, text=True, capture_output=True,
            timeout=600)
        assert fetched.returncode == 0, fetched.stdout + fetched.stderr
        part.rename(root)
        return root


def answers(port):
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=5).quit()
    except (OSError, smtplib.SMTPException):
        return False
    return True
