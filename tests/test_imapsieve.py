"""Scripts for what is done with messages over IMAP (RFC 6785)."""
import pathlib
import re
import tempfile

import pytest

from conftest import _factory, wait_for
from test_guard import metric
from test_quota import User

MESSAGE = (b"From: Ann <ann@example.test>\r\nTo: alice@example.test\r\nSubject: %s\r\n"
           b"Date: Thu, 1 Jan 2026 01:00:00 +0000\r\nMessage-ID: <%s@example.test>\r\n\r\nHello.\r\n")
LONG = 60


@pytest.fixture(scope="module")
def server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make(accounts=("alice", "bob", "carol", "dora", "erin", "fred", "gina", "hugo"))
    dispose()


class Owner(User):
    """A user with a mailbox `work` that has a script."""

    def __init__(self, server, user, script, mailbox="work"):
        self.server, self.user = server, user
        path = server.dir.parent / f"{user}.sieve"
        path.write_text(script)
        server.cli("sieve", "put", f"{user}@example.test", "events", path)
        super().__init__(server, user)
        if mailbox != "INBOX":
            self.ok(f"CREATE {mailbox}")
        self.ok(f'SETMETADATA {mailbox} (/shared/imapsieve/script "events")')

    def put(self, name, mailbox="work"):
        message = MESSAGE % (name.encode(), name.encode())
        assert b" OK " in self.append(message, mailbox)

    def flags(self, mailbox):
        """Of its messages, by their subjects, whatever is selected. A script may set flags meanwhile, which is told in
        lines of its own."""
        other = User(self.server, self.user)
        other.ok(f"EXAMINE {mailbox}")
        found = {}
        for line in other.ok("FETCH 1:* (FLAGS ENVELOPE)"):
            told = re.search(rb'FLAGS \((.*?)\).*?ENVELOPE \("[^"]*" "([^"]*)"', line)
            if not told:
                continue
            flags, subject = told.groups()
            found[subject.decode()] = set(flags.decode().split()) - {"\\Recent"}
        other.close()
        return found

    def see(self, mailbox, expected):
        wait_for(lambda: self.flags(mailbox) == expected, LONG, mailbox)


def test_what_is_announced(server):
    client = User(server, "alice")
    capability, = client.ok("CAPABILITY")
    port = server.port["managesieve"]
    assert f" IMAPSIEVE=sieve://{server.hostname}:{port} ".encode() in capability + b" "
    client.close()


def test_causes_and_what_is_done(server):
    """Each cause is told apart by a keyword; what a script does sets off no other script."""
    alice = Owner(server, "alice", '''
        require ["imapsieve", "environment", "imap4flags", "fileinto", "copy", "variables"];
        if environment :matches "imap.cause" "*" { addflag "cause-${1}"; }
        if environment :matches "imap.changedflags" "*" { set "changed" "${1}"; }
        if allof (environment "imap.mailbox" "work", environment "imap.user" "alice@example.test",
                  environment "imap.email" "alice@example.test", environment "location" "MS",
                  environment "phase" "post") { addflag "placed"; }
        if allof (string :contains "${changed}" "\\\\Flagged", hasflag "\\\\Flagged") {
            removeflag "\\\\Flagged"; fileinto :copy "Archive";
        }
        if header "subject" "away" { discard; }
        if header "subject" "twice" { fileinto "work2"; }
        ''')
    alice.ok("CREATE work2")
    alice.ok('SETMETADATA work2 (/shared/imapsieve/script "events")')
    alice.put("one")
    alice.put("away")
    alice.put("twice")
    appended = {"cause-APPEND", "placed"}
    alice.see("work", {"one": appended, "away": {"\\Deleted"}, "twice": {"\\Deleted"}})
    alice.see("work2", {"twice": appended})
    alice.put("two", "INBOX")
    alice.ok("SELECT INBOX")
    alice.ok("MOVE 1 work")
    alice.see("work", {"one": appended, "away": {"\\Deleted"}, "twice": {"\\Deleted"},
                       "two": {"cause-COPY", "placed"}})
    alice.ok("SELECT work")
    alice.ok("FETCH 4 BODY[TEXT]")
    two = {"cause-COPY", "cause-FLAG", "\\Seen", "placed"}
    alice.see("work", {"one": appended, "away": {"\\Deleted"}, "twice": {"\\Deleted"}, "two": two})
    alice.ok("STORE 1 +FLAGS (\\Seen \\Flagged)")
    alice.see("Archive", {"one": appended | {"cause-FLAG", "\\Seen"}})
    alice.see("work", {"one": appended | {"cause-FLAG", "\\Seen"}, "away": {"\\Deleted"},
                       "twice": {"\\Deleted"}, "two": two})
    alice.close()


