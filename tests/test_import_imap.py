"""Mail comes from other servers over IMAP, again and again until the users move: from Dovecot and
from Veredus."""
import getpass
import imaplib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import PASSWORD, VEREDUS, free_port, wait_for
from test_import import ALICE, counts, listing, message

DOVECOT = shutil.which("dovecot") or "/usr/sbin/dovecot"


class Dovecot:
    """On loopback, in a directory of its own, as the user of the tests."""

    def __init__(self, directory):
        self.dir = directory
        self.port = free_port()
        user = getpass.getuser()
        (directory / "users").write_text(f"old@remote.test:{{PLAIN}}{PASSWORD}:::::: \n")
        (directory / "masters").write_text("master:{PLAIN}master secret\n")
        for name in ("run", "state", "mail"):
            (directory / name).mkdir()
        # Dovecot does not run its logins as root; its package has made these users.
        internal, login = ("dovecot", "dovenull") if os.getuid() == 0 else (user, user)
        group = subprocess.check_output(["id", "-gn", internal], text=True).strip()
        uid, gid = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
        os.chown(directory / "mail", uid, gid)
        (directory / "dovecot.conf").write_text(f"""
protocols = imap
listen = 127.0.0.1
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
ssl = no
disable_plaintext_auth = no
auth_master_user_separator = *
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
mail_location = maildir:{directory}/mail/%u
first_valid_uid = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/mail/%u
}}
namespace inbox {{
  inbox = yes
  prefix = INBOX.
  separator = .
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", directory / "dovecot.conf"],
                                        stdout=subprocess.DEVNULL,
                                        stderr=open(directory / "stderr", "wb"))
        wait_for(self.answers, 30, "Dovecot")

    def answers(self):
        try:
            imaplib.IMAP4("127.0.0.1", self.port, timeout=5).logout()
            return True
        except (OSError, imaplib.IMAP4.abort):
            return False

    def session(self):
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=60)
        imap.login("old@remote.test", PASSWORD)
        return imap

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def dovecot():
    if not os.access(DOVECOT, os.X_OK):
        pytest.skip("Dovecot is not installed")
    # Short, as sockets have their names in it, and open to the users that Dovecot becomes.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dv-"))
    directory.chmod(0o755)
    d = Dovecot(directory)
    yield d
    d.stop()
    shutil.rmtree(directory, ignore_errors=True)


def fill(imap, folder, *numbers, flags=None):
    for number in numbers:
        status, data = imap.append(folder, flags, f'" 1-Jan-2026 10:20:{number % 60:02} +0000"',
                                   message(number).replace("\n", "\r\n").encode())
        assert status == "OK", data


def run(server, remote, *options, password=PASSWORD, check=True):
    result = subprocess.run([VEREDUS, "-d", server.dir, "import", "imap", ALICE, "--server",
                             f"127.0.0.1:{remote}", *options, "--json"], text=True,
                            capture_output=True, timeout=120,
                            env={**os.environ, "VEREDUS_PASSWORD": password})
    if check:
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)
    return result


PLAIN = ("--tls", "none", "--user", "old@remote.test")


def test_from_dovecot_until_the_switch(dovecot, make_server):
    s = make_server()
    old = dovecot.session()
    for folder in ("INBOX.Work", "INBOX.Work.2026", "INBOX.Gr&APYA3w-e"):
        assert old.create(folder)[0] == "OK"
    fill(old, "INBOX", 1, 2, 3, flags="(\\Seen \\Flagged $Work)")
    fill(old, "INBOX.Work.2026", 4)
    fill(old, "INBOX.Gr&APYA3w-e", 5)
    fill(old, "INBOX.Sent", 6, flags="(\\Answered)")
    assert counts(run(s, dovecot.port, *PLAIN)) == (6, 0, 0, 0)
    assert listing(s) == {f"message {i}": ({"\\Seen", "\\Flagged", "$Work"},
                                           f"1-Jan-2026 10:20:0{i} +0000") for i in (1, 2, 3)}
    assert listing(s, "Work/2026") == {"message 4": (set(), "1-Jan-2026 10:20:04 +0000")}
    assert list(listing(s, "Gr&APYA3w-e")) == ["message 5"]
    assert listing(s, "Sent") == {"message 6": ({"\\Answered"}, "1-Jan-2026 10:20:06 +0000")}
    assert s.messages()[0] == message(1).replace("\n", "\r\n").encode()
    # Nothing new; then flags, a new message, and one that the user has deleted here.
    assert counts(run(s, dovecot.port, *PLAIN)) == (0, 0, 0, 0)
    old.select("INBOX")
    old.store("1", "-FLAGS", "(\\Seen $Work)")
    old.store("2", "+FLAGS", "(\\Answered)")
    fill(old, "INBOX", 7)
    here = s.imap()
    here.select()
    here.store("3", "+FLAGS", "\\Deleted")
    here.expunge()
    result = run(s, dovecot.port, *PLAIN)
    assert counts(result) == (1, 0, 0, 0) and result["flags_changed"] == 2
    now = listing(s)
    assert {name: flags for name, (flags, _) in now.items()} == {
        "message 1": {"\\Flagged"}, "message 2": {"\\Seen", "\\Flagged", "$Work", "\\Answered"},
        "message 7": set()}
    here.logout()
    old.logout()


def delete(imap, folder, *numbers):
    imap.select(folder)
    for number in numbers:
        found = imap.search(None, "SUBJECT", f'"message {number}"')[1][0].split()
        imap.store(found[0], "+FLAGS.SILENT", "\\Deleted")
    imap.expunge()


def test_what_is_deleted_there(dovecot, make_server):
    """It goes here, too, if it was asked for and came from there alone."""
    s = make_server()
    old, here = dovecot.session(), s.imap()
    fill(here, "INBOX", 2)                       # here by another way
    fill(old, "INBOX", 1, 2, 3, 4, 4, 5)         # 4 twice
    old.create("INBOX.Work")
    fill(old, "INBOX.Work", 6, 7)
    assert counts(run(s, dovecot.port, *PLAIN, "--delete")) == (6, 2, 0, 0)
    fill(here, "INBOX", 9)                       # came since
    delete(old, "INBOX", 1, 2, 4)
    result = run(s, dovecot.port, *PLAIN)        # by default all stays
    assert counts(result) == (0, 0, 0, 0) and result["removed"] == 0
    assert len(listing(s)) == 6
    result = run(s, dovecot.port, *PLAIN, "--delete")
    assert counts(result) == (0, 0, 0, 0) and result["removed"] == 1
    assert set(listing(s)) == {f"message {i}" for i in (2, 3, 4, 5, 9)}
    # The other one of the two; one that comes while another goes; one that was moved here before.
    here.select("INBOX")
    assert here.uid("MOVE", here.uid("SEARCH", "SUBJECT", '"message 5"')[1][0], "Archive")[0] == "OK"
    delete(old, "INBOX", 4, 5)
    delete(old, "INBOX.Work", 6)
    fill(old, "INBOX", 8)
    result = run(s, dovecot.port, *PLAIN, "--delete")
    assert counts(result) == (1, 0, 0, 0) and result["removed"] == 2
    assert set(listing(s)) == {f"message {i}" for i in (2, 3, 8, 9)}
    assert set(listing(s, "Work")) == {"message 7"} and set(listing(s, "Archive")) == {"message 5"}
    assert run(s, dovecot.port, *PLAIN, "--delete")["removed"] == 0
    # They can be brought back; and a folder that was made anew there takes nothing away.
    assert len(json.loads(s.cli("undelete", ALICE, "--folder", "INBOX", "--list",
                                "--json").stdout)) == 2
    old.select("INBOX")
    old.delete("INBOX.Work")
    old.create("INBOX.Work")
    fill(old, "INBOX.Work", 10)
    result = run(s, dovecot.port, *PLAIN, "--delete")
    assert result["removed"] == 0 and set(listing(s, "Work")) == {"message 7", "message 10"}
    here.logout()
    old.logout()


def test_a_master_brings_the_mail_of_users(dovecot, make_server):
    s = make_server(start=False)
    old = dovecot.session()
    fill(old, "INBOX", 1)
    old.logout()
    result = run(s, dovecot.port, *PLAIN, "--master", "master", "--folder", "Old", "--only",
                 "INBOX", password="master secret")
    assert counts(result) == (1, 0, 0, 0)
    s.start()
    assert list(listing(s, "Old/INBOX")) == ["message 1"]
    result = run(s, dovecot.port, *PLAIN, password="wrong", check=False)
    assert result.returncode == 1 and "uthentication" in result.stderr


def test_from_veredus_over_tls(make_server, tmp_path):
    """Interrupted, and in the face of a certificate that nobody knows."""
    old, s = make_server(domain="old.test", accounts=("alice",)), make_server()
    imap = old.imap()
    for name in ("Work/2026", "v1.2"):
        imap.create(f'"{name}"')
    fill(imap, "INBOX", *range(60))
    fill(imap, "Work/2026", 70, flags="(\\Seen)")
    fill(imap, "v1.2", 71)
    imap.logout()
    options = ("--user", "alice@old.test")
    result = run(s, old.port["imaps"], *options, check=False)
    assert result.returncode == 1 and "TLS" in result.stderr
    command = [VEREDUS, "-d", s.dir, "import", "imap", ALICE, "--server",
               f"127.0.0.1:{old.port['imaps']}", *options, "--insecure"]
    for seconds in (0.2, 0.5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                   env={**os.environ, "VEREDUS_PASSWORD": PASSWORD})
        time.sleep(seconds)
        process.kill()
        process.wait()
    result = run(s, old.port["imap"], *options, "--insecure", "--tls", "starttls")
    assert sum(counts(result)) >= 62 - 60 and result["failed"] == 0
    assert len(listing(s)) == 60
    assert listing(s, "Work/2026")["message 70"][0] == {"\\Seen"}
    assert list(listing(s, "v1.2")) == ["message 71"]
    assert counts(run(s, old.port["imap"], *options, "--insecure", "--tls", "starttls")) \
        == (0, 0, 0, 0)


class Shaky:
    """A server of one folder with so many messages, each Flagged that is in the set."""

    def __init__(self, count):
        self.count, self.flagged = count, set()
        self.refuses = None     # commands that have this in them
        self.empty = None       # the UID whose message is NIL
        self.ends_at = None     # before the message of this UID the connection ends
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as f:
                try:
                    self.talk(f)
                except OSError:
                    pass

    def talk(self, f):
        f.write(b"* OK\r\n")
        f.flush()
        for line in f:
            tag, command = line.decode().rstrip().split(" ", 1)
            if self.refuses and self.refuses in command:
                f.write(f"{tag} NO [UNAVAILABLE] not now\r\n".encode())
            else:
                for part in self.answer(command):
                    if part is None:
                        return
                    f.write(part)
                f.write(f"{tag} OK\r\n".encode())
            f.flush()

    def answer(self, command):
        if command.startswith("LIST"):
            yield b'* LIST () "/" "50% off"\r\n'
        elif command.startswith("EXAMINE"):
            yield (f"* {self.count} EXISTS\r\n* OK [UIDVALIDITY 9]\r\n"
                   f"* OK [UIDNEXT {self.count + 1}]\r\n").encode()
        elif command.startswith("UID FETCH"):
            for uid in self.uids(command.split()[2]):
                flags = "\\Flagged" if uid in self.flagged else ""
                items = f"* {uid} FETCH (UID {uid} FLAGS ({flags}) RFC822.SIZE 99"
                if "BODY" in command:
                    if uid == self.ends_at:
                        yield None
                    text = message(uid).replace("\n", "\r\n")
                    items += " BODY[] " + ("NIL" if uid == self.empty else
                                           f"{{{len(text)}}}\r\n{text}")
                yield items.encode() + b")\r\n"

    def uids(self, ranges):
        for first, last in re.findall(r"(\d+)(?::(\d+|\*))?", ranges):
            yield from range(int(first), 1 + (self.count if last == "*" else int(last or first)))


@pytest.fixture
def shaky():
    server = Shaky(230)
    yield server
    server.listener.close()


SHAKY = ("--tls", "none", "--user", "old")


def test_what_could_not_be_had_is_asked_for_again(shaky, server):
    """A list that is refused, a message that does not come; each is said, and none forgotten."""
    shaky.count = 5
    shaky.refuses = "RFC822.SIZE"
    result = run(server, shaky.port, *SHAKY, check=False)
    assert result.returncode == 3 and "list of messages" in result.stderr
    shaky.refuses, shaky.empty = None, 3
    result = run(server, shaky.port, *SHAKY, check=False)
    assert result.returncode == 3 and "UID 3" in result.stderr
    assert counts(json.loads(result.stdout)) == (4, 0, 0, 1)
    shaky.empty, shaky.count = None, 6
    assert counts(run(server, shaky.port, *SHAKY)) == (2, 0, 0, 0)
    assert set(listing(server, "50_ off")) == {f"message {i}" for i in range(1, 7)}
    assert counts(run(server, shaky.port, *SHAKY)) == (0, 0, 0, 0)


def test_flags_that_change_between_two_halves(shaky, make_server):
    """The first run ends in the middle; what it has brought is looked at once more."""
    s = make_server()
    shaky.ends_at = 230
    assert run(s, shaky.port, *SHAKY, check=False).returncode == 1
    shaky.ends_at, shaky.flagged = None, {1}
    result = run(s, shaky.port, *SHAKY)
    assert counts(result) == (30, 0, 200, 0) and result["flags_changed"] == 1
    there = listing(s, "50_ off")
    assert len(there) == 230 and there["message 1"][0] == {"\\Flagged"}
