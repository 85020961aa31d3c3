"""A file of channels for stand-ins, and what the stand-ins were told."""

from __future__ import annotations

from pathlib import Path

from ci_memory_producers.comment.marker import Marker
from forge_standin import ForgeStandin

TENANT = "notified"


def notify_file(directory: Path, github: str, gitlab: str, slack: str) -> Path:
    """Comments and statuses at both hosts, and one chat; tokens in variables."""
    path = directory / "notify.toml"
    hosts = {"github": f"{github}/github", "gitlab": f"{gitlab}/gitlab/api/v4"}
    tables = [
        f'[channels.{host}-{kind}]\nkind = "{kind}"\nprovider = "{host}"\ntenant = "{TENANT}"\nrepositories = ["acme/*"]\n'
        f'api_url = "{api_url}"\nweb_url = "https://{host}.example.com"\ntoken_env = "FORGE_TOKEN"\n'
        for host, api_url in hosts.items()
        for kind in ("comment", "status")
    ]
    chat = f'[channels.chat]\nkind = "slack"\ntenant = "{TENANT}"\nurl = "{slack}"\n'
    path.write_text("\n".join([*tables, chat]))
    path.chmod(0o600)
    return path


def state(forge: ForgeStandin) -> str:
    """What the one comment says of its job: 'failed' or 'resolved'; '' where there is none."""
    found = [Marker.read(one["body"]) for one in forge.comments]
    assert len(found) <= 1
    return found[0].state if found and found[0] else ""


def says(forge: ForgeStandin, sha: str) -> str:
    """What stands beside a commit's checks."""
    found = [one["description"] for one in forge.statuses if one["sha"] == sha]
    return str(found[-1]) if found else ""
