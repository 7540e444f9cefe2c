"""Runs the black-box tests, two classes at a time, each in a process of its own.

    python3 Tests/blackbox/run.py                       everything
    python3 Tests/blackbox/run.py test_publish          one module
    python3 Tests/blackbox/run.py test_publish.Batch    one class, or with a third part one test

The binary is FANFARE or .build/release/fanfare. The last line is `N passed, N failed, N skipped`.
"""

import concurrent.futures
import io
import multiprocessing
import os
import pathlib
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROCESSES = int(os.environ.get("FANFARE_TEST_PROCESSES", "2"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True


class Result(unittest.TextTestResult):
    """Counts each test once, subtests and class set-up failures included."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def run(name):
    """Runs one class (or one test) and returns its name, seconds, counts and what there is to print."""
    start = time.monotonic()
    output = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    result = unittest.TextTestRunner(stream=output, resultclass=Result, verbosity=0, buffer=False).run(suite)
    failed = result.failures + result.errors
    failed_tests = {getattr(test, "test_case", test) for test, _ in failed} | set(result.unexpectedSuccesses)
    report = [f"FAIL {test.id()}\n{trace}" for test, trace in failed]
    report += [f"FAIL {test.id()}\npassed, though expected to fail" for test in result.unexpectedSuccesses]
    report += [f"skipped {test.id()}: {reason}" for test, reason in result.skipped]
    return name, time.monotonic() - start, result.passed, len(failed_tests), len(result.skipped), report


def class_names(suite):
    """The names of the classes in `suite`, in order, once each; a module that cannot be loaded fails under its own name."""
    names = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            names += [name for name in class_names(test) if name not in names]
        elif (name := f"{type(test).__module__}.{type(test).__qualname__}") not in names:
            if "_FailedTest" in name:
                raise SystemExit(f"cannot load {test.id()}: {test._exception}\n0 passed, 1 failed, 0 skipped")
            names.append(name)
    return names


def selected(arguments):
    loader = unittest.defaultTestLoader
    if not arguments:
        return class_names(loader.discover(str(HERE), pattern="test_*.py", top_level_dir=str(HERE)))
    names = []
    for argument in arguments:
        names += [argument] if argument.count(".") >= 2 else class_names(loader.loadTestsFromName(argument))
    return names


def main():
    names = selected(sys.argv[1:])
    passed = failed = skipped = 0
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=sys.path.insert,
                                                initargs=(0, str(HERE))) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, name) for name in names]):
            name, seconds, good, bad, left_out, report = future.result()
            passed, failed, skipped = passed + good, failed + bad, skipped + left_out
            print(f"{'FAIL' if bad else 'ok  '} {name} ({good} passed, {bad} failed, {left_out} skipped, {seconds:.1f} s)")
            if report:
                print("\n".join("     " + line for entry in report for line in entry.rstrip().split("\n")))
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fanfare-tests-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        status = main()
    sys.exit(status)
