"""Mailboxes of others: who may do what there (RFC 4314), each reader's own \\Seen, names, quotas."""
import pathlib
import random
import re
import tempfile
import threading

import pytest

from conftest import _factory
from test_quota import MESSAGE, User

RIGHTS = "lrswipkxtea"


@pytest.fixture(scope="module")
def served():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        yield make(accounts=("alice", "bob", "carol"))
    finally:
        dispose()


@pytest.fixture()
def pair(served):
    """The owner, bob, and alice, who is nobody there yet."""
    owner, other = User(served, "bob"), User(served, "alice")
    yield owner, other
    owner.close()
    other.close()


FOLDERS = iter(range(10000))


@pytest.fixture()
def box(pair):
    """A folder of bob's with three messages; its name for bob, and for alice."""
    name = f"box{next(FOLDERS)}"
    pair[0].ok(f"CREATE {name}")
    for _ in range(3):
        assert b" OK " in pair[0].append(MESSAGE, name)
    return name, f'"Shared/bob@example.test/{name}"'


def grant(owner, box, rights, who="alice@example.test"):
    owner.ok(f'SETACL {box[0]} {who} "{rights}"')


def now(client, command):
    """The answer of somebody who knows what others have done before."""
    client.ok("NOOP")
    return [re.sub(rb" ?\\Recent", b"", line) for line in client.ok(command)]


def text(lines):
    return b"\n".join(lines).decode()


# --- each right opens something, and without it that is shut ------------------------------

def may_list(c, box):
    return bool(c.ok(f'LIST "" {box[1]}'))


def tried(command):
    def attempt(c, box):
        answer = c.command(command.format(box[1]))[-1]
        assert answer.split()[1] in (b"OK", b"NO")
        if answer.split()[1] == b"NO":
            assert b"[NOPERM]" in answer or b"[READ-ONLY]" in answer or b"[NONEXISTENT]" in answer \
                or b"[TRYCREATE]" in answer, answer
        return answer.split()[1] == b"OK"
    return attempt


def selected(command, check=None):
    def attempt(c, box):
        c.ok(f"SELECT {box[1]}")
        done = tried(command)(c, box)
        c.command("UNSELECT")
        return done
    return attempt


def may_append(c, box):
    answer = c.append(MESSAGE, box[1])
    assert b" OK " in answer or b"[NOPERM]" in answer
    return b" OK " in answer


CASES = {
    "l": ("", may_list),
    "r": ("l", tried("SELECT {}")),
    "r ": ("l", tried("STATUS {} (MESSAGES)")),
    "s": ("lr", selected("STORE 1 +FLAGS (\\Seen)")),
    "w": ("lr", selected("STORE 1 +FLAGS (\\Flagged)")),
    "w ": ("lr", selected("STORE 1 +FLAGS (red)")),
    "i": ("l", may_append),
    "i ": ("l", lambda c, box: (c.ok("SELECT INBOX"), tried("COPY 1 {}")(c, box))[1]),
    "k": ("l", lambda c, box: tried("CREATE " + box[1][:-1] + '/below"')(c, box)),
    "x": ("l", tried("DELETE {}")),
    "t": ("lr", selected("STORE 1 +FLAGS (\\Deleted)")),
    "e": ("lrt", selected("EXPUNGE")),
    "te": ("lr", selected("MOVE 1 INBOX")),
    "a": ("l", tried("GETACL {}")),
    "a ": ("l", tried("SETACL {} carol@example.test r")),
    "a  ": ("l", tried("DELETEACL {} carol@example.test")),
    "a   ": ("l", tried("LISTRIGHTS {} carol@example.test")),
}


@pytest.mark.parametrize("right", list(CASES))
def test_right(pair, box, right):
    """With all other rights it is refused, with this one alone (and what it takes to get there) done."""
    owner, other = pair
    if other.ok("STATUS INBOX (MESSAGES)")[0].endswith(b" 0)"):
        other.append(MESSAGE)
    needs, attempt = CASES[right]
    right = right.strip()
    without = "".join(r for r in RIGHTS if r not in right)
    grant(owner, box, without)
    assert not attempt(other, box)
    grant(owner, box, needs + right)
    assert attempt(other, box)


