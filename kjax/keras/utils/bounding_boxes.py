"""``keras.utils.bounding_boxes``."""

from kjax.nn.boxes import affine_transform as affine_transform
from kjax.nn.boxes import clip_to_image_size as clip_to_image_size
from kjax.nn.boxes import compute_ciou as compute_ciou
from kjax.nn.boxes import compute_iou as compute_iou
from kjax.nn.boxes import convert_format as convert_format
from kjax.nn.boxes import crop as crop
from kjax.nn.boxes import decode_deltas_to_boxes as decode_deltas_to_boxes
from kjax.nn.boxes import encode_box_to_deltas as encode_box_to_deltas
from kjax.nn.boxes import pad as pad
