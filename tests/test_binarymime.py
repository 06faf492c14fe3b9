"""BINARYMIME and CHUNKING: binary mail in and out, and what is made of it for those who can't have
it; the same for 8-bit mail and hosts without 8BITMIME."""
import contextlib
import email
import email.policy
import pathlib
import smtplib
import tempfile

import pytest

from conftest import _factory, wait_for
from remote import Remote
from test_relay import FAST, report, smarthost, wait_empty

BYTES = bytes(range(256)) * 40 + b"\r\n.\r\nbare\nends\rand\0no last line"
DKIM = b"DKIM-Signature: v=1; d=a.test; b=x\r\n"
PLAIN = ("PIPELINING", "SIZE 10000000")
EIGHT = (*PLAIN, "8BITMIME")
CHUNKS = (*EIGHT, "CHUNKING")
BINARY = (*CHUNKS, "BINARYMIME")


def binary(subject, more=b"", body=BYTES):
    return (b"From: alice@a.test\r\nTo: bob@b.test\r\nSubject: " + subject.encode() + b"\r\n" + more +
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n"
            b"--cut\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
            b"\r\nGr\xc3\xbc\xc3\x9fe\r\n"
            b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary"
            b"\r\n\r\n" + body + b"\r\n--cut--\r\n")


def eight(subject, more=b"", kind=b"text/plain; charset=utf-8"):
    return (b"From: alice@a.test\r\nTo: bob@b.test\r\nSubject: " + subject.encode() + b"\r\n" + more +
            b"MIME-Version: 1.0\r\nContent-Type: " + kind + b"\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n\r\nViele Gr\xc3\xbc\xc3\x9fe\r\n.von hier\r\n")


def send(server, message, to, sender="alice@a.test", port="smtp", pieces=3000, lmtp=False):
    """By BDAT, in pieces; the replies behind the last one."""
    smtp = (smtplib.LMTP if lmtp else smtplib.SMTP)("127.0.0.1", server.port[port], timeout=60)
    with smtp:
        smtp.ehlo()
        assert smtp.mail(sender, ["BODY=BINARYMIME"])[0] == 250
        for address in to:
            assert smtp.rcpt(address)[0] == 250
        replies = []
        for at in range(0, len(message), pieces):
            piece = message[at:at + pieces]
            last = at + pieces >= len(message)
            smtp.send(b"BDAT %d%s\r\n" % (len(piece), b" LAST" if last else b"") + piece)
            replies = [smtp.getreply() for _ in range(len(to) if lmtp and last else 1)]
        return replies


