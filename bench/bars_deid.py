"""The bars of header de-identification: the corpus of planted identifiers in full size (several
seeds and difficulties, a line an instance on standard error), and the speed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bench.bar import Bar, tests

# Seed and difficulty: what one has, the next may lack.
ROUNDS = os.environ.get("BAR_CORPUS", "1:3,2:2,3:1")


@dataclass(frozen=True)
class Outcome:
    """What the judge said of one instance. ``refused``: why it was not taken, if so."""

    seed: int
    name: str
    kinds: frozenset[str]
    n_planted: int
    pair: tuple[str, str]
    leaks: tuple[str, ...] = ()
    destroyed: tuple[str, ...] = ()
    refused: str = ""


def judged(seed: int, difficulty: int, number: int) -> Outcome:
    """One instance made, cleaned and judged."""
    from apps.deid.domain.reasons import Refused
    from tests.domain.test_planted_identifiers import cleaned
    from tests.planted import judge
    from tests.planted.instances import make

    # Libraries warn of what was planted in the pictures' code streams.
    warnings.simplefilter("ignore")
    made = make(seed, difficulty, number)
    about = (seed, made.name, frozenset(p.kind for p in made.planted), len(made.planted),
             (made.sop_class, made.syntax))  # fmt: skip
    try:
        result = cleaned(made)
    except (Refused, AssertionError) as refusal:
        return Outcome(*about, refused=str(refusal))
    verdict = judge(made, result)
    leaks = tuple(f"{kind} in {where}" for kind, where in verdict.leaks)
    return Outcome(*about, leaks, tuple(verdict.destroyed))


def corpus() -> tuple[str, bool]:
    """(figure, held): 0 leaks, 0 needless refusals, 0 needed fields lost in every round, each of
    60 instances and 14 pairs of SOP class and transfer syntax or more, 120 kinds of place, 3,000
    identifiers in all."""
    from tests.planted.instances import MAKERS

    rounds = [tuple(map(int, one.split(":"))) for one in ROUNDS.split(",")]
    wanted = [(seed, level, number) for seed, level in rounds for number in range(len(MAKERS))]
    found: list[Outcome] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(judged, *one) for one in wanted]):
            one = done.result()
            found.append(one)
            said = "refused" if one.refused else f"{len(one.leaks)} leaks"
            print(
                f"{len(found)} of {len(wanted)}: seed {one.seed}, {one.name}: {one.n_planted}"
                f" identifiers, {said}, {len(one.destroyed)} lost",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            for what in (*one.leaks, *one.destroyed, *filter(None, [one.refused])):
                print(f"  {what}", file=sys.stderr, flush=True)
    counts = Counter[str]()
    for one in found:
        counts.update(leaks=len(one.leaks), lost=len(one.destroyed), refused=bool(one.refused))
    kinds = len(frozenset[str]().union(*(one.kinds for one in found)))
    pairs, n_planted = len({one.pair for one in found}), sum(one.n_planted for one in found)
    figure = (
        f"{counts['leaks']} leaks, {counts['refused']} needless refusals, {counts['lost']} fields"
        f" lost of {n_planted} identifiers in {kinds} kinds of place, {len(found)} instances,"
        f" {pairs} pairs, seeds and difficulties {ROUNDS}"
    )
    is_large = len(MAKERS) >= 60 and pairs >= 14 and kinds >= 120 and n_planted >= 3000
    return figure, is_large and not sum(counts.values())


AFRESH_SEEDS = os.environ.get("BAR_AFRESH_SEEDS", "1,2,3")


def judged_afresh(seed: int, number: int) -> Outcome:
    """One instance of the other hand's corpus, by its own judge."""
    from apps.deid.domain.reasons import Refused
    from tests.afresh import judge
    from tests.afresh.instances import made
    from tests.afresh.product import cleaned

    warnings.simplefilter("ignore")
    sample = made(seed, number)
    kinds = frozenset(plant.kind for plant in sample.plants)
    about = (seed, sample.name, kinds, len(sample.plants), (sample.sop_class, sample.syntax))
    try:
        result, findings = cleaned(sample)
    except Refused as refusal:
        return Outcome(*about, refused=str(refusal))
    verdict = judge(sample, result)
    found = "; ".join(f"{one.kind} in {one.place}" for one in findings[:5])
    return Outcome(*about, tuple(verdict.leaks), tuple(verdict.destroyed), found)


