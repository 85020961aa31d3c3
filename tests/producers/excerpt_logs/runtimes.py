"""Exceptions, signals, exhausted resources."""

from producers.excerpt_logs.log import Log

RUNTIMES = (
    Log(
        "python",
        """starting the worker
Traceback (most recent call last):
  File "/w/worker.py", line 12, in <module>
    main()
  File "/w/worker.py", line 8, in main
    raise KeyError("prices")
KeyError: 'prices'""",
        "KeyError: 'prices'",
    ),
    Log(
        "python, chained",
        """Traceback (most recent call last):
  File "/w/worker.py", line 8, in main
    prices["x"]
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/w/worker.py", line 10, in main
    raise RuntimeError("no price for x") from error
RuntimeError: no price for x""",
        "RuntimeError: no price for x",
    ),
    Log(
        "java",
        """Exception in thread "main" java.lang.IllegalStateException: no price for x
\tat shop.Cart.total(Cart.java:12)
\tat shop.Main.main(Main.java:5)
Caused by: java.lang.NullPointerException
\t... 2 more""",
        'Exception in thread "main" java.lang.IllegalStateException: no price for x',
    ),
    Log(
        "node",
        """/w/cart.js:12
    throw new TypeError('no price for x')
    ^

TypeError: no price for x
    at total (/w/cart.js:12:11)
    at Object.<anonymous> (/w/main.js:3:1)

Node.js v20.0.0""",
        "TypeError: no price for x",
    ),
    Log(
        "go panic",
        """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.total(...)
\t/w/cart.go:12 +0x1d
exit status 2""",
        "panic: runtime error: index out of range [3] with length 3",
    ),
    Log(
        "rust panic",
        """thread 'main' panicked at 'no price for x', src/main.rs:12:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace""",
        "thread 'main' panicked at 'no price for x', src/main.rs:12:5",
    ),
    Log(
        "segmentation fault",
        """running the suite
/w/run.sh: line 3:  4711 Segmentation fault      (core dumped) ./cart --all
make: *** [check] Error 139""",
        "/w/run.sh: line 3:  4711 Segmentation fault      (core dumped) ./cart --all",
    ),
    Log(
        "killed",
        """linking the application
/w/build.sh: line 7:  4711 Killed                  ld -o app *.o
make: *** [app] Error 137""",
        "/w/build.sh: line 7:  4711 Killed                  ld -o app *.o",
    ),
    Log(
        "java heap",
        """[INFO] building
java.lang.OutOfMemoryError: Java heap space
\tat java.base/java.util.Arrays.copyOf(Arrays.java:3512)
[INFO] BUILD FAILURE""",
        "java.lang.OutOfMemoryError: Java heap space",
    ),
    Log(
        "disk",
        """extracting layers
write /var/lib/docker/tmp/layer.tar: no space left on device
make: *** [image] Error 1""",
        "write /var/lib/docker/tmp/layer.tar: no space left on device",
    ),
    Log(
        "silence",
        """compiling
No output has been received in the last 10m0s, this potentially indicates a stalled build or something wrong with it.
The build has been terminated""",
        "No output has been received in the last 10m0s, this potentially indicates a stalled build or something wrong with it.",
    ),
    Log(
        "time limit",
        """still testing
The job running on runner shared-1 has exceeded the maximum execution time of 360 minutes.""",
        "The job running on runner shared-1 has exceeded the maximum execution time of 360 minutes.",
    ),
    Log(
        "shell",
        """+ poetry install
/w/run.sh: line 4: poetry: command not found""",
        "/w/run.sh: line 4: poetry: command not found",
    ),
)