def test_the_journey_has_it(server):
    gina = Owner(server, "gina", '''
        require ["imapsieve", "fileinto"];
        fileinto "later";
        ''')
    gina.ok("CREATE later")
    with server.smtp() as smtp:
        smtp.sendmail("ann@far.test", ["gina@example.test"], MESSAGE % (b"far", b"far"))
    gina.ok("SELECT INBOX")
    gina.ok("COPY 1 work")
    gina.see("later", {"far": set()})

    def journey():
        return server.cli("trace", "<far@example.test>").stdout
    wait_for(lambda: "sorted" in journey(), LONG, "the journey")
    assert re.search(r"sorted +gina@example.test +COPY into work: filed into later, marked as deleted",
                     journey()), journey()
    # Whoever writes the fields of a message writes no journey.
    copy = server.messages("gina")[0]
    with server.smtp() as smtp:
        smtp.sendmail("ann@far.test", ["hugo@example.test"], MESSAGE % (b"to-hugo", b"to-hugo"))
    other = server.wait_messages(1, "hugo")[-1]
    assert b"to-hugo" in other
    assert b" OK " in gina.append(other, "work")
    gina.see("later", {"far": set(), "to-hugo": set()})
    assert "sorted" not in server.cli("trace", "<to-hugo@example.test>").stdout
    assert b"far" in copy
    # Counted once it is done.
    wait_for(lambda: (metric(server, 'sieve_events_total{result="done"}') or 0) >= 2, LONG)
    gina.close()


def test_changed_messages_are_new_ones(server):
    bob = Owner(server, "bob", '''
        require ["imapsieve", "editheader", "environment", "fileinto", "imap4flags"];
        deleteheader "Subject";
        addheader "Subject" "changed";
        if environment "imap.cause" "APPEND" { fileinto "edited"; }
        else { fileinto "missing"; }
        ''', "edited")
    bob.put("one", "edited")
    bob.see("edited", {"one": {"\\Deleted"}, "changed": set()})
    # To a folder that is not there nothing goes, and the message is kept.
    bob.ok("SELECT edited")
    bob.ok("STORE 2 +FLAGS (\\Seen)")
    bob.put("two", "edited")
    bob.see("edited", {"one": {"\\Deleted"}, "changed": set(), "two": {"\\Deleted"}})
    answers = [line for line in bob.ok("FETCH 2 FLAGS") if line.startswith(b"* 2 FETCH")]
    assert b"\\Seen" in answers[-1] and b"\\Deleted" not in answers[-1]
    bob.close()


def test_sending_on_and_notices(server):
    bob = Owner(server, "bob", '''
        require ["imapsieve", "enotify", "copy"];
        redirect :copy "carol@example.test";
        notify :message "Look at work" "mailto:dora@example.test";
        ''')
    bob.put("sent-on")
    carol, dora = User(server, "carol"), User(server, "dora")
    for client, words in ((carol, b"Subject: sent-on"), (dora, b"Look at work")):
        client.ok("SELECT INBOX")
        wait_for(lambda c=client: b"* 1 EXISTS" in c.ok("NOOP") + c.ok("SELECT INBOX"), LONG)
        text = b"\n".join(client.ok("FETCH 1 BODY.PEEK[]"))
        assert words in text, text
        client.close()
    assert bob.flags("work") == {"sent-on": set()}
    bob.close()


def test_errors_change_nothing_and_are_told(server):
    erin = Owner(server, "erin", '''
        require ["imapsieve", "vacation", "imap4flags", "fileinto"];
        addflag "touched";
        fileinto "Archive";
        vacation "I am away.";
        ''')
    erin.put("one")
    erin.put("two")
    erin.see("INBOX", {"Your mail script has an error": set()})
    wait_for(lambda: server.log_text().count("sieve.event.error") >= 2, LONG)
    assert erin.flags("work") == {"one": set(), "two": set()}
    assert erin.flags("INBOX").keys() == {"Your mail script has an error"}
    assert erin.flags("Archive") == {}
    erin.close()


def test_the_servers_script_and_a_crash(server):
    """What was noted before kill -9 is done afterwards, once; the mailbox's entry is stronger."""
    fred = Owner(server, "fred", 'require ["imapsieve", "imap4flags", "fileinto", "copy"];'
                                 'addflag "seen-by-script"; fileinto :copy "Archive";', "INBOX")
    fred.ok('SETMETADATA INBOX (/shared/imapsieve/script "")')
    server.cli("user", "set", "fred@example.test", "--administrator", "yes")
    fred.ok('SETMETADATA "" (/shared/imapsieve/script "events")')
    fred.put("quiet", "INBOX")
    fred.ok("CREATE more")
    for i in range(10):
        fred.put(f"m{i}", "more")
    server.kill()
    server.start()
    done = {f"m{i}": {"seen-by-script"} for i in range(10)}
    fred.see("more", done)
    fred.see("Archive", done)
    assert fred.flags("INBOX") == {"quiet": set()}
    reader = User(server, "fred")
    reader.ok("EXAMINE Archive")
    assert len(reader.ok("FETCH 1:* UID")) == 10
    reader.ok('SETMETADATA "" (/shared/imapsieve/script NIL)')   # other tests' users have none
    reader.close()
