"""Put the fields of an intake form, of which the age is handwritten, together as the diabetes model has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

DIGITS = 2


def predict(inputs: dict[str, np.ndarray], model: Path) -> dict[str, np.ndarray]:
    """The age that was read, and the columns of the body.

    `inputs` holds `digits`, INT64 [2 n], tens and ones of each patient's age, and `measured`, FP64 [n, 3]: sex (1 or
    2), body mass index, mean blood pressure. The answer holds `age`, INT64 [n], and `body`, FP64 [n, 4].
    Raises ValueError unless there are two digits for each patient.
    """
    digits, measured = inputs["digits"], inputs["measured"]
    if len(digits) != DIGITS * len(measured):
        raise ValueError(f"{len(digits)} digits are the ages of {len(digits) / DIGITS:g} patients, got {len(measured)}")
    age = digits.reshape(-1, DIGITS) @ np.array([10, 1])
    return {"age": age, "body": np.column_stack([age, measured])}
