"""Stand-in for the SMTP code of hasura-auth: sends one message as a generated environment configures it.

usage: sender.py ENVIRONMENT_FOLDER PORTS CERTIFICATE [NAME=VALUE...]

The rules are the same as in the real program: a server without encryption is accepted only under the names `localhost` and
`mailhog`; AUTH_SMTP_SECURE=true is TLS from the first byte, any other value is STARTTLS where the server offers it.
Variables come from compose.yaml and .env of the folder. PORTS is a JSON object: the port of this machine for each
`host:port`. Only addresses that the networks of Compose would resolve, or that it names, are reachable.
"""
import json, re, smtplib, socket, ssl, sys
import yaml

folder, ports, certificate, *changes = sys.argv[1:]
ports = json.loads(ports)
services = yaml.safe_load(open(folder + "/compose.yaml"))["services"]
values = dict(line.rstrip("\n").split("=", 1) for line in open(folder + "/.env") if "=" in line and line[0] != "#")


def unquoted(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def resolved(text):
    text = re.sub(r"(?<!\$)\$\{(\w+)[^}]*\}", lambda match: unquoted(values[match.group(1)]), str(text))
    return text.replace("$$", "$")


auth = {name: resolved(value) for name, value in services["auth"]["environment"].items()}
auth.update(change.split("=", 1) for change in changes)


def service_of(host):
    """Returns the service to which a name resolves in a network of auth."""
    for name, service in services.items():
        networks = service.get("networks", [])
        for network in set(networks) & set(services["auth"]["networks"]):
            aliases = (networks[network] or {}).get("aliases", []) if isinstance(networks, dict) else []
            if host == name or host in aliases:
                return name
    return None


connect = socket.create_connection


def connect_to_server(address, *arguments, **more):
    host, port = address
    key = f"{service_of(host) or host}:{port}"
    if key not in ports:
        raise OSError(f"no such host: {key}")
    return connect(("127.0.0.1", ports[key]), *arguments, **more)


socket.create_connection = connect_to_server


def send():
    host, port = auth["AUTH_SMTP_HOST"], int(auth["AUTH_SMTP_PORT"])
    context = ssl.create_default_context(cafile=certificate)
    if auth["AUTH_SMTP_SECURE"] == "true":
        client = smtplib.SMTP_SSL(host, port, timeout=10, context=context)
    else:
        client = smtplib.SMTP(host, port, timeout=10)
        client.ehlo()
        if client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        elif host not in ("localhost", "mailhog"):
            raise OSError("unencrypted connection")
    with client:
        client.login(auth["AUTH_SMTP_USER"], auth["AUTH_SMTP_PASS"])
        sender = auth["AUTH_SMTP_SENDER"]
        client.sendmail(sender, ["user@example.org"], f"From: {sender}\r\nTo: user@example.org\r\nSubject: Verify\r\n\r\nhello\r\n")


try:
    send()
except (OSError, smtplib.SMTPException) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
