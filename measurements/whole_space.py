"""Score every cell of NAS-Bench-201: minutes, and rho over the whole space, on a GPU or all cores.

Writes whole-space-<protocol>.parquet. With `--architectures`, a sample, to see what the whole would take.
"""

from __future__ import annotations

import argparse
import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from gennas.devices import prepare
from gennas.seeds import rng
from gennas.stats import spearman
from measurements.subjects import FOLDER, SEED, SUBJECTS, machine
from stages.support.workers import Workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=["paper", "reduced"], default="reduced", help="(default: %(default)s)")
    parser.add_argument("--architectures", type=int, help="only so many, drawn at random (default: all 15,625)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    args = parser.parse_args()
    subject, where = SUBJECTS["nasbench201"], machine(prepare())
    benchmark = subject.ground_truth()
    if args.architectures:
        rows = rng(SEED, "whole space").choice(len(benchmark), args.architectures, replace=False)
        benchmark = benchmark.take(rows)
    ids = benchmark["architecture"].to_pylist()
    scorer = subject.scorer(subject.protocol(args.protocol))
    with Workers(args.workers) as workers:
        begin = time.perf_counter()
        scores = [score.score for score in tqdm(workers.scores(scorer, ids), total=len(ids))]
        seconds = time.perf_counter() - begin
    rho = float(spearman(scores, benchmark[subject.target].to_numpy()))
    made = {"machine": where, "protocol": args.protocol, "seconds": str(seconds)}
    columns = {"architecture": ids, "quality": benchmark[subject.target], "score": scores}
    pq.write_table(pa.table(columns, metadata=made), FOLDER / f"whole-space-{args.protocol}.parquet")
    print(f"{where}, {args.protocol} protocol: {len(ids)} cells in {seconds / 60:.1f} minutes, rho {rho:.4f}")


if __name__ == "__main__":
    main()
