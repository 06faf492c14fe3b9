"""Response codes that take more than a dialogue (tests/imap/codes.txt), and the table of them all."""
import contextlib
import os
import re
import resource
import sqlite3

from conftest import PASSWORD, ROOT, wait_for
from test_imap import Raw


def login(server, name):
    client = Raw(server, login=False)
    answer = client.command(f'LOGIN {name}@{server.domain} "{PASSWORD}"')[-1]
    return client, answer


def test_contactadmin(server):
    server.cli("user", "add", "carol@example.test", input=PASSWORD + "\n")
    server.cli("user", "set", "carol@example.test", "--app-passwords-only", "yes")
    client, answer = login(server, "carol")
    assert b" NO [CONTACTADMIN] An application password is required." in answer
    client.close()


def find_in_segments(server, text):
    """Where it is, once it has been carried there from the database."""
    for path in (server.dir / "segments").iterdir():
        if (at := path.read_bytes().find(text)) >= 0:
            return path, at
    return None


def test_corruption(server):
    server.cli("user", "add", "dave@example.test", input=PASSWORD + "\n")
    client, _ = login(server, "dave")
    text = "Subject: x\r\n\r\nthis will be damaged on the disk\r\n"
    client.ok(f"APPEND INBOX {{{len(text)}+}}\r\n{text}")
    path, at = wait_for(lambda: find_in_segments(server, b"this will be damaged"), what="a segment")
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"THIS")
    client.ok("SELECT INBOX")
    # What is kept beside the message is still right.
    assert b'"x"' in client.ok("FETCH 1 ENVELOPE")[0]
    assert b"[CORRUPTION]" in client.no("FETCH 1 BODY[]")
    assert client.ok("NOOP") == []
    # The record of which messages there are.
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db", timeout=30)) as db, db:
        assert db.execute("UPDATE flag_chunk SET data = x'ff' WHERE id / 16777216 ="
                          " (SELECT id FROM mailbox WHERE name = 'INBOX' AND account_id ="
                          " (SELECT id FROM account WHERE address = 'dave@example.test'))").rowcount
    assert b"[CORRUPTION]" in client.no("STORE 1 +FLAGS (\\Flagged)")
    client.close()


def test_unavailable(make_server):
    """No more files can be opened; the store can't be read: at login and in a session. What was opened before is still there."""
    server = make_server()
    client = Raw(server)
    client.ok("APPEND INBOX {28+}\r\nSubject: x\r\n\r\nin a segment\r\n")
    wait_for(lambda: find_in_segments(server, b"in a segment"), what="a segment")
    client.close()
    server.stop()
    server.start()   # it has no segment open
    client = Raw(server)
    client.ok("SELECT INBOX")
    files = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (0, files[1]))
    answer = client.no('APPEND INBOX CATENATE (URL "/INBOX/;UID=1")')
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, files)
    assert b"NO [UNAVAILABLE] " in answer
    client.ok('APPEND INBOX CATENATE (URL "/INBOX/;UID=1")')
    path = server.dir / "veredus.db"
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as db:
        db.execute("CREATE TABLE spare (x)")   # so that nothing of it is remembered
        wait_for(lambda: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0,
                 what="a moment without readers")
    os.truncate(path, 4096)
    for command in ("SELECT Sent", "STATUS Sent (MESSAGES)", 'LIST "" *', "CREATE x",
                    "APPEND INBOX {6+}\r\nx: y\r\n"):
        assert b"NO [UNAVAILABLE] " in client.no(command)
    client.ok("NOOP")
    assert b"NO [UNAVAILABLE] " in login(server, "bob")[1]
    client.close()


def test_documented():
    """docs/imap.md has every code that the source says."""
    source = "".join(path.read_text() for path in sorted((ROOT / "src/imap").glob("*.c")))
    said = set(re.findall(r'imap_(?:no|ok)\(\s*c,\s*(?:arena_printf\(\s*c->arena,\s*)?"([A-Z0-9-]+)', source))
    said |= set(re.findall(r'c->code = "([A-Z-]+)"', source))
    said |= set(re.findall(r'"(?:[^"]*(?:OK|NO|BAD|BYE|PREAUTH) )?\[([A-Z-]{4,})[ \]]', source))
    table = (ROOT / "docs/imap.md").read_text().split("## Response codes")[1].split("\n## ")[0]
    documented = set(re.findall(r"`([A-Z0-9-]+)`", table))
    assert len(said) > 25 and said <= documented, sorted(said - documented)
