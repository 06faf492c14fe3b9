"""OAUTHBEARER and XOAUTH2: tokens of somebody who issues them, over HTTP, HTTPS and from a file."""
import base64
import imaplib
import json
import poplib
import re
import smtplib
import ssl
import subprocess
import time

import pytest

from conftest import _factory, wait_for
from issuer import CLIENT, ISSUER, EcKey, EdKey, Issuer, RsaKey, b64, claims, token, token_by_secret

RULES = f'issuer = "{ISSUER}" audience = mail scope = mail'
FAST = "auth { refusal-pause = 10ms failure-wait-max = 0 } smtp { max-login-failures = 1000 }"


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    issuer.keys = [RsaKey("rsa"), EcKey("ec"), RsaKey("pss", "PS256"), EcKey("ec384", "ES384"),
                   EcKey("ec521", "ES512"), EdKey("ed"), RsaKey("short", bits=1024),
                   {"kty": "oct", "kid": "shared", "k": b64(b"a secret that everybody knows")},
                   {"kty": "nonsense"}]
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    server = make(config=f'oauth {{ jwks = "{issuer.url}/jwks" {RULES} refresh = 200ms }} {FAST}')
    server.cli("user", "add", "carol@example.test", "--no-password")
    server.cli("user", "disable", "carol@example.test")
    yield server
    dispose()


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def bearer(token, identity=""):
    name = f"a={identity}" if identity else ""
    return f"n,{name},\1host=mx.example.test\1port=587\1auth=Bearer {token}\1\1"


def xoauth2(token, identity=""):
    return f"user={identity}\1auth=Bearer {token}\1\1"


MESSAGES = {"OAUTHBEARER": bearer, "XOAUTH2": xoauth2}


def encode(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def smtp_login(server, mechanism, message, initial=True):
    """235; or 535 and the reason that the client was told before."""
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.starttls(context=tls())
        smtp.ehlo()
        assert mechanism in smtp.esmtp_features["auth"].split()
        if initial:
            code, text = smtp.docmd("AUTH", f"{mechanism} {encode(message) or '='}")
        else:
            assert smtp.docmd("AUTH", mechanism) == (334, b"")
            code, text = smtp.docmd(encode(message))
        if code != 334:
            return code, None
        reason = json.loads(base64.b64decode(text))
        return smtp.docmd(encode("\1") if mechanism == "OAUTHBEARER" else "")[0], reason


def imap_login(server, mechanism, message, initial=True):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=tls())
    reasons = []
    assert "AUTH=" + mechanism in imap.capabilities

    def answer(challenge):
        if not challenge:
            return message.encode()
        reasons.append(json.loads(challenge))
        return b"\1" if mechanism == "OAUTHBEARER" else b""

    try:
        imap.authenticate(mechanism, answer)
        assert imap.select()[0] == "OK"
        return 235, None
    except imaplib.IMAP4.error as e:
        return (535, reasons[0]) if reasons else (str(e), None)
    finally:
        imap.logout()


def pop3_login(server, mechanism, message, initial=True):
    pop = poplib.POP3_SSL("127.0.0.1", server.port["pop3s"], context=tls())
    assert mechanism in pop.capa()["SASL"]
    reason = None
    try:
        line = pop._shortcmd(f"AUTH {mechanism} {encode(message)}")
        if line.startswith(b"+ "):
            reason = json.loads(base64.b64decode(line[2:]))
            pop._shortcmd(encode("\1") if mechanism == "OAUTHBEARER" else "")
        assert pop.stat()[0] >= 0
        return 235, None
    except poplib.error_proto:
        return 535, reason
    finally:
        pop.close()


LOGINS = pytest.mark.parametrize("login", [smtp_login, imap_login, pop3_login],
                                 ids=["smtp", "imap", "pop3"])
MECHANISMS = pytest.mark.parametrize("mechanism", list(MESSAGES))


