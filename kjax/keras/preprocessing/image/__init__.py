"""Pictures: files and arrays, random changes of single images, generators of changed batches."""

from kjax.keras.preprocessing.image.affine import apply_affine_transform as apply_affine_transform
from kjax.keras.preprocessing.image.affine import apply_brightness_shift as apply_brightness_shift
from kjax.keras.preprocessing.image.affine import apply_channel_shift as apply_channel_shift
from kjax.keras.preprocessing.image.affine import flip_axis as flip_axis
from kjax.keras.preprocessing.image.affine import random_brightness as random_brightness
from kjax.keras.preprocessing.image.affine import random_channel_shift as random_channel_shift
from kjax.keras.preprocessing.image.affine import random_rotation as random_rotation
from kjax.keras.preprocessing.image.affine import random_shear as random_shear
from kjax.keras.preprocessing.image.affine import random_shift as random_shift
from kjax.keras.preprocessing.image.affine import random_zoom as random_zoom
from kjax.keras.preprocessing.image.affine import transform_matrix_offset_center as transform_matrix_offset_center
from kjax.keras.preprocessing.image.files import array_to_img as array_to_img
from kjax.keras.preprocessing.image.files import img_to_array as img_to_array
from kjax.keras.preprocessing.image.files import list_pictures as list_pictures
from kjax.keras.preprocessing.image.files import load_img as load_img
from kjax.keras.preprocessing.image.files import save_img as save_img
from kjax.keras.preprocessing.image.files import smart_resize as smart_resize
from kjax.keras.preprocessing.image.generator import ImageDataGenerator as ImageDataGenerator
from kjax.keras.preprocessing.image.iterators import Iterator as Iterator
from kjax.keras.preprocessing.image.iterators import NumpyArrayIterator as NumpyArrayIterator
from kjax.keras.preprocessing.image.stored import DataFrameIterator as DataFrameIterator
from kjax.keras.preprocessing.image.stored import DirectoryIterator as DirectoryIterator
