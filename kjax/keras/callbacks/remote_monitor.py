"""RemoteMonitor: sends the logs of each epoch to a web server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.keras.callbacks.base import Callback

_TIMEOUT_SECONDS = 10.0


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a web server by HTTP POST. An unreachable one is a warning.

    Args:
        root: address of the server.
        path: path on it.
        field: name of the form field that holds the logs as JSON.
        headers: further HTTP headers.
        send_as_json: send the JSON itself (``application/json``), not a form.

    Example:

        >>> callback = RemoteMonitor("http://localhost:9000", send_as_json=True)
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        import urllib.error
        import urllib.parse
        import urllib.request

        send = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(send)
        if self.send_as_json:
            body, content_type = text, "application/json"
        else:
            body, content_type = (
                urllib.parse.urlencode({self.field: text}),
                "application/x-www-form-urlencoded",
            )
        headers = {"Content-Type": content_type, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, data=body.encode(), headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            warnings.warn(f"RemoteMonitor: the server {self.root} refused the logs: {error}", stacklevel=2)
        except OSError as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "tolist"):
        return value.tolist()
    return value
