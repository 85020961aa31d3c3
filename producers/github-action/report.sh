#!/usr/bin/env bash
# Reports what the job's status says, and waits for the answer as long as it may. It never fails the job: exit status 0 always.
# Outputs: analysis-file, analysis, status, pattern-id, and what comment.sh reads again: log-file, junit.
set -uo pipefail

[ -n "${ACTION_COMMAND:-}" ] || exit 0
[ -z "${ACTION_URL:-}" ] || export CI_MEMORY_URL=$ACTION_URL
[ -z "${ACTION_TOKEN:-}" ] || export CI_MEMORY_TOKEN=$ACTION_TOKEN
python=${ACTION_PYTHON:-python3}
scratch=$(mktemp -d "${RUNNER_TEMP:-/tmp}/ci-memory-report.XXXXXX") || exit 0
analysis=$scratch/failure_analysis.json

say() { echo "$1=$2" >> "$GITHUB_OUTPUT"; }
warn() { echo "::warning title=ci-memory::$1"; }

# What is printed has words of a log in it: the runner must not take any for a command.
quoted() {
    local token status=0
    token=$("$python" -c 'import secrets; print(secrets.token_hex(16))') || return 1
    echo "::stop-commands::$token"
    "$@" 2>&1 || status=$?
    echo
    echo "::$token::"
    return "$status"
}

# All files that the glob $1 names, one a line.
files() { "$python" -c 'import glob, sys; print("\n".join(sorted(glob.glob(sys.argv[1], recursive=True))))' "$1"; }

place=(--stage "${ACTION_STAGE:-test}")
junit=()
if [ -n "${ACTION_JUNIT:-}" ]; then
    if [ -n "$(files "$ACTION_JUNIT")" ]; then
        junit=(--junit "$ACTION_JUNIT")
        say junit "$ACTION_JUNIT"
    elif [ "${ACTION_JOB_STATUS:-}" = failure ]; then
        warn "no JUnit file has the name that the input junit gives"
    fi
fi

if [ "${ACTION_JOB_STATUS:-}" = success ]; then
    quoted "$ACTION_COMMAND" pass "${place[@]}" ${junit[@]+"${junit[@]}"} || warn "the pass could not be reported (status $?)"
    exit 0
fi
[ "${ACTION_JOB_STATUS:-}" = failure ] || exit 0

log=()
if [ -n "${ACTION_LOG:-}" ]; then
    while IFS= read -r file; do
        [ ! -f "$file" ] || cat -- "$file" >> "$scratch/build.log"
    done <<< "$(files "$ACTION_LOG")"
    if [ -s "$scratch/build.log" ]; then
        log=(--error-file "$scratch/build.log")
        say log-file "$scratch/build.log"
    else
        warn "no log has the name that the input log gives, or all are empty"
    fi
fi
if [ ${#log[@]} -eq 0 ] && [ ${#junit[@]} -eq 0 ]; then
    warn "nothing says what failed: give the inputs log or junit"
    exit 0
fi
[ -z "${ACTION_EXIT_CODE:-}" ] || place+=(--exit-code "$ACTION_EXIT_CODE")

quoted "$ACTION_COMMAND" failure "${place[@]}" ${log[@]+"${log[@]}"} ${junit[@]+"${junit[@]}"} \
    --wait "${ACTION_WAIT:-60}" --output "$analysis" ||
    warn "the failure could not be reported (status $?): see the log of this step"
[ -s "$analysis" ] || exit 0

say analysis-file "$analysis"
# JSON on one line has no line end in it: it can't be taken for another output.
"$python" - "$analysis" >> "$GITHUB_OUTPUT" << 'PYTHON' || warn "the answer could not be read"
import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    found = json.load(file)
line = json.dumps(found, separators=(",", ":"))
if len(line) < 500_000:
    print(f"analysis={line}")
print(f"status={re.sub('[^a-z_]', '', str(found.get('status')))}")
print(f"pattern-id={re.sub('[^a-z0-9_]', '', str(found.get('pattern_id') or ''))}")
PYTHON
exit 0
