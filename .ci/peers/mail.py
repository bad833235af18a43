"""What the checks in `run` need beyond shell: messages, a look into Maildirs, Python's SMTP client.

mail.py free-ports COUNT
    Prints TCP ports of 127.0.0.1 that are free now.
mail.py write [ID SIZE FILE]...
    Writes messages with LF line ends and all that is hard to carry, at least SIZE octets long.
mail.py stored FILE SENDER COPIES MAILDIR [crlf]
    Waits until MAILDIR/new holds COPIES messages with the Message-ID of FILE, then compares each,
    octet by octet, with FILE (its line ends turned to CRLF when so told).
mail.py several FATES LOG MAIL FILE...
    FATES is what our client says of the FILEs, each sent to alice, to nobody, who is refused, and to
    bob. Fails unless every fate is right, the replies belong to these messages by what the server's LOG
    says of them, in this order, and MAIL/alice and MAIL/bob have got each once; then empties these.
mail.py token MAILBOX KEY-FILE
    Prints a JSON Web Token for MAILBOX, good for an hour, signed with the base64 key in KEY-FILE.
mail.py smtplib PORT FILE [starttls|implicit CA USER PASSWORD]
    Sends FILE from bob to alice@example.test.
mail.py groups PORT STEP FILE...
    Sends the FILEs in chunks, each to alice and before that to nobody alone, as one single group of
    commands, written in steps of STEP octets. Fails unless each command has the right reply.
mail.py inject PORT CA
    Sends commands behind STARTTLS, in clear. Fails if any of them counts inside TLS.
mail.py after-ehlo PORT COMMAND...
    Runs COMMAND, with PORT in it replaced by that of a relay to the server at PORT. The relay has said
    EHLO before COMMAND comes to speak.
mail.py inject-replies PORT CERTIFICATE KEY
    Listens, and prints READY. To STARTTLS it adds replies in clear, then says yes to everything.
mail.py burst PORT PID MAILDIR ROUND
    Kills process PID, the receiver at PORT, in the middle of a burst of messages. Fails unless every
    message acknowledged before, in this round or an earlier one, is in MAILDIR/new, and every message
    in there is complete. The acknowledged ones are noted in the file MAILDIR.acknowledged.
"""

import base64
import contextlib
import hmac
import json
import os
import random
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

SENDER = "bob@example.test"
RECIPIENT = "alice@example.test"

HARD_LINES = [
    b".",
    b"..",
    b"...",
    b".a dot before a word",
    b"..two dots before a word",
    b". a dot and a blank",
    b"",
    b"From here on: no mbox quoting",
    b"blanks and a tab at the end  \t",
    b"100 % \\r \\x24 $HOME `no` <tags> & \"quotes\"",
    "8 bit: äöüß € 漢字 🙂".encode(),
    b"MAIL FROM:<not@a.command>",
    b"QUIT",
    b"x" * 998,
    b"." + b"y" * 996,
]


