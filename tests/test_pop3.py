"""POP3 as clients use it; the dialogues in detail are in src/pop3/pop3_server_test.c."""
import poplib
import socket

import pytest

from conftest import PASSWORD, ROOT

MESSAGES = [
    b"Subject: first\r\n\r\nhello\r\n.a line with a dot\r\n..two dots\r\n",
    b"Subject: second\r\n\r\nworld\r\n",
    b"Subject: third\r\n\r\n.\r\nafter the dot\r\n",
]


def deliver(server, messages, user="alice"):
    with server.smtp() as smtp:
        for message in messages:
            smtp.sendmail("", [f"{user}@{server.domain}"], message)


def clear(server, user="alice"):
    pop = server.pop3(user)
    for number in range(1, len(pop.list()[1]) + 1):
        pop.dele(number)
    pop.quit()


def uidl(pop):
    return [line.split()[1] for line in pop.uidl()[1]]


def capabilities(lines):
    return {line.split(" ")[0]: line for line in lines}


@pytest.fixture
def mail(server):
    clear(server)
    deliver(server, MESSAGES)
    return server


class Raw:
    """A client that says what it likes."""

    def __init__(self, server, port="pop3"):
        self.socket = socket.create_connection(("127.0.0.1", server.port[port]), timeout=60)
        self.file = self.socket.makefile("rb")
        assert self.line().startswith(b"+OK ")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self.file.readline()

    def lines(self):
        result = []
        while (line := self.line()) not in (b".\r\n", b""):
            result.append(line.rstrip(b"\r\n").decode())
        return result