@LOGINS
@MECHANISMS
def test_logins(server, issuer, login, mechanism):
    message = MESSAGES[mechanism]
    for key in issuer.keys[:6]:
        assert login(server, mechanism, message(token(key), "alice@example.test")) == (235, None)
    good = token(issuer.keys[1], email="Bob@Example.test")
    assert login(server, mechanism, message(good), initial=False) == (235, None)
    assert re.search(f"auth.accepted name=.?Bob@Example.test.? .*mechanism={mechanism}$",
                     server.log_text(), re.M)
    code, reason = login(server, mechanism, message(token(issuer.keys[0]), "bob@example.test"))
    assert code == 535
    if mechanism == "OAUTHBEARER":
        assert reason == {"status": "invalid_token", "scope": "mail", "openid-configuration":
                          f"{ISSUER}/.well-known/openid-configuration"}
    else:
        assert reason == {"status": "401", "schemes": "bearer", "scope": "mail"}


def refused(server, text, mechanism="OAUTHBEARER"):
    code, reason = smtp_login(server, mechanism, MESSAGES[mechanism](text))
    return code == 535 and reason["status"]


def test_metrics(server, issuer):
    def counted():
        command = ["curl", "-s", "--unix-socket", server.dir / "control.sock", "http://x/metrics"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        return {match[1]: int(match[2]) for match in re.finditer(
            r'logins_by_mechanism_total\{mechanism="XOAUTH2",result="(\w+)"\} (\d+)', text)}

    before = counted()
    assert smtp_login(server, "XOAUTH2", xoauth2(token(issuer.keys[1])))[0] == 235
    assert smtp_login(server, "XOAUTH2", xoauth2("x"))[0] == 535
    assert counted() == {result: count + 1 for result, count in before.items()}


def test_claims(server, issuer):
    for status, changes in [
            (None, {}), (None, {"exp": -30}), (None, {"nbf": 30}),
            (None, {"aud": ["other", "mail"]}), (None, {"scope": None, "scp": ["mail", "x"]}),
            (None, {"scope": "mail"}), (None, {"email_verified": True}), (None, {"email": "alice"}),
            ("invalid_token", {"exp": -90}), ("invalid_token", {"exp": None}),
            ("invalid_token", {"exp": "tomorrow"}), ("invalid_token", {"nbf": 90}),
            ("invalid_token", {"iss": "https://id.example.test/"}), ("invalid_token", {"iss": None}),
            ("invalid_token", {"iss": ["https://id.example.test"]}),
            ("invalid_token", {"aud": "web"}), ("invalid_token", {"aud": None}),
            ("invalid_token", {"aud": ["web", "mailer"]}), ("invalid_token", {"aud": {"mail": 1}}),
            ("insufficient_scope", {"scope": "mailer openid"}),
            ("insufficient_scope", {"scope": None}), ("insufficient_scope", {"scope": 7}),
            ("invalid_token", {"email_verified": False}),
            ("invalid_token", {"email_verified": "false"}),
            ("invalid_token", {"email": None}), ("invalid_token", {"email": ["alice"]}),
            ("invalid_token", {"email": "carol@example.test"}),
            ("invalid_token", {"email": "nobody@example.test"})]:
        # Of now, whenever its turn comes.
        times = {name: int(time.time()) + changes[name] for name in ("exp", "nbf")
                 if isinstance(changes.get(name), int)}
        text = token(issuer.keys[1], **{**changes, **times})
        if status:
            assert refused(server, text) == status, changes
        else:
            assert smtp_login(server, "XOAUTH2", xoauth2(text)) == (235, None), changes


def test_forged_tokens(server, issuer):
    rsa, ec = issuer.keys[:2]
    head, body, signature = token(rsa).split(".")
    stranger, other = RsaKey("rsa"), EcKey("nobody")
    for text in [
            token(stranger),                                       # the name of a key of ours
            token(other), token(issuer.keys[6]),
            f"{b64({'alg': 'none'})}.{body}.", f"{b64({'alg': 'none'})}.{body}.{signature}",
            f"{b64({'alg': 'None', 'kid': 'rsa'})}.{body}.{signature}",
            token_by_secret(rsa.pem(), "rsa"), token_by_secret(rsa.pem(), None),
            token_by_secret(b"a secret that everybody knows", "shared"),
            token(rsa, header={"alg": "ES256"}), token(ec, header={"alg": "RS256", "kid": "rsa"}),
            token(rsa, header={"alg": "PS256"}), token(rsa, header={"kid": "ec"}),
            token(rsa, header={"crit": ["b64"], "b64": False}),
            token(rsa, header={"alg": None}), token(rsa, header={"alg": ["RS256"]}),
            f"{head}.{b64(claims(email='bob@example.test'))}.{signature}",
            f"{head}.{body}", f"{head}.{body}.", f"{head}..{signature}", f".{body}.{signature}",
            f"{head}A.{body}.{signature}", f"{head}.{body}A.{signature}",
            f"{head}.{body}.{signature}A", f"{head}.{body}.{signature}=", f"{head}.{body}.A",
            f"{head}.{body}.{signature}.x", f"{head}.{body}.{signature[:-8]}", "...", "x.y.z", "x",
            token(rsa, body=b"[]"), token(rsa, body=b"no json"), token(rsa, body=b"[" * 5000)]:
        assert refused(server, text) == "invalid_token", text[:200]
    # Any key that fits will do for a token that names none.
    assert smtp_login(server, "OAUTHBEARER", bearer(token(rsa, header={"kid": None})))[0] == 235
    assert "signed by a key that is not in the JWKS" in server.log_text()


def test_long_tokens(server, issuer):
    long = token(issuer.keys[1], padding="x" * 6000)
    for login in (smtp_login, pop3_login):
        assert login(server, "XOAUTH2", xoauth2(long)) == (235, None)
    assert imap_login(server, "XOAUTH2", xoauth2(long)) == (235, None)
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.starttls(context=tls())
        smtp.ehlo()
        huge = encode(xoauth2(token(issuer.keys[1], padding="x" * 60000)))
        assert smtp.docmd("AUTH", "XOAUTH2 " + huge)[0] == 500
        assert smtp.docmd("AUTH", "XOAUTH2")[0] == 334
        assert smtp.docmd(huge)[0] == 500
        assert smtp.docmd("NOOP", "x" * 3000)[0] == 500
        assert smtp.docmd("NOOP")[0] == 250


def test_messages(server, issuer):
    good = token(issuer.keys[1])
    for mechanism, text in [
            ("OAUTHBEARER", ""), ("OAUTHBEARER", "\1"), ("OAUTHBEARER", "n,,"),
            ("OAUTHBEARER", f"p=tls-unique,,\1auth=Bearer {good}\1\1"),
            ("OAUTHBEARER", f"n,,\1auth=Bearer {good}\1"),
            ("OAUTHBEARER", f"n,,\1auth=Bearer {good}\1\1x"),
            ("OAUTHBEARER", f"n,,\1auth=Basic {good}\1\1"),
            ("OAUTHBEARER", f"n,,\1auth=Bearer {good}\1auth=Bearer {good}\1\1"),
            ("OAUTHBEARER", f"n,a==,\1auth=Bearer {good}\1\1"),
            ("OAUTHBEARER", f"user=alice\1auth=Bearer {good}\1\1"),
            ("XOAUTH2", f"user=alice\1user=bob\1auth=Bearer {good}\1\1"),
            ("XOAUTH2", f"user=alice\1auth=Bearer {good}"), ("XOAUTH2", bearer(good))]:
        assert smtp_login(server, mechanism, text) == (501, None), text
    for mechanism, text in [("OAUTHBEARER", "n,,\1\1"), ("OAUTHBEARER", "n,,\1auth=\1\1"),
                            ("XOAUTH2", "user=alice@example.test\1\1")]:
        assert smtp_login(server, mechanism, text)[0] == 535, text
    for text in (f"y,,\1auth=bearer  {good}\1\1", f"n,a=alice@example.test,\1x=\1auth=Bearer {good}\1\1"):
        assert smtp_login(server, "OAUTHBEARER", text) == (235, None), text


def test_only_over_tls(server, issuer):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        assert "OAUTH" not in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "XOAUTH2 " + encode(xoauth2(token(issuer.keys[1]))))[0] == 538
    imap = imaplib.IMAP4("127.0.0.1", server.port["imap"])
    assert not any("OAUTH" in c for c in imap.capabilities)
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED|TLS"):
        imap.authenticate("OAUTHBEARER", lambda c: b"")
    imap.shutdown()