def test_who_may_not_know_is_told_nothing(pair, box):
    other = pair[1]
    for command in ("SELECT {}", "STATUS {} (MESSAGES)", "GETACL {}", "MYRIGHTS {}", "DELETE {}",
                    "GETQUOTAROOT {}", "GETMETADATA {} /shared/comment"):
        here = other.no(command.format(box[1]))
        nowhere = other.no(command.format(box[1].replace("box", "nobox")))
        assert re.sub(rb"^\S+", b"", here) == re.sub(rb"^\S+", b"", nowhere)
        assert b"NOPERM" not in here
    assert b"[TRYCREATE]" in other.append(MESSAGE, box[1])
    nobody = other.no('CREATE "Shared/nobody@example.test/x"')
    assert re.sub(rb"^\S+", b"", nobody) == re.sub(rb"^\S+", b"",
                                                  other.no('CREATE "Shared/bob@example.test/x"'))


def test_lists_of_rights(pair, box):
    owner, other = pair
    name = box[0].encode()
    assert owner.ok(f"GETACL {box[0]}") == [b"* ACL " + name + b" bob@example.test lrswipkxteacd"]
    grant(owner, box, "lr")
    grant(owner, box, "+wi")
    grant(owner, box, "-r")
    grant(owner, box, "lrs", "anyone")
    grant(owner, box, "s", "-alice@example.test")
    assert owner.ok(f"GETACL {box[0]}") == [
        b"* ACL " + name + b" bob@example.test lrswipkxteacd -alice@example.test s"
        b" alice@example.test lwi anyone lrs"]
    assert other.ok(f"MYRIGHTS {box[1]}") == [
        b"* MYRIGHTS Shared/bob@example.test/" + name + b" lrwi"]
    assert owner.ok(f"LISTRIGHTS {box[0]} alice@example.test") == [
        b"* LISTRIGHTS " + name + b' alice@example.test "" l r s w i p k x t e a']
    assert b"lrswipkxtea" in owner.ok(f"LISTRIGHTS {box[0]} bob@example.test")[0]
    owner.ok(f"DELETEACL {box[0]} alice@example.test")
    owner.ok(f"DELETEACL {box[0]} anyone")
    assert b"[NONEXISTENT]" in other.no(f"MYRIGHTS {box[1]}")
    # What is no right, no account, or would take from the owner.
    assert b"BAD" in owner.command(f"SETACL {box[0]} alice@example.test lz")[-1]
    assert b"[CANNOT]" in owner.no(f"SETACL {box[0]} nobody@example.test l")
    assert b"[CANNOT]" in owner.no(f"SETACL {box[0]} bob@example.test l")
    assert b"[CANNOT]" in owner.no(f"SETACL {box[0]} bob@example.test -a")
    owner.ok(f"SETACL {box[0]} bob@example.test +l")
    # Old letters.
    grant(owner, box, "cd")
    assert b"alice@example.test kxtecd" in owner.ok(f"GETACL {box[0]}")[0]


def test_names(pair, box):
    owner, other = pair
    assert other.ok("NAMESPACE") == [
        b'* NAMESPACE (("" "/")) (("Shared/" "/")) (("Public/" "/"))']
    full = f"Shared/bob@example.test/{box[0]}".encode()
    assert full not in text(other.ok('LIST "" *')).encode()
    grant(owner, box, "lr")
    listed = other.ok('LIST "" * RETURN (MYRIGHTS STATUS (MESSAGES UNSEEN))')
    assert b"* LIST (\\HasNoChildren) \"/\" " + full in listed
    assert b"* MYRIGHTS " + full + b" lr" in listed
    assert b"* STATUS " + full + b" (MESSAGES 3 UNSEEN 3)" in listed
    assert b"* MYRIGHTS INBOX lrswipkxteacd" in listed
    assert b'* LIST (\\Noselect \\HasChildren) "/" Shared' in other.ok('LIST "" %')
    other.ok(f"SUBSCRIBE {box[1]}")
    assert b'* LSUB () "/" ' + full in other.ok('LSUB "" *')
    other.ok(f"UNSUBSCRIBE {box[1]}")
    # What is above belongs to nobody, and one's own name works as well.
    for name in ("Shared", "Public", "Shared/bob@example.test"):
        assert b"[NOPERM]" in other.no(f'CREATE "{name}"')
    assert owner.ok(f"STATUS {box[1]} (MESSAGES)")[0].endswith(b"(MESSAGES 3)")