def message(ident, size=0):
    """A message named ident: dots at the start of lines, at the start of the body, and an empty last line."""
    header = [
        "From: Zoë Ünïcøde <bob@example.test>",
        "To: alice@example.test",
        "Date: Sun, 01 Feb 2026 12:00:00 +0000",
        f"Message-ID: <{ident}@example.test>",
        "Subject: Grüße, 8 bit in a header",
        " folded, and . dotted",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    lines = [line.encode() for line in header] + HARD_LINES
    length = sum(len(line) + 1 for line in lines)
    choice = random.Random(ident)
    while length < size:
        line = b"." * choice.choice([0, 0, 1, 1, 2]) + b"z" * choice.randrange(100)
        lines.append(line)
        length += len(line) + 1
    return b"\n".join(lines + [b".", b"", b""])


def with_crlf(content):
    return content.replace(b"\n", b"\r\n")


def ident_of(content):
    found = re.search(rb"^Message-ID: <([^@\r\n]*)@", content, re.MULTILINE)
    return found.group(1).decode() if found else None


TRACE = rb"(?i:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*"


def problem(stored, expected, sender):
    """What is wrong with a stored file, or None."""
    trace = re.match(TRACE, stored).group()
    content = stored[len(trace):]
    if not trace.lower().startswith(f"return-path: <{sender}>".lower().encode()):
        return f"no Return-Path: <{sender}> at the start: {trace[:100]!r}"
    if not re.search(rb"^Received:", trace, re.MULTILINE):
        return f"no Received: in front: {trace!r}"
    if content == expected:
        return None
    at = len(os.path.commonprefix([content, expected]))
    near = slice(max(at - 30, 0), at + 30)
    return (
        f"{len(content)} octets stored, {len(expected)} expected, first difference at {at}:\n"
        f"  stored   ...{content[near]!r}...\n  expected ...{expected[near]!r}..."
    )


def read_maildir(maildir):
    new = Path(maildir, "new")
    return {path.name: path.read_bytes() for path in new.iterdir()} if new.is_dir() else {}


def stored(file, sender, copies, maildir, line_ends="lf"):
    expected = Path(file).read_bytes()
    ident = ident_of(expected)
    if line_ends == "crlf":
        expected = with_crlf(expected)
    deadline = time.monotonic() + 30
    while True:
        found = [content for content in read_maildir(maildir).values() if ident_of(content) == ident]
        if len(found) >= int(copies) or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if len(found) != int(copies):
        sys.exit(f"{maildir}/new holds {len(found)} copies of message '{ident}' instead of {copies}")
    problems = [text for content in found if (text := problem(content, expected, sender))]
    if problems:
        sys.exit(f"{len(problems)} of {len(found)} copies are wrong, the first one: {problems[0]}")


def wait_for_fates(log, fates):
    """The place in LOG that says which message each accepted fate is about; None where it says nothing."""
    deadline = time.monotonic() + 20
    while True:
        text = Path(log).read_text(errors="replace")
        places = [find_message(text, *fate) for fate in fates]
        if None not in places or time.monotonic() > deadline:
            return places
        time.sleep(0.1)


def find_message(log, queue_id, ident):
    postfix = rf"\b{queue_id}: message-id=<{ident}@example\.test>"
    exim = rf"\b{queue_id} <= .* id={ident}@example\.test"
    found = re.search(f"{postfix}|{exim}", log)
    return found and found.start()


def several(told, log, mail, *files):
    lines = Path(told).read_text().splitlines()
    idents = [ident_of(Path(file).read_bytes()) for file in files]
    users = ["alice", "nobody", "bob"]
    messages = [(ident, user) for ident in idents for user in users]
    accepted = []
    for number, (line, (ident, user)) in enumerate(zip(lines, messages), 1):
        fate = "refused at RCPT: 550" if user == "nobody" else "accepted: 250"
        if not line.startswith(f"{number}: <{user}@example.test>: {fate}"):
            sys.exit(f"message {number} is not {fate}: {line}")
        if user != "nobody":
            accepted.append((line.split()[-1].removeprefix("id="), ident))
    count = len(files)
    if lines[len(messages):] != [f"{2 * count} accepted, {count} refused, 0 not sent, 0 in doubt"]:
        sys.exit(f"a wrong end: {lines[len(messages):]}")
    places = wait_for_fates(log, accepted)
    if None in places or places != sorted(places):
        sys.exit(f"the log has the messages at {places}: {accepted}")
    for user in ["alice", "bob"]:
        maildir = Path(mail, user)
        for file in files:
            stored(file, SENDER, 1, maildir)
        for path in maildir.glob("new/*"):
            path.unlink()


def groups(port, step, *files):
    commands = []
    for file in files:
        content = with_crlf(Path(file).read_bytes())
        commands += transaction("nobody", [content], "550", "5")
        third = len(content) // 3
        commands += transaction("alice", [content[:1], content[1:third], content[third:]], "250", "250")
    commands.append((b"QUIT\r\n", "221"))
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as connection:
        replies = connection.makefile("rb")
        read_reply(replies)
        connection.sendall(b"EHLO client.example.test\r\n")
        read_reply(replies)
        octets = b"".join(command for command, _ in commands)
        writer = threading.Thread(target=send_in_steps, args=[connection, octets, int(step)], daemon=True)
        writer.start()
        for command, expected in commands:
            reply = read_reply(replies)
            if not reply.startswith(expected):
                sys.exit(f"{reply!r} instead of {expected} to {command[:100]!r}")
        writer.join(timeout=20)
        if rest := replies.read():
            sys.exit(f"further replies: {rest!r}")


def transaction(user, chunks, to_rcpt, to_chunk):
    commands = [
        (b"RSET\r\n", "250"),
        (f"MAIL FROM:<{SENDER}> BODY=8BITMIME\r\n".encode(), "250"),
        (f"RCPT TO:<{user}@example.test>\r\n".encode(), to_rcpt),
    ]
    for chunk in chunks:
        last = b" LAST" if chunk is chunks[-1] else b""
        commands.append((b"BDAT %d%s\r\n%s" % (len(chunk), last, chunk), to_chunk))
    return commands


def send_in_steps(connection, octets, step):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(octets), step):
        connection.sendall(octets[start:start + step])