def test_no_password_in_clear(server):
    raw = Raw(server)
    raw.send(b"CAPA\r\n")
    capa = capabilities(raw.lines()[1:])
    assert "STLS" in capa and "USER" not in capa
    assert "PLAIN" not in capa["SASL"] and "SCRAM-SHA-256" in capa["SASL"]
    assert {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"} <= set(capa)
    raw.send(b"USER alice@example.test\r\n")
    assert raw.line().startswith(b"-ERR")
    raw.send(b"AUTH PLAIN AGFsaWNlAHg=\r\n")
    assert raw.line().startswith(b"-ERR")


def test_stls(mail):
    pop = poplib.POP3("127.0.0.1", mail.port["pop3"], timeout=60)
    pop.stls(context=mail.tls_context())
    capa = pop.capa()
    assert "STLS" not in capa and "USER" in capa and "PLAIN" in capa["SASL"]
    pop.user("alice@example.test")
    pop.pass_(PASSWORD)
    assert pop.stat()[0] == len(MESSAGES)
    pop.quit()


def test_stls_discards_what_came_before(server):
    raw = Raw(server)
    raw.send(b"STLS\r\nCAPA\r\n")
    assert raw.line().startswith(b"+OK")
    secure = server.tls_context().wrap_socket(raw.socket)
    secure.sendall(b"NOOP\r\n")
    assert secure.recv(1000).startswith(b"-ERR")


def test_messages_come_as_they_were(mail):
    pop = mail.pop3()
    count, octets = pop.stat()
    assert count == len(MESSAGES)
    assert octets == sum(int(line.split()[1]) for line in pop.list()[1])
    for number, message in enumerate(MESSAGES, 1):
        lines = pop.retr(number)[1]
        raw = b"".join(line + b"\r\n" for line in lines)
        assert raw.endswith(message)
        assert len(raw) == int(pop.list(number).split()[2])
        top = pop.top(number, 1)[1]
        assert top == lines[:len(top)]
        assert len(top) == lines.index(b"") + 2
    pop.quit()


def test_deletion_at_quit_only(mail):
    pop = mail.pop3()
    names = uidl(pop)
    pop.dele(1)
    pop.close()
    pop = login_again(mail)
    assert uidl(pop) == names
    pop.dele(2)
    pop.rset()
    pop.dele(1)
    pop.quit()
    pop = mail.pop3()
    assert uidl(pop) == names[1:]
    pop.quit()


def login_again(server):
    """After a connection that was just lost, whose lock the server may not have freed yet."""
    while True:
        try:
            return server.pop3()
        except poplib.error_proto as error:
            assert b"[IN-USE]" in error.args[0]


def test_one_session_has_the_maildrop(mail):
    first = mail.pop3()
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        mail.pop3()
    bob = mail.pop3("bob")
    bob.quit()
    first.quit()
    mail.pop3().quit()


def test_wrong_password(server):
    pop = poplib.POP3_SSL("127.0.0.1", server.port["pop3s"], context=server.tls_context(),
                          timeout=60)
    for name in ("alice@example.test", "nobody@example.test"):
        pop.user(name)
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            pop.pass_("wrong")
    pop.quit()


def test_imap_goes_on_beside_it_and_names_stay(mail):
    """The lock is one of POP3 alone; what others do in the mailbox renames nothing that is left."""
    pop = mail.pop3()
    names = uidl(pop)
    imap = mail.imap()
    imap.select("INBOX")
    imap.store("2", "+FLAGS", "(\\Seen \\Flagged)")
    imap.copy("3", "Archive")
    imap.store("1", "+FLAGS", "(\\Deleted)")
    imap.expunge()
    deliver(mail, [b"Subject: fourth\r\n\r\nx\r\n"])
    assert uidl(pop) == names
    assert b"world" in pop.retr(2)[1]
    with pytest.raises(poplib.error_proto, match="removed by another session"):
        pop.retr(1)
    pop.quit()
    pop = mail.pop3()
    assert uidl(pop)[:2] == names[1:]
    fourth = uidl(pop)[2]
    assert fourth not in names
    pop.quit()
    # Nor does mail that comes back, or a message that is put there again.
    imap.append("INBOX", None, None, MESSAGES[0])
    imap.select("Archive")
    imap.copy("1", "INBOX")
    imap.logout()
    pop = mail.pop3()
    now = uidl(pop)
    assert now[:3] == [*names[1:], fourth] and len(set(now) | {names[0]}) == len(now) + 1
    pop.quit()


def test_terms_of_accounts(server):
    """`veredus user set`; what the terms do is in the units."""
    def told(pop):
        return {k: v for k, v in pop.capa().items() if k in ("EXPIRE", "LOGIN-DELAY")}

    def before_login():
        pop = poplib.POP3("127.0.0.1", server.port["pop3"], timeout=60)
        capa = told(pop)
        pop.quit()
        return capa

    assert before_login() == {"EXPIRE": ["NEVER"]}
    server.cli("user", "set", "bob@example.test", "--pop3-expire", "7", "--pop3-login-delay", "90s")
    assert before_login() == {"EXPIRE": ["7", "USER"], "LOGIN-DELAY": ["90", "USER"]}
    pop = server.pop3("bob")
    assert told(pop) == {"EXPIRE": ["7"], "LOGIN-DELAY": ["90"]}
    pop.quit()
    with pytest.raises(poplib.error_proto, match=r"\[LOGIN-DELAY\]"):
        server.pop3("bob")
    pop = server.pop3("alice")
    assert told(pop) == {"EXPIRE": ["NEVER"]}
    pop.quit()
    assert "POP3: expires after 7 days  POP3: 90 s between" in server.cli("user", "list").stdout
    assert server.cli("user", "set", "bob@example.test", "--pop3-expire", "soon",
                      check=False).returncode != 0
    server.cli("user", "set", "bob@example.test", "--pop3-expire", "default",
               "--pop3-login-delay", "default")
    assert before_login() == {"EXPIRE": ["NEVER"]}
    server.pop3("bob").quit()


def test_documented(server):
    """docs/pop3.md has every capability."""
    raw = Raw(server)
    raw.send(b"CAPA\r\n")
    text = (ROOT / "docs/pop3.md").read_text()
    for line in raw.lines()[1:]:
        assert f"| `{line.split(' ')[0]}" in text, line
    for code in ("AUTH", "IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM"):
        assert f"`[{code}]`" in text


def test_pipelining(mail):
    pop = mail.pop3()
    pop.sock.sendall(b"STAT\r\nLIST 1\r\nBOGS\r\nUIDL 9\r\nNOOP\r\nRETR 2\r\nQUIT\r\n")
    answers = [pop.file.readline() for _ in range(6)]
    assert [a[:3] for a in answers] == [b"+OK", b"+OK", b"-ER", b"-ER", b"+OK", b"+OK"]
    rest = pop.file.read()
    assert rest.endswith(b"world\r\n.\r\n+OK bye\r\n")
    pop.close()


def test_a_restart_changes_nothing(make_server):
    server = make_server()
    deliver(server, MESSAGES)
    pop = server.pop3()
    names = uidl(pop)
    pop.dele(2)
    pop.quit()
    server.kill()
    server.start()
    pop = server.pop3()
    assert uidl(pop) == [names[0], names[2]]
    pop.quit()


def test_idle_clients_go(make_server):
    server = make_server(config="pop3 { idle = 1s }")
    raw = Raw(server)
    assert raw.line() == b""
