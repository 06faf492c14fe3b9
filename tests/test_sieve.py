"""Scripts of users at delivery: where mail goes, what is sent on, who is answered, what is told."""
import email
import email.policy
import smtplib
import sqlite3

import pytest

from conftest import wait_for
from remote import Remote
from test_relay import smarthost

MESSAGE = """From: Carol <carol@far.test>\r
To: alice@example.test\r
Subject: {subject}\r
Message-ID: <{id}@far.test>\r
\r
A text.\r
"""


def put_script(server, user, text, name="main"):
    """Into the store, while the server is stopped."""
    with sqlite3.connect(server.dir / "veredus.db") as db:
        account, = db.execute("SELECT id FROM account WHERE address = ?",
                              (f"{user}@{server.domain}",)).fetchone()
        db.execute("INSERT INTO sieve_script (account_id, name, content, active, changed_ms) "
                   "VALUES (?, ?, ?, 1, 0)", (account, name, text.encode()))
    db.close()


@pytest.fixture
def sorted_by(make_server):
    """A server on which users have scripts."""
    def make(config="", **scripts):
        server = make_server(start=False, config=config, accounts=("alice", "bob", "dave"))
        for user, text in scripts.items():
            put_script(server, user, text)
        return server.start()
    return make


def send(server, subject="hello", to="alice@example.test", sender="carol@far.test", number=[0],
         text=None, **more):
    number[0] += 1
    with server.smtp() as smtp:
        smtp.sendmail(sender, [to] if isinstance(to, str) else to,
                      text or MESSAGE.format(subject=subject, id=number[0]), **more)


def subjects(server, mailbox="INBOX", user="alice"):
    return [email.message_from_bytes(m)["Subject"] for m in server.messages(user, mailbox)]


def test_folders_and_flags(sorted_by):
    server = sorted_by(alice='''
require ["fileinto", "mailbox", "imap4flags", "variables", "copy", "envelope", "subaddress"];
if header :matches "subject" "[*]*" { fileinto :create "Lists/${1}"; }
elsif header :contains "subject" "twice" { fileinto :copy "Archive"; }
elsif header "subject" "gone" { discard; }
elsif header "subject" "flagged" { addflag ["\\\\Flagged", "$Work"]; keep; }
elsif header "subject" "nowhere" { fileinto "Not/There"; }
elsif envelope :detail "to" "shop" { fileinto :flags "\\\\Seen" "Trash"; }
''')
    for subject in ("[dev] one", "twice", "gone", "flagged", "nowhere", "plain"):
        send(server, subject)
    send(server, "bought", to="alice+shop@example.test")
    assert subjects(server) == ["twice", "flagged", "nowhere", "plain"]
    assert subjects(server, "Lists/dev") == ["[dev] one"]
    assert subjects(server, "Archive") == ["twice"]
    assert subjects(server, "Trash") == ["bought"]
    imap = server.imap()
    imap.select("INBOX")
    _, data = imap.search(None, "FLAGGED", "KEYWORD", "$Work")
    assert data[0].split() == [b"2"]
    imap.select("Trash")
    assert imap.search(None, "SEEN")[1][0].split() == [b"1"]
    assert b"Lists/dev" in b" ".join(imap.lsub()[1])
    imap.logout()


def test_others_are_not_touched(sorted_by):
    server = sorted_by(alice="discard;")
    send(server, to=["alice@example.test", "bob@example.test"])
    assert subjects(server) == [] and subjects(server, user="bob") == ["hello"]


def test_sent_on(sorted_by):
    with Remote() as remote:
        server = sorted_by(config=smarthost(remote), alice='''
require "copy";
if header "subject" "both" { redirect :copy "far@far.test"; }
elsif header "subject" "near" { redirect "bob@example.test"; }
elsif header "subject" "circle" { redirect "dave@example.test"; }
else { redirect "far@far.test"; }''', dave='redirect "alice@example.test";')
        send(server, "away")
        send(server, "both")
        send(server, "near")
        send(server, "circle")
        wait_for(lambda: len(remote.taken) == 2, what="two messages")
        first = email.message_from_bytes(remote.taken[0].data)
        assert remote.taken[0].recipients == ["far@far.test"]
        assert first["Delivered-To"] == "alice@example.test"
        assert remote.taken[0].sender == "carol@far.test"
        # What goes round is kept where it began.
        wait_for(lambda: subjects(server) == ["both", "circle"], what="what goes round")
        wait_for(lambda: subjects(server, user="bob") == ["near"], what="what bob is sent")
        # The same message again is not sent on again.
        text = MESSAGE.format(subject="away", id="same")
        send(server, text=text)
        send(server, text=text)
        wait_for(lambda: len(remote.taken) == 3, what="the third")
        assert subjects(server) == ["both", "circle"]


