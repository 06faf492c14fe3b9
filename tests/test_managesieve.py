"""ManageSieve (RFC 5804): users keep their scripts here, and what is active sorts their mail."""
import base64
import imaplib
import json
import re
import socket
import ssl
import subprocess

import pytest

from conftest import PASSWORD, wait_for

ALICE = base64.b64encode(f"\0alice@example.test\0{PASSWORD}".encode()).decode()
SORT = 'require ["fileinto", "mailbox"];\r\nfileinto :create "Lists";\r\n'


class Client:
    """Says lines, and reads answers: the lines before the last one, and that."""

    def __init__(self, server, tls=True, login=True):
        self.socket = socket.create_connection(("127.0.0.1", server.port["managesieve"]), timeout=30)
        self.file = self.socket.makefile("rb")
        self.greeting = self.answer()
        if tls:
            assert self.ask("STARTTLS")[1].startswith("OK")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
            self.file = self.socket.makefile("rb")
            self.greeting = self.answer()
        if login:
            assert self.ask(f'AUTHENTICATE "PLAIN" "{ALICE}"')[1].startswith("OK")

    def read_line(self):
        """With its literals in it."""
        line = self.file.readline()
        while (found := re.search(rb"\{(\d+)\}\r\n$", line)):
            line = line[:found.start()] + b"<" + self.file.read(int(found[1])) + b">" + self.file.readline()
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode()

    def answer(self):
        lines = [self.read_line()]
        while not re.match(r"(OK|NO|BYE)\b", lines[-1]):
            lines.append(self.read_line())
        return lines[:-1], lines[-1]

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def ask(self, line):
        self.send(line + "\r\n")
        return self.answer()

    def put(self, name, script):
        data = script.encode()
        self.send(f'PUTSCRIPT "{name}" {{{len(data)}+}}\r\n')
        self.send(data + b"\r\n")
        return self.answer()[1]

    def closed(self):
        return self.file.read(1) == b""


@pytest.fixture
def server(make_server):
    return make_server()


def test_capabilities(server):
    plain = Client(server, tls=False, login=False)
    lines, last = plain.greeting
    assert last.startswith("OK") and '"STARTTLS"' in lines and '"VERSION" "1.0"' in lines
    [sieve] = [l for l in lines if l.startswith('"SIEVE"')]
    assert "fileinto" in sieve and "vacation" in sieve
    [sasl] = [l for l in lines if l.startswith('"SASL"')]
    assert "PLAIN" not in sasl.replace("SCRAM", "")
    assert plain.ask(f'AUTHENTICATE "PLAIN" "{ALICE}"')[1].startswith("NO (ENCRYPT-NEEDED)")
    lines, _ = Client(server, login=False).greeting
    [sasl] = [l for l in lines if l.startswith('"SASL"')]
    assert "PLAIN" in sasl and "SCRAM-SHA-256" in sasl and "GSSAPI" not in sasl
    assert '"STARTTLS"' not in lines and not [l for l in lines if l.startswith('"OWNER"')]
    client = Client(server)
    lines, last = client.ask("CAPABILITY")
    assert '"OWNER" "alice@example.test"' in lines and last.startswith("OK")
    assert client.ask('NOOP "a \\"b"')[1] == 'OK (TAG "a \\"b") "Done."'
    assert client.ask("UNAUTHENTICATE")[1].startswith("OK")
    assert client.ask("LISTSCRIPTS")[1].startswith("NO")
    assert client.ask("LOGOUT")[1].startswith("OK") and client.closed()


