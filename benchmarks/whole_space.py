"""Score every cell of NAS-Bench-201: minutes, and rho over the whole space. Made for a GPU; see docs/performance.md.

Writes whole-space-<protocol>.parquet. With `--architectures`, a sample, to see what the whole would take.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tqdm import tqdm

from benchmarks.measure import FOLDER, SEED, SUBJECTS, machine
from stages import datasets, download, study
from stages.reproducibility import prepare, rng
from stages.statistics import spearman


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=["paper", "reduced"], default="reduced", help="(default: %(default)s)")
    parser.add_argument("--architectures", type=int, help="only so many, drawn at random (default: all 15,625)")
    args = parser.parse_args()
    subject, device = SUBJECTS["nasbench201"], prepare()
    benchmark = download.read_benchmark(subject.space, subject.source)
    if args.architectures:
        rows = rng(SEED, "whole space").choice(len(benchmark), args.architectures, replace=False)
        benchmark = benchmark.take(rows)
    ids = benchmark["architecture"].to_pylist()
    path, name = getattr(subject, args.protocol)
    protocol = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["protocols"][name]
    images = datasets.unlabelled("photographs", download.POOL, 32, rng(SEED, subject.space, "images"))
    task = study.read_task(Path("tasks/nasbench101.yaml"))
    scorer = study.Scorer("regression", subject.space, protocol, images, SEED, 0, task)
    begin = time.perf_counter()
    scores = [score.score for score in tqdm(scorer.scores(device, ids), total=len(ids))]
    seconds = time.perf_counter() - begin
    rho = float(spearman(scores, benchmark[subject.target].to_numpy()))
    made = {"machine": machine(device), "protocol": args.protocol, "seconds": str(seconds)}
    columns = {"architecture": ids, "quality": benchmark[subject.target], "score": scores}
    pq.write_table(pa.table(columns, metadata=made), FOLDER / f"whole-space-{args.protocol}.parquet")
    print(f"{machine(device)}, {args.protocol} protocol: {len(ids)} cells in {seconds / 60:.1f} minutes, rho {rho:.4f}")


if __name__ == "__main__":
    main()
