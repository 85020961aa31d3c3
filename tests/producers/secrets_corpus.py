"""Log lines with made-up secrets, and lines that only look like it. Secrets are built from parts: none stands here whole."""

from __future__ import annotations

import base64
from typing import NamedTuple

_MIXED = "x1Y2" * 20
_LOWER = "x1y2" * 20
_HEX = "0f1e" * 20
_UPPER = "X1Y2" * 20
_LETTERS = "xyzw" * 20
_UUID = "00000000-1111-2222-3333-" + "4" * 12
_BODY = "\n".join(["MIIx" + _MIXED[:60]] * 4 + [_MIXED[:30] + "=="])
_BASE64 = base64.b64encode(b"dev:made-up-password-1").decode()


class Leak(NamedTuple):
    """``text`` holds ``secret``; ``kept`` must still be there once it is masked."""

    text: str
    secret: str
    kept: tuple[str, ...] = ()


def _in(line: str, secret: str, *kept: str) -> Leak:
    return Leak(line.replace("@@", secret), secret, kept)


def pem(label: str) -> str:
    dashes = "-" * 5
    return f"{dashes}BEGIN {label}{dashes}\n{_BODY}\n{dashes}END {label}{dashes}"


def jwt() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    return f"{head}.{_MIXED[:40]}.{_LOWER[:43]}"


