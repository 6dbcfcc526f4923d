"""Marks of ids: which ids of a list are text, where documents begin, and which are trained on.

    attention_mask           0 is padding; another value than before begins a document, as in packed batches
    position_ids             0 begins a document
    labels                   an id, or -100 where the id is not trained on (Hugging Face); shifted by one or not
    loss_mask, assistant_masks, assistant_mask, completion_mask
                             0 where the id is not trained on

A file whose labels and masks exclude no id needs no mask: the first id of a document, which nothing precedes, is never
a target. Others become the mask of a part. The id of the pad token is padding without a mark too. Padding by another
id has no mark; it is recognised by its runs, and refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sharding.errors import InputError
from sharding.layout import Ids

ATTENTION, POSITIONS, LABELS = "attention_mask", "position_ids", "labels"
LOSS_MASKS = ("loss_mask", "assistant_masks", "assistant_mask", "completion_mask")
MARKS = (ATTENTION, POSITIONS, LABELS, *LOSS_MASKS)
NOT_OF_TRAINING = ("special_tokens_mask", "token_type_ids")
IGNORED_LABEL = -100
RUN, RUN_IDS, RUN_SHARE = 16, 64, 0.05
"""Padding is suspected if so many equal ids follow one another, and such runs have so many ids, this share of all."""

Bools = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]


def is_unknown_mark(name: str) -> bool:
    """Return whether a column of one value for each id decides on its training, in a way that is not known."""
    known = (*MARKS, *NOT_OF_TRAINING)
    return name not in known and any(word in name.lower() for word in ("mask", "label", "weight"))


def padding(ids: Ids, marks: Mapping[str, npt.NDArray[Any]], pad: int | None) -> dict[str, Bools]:
    """Return which ids are padding, by reason, (ids,) each; no id has two reasons. pad: id of the pad token."""
    reasons = {}
    is_text = np.ones(len(ids), np.bool_)
    if ATTENTION in marks:
        reasons[ATTENTION] = marks[ATTENTION] == 0
        is_text &= ~reasons[ATTENTION]
    if pad is not None:
        reasons["pad"] = (ids == pad) & is_text
    return reasons


def begins(marks: Mapping[str, npt.NDArray[Any]], count: int) -> Bools:
    """Return where marks begin a document within a list, (count,)."""
    result = np.zeros(count, np.bool_)
    if ATTENTION in marks:
        values = marks[ATTENTION]
        result[1:] |= values[1:] != values[:-1]
    if POSITIONS in marks:
        result |= marks[POSITIONS] == 0
    return result


def trained(ids: Ids, lengths: Int, marks: Mapping[str, npt.NDArray[Any]], is_text: Bools) -> Bools | None:
    """Return which ids are targets, (ids,); None if no mark states it. The first id of a list is none.

    is_text: ids that are packed. Raises InputError for labels that are neither the ids nor the next ids.
    """
    list_of = np.repeat(np.arange(len(lengths)), lengths)
    stated = [
        _labelled(ids, marks[name], list_of, is_text) if name == LABELS else marks[name] != 0
        for name in (LABELS, *LOSS_MASKS)
        if name in marks
    ]
    return (
        np.logical_and.reduce([np.append(False, list_of[1:] == list_of[:-1])[: len(ids)], *stated]) if stated else None
    )


def _labelled(ids: Ids, labels: npt.NDArray[Any], list_of: Int, is_text: Bools) -> Bools:
    """Return which ids are targets by their labels, which stand at the ids or one place before them."""
    kept: Bools = labels != IGNORED_LABEL
    if not (kept & is_text & (labels != ids)).any():
        return kept
    same = np.append(list_of[1:] == list_of[:-1], False)
    following = np.append(ids[1:], 0)
    wrong = kept & is_text & same & np.append(is_text[1:], False) & (labels != following)
    if wrong.any():
        index = int(np.argmax(kept & is_text & (labels != ids)))
        raise InputError(
            f"list {int(list_of[index])}: label {int(labels[index])} at id {int(ids[index])} is neither this id, nor "
            "the next, nor -100; make the labels of the ids, or remove their column"
        )
    return np.append(True, (kept & same)[:-1])


def suspected_padding(ids: Ids, lengths: Int, is_text: Bools) -> tuple[int, float] | None:
    """Return the id whose long runs are a large share of all ids, and the share; None if there is none."""
    differs = np.append(True, ids[1:] != ids[:-1])[: len(ids)]
    differs[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    starts = np.flatnonzero(differs)
    runs = np.diff(np.append(starts, len(ids)))
    long = (runs >= RUN) & is_text[starts]
    if int(runs[long].sum()) < max(RUN_IDS, RUN_SHARE * len(ids)):
        return None
    values, number = np.unique(ids[starts[long]], return_inverse=True)
    totals = np.bincount(number, weights=runs[long])
    most = int(np.argmax(totals))
    enough = totals[most] >= max(RUN_IDS, RUN_SHARE * len(ids))
    return (int(values[most]), float(totals[most]) / len(ids)) if enough else None
