"""DSN (RFC 3461): who is told of what."""
import email

from conftest import wait_for
from remote import Remote
from test_relay import smarthost, wait_empty

MESSAGE = "Subject: {}\r\n\r\nThe body.\r\n"


def reports(server, user="alice"):
    found = [email.message_from_bytes(m) for m in server.messages(user)]
    return [m for m in found if m.get_content_type() == "multipart/report"]


def fields(report):
    """Those of the message, and those of each recipient."""
    parts = report.get_payload()
    assert [p.get_content_type() for p in parts] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers"]
    return parts[1].get_payload()


def submit(server, to, rcpt_options, mail_options=(), subject="told"):
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", to, MESSAGE.format(subject),
                      mail_options=list(mail_options), rcpt_options=list(rcpt_options))


def test_delivered(make_server):
    server = make_server()
    submit(server, ["bob@example.test"], ["NOTIFY=SUCCESS", "ORCPT=rfc822;b+2Bob@old.test"],
           ["RET=FULL", "ENVID=id+3D7"])
    told = wait_for(lambda: reports(server), what="report")
    assert len(told) == 1
    assert told[0]["Return-Path"] == "<>" and told[0]["To"] == "<alice@example.test>"
    message, recipient = fields(told[0])
    assert message["Original-Envelope-Id"] == "id=7"
    assert recipient["Action"] == "delivered" and recipient["Status"] == "2.1.5"
    assert recipient["Original-Recipient"] == "rfc822; b+ob@old.test"
    assert recipient["Final-Recipient"] == "rfc822; bob@example.test"
    assert "Subject: told" in told[0].get_payload()[2].get_payload()
    assert sum(b"Subject: told" in m for m in server.messages("bob")) == 1


def test_not_told(make_server):
    """Of what nobody asked for, and never of <>."""
    server = make_server()
    for option in [], ["NOTIFY=NEVER"], ["NOTIFY=FAILURE,DELAY"]:
        submit(server, ["bob@example.test"], option)
    with server.smtp() as smtp:
        smtp.sendmail("", ["bob@example.test"], MESSAGE.format("null"),
                      rcpt_options=["NOTIFY=SUCCESS"])
    # A report would be there: it is part of the commit.
    assert len(server.messages("bob")) == 4
    assert reports(server) == []


def test_a_list_is_expanded_once_and_not_told(make_server):
    server = make_server(start=False)
    server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
    server.start()
    submit(server, ["team@example.test", "bob@example.test"], ["NOTIFY=SUCCESS"])
    told = wait_for(lambda: len(reports(server)) == 2 and reports(server), what="reports")
    recipients = {fields(r)[1]["Action"]: fields(r)[1]["Final-Recipient"] for r in told}
    assert recipients == {"expanded": "rfc822; team@example.test",
                          "delivered": "rfc822; bob@example.test"}


def test_sender_who_is_nobody(make_server):
    """The message is taken all the same."""
    server = make_server()
    with server.smtp() as smtp:
        smtp.sendmail("nobody@example.test", ["bob@example.test"], MESSAGE.format("orphan"),
                      rcpt_options=["NOTIFY=SUCCESS"])
    assert any(b"Subject: orphan" in m for m in server.messages("bob"))


def test_passed_on(make_server):
    """To a server that has DSN, which will tell."""
    with Remote(extensions=("PIPELINING", "DSN")) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["carol@far.test"], ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;c@far.test"],
               ["RET=HDRS", "ENVID=x7"])
        wait_for(lambda: remote.taken, 20, "relayed")
        lines = remote.taken[0].session.lines
        mail = next(l for l in lines if l.startswith("MAIL"))
        assert " RET=HDRS" in mail and " ENVID=x7" in mail
        assert ("RCPT TO:<carol@far.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@far.test") in lines
        # A report would be there: it is part of the commit that takes the message from the queue.
        wait_empty(server)
        assert reports(server) == []


def test_relayed(make_server):
    """To a server that has no DSN: our queue tells."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["carol@far.test"], ["NOTIFY=SUCCESS"])
        told = wait_for(lambda: reports(server), 20, "report")
        assert fields(told[0])[1]["Action"] == "relayed"
        assert not any("NOTIFY" in line for line in remote.taken[0].session.lines)
