"""Other mail servers, to send to us: Exim, Sendmail and OpenSMTPD.

Debian lets only one of them be installed, so their packages are unpacked beside the build and run
from there. What they find compiled in (users, spool directories) is mounted for them alone, in a
mount namespace of their own: nothing of the machine changes. Needs root."""
import fcntl
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile

from conftest import ROOT, START_SECONDS, free_port, wait_for

PACKAGES = ["exim4-daemon-light", "opensmtpd", "sendmail-bin", "sendmail-cf"]
UNPACKED = ROOT / "build-peers"
USERS = {"Debian-exim": 65500, "opensmtpd": 65501, "opensmtpq": 65502}


def unpack(packages=PACKAGES, name="root"):
    """Downloads and unpacks the packages once; the directory where they are."""
    UNPACKED.mkdir(exist_ok=True)
    with open(UNPACKED / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = UNPACKED / name
        if root.exists():
            return root
        got = UNPACKED / f"{name}-packages"
        got.mkdir(exist_ok=True)
        got.chmod(0o777)
        fetched = subprocess.run(["apt-get", "download", "-q", *packages], cwd=got, text=True,
                                 capture_output=True, timeout=300)
        assert fetched.returncode == 0, fetched.stdout + fetched.stderr
        part = UNPACKED / f"{name}-part"
        for package in got.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, part], check=True)
        part.rename(root)
        return root


class Peer:
    """A directory of its own, and a way to run programs that see our users and, under the
    given places, empty directories."""

    def __init__(self, empty=()):
        self.root = unpack()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="veredus-peer-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.process = None
        mounts = []
        for name in ("passwd", "group"):
            lines = pathlib.Path("/etc", name).read_text()
            for user, number in USERS.items():
                fields = [user, "x", str(number)]
                fields += [str(number), "", "/nonexistent", "/usr/sbin/nologin"] \
                    if name == "passwd" else [""]
                lines += ":".join(fields) + "\n"
            (self.dir / name).write_text(lines)
            mounts.append(f"mount --bind {self.dir}/{name} /etc/{name}")
        # Sendmail waits a minute for the machine to have a name with a dot in it.
        name = socket.gethostname().split(".")[0]
        (self.dir / "hosts").write_text(f"127.0.0.1 localhost {name}.peer.test {name}\n")
        mounts.append(f"mount --bind {self.dir}/hosts /etc/hosts")
        mounts += [f"mount -t tmpfs -o mode=755 none {place}" for place in empty]
        self.inside = mounts

    def command(self, *command, before=()):
        steps = " && ".join([*self.inside, *before, 'exec "$@"'])
        return ["unshare", "--mount", "sh", "-c", steps, "sh", *[str(c) for c in command]]

    def run(self, *command, input=None, status=0):
        done = subprocess.run(self.command(*command), input=input, capture_output=True,
                              timeout=START_SECONDS)
        assert done.returncode == status, (done.stdout + done.stderr).decode(errors="replace")
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Exim(Peer):
    """Sends everything to the given port, with CHUNKING, STARTTLS and DSN where offered."""

    def __init__(self, relay_port, options="", transport=""):
        super().__init__()
        self.program = self.root / "usr/sbin/exim4"
        for name in ("spool", "log"):
            (self.dir / name).mkdir()
            os.chown(self.dir / name, USERS["Debian-exim"], USERS["Debian-exim"])
        (self.dir / "exim.conf").write_text(f"""\
primary_hostname = mx.exim.test
exim_path = {self.program}
spool_directory = {self.dir}/spool
log_file_path = {self.dir}/log/%slog
keep_environment =
dsn_advertise_hosts = *
chunking_advertise_hosts = *
acl_smtp_rcpt = take
{options}
begin acl
take:
  accept
begin routers
all:
  driver = manualroute
  transport = out
  route_list = * 127.0.0.1
  self = send
begin transports
out:
  driver = smtp
  port = {relay_port}
  allow_localhost
{transport}
begin retry
* * F,1h,1m
""")

    def smtp(self, dialogue):
        """Gives Exim the lines over SMTP, waits until it has sent what it took."""
        return self.run(self.program, "-C", self.dir / "exim.conf", "-odf", "-bs",
                        input=dialogue.replace("\n", "\r\n").encode())

    def log(self):
        return (self.dir / "log/mainlog").read_text()


class Sendmail(Peer):
    def __init__(self, relay_port):
        super().__init__()
        self.program = self.root / "usr/libexec/sendmail/sendmail"
        self.configuration = self.dir / "sendmail.cf"
        (self.dir / "queue").mkdir()
        (self.dir / "service.switch").write_text("hosts files\naliases files\n")
        macros = self.root / "usr/share/sendmail/cf"
        # On a busy machine it would queue, and not send.
        source = f"""\
include(`{macros}/m4/cf.m4')dnl
OSTYPE(linux)dnl
define(`confDOMAIN_NAME', `mx.sendmail.test')dnl
define(`QUEUE_DIR', `{self.dir}/queue')dnl
define(`confPID_FILE', `{self.dir}/pid')dnl
define(`STATUS_FILE', `{self.dir}/status')dnl
define(`ALIAS_FILE', `')dnl
define(`confDEF_USER_ID', `nobody:nogroup')dnl
define(`confQUEUE_LA', `100000')dnl
define(`confDELAY_LA', `0')dnl
define(`confSERVICE_SWITCH_FILE', `{self.dir}/service.switch')dnl
FEATURE(`nocanonify')dnl
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {relay_port}')dnl
MAILER(smtp)dnl
"""
        made = subprocess.run(["m4", f"-D_CF_DIR_={macros}/", "-"], input=source, text=True,
                              cwd=macros / "cf", capture_output=True, check=True)
        self.configuration.write_text(made.stdout)

    def send(self, message, *arguments, status=0):
        """What was said on the way: its -v."""
        return self.run(self.program, "-C", self.configuration, "-odi", "-i", "-v", *arguments,
                        input=message, status=status).decode()


class OpenSmtpd(Peer):
    """Takes mail on its port and passes it on."""

    def __init__(self, relay_port):
        super().__init__(empty=["/var/spool", "/var/lib"])
        self.port = free_port()
        (self.dir / "smtpd.conf").write_text(f"""\
listen on 127.0.0.1 port {self.port} hostname mx.openbsd.test
action "out" relay host smtp+tls://127.0.0.1:{relay_port} tls no-verify helo mx.openbsd.test
match from any for any action "out"
""")

    def __enter__(self):
        made = ["mkdir -m 711 /var/spool/smtpd", "mkdir -p /var/lib/opensmtpd/empty"]
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(self.root / "usr/sbin/smtpd", "-d", "-f", self.dir / "smtpd.conf",
                             before=made),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.answers, START_SECONDS, "OpenSMTPD")
        return self

    def answers(self):
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=5).quit()
        except (OSError, smtplib.SMTPException):
            return False
        return True
