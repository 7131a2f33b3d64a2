"""Every kind of source gives the same batches to the same training, and leaves nothing running."""

from __future__ import annotations

import threading
import traceback
import warnings

import jax
import numpy as np
import pytest

from kjax import nn, train
from kjax.data import PyDataset, Reader, Stream, source
from kjax.data.batches import Numbered
from kjax.data.host import FileRows, SparseRows

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 6)).astype("float32")
Y = RNG.integers(0, 3, 100)
SIZE = 16  # six batches, and one of 4
LOWS = range(0, 100, SIZE)

MODULE = nn.chain([nn.Dense(4, "relu"), nn.Dropout(0.2), nn.Dense(3, "softmax")])
OBJECTIVE = train.Objective.of("sparse_categorical_crossentropy")
STEP = train.make_train_step(MODULE, OBJECTIVE, "adam")


class Numbers(PyDataset):
    """The batches by number."""

    def __len__(self):
        return len(LOWS)

    def __getitem__(self, index):
        low = index * SIZE
        return X[low : low + SIZE], Y[low : low + SIZE]


class Iterable:
    """Can be iterated over again, and knows its length."""

    def __len__(self):
        return len(LOWS)

    def __iter__(self):
        return (Numbers()[i] for i in range(len(self)))


class LikeTensorFlow:
    """What kjax asks of a ``tf.data.Dataset``."""

    def cardinality(self):
        return np.int64(-2)

    def as_numpy_iterator(self):
        return iter(Iterable())

    def __iter__(self):
        raise AssertionError("would give tensors of TensorFlow")


def one_array_for_all():
    """A generator that writes all its batches into the same two arrays, as many scripts do."""
    x, y = np.empty((SIZE, 6), "float32"), np.empty(SIZE, int)
    for low in LOWS:
        n = len(X[low : low + SIZE])
        x[:n], y[:n] = X[low : low + SIZE], Y[low : low + SIZE]
        yield x[:n], y[:n]


def fit(src, epochs=2, **options):
    state = train.create_state(MODULE, OBJECTIVE, "adam", X[:1], seed=1)
    for _ in range(epochs):
        state, logs = train.fit_epoch(STEP, state, src, OBJECTIVE, **options)
    src.close()
    return jax.tree.leaves(state.params), logs


def threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("kjax")]


@pytest.fixture(scope="module")
def expected():
    return fit(source((X, Y), SIZE))


