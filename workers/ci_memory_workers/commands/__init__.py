"""The commands of ``ci-memory``, one file a group."""
