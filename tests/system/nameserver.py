# SPDX-License-Identifier: BSD-2-Clause
"""nameserver.py - a name server that a test runs inside itself, on kernel sockets of a host: octets in, octets out.

What a name is answered with stands in its first label (letters, then an optional number):

    anything    one address record            big1400     about 1400 octets of TXT; over UDP TC where that is too long
    silent      nothing                       nx, refused, servfail       that code
    hold        later, by release()           cut         TC over UDP, one address record over TCP
    keep        TC over UDP, nothing over TCP, so that it is in flight when close comes: TC, then the connection ends

A query with EDNS gets an OPT back. The answer is a function of the question alone, so two servers give the same."""

import re
import socket
import struct
import threading

TXT, OPT, SOA = 16, 41, 6
AT_QUESTION = b"\xc0\x0c"
TC, AA, RA = 0x0200, 0x0400, 0x0080
CUT = ("cut", "keep", "close")
RCODES = {"servfail": 2, "nx": 3, "refused": 5}
LABEL = re.compile(rb"([a-z]*)(\d*)")
TXT_PART = 200


def wire_name(text):
    """Dotted text, escapes not known, as labels."""
    labels = [x.encode("latin-1") for x in text.split(".") if x]
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def make_query(name, qtype=1, id=0, flags=0x0100, qclass=1, edns=None, do=False, options=b"", version=0):
    """A query of one question; with an OPT if edns (its UDP size) is given."""
    message = struct.pack("!6H", id, flags, 1, 0, 0, 0 if edns is None else 1)
    message += wire_name(name) + struct.pack("!HH", qtype, qclass)
    if edns is not None:
        message += struct.pack("!BHHBBHH", 0, OPT, edns, 0, version, 0x8000 if do else 0, len(options)) + options
    return message


def option(code, value):
    return struct.pack("!HH", code, len(value)) + value


def rcode(message):
    return message[3] & 0x0f


def is_cut(message):
    return bool(message[2] & TC >> 8)


def qtype_of(query):
    end = question_end(query)
    return struct.unpack("!H", query[end - 4:end - 2])[0]


def record(owner, rtype, ttl, data, rclass=1):
    """owner: dotted text, or octets (AT_QUESTION: a pointer to the question's name)."""
    owner = wire_name(owner) if isinstance(owner, str) else owner
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(data)) + data


def soa(owner, ttl, minimum):
    data = wire_name("ns.test") + wire_name("root.test") + struct.pack("!5I", 1, 2, 3, 4, minimum)
    return record(owner, SOA, ttl, data)


def make_reply(query, answers=(), authority=(), additional=(), flags=0, rcode=0, options=b"", opt=True):
    """A server's answer to query from records; with an OPT at its end when the query has one."""
    end = question_end(query)
    has_opt = bool(opt and query[11])
    tail = struct.pack("!BHHBBHH", 0, OPT, 1232, 0, 0, query[end + 7] << 8, len(options)) + options if has_opt else b""
    flags |= 0x8000 | RA | struct.unpack("!H", query[2:4])[0] & 0x0110 | rcode
    return query[:2] + struct.pack("!5H", flags, 1, len(answers), len(authority), len(additional) + has_opt) + \
        query[12:end] + b"".join([*answers, *authority, *additional]) + tail


def read_name(message, at):
    """(dotted text with the letters as they are, where what follows begins)"""
    labels, after = [], None
    while message[at]:
        if message[at] >= 0xc0:
            after = after or at + 2
            at = struct.unpack("!H", message[at:at + 2])[0] & 0x3fff
        else:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
            at += 1 + message[at]
    return ".".join(labels), after or at + 1


class Message:
    """What a client reads in an answer: sections of (owner, type, TTL, data), the OPT apart."""

    def __init__(self, octets):
        self.octets, self.opt = octets, None
        self.id, self.flags = struct.unpack("!2H", octets[:4])
        self.rcode = self.flags & 15
        self.qname, _ = read_name(octets, 12)
        counts, at = struct.unpack("!3H", octets[6:12]), question_end(octets)
        self.sections = [[], [], []]
        for section, count in enumerate(counts):
            for _ in range(count):
                owner, at = read_name(octets, at)
                rtype, rclass, ttl, size = struct.unpack("!HHIH", octets[at:at + 10])
                data = octets[at + 10:at + 10 + size]
                at += 10 + size
                if rtype == OPT:
                    assert self.opt is None, "two OPTs"
                    self.opt = (rclass, ttl, data)
                else:
                    self.sections[section].append((owner, rtype, ttl, data))
        assert at == len(octets), "octets behind the end"
        self.answers, self.authority, self.additional = self.sections

    def ttls(self):
        return [r[2] for section in self.sections for r in section]


def question_end(message):
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5