def afresh() -> tuple[str, bool]:
    """(figure, held): the same bar on ``tests/afresh``, whose seeds BAR_AFRESH_SEEDS gives."""
    from tests.afresh.instances import MAKERS

    seeds = [int(seed) for seed in AFRESH_SEEDS.split(",")]
    wanted = [(seed, number) for seed in seeds for number in range(len(MAKERS))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(judged_afresh, *zip(*wanted, strict=True)))
    for one in found:
        for what in (*one.leaks, *one.destroyed, *filter(None, [one.refused])):
            print(f"seed {one.seed}, {one.name}: {what}", file=sys.stderr, flush=True)
    n_leaks, n_lost = sum(len(o.leaks) for o in found), sum(len(o.destroyed) for o in found)
    n_refused = sum(bool(one.refused) for one in found)
    kinds = len(frozenset[str]().union(*(one.kinds for one in found)))
    pairs, n_planted = len({one.pair for one in found}), sum(one.n_planted for one in found)
    figure = (
        f"{n_leaks} leaks, {n_refused} needless refusals, {n_lost} fields lost of {n_planted}"
        f" identifiers in {kinds} kinds of place, {len(found)} instances, {pairs} pairs,"
        f" seeds {AFRESH_SEEDS}"
    )
    is_large = len(MAKERS) >= 60 and pairs >= 14 and kinds >= 120 and n_planted >= 3000
    return figure, is_large and not n_leaks + n_refused + n_lost


def speed() -> tuple[str, bool]:
    """``make bench NAME=deid`` (CPU time): 150 instances a second and more than dicognito's."""
    from bench.deid import small_cines

    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        found = small_cines(Path(folder))
    figure = f"{found['ours']} a second, dicognito {found['theirs']}"
    return figure, found["ours"] >= 150 and found["ratio"] < 1


def library_files() -> tuple[str, bool]:
    """Files of pydicom, pynetdicom and of the two source packages, all taken or refused."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-files-") as folder:
        for name, version in (("highdicom", "0.28.2"), ("pynetdicom", "3.0.4")):
            fetch = ["download", "-q", "--no-deps", "--no-binary", name, "-d", folder]
            subprocess.run([sys.executable, "-m", "pip", *fetch, f"{name}=={version}"], check=True)
        for archive in sorted(Path(folder).glob("*.tar.gz")):
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        return tests(
            "tests/domain/test_deid_library_files.py", FOREIGN_FILES=folder, BAR_FULL="1"
        )()


BARS = [
    Bar(
        "deid corpus",
        "0 leaks, 0 needless refusals, 0 needed fields lost over three seeds and difficulties",
        corpus,
    ),
    Bar(
        "deid afresh",
        "the same on a corpus by another hand, with a judge of its own, over three seeds",
        afresh,
    ),
    Bar(
        "deid invariants",
        "refusals with the right reason; invariants on generated studies; no identifier in logs,"
        " rows or pages",
        tests(
            "tests/domain/test_planted_identifiers.py",
            "tests/domain/test_deid_properties.py",
            "tests/domain/test_deid_shared_elements.py",
            "tests/deid/test_no_identifier_elsewhere.py",
            PLANTED_SHARE="0.1",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "deid library files",
        "files of pydicom, highdicom and pynetdicom cleaned or refused with a reason",
        library_files,
    ),
    Bar(
        "deid speed",
        "cines of 0.5 MB, decision known, search included: 150 a CPU second, over dicognito's",
        speed,
    ),
]


if __name__ == "__main__":
    figure, held = corpus()
    print(f"deid corpus: {figure}, {'held' if held else 'missed'}")
    sys.exit(not held)
