"""Galleries of pictures through Matplotlib, with labels, bounding boxes or segmentation masks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.visualization.drawing import batch_of, draw_bounding_boxes, draw_segmentation_masks

BYTES = (0, 255)


def _pyplot(who: str) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{who} needs Matplotlib: pip install 'kjax[plot]'") from error
    return pyplot


def _in_bytes(images: np.ndarray, value_range: Sequence[float]) -> np.ndarray:
    """Images with values from 0 to 255; what has them is left alone."""
    low, high = value_range
    if (low, high) == BYTES:
        return images
    return (images.astype(np.float32) - low) / (high - low) * 255


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[Any, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Sequence[float] = BYTES,
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> None:
    """Show images side by side, or write them to a file.

    Args:
        images: (batch, height, width, channels), or channels first.
        y_true: true class of each image.
        y_pred: predicted class of each image.
        label_map: names of the classes; needed with ``y_true`` and ``y_pred``.
        rows: number of rows; with ``cols`` as many as there have to be, otherwise the square root of the batch.
        cols: number of columns; as many as there have to be by default. (Keras 3.15 drops images of a last row that is
            not full.)
        value_range: lowest and highest value of the images.
        scale: height and width of an image in inches.
        path: file for the gallery; its ending says the format.
        show: True shows the gallery; the default where there is no ``path``. False leaves the figure open.
        transparent: whether the file's background is transparent.
        dpi: dots per inch of the file.
        legend_handles: Matplotlib's handles for a legend below.
        data_format: where the channels are; the session's by default.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: images of another rank, both ``path`` and ``show``, or classes without ``label_map``.
    """
    pyplot = _pyplot("plot_image_gallery")
    if path is not None and show:
        raise ValueError("plot_image_gallery writes a file or shows the gallery: give either `path` or `show=True`")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("`y_true` and `y_pred` need a `label_map` with the names of the classes")
    batch, _ = batch_of(images, data_format)
    if rows is None:
        rows = math.ceil(math.sqrt(len(batch)) if cols is None else len(batch) / cols)
    cols = cols or max(math.ceil(len(batch) / rows), 1)
    pixels = np.clip(_in_bytes(batch[: rows * cols], value_range), *BYTES).astype(np.uint8)
    figure, axes = pyplot.subplots(
        nrows=rows,
        ncols=cols,
        figsize=(cols * scale, rows * scale),
        frameon=False,
        layout="tight",
        squeeze=False,
        sharex="row",
        sharey="col",
    )
    figure.subplots_adjust(wspace=0, hspace=0)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    kinds = [(name, np.asarray(y)) for name, y in (("Label", y_true), ("Pred", y_pred)) if y is not None]
    for index, place in enumerate(axes.flat):
        place.axis("off")
        if index >= len(pixels):
            continue
        grey = {"cmap": "gray", "vmin": 0, "vmax": 255} if pixels.shape[-1] == 1 else {}
        place.imshow(pixels[index], **grey)
        place.margins(x=0, y=0)
        titles = [
            f"{name}: {(label_map or {}).get(_plain(y[index]), 'Unknown')}" for name, y in kinds if index < len(y)
        ]
        if titles:
            place.set_title("  ".join(titles), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
        pyplot.close(figure)
    elif show is None or show:
        pyplot.show()
        pyplot.close(figure)


def _plain(label: Any) -> Any:
    """A class as a Python number, or as it is."""
    return label.item() if isinstance(label, np.generic) else label


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Mapping[str, Any] | None = None,
    y_pred: Mapping[str, Any] | None = None,
    value_range: Sequence[float] = BYTES,
    true_color: Sequence[int] = (0, 188, 212),
    pred_color: Sequence[int] = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Show images with true and predicted bounding boxes side by side.

    Args:
        images: (batch, height, width, channels), or channels first.
        bounding_box_format: one of :data:`kjax.nn.boxes.FORMATS`.
        y_true: true boxes, as :func:`draw_bounding_boxes` takes them.
        y_pred: predicted boxes.
        value_range: lowest and highest value of the images.
        true_color: red, green and blue of the true boxes.
        pred_color: red, green and blue of the predicted ones.
        line_thickness: thickness of the lines in pixels.
        font_scale: size of the text.
        text_thickness: thickness of the text; that of the lines by default.
        class_mapping: names of the classes by number.
        ground_truth_mapping: names for true boxes, instead.
        prediction_mapping: names for predicted boxes, instead.
        legend: whether a legend says which colour is which.
        legend_handles: Matplotlib's handles for a legend of your own.
        rows: see :func:`plot_image_gallery`.
        cols: see :func:`plot_image_gallery`.
        data_format: where the channels are; the session's by default.
        **kwargs: passed to :func:`plot_image_gallery`.

    Raises:
        ImportError: Matplotlib or OpenCV is not installed.
        ValueError: images of another rank, or both ``legend`` and ``legend_handles``.
    """
    _pyplot("plot_bounding_box_gallery")
    if legend and legend_handles:
        raise ValueError("give `legend=True` or `legend_handles`, not both")
    batch, _ = batch_of(images, data_format)
    drawn = _in_bytes(batch, value_range)
    for boxes, color, names in (
        (y_true, true_color, ground_truth_mapping),
        (y_pred, pred_color, prediction_mapping),
    ):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn,
                boxes,
                bounding_box_format,
                names or class_mapping,
                color,
                line_thickness,
                text_thickness,
                font_scale,
                "channels_last",
            )
    if legend:
        from matplotlib.patches import Patch

        colours: Any = [np.asarray(color) / 255 for color in (true_color, pred_color)]
        named = zip(colours, ("Ground Truth", "Prediction"), strict=True)
        legend_handles = [Patch(color=colour, label=label) for colour, label in named]
    plot_image_gallery(
        drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: Sequence[float] = BYTES,
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Show images, each in a row with its true and its predicted segmentation mask.

    Args:
        images: (batch, height, width, channels), or channels first.
        num_classes: number of classes.
        value_range: lowest and highest value of the images.
        y_true: true class of each pixel, (batch, height, width) or with one channel.
        y_pred: predicted class of each pixel.
        color_mapping: colours of the classes, see :func:`draw_segmentation_masks`.
        blend: False puts colours in place of pixels.
        alpha: how opaque colours are, from 0 to 1.
        ignore_index: class whose pixels stay as they are.
        data_format: where the channels are, in masks too; the session's by default.
        **kwargs: passed to :func:`plot_image_gallery`.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: images of another rank, or masks of another shape.
    """
    _pyplot("plot_segmentation_mask_gallery")
    batch, data_format = batch_of(images, data_format)
    pixels = _in_bytes(batch, value_range)
    columns = [pixels]
    for masks in (y_true, y_pred):
        if masks is not None:
            numbers = np.asarray(masks).astype(np.int32)
            if numbers.ndim == 4 and data_format == "channels_first":
                numbers = numbers.transpose(0, 2, 3, 1)
            columns.append(
                draw_segmentation_masks(
                    pixels, numbers, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
                )
            )
    gallery = np.stack(columns, axis=1).reshape(-1, *pixels.shape[1:])
    plot_image_gallery(gallery, rows=len(pixels), cols=len(columns), data_format="channels_last", **kwargs)
