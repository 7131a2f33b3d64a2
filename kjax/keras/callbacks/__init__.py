"""Callbacks: objects that `fit`, `evaluate` and `predict` call at the stages of their work."""

from kjax.keras.callbacks.backup_and_restore import BackupAndRestore as BackupAndRestore
from kjax.keras.callbacks.base import Callback as Callback
from kjax.keras.callbacks.base_logger import BaseLogger as BaseLogger
from kjax.keras.callbacks.callback_list import CallbackList as CallbackList
from kjax.keras.callbacks.csv_logger import CSVLogger as CSVLogger
from kjax.keras.callbacks.early_stopping import EarlyStopping as EarlyStopping
from kjax.keras.callbacks.history import History as History
from kjax.keras.callbacks.lambda_callback import LambdaCallback as LambdaCallback
from kjax.keras.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
from kjax.keras.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from kjax.keras.callbacks.logs import Logs as Logs
from kjax.keras.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from kjax.keras.callbacks.monitor import MonitorCallback as MonitorCallback
from kjax.keras.callbacks.orbax_checkpoint import OrbaxCheckpoint as OrbaxCheckpoint
from kjax.keras.callbacks.progbar_logger import ProgbarLogger as ProgbarLogger
from kjax.keras.callbacks.remote_monitor import RemoteMonitor as RemoteMonitor
from kjax.keras.callbacks.swap_ema_weights import SwapEMAWeights as SwapEMAWeights
from kjax.keras.callbacks.tensorboard import TensorBoard as TensorBoard
from kjax.keras.callbacks.terminate_on_nan import TerminateOnNaN as TerminateOnNaN
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("callbacks")