def test_folders_below(pair, box):
    owner, other = pair
    grant(owner, box, "lrk")
    below = box[1][:-1] + '/below"'
    other.ok(f"CREATE {below}")
    assert b"alice@example.test lrkc" in owner.ok(f"GETACL {box[0]}/below")[0]  # as above it
    assert b"[NOPERM]" in other.no(f"DELETE {below}")
    assert b"[NOPERM]" in other.no(f'RENAME {below} {box[1][:-1]}/other"')
    grant(owner, (box[0] + "/below",), "lrx")
    other.ok(f'RENAME {below} {box[1][:-1]}/other"')
    assert b"[CANNOT]" in other.no(f'RENAME {box[1][:-1]}/other" mine')  # not to another owner
    other.ok(f'DELETE {box[1][:-1]}/other"')
    # The list goes with a mailbox that is renamed, and ends with one that is deleted.
    owner.ok(f"RENAME {box[0]} {box[0]}new")
    moved = box[1][:-1] + 'new"'
    assert b" lrkc" in other.ok(f"MYRIGHTS {moved}")[0]
    owner.ok(f"DELETE {box[0]}new")
    owner.ok(f"CREATE {box[0]}new")
    other.no(f"MYRIGHTS {moved}")


# --- flags ---------------------------------------------------------------------------------

def test_seen_is_everybodys_own(pair, box):
    owner, other = pair
    grant(owner, box, "lrsw")
    lines = text(other.ok(f"SELECT {box[1]}"))
    assert "PERMANENTFLAGS (\\Answered \\Flagged \\Seen \\Draft \\*)" in lines
    owner.ok(f"SELECT {box[0]}")
    other.ok("STORE 1 +FLAGS (\\Seen \\Flagged)")
    assert now(owner, "FETCH 1 FLAGS")[-1] == b"* 1 FETCH (FLAGS (\\Flagged))"
    other.ok("FETCH 2 BODY[]")
    assert now(owner, "SEARCH SEEN") == [b"* SEARCH"]
    assert now(other, "SEARCH SEEN") == [b"* SEARCH 1 2"]
    assert now(other, "SEARCH UNSEEN") == [b"* SEARCH 3"]
    owner.ok("STORE 3 +FLAGS (\\Seen)")
    assert now(other, "SEARCH UNSEEN")[-1] == b"* SEARCH 3"
    assert owner.ok(f"STATUS {box[0]} (UNSEEN)")[-1].endswith(b"(UNSEEN 2)")
    assert other.ok(f"STATUS {box[1]} (UNSEEN)")[-1].endswith(b"(UNSEEN 1)")
    other.ok("STORE 1:* FLAGS ()")  # of what alice may change
    assert now(other, "SEARCH UNSEEN") == [b"* SEARCH 1 2 3"]
    assert now(owner, "SEARCH SEEN")[-1] == b"* SEARCH 3"


def test_what_may_not_be_changed_stays(pair, box):
    owner, other = pair
    grant(owner, box, "lrw")
    owner.ok(f"SELECT {box[0]}")
    owner.ok("STORE 1 FLAGS (\\Deleted \\Flagged)")
    lines = text(other.ok(f"SELECT {box[1]}"))
    assert "PERMANENTFLAGS (\\Answered \\Flagged \\Draft \\*)" in lines
    other.ok("STORE 1 FLAGS (\\Answered \\Seen)")
    assert now(owner, "FETCH 1 FLAGS")[-1] == b"* 1 FETCH (FLAGS (\\Answered \\Deleted))"
    other.ok("FETCH 2 BODY[]")
    assert now(other, "SEARCH SEEN") == [b"* SEARCH"]
    assert b"[NOPERM]" in other.no("STORE 1 +FLAGS (\\Seen)")
    grant(owner, box, "lr")
    assert b"[READ-ONLY]" in other.command(f"SELECT {box[1]}")[-1]
    grant(owner, box, "lri")
    answer = other.command(f"APPEND {box[1]} (\\Flagged red) {{{len(MESSAGE)}+}}\r\n".encode() + MESSAGE)
    assert b" OK " in answer[-1]
    assert b"Flagged" not in now(owner, "FETCH 4 FLAGS")[-1]


