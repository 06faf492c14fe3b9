"""To Postfix and from Postfix, which runs with a configuration and a queue of its own."""
import email
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import subprocess
import tempfile

import pytest

from conftest import free_port, wait_for
from test_relay import SLOW, entries, journey, message, submit, wait_empty

POSTFIX = shutil.which("postfix") or "/usr/sbin/postfix"
pytestmark = pytest.mark.skipif(not os.path.exists(POSTFIX) or os.geteuid() != 0,
                                reason="needs Postfix, and root to start it")

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Takes mail for user@pf.test into a Maildir; sends all other mail to the given port. later:
    more of main.cf, for what stands there otherwise."""

    def __init__(self, relay_port, certificate, later=lambda directory: ""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="veredus-postfix-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.port = free_port()
        etc = self.dir / "etc"
        for name in ("etc", "spool", "data", "mail"):
            (self.dir / name).mkdir()
        shutil.chown(self.dir / "data", "postfix")
        user = pwd.getpwnam("nobody")
        os.chown(self.dir / "mail", user.pw_uid, user.pw_gid)
        (etc / "boxes").write_text("user@pf.test user/\n")
        pem = self.dir / "etc" / "both.pem"
        pem.write_text("".join(pathlib.Path(p).read_text() for p in reversed(certificate)))
        (etc / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.dir}/spool
data_directory = {self.dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.dir}/maillog
maillog_file_prefixes = /tmp
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.pf.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = pf.test
virtual_mailbox_base = {self.dir}/mail
virtual_mailbox_maps = texthash:{etc}/boxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
relayhost = [127.0.0.1]:{relay_port}
smtpd_peername_lookup = no
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_chain_files = {pem}
{later(self.dir)}""")
        (etc / "master.cf").write_text(SERVICES.format(port=self.port))

    def command(self, *args):
        return subprocess.run([POSTFIX, "-c", self.dir / "etc", *args], capture_output=True,
                              text=True, timeout=60)

    def __enter__(self):
        started = self.command("start")
        assert started.returncode == 0, started.stderr + started.stdout
        wait_for(self.answers, 30, "postfix")
        return self

    def answers(self):
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=5).quit()
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def __exit__(self, *exc):
        self.command("stop")
        shutil.rmtree(self.dir, ignore_errors=True)

    def messages(self):
        return [p.read_bytes() for p in sorted((self.dir / "mail/user/new").glob("*"))]

    def log(self):
        path = self.dir / "maillog"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def peers(make_server):
    server = make_server(start=False, domain="a.test")
    certificate = (server.dir / "certificate.pem", server.dir / "certificate.key")
    with Postfix(server.port["smtp"], certificate) as postfix:
        server.configure(f"""
            relay-networks = {{ "127.0.0.0/8" }}
            smarthost "*" {{ host = "127.0.0.1" port = {postfix.port} tls = required }}
            queue {{ retry-first = 200ms retry-max = 1s }}""")
        yield server.start(), postfix


def test_to_postfix(peers):
    server, postfix = peers
    submit(server, ["user@pf.test", "nobody@pf.test"])
    [raw] = wait_for(lambda: postfix.messages(), SLOW)
    parsed = email.message_from_bytes(raw)
    assert parsed["Return-Path"] == "<alice@a.test>"
    assert raw.endswith(b"\n\nThe body.\n.dot\n")
    assert "from mx.a.test" in parsed.get_all("Received")[0]
    assert "with ESMTPS" in parsed.get_all("Received")[0]
    # Postfix refuses the other at RCPT, in the same transaction.
    [report] = server.wait_messages(1, "alice", seconds=SLOW)
    assert b"Final-Recipient: rfc822; nobody@pf.test" in report
    assert b"Status: 5.1.1" in report
    wait_empty(server)
    assert "queued as" in journey(server, "<relayed@a.test>")


def test_many_to_postfix(peers):
    server, postfix = peers
    with server.smtp() as smtp:
        for i in range(40):
            smtp.sendmail("alice@a.test", "user@pf.test", message(f"m{i}"))
    wait_for(lambda: len(postfix.messages()) == 40, SLOW)
    wait_empty(server)
    subjects = {email.message_from_bytes(raw)["Subject"] for raw in postfix.messages()}
    assert subjects == {f"m{i}" for i in range(40)}
    assert len(re.findall(r"smtpd\[\d+\]: connect from", postfix.log())) < 20


def test_from_postfix(peers):
    server, postfix = peers
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
        smtp.sendmail("user@pf.test", ["alice@a.test", "bob@a.test"],
                      message("answer", "user@pf.test", "alice@a.test"))
        smtp.sendmail("user@pf.test", ["missing@a.test"],
                      message("lost", "user@pf.test", "missing@a.test"))
    [raw] = server.wait_messages(1, "alice", seconds=SLOW)
    received = email.message_from_bytes(raw).get_all("Received")
    assert "mx.pf.test" in received[0] and "with ESMTPS" in received[0]
    assert raw.endswith(b"\r\n\r\nThe body.\r\n.dot\r\n")
    assert server.wait_messages(1, "bob", seconds=SLOW)
    # What we refused comes back to its sender as a report of Postfix's own.
    [report] = wait_for(lambda: postfix.messages(), SLOW)
    assert b"missing@a.test" in report and b"5.1.1" in report


def test_smtputf8_both_ways(peers):
    server, postfix = peers
    server.cli("user", "add", "käthe@a.test", input="secret words\n")
    text = message("größe", "größe@client.test", "user@pf.test").replace("\n", "\r\n").encode()
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.sendmail("größe@client.test", ["user@pf.test"], text, mail_options=["SMTPUTF8"])
    [raw] = wait_for(lambda: postfix.messages(), SLOW)
    assert "Return-Path: <größe@client.test>".encode() in raw and b"with UTF8SMTPS" in raw
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
        smtp.ehlo("client.test")
        smtp.sendmail("größe@client.test", ["KÄTHE@a.test"], text, mail_options=["SMTPUTF8"])
    wait_for(lambda: "delivered" in journey(server, "<größe@a.test>") and
             "käthe@a.test" in journey(server, "<größe@a.test>"), SLOW)


def test_what_postfix_does_not_know(peers):
    """MT-PRIORITY is left out; N goes and its sender is told; R, and REQUIRETLS, come back."""
    server, postfix = peers
    with server.smtp() as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo("client.test")
        for options in ["MT-PRIORITY=3"], ["BY=600;N"], ["BY=600;R"], ["REQUIRETLS"]:
            smtp.sendmail("alice@a.test", ["user@pf.test"], message(options[0]),
                          mail_options=options)
    told = server.wait_messages(3, "alice", seconds=SLOW)
    assert len(wait_for(lambda: len(postfix.messages()) == 2 and postfix.messages(), SLOW)) == 2
    actions = sorted(re.search(rb"Action: (\w+)\r\nStatus: ([\d.]+)", m).groups() for m in told)
    assert actions[:2] == [(b"failed", b"5.4.7"), (b"failed", b"5.7.10")]
    assert actions[2][0] == b"relayed"
