"""Annotations (RFC 5464): limits, who may, and what goes with mailboxes and accounts."""
import contextlib
import sqlite3

from test_quota import User


def test_limits(server):
    client = User(server, "alice")
    client.ok("CREATE notes")
    names = [f"/private/n{i}" for i in range(100)]
    client.ok("SETMETADATA notes (" + " ".join(f'{n} "v"' for n in names) + ")")
    assert b"[METADATA TOOMANY]" in client.no('SETMETADATA notes (/private/one "more")')
    client.ok('SETMETADATA notes (/private/n5 "other")')  # one that is there already
    client.ok('SETMETADATA notes (/shared/one "more")')   # shared ones count apart
    value = "x" * 32769
    assert b"[METADATA MAXSIZE 32768]" in client.no(
        f"SETMETADATA notes (/shared/big {{{len(value)}+}}\r\n{value})")
    client.ok('SETMETADATA notes (/private/n6 NIL)')
    client.ok(f"SETMETADATA notes (/shared/big {{{len(value) - 1}+}}\r\n{value[1:]})")
    answer, = client.ok("GETMETADATA notes /shared/big")
    assert value[1:].encode() in answer
    client.ok(b"SETMETADATA notes (/private/binary ~{3+}\r\na\0b)")
    client.start("GETMETADATA notes /private/binary")
    assert client.line() == b"* METADATA notes (/private/binary ~{3}\r\na\0b)"
    assert b" OK " in client.line()
    client.close()


def test_the_server_speaks_through_administrators(server):
    alice, bob = User(server, "alice"), User(server, "bob")
    assert b"[NOPERM]" in alice.no('SETMETADATA "" (/shared/admin "mailto:postmaster@example.test")')
    server.cli("user", "set", "alice@example.test", "--administrator", "yes")
    alice.ok('SETMETADATA "" (/shared/admin "mailto:postmaster@example.test")')
    assert bob.ok('GETMETADATA "" /shared/admin') == [
        b'* METADATA "" (/shared/admin "mailto:postmaster@example.test")']
    alice.ok('SETMETADATA "" (/private/comment "mine")')
    assert bob.ok('GETMETADATA "" /private/comment') == [b'* METADATA "" (/private/comment NIL)']
    alice.close()
    bob.close()


def test_they_go_with_what_they_are_about(make_server):
    server = make_server()
    client = User(server, "bob")
    client.ok("CREATE box")
    client.ok('SETMETADATA box (/shared/a "1" /private/b "2")')
    client.ok("RENAME box other")
    assert client.ok("GETMETADATA other (/shared/a)") == [b'* METADATA other (/shared/a "1")']
    client.ok("DELETE other")
    client.ok('SETMETADATA "" (/private/c "3")')
    client.close()
    server.cli("user", "remove", "bob@example.test")
    server.stop()
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db")) as db:
        assert db.execute("SELECT count(*) FROM annotation").fetchone() == (0,)
