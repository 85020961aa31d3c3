"""The file of webhooks: what it says, where its secrets come from, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_workers.adapters.hook_file import read_hooks
from ci_memory_workers.errors import InvalidSettings

SECRET = "made-up-secret-of-the-hook"


def written(directory: Path, text: str) -> Path:
    path = directory / "webhooks.toml"
    path.write_text(text)
    return path


def test_without_a_file_no_webhook_is_expected() -> None:
    assert read_hooks(None) == {}


def test_the_file_that_operators_begin_with_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("GITHUB", "GITLAB", "BUILDKITE", "CIRCLECI", "JENKINS"):
        for name in (f"ACME_{provider}_SECRET", f"ACME_{provider}_TOKEN"):
            monkeypatch.setenv(name, f"{SECRET}: {name}")

    hooks = read_hooks(Path(__file__).parents[3] / "ops" / "webhooks.toml")

    assert (hooks["acme-github"].secret, hooks["acme-github"].api_url) == (
        f"{SECRET}: ACME_GITHUB_SECRET",
        "https://api.github.com",
    )
    assert (hooks["acme-gitlab"].api_token, hooks["acme-gitlab"].tenant) == (f"{SECRET}: ACME_GITLAB_TOKEN", "acme")
    assert hooks["acme-github"].may_send_to("results.blob.core.windows.net")
    assert not hooks["acme-github"].may_send_to("blob.core.windows.net.evil.example.com")
    assert {hook.provider for hook in hooks.values()} == {"github", "gitlab", "buildkite", "circleci", "jenkins"}
    assert hooks["acme-circleci"].may_send_to("circle-production-action-output.s3.amazonaws.com")
    assert not hooks["acme-jenkins"].may_send_to("ci.example.com")


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (f'provider = "travis"\nsecret = "{SECRET}"', "provider"),
        (f'provider = "jenkins"\nsecret = "{SECRET}"', "api_url"),
        (f'provider = "jenkins"\nsecret = "{SECRET}"\napi_url = "https://ci.example.com"\napi_token = "made-up"', "user:token"),
        (f'provider = "gitlab"\nsecret = "{SECRET}"\ncheck_apps = ["x"]', "check_apps"),
        (f'provider = "github"\ntenant = "NO"\nsecret = "{SECRET}"', "tenant"),
        ('provider = "github"\nsecret = "short"', "16 characters"),
        ('provider = "github"', "16 characters"),
        (f'provider = "github"\nsecret = "{SECRET}"\nrepositories = ["*"]', "repositories"),
        (f'provider = "github"\nsecret = "{SECRET}"\napi_url = "file:///etc"', "api_url"),
        (f'provider = "github"\nsecret = "{SECRET}"\nsecrets = "x"', "secrets"),
        (f'provider = github\nsecret = "{SECRET}"', "CI_MEMORY_WEBHOOKS_FILE"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is_shown(tmp_path: Path, table: str, named: str) -> None:
    with pytest.raises(InvalidSettings) as wrong:
        read_hooks(written(tmp_path, f"[hooks.ours]\n{table}\n"))

    assert named in str(wrong.value)
    assert SECRET not in str(wrong.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="CI_MEMORY_WEBHOOKS_FILE"):
        read_hooks(tmp_path / "none.toml")
