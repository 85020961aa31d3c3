"""Build logs that we wrote, as CI providers print them; numbers, times and paths vary with ``seed``."""

from __future__ import annotations


def pytest_log(seed: int = 1, *, test: str = "test_total_of_an_order", got: str = "401", wanted: str = "200") -> str:
    """A failing pytest run in GitHub Actions."""
    stamp = f"2026-04-{1 + seed % 28:02}T0{seed % 10}:1{seed % 6}:0{seed % 9}.{seed * 7919 % 10_000_000:07}Z"
    lines = [
        "##[group]Run python -m pytest -q",
        "shell: /usr/bin/bash -e {0}",
        "##[endgroup]",
        f"{'.' * (20 + seed % 30)}F{'.' * (seed % 17)}",
        "=================================== FAILURES ===================================",
        f"_________________________ {test} _________________________",
        "",
        f"client = <shop.client.Client object at 0x7f{seed * 2654435761 % 2**40:010x}>",
        "",
        f"    def {test}(client):",
        '        response = client.get("/orders")',
        f">       assert response.status_code == {wanted}",
        f"E       assert {got} == {wanted}",
        f"E        +  where {got} = <Response [{got}]>.status_code",
        "",
        f"/home/runner/work/r{seed}/r{seed}/tests/test_orders.py:{10 + seed}: AssertionError",
        "=========================== short test summary info ============================",
        f"FAILED tests/test_orders.py::{test} - assert {got} == {wanted}",
        f"1 failed, {70 + seed} passed in {seed % 50}.{seed % 10}1s",
        "##[error]Process completed with exit code 1.",
    ]
    return "".join(f"{stamp} {line}\n" for line in lines)


def missing_module_log(module: str, seed: int = 1) -> str:
    """A build that lacks a Python module."""
    return (
        f"[{seed:02}:14:09] $ python -m app\n"
        "Traceback (most recent call last):\n"
        f'  File "/builds/acme/{seed}/app/__main__.py", line {3 + seed}, in <module>\n'
        f"    import {module}\n"
        f"ModuleNotFoundError: No module named '{module}'\n"
        "ERROR: Job failed: exit code 1\n"
    )
