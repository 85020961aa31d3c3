from __future__ import annotations

import argparse


def add_comment_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of ``comment`` beside those that say where it failed."""
    parser.add_argument("--analysis", default="failure_analysis.json", help="what `failure --wait` wrote (default: %(default)s)")
    parser.add_argument("--error-file", default="", help="the log, for what failed")
    parser.add_argument("--junit", default="", metavar="GLOB", help="JUnit XML files, for what failed")
    parser.add_argument("--resolved", action="store_true", help="the job passes: say so in its comment, where there is one")
    parser.add_argument("--pull-request", type=_number, default=None, help="default: the one that this job builds")
    parser.add_argument("--no-post", action="store_true", help="write no comment: see --output")
    parser.add_argument("--output", default="", help="append the text to this file as well (- is standard output)")
    parser.add_argument("--annotate", action="store_true", help="GitHub Actions: mark the failure at its file and line")
    parser.set_defaults(exit_code=None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:18]) > 0 and len(text) < 18):
        raise argparse.ArgumentTypeError(f"{text} is no number of a pull or merge request")
    return int(text)