@pytest.fixture(scope="module")
def relaying():
    """A server that sends all to a remote: remote.extensions says what that offers."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote() as remote:
        server = make(start=False, domain="a.test", config=smarthost(remote))
        server.listen("lmtp", "lmtp")
        server.start()
        server.remote = remote
        yield server
    dispose()


def relay(server, extensions, message, **options):
    """What the remote took."""
    server.remote.hang_up()
    server.remote.extensions = extensions
    before = len(server.remote.taken)
    [(code, text)] = send(server, message, ["bob@b.test"], **options)
    assert code == 250, text
    return wait_for(lambda: server.remote.taken[before:], what="the remote")[0]


def payload(raw):
    """The decoded attachment, and its encoding."""
    parsed = email.message_from_bytes(raw)
    part = parsed.get_payload()[1] if parsed.is_multipart() else parsed
    return part.get_payload(decode=True), part["Content-Transfer-Encoding"]


def mail_line(taken):
    return [line for line in taken.session.lines if line.startswith("MAIL")][-1]


# --- in --------------------------------------------------------------------------------------

def find(server, subject, user="alice"):
    field = f"Subject: {subject}\r\n".encode()
    return wait_for(lambda: [m for m in server.messages(user) if field in m], what=subject)[0]


@pytest.mark.parametrize("pieces", [97, 100000])
def test_a_mailbox_has_it_encoded(relaying, pieces):
    subject = f"for a mailbox {pieces}"
    [(code, text)] = send(relaying, binary(subject), ["alice@a.test"], pieces=pieces)
    assert code == 250, text
    raw = find(relaying, subject)
    assert b"\0" not in raw
    content, encoding = payload(raw)
    assert encoding == "base64" and content == BYTES
    assert b"\r\nGr\xc3\xbc\xc3\x9fe\r\n" in raw
    with contextlib.closing(relaying.imap()) as imap:
        imap.select("INBOX", readonly=True)
        _, found = imap.search(None, "SUBJECT", f'"{subject}"')
        _, data = imap.fetch(found[0], "(RFC822.SIZE BODYSTRUCTURE)")
        assert b"BASE64" in data[0].upper() and b"BINARY" not in data[0].upper()
        assert b"RFC822.SIZE %d " % len(raw) in data[0]
    pop = relaying.pop3()
    pops = [b"\r\n".join(pop.retr(i + 1)[1]) + b"\r\n" for i in range(pop.stat()[0])]
    pop.quit()
    assert raw in pops


def test_for_one_here_and_one_elsewhere(relaying):
    relaying.remote.hang_up()
    relaying.remote.extensions = BINARY
    before = len(relaying.remote.taken)
    [(code, text)] = send(relaying, binary("both"), ["alice@a.test", "bob@b.test"])
    assert code == 250
    taken = wait_for(lambda: relaying.remote.taken[before:], what="the remote")[0]
    assert taken.recipients == ["bob@b.test"]
    assert taken.data.endswith(binary("both"))
    assert payload(find(relaying, "both"))[0] == BYTES
    assert text.split()[-1] in taken.data


def test_over_lmtp(relaying):
    replies = send(relaying, binary("lmtp"), ["alice@a.test", "bob@a.test"], port="lmtp", lmtp=True)
    assert [code for code, _ in replies] == [250, 250]
    assert payload(find(relaying, "lmtp", "bob"))[0] == BYTES


def test_sealed_mail_is_kept_as_it_is_and_shown_without_nul(relaying):
    message = binary("sealed").replace(b"multipart/mixed", b"multipart/signed")
    [(code, _)] = send(relaying, message, ["alice@a.test"])
    assert code == 250
    raw = find(relaying, "sealed")
    assert raw.endswith(message.replace(b"\0", b"\x80"))


def test_binary_by_name_only(relaying):
    [(code, _)] = send(relaying, eight("by name only"), ["alice@a.test"])
    assert code == 250
    assert find(relaying, "by name only").endswith(eight("by name only"))


# --- out -------------------------------------------------------------------------------------

def test_binary_goes_on_as_it_came(relaying):
    taken = relay(relaying, BINARY, binary("as it came"))
    assert taken.data.endswith(binary("as it came"))
    assert "BODY=BINARYMIME" in mail_line(taken)
    assert "DATA" not in taken.session.verbs


@pytest.mark.parametrize("extensions, body", [(CHUNKS, " BODY=8BITMIME"), (EIGHT, " BODY=8BITMIME"),
                                              (PLAIN, "")], ids=["chunks", "8bit", "plain"])
def test_binary_is_encoded_for_others(relaying, extensions, body):
    taken = relay(relaying, extensions, binary("encoded"))
    content, encoding = payload(taken.data)
    assert content == BYTES and encoding == "base64"
    assert ("BODY=" in mail_line(taken)) == bool(body) and body in mail_line(taken)
    assert ("BDAT" in taken.session.verbs) == ("CHUNKING" in extensions)
    text = email.message_from_bytes(taken.data).get_payload()[0]
    assert text.get_payload(decode=True) == b"Gr\xc3\xbc\xc3\x9fe"
    assert (text["Content-Transfer-Encoding"] == "8bit") == bool(body)
    assert taken.data.isascii() == (not body)
    assert f"SIZE={len(taken.data)}" in mail_line(taken)


def test_large_binary(relaying):
    """Past the limits of memory, on the thread pool."""
    body = BYTES * 100
    taken = relay(relaying, EIGHT, binary("large", body=body), pieces=200000)
    assert payload(taken.data)[0] == body


def test_sealed_mail_comes_back(relaying):
    relaying.remote.hang_up()
    relaying.remote.extensions = EIGHT
    before = len(relaying.messages("bob"))
    message = binary("sealed").replace(b"multipart/mixed", b"multipart/signed")
    [(code, _)] = send(relaying, message, ["bob@b.test"], sender="bob@a.test")
    assert code == 250
    raw = relaying.wait_messages(before + 1, "bob")[-1]
    [fields] = report(raw)
    assert fields["Status"] == "5.6.3" and b"binary" in raw
    # Not the message itself, which would make the report binary.
    assert b"text/rfc822-headers" in raw and b"\0" not in raw
    wait_empty(relaying)


def submit_eight(server, message, extensions):
    server.remote.hang_up()
    server.remote.extensions = extensions
    before = len(server.remote.taken)
    with server.smtp() as smtp:
        smtp.sendmail("alice@a.test", ["bob@b.test"], message, mail_options=["BODY=8BITMIME"])
    return wait_for(lambda: server.remote.taken[before:], what="the remote")[0]


def test_eight_bits_for_who_takes_seven(relaying):
    taken = submit_eight(relaying, eight("seven"), PLAIN)
    assert taken.data.isascii() and "BODY=" not in mail_line(taken)
    parsed = email.message_from_bytes(taken.data)
    assert parsed["Content-Transfer-Encoding"] == "quoted-printable"
    assert parsed.get_payload(decode=True) == eight("").split(b"\r\n\r\n", 1)[1]
    taken = submit_eight(relaying, eight("eight"), EIGHT)
    assert taken.data.endswith(eight("eight")) and "BODY=8BITMIME" in mail_line(taken)


def test_ascii_goes_as_it_is_whatever_it_is_called(relaying):
    message = eight("ascii", DKIM).replace(
        b"\xc3\xbc\xc3\x9f", b"ue")
    taken = submit_eight(relaying, message, PLAIN)
    assert taken.data.endswith(message) and "BODY=" not in mail_line(taken)


def test_mail_with_a_dkim_signature_goes_on(relaying):
    """The signature is lost by that, but not the mail."""
    taken = submit_eight(relaying, eight("signed 8bit", DKIM), PLAIN)
    assert taken.data.isascii() and DKIM in taken.data
    assert email.message_from_bytes(taken.data)["Content-Transfer-Encoding"] == "quoted-printable"
    taken = relay(relaying, EIGHT, DKIM + binary("signed"))
    assert payload(taken.data)[0] == BYTES


def test_plain_mail_goes_by_one_chunk(relaying):
    taken = submit_eight(relaying, eight("in a chunk"), CHUNKS)
    assert taken.data.endswith(eight("in a chunk"))
    assert taken.session.verbs.count("BDAT") == 1 and "DATA" not in taken.session.verbs


def test_recipients_refused_before_a_chunk(relaying):
    relaying.remote.hang_up()
    relaying.remote.extensions = CHUNKS
    before = len(relaying.messages("alice"))
    relaying.remote.script = lambda session, verb, line: \
        "550 5.1.1 not here" if verb == "RCPT" and "nobody" in line else None
    try:
        with relaying.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["nobody@b.test"], eight("for nobody"))
        raw = relaying.wait_messages(before + 1)[-1]
    finally:
        relaying.remote.script = None
    assert b"5.1.1" in raw
    assert "BDAT" not in relaying.remote.sessions[-1].verbs


@pytest.mark.parametrize("verb, reply", [("MAIL", "451 4.3.0 not now"), (".", "451 4.3.0 not now"),
                                         (".", "421 4.3.2 going down")])
def test_a_chunk_is_sent_again_later(make_server, verb, reply):
    with Remote(extensions=CHUNKS) as remote:
        asked = []
        def script(session, said, line):
            if said == verb and not asked:
                asked.append(said)
                return reply
        remote.script = script
        server = make_server(domain="a.test", config=smarthost(remote) + FAST)
        with server.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["bob@b.test"], eight("again"))
            smtp.sendmail("alice@a.test", ["bob@b.test"], eight("another"))
        wait_for(lambda: len(remote.taken) == 2, what="both")
        assert sorted(eight(s) in t.data for s in ("again", "another") for t in remote.taken) == \
            [False, False, True, True]
        wait_empty(server)


def test_chunking_may_be_turned_off(make_server):
    with Remote(extensions=BINARY) as remote:
        server = make_server(domain="a.test", config=smarthost(remote) + "queue { chunking = no }")
        with server.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["bob@b.test"], eight("off"))
        taken = wait_for(lambda: remote.taken, what="the remote")[0]
        assert "DATA" in taken.session.verbs and taken.data.endswith(eight("off"))
        # But there is no other way for this one.
        send(server, binary("on"), ["bob@b.test"])
        taken = wait_for(lambda: remote.taken[1:], what="the remote")[0]
        assert taken.data.endswith(binary("on"))


def test_between_two_of_us(make_server):
    """One Veredus sends binary mail to another."""
    there = make_server(domain="b.test")
    here = make_server(domain="a.test", config=f'''
        smarthost "*" {{ host = "127.0.0.1" port = {there.port["smtp"]} tls = required }}
        relay-networks = {{ "127.0.0.0/8" }}''')
    send(here, binary("to us"), ["bob@b.test"])
    raw = there.wait_messages(1, "bob")[0]
    assert payload(raw)[0] == BYTES
    wait_for(lambda: "bdat=1" in there.log_text(), what="log")


def test_what_grows_most(relaying):
    """Three bytes for each, and ends of lines: binary data that calls itself quoted-printable."""
    body = b"\x80\0" * 500000
    message = (b"From: alice@a.test\r\nSubject: grows\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
               b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body)
    [(code, text)] = send(relaying, message, ["alice@a.test"], pieces=len(message))
    assert code == 250, text
    assert payload(find(relaying, "grows"))[0].rstrip() == body
    taken = relay(relaying, PLAIN, message)
    assert payload(taken.data)[0].rstrip() == body
