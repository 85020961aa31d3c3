#!/usr/bin/env bash
# Writes the answer: the job's summary, an annotation, and one comment on the pull request. It never fails the job.
set -uo pipefail

[ -n "${ACTION_COMMAND:-}" ] || exit 0
flags=(comment --stage "${ACTION_STAGE:-test}")
if [ "${ACTION_JOB_STATUS:-}" = success ]; then
    [ "${ACTION_COMMENT:-true}" = true ] || exit 0
    flags+=(--resolved)
elif [ -n "${ACTION_ANALYSIS:-}" ]; then
    flags+=(--analysis "$ACTION_ANALYSIS" --annotate --output "$GITHUB_STEP_SUMMARY")
    [ "${ACTION_COMMENT:-true}" = true ] || flags+=(--no-post)
    [ -z "${ACTION_LOG_FILE:-}" ] || flags+=(--error-file "$ACTION_LOG_FILE")
    [ -z "${ACTION_JUNIT:-}" ] || flags+=(--junit "$ACTION_JUNIT")
else
    exit 0
fi
"$ACTION_COMMAND" "${flags[@]}" || echo "::warning title=ci-memory::the answer could not be written down (status $?)"
exit 0
