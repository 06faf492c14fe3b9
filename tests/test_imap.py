"""IMAP as clients use it: dialogues line by line, and Python's imaplib."""
import base64
import contextlib
import email.message
import imaplib
import random
import re
import socket
import sqlite3

import pytest

from conftest import PASSWORD, wait_for

PLAIN = b"From: Ann Example <ann@example.test>\r\nTo: alice@example.test\r\n" \
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from Ann\r\n" \
        b"Date: Wed, 17 Jul 1996 23:30:00 -0700\r\nMessage-ID: <1@example.test>\r\n" \
        b"X-Long: one\r\n two\r\n\r\nHello,\r\nthis is the body.\r\n"
MULTIPART = b"From: bob@example.test\r\nSubject: parts\r\nMIME-Version: 1.0\r\n" \
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n" \
            b"Content-Type: text/plain; charset=utf-8\r\n" \
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\nZw=C3=B6lf =\r\nBoxk=C3=A4mpfer\r\n" \
            b"--b\r\nContent-Type: message/rfc822\r\n\r\n" \
            b"Subject: inner\r\nFrom: carol@example.test\r\n\r\ninner body\r\n" \
            b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" \
            b"\r\nAAEC\r\n--b--\r\n"


class Raw:
    """A client that says what it likes. Responses are lines; a literal is part of its line."""

    def __init__(self, server, login=True, tls=True, user="alice"):
        self.socket = socket.create_connection(("127.0.0.1", server.port["imap"]), timeout=60)
        self.file = self.socket.makefile("rb")
        self.count = 0
        self.greeting = self.line()
        if tls:
            assert self.command("STARTTLS")[-1].split()[1] == b"OK"
            self.socket = server.tls_context().wrap_socket(self.socket)
            self.file = self.socket.makefile("rb")
        if login:
            self.ok(f'LOGIN {user}@{server.domain} "{PASSWORD}"')

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        line = self.file.readline()
        while match := re.search(rb"\{(\d+)\}\r\n$", line):
            line += self.file.read(int(match.group(1))) + self.file.readline()
        return line[:-2] if line.endswith(b"\r\n") else line

    def answer(self, tag):
        lines = []
        while True:
            line = self.line()
            assert line, lines
            lines.append(line)
            if line.startswith(tag + b" ") or line.startswith(b"+ "):
                return lines

    def start(self, text):
        self.count += 1
        tag = b"t%d" % self.count
        self.send(tag + b" " + (text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return tag

    def command(self, text):
        return self.answer(self.start(text))

    def ok(self, text):
        """The untagged lines of a command that succeeds."""
        lines = self.command(text)
        assert lines[-1].split()[1] == b"OK", lines
        return lines[:-1]

    def no(self, text):
        lines = self.command(text)
        assert lines[-1].split()[1] == b"NO", lines
        return lines[-1]

    def bad(self, text):
        lines = self.command(text)
        assert lines[-1].split()[1] == b"BAD", lines
        return lines[-1]

    def append(self, message, mailbox="INBOX", arguments=""):
        tag = self.start(f"APPEND {mailbox} {arguments}{{{len(message)}}}")
        line = self.answer(tag)[-1]
        if not line.startswith(b"+ "):
            return line
        self.send(message + b"\r\n")
        return self.answer(tag)[-1]

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def raw(server):
    client = Raw(server)
    clear(client)
    yield client
    client.close()


def clear(client):
    """Empties INBOX and removes all mailboxes but the standard ones."""
    standard = {b"INBOX", b"Sent", b"Drafts", b"Trash", b"Junk", b"Archive"}
    for line in client.ok('LIST "" *'):
        name = line.split(b' "/" ')[1]
        if name not in standard and b"\\Noselect" not in line:
            client.ok(b"DELETE " + name)
    for line in client.ok('LSUB "" *'):
        name = line.split(b' "/" ')[1]
        if name not in standard:
            client.ok(b"UNSUBSCRIBE " + name)
    for name in sorted(standard):
        client.ok(b"SELECT " + name)
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok("CLOSE")


def fill(client, count=3, mailbox="INBOX", flags=""):
    for i in range(count):
        message = f"Subject: message {i + 1}\r\n\r\nbody {i + 1}\r\n".encode()
        assert b"OK" in client.append(message, mailbox, flags)


# --- before login ----------------------------------------------------------------------------


def test_login_needs_tls(server):
    client = Raw(server, login=False, tls=False)
    assert b"STARTTLS" in client.greeting and b"LOGINDISABLED" in client.greeting
    assert b"AUTH=SCRAM-SHA-256" in client.greeting and b"AUTH=PLAIN" not in client.greeting
    assert b"[PRIVACYREQUIRED]" in client.no(f'LOGIN alice@{server.domain} "{PASSWORD}"')
    client.bad("SELECT INBOX")
    client.close()


def test_starttls_discards_what_came_before(server):
    client = Raw(server, login=False, tls=False)
    client.send(b"a STARTTLS\r\nb NOOP\r\n")
    assert client.line().startswith(b"a OK")
    client.socket = server.tls_context().wrap_socket(client.socket)
    client.file = client.socket.makefile("rb")
    assert client.command("CAPABILITY")[0].startswith(b"* CAPABILITY IMAP4rev1")
    assert b"STARTTLS" not in client.command("CAPABILITY")[0]
    client.bad("STARTTLS")
    client.close()


def test_wrong_passwords_end_the_session(server):
    client = Raw(server, login=False)
    for _ in range(2):
        assert b"[AUTHENTICATIONFAILED]" in client.no(f"LOGIN alice@{server.domain} wrong")
    lines = client.command(f"LOGIN nobody@{server.domain} wrong")
    assert lines[0].startswith(b"* BYE") and b" NO " in lines[-1]
    assert client.line() == b""


@pytest.mark.parametrize("initial", [True, False])
def test_authenticate_plain(server, initial):
    client = Raw(server, login=False)
    secret = base64.b64encode(f"\0alice@{server.domain}\0{PASSWORD}".encode())
    if initial:
        assert b" OK [CAPABILITY" in client.command(b"AUTHENTICATE PLAIN " + secret)[-1]
    else:
        tag = client.start("AUTHENTICATE PLAIN")
        assert client.line() == b"+ "
        client.send(secret + b"\r\n")
        assert b" OK [CAPABILITY" in client.answer(tag)[-1]
    client.bad("LOGIN a b")
    client.close()


def test_authenticate_can_be_cancelled(server):
    client = Raw(server, login=False)
    tag = client.start("AUTHENTICATE PLAIN")
    client.line()
    client.send(b"*\r\n")
    assert b" BAD " in client.answer(tag)[-1]
    client.no("AUTHENTICATE X-NOTHING")
    client.close()


def test_login_by_literals(server):
    client = Raw(server, login=False)
    name = f"alice@{server.domain}"
    tag = client.start(f"LOGIN {{{len(name)}}}")
    assert client.line().startswith(b"+ ")
    client.send(f"{name} {{{len(PASSWORD)}+}}\r\n{PASSWORD}\r\n")
    assert b" OK " in client.answer(tag)[-1]
    client.close()


def test_capability_id_namespace_noop_logout(server):
    client = Raw(server)
    capabilities = client.ok("CAPABILITY")[0].split()
    for name in (b"IMAP4rev1", b"LITERAL+", b"IDLE", b"UIDPLUS", b"MOVE", b"NAMESPACE"):
        assert name in capabilities
    assert b'"name" "Veredus"' in client.ok('ID ("name" "test")')[0]
    assert client.ok("ID NIL")
    assert client.ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) (("Shared/" "/")) (("Public/" "/"))']
    assert client.ok("NOOP") == []
    assert client.ok("ENABLE CONDSTORE X-SOMETHING") == [b"* ENABLED CONDSTORE"]
    assert client.ok("ENABLE CONDSTORE X-SOMETHING") == [b"* ENABLED"]
    lines = client.command("LOGOUT")
    assert lines[0].startswith(b"* BYE") and b" OK " in lines[1]
    assert client.line() == b""


# --- limits ----------------------------------------------------------------------------------


def test_nonsense_is_bad_and_too_much_of_it_ends_the_session(server):
    client = Raw(server)
    for text in ("", "NONSENSE", "UID NOOP", "SELECT", "NOOP now", "FETCH 1 FLAGS", "DONE"):
        client.bad(text)
    client.ok("NOOP")
    client.send(b"\r\n" * 30)
    lines = [client.line() for _ in range(21)]
    assert lines[19] == b"* BAD Invalid tag" and lines[20].startswith(b"* BYE")
    client.close()


def test_long_lines_and_large_literals_are_refused(server):
    client = Raw(server)
    client.send(b"a NOOP " + b"x" * 200000 + b"\r\n")
    assert client.line().startswith(b"* BAD")
    client.ok("NOOP")
    assert b"[TOOBIG]" in client.bad("LIST \"\" {99999999}")
    client.ok("NOOP")
    client.send(b"b LIST \"\" {99999999+}\r\n")
    assert client.line().startswith(b"* BYE [TOOBIG]")
    client.close()


def test_strangers_get_small_literals_only(server):
    client = Raw(server, login=False)
    assert b"[TOOBIG]" in client.bad("LOGIN {5000}")
    client.close()


def test_pipelined_commands_are_all_answered(server):
    client = Raw(server)
    client.send(b"".join(b"p%d NOOP\r\n" % i for i in range(5000)))
    for i in range(5000):
        assert client.line() == b"p%d OK Done." % i
    client.close()


def test_bytes_that_come_one_by_one(server):
    client = Raw(server)
    for byte in b"x APPEND INBOX {5+}\r\na:b\r\n\r\ny STATUS {5+}\r\nINBOX (UNSEEN)\r\n":
        client.send(bytes([byte]))
    assert client.line().startswith(b"x OK [APPENDUID")
    assert client.line().startswith(b"* STATUS INBOX")
    assert client.line().startswith(b"y OK")
    client.close()


def test_clients_that_go_in_the_middle(server):
    for text in ("a LIST {10}", "a APPEND INBOX {1000+}\r\nSubject: x", "a FETCH 1 (BO", "a IDLE\r\n",
                 "a AUTHENTICATE PLAIN\r\n", "a SELECT INBOX\r\nb IDLE\r\nDO"):
        client = Raw(server)
        client.send(text.encode())
        client.close()
    client = Raw(server)
    client.ok("NOOP")
    client.close()


def test_noise(server):
    """Whatever is said, the server answers or hangs up, and serves the next client."""
    noise = random.Random(20263)
    words = [b"a", b"FETCH", b"1:*", b"(", b")", b"BODY[", b"]", b"<1.2>", b"SEARCH", b"OR", b"NOT",
             b'"', b"{3}", b"{3+}", b"\r\n", b" ", b" ", b"\0", b"\xff", b"STORE", b"+FLAGS", b"\\Seen",
             b"UID", b"LIST", b"*", b"%", b"RETURN", b"STATUS", b"SELECT", b"INBOX", b"APPEND", b"IDLE"]
    for _ in range(30):
        client = Raw(server)
        client.ok("SELECT INBOX")
        client.send(b"".join(noise.choice(words) for _ in range(400)) + b"\r\nend LOGOUT\r\n")
        client.socket.settimeout(0.2)
        try:
            while client.file.read(4096):
                pass
        except OSError:
            pass
        client.close()
    client = Raw(server)
    client.ok("NOOP")
    client.close()


# --- folders ---------------------------------------------------------------------------------


def test_standard_folders_and_their_use(raw):
    lines = raw.ok('LIST "" "*"')
    assert lines == [
        b'* LIST (\\HasNoChildren \\Archive) "/" Archive',
        b'* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
        b'* LIST (\\HasNoChildren) "/" INBOX',
        b'* LIST (\\HasNoChildren \\Junk) "/" Junk',
        b'* LIST (\\HasNoChildren \\Sent) "/" Sent',
        b'* LIST (\\HasNoChildren \\Trash) "/" Trash',
    ]
    assert len(raw.ok('LSUB "" "*"')) == 6
    assert raw.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
    assert raw.ok('LIST "" inbox') == [b'* LIST (\\HasNoChildren) "/" INBOX']


def test_create_rename_delete(raw):
    raw.ok("CREATE a/b/c")
    assert raw.ok('LIST "" a*') == [
        b'* LIST (\\Noselect \\HasChildren) "/" a',
        b'* LIST (\\Noselect \\HasChildren) "/" a/b',
        b'* LIST (\\HasNoChildren) "/" a/b/c',
    ]
    assert raw.ok('LIST "" a/%') == [b'* LIST (\\Noselect \\HasChildren) "/" a/b']
    assert raw.ok('LIST "a/" %') == [b'* LIST (\\Noselect \\HasChildren) "/" a/b']
    assert b"[ALREADYEXISTS]" in raw.no("CREATE a/b/c")
    assert b"[ALREADYEXISTS]" in raw.no("CREATE inbox")
    assert b"[NONEXISTENT]" in raw.no("SELECT a")
    assert b"[HASCHILDREN]" in raw.no("DELETE a")
    raw.no("DELETE INBOX")
    raw.ok("CREATE a/")
    raw.ok("RENAME a z")
    assert [line.split()[-1] for line in raw.ok('LIST "" z*')] == [b"z", b"z/b", b"z/b/c"]
    raw.no("RENAME z z/y")
    raw.no("RENAME nothing y")
    raw.no("CREATE a//b")
    raw.ok("DELETE z")
    assert raw.ok('LIST "" z') == [b'* LIST (\\Noselect \\HasChildren) "/" z']


def test_renaming_inbox_moves_its_messages(raw):
    fill(raw, 2)
    raw.ok("RENAME INBOX old")
    assert raw.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    assert raw.ok("STATUS old (MESSAGES)") == [b"* STATUS old (MESSAGES 2)"]


def test_names_are_modified_utf7(raw):
    raw.ok("CREATE Gel&APY-scht")
    raw.ok('CREATE "&ZeVnLIqe-/T&AOk-l&AOk-vision"')
    raw.ok("CREATE A&-B")
    names = [line.split(b' "/" ')[1] for line in raw.ok('LIST "" *')]
    for name in (b"Gel&APY-scht", b"&ZeVnLIqe-/T&AOk-l&AOk-vision", b"A&-B"):
        assert name in names
    raw.ok("SELECT Gel&APY-scht")
    assert b"[ALREADYEXISTS]" in raw.no("CREATE Gel\u00f6scht")
    for name in ("&Jjo!", "&AGE-", "A&B", "&2D0-"):
        raw.no(f"CREATE {name}")


def test_subscriptions_outlive_mailboxes(raw):
    raw.ok("CREATE x/y")
    raw.ok("SUBSCRIBE x/y")
    raw.ok("DELETE x/y")
    assert raw.ok('LSUB "" x*') == [b'* LSUB () "/" x/y']
    assert raw.ok('LSUB "" %') and b'* LSUB (\\Noselect) "/" x' in raw.ok('LSUB "" %')
    assert raw.ok('LIST "" x*') == []
    assert raw.ok('LIST (SUBSCRIBED) "" x*') == [
        b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" x/y']
    raw.ok("UNSUBSCRIBE x/y")
    assert raw.ok('LSUB "" x*') == []


def test_extended_list(raw):
    raw.ok("CREATE foo/bar")
    raw.ok("SUBSCRIBE foo/bar")
    assert raw.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" foo') == [
        b'* LIST (\\NonExistent \\HasChildren) "/" foo ("CHILDINFO" ("SUBSCRIBED"))']
    assert len(raw.ok('LIST (SPECIAL-USE) "" *')) == 5
    assert raw.ok('LIST "" (Sent Dr*) RETURN (SPECIAL-USE SUBSCRIBED)') == [
        b'* LIST (\\HasNoChildren \\Subscribed \\Drafts) "/" Drafts',
        b'* LIST (\\HasNoChildren \\Subscribed \\Sent) "/" Sent']
    assert raw.ok('LIST "" INBOX RETURN (STATUS (MESSAGES UNSEEN))') == [
        b'* LIST (\\HasNoChildren) "/" INBOX', b"* STATUS INBOX (MESSAGES 0 UNSEEN 0)"]
    raw.bad('LIST (RECURSIVEMATCH) "" *')
    raw.bad('LIST (WHATEVER) "" *')


# --- select, status, append ------------------------------------------------------------------


def test_select_tells_what_there_is(raw):
    raw.ok("CREATE fresh")   # keywords of messages that are gone stay
    fill(raw, 2, "fresh")
    assert b"OK" in raw.append(PLAIN, "fresh", "(\\Seen $Later) ")
    lines = raw.ok("SELECT fresh")
    assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Later)"
    assert lines[1].startswith(
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Later \\*)]")
    assert b"* 3 EXISTS" in lines and b"* 3 RECENT" in lines
    assert any(line.startswith(b"* OK [UNSEEN 1]") for line in lines)
    assert any(line.startswith(b"* OK [UIDVALIDITY ") for line in lines)
    assert any(line.startswith(b"* OK [UIDNEXT ") for line in lines)
    assert raw.command("SELECT fresh")[-1].split()[2] == b"[READ-WRITE]"
    assert b"* 0 RECENT" in raw.ok("SELECT fresh")
    examined = raw.command("EXAMINE fresh")
    assert b"[READ-ONLY]" in examined[-1] and any(b"PERMANENTFLAGS ()" in x for x in examined)
    raw.no("STORE 1 +FLAGS (\\Seen)")
    raw.no("EXPUNGE")
    raw.ok("FETCH 1 BODY[]")
    assert raw.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]
    assert b"[NONEXISTENT]" in raw.no("SELECT nowhere")
    raw.bad("FETCH 1 FLAGS")