LEAKS: tuple[Leak, ...] = (
    # Tokens by their shape.
    _in("remote: Invalid credentials @@ used", "ghp_" + "x1" * 18, "remote: Invalid credentials", "used"),
    _in("fatal: could not read from https://@@@github.com/o/r.git", "gho_" + _MIXED[:36], "github.com/o/r.git"),
    _in("using (@@) to clone", "ghu_" + _MIXED[:36], "to clone"),
    _in("GH: @@", "ghs_" + _MIXED[:36]),
    _in("refresh @@,", "ghr_" + _MIXED[:36]),
    _in("pat=@@ ok", "github_pat_" + _MIXED[:22] + "_" + _MIXED[:59], "ok"),
    _in("curl --header 'PRIVATE-TOKEN: @@' https://gitlab.example.com", "glpat-" + _MIXED[:20], "PRIVATE-TOKEN", "example.com"),
    _in("registering with @@ ...", "glrt-" + "t1_" + _MIXED[:20], "registering with"),
    _in("job token is @@", "glcbt-" + "64_" + _MIXED[:20], "job token is"),
    _in("slack post failed: @@", "xoxb-" + "123456789012-" + "1234567890123-" + _MIXED[:24], "slack post failed"),
    _in("POST https://hooks.slack.com/services/@@ 404", "T0000" + "/B0000/" + _MIXED[:24], "hooks.slack.com", "404"),
    _in("npm ERR! 401 with @@", "npm_" + _MIXED[:36], "npm ERR! 401"),
    _in("upload failed for @@", "pypi-" + "AgEI" + _MIXED[:60], "upload failed"),
    _in("openai.AuthenticationError: Incorrect API key provided: @@.", "sk-" + "proj-" + _MIXED[:48], "AuthenticationError"),
    _in("anthropic: @@", "sk-" + "ant-api03-" + _MIXED[:80]),
    _in("stripe: Invalid API Key provided: @@", "sk_" + "live_" + _MIXED[:24], "stripe"),
    _in("restricted @@", "rk_" + "live_" + _MIXED[:24]),
    _in("twilio sid @@", "SK" + _HEX[:32], "twilio"),
    _in("sendgrid @@ rejected", "SG." + _MIXED[:22] + "." + _LOWER[:43], "rejected"),
    _in("mailgun @@", "key-" + _HEX[:32]),
    _in("docker hub @@", "dckr_" + "pat_" + _MIXED[:27]),
    _in("vault: permission denied for @@", "hvs." + _MIXED[:40], "vault: permission denied"),
    _in("Error: Invalid tfe @@", _MIXED[:14] + ".atlasv1." + _LOWER[:67], "Error: Invalid tfe"),
    _in("databricks @@", "dapi" + _HEX[:32]),
    _in("doctl auth init -t @@", "dop_" + "v1_" + _HEX[:64], "doctl auth init -t"),
    _in("GET https://api.telegram.org/bot@@/getMe 401", "123456789" + ":AA" + _MIXED[:33], "api.telegram.org", "401"),
    _in("discord.js login @@", "M" + _MIXED[:23] + "." + _LOWER[:6] + "." + _MIXED[:38], "discord.js login"),
    _in("POST https://discord.com/api/webhooks/123456789012345678/@@", _MIXED[:68], "discord.com/api/webhooks"),
    _in("id_token @@ expired", jwt(), "expired"),
    _in("An error occurred: @@ is not authorized", "AKIA" + _UPPER[:16], "is not authorized"),
    _in("session of @@", "ASIA" + _UPPER[:16]),
    _in("google maps: @@ is invalid", "AIza" + _MIXED[:35], "is invalid"),
    _in("gcloud ya @@", "ya29." + _MIXED[:60]),
    _in("identity @@", "AGE-SECRET-KEY-1" + _UPPER[:58]),
    _in("GET https://x.blob.core.windows.net/c?sv=2021&sig=@@&se=2030", _MIXED[:40] + "%3D", "sv=2021", "se=2030"),
    # Secrets by their names.
    _in("export AWS_SECRET_ACCESS_KEY=@@", _MIXED[:20] + "/" + _LOWER[:19], "export AWS_SECRET_ACCESS_KEY="),
    _in("  aws_secret_access_key = @@", _MIXED[:40], "aws_secret_access_key = "),
    _in(
        "DefaultEndpointsProtocol=https;AccountName=dev;AccountKey=@@;EndpointSuffix=core",
        _MIXED[:64] + "==",
        "AccountName=dev",
        "EndpointSuffix=core",
    ),
    _in("Endpoint=sb://dev.example.com/;SharedAccessKeyName=root;SharedAccessKey=@@", _MIXED[:43] + "=", "KeyName=root"),
    _in("Server=db;User Id=sa;Password=@@;Encrypt=True", "made-Up!1", "User Id=sa", "Encrypt=True"),
    _in("HEROKU_API_KEY: @@", _UUID, "HEROKU_API_KEY: "),
    _in("DB_PASSWORD=@@", "hunter2!", "DB_PASSWORD="),
    _in("+ POSTGRES_PASSWORD=@@ pytest -q", "postgres", "POSTGRES_PASSWORD=", "pytest -q"),
    _in('{"user": "dev", "password": "@@", "port": 5432}', "hunter2 with blanks", '"user": "dev"', '"port": 5432'),
    _in(r'body: "{\"token\": \"@@\", \"n\": 1}"', _LETTERS[:24], r"\"n\": 1"),
    _in("password: @@", "swordfish", "password: "),
    _in("      client_secret: '@@'", _MIXED[:32], "client_secret: '"),
    _in("DeployConfig{User:dev Password:@@ Port:22}", "hunter2", "User:dev", "Port:22"),
    _in("<server><id>dev</id><password>@@</password></server>", "hunter2", "<id>dev</id>", "</password></server>"),
    _in("::set-env name=DEPLOY_TOKEN::@@", "hunter-two", "::set-env name=DEPLOY_TOKEN::"),
    _in("::add-mask::@@", "hunter-two", "::add-mask::"),
    _in("##vso[task.setvariable variable=API_TOKEN;issecret=true]@@", "hunter-two", "variable=API_TOKEN"),
    _in('{"name": "DB_PASSWORD", "value": "@@"}', "hunter2", "DB_PASSWORD"),
    _in("- name: API_TOKEN\n  value: @@\n- name: PORT", "hunter2", "- name: API_TOKEN", "- name: PORT"),
    _in("docker run -e API_KEY=@@ -p 8080:80 dev/image", "hunter2", "-p 8080:80 dev/image"),
    _in("helm upgrade app --set auth.password=@@ --wait", "hunter2", "--wait"),
    _in("mvn deploy -Dgpg.passphrase=@@ -B", "hunter2", "-B"),
    _in("//npm.example.com/:_authToken=@@", _UUID, "npm.example.com"),
    _in("_auth = @@", _BASE64, "_auth = "),
    _in('"auths": {"dev.example.com": {"auth": "@@"}}', _BASE64, "dev.example.com"),
    _in("users:\n- user:\n    client-key-data: @@\n    name: dev", "LS0t" + _MIXED[:60], "name: dev"),
    _in("    token: @@\n", _LETTERS[:40], "token: "),
    _in("token => '@@',", "hunter2", "token =>"),
    _in('$env:NUGET_API_KEY = "@@"', "oy2" + _LOWER[:43], "NUGET_API_KEY"),
    _in("password\x1b[0m: \x1b[33m@@\x1b[0m", "hunter2"),
    _in("SLACK_SIGNING_SECRET=@@", _HEX[:32], "SLACK_SIGNING_SECRET="),
    _in("GET /v1?access_token=@@&page=2", _LETTERS[:20], "page=2"),
    _in("passphrase: @@", "correct horse battery staple", "passphrase: "),
    _in("auth: { user: 'dev', 'pass': '@@' }", "hunter2", "user: 'dev'"),
    _in('  dbPass = "@@"', "hunter2", "dbPass = "),
    _in("TELEGRAM_TOKEN=@@", "1" + ":AA", "TELEGRAM_TOKEN="),
    # Headers and command lines.
    _in("> Authorization: @@", _MIXED[:30], "> Authorization: "),
    _in("Command '['mysql', '--password', '@@']' returned non-zero exit status 1", "hunter2", "non-zero exit status 1"),
    _in("aws configure set aws_secret_access_key @@", _MIXED[:40], "aws configure set"),
    _in("> Authorization: Bearer @@", _LETTERS[:30], "> Authorization: Bearer "),
    _in("authorization: Basic @@", _BASE64, "authorization: Basic "),
    _in("{'Authorization': 'token @@', 'Accept': '*/*'}", _HEX[:40], "'Accept': '*/*'"),
    _in('curl -H "Authorization: Bot @@" https://example.com', _LETTERS[:30], "https://example.com"),
    _in("sent header Bearer @@", _MIXED[:30], "sent header Bearer "),
    _in("Set-Cookie: @@", "session=" + _MIXED[:30] + "; Path=/; HttpOnly", "Set-Cookie: "),
    _in('-H "Cookie: @@" -v', "a=" + _LETTERS[:20] + "; b=2", "-v"),
    _in("curl -sS -u dev:@@ https://example.com/x", "hunter2", "curl -sS -u dev:", "https://example.com/x"),
    _in("$ tool login --password @@ --host example.com", "hunter", "--host example.com"),
    _in("docker login -u dev -p @@ registry.example.com", "hunter2", "docker login -u dev -p ", "registry.example.com"),
    _in("mysql -uroot -p@@ -e 'select 1'", "hunter2", "mysql -uroot -p", "-e 'select 1'"),
    _in("sshpass -p @@ ssh dev@example.com", "hunter2", "ssh dev@example.com"),
    _in("redis-cli -h cache -a @@ ping", "hunter2", "redis-cli -h cache", "ping"),
    _in("machine example.com login dev password @@\n", "hunter2", "machine example.com login dev"),
    _in("machine example.com\n  login dev\n  password @@\n", "hunter2", "login dev"),
    # URLs.
    _in("https://x-access-token:@@@github.com/o/r", _MIXED[:30], "@github.com/o/r"),
    _in("could not connect: postgres://dev:@@@db.example.com:5432/app", "hunter2", "postgres://dev:", "@db.example.com:5432/app"),
    _in("mysql://root:@@@127.0.0.1/test?x=1", "p%40ss", "mysql://root:", "127.0.0.1/test?x=1"),
    _in("redis://:@@@cache:6379/0", "hunter2", "redis://:", "@cache:6379/0"),
    _in("amqp://dev:@@@mq//", "p@ss", "amqp://dev:", "@mq//"),
    _in("Cloning https://oauth2:@@@gitlab.example.com/g/r.git", _LETTERS[:20], "gitlab.example.com/g/r.git"),
    _in("SENTRY_DSN=https://@@@o1.ingest.example.com/2", _HEX[:32], "o1.ingest.example.com/2"),
    # Keys of several lines.
    _in("loading key\n@@\ndone", pem("RSA PRIVATE KEY"), "loading key", "done"),
    _in("@@", pem("OPENSSH PRIVATE KEY")),
    _in("x\n@@\ny", pem("PGP PRIVATE KEY BLOCK").replace("\n", "\n\n", 1), "x\n", "\ny"),
    _in(
        '{"type": "service_account", "private_key": "@@\\n", "client_email": "dev@example.com"}',
        pem("PRIVATE KEY").replace("\n", "\\n"),
        "service_account",
        "dev@example.com",
    ),
    _in(
        "key:\n@@\nE   AssertionError: assert 1 == 2",
        pem("EC PRIVATE KEY").rsplit("\n", 1)[0],
        "E   AssertionError: assert 1 == 2",
    ),
    _in("@@\nE   AssertionError: assert 1 == 2", pem("PRIVATE KEY").split("\n", 1)[1], "E   AssertionError: assert 1 == 2"),
    _in(
        "\n".join("2026-01-02T03:04:05.678Z " + line for line in ["start", "@@", "end"]),
        pem("RSA PRIVATE KEY").replace("\n", "\n2026-01-02T03:04:05.678Z "),
        "start",
        "end",
    ),
    _in("kube: @@", base64.b64encode(pem("RSA PRIVATE KEY").encode()).decode(), "kube: "),
)

