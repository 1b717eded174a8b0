"""The names of the kinds of jobs, as rows, metrics and logs hold them."""

from __future__ import annotations

TRANSFER = "transfer"
SCORE = "score"  # of a picture that came with the request
WARM = "warm"  # the Gram cache is filled beforehand
PACK = "pack"  # a preset's Grams become a file
LEARN = "learn"  # a preset gets a painter
ONNX = "onnx"  # a painter that came with a pack gets its ONNX file
JUDGE = "judge"  # a transfer that painters painted alone gets its losses
COMPARE = "compare"  # a painter that has learned gets its losses beside the optimiser's

KINDS = (TRANSFER, SCORE, WARM, PACK, LEARN, ONNX, JUDGE, COMPARE)
FOLLOWING = (JUDGE, COMPARE)
"""Kinds that nobody asks for: they follow other jobs, and count neither as jobs nor in limits on those that wait."""