def test_scripts(server):
    client = Client(server)
    assert client.ask("LISTSCRIPTS") == ([], 'OK "Done."')
    assert client.put("sort", SORT) == 'OK "Done."'
    assert client.put("other \u00e4", "keep;") == 'OK "Done."'
    assert client.ask("LISTSCRIPTS")[0] == ['"other \u00e4"', '"sort"']
    assert client.ask('SETACTIVE "sort"')[1].startswith("OK")
    assert client.ask("LISTSCRIPTS")[0] == ['"other \u00e4"', '"sort" ACTIVE']
    assert client.ask('GETSCRIPT "sort"') == (["<" + SORT + ">"], 'OK "Done."')
    assert client.ask('DELETESCRIPT "sort"')[1].startswith("NO (ACTIVE)")
    assert client.ask('RENAMESCRIPT "sort" "other \u00e4"')[1].startswith("NO (ALREADYEXISTS)")
    assert client.ask('RENAMESCRIPT "sort" "sorted"')[1].startswith("OK")
    assert client.ask("LISTSCRIPTS")[0] == ['"other \u00e4"', '"sorted" ACTIVE']
    assert client.ask('SETACTIVE ""')[1].startswith("OK")
    assert client.ask('DELETESCRIPT "sorted"')[1].startswith("OK")
    for line in ('GETSCRIPT "sorted"', 'SETACTIVE "sorted"', 'DELETESCRIPT "sorted"',
                 'RENAMESCRIPT "sorted" "x"'):
        assert client.ask(line)[1].startswith("NO (NONEXISTENT)"), line
    assert client.put("a/b", "keep;").startswith("NO")
    bob = Client(server, login=False)
    word = base64.b64encode(f"\0bob@example.test\0{PASSWORD}".encode()).decode()
    assert bob.ask(f'AUTHENTICATE "PLAIN" "{word}"')[1].startswith("OK")
    assert bob.ask("LISTSCRIPTS")[0] == []


def test_errors_of_scripts(server):
    client = Client(server)
    answer = client.put("bad", 'fileimto "x";\r\nkeep;\r\nkepp;\r\n')
    assert answer.startswith("NO <line 1, column 1: ") and "fileimto" in answer
    assert "\r\nline 3, column 1: " in answer
    assert client.ask("LISTSCRIPTS")[0] == []
    client.send('CHECKSCRIPT "keep;"\r\n')
    assert client.answer()[1].startswith("OK")
    client.send('CHECKSCRIPT "kepp;"\r\n')
    assert client.answer()[1].startswith("NO")


def test_mail_is_sorted(server):
    client = Client(server)
    assert client.put("sort", SORT).startswith("OK")
    assert client.ask('SETACTIVE "sort"')[1].startswith("OK")
    with server.smtp() as smtp:
        smtp.sendmail("x@far.test", ["alice@example.test"], "Subject: a list\r\n\r\nHello.\r\n")
    with imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=server.tls_context()) as imap:
        imap.login("alice@example.test", PASSWORD)
        wait_for(lambda: imap.select("Lists", readonly=True)[0] == "OK", 20, "the folder")
        assert imap.select("Lists", readonly=True)[1] == [b"1"]
        assert imap.select("INBOX", readonly=True)[1] == [b"0"]


def test_limits(make_server):
    server = make_server(config="sieve { max-script = 1k max-scripts = 2 }\n"
                                "managesieve { max-errors = 5 max-login-failures = 2 }\n")
    client = Client(server)
    assert client.ask('HAVESPACE "a" 1024')[1].startswith("OK")
    assert client.ask('HAVESPACE "a" 1025')[1].startswith("NO (QUOTA/MAXSIZE)")
    assert client.put("a", "#" * 2000).startswith("NO (QUOTA/MAXSIZE)")
    assert client.put("a", "keep;").startswith("OK") and client.put("b", "keep;").startswith("OK")
    assert client.put("c", "keep;").startswith("NO (QUOTA/MAXSCRIPTS)")
    assert client.ask('HAVESPACE "c" 10')[1].startswith("NO (QUOTA/MAXSCRIPTS)")
    assert client.ask('HAVESPACE "b" 10')[1].startswith("OK")
    assert client.ask("WHAT")[1].startswith("BYE") and client.closed()
    client = Client(server, login=False)
    wrong = base64.b64encode(b"\0alice@example.test\0wrong").decode()
    assert client.ask(f'AUTHENTICATE "PLAIN" "{wrong}"')[1].startswith("NO")
    assert client.ask(f'AUTHENTICATE "PLAIN" "{wrong}"')[1].startswith("BYE") and client.closed()


