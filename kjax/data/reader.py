"""A run's place in its data: passes over a source, cut into epochs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from kjax.data.arrays import Chunk

OUT_OF_DATA = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate "
    "at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` function when building your "
    "dataset."
)
"""Keras' own words: scripts filter this warning by them."""


class Feed(Protocol):
    """Batches of a pass, in chunks.

    Attributes:
        position: batches of the pass that were taken.
        state: what is needed besides the position to go on from there (JSON, a function that gives it, or None).
        over: whether the pass has no more batches; settled when the feed is closed.
    """

    @property
    def position(self) -> int: ...
    @property
    def state(self) -> Any: ...
    @property
    def over(self) -> bool: ...

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunk of at most ``limit`` batches; see :meth:`kjax.data.arrays.ArrayFeed.take`."""
        ...

    def close(self) -> None:
        """The feed is not needed any more."""
        ...


class Source(Protocol):
    """What a run takes batches from: :class:`kjax.data.Arrays` or :class:`kjax.data.Stream`.

    Attributes:
        name: what messages call it.
        again: whether a second pass can begin.
        steps: batches of a pass; None where that is not known, or where a pass has no end.
        samples: samples of a pass, likewise.
        sample: shapes and types of a batch of full size.
        batch_size: samples in it.
        batch_bytes: bytes of it on the device.
        bytes: of all samples on the device, if they could stay there.
        place: how batches get to the devices; see :func:`kjax.data.arrays.to_device`.
    """

    place: Any

    @property
    def name(self) -> str: ...
    @property
    def again(self) -> bool: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def samples(self) -> int | None: ...
    @property
    def sample(self) -> Any: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def batch_bytes(self) -> int: ...
    @property
    def bytes(self) -> int | None: ...

    def feed(
        self, seed: int = 0, epoch: int = 0, start: int = 0, *, most: int | None = None, state: Any = None
    ) -> Feed:
        """The batches of a pass; see :meth:`kjax.data.Stream.feed`."""
        ...

    def epoch_begin(self) -> None:
        """An epoch begins."""
        ...

    def epoch_end(self) -> None:
        """An epoch has ended."""
        ...

    def close(self) -> None:
        """No more batches are needed."""
        ...


class Reader:
    """Where a run stands in a source.

    An epoch is a pass over the data, or ``steps`` batches: then it goes on where the one before ended, and into the next
    pass. Keras 3 cuts an epoch short where a pass ends in it, so that of two epochs with one batch less than the data set
    has the second is a single batch; Keras 2 did not, and neither is it done here. An epoch ends early, with Keras'
    warning, where it is longer than a pass, or where the data end and nobody knew how many they are.

    Args:
        source: the data.
        steps: batches of an epoch; a whole pass by default.
        seed: the run's seed; orders are derived from it and the number of the pass.
        number: number of the first pass.
        repeats: whether an epoch that is longer than a pass goes on in the next one, as in Keras 2.
        strict: whether an iterator that ends before its epoch is an error, as in Keras 2.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None = None,
        seed: int = 0,
        number: int = 0,
        repeats: bool = False,
        strict: bool = False,
    ) -> None:
        self.source: Source = source
        self.wanted = steps
        self.seed = seed
        self.number = number
        self.repeats = repeats
        self.strict = strict
        self.position = 0
        self.state: Any = None
        self.exhausted = False
        """Whether the source is an iterator that has ended: no epoch can follow."""
        self._feed: Feed | None = None

    @property
    def steps(self) -> int | None:
        """Batches of an epoch, if that is known."""
        return self.source.steps if self.wanted is None else self.wanted

    @property
    def place(self) -> dict[str, Any]:
        """Where the run stands, for a checkpoint."""
        feed = self._feed
        position, state = (self.position, self.state) if feed is None else (feed.position, feed.state)
        ended = getattr(getattr(self.source, "batches", None), "ended", 0)
        state = state() if callable(state) else state
        return {"number": self.number, "position": position, "state": state, "ended": ended}

    def seek(self, place: Mapping[str, Any]) -> None:
        """Go on from a place that an earlier run had, as exactly as the source can."""
        if not self.source.again:
            warnings.warn(
                f"a {self.source.name} cannot be set to a position: the resumed run goes on with whatever it gives next",
                stacklevel=3,
            )
            return
        self.number, self.position, self.state = place["number"], place["position"], place["state"]
        batches = getattr(self.source, "batches", None)
        if batches is not None:
            batches.catch_up(place["ended"])

    def begin(self, done: int = 0, stop: int | None = None) -> Feed:
        """The batches of the next epoch, or of the rest of one.

        Args:
            done: batches of it that were done before.
            stop: the epoch will be left before this batch.
        """
        self.source.epoch_begin()
        last = self.wanted if stop is None else stop
        most = None if last is None else last - done
        self._feed = self._next_feed(most)
        return (
            self._feed
            if self.wanted is None or most is None or not self.source.again
            else _Continued(self, self._feed, most)
        )

    @property
    def _fits(self) -> bool:
        """Whether an epoch is no longer than a pass."""
        count = self.source.steps
        return count is not None and self.wanted is not None and self.wanted <= count

    def _next_feed(self, most: int | None) -> Feed:
        return self.source.feed(self.seed, self.number, self.position, most=most, state=self.state)

    def _next_pass(self) -> None:
        self.number, self.position, self.state = self.number + 1, 0, None

    def pause(self) -> Feed | None:
        """The epoch is left in the middle: :attr:`place` says where, ``begin(done)`` goes on. Returns its feed, closed."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()
            self.position, self.state = feed.position, feed.state
        return feed

    def end(self, done: int, interrupted: bool = False) -> None:
        """The epoch has ended.

        Args:
            done: batches of it that were done.
            interrupted: somebody stopped it.

        Raises:
            StopIteration: the data ended too early, in a strict run.
        """
        feed = self.pause()
        if feed is None:
            return
        self.source.epoch_end()
        short = not interrupted and done < (1 if self.wanted is None else self.wanted)
        if short and self.strict and self.wanted is not None and not self.source.again:
            raise StopIteration(
                f"the {self.source.name} ended after {done} of the {self.wanted} batches that were asked for; let it go on "
                "for ever (`while True:`), or ask for fewer steps"
            )
        if short:
            warnings.warn(OUT_OF_DATA, stacklevel=4)
            self.exhausted = not self.source.again
        count = self.source.steps
        if self.wanted is None or short or feed.over or (count is not None and self.position >= count):
            self._next_pass()

    def close(self) -> None:
        """The run has ended, perhaps by an exception."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        self.source.close()


class _Continued:
    """The feed of an epoch that may go on in the next pass."""

    def __init__(self, reader: Reader, feed: Feed, most: int) -> None:
        self._reader = reader
        self._inner = feed
        self._most = most
        self._taken = 0

    @property
    def position(self) -> int:
        """Of the pass that stands now."""
        return self._inner.position

    @property
    def state(self) -> Any:
        """Of the pass that stands now."""
        return self._inner.state

    @property
    def over(self) -> bool:
        """Of the pass that stands now."""
        return self._inner.over

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunk."""
        chunk = self._inner.take(limit, capacity)
        # Of a pass of unknown length it may show only now that the epoch before had its last batch.
        goes_on = self._taken == 0 or self._reader.repeats or self._reader._fits
        ended = self._inner.position > 0 and goes_on
        if chunk is None and ended and self._taken < self._most:
            self._inner.close()
            self._reader._next_pass()
            self._inner = self._reader._feed = self._reader._next_feed(self._most - self._taken)
            chunk = self._inner.take(limit, capacity)
        self._taken += 0 if chunk is None else chunk.count
        return chunk

    def close(self) -> None:
        """The feed is not needed any more."""
        self._inner.close()
