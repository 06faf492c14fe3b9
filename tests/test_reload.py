"""A changed configuration is taken in while the server runs: by `veredus reload`, and by SIGHUP."""
import imaplib
import json
import re
import signal
import smtplib
import socket
import subprocess
import threading
import time

import pytest

from conftest import _factory, wait_for
from mmdb import write_countries
from test_guard import metric

# What no test changes; each adds sections that are not here.
BASE = """
sieve { before = "before.sieve" }
trust { verify = no }
guard { exempt-loopback = no rdns = no greeting-wait = 0 ban-score = 1000000 slow-score = 1000000 }
"""
KEEP = 'keep;\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("reload"))
    try:
        s = make(start=False, accounts=("alice", "bob", "postmaster"))
        s.base = (s.dir / "veredus.conf").read_text()
        (s.dir / "before.sieve").write_text(KEEP)
        write(s, "")
        s.start()
        yield s
    finally:
        dispose()


def write(s, text, base=BASE):
    (s.dir / "veredus.conf").write_text(s.base + base + text)


def reload(s, text=None, base=BASE):
    """What `veredus reload` tells."""
    if text is not None:
        write(s, text, base)
    result = s.cli("reload", "--json", check=False)
    told = json.loads(result.stdout)
    assert result.returncode == (3 if told["errors"] else 0), result.stderr
    return told


def taken(s, text, *names, base=BASE):
    told = reload(s, text, base)
    assert told["errors"] == [] and told["restart"] == []
    assert sorted(told["taken"]) == sorted(names)


@pytest.fixture(autouse=True)
def as_it_was(request):
    yield
    if "server" in request.fixturenames:
        s = request.getfixturevalue("server")
        (s.dir / "before.sieve").write_text(KEEP)
        assert reload(s, "")["errors"] == []


def ehlo(smtp):
    smtp.ehlo("client.test")
    return smtp.esmtp_features


def letter(s, subject, sender="x@remote.test", to="alice", port="smtp"):
    with s.smtp(port) as smtp:
        smtp.sendmail(sender, f"{to}@example.test", f"Subject: {subject}\r\n\r\nHello.\r\n")


def found(s, subject, mailbox="INBOX"):
    """The message, once it is there."""
    def look():
        try:
            return [m for m in s.messages(mailbox=mailbox)
                    if f"Subject: {subject}\r\n".encode() in m]
        except imaplib.IMAP4.error:
            return []   # there is no such mailbox yet
    return wait_for(look, what=subject)[0]


def refused(s, sender="x@remote.test"):
    try:
        letter(s, "refused", sender)
    except smtplib.SMTPResponseException as e:
        return f"{e.smtp_code} {e.smtp_error.decode()}"
    except smtplib.SMTPRecipientsRefused as e:
        (code, text), = e.recipients.values()
        return f"{code} {text.decode()}"
    return None


# --- sessions ----------------------------------------------------------------------------------


def test_sessions_of_smtp_keep_what_they_began_with(server):
    s = server
    with s.smtp() as old:
        assert ehlo(old)["size"] == str(50 << 20)
        taken(s, "smtp { max-message = 1M }", "smtp.max-message")
        with s.smtp() as new:
            assert ehlo(new)["size"] == str(1 << 20)
        assert ehlo(old)["size"] == str(50 << 20)
        old.sendmail("x@remote.test", "alice@example.test", "Subject: old\r\n\r\nHello.\r\n")
    found(s, "old")


