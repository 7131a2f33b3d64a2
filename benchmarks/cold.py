"""A cold start, for a process of its own: build a model and fit one epoch; prints the seconds as JSON.

``python -m benchmarks.cold MODEL kjax|keras STEPS``
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmarks import environment
from benchmarks.workloads import WORKLOADS, api


def main(model_name: str, library: str, steps: str) -> None:
    """Measure one start; imports and the making of the data are not counted."""
    environment.prepare()
    workload = WORKLOADS[model_name]()
    keras = api(library)
    names = ("Sequential", "Input", "layers", "optimizers")
    for name in names:  # kjax imports a part when it is first named
        getattr(keras, name)
    x, y = workload.data(int(steps) * workload.batch_size, np.random.default_rng(0))
    start = time.perf_counter()
    model = workload.build(keras)
    model.fit(x, y, batch_size=workload.batch_size, verbose=0)
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(*sys.argv[1:])
