"""Recurrent layers and cells."""

from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM1D as ConvLSTM1D
from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM1DCell as ConvLSTM1DCell
from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM2D as ConvLSTM2D
from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM2DCell as ConvLSTM2DCell
from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM3D as ConvLSTM3D
from kjax.nn.layers.recurrent.conv_lstm import ConvLSTM3DCell as ConvLSTM3DCell
from kjax.nn.layers.recurrent.gru import GRU as GRU
from kjax.nn.layers.recurrent.gru import GRUCell as GRUCell
from kjax.nn.layers.recurrent.lstm import LSTM as LSTM
from kjax.nn.layers.recurrent.lstm import LSTMCell as LSTMCell
from kjax.nn.layers.recurrent.rnn import RNN as RNN
from kjax.nn.layers.recurrent.rnn import StackedRNNCells as StackedRNNCells
from kjax.nn.layers.recurrent.simple import SimpleRNN as SimpleRNN
from kjax.nn.layers.recurrent.simple import SimpleRNNCell as SimpleRNNCell
from kjax.nn.layers.recurrent.wrappers import Bidirectional as Bidirectional
from kjax.nn.layers.recurrent.wrappers import TimeDistributed as TimeDistributed