def test_copies_take_along_what_the_reader_has_seen(pair, box):
    owner, other = pair
    grant(owner, box, "lrswit")
    owner.ok(f"SELECT {box[0]}")
    owner.ok("STORE 2 +FLAGS (\\Seen)")
    other.command("CREATE mine")
    other.ok(f"SELECT {box[1]}")
    other.ok("STORE 1 +FLAGS (\\Seen)")
    before = int(re.search(rb"UIDNEXT (\d+)", other.ok("STATUS mine (UIDNEXT)")[0])[1])
    other.ok("COPY 1:2 mine")
    other.ok("SELECT mine")
    assert [b"\\Seen" in line for line in other.ok(f"UID FETCH {before}:{before + 1} FLAGS")] == \
        [True, False]
    other.ok(f"UID COPY {before}:{before + 1} {box[1]}")
    other.ok(f"SELECT {box[1]}")
    assert now(other, "SEARCH 4:5 SEEN") == [b"* SEARCH 4"]
    assert now(owner, "SEARCH 4:5 SEEN")[-1] == b"* SEARCH"


def test_changes_are_told_and_resynchronised(pair, box):
    owner, other = pair
    grant(owner, box, "lrswte")
    for c in pair:
        c.ok("ENABLE QRESYNC")
    lines = text(other.ok(f"SELECT {box[1]}"))
    validity = re.search(r"UIDVALIDITY (\d+)", lines)[1]
    known = re.search(r"HIGHESTMODSEQ (\d+)", lines)[1]
    owner.ok(f"SELECT {box[0]}")
    owner.start("IDLE")
    owner.line()
    other.ok("STORE 1 +FLAGS (\\Seen)")     # nothing of the owner's
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    assert re.match(rb"\* 2 FETCH \(UID 2 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)", owner.line())
    owner.send("DONE\r\n")
    owner.answer(b"t%d" % owner.count)
    other.ok("UNSELECT")
    owner.ok("STORE 3 +FLAGS (\\Deleted)")
    owner.ok("EXPUNGE")
    lines = other.ok(f"SELECT {box[1]} (QRESYNC ({validity} {known}))")
    assert b"* VANISHED (EARLIER) 3" in lines
    told = [x for x in lines if b"FETCH" in x]
    assert [re.sub(rb"MODSEQ \(\d+\)", b"MODSEQ", x) for x in told] == [
        b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ)", b"* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ)"]
    # A store that was overtaken by one's own \Seen, and by the owner's flag.
    seen = int(re.search(rb"MODSEQ \((\d+)\)", told[0])[1])
    assert b"[MODIFIED 1]" in other.command(
        f"STORE 1 (UNCHANGEDSINCE {seen - 1}) -FLAGS (\\Seen)")[-1]
    other.ok(f"STORE 1 (UNCHANGEDSINCE {seen}) -FLAGS (\\Seen)")
    assert b"MODIFIED" not in owner.command(f"STORE 1 (UNCHANGEDSINCE {seen - 1}) +FLAGS (\\Seen)")[-1]


def test_rights_that_are_taken_away(pair, box):
    owner, other = pair
    grant(owner, box, "lrs")
    other.ok(f"SELECT {box[1]}")
    other.start("IDLE")
    other.line()
    owner.ok(f"DELETEACL {box[0]} alice@example.test")
    assert other.line().startswith(b"* BYE")


