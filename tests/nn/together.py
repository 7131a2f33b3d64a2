"""Many small computations in one compiled program: tests that compile a program a case take minutes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax

Cases = Mapping[Any, tuple[Callable[..., Any], tuple[Any, ...]]]


class Results:
    """The results of the cases by key.

    Args:
        cases: functions with their arguments, trees of arrays, by key. All functions are traced into one
            program, with the arrays as its inputs.
        eagerly: run the functions that cannot be traced operation by operation (parts of Keras are so).
    """

    def __init__(self, cases: Cases, *, eagerly: bool = False) -> None:
        self._errors: dict[Hashable, Exception] = {}
        keys = list(cases)

        def program(inputs: list[Any]) -> dict[int, Any]:
            outputs = {}
            for index, (key, arguments) in enumerate(zip(keys, inputs, strict=True)):
                try:
                    outputs[index] = cases[key][0](*arguments)
                except Exception as error:  # a matter for the test of this case, which raises it
                    self._errors[key] = error
            return outputs

        # The numbers matter here, not the speed of the program.
        fast_to_compile = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        compiled = jax.jit(program, compiler_options=fast_to_compile)
        outputs = jax.device_get(compiled([cases[key][1] for key in keys]))
        self._results = {keys[index]: output for index, output in outputs.items()}
        untraceable = [key for key, error in self._errors.items() if isinstance(error, jax.errors.JAXTypeError)]
        for key in untraceable if eagerly else ():
            function, arguments = cases[key]
            self._results[key] = jax.device_get(function(*arguments))
            del self._errors[key]

    def __getitem__(self, key: Any) -> Any:
        """The result of a case.

        Raises:
            Exception: what its function raised while it was traced.
        """
        if key in self._errors:
            raise self._errors[key]
        return self._results[key]
