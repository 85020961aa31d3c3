"""``ci-memory``: start it, look into it, teach it. Exit status 2: bad input; 3: the server is out of reach."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from .errors import CiMemoryError

BAD_INPUT, UNREACHABLE = 2, 3

_COMMANDS = {
    "demo": ("demo", "demo"),
    "up": ("up", "up"),
    "explain": ("explain", "explain"),
    "patterns": ("knowledge", "patterns"),
    "sweep": ("knowledge", "sweep"),
    "stats": ("knowledge", "stats"),
    "metrics": ("metrics", "metrics"),
    "dead": ("dead", "dead"),
    "replay": ("replay", "replay"),
    "gateway": ("gateway", "gateway"),
    "token": ("token", "token"),
    "mcp": ("mcp", "mcp"),
    "export": ("archive", "export_command"),
    "import": ("archive", "import_command"),
    "rebuild": ("archive", "rebuild"),
}


class _Commands(click.Group):
    """Loads the command that is asked for, and no other: `explain` should not pay for Celery."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f".commands.{module}", __package__), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ci-memory-workers")
def cli() -> None:
    """The memory that CI systems lack: learn from build failures, never see the same CI error twice."""


def main() -> None:
    """Run the command, and turn errors into a sentence and an exit status."""
    try:
        status = cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_INPUT)
    except click.Abort:
        sys.exit(130)
    except CiMemoryError as error:
        _fail(error, BAD_INPUT)
    except Exception as error:
        from redis import RedisError

        from ci_memory_producers.excerpt import UnreadableLog

        if isinstance(error, UnreadableLog):
            _fail(error, BAD_INPUT)
        if isinstance(error, BrokenPipeError):
            sys.exit(0)  # who read our output has seen enough
        if isinstance(error, RedisError | ConnectionError):
            _fail(f"the server is out of reach: {error}", UNREACHABLE)
        raise
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: object, status: int) -> None:
    click.echo(f"ci-memory: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
