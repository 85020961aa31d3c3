#!/usr/bin/env bash
# Finds or installs ci-memory-report. Output `command`: its path; empty, with a warning, where that fails: the job goes on.
# A job that has ci-memory-report installed keeps its own, unless a version is asked for.
set -uo pipefail

python=${ACTION_PYTHON:-python3}
version=${ACTION_VERSION:-}

say() { echo "command=$1" >> "$GITHUB_OUTPUT"; }
give_up() {
    echo "::warning title=ci-memory::ci-memory-report could not be installed: $1. Nothing is reported."
    say ""
    exit 0
}

if [ -z "$version" ] && found=$(command -v ci-memory-report) && "$found" comment --help > /dev/null 2>&1; then
    say "$found"
    exit 0
fi
case $version in
    "") what="$(cd "$GITHUB_ACTION_PATH/.." && pwd)[junit]" ;;
    latest) what="ci-memory-producers[junit]" ;;
    *[!0-9A-Za-z.+!-]*) give_up "the input version is no version" ;;
    *) what="ci-memory-producers[junit]==$version" ;;
esac
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || give_up "the input python names no Python 3.11 or newer"

home=${RUNNER_TEMP:-/tmp}/ci-memory
"$python" -m venv --without-pip "$home" || give_up "no virtual environment can be made"
programs=$home/bin
[ -d "$programs" ] || programs=$home/Scripts
"$python" -m pip --python "$home" install --quiet --disable-pip-version-check "$what" || give_up "pip failed"
say "$programs/ci-memory-report"