def read_reply(replies):
    while (line := replies.readline())[3:4] == b"-":
        pass
    return line.decode()


def connect(port):
    return smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.example.test", timeout=20)


def open_session(port, tls, ca):
    if tls is None:
        return connect(port)
    context = ssl.create_default_context(cafile=ca)
    if tls == "implicit":
        return smtplib.SMTP_SSL(
            "127.0.0.1", int(port), local_hostname="client.example.test", timeout=20, context=context
        )
    client = connect(port)
    client.starttls(context=context)
    return client


def send_with_smtplib(port, file, tls=None, ca=None, user=None, password=None):
    with open_session(port, tls, ca) as client:
        if user is not None:
            client.login(user, password)
        client.sendmail(SENDER, [RECIPIENT], with_crlf(Path(file).read_bytes()), ["BODY=8BITMIME"])


def inject(port, ca):
    with connect(port) as client:
        client.ehlo()
        client.sock.sendall(b"STARTTLS\r\nNOOP\r\nEHLO client.example.test\r\n")
        code, text = client.getreply()
        if code != 220:
            print(f"not even TLS: {code} {text!r}")
            return
        try:
            client.sock = ssl.create_default_context(cafile=ca).wrap_socket(
                client.sock, server_hostname="127.0.0.1"
            )
        except OSError as error:
            print(f"not even TLS: {error}")
            return
        client.file = None
        client.sock.settimeout(2)
        try:
            octets = client.sock.recv(1000)
        except TimeoutError:
            octets = None
        except OSError:
            octets = b""
        if octets == b"":
            print("the connection is closed")
            return
        if octets:
            sys.exit(f"answered inside TLS: {octets!r}")
        code, text = client.docmd("MAIL FROM:<bob@example.test>")
        if code != 503 and code != 530:
            sys.exit(f"MAIL without EHLO inside TLS: {code} {text!r}")


def after_ehlo(port, *command):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        relay_port = str(listener.getsockname()[1])
        process = subprocess.Popen([word.replace("PORT", relay_port) for word in command])
        client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(port)), timeout=20)
    with client, server:
        replies = server.makefile("rb", buffering=0)
        greeting = replies.readline()
        server.sendall(b"EHLO client.example.test\r\n")
        while not replies.readline().startswith(b"250 "):
            pass
        client.sendall(greeting)
        back = threading.Thread(target=pass_on, args=[server, client], daemon=True)
        back.start()
        pass_on(client, server)
        back.join(timeout=20)
        sys.exit(process.wait(timeout=20))


def pass_on(source, target):
    with contextlib.suppress(OSError):
        while octets := source.recv(4096):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)