def test_status(raw):
    fill(raw, 3, flags="(\\Seen) ")
    fill(raw, 2)
    line, = raw.ok("STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE)")
    assert re.fullmatch(rb"\* STATUS INBOX \(MESSAGES 5 RECENT 5 UIDNEXT \d+ UIDVALIDITY \d+ "
                        rb"UNSEEN 2 SIZE 150\)", line), line
    raw.bad("STATUS INBOX ()")
    raw.no("STATUS nowhere (MESSAGES)")


def test_append_keeps_flags_date_and_every_byte(raw):
    line = raw.append(MULTIPART, "Sent", '(\\Draft \\Flagged kw) "17-Jul-1996 02:44:25 -0700" ')
    assert b"[APPENDUID " in line
    raw.ok("SELECT Sent")
    data, = raw.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    assert b"FLAGS (\\Flagged \\Draft \\Recent kw)" in data
    assert b'INTERNALDATE "17-Jul-1996 09:44:25 +0000"' in data
    assert b"RFC822.SIZE %d" % len(MULTIPART) in data
    assert MULTIPART in data


def test_append_without_waiting(raw):
    raw.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb NOOP\r\n" % (len(PLAIN), PLAIN))
    assert raw.line().startswith(b"a OK [APPENDUID") and raw.line().startswith(b"b OK")
    raw.send(b"c APPEND nowhere {%d+}\r\n%b\r\nd NOOP\r\n" % (len(PLAIN), PLAIN))
    assert raw.line().startswith(b"c NO [TRYCREATE]") and raw.line().startswith(b"d OK")
    raw.send(b"e APPEND {5+}\r\nINBOX {%d+}\r\n%b\r\n" % (len(PLAIN), PLAIN))
    assert raw.line().startswith(b"e OK [APPENDUID")
    assert raw.append(b"").startswith(b"t") and b" NO " in raw.append(b"")
    assert b"[TRYCREATE]" in raw.append(PLAIN, "nowhere")
    raw.bad("APPEND INBOX (\\Recent) {3}")
    raw.bad("APPEND INBOX message")