@pytest.mark.parametrize("place", ["bob@example.test", "Public"])
def test_rights_to_everything_that_are_taken_away(served, pair, place):
    """By the operator: who waits in a folder is told at once, and so is who asked for changes of names."""
    _, other = pair
    folder = f"Shared/{place}/INBOX"
    if place == "Public":
        folder = "Public/Board"
        served.cli("public", "add", "Board", "--anyone", "")
    listener = User(served, "alice")
    listener.ok("NOTIFY SET (SUBTREE (Shared Public) (MailboxName))")
    served.cli("share", "set", place, "alice@example.test", "lrs")
    while folder.encode() not in (line := listener.line()):
        assert line.startswith(b"* LIST"), line
    listener.close()
    other.ok(f'SELECT "{folder}"')
    other.start("IDLE")
    assert other.line().startswith(b"+ ")
    served.cli("share", "remove", place, "alice@example.test")
    assert other.line().startswith(b"* BYE")


def test_notify_tells_of_what_is_given_and_of_new_mail(pair, box):
    owner, other = pair
    other.ok("NOTIFY SET (SUBTREE Shared (MailboxName MessageNew MessageExpunge))")
    grant(owner, box, "lr")
    full = f"Shared/bob@example.test/{box[0]}".encode()
    lines = [other.line(), other.line()]
    assert any(b"LIST" in line and full in line for line in lines), lines
    owner.append(MESSAGE, box[0])
    while b"MESSAGES 4" not in (line := other.line()):
        assert full in line or b"Shared" in line
    other.ok("NOTIFY NONE")


def test_several_mailboxes_are_searched(pair, box):
    owner, other = pair
    grant(owner, box, "lrs")
    other.ok(f"SELECT {box[1]}")
    other.ok("STORE 2 +FLAGS (\\Seen)")
    other.ok("UNSELECT")
    found, = other.ok(f"ESEARCH IN (MAILBOXES {box[1]}) SEEN")
    assert b"UID ALL 2" in found and box[0].encode() in found
    grant(owner, box, "ls")
    assert other.ok(f"ESEARCH IN (MAILBOXES {box[1]}) SEEN") == []


# --- what is shared as a whole -------------------------------------------------------------

def test_a_delegated_account(served, pair):
    owner, other = pair
    served.cli("share", "set", "bob@example.test", "alice@example.test", "lrswipkxte")
    owner.ok("CREATE afterwards")
    listed = text(other.ok('LIST "" "Shared/*"'))
    assert "Shared/bob@example.test/INBOX" in listed and "afterwards" in listed
    assert "\\Sent" not in listed
    other.ok('CREATE "Shared/bob@example.test/made"')
    assert b" OK " in other.append(MESSAGE, '"Shared/bob@example.test/made"')
    owner.ok("STATUS made (MESSAGES)")
    assert b" lrswipkxte " in owner.ok("LISTRIGHTS made alice@example.test")[0]
    other.no('GETACL "Shared/bob@example.test/made"')
    assert "alice@example.test" in served.cli("share", "list", "bob@example.test/made").stdout
    served.cli("share", "remove", "bob@example.test", "alice@example.test")
    assert other.ok('LIST "" "Shared/*made"') == []


def test_public_folders(served, pair):
    owner, other = pair
    served.cli("public", "add", "News", "--anyone", "lrsi")
    served.cli("public", "add", "News/2026", "--anyone", "")
    assert "already" in served.cli("public", "add", "News", check=False).stderr
    assert b'* LIST (\\HasNoChildren) "/" Public/News' in other.ok('LIST "" "Public/*"')
    assert b" OK " in other.append(MESSAGE, "Public/News")
    assert b"Seen" not in owner.ok("SELECT Public/News")[-1]
    owner.ok("STORE 1 +FLAGS (\\Seen)")
    assert owner.ok("STATUS Public/News (UNSEEN)")[0].endswith(b"(UNSEEN 0)")
    assert other.ok("STATUS Public/News (UNSEEN)")[0].endswith(b"(UNSEEN 1)")
    assert owner.ok("GETQUOTAROOT Public/News") == [b"* QUOTAROOT Public/News"]
    assert b"[NOPERM]" in other.no("CREATE Public/News/mine")
    served.cli("share", "set", "Public", "bob@example.test", RIGHTS)
    owner.ok("CREATE Public/Rules")
    assert b"[NOPERM]" not in owner.ok("SETACL Public/Rules anyone lr")
    assert "Rules" in served.cli("public", "list").stdout
    owner.ok("UNSELECT")
    owner.ok('SELECT Public/News/2026')
    served.cli("public", "remove", "News/2026")
    assert b"* BYE" in b"".join(owner.command("NOOP"))