def test_vacation(sorted_by):
    with Remote() as remote:
        server = sorted_by(config=smarthost(remote), alice='''
require ["vacation", "fcc", "mailbox"];
vacation :days 3 :subject "Away é" :fcc "Answers" :create "Back on Monday. Grüße";''')
        for _ in range(3):
            send(server)
        send(server, text=MESSAGE.format(subject="list", id="x") .replace(
            "Subject", "List-Id: <l.far.test>\r\nSubject"), sender="other@far.test")
        send(server, sender="")
        send(server, sender="owner-list@far.test")
        wait_for(lambda: len(remote.taken) >= 1, what="an answer")
        send(server, sender="third@far.test")
        wait_for(lambda: len(remote.taken) == 2, what="the second answer")
        answer = email.message_from_bytes(remote.taken[0].data, policy=email.policy.default)
        assert remote.taken[0].sender == "" and remote.taken[0].recipients == ["carol@far.test"]
        assert remote.taken[1].recipients == ["third@far.test"]
        assert answer["Subject"] == "Away é" and answer["From"] == "alice@example.test"
        assert answer["Auto-Submitted"] == "auto-replied (vacation)"
        assert answer["In-Reply-To"].endswith("@far.test>")
        assert answer.get_content().strip() == "Back on Monday. Grüße"
        assert len(subjects(server)) == 7
        assert subjects(server, "Answers")[0] == "=?UTF-8?Q?Away_=C3=A9?=" or \
            len(subjects(server, "Answers")) == 2


def test_refused_by_the_user(sorted_by):
    with Remote() as remote:
        server = sorted_by(config=smarthost(remote), alice='''
require ["reject", "ereject"];
if header "subject" "e" { ereject "Not wanted, é."; } else { reject "Please go away, é."; }''')
        send(server)
        send(server, "e")
        send(server, sender="")
        send(server, "nobody can be told", sender="nobody@example.test")
        wait_for(lambda: len(remote.taken) == 2, what="refusals")
        told = {email.message_from_bytes(t.data).get_param("report-type"): t
                for t in remote.taken}
        assert set(told) == {"disposition-notification", "delivery-status"}
        assert all(t.sender == "" for t in remote.taken)
        report = email.message_from_bytes(told["disposition-notification"].data)
        assert "Please go away, é." in \
            report.get_payload()[0].get_payload(decode=True).decode()
        assert subjects(server) == ["hello", "nobody can be told"]


def test_junk_is_not_answered(sorted_by):
    """Its sender is somebody else, mostly."""
    server = sorted_by(config='score { junk = "5" weights = { "dkim=none*: 6" } }',
                       alice='require "vacation"; vacation "away";')
    send(server, sender="bob@example.test")
    assert subjects(server, "Junk") == ["hello"]
    assert subjects(server, user="bob") == []
    assert "bob@example.test is not answered: the message is junk" in \
        server.cli("trace", "--to", "alice@example.test").stdout


def test_refused_in_the_reply(sorted_by):
    """To a client that still waits for one, if the words fit into it."""
    server = sorted_by(alice='require "reject"; reject "Please\ngo away.";')
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server)
    assert refused.value.args == (550, b"5.7.1 Please  go away.")
    assert subjects(server) == []


def test_a_notice(sorted_by):
    with Remote() as remote:
        server = sorted_by(config=smarthost(remote), alice='''
require ["enotify", "encoded-character"];
notify :message "you have ${hex:0D 0A}mail" "mailto:pager@far.test?body=Look%0Aout";''')
        send(server)
        wait_for(lambda: len(remote.taken) == 1, what="the notice")
        notice = email.message_from_bytes(remote.taken[0].data)
        assert "you_have" in notice["Subject"]  # and no field of its own
        assert remote.taken[0].data.endswith(b"\r\n\r\nLook\r\nout\r\n")
        assert notice["Auto-Submitted"].startswith("auto-notified")
        assert subjects(server) == ["hello"]


def test_duplicates(sorted_by):
    server = sorted_by(alice='require "duplicate"; if duplicate { discard; }')
    for _ in range(3):
        send(server, text=MESSAGE.format(subject="once", id="1"))
    send(server, text=MESSAGE.format(subject="other", id="2"))
    assert subjects(server) == ["once", "other"]


