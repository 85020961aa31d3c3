"""What the providers of CI put into the environment of a job."""

from __future__ import annotations

from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"
MERGE = "f" * 40

GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "dev/app",
    "GITHUB_RUN_ID": "9000000001",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_WORKFLOW": "CI",
    "GITHUB_JOB": "test",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_SHA": SHA,
    "GITHUB_ACTOR": "dev",
    "GITHUB_SERVER_URL": "https://github.com",
}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "group/sub/app",
    "CI_PIPELINE_ID": "700",
    "CI_PIPELINE_IID": "7",
    "CI_JOB_ID": "70001",
    "CI_JOB_NAME": "test 2/3",
    "CI_NODE_INDEX": "2",
    "CI_NODE_TOTAL": "3",
    "CI_COMMIT_REF_NAME": "feature",
    "CI_DEFAULT_BRANCH": "main",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_AUTHOR": "dev <dev@example.com>",
    "CI_JOB_URL": "https://gitlab.example.com/group/sub/app/-/jobs/70001",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example.com/",
    "JOB_NAME": "app/feature%2Fx",
    "BUILD_NUMBER": "12",
    "BUILD_ID": "12",
    "BUILD_TAG": "jenkins-app-feature%2Fx-12",
    "BRANCH_NAME": "feature/x",
    "GIT_BRANCH": "origin/feature/x",
    "GIT_COMMIT": SHA,
    "GIT_URL": "https://dev:made-up-1@git.example.com/dev/app.git",
    "BUILD_URL": "https://dev:made-up-1@ci.example.com/job/app/12/",
}
BUILDKITE = {
    "CI": "true",
    "BUILDKITE": "true",
    "BUILDKITE_REPO": "git@github.com:dev/app.git",
    "BUILDKITE_BUILD_ID": "build-uuid",
    "BUILDKITE_BUILD_NUMBER": "1514",
    "BUILDKITE_PIPELINE_SLUG": "app",
    "BUILDKITE_LABEL": ":hammer: Tests",
    "BUILDKITE_PARALLEL_JOB": "0",
    "BUILDKITE_PARALLEL_JOB_COUNT": "5",
    "BUILDKITE_RETRY_COUNT": "1",
    "BUILDKITE_JOB_ID": "job-uuid",
    "BUILDKITE_BRANCH": "feature",
    "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main",
    "BUILDKITE_COMMIT": SHA,
    "BUILDKITE_BUILD_AUTHOR": "dev",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/dev/app/builds/1514",
}
CIRCLECI = {
    "CI": "true",
    "CIRCLECI": "true",
    "CIRCLE_PROJECT_USERNAME": "dev",
    "CIRCLE_PROJECT_REPONAME": "app",
    "CIRCLE_WORKFLOW_ID": "workflow-uuid",
    "CIRCLE_WORKFLOW_JOB_ID": "job-uuid",
    "CIRCLE_BUILD_NUM": "331",
    "CIRCLE_JOB": "test",
    "CIRCLE_NODE_INDEX": "3",
    "CIRCLE_NODE_TOTAL": "4",
    "CIRCLE_BRANCH": "feature",
    "CIRCLE_SHA1": SHA,
    "CIRCLE_USERNAME": "dev",
    "CIRCLE_BUILD_URL": "https://circleci.com/gh/dev/app/331",
}


def pull_request(full_name: str = "dev/app") -> dict[str, Any]:
    return {
        "pull_request": {"head": {"sha": SHA, "ref": "feature", "repo": {"full_name": full_name}}},
        "repository": {"default_branch": "main"},
    }
