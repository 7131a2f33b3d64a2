"""What models do with files and configs: this package, handed down to them through a door."""

from __future__ import annotations

from kjax.keras.core import doors
from kjax.keras.saving import asset_files
from kjax.keras.saving.architecture import model_to_json, model_to_yaml
from kjax.keras.saving.compile_config import compile_config, compile_from_config
from kjax.keras.saving.copying import deep_copy, model_of, state_of, without_weights
from kjax.keras.saving.exported import export_model
from kjax.keras.saving.formats import load_weights, save_model, save_weights
from kjax.keras.saving.graph_config import (
    functional_config,
    functional_from_config,
    sequential_config,
    sequential_from_config,
)
from kjax.keras.saving.serialization import shared_config

doors.files.fill(
    save_model=save_model,
    save_weights=save_weights,
    load_weights=load_weights,
    export_model=export_model,
    model_to_json=model_to_json,
    model_to_yaml=model_to_yaml,
    compile_config=compile_config,
    compile_from_config=compile_from_config,
    functional_config=functional_config,
    functional_from_config=functional_from_config,
    sequential_config=sequential_config,
    sequential_from_config=sequential_from_config,
    state_of=state_of,
    model_of=model_of,
    deep_copy=deep_copy,
    without_weights=without_weights,
    shared_config=shared_config,
    assets=asset_files.tree,
)
