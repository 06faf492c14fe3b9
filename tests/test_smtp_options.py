"""What MAIL asks of the way of a message: stored with it, obeyed by the queue, passed on to servers
that know it. MT-PRIORITY (RFC 6710), NO-SOLICITING (RFC 3865). And what such servers limit (RFC 9422)."""
import threading

from conftest import wait_for
from remote import Remote
from test_relay import SLOW, entries, smarthost, submit, wait_empty

ONE = "queue { max-connections-per-destination = 1 max-connections = 1 }"


def mail_line(taken):
    """The MAIL command of a message that the remote took."""
    return next(l for l in reversed(taken.session.lines)
                if l.startswith(f"MAIL FROM:<{taken.sender}>"))


def relayed(server, remote, options, extensions):
    """MAIL as it arrives at a server that offers these extensions."""
    count = len(remote.taken)
    remote.extensions = extensions
    remote.hang_up()
    submit(server, ["far@far.test"], mail_options=options)
    wait_for(lambda: len(remote.taken) > count, SLOW, "the message")
    wait_empty(server)   # or our hanging up the next time takes away the answer
    return mail_line(remote.taken[-1])


def test_passed_on(make_server):
    with Remote() as remote:
        server = make_server(config=smarthost(remote) +
                             'smtp { no-soliciting = "net.example:ADV" }')
        options = ["MT-PRIORITY=4", "SOLICIT=com.example:NEWS"]
        known = ("PIPELINING", "MT-PRIORITY MIXER", "NO-SOLICITING")
        assert relayed(server, remote, options, known).endswith(
            "> MT-PRIORITY=4 SOLICIT=com.example:NEWS")
        assert relayed(server, remote, options, ("PIPELINING",)).endswith("@example.test>")
        assert relayed(server, remote, [], known).endswith("@example.test>")
        assert b" PRIORITY 4;" in remote.taken[0].data
        assert b"PRIORITY" not in remote.taken[2].data


def test_priority_in_the_queue(make_server):
    """What comes first leaves first, whatever came before."""
    go = threading.Event()
    with Remote(script=lambda session, verb, line: go.wait(SLOW) and None) as remote:
        server = make_server(config=smarthost(remote) + ONE)
        submit(server, ["far@far.test"], "first")
        wait_for(lambda: remote.sessions, SLOW, "a connection")
        for priority in -1, 0, 7, 8:
            submit(server, ["far@far.test"], f"p{priority}",
                   mail_options=[f"MT-PRIORITY={priority}"])
        assert len(entries(server)) == 5
        go.set()
        wait_for(lambda: len(remote.taken) == 5, SLOW, "all of them")
        subjects = [t.data.split(b"Subject: ")[1].split(b"\r\n")[0] for t in remote.taken]
        assert subjects == [b"first", b"p8", b"p7", b"p0", b"p-1"]


def test_between_two_servers(make_server):
    """What one of us announces the other uses, and obeys."""
    far = make_server(domain="far.test", config='relay-networks = { "127.0.0.0/8" }\n'
                      'smtp { no-soliciting = "net.example:ADV" }')
    near = make_server(domain="a.test", config=f"""
        smarthost "*" {{ host = "127.0.0.1" port = {far.port['smtp']} tls = required }}
        smtp {{ no-soliciting = "org.example:ADV" }}
        relay-networks = {{ "127.0.0.0/8" }}""")
    submit(near, ["bob@far.test"], "wanted", mail_options=["MT-PRIORITY=4", "BY=600;RT",
                                                           "SOLICIT=com.example:NEWS"])
    submit(near, ["bob@far.test"], "unwanted", mail_options=["SOLICIT=net.example:ADV"])
    [got] = far.wait_messages(1, "bob", seconds=SLOW)
    assert got.count(b" PRIORITY 4;") == 2      # once a server
    told = b"".join(near.wait_messages(2, "alice", seconds=SLOW))
    assert b"Action: relayed" in told and b"Action: failed\r\nStatus: 5.7.1\r\n" in told
    assert len(far.messages("bob")) == 1


def test_who_may_raise(make_server):
    with Remote(extensions=("PIPELINING", "MT-PRIORITY")) as remote:
        server = make_server(config=smarthost(remote) + "smtp { priority = nobody }")
        with server.smtp() as smtp:
            smtp.ehlo("client.test")
            code, text = smtp.docmd("MAIL FROM:<alice@example.test> MT-PRIORITY=3")
            assert code == 250 and text.startswith(b"2.3.6 0 ")
        assert relayed(server, remote, ["MT-PRIORITY=3"], remote.extensions).endswith("test>")
        assert relayed(server, remote, ["MT-PRIORITY=-3"], remote.extensions).endswith("=-3")


def test_survives_a_restart(make_server):
    with Remote(script=lambda s, verb, line: "450 4.3.0 later" if verb == "RCPT" else None,
                extensions=("MT-PRIORITY",)) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["far@far.test"], mail_options=["MT-PRIORITY=-2"])
        wait_for(lambda: entries(server)[0]["attempts"] == 1, SLOW, "an attempt")
        server.stop()
        remote.script = None
        server.start()
        server.cli("queue", "retry", "all")
        wait_for(lambda: remote.taken, SLOW, "the message")
        assert mail_line(remote.taken[0]).endswith(" MT-PRIORITY=-2")


# --- LIMITS ------------------------------------------------------------------------------------


def transactions(remote):
    """The recipients of each transaction, by session."""
    return [[t.recipients for t in remote.taken if t.session is s]
            for s in remote.sessions if "MAIL" in s.verbs]


def taken_in_parts(make_server, limits, to):
    with Remote(extensions=("PIPELINING", limits)) as remote:
        server = make_server(config=smarthost(remote) + ONE)
        submit(server, to)
        wait_for(lambda: sum(len(t.recipients) for t in remote.taken) >= len(to), SLOW, "all")
        wait_empty(server)
        assert sorted(r for t in remote.taken for r in t.recipients) == sorted(to)
        return transactions(remote)


def test_recipients_and_mails(make_server):
    """Parts of what fits, in sessions of what fits; what can't be read is no limit."""
    to = [f"r{i}@far.test" for i in range(7)]
    parts = taken_in_parts(make_server, "LIMITS RCPTMAX=2 MAILMAX=3 X RCPTDOMAINMAX=many", to)
    assert [[len(t) for t in session] for session in parts] == [[2, 2, 2], [1]]


def test_domains(make_server):
    parts = taken_in_parts(make_server, "LIMITS RCPTDOMAINMAX=1",
                           ["a@one.test", "b@one.test", "c@two.test", "d@one.test"])
    assert parts == [[["a@one.test", "b@one.test"]], [["c@two.test"]], [["d@one.test"]]]


def test_a_part_that_fails(make_server):
    """Each recipient has its own end, whichever part it is in."""
    def script(session, verb, line):
        if verb == "RCPT" and "r1@" in line:
            return "550 5.1.1 no"
        return "421 4.3.2 enough" if verb == "RCPT" and "r4@" in line else None

    with Remote(script, extensions=("LIMITS RCPTMAX=2",)) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, [f"r{i}@far.test" for i in range(6)])
        left = wait_for(lambda: (found := entries(server)) and all(e["last"] for e in found) and found,
                        SLOW, "the rest")
        assert [e["to"] for e in left] == ["r4@far.test", "r5@far.test"]
        assert [t.recipients for t in remote.taken] == [["r0@far.test"],
                                                        ["r2@far.test", "r3@far.test"]]
        assert b"r1@far.test" in server.wait_messages(1)[0]
