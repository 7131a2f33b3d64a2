"""``keras.visualization``: bounding boxes and masks drawn on pictures, and galleries of pictures."""

from kjax.keras.visualization.drawing import draw_bounding_boxes as draw_bounding_boxes
from kjax.keras.visualization.drawing import draw_segmentation_masks as draw_segmentation_masks
from kjax.keras.visualization.galleries import plot_bounding_box_gallery as plot_bounding_box_gallery
from kjax.keras.visualization.galleries import plot_image_gallery as plot_image_gallery
from kjax.keras.visualization.galleries import plot_segmentation_mask_gallery as plot_segmentation_mask_gallery
