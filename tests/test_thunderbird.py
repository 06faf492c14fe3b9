"""Thunderbird itself, without a window, told what to do by Marionette: finds the folders, reads, marks,
files and deletes, makes a folder, and hears of new mail. `make thunderbird` runs it where that program is
installed (test_imap_thunderbird.py says its commands without it)."""
import contextlib
import json
import os
import shutil
import socket
import subprocess

import pytest

from conftest import PASSWORD, free_port, wait_for
from test_imap import Raw

pytestmark = pytest.mark.skipif(not shutil.which("thunderbird"),
                                reason="thunderbird is not installed")

# What each script begins with.
COMMON = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const F = Ci.nsMsgFolderFlags, server = MailServices.accounts.accounts[0].incomingServer;
const until = async (what, condition) => {
    for (let i = 0; i < 600; i++) {
        const value = condition();
        if (value) return value;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("in vain: " + what);
};
const folder = (name) => server.rootFolder.descendants.find((f) => f.name === name);
const inbox = () => server.rootFolder.getFolderWithFlags(F.Inbox);
const subjects = (f) => [...f.messages].map((header) => header.mime2DecodedSubject).sort();
const message = (subject) => [...inbox().messages].find((h) => h.mime2DecodedSubject === subject);
const done = () => {
    const told = {};
    told.promise = new Promise((resolve) => {
        told.listener = {
            QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
            OnStartRunningUrl() {}, OnStopRunningUrl(url, status) { resolve(status); },
            onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
            onStopCopy(status) { resolve(status); },
        };
    });
    return told;
};
const update = async (f) => {
    const told = done();
    f.QueryInterface(Ci.nsIMsgImapMailFolder).updateFolderWithListener(null, told.listener);
    return told.promise;
};
const move = async (header, to) => {
    const told = done();
    MailServices.copy.copyMessages(inbox(), [header], to, true, told.listener, null, false);
    return told.promise;
};
"""


class Thunderbird:
    """Marionette's protocol: the length, a colon, [0, number, command, parameters]."""

    def __init__(self, home, port, user):
        self.home, self.count, self.socket = home, 0, None
        own = free_port()
        preferences = {
            "mail.accountmanager.accounts": "account1", "mail.accountmanager.defaultaccount": "account1",
            "mail.account.account1.server": "server1", "mail.account.account1.identities": "id1",
            "mail.identity.id1.useremail": user, "mail.identity.id1.valid": True,
            "mail.server.server1.type": "imap", "mail.server.server1.hostname": "127.0.0.1",
            "mail.server.server1.port": port, "mail.server.server1.socketType": 3,
            "mail.server.server1.userName": user, "mail.server.server1.name": "here",
            "mail.server.server1.authMethod": 3, "mail.server.server1.login_at_startup": False,
            "mail.server.server1.use_idle": True,
            "mail.provider.enabled": False, "mailnews.start_page.enabled": False,
            "mail.shell.checkDefaultClient": False, "mail.rights.version": 1,
            "datareporting.policy.dataSubmissionEnabled": False, "app.normandy.enabled": False,
            "app.update.enabled": False, "extensions.update.enabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
            "services.settings.server": "http://127.0.0.1:1/", "marionette.port": own,
        }
        (home / "profile").mkdir()
        (home / "profile/user.js").write_text("".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in preferences.items()))
        self.log = open(home / "log", "wb")
        self.process = subprocess.Popen(
            ["thunderbird", "--headless", "--no-remote", "--profile", home / "profile", "--marionette",
             "--remote-allow-system-access"], stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(home), "MOZ_DISABLE_CONTENT_SANDBOX": "1"})
        try:
            self.socket = wait_for(lambda: self.dial(own), 120, "Thunderbird")
            self.read()
            self.command("WebDriver:NewSession", acceptInsecureCerts=True)
            self.command("Marionette:SetContext", value="chrome")
            self.command("WebDriver:SetTimeouts", script=90000)
            self.run(f"server.password = {json.dumps(PASSWORD)};")
        except BaseException:
            self.kill()
            raise

    @staticmethod
    def dial(port):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=120)
        except OSError:
            return None

    def read(self):
        length = b""
        while not length.endswith(b":"):
            length += self.socket.recv(1) or b"0:"
        data, size = b"", int(length[:-1])
        while len(data) < size and (piece := self.socket.recv(size - len(data))):
            data += piece
        return json.loads(data)

    def command(self, name, **parameters):
        self.count += 1
        text = json.dumps([0, self.count, name, parameters]).encode()
        self.socket.sendall(b"%d:%b" % (len(text), text))
        _, number, error, result = self.read()
        assert number == self.count and error is None, error
        return result

    def run(self, script):
        """What the body of an asynchronous function returns."""
        answer = self.command("WebDriver:ExecuteAsyncScript", args=[], script=f"""
            const tell = arguments[arguments.length - 1];
            (async () => {{ {COMMON} {script} }})().then(
                (value) => tell({{ value }}), (e) => tell({{ error: `${{e}} ${{e.stack}}` }}));""")
        assert "error" not in answer["value"], answer["value"]["error"]
        return answer["value"].get("value")

    def end(self):
        """It need not take leave: the connection may end before its answer."""
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            self.command("Marionette:Quit", flags=["eForceQuit"])
            self.process.wait(30)
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        if self.socket:
            self.socket.close()