LOOK_ALIKES: tuple[str, ...] = (
    "HEAD is now at 3f2c9d1e8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e Fix the parser",
    "request id 123e4567-e89b-12d3-a456-426614174000 failed",
    "Installing numpy==2.1.3 and torch==2.4.0+cpu",
    "SyntaxError: Unexpected token } in JSON at position 42",
    "Unexpected token: punc (})",
    "Error: AUTH_TOKEN is not set",
    "error: missing token",
    "KeyError: 'AUTH_TOKEN'",
    '{"password": ["This field is required."]}',
    "password: required field",
    "secret not found",
    'Error from server (NotFound): secrets "my-tls-secret" not found',
    "    assert token == None",
    "    assert response.token != expected_token",
    "TOKEN=",
    "TOKEN=\nFOO=1",
    'token: ""',
    "export TOKEN=$TOKEN",
    "export TOKEN=${GITHUB_TOKEN:-}",
    "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}",
    "docker run -e API_KEY -p 8080:80 dev/image",
    "Pulled dev/image@sha256:" + _HEX[:64],
    "docker://alpine:3.20@sha256:" + _HEX[:64],
    '"integrity": "sha512-' + _MIXED[:80] + _LOWER[:6] + '=="',
    "/home/dev/project/src/auth/token_store.py:42: in refresh",
    "tests/test_auth.py::test_password_reset FAILED",
    "tests/test_token.py::test_token[expired] PASSED",
    "max_tokens=4096",
    '"prompt_tokens": 1024, "completion_tokens": 256',
    "tokens: 12",
    "secrets: 3 scanned, passwords: 0",
    "num_pass=10 first_pass: 2",
    "bypass: enabled",
    'Unknown TAP token: "============"',
    "opening app wtoken = AppWindowToken{9f4ef63 token=Token{a64f992 u0}}",
    "Bad activity token: android.os.BinderProxy@2bd79ce",
    "INFO d.f.AisecTokenManagerService   : TEST: a message without a valid DAT",
    "  +-com.google.auth:google-auth-library-oauth2-http:1.13.0 (managed)",
    "> Task :grpc-auth:compileJava UP-TO-DATE",
    "docker push dev/test-auth:3.0.0-dev.0",
    "\tat com.example.SshByPassword.session(SshByPassword.java:104)",
    "DEBUG:botocore.credentials:Looking for credentials via: env",
    "Setting up libsecret-1-0:amd64 (0.20) ...",
    "server-password: GITHUB_TOKEN",
    "cache-key: v1-linux-abc",
    "Cache restored from key: Linux-npm-" + _HEX[:64],
    "author: dev",
    "Author: dev <dev@example.com>",
    "Authorization header is missing",
    'WWW-Authenticate: Bearer realm="example"',
    "error: Basic authentication is not supported",
    "TypeError: connect() missing 1 required positional argument: 'password'",
    "TypeError: login() got an unexpected keyword argument 'token'",
    "AUTHORIZATION: basic ***",
    "  token: ***",
    "password: ********",
    "db_password = (sensitive value)",
    "    token = get_token(request)",
    "    password = self.password",
    "    def login(user: str, password: str, token: Optional[str] = None) -> None:",
    "    client = Client(token=token, password=db_password)",
    "permissions:\n  id-token: write\n  contents: read",
    "VAULT_TOKEN_FILE=/run/secrets/vault",
    "token file: /var/run/secrets/kubernetes.io/serviceaccount/token",
    "PWD=/home/runner/work/app/app",
    "tokenizer: bert-base-uncased",
    "secretName: my-tls-cert",
    "secretKeyRef: {name: db, key: password}",
    "Enter password: ",
    "Invalid username or password.",
    "fatal: Authentication failed for 'https://github.com/o/r.git/'",
    "GET http://localhost:8080/@vite/client 404",
    "ssh://git@github.com:22/o/r.git",
    "git@github.com:o/r.git",
    "pip install git+https://github.com/o/r.git@v1.2.3",
    "http://127.0.0.1:5000/login?next=/home",
    "expected 'PRIMARY KEY' near 'FOREIGN KEY'",
    "-----BEGIN CERTIFICATE-----\n" + _BODY + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + _BODY + "\n-----END PUBLIC KEY-----",
    "ssh-ed25519 " + "AAAA" + _MIXED[:64] + " dev@example.com",
    "task-runner-for-disk-cleanup-in-batches-of-ten failed",
    "class sk-fading-circle-animation-with-delay not found",
    "npm_config_registry_timeout_in_milliseconds was ignored",
    "SKIPPED [1] tests/test_x.py:12: needs a GPU",
    "sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozfQ==",
    "uid=1000(dev) docker run -u 1000:1000 dev/image",
    "mkdir -p build/output && cp -a src/. build/output",
    "psql -p 5432 -U dev app",
    "password must be at least 8 characters",
    'ERROR: password authentication failed for user "dev"',
    "auth: disabled",
    "keyboard: us, monkey: 3",
    "E       assert 'a' == 'b'",
    "Run actions/checkout@v4 with: ssh-strict: true, persist-credentials: true",
    "2026-01-02T03:04:05Z INFO refreshing the token for user 7",
    "Process finished with exit code 1 (pass: 3, fail: 2)",
)