STREAMS = {
    "numbered": Numbers,
    "threads": lambda: Numbers(workers=3),
    "processes": lambda: Numbers(workers=2, use_multiprocessing=True),
    "this thread": lambda: Numbers(workers=0),
    "iterable": Iterable,
    "batches in a list": lambda: list(Iterable()),
    "batches that are lists": lambda: lambda: ([x, y] for x, y in Iterable()),
    "tf.data": LikeTensorFlow,
    "function": lambda: one_array_for_all,
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_train_as_arrays_do(name, expected):
    weights, logs = fit(source(STREAMS[name]()))
    assert logs == expected[1]
    for a, b in zip(weights, expected[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not threads()


def test_a_generator_trains_once(expected):
    weights, _ = fit(source(one_array_for_all()), epochs=1)
    once, _ = fit(source((X, Y), SIZE), epochs=1)
    for a, b in zip(weights, once, strict=True):
        np.testing.assert_array_equal(a, b)


def test_grain(expected):
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.range(len(LOWS)).map(lambda i: Numbers()[i])
    loader = grain.DataLoader(
        data_source=Numbers(),
        sampler=grain.samplers.SequentialSampler(len(LOWS), grain.sharding.NoSharding()),
        worker_count=0,
    )
    for each in (data, data.to_iter_dataset(), loader):
        weights, _ = fit(source(each))
        for a, b in zip(weights, expected[0], strict=True):
            np.testing.assert_array_equal(a, b)
    few = grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)
    # Its iterators know where they are: a pass goes on exactly there.
    src = source(data.shuffle(seed=1).to_iter_dataset(few))
    feed = src.feed()
    rows = [np.asarray(feed.take(1, 8).tree[0][0]) for _ in range(3)]
    state, position = feed.state, feed.position
    feed.close()
    assert position == 3 and len(rows) == 3
    rest = [np.asarray(chunk.tree[0]) for chunk in drain(src.feed(start=3, state=state))]
    other = source(data.shuffle(seed=1).to_iter_dataset(few))
    again = [np.asarray(chunk.tree[0]) for chunk in drain(other.feed(start=3, state=state))]
    for a, b in zip(rest, again, strict=True):
        np.testing.assert_array_equal(a[..., :1, :], b[..., :1, :])


def drain(feed):
    chunks = []
    while (chunk := feed.take(1, 0)) is not None:
        chunks.append(chunk)
    feed.close()
    return chunks


def test_arrays_of_all_kinds(tmp_path, expected):
    h5py = pytest.importorskip("h5py")
    pandas = pytest.importorskip("pandas")
    import scipy.sparse

    np.save(tmp_path / "x.npy", X)
    kinds = [
        (np.load(tmp_path / "x.npy", mmap_mode="r"), Y),
        (pandas.DataFrame(X), pandas.Series(Y)),
        (scipy.sparse.csr_matrix(X), Y),
        (scipy.sparse.coo_array(X), Y),
        (jax.numpy.asarray(X), Y),
    ]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        kinds.append((file.create_dataset("x", data=X), file.create_dataset("y", data=Y)))
        shuffled, _ = fit(source((X, Y), SIZE, shuffle=True))
        for kind in kinds:
            weights, _ = fit(source(kind, SIZE))
            for a, b in zip(weights, expected[0], strict=True):
                np.testing.assert_array_equal(a, b)
            weights, _ = fit(source(kind, SIZE, shuffle=True))
            for a, b in zip(weights, shuffled, strict=True):
                np.testing.assert_array_equal(a, b)


class Counting:
    """A file's data set that counts how it is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, []

    def __getitem__(self, rows):
        self.reads.append(rows)
        return self.array[rows]


def test_rows_of_a_file_are_read_in_few_pieces():
    array = np.arange(2000).reshape(1000, 2)
    file = Counting(array)
    rows = FileRows(file)
    wanted = np.array([903, 5, 7, 6, 5, 900])
    np.testing.assert_array_equal(rows[wanted], array[wanted])
    assert file.reads == [slice(5, 8), slice(900, 904)]
    part = rows.part(10, 20)
    assert len(part) == 10
    np.testing.assert_array_equal(part[np.array([9, 0])], array[[19, 10]])
    np.testing.assert_array_equal(part[2:4], array[12:14])


def test_sparse_rows():
    import scipy.sparse

    dense = np.eye(5, dtype="float32")
    rows = SparseRows(scipy.sparse.csc_matrix(dense))
    assert len(rows) == 5 and rows.shape == (5, 5)
    np.testing.assert_array_equal(rows[1:3], dense[1:3])
    np.testing.assert_array_equal(rows[np.array([4, 0])], dense[[4, 0]])
    np.testing.assert_array_equal(rows.part(2, 5)[:], dense[2:])


def test_shuffled_numbers_are_in_one_order_whatever_the_workers():
    orders = []
    for options in ({}, {"workers": 4}, {"workers": 2, "use_multiprocessing": True}):
        src = source(Numbers(**options), shuffle=True)
        orders.append([[float(c.tree[0][0, 0]) for c in drain(src.feed(5, epoch))] for epoch in (0, 1)])
        src.close()
    assert orders[0] == orders[1] == orders[2]
    first, second = orders[0]
    assert first != second and sorted(first) == sorted(second) == sorted(float(X[low, 0]) for low in LOWS)


class Broken(Numbers):
    """Its batch number 4 cannot be computed."""

    def __getitem__(self, index):
        if index == 4:
            raise KeyError("no such file")
        return super().__getitem__(index)


@pytest.mark.parametrize("options", [{"workers": 0}, {}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}])
def test_an_error_surfaces_at_its_step(options):
    state = train.create_state(MODULE, OBJECTIVE, "adam", X[:1], seed=1)
    src = source(Broken(**options))
    holder = train.Holder(state)
    with pytest.raises(KeyError, match="no such file") as caught:
        feed = src.feed()
        try:
            train.run_epoch(
                train.loop.train_program(STEP),
                holder,
                None,
                feed,
                report=lambda carry: train.loop.report_program(OBJECTIVE)(carry.metrics),
                batch_bytes=src.batch_bytes,
                steps=None,
            )
        finally:
            feed.close()
            src.close()
    assert int(holder.carry.step) == 4
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("no such file")' in text
    assert "batch 4 (counted from 0) of the Broken" in text
    assert not threads()


class Killed(Numbers):
    """Its batch number 2 ends the process that computes it."""

    def __getitem__(self, index):
        if index == 2:
            import os

            os._exit(1)
        return super().__getitem__(index)


def test_a_worker_process_that_dies_is_told():
    src = source(Killed(workers=2, use_multiprocessing=True))
    with pytest.raises(RuntimeError, match="worker process died"):
        drain(src.feed())
    src.close()


def test_no_batch_is_fetched_that_nobody_needs():
    given = []

    def endless():
        while True:
            given.append(len(given))
            yield X[:SIZE], Y[:SIZE]

    src = source(endless())
    for _ in range(3):
        feed = src.feed(start=None, most=5)
        assert sum(chunk.count for chunk in drain(feed)) == 5
    assert len(given) == 15


def test_what_was_fetched_and_not_used_comes_first_in_the_next_feed():
    src = source(iter([(np.full((2, 1), i), None) for i in range(50)]))
    feed, seen = src.feed(), []
    for _ in range(10):
        seen.append(int(feed.take(1, 0).tree[0][0, 0]))
    feed.close()
    seen += [int(chunk.tree[0][0, 0]) for chunk in drain(src.feed(start=None))]
    assert seen == list(range(50))


def test_batches_of_many_sizes_share_programs():
    """Full batches go through one program; each other size is compiled once, however often it comes."""
    sizes = [8, 3, 8, 8, 5, 8, 3, 5, 8, 8, 3]
    src = source([(X[:n], Y[:n]) for n in sizes])
    state = train.create_state(MODULE, OBJECTIVE, "adam", X[:1], seed=1)
    traced = []

    def step(state, batch):
        traced.append(batch[0].shape[0])
        return STEP(state, batch)

    for _ in range(2):
        state, logs = train.fit_epoch(step, state, src, OBJECTIVE)
        assert sorted(set(traced)) == [3, 5, 8] and len(traced) <= 4  # 8 once more, to see what operations it has
    assert int(state.step) == 2 * len(sizes)
    assert np.isfinite(logs["loss"])


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "gave no batch"),
        ([(X, Y, Y, Y)], "received a tuple of 4"),
        ([(X, Y[:3])], r"received \[100, 3\]"),
        ([(1.0, 2.0)], "an axis of samples"),
    ],
)
def test_batches_that_are_none(batches, message):
    with pytest.raises(ValueError, match=message):
        source(iter(batches)).feed()


def test_a_source_that_hangs_is_left_behind_with_a_warning(monkeypatch):
    monkeypatch.setattr("kjax.data.prefetch.PATIENCE", 0.05)
    release = threading.Event()

    def slow():
        yield X[:4], Y[:4]
        yield X[:4], Y[:4]
        release.wait()

    src = source(slow())
    feed = src.feed()
    feed.take(1, 0)
    feed.take(1, 0)
    with pytest.warns(ResourceWarning, match="did not give its next batch"):
        feed.close()
    release.set()
    for thread in threading.enumerate():
        if thread.name == "kjax-prefetch":
            thread.join(5)


def test_a_data_set_that_shuffles_itself_catches_up():
    class Own(Numbers):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(0)
            self.order = np.arange(7)

        def on_epoch_end(self):
            self.rng.shuffle(self.order)

    whole, resumed = Own(), Own()
    for _ in range(3):
        Numbered(whole).epoch_end()
    Numbered(resumed).catch_up(3)
    np.testing.assert_array_equal(whole.order, resumed.order)
    Numbered(resumed).catch_up(3)  # the same object goes on: nothing to repeat
    np.testing.assert_array_equal(whole.order, resumed.order)


def test_a_data_set_without_a_constructor_call():
    class Old(PyDataset):
        def __init__(self, n):
            self.n = n

        def __len__(self):
            return self.n

        def __getitem__(self, index):
            return X[:4], Y[:4]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert source(Old(3)).steps == 3
        assert len(list(Old(2))) == 2
    with pytest.raises(NotImplementedError, match="num_batches"):
        _ = PyDataset().num_batches
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]


def test_streams_have_a_transform():
    src = source([(X[:4], Y[:4])], transform=lambda batch: (batch[0] * 2, *batch[1:]))
    assert isinstance(src, Stream)
    np.testing.assert_array_equal(src.feed().take(1, 0).tree[0], X[:4] * 2)


def test_a_reader_of_a_research_loop_goes_on_from_a_checkpoint(tmp_path):
    """Epochs of 3 of the 7 batches, left in the middle of the third."""

    def fresh():
        return train.create_state(MODULE, OBJECTIVE, "adam", X[:1], seed=1)

    def reader():
        return Reader(source(Numbers(workers=2), shuffle=True), steps=3, seed=5)

    whole, state = reader(), fresh()
    for _ in range(4):
        state, logs = train.fit_epoch(STEP, state, whole, OBJECTIVE)
    part, first = reader(), fresh()
    for stop in (None, None, 1):
        first, _ = train.fit_epoch(STEP, first, part, OBJECTIVE, stop=stop)
    assert part.place == {"number": 0, "position": 7, "state": None, "ended": 2}
    checkpoints = train.Checkpoints(tmp_path)
    checkpoints.save(7, first, {"data": part.place, "batch": 1})
    rest, metadata = checkpoints.restore(fresh())
    other = reader()
    other.seek(metadata["data"])
    rest, _ = train.fit_epoch(STEP, rest, other, OBJECTIVE, start=metadata["batch"])
    rest, again = train.fit_epoch(STEP, rest, other, OBJECTIVE)
    assert again == logs and int(rest.step) == 12
    for a, b in zip(jax.tree.leaves(state.params), jax.tree.leaves(rest.params), strict=True):
        np.testing.assert_array_equal(a, b)
    for each in (whole, part, other):
        each.close()
    assert not threads()
