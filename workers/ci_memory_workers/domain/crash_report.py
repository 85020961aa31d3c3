"""Crash reports of kernels and sanitizers: what happened, and in which function.

The function is the first of the call trace that neither reports nor merely waits or allocates for others. Where
something hung or stalled, the innermost frame is an accident of the moment: then the entry it came in by names it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from typing import Final

import re2

# (what happened, RE2 that finds its headline). One group captures the function, or the words, where the headline has them.
_HEADLINES: Final[tuple[tuple[str, str], ...]] = (
    ("hung", r"INFO: task .{1,80} (?:blocked|can't die) (?:for|in) more than \d+ seconds"),
    ("stall", r"(?:INFO: )?(?:rcu|RCU)\w*:?[^\n]{0,30}? (?:self-)?detected (?:expedited )?stalls? on"),
    ("soft lockup", r"BUG: soft lockup"),
    ("hard lockup", r"(?:NMI )?[Ww]atchdog.{0,40} (?:detected )?hard LOCKUP"),
    ("workqueue lockup", r"BUG: workqueue lockup"),
    ("", r"(?:BUG|ERROR|WARNING): ((?:K[A-Z]{1,3}SAN|KFENCE|(?:Address|Thread|Memory|Leak|HWAddress)Sanitizer): [^\n]*)"),
    ("", r"(U[Bb]S[Aa][Nn]: [Uu]ndefined[ -][Bb]ehaviou?r)"),
    ("warning", r"WARNING: (?:CPU: \d+ PID: \d+ )?at [^\s:]+:\d+(?: ([\w.]+)\+0x)?"),
    ("deadlock", r"(?:WARNING|INFO): possible (?:circular|recursive|irq lock inversion|irq)[^\n]*"),
    ("", r"WARNING: ([^\n]*)"),
    ("", r"BUG: (unable to handle[^\n]{0,60}?) (?:at|in|for|virtual)\b[^\n]*"),
    ("", r"BUG: ([^\n]*)"),
    ("kernel BUG", r"kernel BUG at "),
    ("", r"(Unable to handle [^\n]{0,60}?) (?:at|for) "),
    ("", r"(general protection fault|double fault|divide[ _]error|invalid opcode|stack segment)[,:]? "),
    ("", r"(Fatal trap \d+: [^\n]*)"),
    ("", r"(Internal error: [^\n\[]*)"),
    ("leak", r"BUG: memory leak|unreferenced object 0x"),
    ("", r"INFO: (?:trying to register )?([^\n]*(?:non-static key|lockdep|stall)[^\n]*)"),
    ("", r"INFO: (suspicious RCU usage|inconsistent lock state|possible recursive locking detected)"),
    ("", r"(?:Kernel panic - not syncing|\bpanic|\bpanic[(]cpu [^)\n]*[)]): ([^\n]*)"),
    ("", r"(ASSERT(?:ION)? FAILED[^\n]*)"),
    ("", r"(uvm_fault|kernel: [a-z ]{3,40} trap|panic\[cpu)\b"),
)
HEADLINE: Final = "|".join(f"({pattern})" for _, pattern in _HEADLINES)
"""RE2, of one line: what a crash report begins with."""
_ANY: Final = re2.compile(HEADLINE)
# Where each headline's own group stands in `_ANY`; the group after it, where there is one, is what the headline says.
_GROUP: Final = tuple(accumulate((1 + re2.compile(pattern).groups for _, pattern in _HEADLINES), initial=1))
CRASH_LINE: Final = (
    r"\+0x[0-9a-f]+/0x|[A-Z]S[Aa][Nn]: |Sanitizer: |[Kk]ernel |panic: |panic\(|Call Trace|"
    r"Fatal trap|ASSERT FAILED|uvm_fault|INFO: task|BUG: "
)
"""RE2, of one line: where no line has it, there is no crash report."""

_FRAME: Final = re.compile(
    r"""[\s#\d>]*(?:\[<[0-9a-fA-F]+>\]\s*|0x[0-9a-f]+\s+(?:at|in)\s+)?(?P<unsure>\?\s+)?
    (?:(?:RIP|EIP|pc|PC\ is\ at|Stopped\ at)[:\s]+(?:[0-9a-f]{4}:)?(?:\s*\[<[0-9a-f]+>\])*\s*)?
    (?:\w+\([^)]{0,200}\)\ at\ )?(?P<name>[A-Za-z_][\w.:~]{1,200})\+(?:0x)?[0-9a-f]+(?:/0x[0-9a-f]+)?
    |[\s]*\#\d+(?:\.\d+)?\s+0x[0-9a-f]+\ (?:in|at)\ (?P<other>[\w:~<>]{2,200})""",
    re.VERBOSE,
)
# Functions that report, allocate, copy, lock or wait on behalf of somebody else.
_ON_BEHALF: Final = re.compile(
    r"""(?x)^(?:(?:
      dump_|nmi_|unwind|update_process_times|show_(?:stack|regs|trace)|print_|panic|warn|report_bug|fixup_bug|do_(?:error_trap|invalid_op|trap|int3|page_fault)
      |exc_|asm_|invalid_op|die|oops|no_context|bad_area|handle_(?:bug|fault|mm_fault|exception)|page_fault|general_protection|error_entry
      |kasan_|__?asan_|asan_|kmsan_|msan_|kcsan_|tsan_|ubsan_|kfence_|check_memory_region|memcpy|memset|memmove|memcmp|strlen|strcmp|strnlen
      |sanitizer_|handle_overflow|read_word_at|kmemleak_|skb_(?:over_|under_)?panic|skb_put|skb_push|usercopy_|check_(?:object|heap|stack)_|x86_indirect|look_up_lock|perf_trace|timer_is_static|rb_|xas_|xa_|folio_|test_and_|crc|instrument_|atomic_|refcount|unhandled_|invalid_|check_(?:preemption|noncircular|prev|usage|wait|flags)|lock_acquire|lock_release|lockdep_|validate_chain|register_lock
      |mark_lock|mark_held|might_(?:sleep|fault)|cant_sleep|raw_spin|raw_read|raw_write|spin_(?:un)?lock|mutex_|rwsem_|down_|down$|up_|up$
      |rt_mutex|queued_spin|native_|pv_|do_raw_|lock_sock|refcount_|kref_|this_cpu_preempt|debug_|preempt_schedule|cond_resched
      |schedule|io_schedule|wait_for|wait_rcu|wait_on|wait_event|do_wait|bit_wait|prepare_to_wait|context_switch|flush_work|swake|wake_up
      |k[mzcv]*alloc|kmem_|kvmalloc|slab_|alloc_pages|alloc_skb|vmalloc|kfree|kvfree|vfree|should_fail|fail_dump|fault_in|copy_(?:from|to)_user
      |get_user|put_user|csum_|list_(?:add|del)|hlist_|rcu_(?:read|lock|check|sched_clock|note|is)|trace_|ftrace_|stack_trace|save_
      |kobject_add_internal|idr_|ida_|radix_tree|bitmap_|find_(?:next|first)|bug_|sched_show_task|debugobjects?|kcov_|entry_|ret_from|set_state
      |db_(?:enter|trap|fork)|kdb_|vpanic|trap|calltrap|alltraps|kern_|Xsyscall|syscall|assert|Debugger|backtrace|mi_switch|sleepq|mtx_|mcount
      |x86_(?:64_)?sys|do_syscall|do_fast_syscall|do_SYSENTER|SyS?_|se_sys|ia32_|compat_sys|arm64_|el0|el1|kthread|worker_thread
      |process_one_work|start_kernel|secondary_startup|cpu_startup|rest_init|do_exit|do_group_exit|smpboot_thread))"""
)
# Ways into the kernel that every call passes: they name nothing by themselves.
_GLUE: Final = re.compile(
    r"^(?:(?:do_)?(?:vfs_|ksys_|sock_|compat_|security_|sys_|x64_|irq_|apic_|hrtimer|smp_|tick_|update_process|sysvec_|"
    r"invoke_softirq|softirq|run_timer|call_timer|expire_timers|net_rx_action|napi_poll|process_backlog|task_work|exit_to_user|"
    r"ret_from|signal|sysenter|el0|fput|prepare_exit|netlink_|rtnetlink_|genl_|nfnetlink_|new_sync|call_write|call_read|do_iter|file_ioctl|kernel_|rcu_core|run_ksoftirqd|swapper))"
)
_VARIANT: Final = re.compile(
    r"(?:\.(?:cold|isra|part|constprop|llvm)(?:\.\d+)*)+$|(?:_(?:expedited|single|many|cond|any|mask|timeout|interruptible|killable"
    r"|nested|locked|irqsave|irqrestore|bh|irq|slow|slowpath|noprof|node|wait|func|all))+$"
)
_OF_THE_RUN: Final = re.compile(
    r"(?i)\s\(?\b(?:by|comm|task|cpu|pid|caller|addr|address|at|on|stuck|for process|in process|type|held by)\b.*"
    r"|[:\s]*\[[0-9a-fx#]+\]|:?\s*\S+/\d+(?:/0x[0-9a-f]+)?(?=\s|$)"
)
_IN: Final = re.compile(r"\b(?:in|at):? (?:\S+/\S+:\d+:? )?(?P<name>[A-Za-z_][\w.]{2,150})(?:\+0x|\+[0-9a-f]+/| / |\s*$)")
_ANOTHER_TRACE: Final = re.compile(
    r"kthread starved|Sending NMI|Showing (?:all locks|busy)|(?:Allocated|Freed) by task|Kernel Offset|Modules linked"
)
_MOST_LINES: Final = 150
_LONGEST_FRAME: Final = 400