def test_sessions_of_readers_go_on(server):
    s = server
    imap, pop = s.imap(), s.pop3("bob")
    sieve = socket.create_connection(("127.0.0.1", s.port["managesieve"]), 30)
    lines = sieve.makefile("rwb")

    def capabilities():
        if not capabilities.greeted:
            capabilities.greeted = True
        else:
            lines.write(b"CAPABILITY\r\n")
            lines.flush()
        told = b""
        while not told.splitlines()[-1:] or not told.splitlines()[-1].startswith(b"OK"):
            told += lines.readline()
        return told
    capabilities.greeted = False
    assert b"SORT" in imap.capability()[1][0] and b'"MAXREDIRECTS" "4"' in capabilities()
    imap.select("INBOX")
    taken(s, "imap { message-limit = 1234 }\npop3 { max-errors = 1 }\n",
          "imap.message-limit", "pop3.max-errors")
    assert b"MESSAGELIMIT=1234" in imap.capability()[1][0]
    with pytest.raises(Exception, match="unknown|bye|EOF|errors"):
        pop._shortcmd("XXXX")
        pop._shortcmd("XXXX")
    taken(s, "managesieve { idle = 1h }", "managesieve.idle", "imap.message-limit",
          "pop3.max-errors")
    # Options of sieve stand in the base.
    taken(s, "", "sieve.max-redirects", "managesieve.idle",
          base=BASE.replace("sieve {", "sieve { max-redirects = 7"))
    assert b'"MAXREDIRECTS" "7"' in capabilities()
    assert imap.noop()[0] == "OK" and b"MESSAGELIMIT" not in imap.capability()[1][0]
    taken(s, "", "sieve.max-redirects")
    sieve.close()
    imap.logout()


def test_limits_of_listeners(server):
    s = server
    limit = "max-sessions-per-address = 0 "   # of smtp: it is the first
    base = s.base
    with s.smtp(), s.smtp():
        try:
            s.base = base.replace(limit, "max-sessions-per-address = 2 ", 1)
            taken(s, "", 'listen "smtp".max-sessions-per-address')
            with pytest.raises(smtplib.SMTPConnectError, match="421"):
                s.smtp()
            s.base = base.replace(limit, limit + "\nmax-sessions = 3 ", 1)
            taken(s, "", 'listen "smtp".max-sessions-per-address', 'listen "smtp".max-sessions')
            with s.smtp(), pytest.raises(smtplib.SMTPConnectError, match="421"):
                s.smtp()
        finally:
            s.base = base
        taken(s, "", 'listen "smtp".max-sessions')
        s.smtp().quit()


# --- what judges mail --------------------------------------------------------------------------


def test_rules_and_scores(server):
    s = server
    rule = 'rule "no" { sender = { "%s@bad.test" } verdict = reject reply = "550 Not you" }\n'
    assert refused(s, "a@bad.test") is None
    with s.smtp() as old:
        ehlo(old)
        taken(s, rule % "a", 'rule "no"', "rule")
        assert "Not you" in refused(s, "a@bad.test")
        # A session that began before has no such rule.
        assert old.mail("a@bad.test")[0] == 250
    assert metric(s, 'guard_rule_total{rule="no"}') == 1
    with s.smtp() as old:
        ehlo(old)
        taken(s, rule % "b", 'rule "no"')
        assert "Not you" in refused(s, "b@bad.test") and refused(s, "a@bad.test") is None
        # One that began with the other goes by that, and it is counted as the same.
        assert b"Not you" in old.mail("a@bad.test")[1] or b"Not you" in \
            old.rcpt("alice@example.test")[1]
    assert metric(s, 'guard_rule_total{rule="no"}') == 3
    taken(s, 'rule "tag" { sender = { "t@*" } verdict = tag tag = seen }\n'
             'score { tag = "1" weights = { "spf=none*: 2", "dkim=none*: 2" } }\n',
          'rule "tag"', "rule", "score.tag", "score.weights", 'rule "no"')
    letter(s, "tagged", "t@remote.test")
    assert b"X-Veredus-Tag: mx.example.test; seen" in found(s, "tagged")


def test_checks_of_who_sends(server):
    s = server
    base = BASE.replace("verify = no", 'verify = yes authserv-id = "other.test"')
    taken(s, 'score { tag = "1" weights = { "dkim=none*: 2" } }', "trust.verify",
          "trust.authserv-id", "score.tag", "score.weights", base=base)
    letter(s, "checked")
    message = found(s, "checked")
    assert b"Authentication-Results: other.test;" in message