def test_the_owners_quota_counts(served, pair, box):
    owner, other = pair
    grant(owner, box, "lrswit")
    held = 0
    for line in owner.ok('LIST "" * RETURN (STATUS (MESSAGES))'):
        if b"STATUS" in line and b"Public" not in line:
            held += int(re.search(rb"MESSAGES (\d+)", line)[1])
    served.cli("quota", "set", "bob@example.test", "--messages", str(held + 1))
    try:
        assert f"bob@example.test (MESSAGE {held} {held + 1})".encode() in \
            other.ok(f"GETQUOTAROOT {box[1]}")[1]
        assert b" OK " in other.append(MESSAGE, box[1])
        assert b"[OVERQUOTA]" in other.append(MESSAGE, box[1])
        other.append(MESSAGE)
        other.ok("SELECT INBOX")
        assert b"[OVERQUOTA]" in other.no(f"MOVE 1 {box[1]}")
        assert b"[OVERQUOTA]" in other.no(f"COPY 1 {box[1]}")
    finally:
        served.cli("quota", "set", "bob@example.test", "--messages", "0")
    assert "right" in served.cli("quota", "recount", "bob@example.test").stdout


def test_they_go_with_the_account(make_server):
    server = make_server(accounts=("alice", "bob"))
    owner, other = User(server, "bob"), User(server, "alice")
    owner.ok("CREATE box")
    owner.append(MESSAGE, "box")
    owner.ok("SETACL box alice@example.test lrs")
    other.ok('SELECT "Shared/bob@example.test/box"')
    other.ok("STORE 1 +FLAGS (\\Seen)")
    other.close()
    server.cli("user", "remove", "alice@example.test")
    server.cli("user", "add", "alice@example.test", input="correct horse\n")
    assert owner.ok("GETACL box") == [b"* ACL box bob@example.test lrswipkxteacd"]
    owner.close()


def test_imaplib(served, pair, box):
    owner, other = served.imap("bob"), served.imap("alice")
    assert owner.setacl(box[0], "alice@example.test", "lrs")[0] == "OK"
    assert b"alice@example.test lrs" in owner.getacl(box[0])[1][0]
    assert other.myrights(box[1])[1] == [f"Shared/bob@example.test/{box[0]} lrs".encode()]
    assert other.select(box[1]) == ("OK", [b"3"])
    assert other.store("1", "+FLAGS", "(\\Seen)")[0] == "OK"
    assert other.search(None, "SEEN") == ("OK", [b"1"])
    assert owner.deleteacl(box[0], "alice@example.test")[0] == "OK"
    owner.logout()


def test_recovery_knows_whose_they_are(make_server):
    """Without a database: what was filed in a folder of somebody else's, and in a public one."""
    server = make_server(accounts=("alice", "bob"))
    server.cli("public", "add", "News", "--anyone", "lri")
    server.cli("share", "set", "bob@example.test", "alice@example.test", "lri")
    other = User(server, "alice")
    for name in ("Public/News", "Shared/bob@example.test/Archive"):
        assert b" OK " in other.append(MESSAGE, name)
    other.close()
    server.stop()
    for path in server.dir.glob("veredus.db*"):
        path.unlink()
    server.cli("recover")
    server.cli("user", "passwd", "bob@example.test", input="correct horse\n")
    server.cli("share", "set", "Public", "anyone", "lr")
    server.start()
    owner = User(server, "bob")
    for name in ("Public/News", "Archive"):
        assert owner.ok(f"STATUS {name} (MESSAGES)")[0].endswith(b"(MESSAGES 1)")
    owner.close()


# --- two at once ---------------------------------------------------------------------------