def crash_in(lines: list[str], start: int) -> tuple[str, str] | None:
    """(what happened, the function) of the crash report whose headline is line ``start`` of cleaned ``lines``."""
    if (found := _ANY.search(lines[start])) is None:
        return None
    number = next(index for index, group in enumerate(_GROUP) if found.group(group) is not None)
    has_words = _GROUP[number + 1] - _GROUP[number] > 1
    kind, said = _HEADLINES[number][0], (found.group(_GROUP[number] + 1) or "") if has_words else ""
    first = lines[start][found.start() :]
    what, function = _from_headline(kind, said, first)
    function = function or _from_trace(what, lines[start + 1 : start + _MOST_LINES])
    return (what, function) if function else (first, "")


def _from_headline(kind: str, said: str, line: str) -> tuple[str, str]:
    named = _IN.search(said or line)
    function = _base(named["name"]) if named is not None else ""
    if kind == "warning" and said:
        function = _base(said)
    if _ON_BEHALF.match(function) or "/" in function:
        function = ""
    what = kind or _OF_THE_RUN.sub("", said[: named.start()] if named is not None else said).strip(" :")
    return what, function


def _from_trace(what: str, lines: list[str]) -> str:
    """The function that the call trace gives the blame, empty where it has no usable frame."""
    names: list[str] = []
    interrupted = 0
    for line in lines:
        if "</IRQ>" in line or "</NMI>" in line:
            interrupted = len(names)
        elif names and _ANOTHER_TRACE.search(line) is not None:
            break
        if (function := _function(line[:_LONGEST_FRAME])) is not None:
            names.append(function)
    if what == "stall":
        own = [name for name in names[interrupted:] if not _ON_BEHALF.match(name) and not _GLUE.match(name)]
        return own[-1] if own else ""
    return next((name for name in names if not _ON_BEHALF.match(name)), "")


@lru_cache(8_192)
def _function(line: str) -> str | None:
    """The function of a frame's line; None where the line is none, or the kernel is unsure of it."""
    match = _FRAME.match(line)
    return None if match is None or match["unsure"] is not None else _base(match["name"] or match["other"])


def _base(name: str) -> str:
    name = name.lstrip("_")
    while (shorter := _VARIANT.sub("", name)) != name and len(shorter) > 3:
        name = shorter
    return name
