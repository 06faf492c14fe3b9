"""Rspamd and SpamAssassin as filters: the real ones, with rules of our own that do what fields of a
message say."""
import contextlib
import pathlib
import re
import smtplib
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import _factory, free_port, wait_for

CONF = """
options { filters = ""; pidfile = "%(dir)s/pid"; tempdir = "%(dir)s"; hs_cache_dir = "%(dir)s";
  control_socket = "%(dir)s/control mode=0600"; history_file = ""; rrd = ""; disable_hyperscan = true;
  url_tld = "%(dir)s/tld";
  dns { nameserver = ["127.0.0.1:%(dns)d"]; timeout = 0.1s; retransmits = 1; } }
logging { type = "console"; level = "error"; }
lang_detection { languages_enabled = []; }
worker "normal" { bind_socket = "%(dir)s/socket mode=0666"; count = 1; }
worker "controller" { enabled = false; }
worker "rspamd_proxy" { enabled = false; }
worker "hs_helper" { enabled = false; }
metric { name = "default"; subject = "[SPAM] %%s";
  actions { reject = 15; "rewrite subject" = 8; "add header" = 6; } }
lua = "%(dir)s/test.lua";
"""
RULE = """
rspamd_config.SAYS = { score = 1.0, group = 'x', callback = function(task)
  local action = task:get_header('X-Action')
  if action then task:set_pre_result(action, 'as you like it') end
  task:set_milter_reply({remove_headers = {['X-Action'] = 0}, add_headers = {
    ['X-Seen'] = table.concat({tostring(task:get_from_ip()), task:get_helo(), task:get_user() or 'nobody',
      task:get_from('smtp')[1].addr, task:get_recipients('smtp')[1].addr, task:get_queue_id()}, ' ')}})
  local score = task:get_header('X-Score')
  if score then return true, tonumber(score), 'so it says' end
end }
"""


@contextlib.contextmanager
def rspamd_in(directory):
    (directory / "test.lua").write_text(RULE)
    (directory / "tld").write_text("test\n")
    (directory / "conf").write_text(CONF % {"dir": directory, "dns": free_port()})
    process = subprocess.Popen(["rspamd", "-f", "-i", "-c", directory / "conf"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(directory / "socket", b"GET /ping HTTP/1.0\r\n\r\n", b"pong"), 90,
                 "rspamd")
        yield f"unix:{directory}/socket"
    finally:
        process.terminate()
        process.wait(60)


def answers(path, question, expected):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(path))
            s.sendall(question)
            return expected in s.makefile("rb").read()
    except OSError:
        return False


