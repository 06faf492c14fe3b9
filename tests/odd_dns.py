"""A name server that does as it likes, by a function, for tests of what has to bear that.

    def answer(server, name, kind, query):     # "x.test", "TXT", a dns.message.Message
        return server.reply(query, "TXT", '"v=spf1 -all"')     # or None: silence; or bytes

    with OddDns(answer) as odd:     # odd.forwarder, odd.anchor; odd.asked counts the questions
"""
import collections
import errno
import pathlib
import socket
import tempfile
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


def both_at_one_port():
    """A UDP and a TCP socket; of most numbers that are free for the one, the other is free, too."""
    for _ in range(1000):
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        udp.bind(("127.0.0.1", 0))
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(udp.getsockname())
            return udp, tcp
        except OSError as e:
            udp.close()
            tcp.close()
            if e.errno != errno.EADDRINUSE:
                raise
    raise OSError("no port is free for both")


class OddDns:
    def __init__(self, answer):
        self.answer = answer
        self.asked = collections.Counter()

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="odd-dns-")
        # Of a zone that nobody asks for: nothing else is signed.
        self.anchor = pathlib.Path(self.directory.name) / "anchor"
        self.anchor.write_text("unrelated.test. 3600 IN DS 4711 13 2 " + "0" * 63 + "7\n")
        self.udp, self.tcp = both_at_one_port()
        self.tcp.listen(50)
        self.forwarder = f"127.0.0.1@{self.tcp.getsockname()[1]}"
        self.threads = [threading.Thread(target=f, daemon=True)
                        for f in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.directory.cleanup()

    def reply(self, query, kind=None, *texts, name=None, ttl=0):
        """With records of that kind, of the name that was asked for or another."""
        message = dns.message.make_response(query)
        message.flags |= dns.flags.RA
        if texts:
            message.answer.append(dns.rrset.from_text_list(name or query.question[0].name, ttl, "IN",
                                                           kind, texts))
        return message

    def nothing(self, query):
        message = self.reply(query)
        message.set_rcode(dns.rcode.NXDOMAIN)
        return message

    def wire(self, data, limit):
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower().rstrip("."), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        said = self.answer(self, name, kind, query)
        if said is None or isinstance(said, bytes):
            return said
        packet = said.to_wire(max_size=65535)
        if len(packet) > limit:
            short = self.reply(query)
            short.flags |= dns.flags.TC
            packet = short.to_wire()
        return packet

    def serve_udp(self):
        while True:
            try:
                data, client = self.udp.recvfrom(65535)
                packet = self.wire(data, 1232)
                if packet is not None:
                    self.udp.sendto(packet, client)
            except (OSError, dns.exception.DNSException):
                if self.udp.fileno() < 0:
                    return

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    length = int.from_bytes(connection.recv(2), "big")
                    packet = self.wire(connection.recv(length), 65535)
                    if packet is not None:
                        connection.sendall(len(packet).to_bytes(2, "big") + packet)
                except (OSError, dns.exception.DNSException):
                    continue