def records(word, number):
    """(answer count, authority count, octets)"""
    if word in RCODES:
        soa = wire_name("ns.test") + wire_name("root.test") + struct.pack("!5I", 1, 2, 3, 4, 60)
        return 0, 1, struct.pack("!HHHIH", 0xc00c, SOA, 1, 60, len(soa)) + soa
    if word == "big":
        parts = range((number + TXT_PART - 1) // TXT_PART)
        data = [b"%-200d" % i for i in parts]
        return len(data), 0, b"".join(
            struct.pack("!HHHIHB", 0xc00c, TXT, 1, 300, len(x) + 1, len(x)) + x for x in data)
    data = bytes([192, 0, 2, number & 255])
    return 1, 0, struct.pack("!HHHIH", 0xc00c, 1, 1, 300, 4) + data


def word_of(query):
    found = LABEL.match(query[13:13 + query[12]])
    return found[1].decode(), int(found[2] or 0)


def make_answer(query, tcp):
    """What is sent back to query, by the table above."""
    end = question_end(query)
    word, number = word_of(query)
    answers, authority, body = records(word, number)
    opt, limit = b"", 512
    if query[11]:       # the node's queries have an OPT of eleven octets at their end, or nothing
        limit = struct.unpack("!H", query[-8:-6])[0]
        opt = struct.pack("!BHHBBHH", 0, OPT, 1232, 0, 0, query[-4] << 8, 0)
    flags = 0x8000 | RA | struct.unpack("!H", query[2:4])[0] & 0x0110 | RCODES.get(word, 0)
    if not tcp and (word in CUT or end + len(body) + len(opt) > limit):
        answers, authority, body, flags = 0, 0, b"", flags | TC
    return query[:2] + struct.pack("!5H", flags, 1, answers, authority, len(opt) and 1) + query[12:end] + body + opt


class Framed:
    """DNS messages over a TCP connection."""

    def __init__(self, connection, seconds=3.0):
        self.socket = connection
        self.socket.settimeout(seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, *messages):
        self.socket.sendall(b"".join(struct.pack("!H", len(m)) + m for m in messages))

    def receive(self):
        """The next message; b"" when none came in time; None when the connection is over."""
        while len(self.buffer) < 2 or len(self.buffer) < 2 + struct.unpack("!H", self.buffer[:2])[0]:
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                return b""
            except ConnectionError:
                return None
            if not more:
                return None
            self.buffer += more
        size = 2 + struct.unpack("!H", self.buffer[:2])[0]
        message, self.buffer = self.buffer[2:size], self.buffer[size:]
        return message

    def close(self):
        self.socket.close()


class NameServer:
    """Serves UDP and TCP at address:port of a host from threads that end with the test."""

    def __init__(self, host, address, port):
        self.seen = []          # (question's first label, over TCP?) in the order of arrival
        self.udp_ports = set()  # that queries came from
        self.deaf = range(0)    # queries from these ports get no answer
        self.held = []          # functions that send what was held back
        self.connections = 0
        self.udp = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)     # SO_RCVBUFFORCE
        self.udp.bind((address, port))
        self.host, self.endpoint, self.tcp = host, (address, port), None
        threading.Thread(target=self.serve_udp, daemon=True).start()
        self.open_tcp()

    def open_tcp(self):
        self.tcp = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(self.endpoint)
        self.tcp.listen(64)
        threading.Thread(target=self.serve_tcp, args=(self.tcp,), daemon=True).start()

    def close_tcp(self):
        """From now on connecting is refused; open connections live on."""
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()

    def serve_udp(self):
        while True:
            query, peer = self.udp.recvfrom(65536)
            self.udp_ports.add(peer[1])
            if peer[1] in self.deaf:
                continue
            self.answer(query, False, lambda m, peer=peer: self.udp.sendto(m, peer))

    def serve_tcp(self, listener):
        while True:
            try:
                connection = Framed(listener.accept()[0], None)
            except OSError:
                return          # close_tcp()
            self.connections += 1
            threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        try:
            query = connection.receive()
            while query and self.answer(query, True, connection.send):
                query = connection.receive()
        except OSError:
            pass
        connection.close()

    def answer(self, query, tcp, send):
        """False: close the connection."""
        word = word_of(query)[0]
        self.seen.append((query[13:13 + query[12]].decode("latin-1"), tcp))
        if word == "close" and tcp:
            return False
        if word == "hold":
            self.held.append(lambda: send(make_answer(query, tcp)))
        elif word != "silent" and not (word == "keep" and tcp):
            send(make_answer(query, tcp))
        return True

    def release(self):
        held, self.held = self.held, []
        for send in held:
            send()


class Scripted(NameServer):
    """Answers names of self.script by calling what it has for them (query -> octets, or None for silence), others as
    a NameServer does; keeps all queries."""

    def __init__(self, *where):
        self.script, self.queries = {}, []
        super().__init__(*where)

    def answer(self, query, tcp, send):
        name = read_name(query, 12)[0]
        self.queries.append((name, query, tcp))
        if name not in self.script:
            return super().answer(query, tcp, send)
        reply = self.script[name](query)
        if reply:
            send(reply)
        return True

    def count(self, name):
        """How often it was asked for name."""
        return sum(seen.lower() == name.lower() for seen, _, _ in self.queries)

    def last(self, name):
        """The last query for name."""
        return [query for seen, query, _ in self.queries if seen.lower() == name.lower()][-1]