def test_limits_of_the_guard(server):
    s = server
    base = BASE.replace("guard {", "guard { max-junk-commands = 2").replace(
        "slow-score = 1000000", "slow-score = 1")
    taken(s, "", "guard.slow-score", "guard.max-junk-commands", base=base)
    before = metric(s, "guard_slowed_total")
    with s.smtp() as smtp:
        for _ in range(5):
            smtp.noop()
    assert metric(s, "guard_slowed_total") > before


def test_greylisting(server):
    s = server
    grey = 'rule grey { sender = { "g@*" } verdict = greylist }\n'
    taken(s, grey + "greylist { delay = 1h }\n", "greylist.delay", 'rule "grey"', "rule")
    assert refused(s, "g@remote.test").startswith("451 4.7.1 Greylisted")
    taken(s, grey + "greylist { delay = 0 }\n", "greylist.delay")
    assert refused(s, "g@remote.test") is None


def test_filters(server):
    s = server
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        told = reload(s, f'filter down {{ address = "{address}" on-failure = closed }}\n')
        assert told["taken"] == ['filter "down"', "filter"], told
        assert refused(s).startswith("451 4.7.1")
    taken(s, "", "filter", 'filter "down"')
    assert refused(s) is None


def test_lists(server):
    s = server
    taken(s, 'dns-list zen { zone = "zen.test" }\n', 'dns-list "zen"', "dns-list")
    assert metric(s, 'guard_list_total{list="zen",result="listed"}') == 0


def test_attachments_and_classifier_and_quarantine(server):
    """One name each is enough: what looks into a message has the configuration of its session."""
    s = server
    hold = 'rule hold { sender = { "h@*" } verdict = quarantine }\n'
    taken(s, hold + "quarantine { max-messages = 1 when-full = defer }\nattachments { max-depth = 7 }\n"
                    "classifier { min-messages = 300 }\n",
          "attachments.max-depth", "classifier.min-messages", "quarantine.max-messages",
          "quarantine.when-full", 'rule "hold"', "rule")
    letter(s, "held", "h@remote.test")
    with pytest.raises(smtplib.SMTPDataError, match="452"):
        letter(s, "held too", "h@remote.test")


# --- addresses, mailboxes, the queue --------------------------------------------------------------


def test_addresses_and_relaying(server):
    s = server
    assert refused(s, "x@remote.test") is None
    taken(s, 'local { plus-separator = "-" }\n', "local.plus-separator")
    letter(s, "minus", to="alice-news")
    found(s, "minus")
    taken(s, 'relay-networks = { "127.0.0.0/8" }\n', "relay-networks", "local.plus-separator")
    with s.smtp() as smtp:
        ehlo(smtp)
        smtp.mail("alice@example.test")
        assert smtp.rcpt("far@elsewhere.test")[0] == 250
    taken(s, "", "relay-networks")
    with s.smtp() as smtp:
        ehlo(smtp)
        smtp.mail("alice@example.test")
        assert smtp.rcpt("far@elsewhere.test")[0] == 550


def test_relay_domains(server):
    s = server

    def answer():
        with s.smtp() as smtp:
            ehlo(smtp)
            smtp.mail("x@remote.test")
            return smtp.rcpt("anybody@branch.test")[0]
    assert answer() == 550
    taken(s, 'relay "branch.test" { verify = none }\n', 'relay "branch.test"', "relay")
    assert answer() == 250
    # There is nobody to be asked, so it is not known: once by the next host, once more with
    # another limit.
    for probes in (1, 2):
        taken(s, f'relay "branch.test" {{ verify = call-ahead probe-timeout = 1s max-probes = {probes} '
                 "}\n", 'relay "branch.test"')
        assert answer() == 450
    taken(s, "", 'relay "branch.test"', "relay")
    assert answer() == 550


def test_logging_in(server):
    s = server

    def seconds():
        began = time.monotonic()
        with pytest.raises(imaplib.IMAP4.error):
            imap = imaplib.IMAP4_SSL("127.0.0.1", s.port["imaps"], ssl_context=s.tls_context())
            imap.login("nobody@example.test", "wrong")
        return time.monotonic() - began
    taken(s, "auth { refusal-pause = 0 failure-wait-max = 0 }\n", "auth.refusal-pause",
          "auth.failure-wait-max")
    seconds()
    taken(s, "auth { refusal-pause = 3s failure-wait-max = 0 }\n", "auth.refusal-pause")
    assert seconds() >= 3


