"""A certificate authority for tests, by python3-cryptography.

    ca = Authority(directory)
    chain, key = ca.issue("mx.test", "*.mx.test")    # PEM files; the chain ends with the authority
    ca.path                                          # its own certificate, for who shall trust it
    tlsa(chain, 3, 1, 1)                             # "3 1 1 8d02...", of the first in a chain
"""
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(self, directory, title="Test Authority"):
        self.directory, self.title = directory, title
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(title, self.key.public_key(), (), 30, True)
        self.path = directory / f"{title.replace(' ', '-')}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, public_key, names, days, is_ca=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(name(subject))
                   .issuer_name(name(self.title)).public_key(public_key)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now - 60 * DAY).not_valid_after(now + days * DAY)
                   .add_extension(x509.BasicConstraints(is_ca, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       self.key.public_key()), False))
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, *names, days=30):
        """(chain, key); days < 0: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self.sign(names[0], key.public_key(), names, days)
        stem = f"{names[0].replace('*', '_')}-{leaf.serial_number:x}"
        chain, key_path = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + self.path.read_bytes())
        key_path.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return chain, key_path


def tlsa(path, usage, selector, matching):
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    data = certificate.public_bytes(serialization.Encoding.DER) if selector == 0 else \
        certificate.public_key().public_bytes(serialization.Encoding.DER,
                                              serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = {0: lambda d: d, 1: lambda d: hashlib.sha256(d).digest(),
              2: lambda d: hashlib.sha512(d).digest()}[matching](data)
    return f"{usage} {selector} {matching} {digest.hex()}"