def test_two_users_of_one_folder(served, pair, box):
    """Both flag, file, delete and expunge at random; each has a \\Seen of its own. At the end each
    session knows what a new one is told, and the two agree on all but \\Seen."""
    owner, other = pair
    grant(owner, box, RIGHTS)
    seen = [{}, {}]
    failed = []

    def work(me, client, name):
        try:
            chance = random.Random(me)
            client.ok(f"SELECT {name}")
            for _ in range(60):
                what = chance.random()
                uid = chance.randint(1, 40)
                if what < .3:
                    assert b" OK " in client.append(MESSAGE, name)
                elif what < .6:
                    sign = chance.choice("+-")
                    client.ok(f"UID STORE {uid} {sign}FLAGS.SILENT (\\Seen)")
                    seen[me][uid] = sign == "+"
                elif what < .8:
                    client.ok(f"UID STORE {uid} +FLAGS (\\Flagged k{chance.randint(1, 5)})")
                elif what < .9:
                    client.ok(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
                    client.ok(f"UID EXPUNGE {uid}")
                else:
                    client.ok("NOOP")
        except AssertionError as e:
            failed.append(e)
    threads = [threading.Thread(target=work, args=(0, owner, box[0])),
               threading.Thread(target=work, args=(1, other, box[1]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed

    def state(client):
        client.ok("NOOP")
        found = {}
        for line in client.ok("UID FETCH 1:* (FLAGS)"):
            if m := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line):
                found[int(m[1])] = {f for f in m[2].split() if f != b"\\Recent"}
        return found
    fresh = [User(served, "bob"), User(served, "alice")]
    fresh[0].ok(f"EXAMINE {box[0]}")
    fresh[1].ok(f"EXAMINE {box[1]}")
    states = [state(c) for c in (owner, other, *fresh)]
    assert states[0] == states[2] and states[1] == states[3]
    assert {u: f - {b"\\Seen"} for u, f in states[0].items()} == \
        {u: f - {b"\\Seen"} for u, f in states[1].items()}
    # UIDs that were flagged before they were given out did nothing, so: only what says not seen.
    for me in (0, 1):
        for uid, flags in states[me].items():
            if not seen[me].get(uid, False):
                assert b"\\Seen" not in flags
    for c in fresh:
        c.close()


def test_mail_is_posted_to_folders(served, pair):
    """bob+box@ is bob's folder box for those whom its list lets post; for others it is INBOX."""
    bob, alice = pair
    bob.ok("CREATE Lists/Box")
    said = iter(range(100))

    def posted(by, to="bob+lists/box@example.test"):
        """Where it went."""
        subject = f"posted {next(said)}"
        text = f"From: alice@example.test\r\nSubject: {subject}\r\n\r\nx\r\n"
        if by:
            with served.submission(by) as smtp:
                smtp.sendmail(f"{by}@example.test", [to], text)
        else:
            with served.smtp() as smtp:
                smtp.sendmail("alice@example.test", [to], text)
        return [box for box in ("INBOX", "Lists/Box", "Junk")
                if any(subject.encode() in m for m in served.messages("bob", box))]

    assert posted("alice") == ["INBOX"] and posted(None) == ["INBOX"]
    grant(bob, ["Lists/Box"], "lrp")
    assert posted("alice") == ["Lists/Box"]
    assert posted("alice", "Bob+LISTS/Box@Example.Test") == ["Lists/Box"]
    assert posted("alice", "bob+lists@example.test") == ["INBOX"]
    # Who has not logged in is nobody, whatever it says in MAIL FROM.
    assert posted("carol") == ["INBOX"] and posted(None) == ["INBOX"]
    # An address of its own, and for everybody. No script of bob's sorts it.
    served.cli("alias", "add", "box@example.test", "bob+Lists/Box@example.test")
    grant(bob, ["Lists/Box"], "p", "anyone")
    assert posted(None, "box@example.test") == ["Lists/Box"]
    assert posted("carol") == ["Lists/Box"]
    grant(bob, ["Lists/Box"], "p", "-carol@example.test")
    assert posted("carol") == ["INBOX"]
    assert posted("alice", "bob@example.test") == ["INBOX"]