def test_times_of_the_queue(server):
    """Options that are looked at for each message go with it; the others wait for a restart."""
    s = server
    told = reload(s, "queue { delay-notice-after = 2h retry-max = 3h }\n")
    assert told["taken"] == ["queue.delay-notice-after"] and told["restart"] == ["queue.retry-max"]


def test_what_is_kept(server):
    s = server
    letter(s, "one", to="bob")
    wait_for(lambda: s.messages("bob"), what="the message")
    s.cli("user", "quota", "bob@example.test", "1")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="452"):
        letter(s, "two", to="bob")
    taken(s, "local { keep-expunged = 1h }\nquota { full = refuse }\n", "local.keep-expunged",
          "quota.full")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="552"):
        letter(s, "two", to="bob")
    s.cli("user", "quota", "bob@example.test", "0")


# --- files -------------------------------------------------------------------------------------


def test_scripts_for_everybody(server):
    s = server
    path = s.dir / "before.sieve"
    path.write_text('require ["fileinto", "mailbox"];\nfileinto :create "Sorted";\n')
    told = reload(s)
    assert told["taken"] == [] and str(path) in told["read"]
    letter(s, "sorted")
    found(s, "sorted", "Sorted")
    # One that is wrong changes nothing, also not what else there was to take in.
    path.write_text('require ["fileinto"];\n\nfileinto "Other"\n')
    told = reload(s, "smtp { max-message = 1M }")
    assert told["taken"] == [] and told["read"] == []
    error, = told["errors"]
    assert re.match(re.escape(str(path)) + r":[34]:\d+: ", error), error
    letter(s, "sorted again")
    found(s, "sorted again", "Sorted")
    with s.smtp() as smtp:
        assert ehlo(smtp)["size"] == str(50 << 20)
    path.unlink()
    assert str(path) in reload(s, "")["errors"][0]
    path.write_text(KEEP)
    taken(s, "")
    letter(s, "kept")
    found(s, "kept")


def test_database_of_countries(server, tmp_path):
    s = server
    path, fresh = tmp_path / "countries.mmdb", tmp_path / "fresh"

    def countries():
        with s.submission("alice") as smtp:
            smtp.sendmail("alice@example.test", "bob@example.test", "Subject: x\r\n\r\nHello.\r\n")
        state, = json.loads(s.cli("account", "limits", "--json", "alice@example.test").stdout)
        return state["countries"]
    write_countries(path, {"10.1": "DE"})
    taken(s, f'account-limits {{ country-database = "{path}" }}\n', "account-limits.country-database")
    assert countries() == 0
    # The file of next month.
    write_countries(fresh, {"127.0": "FR"})
    fresh.rename(path)
    assert str(path) in reload(s)["read"]
    assert countries() == 1
    fresh.write_text("no database")
    fresh.rename(path)
    error, = reload(s)["errors"]
    assert error.startswith(f"{path}: can't be read as a database of countries")
    assert countries() == 1


def test_certificates(server):
    s = server

    def subject(name):
        out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.port['imaps']}",
                              "-servername", name], input="", capture_output=True, text=True).stdout
        return re.search(r"subject=CN = (\S+)", out)[1]
    assert subject("other.test") == "mx.example.test"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other.test", "-addext",
                    "subjectAltName=DNS:other.test", "-keyout", s.dir / "other.key", "-out",
                    s.dir / "other.pem"], check=True, capture_output=True)
    taken(s, 'certificate other { chain = "other.pem" key = "other.key" }\n',
          'certificate "other"', "certificate")
    assert subject("other.test") == "other.test" and subject("mx.example.test") == "mx.example.test"


# --- what is wrong, and what can't be -----------------------------------------------------------


