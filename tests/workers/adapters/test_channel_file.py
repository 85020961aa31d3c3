"""The file that says who is notified: what it says, and what is said of one that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_workers.adapters.channel_file import read_channels
from ci_memory_workers.domain.channel import watched_by
from ci_memory_workers.errors import InvalidSettings

ROOT = Path(__file__).parents[3]
VARIABLES = {
    "ACME_GITHUB_TOKEN": "made-up-github",
    "ACME_GITLAB_TOKEN": "made-up-gitlab",
    "ACME_SLACK_URL": "https://chat.example.com/hook",
}


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "notify.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidSettings) as refused:
        read_channels(path)
    return str(refused.value)


def test_the_example_says_four_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    comments, statuses, notes, chat = read_channels(ROOT / "ops" / "notify.toml")

    assert (comments.kind, comments.host, comments.api_url) == ("comment", "github", "https://api.github.com")
    assert (comments.web_url, comments.secret) == ("https://github.com", "made-up-github")
    assert (statuses.kind, statuses.tenant) == ("status", "acme")
    assert (notes.api_url, notes.web_url) == ("https://gitlab.com/api/v4", "https://gitlab.com")
    assert (chat.kind, chat.secret) == ("slack", "https://chat.example.com/hook")
    assert "made-up" not in repr(comments)


def test_who_only_writes_down_needs_no_secrets() -> None:
    channels = read_channels(ROOT / "ops" / "notify.toml", with_secrets=False)
    watched = watched_by(channels)

    assert watched is not None
    assert watched("acme", "acme/shop")
    assert not watched("acme", "other/shop")
    assert not watched("other", "acme/shop")
    assert watched_by(read_channels(None)) is None


def test_a_server_of_ones_own_has_its_pages_beside_its_api(tmp_path: Path) -> None:
    text = """
        [channels.hub]
        kind = "comment"
        provider = "github"
        token = "made-up"
        api_url = "https://github.example.com/api/v3/"
        [channels.lab]
        kind = "status"
        provider = "gitlab"
        token = "made-up"
        api_url = "https://gitlab.example.com/api/v4"
    """
    hub, lab = read_channels(written(tmp_path, text))

    assert (hub.api_url, hub.web_url) == ("https://github.example.com/api/v3", "https://github.example.com")
    assert lab.web_url == "https://gitlab.example.com"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ('kind = "mail"', "channels.one.kind"),
        ('kind = "comment"\ntoken = "made-up-secret"', "provider is missing"),
        ('kind = "comment"\nprovider = "github"', "token or token_env is missing"),
        ('kind = "comment"\nprovider = "github"\ntoken_env = "NOT_SET"', "NOT_SET that token_env names is not set"),
        ('kind = "slack"', "url or url_env is missing"),
        ('kind = "slack"\nurl = "ftp://made-up-secret"', "url is no http:// or https:// address"),
        ('kind = "slack"\nurl = "https://made-up-secret"\ntoken = "x"', "token has no place in a channel of kind 'slack'"),
        ('kind = "status"\nprovider = "github"\ntoken = "x"\nurl = "https://x"', "url has no place"),
        ('kind = "status"\nprovider = "github"\ntoken = "x"\napi_url = "nowhere"', "api_url is no http://"),
        ('kind = "slack"\nrepositories = ["**"]', "repositories: '**' is no repository"),
        ('kind = "slack"\nchannel = "#ci"', "channels.one.channel"),
    ],
)
def test_what_makes_no_sense_is_named_and_no_secret_with_it(tmp_path: Path, said: str, named: str) -> None:
    told = refusal(written(tmp_path, f"[channels.one]\n{said}\n"))

    assert told.startswith("CI_MEMORY_NOTIFY_FILE: ")
    assert named in told
    assert "channels.one" in told
    assert "made-up-secret" not in told


def test_a_file_with_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    text = '[channels.one]\nkind = "slack"\nurl = "https://chat.example.com/hook"\n'

    assert "chmod 0600" in refusal(written(tmp_path, text, 0o644))
    assert len(read_channels(written(tmp_path, text))) == 1


def test_a_file_that_is_not_there_or_no_toml_is_said(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nowhere.toml")
    assert refusal(written(tmp_path, "channels = ")).startswith("CI_MEMORY_NOTIFY_FILE: ")