def test_new_keys_are_found_and_strangers_do_not_make_us_ask(server, issuer):
    fresh = EcKey("fresh")
    issuer.keys.append(fresh)
    wait_for(lambda: smtp_login(server, "XOAUTH2", xoauth2(token(fresh)))[0] == 235, what="the key")
    asked = len(issuer.asked)
    stranger = token(EcKey("stranger"))
    started = time.monotonic()
    for _ in range(8):
        assert refused(server, stranger) == "invalid_token"
    assert len(issuer.asked) - asked <= 2 + (time.monotonic() - started) / 0.2


@MECHANISMS
def test_curl(server, issuer, mechanism):
    for scheme, port in (("imaps", "imaps"), ("pop3s", "pop3s"), ("smtps", "submissions")):
        for email, good in (("alice", True), ("nobody", False)):
            text = token(issuer.keys[1], email=f"{email}@example.test")
            result = subprocess.run(
                ["curl", "-ksv", f"{scheme}://127.0.0.1:{server.port[port]}/", "--user",
                 "alice@example.test", "--oauth2-bearer", text, "--login-options", f"AUTH={mechanism}"],
                capture_output=True, text=True, timeout=60)
            assert (result.returncode in (0, 56) and
                    re.search(r"< (235 |\+OK (Log|Mai|[0-9])|\w+ OK \[CAP)", result.stderr)
                    is not None) == good, result.stderr


