"""The command sendmail as others call it: cron, mail(1), git send-email, PHP, by any user of the host."""
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import VEREDUS, _factory, wait_for
from remote import Remote

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(scope="module")
def public():
    """A directory that all users can look into, with the program under its other names."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="veredus-hands-"))
    directory.chmod(0o755)
    shutil.copy(VEREDUS, directory / "sendmail")
    for name in ("mailq", "newaliases"):
        (directory / name).symlink_to("sendmail")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def host(public):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    server = make(start=False, accounts=("alice", "bob"))
    server.socket = public / "run" / "sendmail"   # the server makes the directory
    server.configure(f'listen local {{ address = {{ "unix:{server.socket}" }}'
                     ' socket-mode = "0666" }\nsmtp { vrfy = trusted }')
    yield server.start()
    dispose()


@pytest.fixture
def sendmail(host, public):
    def call(*args, message="", user=None, name="sendmail", socket=None):
        as_user = ["runuser", "-u", user, "--"] if user else []
        return subprocess.run([*as_user, public / name, *args], input=message.encode(),
                              capture_output=True, timeout=60, cwd="/",
                              env={**os.environ, "VEREDUS_SOCKET": str(socket or host.socket)})
    return call


def find(server, subject, user="alice"):
    return [m.decode() for m in server.messages(user)
            if f"Subject: {subject}\r\n".encode() in m]


def sent(result):
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b""), result


def test_as_cron_does(host, sendmail):
    """A bare name, no From of use, lines that end in LF, a lone dot inside because of -i."""
    sent(sendmail("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "alice", message=(
        f"From: {ME} (Cron Daemon)\nTo: alice\nSubject: cron\n"
        "Content-Type: text/plain; charset=UTF-8\n\nbefore\n.\nbehind ü\n")))
    [message] = find(host, "cron")
    assert f"From: {ME}@example.test (Cron Daemon)\r\n" in message
    assert "To: alice@example.test\r\n" in message
    assert message.endswith("before\r\n.\r\nbehind ü\r\n")
    assert f"Return-Path: <{ME}@example.test>\r\n" in message
    assert re.search(rf"Received: from localhost \(uid {os.geteuid()} \[127.0.0.1\]\)", message)
    assert "Message-ID: <" in message and "Date: " in message


def test_the_journey_names_the_user(host, sendmail):
    sent(sendmail("alice", message="Subject: journey\n\n"))
    assert f"from uid {os.geteuid()}" in host.cli("trace", "--to", "alice@example.test").stdout


def test_fields_name_the_recipients(host, sendmail):
    sent(sendmail("-t", message="To: alice\nBcc: Bob <bob@example.test>\nSubject: fields\n\nx\n"))
    [message] = find(host, "fields")
    assert "Bcc" not in message and len(find(host, "fields", "bob")) == 1


def test_those_of_who_sends_again_come_first(host, sendmail):
    sent(sendmail("-ti", message="Resent-To: bob\nResent-From: alice\nTo: alice\n"
                                 "Subject: again\n\nx\n"))
    assert not find(host, "again") and len(find(host, "again", "bob")) == 1


def test_a_lone_dot_ends_it(host, sendmail):
    sent(sendmail("alice", message="Subject: dot\n\none\n.two\n.\nSubject: no\n"))
    [message] = find(host, "dot")
    assert message.endswith("\r\n\r\none\r\n.two\r\n")


@pytest.mark.parametrize("args, expected", [
    (["-F", 'Al "the" Ice', "-f", "carol@example.test"],
     'From: "Al \\"the\\" Ice" <carol@example.test>'),
    (["-r", "carol"], "From: carol@example.test"),
    (["-f", "<>", "-F", "Nobody"], f'From: "Nobody" <{ME}@example.test>'),
])
def test_who_it_is_from(host, sendmail, args, expected):
    subject = "from " + str(abs(hash(expected)))
    sent(sendmail(*args, "alice", message=f"Subject: {subject}\n\n"))
    assert expected + "\r\n" in find(host, subject)[0]


def test_text_without_a_header(host, sendmail):
    sent(sendmail("bob", message="just text, and: no header\n\nmore\n"))
    assert any(m.endswith(b"\r\n\r\njust text, and: no header\r\n\r\nmore\r\n")
               for m in host.messages("bob"))


@as_root
def test_any_user_may(host, sendmail):
    sent(sendmail("alice", message="Subject: nobody\n\n", user="nobody"))
    [message] = find(host, "nobody")
    assert "nobody@example.test" in message
    assert f"(uid {pwd.getpwnam('nobody').pw_uid} [127.0.0.1])" in message


def test_delivery_reports(host, sendmail):
    sent(sendmail("-N", "success,delay", "-R", "hdrs", "-V", "an id+", "-f", "bob", "alice",
                  message="Subject: told\n\n"))
    report = next(m.decode() for m in host.messages("bob") if b"multipart/report" in m)
    assert "Original-Envelope-Id: an id+\r\n" in report


@pytest.mark.parametrize("args, message, status, said", [
    (["nosuch"], "x\n", 67, b"5.1.1"),
    (["alice"], "x\n", 75, b"does the server run?"),
    ([], "x\n", 64, b"no recipient"),
    (["-b", "x"], "", 64, b"no mode"),
    (["-N", "sometimes", "alice"], "", 64, b"-N is"),
    (["-Z", "alice"], "", 64, b"invalid option"),
    (["not an address@@", "alice"], "x\n", 64, b"is no mail address"),
    (["bad alice@example.test", "alice"], "Subject: loose\n\n", 64, b'"bad alice@example.test" is no'),
    (["-t"], "To: bad alice@example.test, alice\nSubject: loose\n\n", 65, b"is no mail address"),
    (["-f", "bad alice@example.test", "alice"], "Subject: loose\n\n", 64, b"is no mail address"),
])
def test_exit_codes(host, sendmail, args, message, status, said):
    result = sendmail(*args, message=message, socket="/nowhere/at/all" if status == 75 else None)
    assert result.returncode == status and said in result.stderr, result
    assert find(host, "loose") == []


def test_a_session_over_standard_input(host, sendmail):
    result = sendmail("-bs", message="EHLO me\r\nMAIL FROM:<carol>\r\nRCPT TO:<alice>\r\nDATA\r\n"
                                     "Subject: session\r\n\r\n.\r\nQUIT\r\n".replace("me\r", "[127.0.0.1]\r"))
    assert result.returncode == 0 and b"\r\n221 " in result.stdout, result
    assert len(find(host, "session")) == 1


def test_would_it_be_taken(sendmail):
    result = sendmail("-bv", "alice", "nosuch@example.test", "far@elsewhere.test")
    assert result.returncode == 67
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "alice... deliverable" and lines[2] == "far@elsewhere.test... deliverable"
    assert lines[1].startswith("nosuch@example.test... 550 5.1.1")


def test_only_for_sockets(host):
    with open(host.dir / "veredus.conf") as f:
        kept = f.read()
    host.configure('listen tcp { protocol = local  address = { "127.0.0.1:1" } }')
    result = host.cli("check", check=False)
    (host.dir / "veredus.conf").write_text(kept)
    assert "local is for a Unix socket" in result.stdout + result.stderr


def test_mail(host, public, sendmail, tmp_path):
    (tmp_path / "rc").write_text(f"set sendmail={public}/sendmail\nset mta={public}/sendmail\n")
    for program in ("bsd-mailx", "s-nail"):
        extra = ["-:/", f"-Smta={public}/sendmail"] if program == "s-nail" else []
        subprocess.run([program, *extra, "-s", program, "alice@example.test"], input=b"hello\n",
                       check=True, timeout=60,
                       env={**os.environ, "MAILRC": str(tmp_path / "rc"), "HOME": str(tmp_path),
                            "VEREDUS_SOCKET": str(host.socket)})
        # Either leaves it to sendmail, and does not wait for it.
        [message] = wait_for(lambda: find(host, program), what=program)
        assert "hello" in message


def test_php_mail(host, public):
    """As PHP calls it unless told otherwise: -t -i, and what the fifth argument of mail() adds."""
    script = r"""
        exit(mail("alice@example.test, Bob <bob@example.test>", "from PHP",
                  "first\n.\nlast\n", "From: Web <web@example.test>\r\nX-Kind: form",
                  "-fbounces@example.test") ? 0 : 1);"""
    subprocess.run(["php", "-d", f"sendmail_path={public}/sendmail -t -i", "-r", script],
                   check=True, timeout=60,
                   env={**os.environ, "VEREDUS_SOCKET": str(host.socket)})
    [raw] = find(host, "from PHP")
    assert raw.startswith("Return-Path: <bounces@example.test>\r\n")
    assert "From: Web <web@example.test>\r\n" in raw and "X-Kind: form\r\n" in raw
    assert "first\r\n.\r\nlast\r\n" in raw
    assert len(find(host, "from PHP", "bob")) == 1


def test_runs_of_the_queue(make_server, public):
    """-q as other mail systems have it: all, by id, by recipient or domain, by sender."""
    busy = lambda session, verb, line: "450 4.2.1 busy" if verb == "RCPT" else None
    with Remote(busy) as remote:
        s = make_server(config=f"""
            relay-networks = {{ "127.0.0.0/8" }}
            queue {{ retry-first = 1h retry-max = 1h }}
            smarthost "*" {{ host = "127.0.0.1" port = {remote.port} tls = none }}""")
        with s.smtp() as smtp:
            for i in range(5):
                smtp.sendmail(f"s{i}@example.test", [f"r{i}@d{i}.test"], f"Subject: {i}\n\nbody")
        queue = lambda: json.loads(s.cli("queue", "list", "--json").stdout)
        wait_for(lambda: [e["attempts"] for e in queue()] == [1] * 5)
        ids = [e["id"] for e in queue()]
        remote.script = None
        run = lambda arg: subprocess.run([VEREDUS, "-d", s.dir, "sendmail", arg], check=True,
                                         timeout=60)
        for n, arg in enumerate([f"-qI{ids[0]}", "-qRr1@d1.test", "-qSs2@example.test", "-qRd3.test", "-q"], 1):
            run(arg)
            wait_for(lambda: len(remote.taken) == n)
            assert remote.taken[-1].recipients == [f"r{n - 1}@d{n - 1}.test"]
        wait_for(lambda: queue() == [])


def test_git_send_email(host, public, tmp_path):
    env = {**os.environ, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1",
           "VEREDUS_SOCKET": str(host.socket),
           **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", "Carol"), ("EMAIL", "carol@example.test"))}}
    git = lambda *args: subprocess.run(["git", *args], cwd=tmp_path, env=env, check=True,
                                       stdout=subprocess.PIPE, timeout=60)
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    (tmp_path / "file").write_text("text\n")
    git("add", "file")
    git("commit", "-q", "-m", "a change")
    git("send-email", f"--sendmail-cmd={public}/sendmail", "--to=alice@example.test",
        "--cc=bob@example.test", "--confirm=never", "--suppress-cc=self", "HEAD~1")
    assert "From: Carol <carol@example.test>\r\n" in find(host, "[PATCH] a change")[0]
    assert len(find(host, "[PATCH] a change", "bob")) == 1


def test_an_empty_queue(make_server):
    s = make_server()
    assert s.cli("mailq").stdout == "Mail queue is empty\n"
    assert s.cli("sendmail", "-qX", check=False).returncode == 64


def test_what_waits_is_listed(make_server, public):
    s = make_server(start=False, config='smarthost "*" { host = "127.0.0.1" port = 1 tls = none }')
    s.configure(f'listen local {{ address = {{ "unix:{s.dir}/out.sock" }} }}')
    s.start()
    subprocess.run([public / "sendmail", "-f", "alice", "far@elsewhere.test"], check=True,
                   input=b"Subject: far\n\n", timeout=60,
                   env={**os.environ, "VEREDUS_SOCKET": f"{s.dir}/out.sock"})
    lines = s.cli("sendmail", "-bp").stdout.splitlines()
    assert "Queue ID" in lines[0] and lines[-1] == "-- 1 Kbytes in 1 Request."
    assert re.fullmatch(r"\w{16}[ *]  +\d+ \w{3} \w{3} [ \d]\d [\d:]{8}  alice@example.test",
                        lines[1]), lines
    assert any(line.strip() == "far@elsewhere.test" for line in lines[2:])


ALIASES = """# people
postmaster: root
root:\talice,
\tbob@example.test, Alice
"""


def test_a_file_of_aliases(host, sendmail, tmp_path):
    path = tmp_path / "aliases"
    path.write_text(ALIASES)
    assert "2 added, 0 changed, 0 as they were" in host.cli("alias", "import", path).stdout
    assert "root@example.test -> alice@example.test bob@example.test\n" in \
        host.cli("alias", "list").stdout
    sent(sendmail("root", message="Subject: to root\n\n"))
    assert find(host, "to root") and find(host, "to root", "bob")
    path.write_text(ALIASES.replace(", Alice", ""). replace("root:\talice,", "root: carol@a.test,"))
    assert "0 added, 1 changed, 1 as they were" in host.cli("alias", "import", path).stdout


@pytest.mark.parametrize("text, said", [
    ("x: alice\ny: |/bin/cmd\n", ":2: mail is not handed to commands"),
    ("x: :include:/etc/list\n", ":1: :include: is not read"),
    ("x: /var/file\n", ":1: mail is not written to files"),
    ("new: alice\nalice: bob\n", "line 2: alice is a user"),
    ("new: alice\nx@elsewhere.test: bob\n", "line 2: the domain of x@elsewhere.test is not ours"),
])
def test_all_of_a_file_or_nothing(host, tmp_path, text, said):
    path = tmp_path / "aliases"
    path.write_text(text)
    result = host.cli("alias", "import", path, check=False)
    assert result.returncode == 1 and said in result.stderr, result
    assert "new@example.test" not in host.cli("alias", "list").stdout


def test_newaliases(make_server, public, tmp_path):
    (tmp_path / "aliases").write_text("sales: alice\n")
    s = make_server(start=False, config=f'local {{ aliases = "{tmp_path}/aliases" }}')
    assert "1 added" in s.cli("newaliases").stdout
    assert "0 added, 0 changed, 1 as" in s.cli("sendmail", "-bi").stdout
