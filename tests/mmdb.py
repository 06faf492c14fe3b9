"""Writes a database of countries in MaxMind's format, version 2.0, with 24-bit records, for IPv4.

https://maxmind.github.io/MaxMind-DB/ has the format. In short: a binary tree of networks, 16 zero
bytes, what its leaves point to, and a map about it all behind a marker.
"""


def _text(value):
    data = value.encode()
    assert len(data) < 29
    return bytes([2 << 5 | len(data)]) + data


def _number(kind, value, size):
    control = bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
    return control + value.to_bytes(size, "big")


def _map(items):
    return bytes([7 << 5 | len(items)]) + b"".join(_text(k) + v for k, v in items.items())


def _array(items):
    return bytes([len(items), 11 - 7]) + b"".join(items)


def write_countries(path, countries):
    """countries: prefixes of whole bytes and their codes, {"10.1": "DE"}."""
    nodes, data = [[None, None]], b""
    for prefix, code in countries.items():
        bits = "".join(f"{int(part):08b}" for part in prefix.split("."))
        at = 0
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = ("node", len(nodes) - 1)
            at = nodes[at][int(bit)][1]
        nodes[at][int(bits[-1])] = ("data", len(data))
        data += _map({"country": _map({"iso_code": _text(code)})})

    def record(r):
        value = len(nodes) if r is None else r[1] if r[0] == "node" else len(nodes) + 16 + r[1]
        return value.to_bytes(3, "big")
    about = {
        "node_count": _number(6, len(nodes), 4), "record_size": _number(5, 24, 2),
        "ip_version": _number(5, 4, 2), "database_type": _text("Test-Country"),
        "languages": _array([_text("en")]), "binary_format_major_version": _number(5, 2, 2),
        "binary_format_minor_version": _number(5, 0, 2), "build_epoch": _number(9, 1, 8),
        "description": _map({"en": _text("of tests")}),
    }
    path.write_bytes(b"".join(record(r) for node in nodes for r in node) + bytes(16) + data
                     + b"\xab\xcd\xefMaxMind.com" + _map(about))
