"""Clients that keep a copy of mailboxes: mbsync and offlineimap in both directions, with edits on both
sides at once, and getmail, which fetches."""
import hashlib
import os
import random
import re
import ssl
import subprocess

import pytest

from conftest import PASSWORD
from test_imap import Raw
from test_imap_clients import needs, run

COUNT = 1000


def message(n):
    return f"Subject: number {n}\r\nMessage-ID: <{n}@example.test>\r\n\r\nbody {n}\r\n".encode()


def fill(client, first, last, mailbox="INBOX"):
    """Many at a time, by MULTIAPPEND."""
    for start in range(first, last, 50):
        parts = [b" {%d+}\r\n%b" % (len(m), m)
                 for m in (message(n) for n in range(start, min(start + 50, last)))]
        client.ok(f"APPEND {mailbox}".encode() + b"".join(parts))


def on_server(client, mailbox="INBOX"):
    """Number -> flags."""
    client.ok(f"SELECT {mailbox}")
    if b"* 0 EXISTS" in client.ok(f"EXAMINE {mailbox}"):
        return {}
    found = {}
    for line in client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"):
        number = int(re.search(rb"number (\d+)", line)[1])
        assert number not in found, f"{number} is there twice"
        found[number] = set(re.search(rb"FLAGS \(([^)]*)\)", line)[1].split()) - {b"\\Recent"}
    return found


def in_maildir(folder):
    """Number -> (path, flags)."""
    found = {}
    for path in [*folder.glob("new/*"), *folder.glob("cur/*")]:
        number = int(re.search(rb"number (\d+)", path.read_bytes())[1])
        assert number not in found, f"{number} is there twice"
        found[number] = path, set(path.name.partition(":2,")[2])
    return found


def set_flags(folder, path, flags):
    base = path.name.partition(":2,")[0]
    path.rename(folder / "cur" / (base + ":2," + "".join(sorted(flags))))


NAMES = {b"\\Seen": "S", b"\\Flagged": "F", b"\\Answered": "R"}


def letters(flags):
    return {NAMES[f] for f in flags if f in NAMES}


def same(server, folder):
    here = in_maildir(folder)
    assert {n: letters(f) for n, f in server.items()} == {n: f & set("SFR") for n, (_, f) in here.items()}


@pytest.fixture
def server(make_server):
    return make_server()


@needs("mbsync")
def test_mbsync_in_both_directions(server, tmp_path):
    """Thousand messages, then edits on both sides between runs: flags of the same messages, removals
    here and there, new mail here and there."""
    rng = random.Random(4)
    client = Raw(server)
    fill(client, 0, COUNT)
    (tmp_path / "box").mkdir()
    rc = tmp_path / "mbsyncrc"
    rc.write_text(f"""
FSync no

IMAPAccount here
Host 127.0.0.1
Port {server.port['imaps']}
User alice@{server.domain}
Pass "{PASSWORD}"
SSLType IMAPS
AuthMechs SCRAM-SHA-256
CertificateFile {server.dir}/certificate.pem

IMAPStore far
Account here

MaildirStore near
Path {tmp_path}/box/
Inbox {tmp_path}/box/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Archive
Create Both
Expunge Both
SyncState *
""")

    def sync():
        run("mbsync", "-q", "-c", str(rc), "all", env={**os.environ, "HOME": str(tmp_path)})

    sync()
    folder = tmp_path / "box" / "INBOX"
    same(on_server(client), folder)
    next_number = COUNT
    for _ in range(3):
        here = in_maildir(folder)
        numbers = sorted(here)
        flagged, gone_here, gone_there, seen = (rng.sample(numbers, 40) for _ in range(4))
        for n in flagged:
            set_flags(folder, here[n][0], here[n][1] | {"F"})
        for n in set(gone_here) - set(flagged):
            here[n][0].unlink()
        client.ok("SELECT INBOX")
        uids = {int(re.search(rb"number (\d+)", line)[1]): re.search(rb"UID (\d+)", line)[1].decode()
                for line in client.ok("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")}
        for n in seen:
            client.ok(f"UID STORE {uids[n]} +FLAGS (\\Seen)")
        client.ok(f"UID MOVE {','.join(uids[n] for n in gone_there)} Archive")
        fill(client, next_number, next_number + 20)
        for n in range(next_number + 20, next_number + 30):
            (folder / "new" / f"{n}.local").write_bytes(message(n).replace(b"\r\n", b"\n"))
        next_number += 30
        sync()
        sync()
        there = on_server(client)
        same(there, folder)
        assert {n for n in there if n >= next_number - 30} == set(range(next_number - 30, next_number))
        assert not (set(gone_here) - set(flagged)) & set(there) and not set(gone_there) & set(there)
        for n in set(there) & set(flagged):
            assert b"\\Flagged" in there[n]
        for n in set(there) & set(seen):
            assert b"\\Seen" in there[n]
        same(on_server(client, "Archive"), tmp_path / "box" / "Archive")
    client.close()


@needs("offlineimap")
def test_offlineimap(server, tmp_path):
    client = Raw(server)
    fill(client, 0, 50)
    client.ok("CREATE work/one")
    pem = (server.dir / "certificate.pem").read_text()
    fingerprint = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    rc = tmp_path / "offlineimaprc"
    rc.write_text(f"""
[general]
accounts = here
metadata = {tmp_path}/metadata
[Account here]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {tmp_path}/box
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {server.port['imaps']}
remoteuser = alice@{server.domain}
remotepass = {PASSWORD}
ssl = yes
cert_fingerprint = {fingerprint}
""")

    def sync():
        result = subprocess.run(["offlineimap", "-c", str(rc), "-o", "-1", "-u", "basic"], timeout=120,
                                capture_output=True, env={**os.environ, "HOME": str(tmp_path)})
        assert result.returncode == 0 and b"ERROR" not in result.stderr, result

    sync()
    folder = tmp_path / "box" / "INBOX"
    same(on_server(client), folder)
    assert (tmp_path / "box" / "work.one").is_dir()
    here = in_maildir(folder)
    set_flags(folder, here[3][0], "FS")
    here[4][0].unlink()
    client.ok("SELECT INBOX")
    client.ok("STORE 6 +FLAGS (\\Seen)")
    client.ok("STORE 8 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    (folder / "cur" / "local,U=:2,S").write_bytes(message(100).replace(b"\r\n", b"\n"))
    sync()
    there = on_server(client)
    assert {4, 7} & set(there) == set() and 100 in there
    assert letters(there[3]) == {"F", "S"} and letters(there[5]) == {"S"}
    client.close()


@needs("getmail")
def test_getmail(server, tmp_path):
    client = Raw(server)
    fill(client, 0, 20)
    (tmp_path / "getmail").mkdir()
    (tmp_path / "getmail" / "getmailrc").write_text(f"""
[retriever]
type = SimpleIMAPSSLRetriever
server = 127.0.0.1
port = {server.port['imaps']}
username = alice@{server.domain}
password = {PASSWORD}
mailboxes = ("INBOX",)
[destination]
type = MDA_external
path = /usr/bin/tee
arguments = ("-a", "{tmp_path}/box")
allow_root_commands = True
[options]
delete = True
read_all = False
""")
    for _ in range(2):
        run("getmail", "-g", str(tmp_path / "getmail"), env={**os.environ, "HOME": str(tmp_path)})
    found = re.findall(r"^Subject: number (\d+)$", (tmp_path / "box").read_text(), re.M)
    assert sorted(map(int, found)) == list(range(20))
    assert on_server(client) == {}
    client.close()