def test_append_of_a_large_message(raw):
    message = PLAIN + b"0123456789012345678901234567890123456789012345678\r\n" * 100000
    assert b"[APPENDUID" in raw.append(message)
    raw.ok("SELECT INBOX")
    data, = raw.ok("FETCH 1 BODY.PEEK[]")
    assert message in data
    assert b"[TOOBIG]" in raw.no("APPEND INBOX {4000000000}")


# --- fetch -----------------------------------------------------------------------------------


@pytest.fixture
def two(raw):
    assert b"OK" in raw.append(PLAIN) and b"OK" in raw.append(MULTIPART)
    raw.ok("SELECT INBOX")
    return raw


def value(line, name):
    """What stands behind an item's name in a FETCH response: literal or the rest."""
    rest = line.split(name + b" ", 1)[1]
    if match := re.match(rb"\{(\d+)\}\r\n", rest):
        return rest[match.end():match.end() + int(match.group(1))]
    return rest[:-1]


def test_fetch_parts_of_a_plain_message(two):
    def fetch(item, name=None):
        line, = two.ok(f"FETCH 1 {item}")
        return value(line, (name or item).encode())

    header, body = PLAIN.split(b"\r\n\r\n", 1)
    header += b"\r\n\r\n"
    assert fetch("BODY.PEEK[]", "BODY[]") == PLAIN
    assert fetch("BODY.PEEK[HEADER]", "BODY[HEADER]") == header
    assert fetch("BODY.PEEK[TEXT]", "BODY[TEXT]") == body
    assert fetch("BODY.PEEK[1]", "BODY[1]") == body
    assert fetch("RFC822.HEADER") == header
    assert fetch("BODY.PEEK[]<10.20>", "BODY[]<10>") == PLAIN[10:30]
    assert fetch("BODY.PEEK[]<100000.5>", "BODY[]<100000>") == b""
    assert fetch("BODY.PEEK[HEADER.FIELDS (subject X-Long)]",
                 "BODY[HEADER.FIELDS (subject X-Long)]") == \
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from Ann\r\nX-Long: one\r\n two\r\n\r\n"
    without = fetch("BODY.PEEK[HEADER.FIELDS.NOT (from to subject x-long)]",
                    "BODY[HEADER.FIELDS.NOT (from to subject x-long)]")
    assert without == b"Date: Wed, 17 Jul 1996 23:30:00 -0700\r\n" \
                      b"Message-ID: <1@example.test>\r\n\r\n"
    assert two.ok("FETCH 1 BODY.PEEK[7]") == [b"* 1 FETCH (BODY[7] NIL)"]


