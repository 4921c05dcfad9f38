"""What every stage's command line has in common: the log, the progress bar, errors in one line."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from gennas.errors import InputError
from gennas.files.atomic import writing
from gennas.files.documents import parse_json
from stages.support.sources import loaded_sources, source_hashes

T = TypeVar("T")
logger = logging.getLogger("stages")


def stage_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all stages share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, help="write the log here (default: standard error)")
    return parser


def json_argument(text: str) -> Any:
    """An argparse type for the parameters a rule passes as JSON."""
    try:
        return parse_json(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Run a stage: bad input ends in one line and exit code 1; a traceback is a bug, and logged."""
    args = parser.parse_args()
    try:
        begin_log(args.log)
        main(args)
        check_unedited()
    except InputError as error:
        if args.log and logger.handlers:
            logger.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception:
        logger.exception("unexpected error")
        raise
    logger.info("done")


def begin_log(path: Path | None) -> None:
    """Log to a file, or else to standard error."""
    handler: logging.Handler = logging.StreamHandler()
    if path:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a line that the disk has no room for fails no job, whose results may fit
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(handler)
    logger.info("%s", " ".join(sys.orig_argv))


def check_unedited() -> None:
    """Fail when a module in use was edited meanwhile: Snakemake would credit the result to the new code."""
    now = source_hashes()
    for path, digest in loaded_sources().items():
        if now.get(path) != digest:
            raise InputError(f"{path} was edited while this job ran; run it again")


def track(items: Iterable[T], description: str, total: int, unit: str = "architecture") -> Iterator[T]:
    """Iterate with a bar on a terminal; elsewhere, a log line at every tenth of the way."""
    with tqdm(items, description, total, leave=False, disable=not sys.stderr.isatty(), unit=unit) as bar:
        for done, item in enumerate(bar, start=1):
            yield item
            if done == total or done % max(1, total // 10) == 0:
                logger.info("%s: %d of %d", description, done, total)