def test_what_is_wrong_is_refused(server):
    s = server
    text = s.base + BASE
    write(s, "smtp { max-message = 1M }\nsmtp {\n max-mesage = 1M\n}\n")
    line = text.count("\n") + 3
    result = s.cli("reload", check=False)
    assert result.returncode == 3
    assert f"{s.dir}/veredus.conf:{line}: there is no option 'max-mesage'" in result.stderr
    assert "nothing was taken in" in result.stderr
    with s.smtp() as smtp:
        assert ehlo(smtp)["size"] == str(50 << 20)
    before = s.log_text().count("server.reload")
    s.process.send_signal(signal.SIGHUP)
    wait_for(lambda: s.log_text().count("server.reload") > before, what="the reload")
    assert re.search(rf"error server.reload why=.*veredus.conf:{line}: there is no option",
                     s.log_text())
    (s.dir / "certificate.pem").rename(s.dir / "certificate.old")
    write(s, "")
    assert "certificate.pem" in reload(s)["errors"][0]
    (s.dir / "certificate.old").rename(s.dir / "certificate.pem")
    taken(s, "")


def test_what_needs_a_restart_is_told(server):
    s = server
    text = ('workers = 3\nlisten more { protocol = smtp address = { "127.0.0.1:1" } }\n'
            "smtp { max-recipients = 200 }\n")
    told = reload(s, text)
    assert told["taken"] == ["smtp.max-recipients"]
    assert told["restart"] == ["workers", 'listen "more".protocol', 'listen "more".address',
                               "listen"]
    result = s.cli("reload").stdout
    assert "needs a restart  workers\n" in result and "taken in" not in result
    assert re.search(r"server.reload .*restart=\"workers, listen", s.log_text())
    assert s.cli("status").returncode == 0
    taken(s, "", "smtp.max-recipients")
    assert s.cli("reload").stdout.startswith("no option has changed\n")


def test_the_signal_does_the_same_and_the_log_tells(server):
    s = server
    write(s, "log { level = debug }\nsmtp { max-message = 2M }\n"
             "rule wait { verdict = delay delay = 1ms }\n")
    s.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "smtp.max-message, log.level" in s.log_text(), what="the log")
    with s.smtp() as smtp:
        assert ehlo(smtp)["size"] == str(2 << 20)
    letter(s, "debug")
    wait_for(lambda: " debug " in s.log_text(), what="a line of level debug")


def test_without_a_server(make_server):
    s = make_server(start=False)
    result = s.cli("reload", check=False)
    assert result.returncode == 1 and "only possible while the server runs" in result.stderr


# --- under load --------------------------------------------------------------------------------


def test_nothing_is_lost_under_load(server):
    s = server
    each, senders = 30, 3
    failed = []
    imap = s.imap("postmaster")
    imap.select("INBOX")

    def send(number):
        try:
            with s.smtp() as smtp:   # one session through all of it
                for i in range(each):
                    smtp.sendmail(f"s{number}@remote.test", "postmaster@example.test",
                                  f"Subject: load {number} {i}\r\n\r\nHello.\r\n")
                    if i % 10 == 0:
                        letter(s, f"short {number} {i}", to="postmaster")
        except (smtplib.SMTPException, OSError) as e:
            failed.append(e)
    threads = [threading.Thread(target=send, args=(n,)) for n in range(senders)]
    for t in threads:
        t.start()
    count = 0
    while any(t.is_alive() for t in threads) or count < 6:
        count += 1
        (s.dir / "before.sieve").write_text(KEEP + f"# {count}\n")
        rule = f'rule "r{count}" {{ sender = {{ "n{count}@*" }} verdict = reject }}\n'
        told = reload(s, rule + f"smtp {{ max-message = {1 + count}M }}\n"
                                f"imap {{ max-urls = {count} }}\n")
        assert told["errors"] == [] and "smtp.max-message" in told["taken"]
    for t in threads:
        t.join()
    assert failed == []
    wanted = senders * (each + each // 10)
    assert imap.noop()[0] == "OK"
    assert len(wait_for(lambda: (m := s.messages("postmaster")) and len(m) >= wanted and m,
                        what="all messages")) == wanted
    imap.logout()
