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
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
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
    def __init__(self, kid, algorithm="RS256", bits=2048):
        self.kid, self.algorithm = kid, algorithm
        self.key = rsa.generate_private_key(65537, bits)

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
    KINDS = {"ES256": ("P-256", ec.SECP256R1, hashes.SHA256, 32),
             "ES384": ("P-384", ec.SECP384R1, hashes.SHA384, 48),
             "ES512": ("P-521", ec.SECP521R1, hashes.SHA512, 66)}

    def __init__(self, kid, algorithm="ES256"):
        self.kid, self.algorithm = kid, algorithm
        self.curve, group, self.hash, self.size = self.KINDS[algorithm]
        self.key = ec.generate_private_key(group())

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": self.curve, "kid": self.kid, "alg": self.algorithm,
                "x": number(numbers.x, self.size), "y": number(numbers.y, self.size)}

    def sign(self, data):
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(self.hash())))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")


class EdKey:
    algorithm = "EdDSA"

    def __init__(self, kid):
        self.kid = kid
        self.key = ed25519.Ed25519PrivateKey.generate()

    def public(self):
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw,
                                                 serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": b64(raw)}

    def sign(self, data):
        return self.key.sign(data)


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
