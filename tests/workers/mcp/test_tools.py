"""What a coding assistant asks, and what it is told: by the SDK's own client, on a memory that works."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import types
from mcp.client.session import ClientSession
from redis import Redis

from ci_memory_workers.domain.access_token import AccessToken
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.errors import InvalidSettings
from ci_memory_workers.mcp.tools import Asked
from ci_memory_workers.services.asking import LocalCaller
from memory_at_hand import LOG, MemoryAtHand, in_session, text_of, told

SHOP_ONLY = AccessToken(token_id="aaaaaaaaaaaa", tenant="default", digest="", repositories=("acme/shop",))
NOBODY = "pat_000000000000"


def no_server() -> Asked:
    raise InvalidSettings("no server: start one with `ci-memory up`")


def known(memory: MemoryAtHand, build_id: str = "1", **place: Any) -> str:
    pattern_id = memory.fails(LOG.format(line=7), build_id, **place)[0].pattern_id
    assert pattern_id is not None
    return pattern_id


def test_the_tools_are_described_for_an_assistant() -> None:
    async def talk(session: ClientSession) -> types.ListToolsResult:
        return await session.list_tools()

    listed = in_session(no_server, talk)
    tools = {tool.name: tool for tool in listed.tools}
    assert list(tools) == ["explain_log", "search_known_failures", "get_pattern", "record_resolution"]
    required = {name: tool.inputSchema.get("required") for name, tool in tools.items()}
    assert required == {
        "explain_log": ["log_text", "stage"],
        "search_known_failures": ["query"],
        "get_pattern": ["pattern_id"],
        "record_resolution": ["pattern_id", "fix_type"],
    }
    for tool in listed.tools:
        assert tool.inputSchema["additionalProperties"] is False
        assert all("description" in one for one in tool.inputSchema["properties"].values()), tool.name
        assert tool.outputSchema is not None
        assert tool.annotations is not None
        assert tool.annotations.readOnlyHint is (tool.name != "record_resolution")


def test_an_unknown_log_is_said_to_be_unknown_and_nothing_is_remembered_of_it(memory: MemoryAtHand, redis_client: Redis) -> None:
    before = sorted(redis_client.keys())
    answer = told(memory.ask("explain_log", log_text=LOG.format(line=7), stage="test"))

    assert answer["status"] == "unknown"
    assert answer["message"].startswith("Unknown: no build has reported this failure.")
    failure = answer["failures"][0]
    assert failure["category"] == "test_assertion"
    assert failure["test"] == "test_profile_of_a_member"
    assert "known" not in failure
    assert "assert 401 == 200" in answer["excerpt"]
    assert sorted(redis_client.keys()) == before


def test_a_known_log_comes_with_the_fix_its_evidence_and_its_confidence_and_is_not_counted(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    memory.is_fixed(pattern_id, "set AUTH_TOKEN in the fixtures")
    before = memory.box.index.pattern("default", pattern_id)

    answer = told(memory.ask("explain_log", log_text=LOG.format(line=99), stage="test", repo="acme/shop"))

    failure = answer["failures"][0]
    assert (answer["status"], failure["seen_in_repo"]) == ("known", True)
    assert failure["known"]["pattern_id"] == pattern_id
    assert (failure["known"]["suggestion_is"], failure["known"]["suggested_fix"]) == ("fix", "set AUTH_TOKEN in the fixtures")
    assert failure["known"]["fix_type"] == "config_change"
    assert 0 < failure["known"]["confidence_at_least"] < failure["known"]["confidence"] < 1
    assert answer["message"] == failure["known"]["message"]
    assert "seen once in 1 repository" in answer["message"]
    assert memory.box.index.pattern("default", pattern_id) == before


def test_a_log_is_recognised_wherever_it_comes_from_and_the_answer_says_whether_it_was_seen_there(memory: MemoryAtHand) -> None:
    known(memory)
    answer = told(memory.ask("explain_log", log_text=LOG.format(line=99), stage="test", repo="acme/billing"))
    assert (answer["status"], answer["failures"][0]["seen_in_repo"]) == ("known", False)


def test_every_failure_of_a_log_is_looked_up_for_itself(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    other = LOG.format(line=7).replace("test_profile_of_a_member", "test_cart").replace("401 == 200", "None is not None")
    answer = told(memory.ask("explain_log", log_text=f"{LOG.format(line=8)}\n{other}", stage="test"))

    ids = {one["test"]: one.get("known", {}).get("pattern_id") for one in answer["failures"]}
    assert ids == {"test_profile_of_a_member": pattern_id, "test_cart": None}


def test_what_was_forgotten_is_unknown_again(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    memory.box.decisions.forget("default", pattern_id, Ruling("dev@example.com", "a test of the runner", 1))
    assert told(memory.ask("explain_log", log_text=LOG.format(line=7), stage="test"))["status"] == "unknown"
    refused = memory.ask("get_pattern", pattern_id=pattern_id)
    assert refused.isError
    assert text_of(refused) == f"{pattern_id} was forgotten by dev@example.com: a test of the runner"


def test_a_search_finds_what_was_reported_and_keeps_to_a_repository(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    query = "test_profile_of_a_member got 401 where 200 was expected"

    found = told(memory.ask("search_known_failures", query=query))["found"]
    assert [one["pattern_id"] for one in found] == [pattern_id]
    assert (found[0]["suggestion_is"], found[0]["confidence"], found[0]["analyst"]) == ("diagnosis", 0.0, "rules")
    assert told(memory.ask("search_known_failures", query=query, repo="acme/shop", limit=1))["found"] == found
    elsewhere = told(memory.ask("search_known_failures", query=query, repo="acme/billing"))
    assert (elsewhere["found"], elsewhere["message"]) == ([], "Nothing like it is known.")


def test_a_pattern_is_shown_with_each_fix_and_what_people_decided(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    memory.is_fixed(pattern_id, "set AUTH_TOKEN in the fixtures")
    memory.is_fixed(pattern_id, "run it twice")
    fixes = {one["description"]: one for one in told(memory.ask("get_pattern", pattern_id=pattern_id))["fixes"]}
    ruling = Ruling("dev@example.com", "it hides the failure", 1_800_000_000_000)
    memory.box.decisions.about_fix("default", pattern_id, fixes["run it twice"]["fix_id"], "veto", ruling)

    shown = told(memory.ask("get_pattern", pattern_id=pattern_id))
    fixes = {one["description"]: one for one in shown["fixes"]}
    assert shown["suggested_fix"] == "set AUTH_TOKEN in the fixtures"
    assert fixes["run it twice"]["vetoed"]["why"] == "it hides the failure"
    assert "vetoed" not in fixes["set AUTH_TOKEN in the fixtures"]
    assert (shown["status"], shown["seen"], shown["builds"], shown["diagnosis"]["summary"] != "") == ("resolved", 1, 1, True)


def test_a_resolution_goes_through_the_log_and_its_receipt_comes_back(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    fix: dict[str, Any] = {
        "pattern_id": pattern_id,
        "fix_type": "config_change",
        "fix_description": "set AUTH_TOKEN",
        "repo": "acme/shop",
    }
    answer = told(memory.ask("record_resolution", fix_commit="9f3c2e1", fixed_by="dev@example.com", **fix))

    assert answer["status"] == "recorded"
    assert answer["message"] == f"{pattern_id} is resolved: this fix is suggested when the failure comes back."
    again = memory.fails(LOG.format(line=99), "2", repo="acme/billing")[0]
    assert (again.status, again.suggested_fix) == ("known_pattern", "set AUTH_TOKEN")
    assert again.evidence is not None
    assert (again.evidence.fix_commit, again.evidence.fixed_by) == ("9f3c2e1", "dev@example.com")

    repeated = told(memory.ask("record_resolution", fix_commit="9f3c2e1", fixed_by="dev@example.com", **fix))
    assert repeated["event_id"] == answer["event_id"]
    assert len(told(memory.ask("get_pattern", pattern_id=pattern_id))["fixes"]) == 1


def test_a_rerun_is_recorded_as_no_fix(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    answer = told(memory.ask("record_resolution", repo="acme/shop", pattern_id=pattern_id, fix_type="rerun"))
    assert "is marked flaky" in answer["message"]
    assert told(memory.ask("get_pattern", pattern_id=pattern_id))["fixes"] == []


def test_the_repository_of_the_place_is_the_default_of_a_resolution(memory: MemoryAtHand) -> None:
    pattern_id = known(memory)
    memory.ask("record_resolution", place="acme/tools", pattern_id=pattern_id, fix_type="code_change", fix_description="fixed")
    (fix,) = told(memory.ask("get_pattern", pattern_id=pattern_id))["fixes"]
    assert fix["repo"] == "acme/tools"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("explain_log", {"stage": "test"}, "log_text: Field required"),
        ("explain_log", {"stage": "check", "log_text": "x"}, "stage: Input should be 'build', 'test', 'deploy' or 'verify'"),
        ("explain_log", {"stage": "test", "log_text": " \n \n"}, "log_text holds no text"),
        (
            "explain_log",
            {"stage": "test", "log_text": "x" * 1_000_001},
            "log_text: String should have at most 1000000 characters",
        ),
        ("search_known_failures", {"query": "x", "limit": 99}, "limit: Input should be less than or equal to 20"),
        ("search_known_failures", {"query": "x", "repository": "a/b"}, "repository: Extra inputs are not permitted"),
        ("get_pattern", {"pattern_id": "the last one"}, "pattern_id: String should match pattern"),
        ("get_pattern", {"pattern_id": NOBODY}, f"pattern_id: nothing is known under {NOBODY}"),
        ("record_resolution", {"pattern_id": NOBODY, "fix_type": "rerun"}, "repo is missing"),
        ("record_resolution", {"pattern_id": NOBODY, "fix_type": "rerun", "repo": "a/b"}, "pattern_id: nothing is known"),
        ("record_resolution", {"pattern_id": NOBODY, "fix_type": "magic"}, "fix_type: Input should be 'code_change'"),
        ("forget_all", {}, "there is no such tool: there are explain_log, search_known_failures"),
    ],
)
def test_an_error_names_the_field_and_repeats_no_value(
    memory: MemoryAtHand, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = memory.ask(name, **arguments)
    assert result.isError
    assert text_of(result).startswith(said)
    assert "the last one" not in text_of(result)


def test_a_fix_that_is_not_described_is_refused(memory: MemoryAtHand) -> None:
    result = memory.ask("record_resolution", pattern_id=known(memory), fix_type="code_change", repo="acme/shop")
    assert (result.isError, "fix_description is empty" in text_of(result)) == (True, True)


def test_null_is_what_was_left_out(memory: MemoryAtHand) -> None:
    answer = told(memory.ask("search_known_failures", query="anything", repo=None, limit=None))
    assert answer["found"] == []


def test_without_a_server_every_tool_says_so() -> None:
    async def talk(session: ClientSession) -> types.CallToolResult:
        return await session.call_tool("search_known_failures", {"query": "x"})

    result = in_session(no_server, talk)
    assert (result.isError, text_of(result)) == (True, "no server: start one with `ci-memory up`")


def test_a_tenant_has_nothing_of_another(memory: MemoryAtHand) -> None:
    pattern_id, theirs = known(memory), LocalCaller("theirs")
    assert told(memory.ask("explain_log", caller=theirs, log_text=LOG.format(line=7), stage="test"))["status"] == "unknown"
    assert told(memory.ask("search_known_failures", caller=theirs, query="test_profile_of_a_member 401"))["found"] == []
    assert memory.ask("get_pattern", caller=theirs, pattern_id=pattern_id).isError
    assert memory.ask("record_resolution", caller=theirs, repo="a/b", pattern_id=pattern_id, fix_type="rerun").isError


def test_who_is_limited_to_repositories_sees_the_patterns_of_these_alone(memory: MemoryAtHand) -> None:
    pattern_id = known(memory, repo="acme/billing")
    query = {"query": "test_profile_of_a_member got 401 where 200 was expected"}
    assert memory.ask("get_pattern", caller=SHOP_ONLY, pattern_id=pattern_id).isError
    assert told(memory.ask("search_known_failures", caller=SHOP_ONLY, **query))["found"] == []
    out = memory.ask("search_known_failures", caller=SHOP_ONLY, repo="acme/billing", **query)
    assert (out.isError, text_of(out)) == (True, "repo is none of the repositories of this token")
    fix: dict[str, Any] = {"pattern_id": pattern_id, "fix_type": "code_change", "fix_description": "fixed"}
    assert memory.ask("record_resolution", caller=SHOP_ONLY, repo="acme/shop", **fix).isError

    memory.fails(LOG.format(line=9), "2", repo="acme/shop")
    memory.is_fixed(pattern_id, "set AUTH_TOKEN", repo="acme/billing")
    shown = told(memory.ask("get_pattern", caller=SHOP_ONLY, pattern_id=pattern_id))
    assert (shown["suggested_fix"], shown["fixes"][0]["repo"]) == ("set AUTH_TOKEN", "")
    assert told(memory.ask("record_resolution", caller=SHOP_ONLY, repo="acme/shop", **fix))["status"] == "recorded"
