"""A comparison of cities in numbers: the rows of its tables and the content of its JSON."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from geocity.core.cities.branch_support import branches
from geocity.core.cities.retrieval import RANKS, Retrieval
from geocity.core.cities.site_resampling import CONFIDENCE, Resampled
from geocity.io.cities.comparison_content import ComparisonContent, pairs_by_distance

FloatArray = NDArray[np.float64]

_FEWEST_PAIRS = 10
"""Ranks of fewer pairs agree by luck."""

WHY_NOT_CONFUSION = (
    "Likeness is measured on embeddings, not on mistakes: a good model never confuses most pairs "
    "of cities, so its confusion matrix says nothing about them; confusion is shown beside the "
    "distances and enters none of them."
)

METHOD = {
    "energy": "Energy distance (Székely and Rizzo 2013) between the patches of two cities, in "
    "units of the spread of all patches: it compares where the patches of a city lie and how they "
    "are strewn; 0 for two cities that look alike in all of that.",
    "cosine": "One minus the cosine of the angle between the mean embeddings of two cities, "
    "0 to 2.",
    "interval": "Sites are drawn anew, never patches (of a city's m sites, m - 1 with replacement; "
    "Rao and Wu 1988). Few sites only ever add to a distance; what they add is taken off, so an "
    "interval can lie below the distance measured. It says where the distance would lie if every "
    "city had very many sites.",
    "by_chance": "How far two cities alike in truth come out apart, for as many sites as the city "
    "has: its sites are split in two halves at random, 50 times, and what is found between halves "
    "is brought to the whole number of sites.",
    "support": "Share of the trees grown from resampled sites that hold the same branch.",
    "retrieval": "Every patch asks for patches of its own city among all others; those near it are "
    "left out. Mean average precision (mAP), and recall@k: whether one of the first k is of the "
    "same city. Means over cities.",
}


def comparison_report(content: ComparisonContent) -> dict[str, Any]:
    """Return a comparison as plain values, None where a number does not exist."""
    found = content.similarity
    tables: dict[str, Any] = {
        "about": dict(content.about),
        "notes": list(content.notes),
        "method": {**METHOD, "confusion": WHY_NOT_CONFUSION, "energy_pairs": energy_pairs(content)},
        "confidence": CONFIDENCE,
        "cities": list(_city_rows(content)),
        "pairs": list(_pair_rows(content)),
        "nearest": list(_nearest_rows(content)),
        "tree": list(_branch_rows(content)),
        "retrieval": {
            "patches_asking": len(found.asked),
            "near_m": content.about["near_m"],
            "by_patch": retrieval_means(found.by_patch, content.patches.city[found.asked]),
            "by_site": retrieval_means(found.by_site, content.patches.city_of_site),
        },
        "confusion": _confusion(content),
        "mantel": None,
        "map_variance_shares": list(content.plane.shares),
    }
    if found.mantel is not None:
        test = found.mantel
        tables["mantel"] = {
            "correlation": test.correlation,
            "p_value": test.p_value,
            "cities": test.cities,
            "permutations": test.permutations,
        }
    if content.newcomers is not None:
        tables["placed"] = list(_placed_rows(content))
    if content.query is not None:
        tables["query"] = _query(content)
    plain: dict[str, Any] = _plain(tables)
    return plain


def energy_pairs(content: ComparisonContent) -> str:
    """Say whether the energy distances are exact."""
    all_of_them, paired = len(content.patches.site), content.similarity.paired
    if paired == all_of_them:
        return f"Energy distances are exact: all pairs of the {paired:,} patches were taken."
    return (
        f"Energy distances are sampled: all pairs of {paired:,} of the {all_of_them:,} patches "
        "were taken, drawn evenly over the sites."
    )


def retrieval_means(found: Retrieval, city: NDArray[np.int64]) -> dict[str, Any]:
    """Return the figures of a retrieval, as means over cities of the means over their queries."""

    def mean(values: FloatArray) -> float | None:
        by_city = [values[(city == c) & np.isfinite(values)] for c in np.unique(city)]
        means = [float(v.mean()) for v in by_city if len(v)]
        return float(np.mean(means)) if means else None

    return {
        "queries": int(np.isfinite(found.average_precision).sum()),
        "map": mean(found.average_precision),
        "chance": mean(found.chance),
        **{f"recall_at_{k}": mean(found.recall[k]) for k in RANKS},
    }


def _city_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    found, city = content.similarity, content.patches.city
    precision = found.by_patch.average_precision
    asking = city[found.asked]
    for number, name in enumerate(content.names):
        own = precision[(asking == number) & np.isfinite(precision)]
        yield {
            "city": name,
            "code": content.codes[number],
            "trained_on": name not in content.unseen,
            "sites": int(found.sites[number]),
            "patches": int((city == number).sum()),
            **{f"by_chance_{m}": float(v[number]) for m, v in found.by_chance.items()},
            "retrieval_map": float(own.mean()) if len(own) else None,
        }


def _numbers(found: Resampled, row: int, col: int, prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}distance": float(found.distance[row, col]),
        f"{prefix}corrected": float(found.corrected[row, col]),
        f"{prefix}low": float(found.low[row, col]),
        f"{prefix}high": float(found.high[row, col]),
    }


def _pair_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    for a, b in pairs_by_distance(content.chosen.distance):
        row: dict[str, Any] = {"city_a": content.names[a], "city_b": content.names[b]}
        for measure, found in content.similarity.measures.items():
            row |= _numbers(found, a, b, f"{measure}_")
        row["confused"] = None if content.confusion is None else float(content.confusion[a, b])
        yield row


def _nearest_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    for city, name in enumerate(content.names):
        for rank, other in enumerate(content.neighbours(city, int(content.about["nearest"])), 1):
            yield {
                "city": name,
                "rank": rank,
                "nearest": content.names[other],
                **_numbers(content.chosen, city, other),
                "share_of_draws_nearest": float(content.similarity.nearest[city, other]),
            }


def _branch_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    tree = content.similarity.tree
    if tree is None:
        return
    for branch, height, support in zip(
        branches(tree.linkage), tree.linkage[:, 2], tree.support, strict=True
    ):
        yield {
            "cities": [content.names[c] for c in tree.leaves if c in branch],
            "distance": float(height),
            "support": float(support),
        }


def _confusion(content: ComparisonContent) -> dict[str, Any] | None:
    if content.confusion is None:
        return None
    upper = np.triu_indices(len(content.names), 1)
    confused, apart = content.confusion[upper], content.chosen.distance[upper]
    known = np.isfinite(confused)
    rank = math.nan
    if known.sum() >= _FEWEST_PAIRS and np.ptp(confused[known]) > 0:
        rank = float(spearmanr(-apart[known], confused[known])[0])
    return {
        "patch_accuracy": content.accuracy,
        "pairs": int(known.sum()),
        "pairs_never_confused": int((confused[known] == 0).sum()),
        "rank_agreement_with_likeness": rank,
    }


def _placed_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    new = content.newcomers
    if new is None:
        return
    known = len(content.names)
    for number, name in enumerate(new.names):
        order = np.argsort(new.found.distance[known + number, :known], kind="stable")
        for rank, other in enumerate(order[: int(content.about["nearest"])].tolist(), 1):
            yield {
                "city": name,
                "sites": new.sites[number],
                "rank": rank,
                "nearest": content.names[other],
                **_numbers(new.found, known + number, other),
                "share_of_draws_nearest": float(new.nearest[number, other])
                if np.isfinite(new.found.low[known + number, other])
                else None,
            }


def _query(content: ComparisonContent) -> dict[str, Any]:
    query = content.query
    if query is None:
        return {}
    return {
        "asked": query.asked,
        "city": query.city,
        "trained_on": query.seen,
        "districts": [
            {
                "rank": rank,
                "district": name,
                "similarity": like.similarity,
                "most_alike_patch": content.keys[like.patches.second],
                "of_the_query": content.keys[like.patches.first],
            }
            for rank, (name, like) in enumerate(
                zip(query.names, query.districts, strict=True), start=1
            )
        ],
    }


def _plain(value: Any) -> Any:
    """Return values that JSON holds: no NaN, no tuple."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
