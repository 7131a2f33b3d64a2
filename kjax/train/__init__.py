"""Floor 2: training as a function from state to state, and the engine that runs many steps a call."""

from kjax.train import loop as loop
from kjax.train.checkpoint import CheckpointError as CheckpointError
from kjax.train.checkpoint import Checkpoints as Checkpoints
from kjax.train.devices import Placement as Placement
from kjax.train.devices import data_parallel as data_parallel
from kjax.train.loop import Holder as Holder
from kjax.train.loop import Program as Program
from kjax.train.loop import run_epoch as run_epoch
from kjax.train.objective import Objective as Objective
from kjax.train.objective import Target as Target
from kjax.train.predict import run_predict as run_predict
from kjax.train.run import evaluate as evaluate
from kjax.train.run import fit_epoch as fit_epoch
from kjax.train.run import predict as predict
from kjax.train.state import TrainState as TrainState
from kjax.train.state import create_state as create_state
from kjax.train.steps import make_eval_step as make_eval_step
from kjax.train.steps import make_predict_step as make_predict_step
from kjax.train.steps import make_train_step as make_train_step
from kjax.train.together import Together as Together
from kjax.train.together import together as together
