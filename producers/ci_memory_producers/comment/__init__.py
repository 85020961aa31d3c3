"""What is said of a failure where it is discussed: one comment on the pull or merge request, a job's summary, annotations.

`content` is pure and says it in Markdown; `text` keeps all that comes from a log text; `marker` and `sticky` keep one comment a
job; `api` and `forges` speak to GitHub and GitLab; `command` is ``ci-memory-report comment``.
"""