def test_nobody_answers(make_server):
    issuer = Issuer()
    issuer.keys = [EcKey("ec")]
    try:
        server = make_server(config=f'oauth {{ jwks = "{issuer.url}" {RULES} refresh = 100ms }}'
                                    f' {FAST}')
        good = xoauth2(token(issuer.keys[0]))
        for override in ((500, b"{}"), (200, b"no json"), (200, b'{"keys": []}'),
                         (200, b"[" * 100000), (302, b""), (200, b"x" * 300000)):
            issuer.override = override
            time.sleep(0.1)
            assert smtp_login(server, "XOAUTH2", good)[0] == 454, override
        issuer.override = None
        time.sleep(0.1)
        assert smtp_login(server, "XOAUTH2", good)[0] == 235
        # What it has, it goes on with.
        issuer.override = (500, b"")
        assert smtp_login(server, "XOAUTH2", good)[0] == 235
        assert "auth.oauth_keys" in server.log_text()
    finally:
        issuer.stop()


def test_keys_in_a_file(make_server):
    key, other = RsaKey("one"), RsaKey("two")
    server = make_server(start=False)
    path = server.dir / "keys.json"
    path.write_text(json.dumps({"keys": [key.public()]}))
    server.configure(f"oauth {{ jwks = keys.json {RULES} refresh = 100ms }} {FAST}")
    server.start()
    assert smtp_login(server, "XOAUTH2", xoauth2(token(key)))[0] == 235
    assert smtp_login(server, "XOAUTH2", xoauth2(token(other)))[0] == 535
    path.write_text(json.dumps({"keys": [other.public()]}))
    wait_for(lambda: smtp_login(server, "XOAUTH2", xoauth2(token(other)))[0] == 235)
    assert smtp_login(server, "XOAUTH2", xoauth2(token(key)))[0] == 535


