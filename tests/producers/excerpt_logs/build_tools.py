"""Package managers, build tools, deployment tools."""

from producers.excerpt_logs.log import Log

TOOLS = (
    Log(
        "npm, registry",
        """npm ERR! code E404
npm ERR! 404 Not Found - GET https://npm.example.org/left-pad2 - Not found
npm ERR! 404  'left-pad2@^1.0.0' is not in this registry.
npm ERR! A complete log of this run can be found in: /w/.npm/_logs/debug.log""",
        "npm ERR! code E404",
    ),
    Log(
        "npm, peers",
        """npm ERR! code ERESOLVE
npm ERR! ERESOLVE unable to resolve dependency tree
npm ERR! Found: react@18.0.0
npm ERR! A complete log of this run can be found in:""",
        "npm ERR! code ERESOLVE",
    ),
    Log(
        "yarn",
        """[1/4] Resolving packages...
error Couldn't find package "left-pad2" on the "npm" registry.
info Visit https://yarnpkg.com/en/docs/cli/install for documentation about this command.""",
        'error Couldn\'t find package "left-pad2" on the "npm" registry.',
    ),
    Log(
        "pip",
        """Collecting shop-prices==9.9
ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: 1.0, 1.1)
ERROR: No matching distribution found for shop-prices==9.9""",
        "ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: 1.0, 1.1)",
    ),
    Log(
        "bundler",
        """Fetching gem metadata from https://gems.example.org/.........
Could not find gem 'shop-prices (~> 9.9)' in rubygems repository https://gems.example.org/ or installed locally.""",
        "Could not find gem 'shop-prices (~> 9.9)' in rubygems repository https://gems.example.org/ or installed locally.",
    ),
    Log(
        "gradle, dependency",
        """FAILURE: Build failed with an exception.

* What went wrong:
Could not resolve all files for configuration ':compileClasspath'.
> Could not find shop:prices:9.9.

* Try:
> Run with --stacktrace option to get the stack trace.

BUILD FAILED in 1s""",
        "Could not find shop:prices:9.9.",
    ),
    Log(
        "maven, dependency",
        """[INFO] BUILD FAILURE
[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for project shop:jar:1.0: Could not find artifact
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
[ERROR] -> [Help 1]""",
        "[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for project shop:jar:1.0: "
        "Could not find artifact",
    ),
    Log(
        "make without a rule",
        """make[1]: Entering directory '/w'
make[1]: *** No rule to make target 'prices.o', needed by 'app'.  Stop.
make: *** [all] Error 2""",
        "make[1]: *** No rule to make target 'prices.o', needed by 'app'.  Stop.",
    ),
    Log(
        "cmake",
        """-- Configuring incomplete, errors occurred!
CMake Error at CMakeLists.txt:7 (find_package):
  Could not find a package configuration file provided by "Prices"

See also "/w/CMakeFiles/CMakeOutput.log".""",
        'Could not find a package configuration file provided by "Prices"',
    ),
    Log(
        "docker build",
        """#9 [4/5] RUN pip install -r requirements.txt
#9 1.234 ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: none)
#9 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1
------
ERROR: failed to solve: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1""",
        "ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: none)",
    ),
    Log(
        "docker pull",
        """Unable to find image 'shop:9.9' locally
docker: Error response from daemon: manifest for shop:9.9 not found: manifest unknown: manifest unknown.
See 'docker run --help'.""",
        "docker: Error response from daemon: manifest for shop:9.9 not found: manifest unknown: manifest unknown.",
    ),
    Log(
        "terraform",
        """Planning failed. Terraform encountered an error while generating this plan.

\u2577
\u2502 Error: Reference to undeclared input variable
\u2502
\u2502   on main.tf line 7, in resource "aws_instance" "shop":
\u2502    7:   ami = var.image
\u2575""",
        "\u2502 Error: Reference to undeclared input variable",
    ),
    Log(
        "kubectl",
        """deployment.apps/shop configured
Error from server (Forbidden): error when creating "job.yaml": jobs.batch is forbidden: exceeded quota""",
        'Error from server (Forbidden): error when creating "job.yaml": jobs.batch is forbidden: exceeded quota',
    ),
    Log(
        "helm",
        """Release "shop" does not exist. Installing it now.
Error: UPGRADE FAILED: timed out waiting for the condition
helm exited with 1""",
        "Error: UPGRADE FAILED: timed out waiting for the condition",
    ),
    Log(
        "git",
        """Cloning into 'shop'...
fatal: could not read Username for 'https://git.example.org': terminal prompts disabled""",
        "fatal: could not read Username for 'https://git.example.org': terminal prompts disabled",
    ),
    Log(
        "bazel build",
        """ERROR: /w/shop/BUILD:7:1: undeclared inclusion(s) in rule '//shop:cart'
Target //shop:cart failed to build
FAILED: Build did NOT complete successfully""",
        "ERROR: /w/shop/BUILD:7:1: undeclared inclusion(s) in rule '//shop:cart'",
    ),
)
