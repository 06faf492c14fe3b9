"""NOTIFY (RFC 5465): what one session is told, at any time, of what others do."""
import itertools
import time

import pytest

from conftest import PASSWORD
from test_imap import Raw

USERS = itertools.count(1)
MAIL = "From: a@example.test\r\nSubject: hello\r\n\r\nHi.\r\n"


class Session(Raw):
    def __init__(self, server, user):
        super().__init__(server, login=False)
        self.user = user
        self.ok(f'LOGIN {user} "{PASSWORD}"')

    def hears(self, *expected):
        for text in expected:
            assert self.line().decode() == text

    def silent(self):
        """Nothing has been said: the next line is the answer."""
        lines = self.ok("CAPABILITY")
        assert len(lines) == 1, lines


def put(session, mailbox="INBOX"):
    session.ok(f"APPEND {mailbox} {{{len(MAIL)}+}}\r\n{MAIL}")


@pytest.fixture
def pair(server):
    """One that listens and one that does."""
    user = f"notify{next(USERS)}@{server.domain}"
    server.cli("user", "add", user, input=PASSWORD + "\n")
    sessions = Session(server, user), Session(server, user)
    yield sessions
    for session in sessions:
        session.close()


def test_the_selected_mailbox_without_idle(pair):
    listener, other = pair
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
                " MessageExpunge FlagChange))")
    put(other)
    listener.hears("* 1 EXISTS", "* 1 RECENT",
                   "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: hello\r\n\r\n)")
    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS (\\Flagged \\Deleted)")
    assert listener.line().startswith(b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted")
    other.ok("EXPUNGE")
    listener.hears("* 1 EXPUNGE")
    listener.silent()


def test_expunges_wait_with_selected_delayed(pair):
    listener, other = pair
    put(other)
    put(other)
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY SET (selected-delayed (MessageNew MessageExpunge))")
    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    put(other)
    listener.hears("* 3 EXISTS", "* 3 RECENT")
    assert listener.ok("FETCH 2 UID") == [b"* 2 FETCH (UID 2)"]
    assert listener.ok("NOOP") == [b"* 1 EXPUNGE"]


def test_nothing_of_the_selected_mailbox(pair):
    listener, other = pair
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY NONE")
    put(other)
    assert listener.ok("NOOP") == []
    listener.send(b"i IDLE\r\n")
    listener.hears("+ idling")
    put(other)
    listener.send(b"DONE\r\n")
    listener.hears("i OK Idle ended.")
    listener.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
    assert b"* 2 EXISTS" in listener.ok("NOOP") or listener.ok("UID SEARCH ALL") == [b"* SEARCH 1 2"]


def test_other_mailboxes(pair):
    listener, other = pair
    listener.ok("NOTIFY SET (subtree work (MessageNew MessageExpunge FlagChange))"
                " (mailboxes INBOX (MessageNew MessageExpunge))")
    other.ok("CREATE work")
    put(other, "work")
    listener.hears("* STATUS work (MESSAGES 1 UIDNEXT 2 UIDVALIDITY # UNSEEN 1)".replace(
        "#", str(status(other, "work", "UIDVALIDITY"))))
    put(other)
    listener.hears("* STATUS INBOX (MESSAGES 1 UIDNEXT 2)")
    other.ok("SELECT work")
    other.ok("STORE 1 +FLAGS (\\Flagged)")
    other.ok("STORE 1 +FLAGS (\\Seen)")
    assert b"UNSEEN 0" in listener.line()
    other.ok("UID MOVE 1 Archive")
    assert b"MESSAGES 0" in listener.line()
    listener.silent()


def status(session, mailbox, item):
    line, = session.ok(f"STATUS {mailbox} ({item})")
    return int(line.rstrip(b")").split()[-1])


def test_condstore_hears_of_every_flag(pair):
    listener, other = pair
    put(other)
    listener.ok("ENABLE CONDSTORE")
    listener.ok("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))")
    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS (\\Flagged)")
    line = listener.line()
    assert line.startswith(b"* STATUS INBOX (UIDVALIDITY ") and b"HIGHESTMODSEQ" in line


def test_names(pair):
    listener, other = pair
    listener.ok("NOTIFY SET (personal (MailboxName SubscriptionChange))")
    other.ok("CREATE a/b")
    listener.hears('* LIST (\\HasNoChildren) "/" a/b', '* LIST (\\NonExistent \\HasChildren) "/" a')
    other.ok("CREATE a/b/c")
    listener.hears('* LIST (\\HasNoChildren) "/" a/b/c', '* LIST (\\HasChildren) "/" a/b')
    other.ok("RENAME a/b d")
    listener.hears('* LIST (\\HasChildren) "/" d ("OLDNAME" (a/b))')
    other.ok("SUBSCRIBE d/c")
    listener.hears('* LIST (\\HasNoChildren \\Subscribed) "/" d/c')
    other.ok("DELETE d/c")
    listener.hears('* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" d/c',
                   '* LIST (\\HasNoChildren) "/" d')
    other.ok("UNSUBSCRIBE d/c")
    listener.hears('* LIST (\\NonExistent \\HasNoChildren) "/" d/c')
    listener.silent()


def test_names_that_the_server_makes(server, pair, tmp_path):
    """By a script, and for what is brought back."""
    listener, other = pair
    listener.ok("NOTIFY SET (personal (MailboxName))")
    (tmp_path / "script").write_text('require ["fileinto", "mailbox"]; fileinto :create "New";')
    server.cli("sieve", "put", listener.user, "new", tmp_path / "script")
    server.cli("sieve", "activate", listener.user, "new")
    with server.smtp() as smtp:
        smtp.sendmail("a@far.test", [listener.user], MAIL)
    listener.hears('* LIST (\\HasNoChildren \\Subscribed) "/" New')
    other.ok("DELETE New")
    listener.hears('* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" New')
    server.cli("undelete", listener.user, "--yes")
    listener.hears('* LIST (\\HasNoChildren \\Subscribed) "/" New')
    listener.silent()


def test_new_mailboxes_are_heard_of(pair):
    listener, other = pair
    listener.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
    for name in ("one", "two"):
        other.ok(f"CREATE {name}")
        put(other, name)
        listener.hears(f"* STATUS {name} (MESSAGES 1 UIDNEXT 2)")


def until(session, start):
    while not session.line().decode().startswith(start):
        pass


def test_nothing_is_missed_at_the_first_moment(pair):
    """What comes while NOTIFY SET, or the watch on a new mailbox, is at work is told. With many
    mailboxes the work takes long enough for that to happen."""
    listener, other = pair
    other.send("".join(f"c{i} CREATE many/{i}\r\n" for i in range(300)) + "c CAPABILITY\r\n")
    until(other, "c OK")
    for i in range(1, 11):
        listener.send("n NOTIFY SET STATUS (personal (MessageNew MessageExpunge))\r\n")
        put(other)
        until(listener, f"* STATUS INBOX (MESSAGES {i} UIDNEXT {i + 1}")
    for i in range(40):
        other.ok(f"CREATE new{i}")
        time.sleep(i * 0.0003)
        put(other, f"new{i}")
        until(listener, f"* STATUS new{i} (MESSAGES 1 UIDNEXT 2")


def test_annotations(pair, server):
    listener, other = pair
    listener.ok("NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))")
    other.ok('SETMETADATA Archive (/private/comment "a" /shared/comment "b")')
    listener.hears("* METADATA Archive /private/comment /shared/comment")
    other.ok('SETMETADATA INBOX (/shared/comment NIL)')
    other.ok('SETMETADATA "" (/private/comment "c")')
    listener.hears("* METADATA INBOX /shared/comment", '* METADATA "" /private/comment')
    # One's own are known, and those of mailboxes that were not asked for are not told.
    listener.ok('SETMETADATA Archive (/shared/comment "d")')
    listener.ok("NOTIFY SET (mailboxes INBOX (MailboxMetadataChange))")
    other.ok('SETMETADATA Archive (/shared/comment "e")')
    other.ok('SETMETADATA "" (/private/comment "f")')
    listener.silent()


def test_annotations_by_other_accounts(pair, server):
    """What all may see, by the rights of each; what the server says, to all."""
    listener, _ = pair
    alice = Session(server, "alice@example.test")
    server.cli("user", "set", "alice@example.test", "--administrator", "yes")
    alice.ok("CREATE told")
    alice.ok("SETACL told anyone lr")
    alice.ok("CREATE untold")
    alice.ok("SETACL untold anyone l")
    listener.ok("NOTIFY SET (subtree Shared (MailboxMetadataChange))"
                " (personal (ServerMetadataChange))")
    alice.ok('SETMETADATA untold (/shared/comment "x")')
    alice.ok('SETMETADATA told (/private/comment "x" /shared/comment "x")')
    listener.hears("* METADATA Shared/alice@example.test/told /shared/comment")
    alice.ok('SETMETADATA "" (/private/comment "x" /shared/comment "x")')
    listener.hears('* METADATA "" /shared/comment')
    listener.silent()
    alice.ok("DELETE told")
    alice.ok("DELETE untold")
    alice.close()


def test_other_sessions_hear_of_new_keys(pair, server):
    """RESETKEY (RFC 4467): who has the mailbox selected, in IDLE at once, else with a command."""
    listener, other = pair
    user = other.user.replace("@", "%40")
    gone = "* OK [URLMECH INTERNAL] All URLs made so far are void."
    put(other)
    other.ok("SELECT INBOX")
    listener.ok("SELECT INBOX")
    stranger = Session(server, "alice@example.test")
    stranger.ok("SELECT INBOX")
    assert other.ok("RESETKEY INBOX") == []
    assert listener.ok("NOOP") == [gone.encode()]
    listener.send("i IDLE\r\n")
    listener.hears("+ idling")
    other.ok(f'GENURLAUTH "imap://{user}@mx.example.test/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL')
    other.ok("RESETKEY")
    listener.hears(gone)
    other.ok("RESETKEY Archive")
    listener.send("DONE\r\n")
    listener.hears("i OK Idle ended.")
    # It is no event of NOTIFY.
    listener.ok("NOTIFY NONE")
    other.ok("RESETKEY INBOX")
    assert listener.ok("NOOP") == [gone.encode()]
    # Other accounts, and who said it, hear nothing.
    stranger.silent()
    other.silent()
    stranger.close()


def test_too_many_names(pair):
    listener, other = pair
    for n in range(1005):
        tag = other.start(f"SUBSCRIBE n{n}")
        if n % 100 == 99 or n == 1004:
            while not other.line().startswith(tag + b" OK"):
                pass
    line = listener.no("NOTIFY SET (personal (MailboxName))")
    assert b"[NOTIFICATIONOVERFLOW]" in line


def test_a_session_that_goes_is_not_told(pair):
    """What it watched is watched no more."""
    listener, other = pair
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY SET (selected (MessageNew MessageExpunge))"
                " (personal (MessageNew MessageExpunge MailboxName))")
    listener.close()
    put(other)
    other.ok("DELETE Archive")
    assert status(other, "INBOX", "MESSAGES") == 1


def test_the_selected_mailbox_is_deleted(pair):
    listener, other = pair
    other.ok("CREATE gone")
    listener.ok("SELECT gone")
    listener.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
    other.ok("DELETE gone")
    assert listener.line().startswith(b"* BYE ")