@pytest.fixture(scope="module")
def server():
    """Asks it about everything, and takes its points at half their worth."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with rspamd_in(pathlib.Path(tempfile.mkdtemp(prefix="rspamd-"))) as address:
        one = make(start=False)
        one.configure(f'filter "rspamd" {{ kind = rspamd address = "{address}" mail = all '
                      'weight = "0.5" }\n'
                      'score { tag = "1" junk = "2" reject = "4" }\ngreylist { delay = 1s }\n'
                      "guard { greeting-wait = 0 exempt-loopback = no bans = no }")
        one.start()
        yield one
        dispose()


def letter(**fields):
    head = "".join(f"X-{name}: {value}\r\n" for name, value in fields.items())
    return f"Subject: one\r\n{head}\r\nBody\r\n".encode()


def send(server, **fields):
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("ann@remote.test")
        smtp.rcpt("alice@example.test")
        code, text = smtp.data(letter(**fields))
        return f"{code} {text.decode()}"


def test_what_rspamd_is_told(server):
    reply = send(server, Action="no action")
    message = server.messages()[-1]
    assert f"X-Seen: 127.0.0.1 client.test nobody ann@remote.test alice@example.test " \
           f"{reply.split()[-1]}" in message.decode()
    assert b"X-Action" not in message
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["bob@example.test"], letter())
    assert b" client.test" not in server.messages(user="bob")[-1]
    assert b" alice@example.test alice@example.test bob@example.test" in server.messages(user="bob")[-1]


def test_its_scores_are_lines_of_ours(server):
    reply = send(server, Score=2.5)
    assert re.search(rb"X-Veredus-Score: mx.example.test; 1.25: rspamd.SAYS 1.25 \(so it says\)",
                     server.messages()[-1])
    trace = server.cli("trace", reply.split()[-1]).stdout
    assert "1.25: rspamd.SAYS 1.25 (so it says)" in trace
    assert "rspamd: accepted: no action, 2.50 of 15.00" in trace
    before = len(server.messages(mailbox="Junk"))
    assert send(server, Score=4.5).startswith("250")
    assert len(server.messages(mailbox="Junk")) == before + 1
    assert send(server, Score=8, Action="no action").startswith("550 5.7.1 This message looks")
    # They are none about mail of our users.
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"],
                      letter(Score=30, Action="no action"))


def test_its_actions(server):
    assert send(server, Action="reject").startswith("550 5.7.1 as you like it (ref ")
    assert send(server, Action="soft reject").startswith("451 4.7.1 as you like it")
    before = len(server.messages(mailbox="Junk"))
    for action in ("add header", "rewrite subject"):
        assert send(server, Action=action).startswith("250")
        assert b"\r\nX-Spam-Flag: YES\r\n" in server.messages(mailbox="Junk")[-1]
    assert len(server.messages(mailbox="Junk")) == before + 2
    assert b"\r\nSubject: [SPAM] one\r\n" in server.messages(mailbox="Junk")[-1]
    # What our users send has no Junk to go into.
    with server.submission() as smtp, pytest.raises(smtplib.SMTPDataError, match="5.7.1"):
        smtp.sendmail("alice@example.test", ["alice@example.test"], letter(Action="add header"))


def test_greylisting_is_ours(server):
    assert send(server, Action="greylist").startswith("451 4.7.1 Come again")
    wait_for(lambda: send(server, Action="greylist").startswith("250"), 30, "the delay")


SPAMD_RULES = """
header SAYS_SPAM X-Spammy =~ /yes/
describe SAYS_SPAM It says so itself
score SAYS_SPAM 7.5
header SAYS_HAM X-Hammy =~ /yes/
score SAYS_HAM -4.5
header SEES_CLIENT X-Spam-Relays-Trusted =~ /ip=127.0.0.1 .*helo=client.test by=mx.example.test/
score SEES_CLIENT 0.7
required_score 5
use_bayes 0
util_rb_tld test
clear_report_template
report _PREVIEW_
report " pts rule name              description"
report  ---- ---------------------- --------------------------------------------------
report _SUMMARY_
"""


@contextlib.contextmanager
def spamd_in(directory):
    for name in ("site", "rules", "home"):
        (directory / name).mkdir()
    (directory / "rules/own.cf").write_text(SPAMD_RULES)
    (directory / "site/own.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
    directory.chmod(0o755)
    process = subprocess.Popen(
        ["spamd", "-L", "-x", "-C", directory / "rules", f"--siteconfigpath={directory}/site",
         f"--socketpath={directory}/socket", "-m", "1", "--min-children=1", "--max-spare=1",
         "--min-spare=1", "-H", directory / "home", "-r", directory / "pid", "-s", "null"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(directory / "socket", b"PING SPAMC/1.5\r\n\r\n", b"PONG"), 90,
                 "spamd")
        yield f"unix:{directory}/socket"
    finally:
        process.terminate()
        process.wait(60)


def test_spamd(make_server):
    with spamd_in(pathlib.Path(tempfile.mkdtemp(prefix="spamd-"))) as address:
        server = make_server(start=False)
        server.configure(f'filter "sa" {{ kind = spamd address = "{address}" user = nobody '
                         'max-size = 100K }\nscore { tag = "0.5" reject = "8" }')
        server.start()
        trace = server.cli("trace", send(server, Hammy="yes").split()[-1]).stdout
        assert "sa: accepted: ham, -3.80 of 5.00" in trace
        assert "-3.80: sa." in trace
        assert " sa.SAYS_HAM -4.50 " in trace and " sa.SEES_CLIENT 0.70 " in trace
        assert send(server, Spammy="yes", Hammy="yes").startswith("250")
        assert b"; 3.70: " in server.messages()[-1]
        assert send(server, Spammy="yes").startswith("550 5.7.1 This message looks")
        # What is too large is not shown.
        reply = send(server, Spammy="yes", Long=" " + "x" * 900 + "\r\n\t" + 120 * (900 * "y" + "\r\n\t"))
        assert reply.startswith("250")
        assert "sa: not asked, it is too large" in server.cli("trace", reply.split()[-1]).stdout


def test_what_goes_wrong(make_server):
    """It hangs up, says something else, or too much."""
    listener = socket.create_server(("127.0.0.1", 0))
    answer = [b""]

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer[0])
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
    threading.Thread(target=serve, daemon=True).start()
    server = make_server(start=False)
    server.configure(f'filter "rspamd" {{ kind = rspamd address = "127.0.0.1:'
                     f'{listener.getsockname()[1]}" }}')
    server.start()
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    for answer[0] in (b"", b"HTTP/1.1 403 No\r\n\r\n{}", ok, ok + b"{", ok + b"[" * 100000,
                      ok + b'{"action":"dance"}', b"x" * 2000000):
        assert send(server).startswith("451 4.7.1 It can't be looked at now"), answer[0][:50]
    answer[0] = ok + b'{"action":"no action"}'
    assert send(server).startswith("250")
    listener.close()