def letter(subject):
    return f"From: ann@else.test\r\nTo: alice@example.test\r\nSubject: {subject}\r\n" \
           f"Message-ID: <{subject.replace(' ', '')}@else.test>\r\n\r\nThis is {subject}.\r\n"


def test_a_day(server, tmp_path):
    with server.smtp() as smtp:
        for n in (1, 2, 3, 4):
            smtp.sendmail("ann@else.test", ["alice@example.test"], letter(f"letter {n}"))
    bird = Thunderbird(tmp_path, server.port["imaps"], "alice@example.test")
    try:
        folders = bird.run("""
            await until("a password", () => server.password);
            server.performExpand(null);
            const uses = ["Inbox", "SentMail", "Drafts", "Trash", "Junk", "Archive"];
            await until("the folders", () =>
                uses.every((use) => server.rootFolder.getFolderWithFlags(F[use])));
            return server.rootFolder.descendants.map((f) => [f.name,
                uses.filter((use) => f.flags & F[use])]);
        """)
        uses = {name: use for name, use in folders}
        assert {uses[name][0] for name in ("Sent", "Drafts", "Trash", "Junk", "Archive")} == {
            "SentMail", "Drafts", "Trash", "Junk", "Archive"}
        assert bird.run("""
            await update(inbox());
            await until("the mail", () => subjects(inbox()).length === 4);
            return subjects(inbox());""") == [f"letter {n}" for n in (1, 2, 3, 4)]
        bird.run("""
            inbox().markMessagesRead([message("letter 1")], true);
            inbox().markMessagesFlagged([message("letter 1")], true);
        """)
        client = Raw(server)
        client.ok("SELECT INBOX")
        wait_for(lambda: b"\\Flagged \\Seen" in client.ok("FETCH 1 FLAGS")[0] or
                 b"\\Seen \\Flagged" in client.ok("FETCH 1 FLAGS")[0], 60, "the flags")
        assert bird.run('return move(message("letter 2"), folder("Archive"));') == 0
        bird.run('inbox().deleteMessages([message("letter 3")], null, false, true, null, false);')
        bird.run('server.rootFolder.createSubfolder("Entwürfe 2", null);'
                 'await until("a folder", () => folder("Entwürfe 2"));')
        wait_for(lambda: len(server.messages("alice", "Trash")) == 1, 60, "what was deleted")
        assert len(server.messages("alice", "Archive")) == 1
        wait_for(lambda: any(b"Entw&APw-rfe 2" in line for line in client.ok('LIST "" *')), 60,
                 "the folder")
        # New mail comes by itself: it idles.
        bird.run("await update(inbox());")
        with server.smtp() as smtp:
            smtp.sendmail("ann@else.test", ["alice@example.test"], letter("letter 5"))
        assert bird.run("""
            await until("new mail", () => subjects(inbox()).length === 3);
            return subjects(inbox());""") == ["letter 1", "letter 4", "letter 5"]
        client.close()
    finally:
        bird.end()
    assert "imap.command.failed" not in server.log_text()