def inject_replies(port, certificate, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print("READY", flush=True)
        while True:
            connection, _ = listener.accept()
            try:
                say_yes(connection, context)
            except OSError as error:
                print(error, flush=True)
            finally:
                connection.close()


def say_yes(connection, context):
    ehlo = b"250-mx.example.test\r\n250 STARTTLS\r\n"
    replies = {b"EHLO": ehlo, b"DATA": b"354 go on\r\n", b"STARTTLS": b"220 go on\r\n" + ehlo}
    connection.settimeout(20)
    connection.sendall(b"220 mx.example.test\r\n")
    lines = connection.makefile("rb")
    while line := lines.readline():
        print(line, flush=True)
        verb = line.split()[0].upper() if line.strip() else b""
        connection.sendall(replies.get(verb, b"250 yes\r\n"))
        if verb == b"STARTTLS":
            connection = context.wrap_socket(connection, server_side=True)
            lines = connection.makefile("rb")


def burst_message(ident):
    return message(ident, random.Random(ident).choice([0, 1_000, 20_000, 200_000]))


class Burst:
    """Clients that send messages side by side until the receiver is gone."""

    CLIENTS = 4
    MESSAGES = 500

    def __init__(self, port, round_number):
        self.port = port
        self.round_number = round_number
        self.acknowledged = []
        self.cut_off = 0
        self.refusals = []

    def client(self, number):
        try:
            session = connect(self.port)
            session.ehlo()
            for count in range(self.MESSAGES):
                self.send_one(session, f"burst-{self.round_number}-{number}-{count}")
        except (OSError, smtplib.SMTPServerDisconnected):
            self.cut_off += 1
        except (smtplib.SMTPException, ValueError) as error:
            self.refusals.append(repr(error))

    def send_one(self, session, ident):
        for step in (
            lambda: session.mail(SENDER),
            lambda: session.rcpt(RECIPIENT),
            lambda: session.data(with_crlf(burst_message(ident))),
        ):
            code, text = step()
            if code == -1:
                raise smtplib.SMTPServerDisconnected
            if code != 250:
                raise ValueError(f"{ident}: {code} {text!r}")
        self.acknowledged.append(ident)

    def run_until_killed(self, pid, after):
        threads = [threading.Thread(target=self.client, args=[n], daemon=True) for n in range(self.CLIENTS)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < after and not self.refusals and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(timeout=30)
        if self.refusals:
            sys.exit("\n".join(self.refusals))
        if len(self.acknowledged) < after or self.cut_off != self.CLIENTS:
            sys.exit(
                f"not killed in the middle: {len(self.acknowledged)} acknowledged, "
                f"{self.cut_off} of {self.CLIENTS} clients cut off"
            )


def burst(port, pid, maildir, round_number):
    run = Burst(port, round_number)
    run.run_until_killed(int(pid), after=30 + 10 * int(round_number))
    files = {}
    for name, content in read_maildir(maildir).items():
        ident = ident_of(content)
        wrong = f"no Message-ID: {content[:200]!r}" if ident is None else problem(
            content, with_crlf(burst_message(ident)), SENDER
        )
        if wrong:
            sys.exit(f"new/{name} is not complete: {wrong}")
        files[ident] = files.get(ident, 0) + 1
    with open(maildir + ".acknowledged", "a+") as note:
        note.writelines(f"{ident}\n" for ident in run.acknowledged)
        note.seek(0)
        acknowledged = note.read().split()
    lost = [ident for ident in acknowledged if ident not in files]
    doubled = [ident for ident, count in files.items() if count > 1]
    print(f"{len(acknowledged)} messages acknowledged so far, {len(files)} in new/")
    if lost:
        sys.exit(f"acknowledged, then lost: {lost}")
    if doubled:
        sys.exit(f"stored more than once: {doubled}")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(int(count))]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        print(*[listener.getsockname()[1] for listener in listeners])


def token(mailbox, key_file):
    key = base64.b64decode(Path(key_file).read_text())

    def encoded(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")

    now = int(time.time())
    header = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": mailbox, "email": mailbox, "iat": now - 60, "nbf": now - 60, "exp": now + 3600}
    signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    print((signed + b"." + encoded(hmac.digest(key, signed, "sha256"))).decode())


def main(command, *arguments):
    if command == "free-ports":
        free_ports(*arguments)
    elif command == "token":
        token(*arguments)
    elif command == "write":
        for ident, size, file in zip(*[iter(arguments)] * 3):
            Path(file).write_bytes(message(ident, int(size)))
    elif command == "stored":
        stored(*arguments)
    elif command == "several":
        several(*arguments)
    elif command == "groups":
        groups(*arguments)
    elif command == "smtplib":
        send_with_smtplib(*arguments)
    elif command == "inject":
        inject(*arguments)
    elif command == "after-ehlo":
        after_ehlo(*arguments)
    elif command == "inject-replies":
        inject_replies(*arguments)
    elif command == "burst":
        burst(*arguments)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
