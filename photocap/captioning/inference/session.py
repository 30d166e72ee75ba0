"""ONNX Runtime's sessions, set up for work beside other threads of the same process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from photocap.captioning.inference.graph import Graph
from photocap.captioning.processors import cpu_threads
from photocap.system.memory import return_freed_memory

_ERRORS_ONLY = 3


class Session:
    """A graph, ready to run on the CPU; what was built is used up, so that it is not in memory beside the session.

    Args:
        graph: what to run.
        threads: how many compute one run; None: one for each processor.
    """

    def __init__(self, graph: Graph, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cpu_threads()
        options.log_severity_level = _ERRORS_ONLY
        # Threads that spin while they wait take the processors from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # One block for all values of a run would be taken beside what the arena has from the first run.
        options.enable_mem_pattern = False
        # The arena would round what the weights take up to the next power of two.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        built = graph.take()
        return_freed_memory()  # of building the graph; loading takes as much again
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in built.constants.values()]
        options.add_external_initializers(list(built.constants), values)
        self._session = onnxruntime.InferenceSession(built.model, options, providers=["CPUExecutionProvider"])
        del built, values  # what the session has packed for its own use is not needed twice
        return_freed_memory()
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]], *, without: Collection[str] = ()) -> dict[str, NDArray[Any]]:
        """Return the outputs by name, all but `without`; inputs that the graph does not have are left out."""
        names = [name for name in self._outputs if name not in without]
        fed = {name: value for name, value in inputs.items() if name in self._inputs}
        return dict(zip(names, self._session.run(names, fed), strict=True))