def test_introspection_over_https(make_server):
    """With a certificate that only we believe, if at all."""
    server = make_server(start=False)
    original = (server.dir / "veredus.conf").read_text()
    issuer = Issuer((server.dir / "certificate.pem", server.dir / "certificate.key"))
    issuer.known["opaque"] = {"active": True, "aud": "mail", "username": "alice"}
    port = issuer.url.rsplit(":", 1)[1]
    (server.dir / "secret").write_text(CLIENT[1] + "\n")
    try:
        for believes, code in (("", 454), ("ca = certificate.pem", 235)):
            (server.dir / "veredus.conf").write_text(f'''{original}
                oauth {{
                  introspection = "https://localhost:{port}/introspect"
                  client-id = {CLIENT[0]}
                  client-secret-file = secret
                  audience = mail
                  account-claim = username
                  {believes}
                }}
                {FAST}''')
            server.start()
            assert smtp_login(server, "XOAUTH2", xoauth2("opaque"))[0] == code
            assert bool(issuer.asked) == (code == 235)
            server.stop()
        assert "auth.oauth_introspection" in server.log_text()
    finally:
        issuer.stop()


def test_introspection_of_opaque_tokens(make_server):
    issuer = Issuer()
    now = int(time.time())
    try:
        server = make_server(start=False)
        (server.dir / "secret").write_text(CLIENT[1] + "\n")
        server.configure(f'''
            oauth {{
              introspection = "{issuer.url}/introspect"
              client-id = {CLIENT[0]}
              client-secret-file = secret
              audience = mail
              account-claim = username
            }}
            {FAST}''')
        server.start()
        good = {"active": True, "aud": "mail", "username": "alice", "exp": now + 60}
        issuer.known = {"good~+/=": good, "inactive": {**good, "active": False},
                        "expired": {**good, "exp": now - 100}, "aud": {**good, "aud": "web"},
                        "text": {**good, "active": "true"}, "bob": {**good, "username": "bob"}}
        for name, code in [("good~+/=", 235), ("inactive", 535), ("expired", 535), ("aud", 535),
                           ("text", 535), ("unknown", 535)]:
            assert smtp_login(server, "XOAUTH2", xoauth2(name))[0] == code, name
        assert imap_login(server, "OAUTHBEARER", bearer("bob", "bob@example.test"))[0] == 235
        assert imap_login(server, "OAUTHBEARER", bearer("bob", "alice@example.test"))[0] == 535
        assert issuer.asked[0] == {"token": ["good~+/="], "token_type_hint": ["access_token"]}
        issuer.override = (401, b"{}")
        assert smtp_login(server, "XOAUTH2", xoauth2("bob"))[0] == 454
        issuer.override = (200, b"x" * 100000)
        assert smtp_login(server, "XOAUTH2", xoauth2("bob"))[0] == 454
    finally:
        issuer.stop()


def test_configuration(make_server):
    server = make_server(start=False)
    original = (server.dir / "veredus.conf").read_text()
    for text, why in [('jwks = "https://x.test/"', "jwks needs issuer"),
                      (f'jwks = missing {RULES}', "jwks:"),
                      (f'jwks = "ftp://x.test/" {RULES}', "write an https:// URL"),
                      ('jwks = "https://x.test/" introspection = "https://x.test/"', "choose one"),
                      ("scope = mail", "add jwks or introspection"),
                      ('introspection = "https://x.test/" client-id = x', "belong together"),
                      ('introspection = "https://x.test/" ca = missing.pem', "ca:")]:
        server.configure(f"oauth {{ {text} }}")
        found = server.cli("check", check=False)
        assert found.returncode == 3 and why in found.stderr, (text, found)
        (server.dir / "veredus.conf").write_text(original)
    server.configure(f'oauth {{ jwks = "http://x.test/" {RULES} }}')
    found = server.cli("check")
    assert "use https://" in found.stderr
