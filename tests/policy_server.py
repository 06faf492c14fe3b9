"""A web server for MTA-STS policies: HTTPS on loopback, one policy a domain.

    with PolicyServer(ca.issue("mta-sts.a.test")) as web:
        web.policies["a.test"] = policy("mx.a.test")
        web.asked                                        # domains, in the order of asking
"""
import http.server
import ssl
import threading


def policy(*hosts, mode="enforce", max_age=86400):
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {h}" for h in hosts), f"max_age: {max_age}"]
    return "\r\n".join(lines) + "\r\n"


class PolicyServer:
    def __init__(self, certificate, port=0):
        self.policies, self.asked = {}, []
        self.type, self.status, self.headers = "text/plain; charset=utf-8", 200, {}
        self.awake = threading.Event()   # without it nothing is answered
        self.awake.set()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                domain = self.headers["Host"].split(":")[0].removeprefix("mta-sts.")
                web.asked.append(domain)
                web.awake.wait(60)
                text = web.policies.get(domain)
                if self.path != "/.well-known/mta-sts.txt" or text is None:
                    return self.send_error(404)
                self.send_response(web.status)
                self.send_header("Content-Type", web.type)
                for name, value in web.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
