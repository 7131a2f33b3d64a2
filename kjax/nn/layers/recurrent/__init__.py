"""Recurrent layers and cells."""

from kjax.nn.layers.recurrent.lstm import LSTM as LSTM
from kjax.nn.layers.recurrent.lstm import LSTMCell as LSTMCell