def test_bad_input(server):
    """What is no command is refused; what is far too large ends the session; the server stays."""
    client = Client(server)
    for line in ("", "PUTSCRIPT", 'PUTSCRIPT "a" 7', "SETACTIVE sort", 'NOOP "a" "b" "c"', 'GETSCRIPT "a',
                 "x" * 20000):
        assert client.ask(line)[1].startswith("NO"), line
    for size in (2**32, 2**64, 10**30):
        assert client.ask(f'HAVESPACE "a" {size}')[1].startswith("NO (QUOTA/MAXSIZE)"), size
    client.send('PUTSCRIPT "a" {4294967296+}\r\n')
    assert client.answer()[1].startswith("BYE") and client.closed()
    # What follows a line that is wrong would be taken for commands.
    for line in ('PUTSCRIPT a {16+}', 'SETACTIVE "a" "b" {16+}', f'PUTSCRIPT "a" {{{10**30}+}}',
                 f'PUTSCRIPT "{"x" * 20000}" {{16+}}', f'PUTSCRIPT "{"x" * 20000}" {{16}}'):
        client = Client(server)
        client.send(line + '\r\nDELETESCRIPT "a"\r\n')
        assert client.answer()[1].startswith("BYE") and client.closed(), line
    stranger = Client(server, login=False)
    stranger.send('AUTHENTICATE "PLAIN" {1000000+}\r\n')
    assert stranger.answer()[1].startswith("BYE") and stranger.closed()
    assert Client(server).ask("LISTSCRIPTS")[1].startswith("OK")


def test_starttls_forgets_what_came_in_clear(server):
    client = Client(server, tls=False, login=False)
    client.send('STARTTLS\r\nNOOP "from the middle"\r\n')
    assert client.answer()[1].startswith("OK")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.socket = context.wrap_socket(client.socket)
    client.file = client.socket.makefile("rb")
    assert client.answer()[1].startswith("OK")
    assert client.ask('NOOP "mine"')[1] == 'OK (TAG "mine") "Done."'


def test_sieve_connect(server, tmp_path):
    """A program that people use."""
    script = tmp_path / "sort.sieve"
    script.write_text(SORT)

    def run(*words):
        return subprocess.run(
            ["sieve-connect", "--server", "127.0.0.1", "--port", str(server.port["managesieve"]), "--user",
             "alice@example.test", "--passwordfd", "0", "--notlsverify", "--nosslverify", *words],
            input=PASSWORD + "\n", capture_output=True, text=True, timeout=60)

    done = run("--localsieve", str(script), "--remotesieve", "sort", "--upload")
    assert done.returncode == 0, done.stderr
    assert run("--remotesieve", "sort", "--activate").returncode == 0
    assert re.search(r'"sort".*ACTIVE', run("--list").stdout)


@pytest.mark.parametrize("running", [True, False])
def test_the_operator_does_it_too(make_server, tmp_path, running):
    server = make_server(start=running)
    script, wrong = tmp_path / "sort.sieve", tmp_path / "wrong.sieve"
    script.write_text(SORT)
    wrong.write_text("keep;\nkepp;\n")

    def sieve(verb, *words):
        return server.cli("sieve", verb, *words, check=False)

    def listed():
        rows = json.loads(sieve("list", "alice@example.test", "--json").stdout)
        return [(r["name"], r["active"], r["bytes"]) for r in rows]

    assert sieve("put", "alice@example.test", "sort", script).returncode == 0
    done = sieve("put", "alice@example.test", "wrong", wrong)
    assert done.returncode != 0 and "line 2, column 1" in done.stderr
    assert listed() == [("sort", False, script.stat().st_size)]
    assert sieve("activate", "alice@example.test", "sort").returncode == 0
    assert "active" in sieve("list", "alice@example.test").stdout
    assert sieve("get", "alice@example.test", "sort").stdout.encode() == script.read_bytes().replace(b"\r", b"")
    assert "is active" in sieve("delete", "alice@example.test", "sort").stderr
    assert sieve("activate", "alice@example.test").returncode == 0
    assert sieve("delete", "alice@example.test", "sort").returncode == 0
    assert listed() == []
    assert "has no script 'sort'" in sieve("get", "alice@example.test", "sort").stderr
    assert "there is no user nobody@example.test" in sieve("list", "nobody@example.test").stderr
