"""Somebody who issues tokens: a real HTTP(S) server with a JWKS and introspection, and JWTs signed
with python3-cryptography."""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://id.example.test"
CLIENT = ("veredus", "between ourselves")


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class RsaKey:
    def __init__(self, kid, algorithm="RS256"):
        self.kid, self.algorithm = kid, algorithm
        self.key = rsa.generate_private_key(65537, 2048)

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": number(numbers.n),
                "e": number(numbers.e)}

    def pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data):
        how = {"R": padding.PKCS1v15(), "P": padding.PSS(padding.MGF1(hashes.SHA256()), 32)}
        return self.key.sign(data, how[self.algorithm[0]], hashes.SHA256())


class EcKey:
    algorithm = "ES256"

    def __init__(self, kid):
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "alg": "ES256",
                "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def sign(self, data):
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def claims(**changes):
    now = int(time.time())
    made = {"iss": ISSUER, "aud": "mail", "sub": "4711", "email": "alice@example.test",
            "iat": now, "exp": now + 300, "scope": "openid mail"}
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def token(key, header=None, body=None, **changes):
    head = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    text = f"{b64(head)}.{b64(body if body is not None else claims(**changes))}"
    return f"{text}.{b64(key.sign(text.encode()))}"


def token_by_secret(secret, kid):
    """Signed with what everybody knows, as if it was a shared secret."""
    text = f"{b64({'alg': 'HS256', 'kid': kid})}.{b64(claims())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


class Issuer:
    def __init__(self, certificate=None):
        self.keys, self.known, self.asked = [], {}, []
        self.override = None  # (status, body) for whatever is asked
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body):
                status, body = issuer.override or (status, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                issuer.asked.append(self.path)
                self.answer(200, json.dumps({"keys": [k if isinstance(k, dict) else k.public()
                                                      for k in issuer.keys]}).encode())

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = urllib.parse.parse_qs(form)
                issuer.asked.append(given)
                basic = base64.b64encode(":".join(CLIENT).encode()).decode()
                if self.headers["Authorization"] != f"Basic {basic}":
                    return self.answer(401, b"{}")
                known = issuer.known.get(given["token"][0], {"active": False})
                self.answer(200, json.dumps(known).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
