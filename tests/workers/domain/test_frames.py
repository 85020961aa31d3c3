from __future__ import annotations

import pytest

from ci_memory_workers.domain.frames import frame_name, own_frames


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ('  File "/w/repo/shop/cart.py", line 12, in total', ("total", True)),
        ('  File "/usr/lib/python3.12/json/decoder.py", line 340, in decode', ("decode", False)),
        ('  File "/w/venv/lib/python3.12/site-packages/requests/api.py", line 59, in request', ("request", False)),
        ("\tat com.acme.shop.Cart.total(Cart.java:12)", ("com.acme.shop.Cart.total", True)),
        ("\tat com.acme.shop.Cart.lambda$total$3(Cart.java:12)", ("com.acme.shop.Cart.total", True)),
        ("\tat java.base/java.util.ArrayList.get(ArrayList.java:427)", ("java.base/java.util.ArrayList.get", False)),
        ("\tat org.junit.runners.Suite.run(Suite.java:1)", ("org.junit.runners.Suite.run", False)),
        ("    at Cart.total (/w/repo/src/cart.js:3:9)", ("Cart.total", True)),
        ("    at async run (node:internal/main:1:1)", ("run", False)),
        ("    at /w/repo/node_modules/koa/index.js:3:9", ("index.js", False)),
        ("./lib/cart.rb:12:in 'total'", ("total", True)),
        ("/usr/lib/ruby/3.2/set.rb:12:in `each'", ("each", False)),
        ("example.com/shop/cart.(*Cart).Total(0xc000012)", ("example.com/shop/cart.(*Cart).Total", True)),
        ("runtime.gopanic(0x1)", ("runtime.gopanic", False)),
        ("#3 0x00005581 in shop::Cart::total (this=0x1) at cart.cc:3", ("shop::Cart::total", True)),
        (" [<ffffffff825b8a89>] cart_remove+0x69/0x110", ("cart_remove", True)),
        (" ? cart_remove+0x69/0x110", ("cart_remove", False)),
        ("  12: shop::cart::total", ("shop::cart::total", True)),
    ],
)
def test_a_frame_is_its_function_and_whose_it_is(line: str, frame: tuple[str, bool]) -> None:
    assert frame == frame_name(line)


@pytest.mark.parametrize("line", ["", "nothing here", "at last", "AssertionError: no"])
def test_another_line_is_no_frame(line: str) -> None:
    assert frame_name(line) is None


def test_own_frames_are_innermost_first_without_line_numbers_and_strangers() -> None:
    java = ["\tat java.util.List.of(List.java:1)", "\tat com.acme.A.a(A.java:1)", "\tat com.acme.B.b(B.java:2)"]
    python = ['  File "/r/a.py", line 1, in outer', '  File "/r/b.py", line 2, in inner', "    boom()"]
    assert own_frames(java) == ("com.acme.A.a", "com.acme.B.b")
    assert own_frames(python) == ("inner", "outer")
    assert own_frames(python, limit=1) == ("inner",)