def test_fetch_parts_of_a_multipart_message(two):
    def fetch(section):
        line, = two.ok(f"FETCH 2 BODY.PEEK[{section}]")
        return value(line, f"BODY[{section}]".encode())

    assert fetch("1") == b"Zw=C3=B6lf =\r\nBoxk=C3=A4mpfer"
    assert fetch("1.MIME") == b"Content-Type: text/plain; charset=utf-8\r\n" \
                              b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    assert fetch("2.HEADER") == b"Subject: inner\r\nFrom: carol@example.test\r\n\r\n"
    assert fetch("2.TEXT") == b"inner body"
    assert fetch("2.1") == b"inner body"
    assert fetch("3") == b"AAEC"
    structure, = two.ok("FETCH 2 BODYSTRUCTURE")
    assert b'"text" "plain" ("charset" "utf-8") nil nil "quoted-printable"' in structure.lower()
    body, = two.ok("FETCH 2 BODY")
    assert body.lower().startswith(b'* 2 fetch (body (("text" "plain"')


def test_fetch_envelope_and_macros(two):
    line, = two.ok("FETCH 1 ENVELOPE")
    assert line == b'* 1 FETCH (ENVELOPE ("Wed, 17 Jul 1996 23:30:00 -0700" ' \
                   b'"=?utf-8?q?Gr=C3=BC=C3=9Fe?= from Ann" ' \
                   b'(("Ann Example" NIL "ann" "example.test")) ' \
                   b'(("Ann Example" NIL "ann" "example.test")) ' \
                   b'(("Ann Example" NIL "ann" "example.test")) ' \
                   b'((NIL NIL "alice" "example.test")) NIL NIL NIL "<1@example.test>"))'
    for macro, items in (("FAST", 3), ("ALL", 4), ("FULL", 5)):
        line = two.ok(f"FETCH 1 {macro}")[0]
        names = [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY ("]
        assert [name in line for name in names] == [True] * items + [False] * (5 - items)


def test_reading_sets_seen_and_says_so(two):
    line, = two.ok("FETCH 1 BODY[TEXT]")
    assert line.endswith(b" FLAGS (\\Seen \\Recent))")
    line, = two.ok("FETCH 1 BODY[TEXT]")
    assert b"FLAGS" not in line
    line, = two.ok("FETCH 2 (FLAGS RFC822)")
    assert line.startswith(b"* 2 FETCH (FLAGS (\\Seen \\Recent) RFC822 {")
    assert two.ok("UID SEARCH UNSEEN") == [b"* SEARCH"]
    assert two.ok("STATUS INBOX (UNSEEN)") == [b"* STATUS INBOX (UNSEEN 0)"]


def test_fetch_by_uid_and_strange_sets(raw):
    fill(raw, 5)
    raw.ok("SELECT INBOX")
    uids = [int(n) for n in raw.ok("UID SEARCH ALL")[0].split()[2:]]
    raw.ok(f"UID STORE {uids[1]} +FLAGS.SILENT (\\Deleted)")
    raw.ok("EXPUNGE")
    lines = raw.ok(f"UID FETCH {uids[0]}:{uids[2]} FLAGS")
    assert lines == [b"* 1 FETCH (UID %d FLAGS (\\Recent))" % uids[0],
                     b"* 2 FETCH (UID %d FLAGS (\\Recent))" % uids[2]]
    assert len(raw.ok("UID FETCH 4294967290:* (UID)")) == 1
    assert len(raw.ok("FETCH 4,1:2,2:1 UID")) == 3
    assert len(raw.ok("FETCH *:1 UID")) == 4
    assert raw.ok(f"UID FETCH {uids[1]} FLAGS") == []
    raw.bad("FETCH 9 FLAGS")
    raw.bad("FETCH 0 FLAGS")
    raw.bad("FETCH 1 (FLAGS")
    raw.bad("FETCH 1 BODY[1.]")
    raw.bad("FETCH 1 BODY[MIME]")
    raw.bad("FETCH 1 BODY[]<5>")


# --- store, expunge, copy, move --------------------------------------------------------------


def test_store_and_what_it_answers(raw):
    fill(raw, 3)
    raw.ok("SELECT INBOX")
    raw.ok("EXAMINE INBOX")
    raw.ok("SELECT INBOX")
    assert raw.ok("STORE 1:2 +FLAGS (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Seen))",
                                                   b"* 2 FETCH (FLAGS (\\Seen))"]
    assert raw.ok("STORE 1 FLAGS \\Flagged") == [b"* 1 FETCH (FLAGS (\\Flagged))"]
    assert raw.ok("STORE 1 -FLAGS.SILENT (\\Flagged)") == []
    lines = raw.ok("STORE 2 +FLAGS ($Work \\Answered)")
    assert lines[0].startswith(b"* FLAGS (") and b"$Work" in lines[0]
    assert lines[-1] == b"* 2 FETCH (FLAGS (\\Answered \\Seen $Work))"
    assert raw.ok("SEARCH KEYWORD $work") == [b"* SEARCH 2"]
    raw.bad("STORE 1 +FLAGS (\\Recent)")
    raw.bad("STORE 1 FLAG (\\Seen)")
    uid = raw.ok("UID SEARCH 3")[0].split()[-1]
    assert raw.ok(b"UID STORE %b FLAGS ()" % uid) == [b"* 3 FETCH (UID %b FLAGS ())" % uid]


def test_expunge_close_and_uid_expunge(raw):
    fill(raw, 6)
    raw.ok("SELECT INBOX")
    raw.ok("STORE 1,3,5 +FLAGS.SILENT (\\Deleted)")
    uid = raw.ok("UID SEARCH 3")[0].split()[-1]
    assert raw.ok(b"UID EXPUNGE %b" % uid) == [b"* 3 EXPUNGE"]
    assert raw.ok("EXPUNGE") == [b"* 4 EXPUNGE", b"* 1 EXPUNGE"]
    assert raw.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 3)"]
    raw.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    raw.ok("UNSELECT")
    assert b"* 3 EXISTS" in raw.ok("SELECT INBOX")
    assert raw.ok("CLOSE") == []
    assert b"* 2 EXISTS" in raw.ok("SELECT INBOX")
    raw.ok("CHECK")


def test_copy_and_move(raw):
    fill(raw, 4, flags="(\\Flagged kw) ")
    raw.ok("SELECT INBOX")
    line = raw.command("COPY 2:3 Archive")[-1]
    assert re.search(rb"OK \[COPYUID \d+ \d+:\d+ \d+:\d+\]", line), line
    assert b"[TRYCREATE]" in raw.no("COPY 1 nowhere")
    lines = raw.command("MOVE 1:2 Archive")
    assert re.match(rb"\* OK \[COPYUID \d+ \d+:\d+ \d+:\d+\]", lines[0])
    assert lines[1:3] == [b"* 2 EXPUNGE", b"* 1 EXPUNGE"] and b" OK " in lines[3]
    raw.no("MOVE 1 INBOX")
    raw.ok("COPY 1 INBOX")
    assert b"* 3 EXISTS" in raw.ok("SELECT INBOX")
    assert b"* 4 EXISTS" in raw.ok("SELECT Archive")
    assert b"\\Flagged" in raw.ok("FETCH 4 FLAGS")[0] and b"kw" in raw.ok("FETCH 4 FLAGS")[0]
    data = raw.ok("FETCH 1:4 BODY.PEEK[TEXT]")
    assert [value(d, b"BODY[TEXT]")[:6] for d in data] == [b"body 2", b"body 3", b"body 1",
                                                            b"body 2"]


# --- search ----------------------------------------------------------------------------------


@pytest.mark.parametrize("keys,found", [
    ("ALL", "1 2 3"), ("1,3", "1 3"), ("2:*", "2 3"), ("NOT 2", "1 3"), ("OR 1 3", "1 3"),
    ("(1 ALL) ALL", "1"), ("UID 1:4000000000", "1 2 3"),
    ("SEEN", "1"), ("UNSEEN", "2 3"), ("FLAGGED", "1"), ("UNFLAGGED NOT SEEN", "2 3"),
    ("DELETED", ""), ("UNDELETED", "1 2 3"), ("DRAFT", ""), ("ANSWERED", ""),
    ("UNANSWERED UNDRAFT", "1 2 3"), ("KEYWORD kw", "1"), ("UNKEYWORD kw", "2 3"),
    ("KEYWORD none", ""), ("UNKEYWORD none", "1 2 3"),
    ("NEW", "2 3"), ("RECENT", "1 2 3"), ("OLD", ""),
    ("LARGER 200", "1 2"), ("SMALLER 200", "3"),
    ("ON 17-Jul-1996", "1"), ("BEFORE 1-Jan-2000", "1"), ('SINCE "1-Jan-2000"', "2 3"),
    ("SENTON 17-Jul-1996", "1"), ("SENTBEFORE 18-Jul-1996", "1"), ("SENTSINCE 18-Jul-1996", ""),
    ("SUBJECT PARTS", "2"), ("SUBJECT \"gr\u00fc\u00dfe FROM\"", "1"), ("SUBJECT \"\"", "1 2 3"),
    ("FROM ann@EXAMPLE", "1"), ("FROM \"ann example\"", "1"), ("TO alice", "1"), ("CC x", ""),
    ("BCC x", ""), ("HEADER X-Long two", "1"), ("HEADER X-Long \"\"", "1"),
    ("HEADER Message-ID <1@", "1"), ("NOT HEADER X-Long \"\"", "2 3"),
    ("BODY \"zw\u00d6lf boxk\u00e4\"", "2"), ("BODY \"inner body\"", "2"), ("BODY subject", "2"),
    ("TEXT inner", "2"), ("TEXT \"message 3\"", "3"), ("TEXT body", "1 2 3"),
    ("OR SUBJECT parts BODY \"this is\"", "1 2"), ("BODY body NOT SUBJECT parts", "1 3"),
    ("CHARSET UTF-8 SUBJECT parts", "2"), ("CHARSET us-ascii TEXT hello", "1"),
])
def test_search(search_mailbox, keys, found):
    lines = search_mailbox.ok("SEARCH " + keys)
    assert lines == [f"* SEARCH {found}".rstrip().encode()]


@pytest.fixture(scope="module")
def search_mailbox(server):
    client = Raw(server, user="bob")   # whose mail other tests leave alone
    client.append(PLAIN, "INBOX", '(\\Seen \\Flagged kw) "17-Jul-1996 12:00:00 +0000" ')
    client.append(MULTIPART)
    client.append(b"Subject: message 3\r\n\r\nbody 3\r\n")
    client.ok("SELECT INBOX")
    yield client
    client.close()


def test_search_errors(raw):
    raw.ok("SELECT INBOX")
    assert b"[BADCHARSET" in raw.no("SEARCH CHARSET X-NONE ALL")
    for keys in ("", "NOTHING", "NOT", "OR 1", "(ALL", "SINCE yesterday", "LARGER x",
                 "NOT " * 100 + "ALL", "(" * 100 + "ALL" + ")" * 100):
        raw.bad("SEARCH " + keys)


def test_extended_search(raw):
    fill(raw, 5)
    raw.ok("SELECT INBOX")
    tag = b"t%d" % (raw.count + 1)
    assert raw.ok("SEARCH RETURN (MIN MAX COUNT ALL) NOT 3") == [
        b'* ESEARCH (TAG "' + tag + b'") MIN 1 MAX 5 COUNT 4 ALL 1:2,4:5']
    tag = b"t%d" % (raw.count + 1)
    assert raw.ok("SEARCH RETURN (MIN COUNT) SEEN") == [b'* ESEARCH (TAG "' + tag + b'") COUNT 0']
    assert b" UID ALL " in raw.ok("UID SEARCH RETURN () ALL")[0]


# --- several sessions ------------------------------------------------------------------------


def test_sessions_see_each_other(server, raw):
    fill(raw, 5)
    raw.ok("SELECT INBOX")
    other = Raw(server)
    other.ok("SELECT INBOX")
    raw.ok("STORE 2 +FLAGS.SILENT (\\Flagged)")
    line, = other.ok("NOOP")
    assert re.fullmatch(rb"\* 2 FETCH \(UID \d+ FLAGS \(\\Flagged\)\)", line)
    raw.ok("STORE 4 +FLAGS.SILENT (\\Deleted)")
    raw.ok("EXPUNGE")
    fill(raw, 1)
    # Expunges are held back while numbers must stay what they are.
    lines = other.ok("FETCH 5 UID")
    assert b"* 6 EXISTS" in lines and not any(b"EXPUNGE" in line for line in lines)
    lines = other.command("STORE 4 +FLAGS (\\Seen)")
    assert len(lines) == 1 and b"NO [EXPUNGEISSUED]" in lines[0]
    assert other.ok("STORE 4 +FLAGS.SILENT (\\Seen)") == []
    line, = other.ok("STORE 4:5 +FLAGS (\\Answered)")[-1:]
    assert line.startswith(b"* 5 FETCH (FLAGS (\\Answered")
    lines = other.command("FETCH 4 BODY.PEEK[]")
    assert b"NO [EXPUNGEISSUED]" in lines[-1]
    # What is there no more is not said to have been copied.
    lines = other.command("COPY 4 Archive")
    assert lines[0] == b"* 4 EXPUNGE" and b"NO [EXPUNGEISSUED]" in lines[1]
    assert other.ok("NOOP") == []
    assert len(other.ok("FETCH 1:* UID")) == 5
    other.close()


def test_idle(server, raw):
    fill(raw, 3)
    raw.ok("SELECT INBOX")
    other = Raw(server)
    other.ok("SELECT INBOX")
    tag = other.start("IDLE")
    assert other.line().startswith(b"+ ")
    raw.ok("STORE 1 +FLAGS (\\Answered)")
    assert b"* 1 FETCH (UID " in other.line()
    fill(raw, 1)
    assert other.line() == b"* 4 EXISTS"
    assert other.line() == b"* 1 RECENT"
    raw.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert b"FETCH" in other.line()
    raw.ok("EXPUNGE")
    assert other.line() == b"* 2 EXPUNGE"
    with server.smtp() as smtp:
        smtp.sendmail("", [f"alice@{server.domain}"], "Subject: by smtp\r\n\r\nhi\r\n")
    assert other.line() == b"* 4 EXISTS"
    other.line()
    other.send(b"DONE\r\n")
    assert other.answer(tag) == [tag + b" OK Idle ended."]
    other.ok("NOOP")
    tag = other.start("IDLE")
    other.line()
    other.send(b"NOOP\r\n")
    assert other.answer(tag) == [tag + b" BAD Expected DONE."]
    other.close()


def test_idle_without_a_mailbox(server):
    client = Raw(server)
    tag = client.start("IDLE")
    assert client.line().startswith(b"+ ")
    client.send(b"DONE\r\n")
    assert b" OK " in client.answer(tag)[-1]
    client.close()


def test_a_mailbox_that_is_deleted_ends_its_sessions(server, raw):
    raw.ok("CREATE gone")
    other, idling = Raw(server), Raw(server)
    other.ok("SELECT gone")
    idling.ok("SELECT gone")
    idling.start("IDLE")
    idling.line()
    raw.ok("DELETE gone")
    assert idling.line().startswith(b"* BYE")
    assert other.command("NOOP")[0].startswith(b"* BYE")


# --- size ------------------------------------------------------------------------------------


def test_ten_thousand_messages(raw):
    raw.ok("CREATE big")
    # In batches that fit into the sockets: a TLS socket is not for two threads at once.
    for first in range(0, 625, 25):
        raw.send(b"".join(b"x APPEND big {%d+}\r\nSubject: n%04d\r\n\r\nbody\r\n\r\n" % (24, i)
                          for i in range(first, first + 25)))
        for _ in range(25):
            assert raw.line().startswith(b"x OK [APPENDUID")
    raw.ok("SELECT big")
    for doubled in (1250, 2500, 5000, 10000):
        assert b"* %d EXISTS" % doubled in raw.ok("COPY 1:* big")
    assert len(raw.ok("FETCH 1:* FLAGS")) == 10000
    assert len(raw.ok("FETCH 1:* (UID RFC822.SIZE ENVELOPE)")) == 10000
    assert len(raw.ok("STORE 1:* +FLAGS (\\Seen)")) == 10000
    numbers = b" ".join(b"%d" % (43 + 625 * i) for i in range(16))
    assert raw.ok("SEARCH SUBJECT n0042 SEEN") == [b"* SEARCH " + numbers]
    raw.ok("COPY 1:5000 Archive")
    assert raw.ok("STATUS Archive (MESSAGES)") == [b"* STATUS Archive (MESSAGES 5000)"]
    raw.ok("STORE 2001:9000 +FLAGS.SILENT (\\Deleted)")
    assert len(raw.ok("EXPUNGE")) == 7000
    assert len(raw.ok("UID FETCH 1:* (FLAGS)")) == 3000
    raw.ok("UNSELECT")
    raw.ok("DELETE big")


# --- clients ---------------------------------------------------------------------------------


def test_imaplib_does_all_of_it(server, raw):
    imap = server.imap()
    assert imap.list()[0] == "OK" and imap.lsub()[0] == "OK"
    assert imap.create('"my folder"')[0] == "OK"
    assert imap.subscribe('"my folder"')[0] == "OK"
    assert imap.rename('"my folder"', "mine")[0] == "OK"
    assert imap.status("mine", "(MESSAGES UNSEEN)")[1] == [b"mine (MESSAGES 0 UNSEEN 0)"]
    date = imaplib.Time2Internaldate(837593065)
    assert imap.append("mine", r"(\Flagged)", date, PLAIN)[0] == "OK"
    assert imap.append("mine", None, None, MULTIPART)[0] == "OK"
    assert imap.select("mine") == ("OK", [b"2"])
    assert imap.recent() == ("OK", [b"2"])
    assert imap.search(None, "FLAGGED") == ("OK", [b"1"])
    assert imap.fetch("1", "(RFC822)")[1][0][1] == PLAIN
    assert imap.fetch("2", "(BODY[1])")[1][0][1] == b"Zw=C3=B6lf =\r\nBoxk=C3=A4mpfer"
    assert imap.store("1", "+FLAGS", r"\Deleted")[0] == "OK"
    assert imap.copy("1", "Trash")[0] == "OK"
    assert imap.uid("FETCH", "1:*", "(FLAGS)")[0] == "OK"
    assert imap.expunge() == ("OK", [b"1"])
    assert imap.check()[0] == "OK" and imap.noop()[0] == "OK"
    assert imap.unsubscribe('"my folder"')[0] == "OK"
    assert imap.close()[0] == "OK"
    assert imap.delete("mine")[0] == "OK"
    assert imap.logout()[0] == "BYE"


def test_mail_by_smtp_is_read_as_it_came(server, raw):
    message = email.message.EmailMessage()
    message["Subject"] = "with an attachment"
    message["From"] = f"bob@{server.domain}"
    message.set_content("text")
    message.add_attachment(bytes(range(256)) * 100, maintype="image", subtype="png", filename="x.png")
    sent = message.as_bytes().replace(b"\n", b"\r\n")
    with server.smtp() as smtp:
        smtp.sendmail(f"bob@{server.domain}", [f"alice@{server.domain}"], sent)
    wait_for(lambda: b"MESSAGES 1" in raw.ok("STATUS INBOX (MESSAGES)")[0])
    raw.ok("SELECT INBOX")
    data, = raw.ok("FETCH 1 (RFC822.SIZE BODY.PEEK[])")
    whole = value(data, b"BODY[]")
    assert b"RFC822.SIZE %d " % len(whole) in data
    assert whole.endswith(sent)
    attachment, = raw.ok("FETCH 1 BODY.PEEK[2]")
    assert base64.b64decode(value(attachment, b"BODY[2]")) == bytes(range(256)) * 100


def test_restart_keeps_all(make_server):
    server = make_server()
    client = Raw(server)
    fill(client, 3, flags="(kw \\Seen) ")
    before = client.ok("SELECT INBOX")
    flags = client.ok("FETCH 1:* (UID FLAGS)")
    server.kill()
    server.start()
    client = Raw(server)
    after = client.ok("SELECT INBOX")
    assert [x for x in before if b"UID" in x] == [x for x in after if b"UID" in x]
    assert [x.replace(b" \\Recent", b"") for x in flags] == client.ok("FETCH 1:* (UID FLAGS)")
    client.close()


def test_sessions_are_told_when_the_server_stops(make_server):
    server = make_server()
    idle, selected = Raw(server), Raw(server)
    idle.start("IDLE")
    idle.line()
    selected.ok("SELECT INBOX")
    server.stop()
    assert idle.line().startswith(b"* BYE") and selected.line().startswith(b"* BYE")


def test_quota(make_server):
    server = make_server(config="local { default-quota = 1M }", accounts=())
    server.cli("user", "add", f"alice@{server.domain}", input=PASSWORD + "\n")
    client = Raw(server)
    message = PLAIN + b"x" * 998 + b"\r\n"
    last = b""
    for _ in range(1000):
        last = client.append(message)
        if b"OVERQUOTA" in last:
            break
    assert b"NO [OVERQUOTA]" in last
    client.ok("SELECT INBOX")
    assert b"[OVERQUOTA]" in client.no("COPY 1:* Archive")
    client.close()


def test_threads_of_messages_that_are_older_than_their_keys(make_server):
    """Rows without References learn them from the messages, once."""
    server = make_server()
    client = Raw(server)
    client.append(b"Subject: a\r\nMessage-ID: <1@x>\r\n\r\n")
    client.append(b"Subject: b\r\nMessage-ID: <2@x>\r\nReferences: <0@x>\r\n <1@x>\r\n\r\n")
    server.stop()
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db")) as db, db:
        assert db.execute("UPDATE message SET ref_ids = NULL, saved_ms = NULL").rowcount == 2
    server.start()
    client = Raw(server)
    client.ok("SELECT INBOX")
    assert client.ok("THREAD REFS UTF-8 ALL") == [b"* THREAD (1 2)"]
    assert client.ok("FETCH 1 SAVEDATE") == [b"* 1 FETCH (SAVEDATE NIL)"]
    assert client.ok("SEARCH SAVEDSINCE 1-Jan-2000") == [b"* SEARCH"]
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db")) as db:
        assert [text for text, in db.execute("SELECT ref_ids FROM message")] == [b"", b"<0@x> <1@x>"]
    client.close()


def test_orders_that_are_kept(raw, server):
    """Asked again, SORT and THREAD say what they would without what is kept; for others, too, and after changes."""
    count, shuffled = 600, random.Random(5)

    def append(first, last):
        messages = []
        for i in range(first, last):
            text = (f"Subject: {shuffled.randrange(50):02}\r\nMessage-ID: <{i}@x>\r\n"
                    f"References: <{shuffled.randrange(max(1, i))}@x>\r\nDate: 1 Jan 2020 00:00:{i % 60:02} +0000\r\n\r\n")
            messages.append(f" {{{len(text)}+}}\r\n{text}")
        raw.ok("APPEND INBOX" + "".join(messages))

    def numbers(client, command):
        """What it answers, and the numbers in that."""
        answer, = client.ok(command)
        return answer, [int(n) for n in re.findall(rb"\d+", answer)]

    def check(client, messages):
        subject = {int(seq): text for line in client.ok("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
                   for seq, text in re.findall(rb"^\* (\d+) FETCH .*?Subject: (\d+)", line, re.S)}
        assert len(subject) == messages
        for _ in range(2):
            assert numbers(client, "SORT (SUBJECT) UTF-8 ALL")[1] == sorted(subject, key=lambda n: (subject[n], n))
            assert numbers(client, "SORT (REVERSE SUBJECT) UTF-8 ALL")[1] == \
                sorted(subject, key=lambda n: (-int(subject[n]), n))
            assert numbers(client, "SORT (SUBJECT) UTF-8 101:300")[1] == \
                sorted(range(101, 301), key=lambda n: (subject[n], n))
        first = client.ok("THREAD REFERENCES UTF-8 ALL"), client.ok("UID THREAD REFS UTF-8 ALL")
        assert sorted(map(int, re.findall(rb"\d+", first[0][0]))) == sorted(subject)
        assert (client.ok("THREAD REFERENCES UTF-8 ALL"), client.ok("UID THREAD REFS UTF-8 ALL")) == first
        # A part: made of these alone, whatever is kept of all.
        assert sorted(numbers(client, "THREAD REFS UTF-8 1:550")[1]) == list(range(1, 551))
        return first

    for first in range(0, count, 100):
        append(first, first + 100)
    raw.ok("SELECT INBOX")
    threads = check(raw, count)
    other = Raw(server)
    other.ok("SELECT INBOX")
    assert check(other, count) == threads
    raw.ok("STORE 7,200:210 +FLAGS.SILENT (\\Deleted)")
    raw.ok("EXPUNGE")
    check(raw, count - 12)
    append(count, count + 3)
    raw.ok("NOOP")
    check(raw, count - 9)
    append(count + 3, count + 50)
    raw.ok("NOOP")
    check(raw, count + 38)
    other.ok("NOOP")
    check(other, count + 38)
    other.close()