def test_duplicates_at_the_same_time(sorted_by):
    """Each is sorted before the other is stored."""
    server = sorted_by(alice='require "duplicate"; if duplicate { discard; }')
    for round in range(8):
        sessions = [server.smtp() for _ in range(2)]
        for smtp in sessions:
            smtp.ehlo("client.test")
            smtp.mail("carol@far.test")
            smtp.rcpt("alice@example.test")
            assert smtp.docmd("DATA")[0] == 354
            smtp.send(MESSAGE.format(subject=f"{round}", id=f"{round}"))
        for smtp in sessions:
            smtp.send("\r\n.\r\n")
        for smtp in sessions:
            assert smtp.getreply()[0] == 250
            smtp.close()
    assert subjects(server) == [str(round) for round in range(8)]


def test_a_changed_message(sorted_by):
    server = sorted_by(alice='''require ["editheader", "fileinto", "copy"];
fileinto :copy "Archive"; addheader "X-Sorted" "yes"; deleteheader "Subject";''')
    send(server)
    changed, plain = server.messages()[0], server.messages(mailbox="Archive")[0]
    assert b"X-Sorted: yes\r\n" in changed and b"\r\nSubject:" not in changed
    assert b"X-Sorted" not in plain and b"\r\nSubject: hello\r\n" in plain
    assert changed.startswith(b"Return-Path: <carol@far.test>\r\n")
    imap = server.imap()
    imap.select()
    assert imap.fetch("1", "ENVELOPE")[1][0].count(b"hello") == 0
    imap.logout()
    server.cli("fsck")


def test_an_error_keeps_the_mail_and_is_told_once(sorted_by):
    server = sorted_by(alice='require "ihave";\nkeep;\nerror "it is broken";',
                       bob="nonsense;")
    for subject in ("one", "two"):
        send(server, subject, to=["alice@example.test", "bob@example.test"])
    for user, text in (("alice", "it is broken"), ("bob", 'there is no command "nonsense"')):
        found = subjects(server, user=user)
        assert sorted(found) == ["Your mail script has an error", "one", "two"]
        assert any(text.encode() in m for m in server.messages(user))
    details = server.cli("trace", "--to", "alice@example.test", "--json").stdout
    assert "script main failed in line 3: it is broken" in details


def test_scripts_for_everybody(make_server):
    server = make_server(start=False, config='''sieve {
    before = "before.sieve"
    after = "after.sieve"
    global = "scripts"
}''')
    (server.dir / "scripts").mkdir()
    (server.dir / "scripts" / "bad.sieve").write_text('set "who" "bad"; return;')
    (server.dir / "scripts" / "bad.sieve").write_text(
        'require ["include", "variables"]; global "folder"; set "folder" "Junk";')
    (server.dir / "scripts" / "enemies.list").write_text("# nobody likes them\nevil@far.test\n")
    (server.dir / "scripts" / "team.list").write_text("# the team\nbob@example.test\n")
    (server.dir / "before.sieve").write_text('''
require ["fileinto", "include", "variables", "extlists", "envelope"];
if envelope :list "from" "enemies" {
    global "folder"; include :global "bad"; fileinto "${folder}"; stop;
}
if header "subject" "for all" { redirect :list "team"; }''')
    (server.dir / "after.sieve").write_text(
        'require "fileinto"; if header "subject" "old" { fileinto "Archive"; }')
    put_script(server, "alice", 'require "fileinto"; if header "subject" "mine" '
                                '{ fileinto "Drafts"; }')
    server.start()
    for subject, sender in (("old", "carol@far.test"), ("mine", "carol@far.test"),
                            ("x", "evil@far.test"), ("y", "carol@far.test"),
                            ("for all", "carol@far.test")):
        send(server, subject, sender=sender)
    wait_for(lambda: subjects(server, user="bob") == ["for all"], what="what bob is sent")
    assert subjects(server) == ["y"]
    assert subjects(server, "Archive") == ["old"]
    assert subjects(server, "Drafts") == ["mine"]
    assert subjects(server, "Junk") == ["x"]


def test_scripts_for_everybody_are_checked(make_server):
    server = make_server(start=False, config='sieve { before = "before.sieve" }')
    (server.dir / "before.sieve").write_text("keep;\nnonsense;\n")
    result = server.cli("check", check=False)
    assert result.returncode == 3 and "before.sieve:2:1: there is no command" in result.stderr
    (server.dir / "before.sieve").write_text("keep;\n")
    server.cli("check")


def test_over_lmtp(make_server):
    server = make_server(start=False)
    server.listen("lmtp", "lmtp")
    put_script(server, "alice", 'require "fileinto"; fileinto "Archive";')
    server.start()
    with smtplib.LMTP("127.0.0.1", server.port["lmtp"]) as lmtp:
        lmtp.sendmail("carol@far.test", ["alice@example.test"],
                      MESSAGE.format(subject="lmtp", id="1"))
    assert subjects(server, "Archive") == ["lmtp"]
