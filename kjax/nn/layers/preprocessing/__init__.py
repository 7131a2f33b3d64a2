"""Layers that prepare data: numbers, pictures and sounds, inside compiled models."""

from kjax.nn.layers.preprocessing.colour import RandomBrightness as RandomBrightness
from kjax.nn.layers.preprocessing.colour import RandomColorDegeneration as RandomColorDegeneration
from kjax.nn.layers.preprocessing.colour import RandomColorJitter as RandomColorJitter
from kjax.nn.layers.preprocessing.colour import RandomContrast as RandomContrast
from kjax.nn.layers.preprocessing.colour import RandomGrayscale as RandomGrayscale
from kjax.nn.layers.preprocessing.colour import RandomHue as RandomHue
from kjax.nn.layers.preprocessing.colour import RandomInvert as RandomInvert
from kjax.nn.layers.preprocessing.colour import RandomPosterization as RandomPosterization
from kjax.nn.layers.preprocessing.colour import RandomSaturation as RandomSaturation
from kjax.nn.layers.preprocessing.colour import Solarization as Solarization
from kjax.nn.layers.preprocessing.filters import AutoContrast as AutoContrast
from kjax.nn.layers.preprocessing.filters import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from kjax.nn.layers.preprocessing.filters import Equalization as Equalization
from kjax.nn.layers.preprocessing.filters import RandomErasing as RandomErasing
from kjax.nn.layers.preprocessing.filters import RandomGaussianBlur as RandomGaussianBlur
from kjax.nn.layers.preprocessing.filters import RandomSharpness as RandomSharpness
from kjax.nn.layers.preprocessing.geometry import RandomElasticTransform as RandomElasticTransform
from kjax.nn.layers.preprocessing.geometry import RandomFlip as RandomFlip
from kjax.nn.layers.preprocessing.geometry import RandomPerspective as RandomPerspective
from kjax.nn.layers.preprocessing.geometry import RandomRotation as RandomRotation
from kjax.nn.layers.preprocessing.geometry import RandomShear as RandomShear
from kjax.nn.layers.preprocessing.geometry import RandomTranslation as RandomTranslation
from kjax.nn.layers.preprocessing.geometry import RandomZoom as RandomZoom
from kjax.nn.layers.preprocessing.mixing import AugMix as AugMix
from kjax.nn.layers.preprocessing.mixing import CutMix as CutMix
from kjax.nn.layers.preprocessing.mixing import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from kjax.nn.layers.preprocessing.mixing import MixUp as MixUp
from kjax.nn.layers.preprocessing.mixing import RandAugment as RandAugment
from kjax.nn.layers.preprocessing.numbers import CategoryEncoding as CategoryEncoding
from kjax.nn.layers.preprocessing.numbers import Discretization as Discretization
from kjax.nn.layers.preprocessing.numbers import Normalization as Normalization
from kjax.nn.layers.preprocessing.numbers import Rescaling as Rescaling
from kjax.nn.layers.preprocessing.size import CenterCrop as CenterCrop
from kjax.nn.layers.preprocessing.size import RandomCrop as RandomCrop
from kjax.nn.layers.preprocessing.size import Resizing as Resizing
from kjax.nn.layers.preprocessing.sound import MelSpectrogram as MelSpectrogram
from kjax.nn.layers.preprocessing.sound import STFTSpectrogram as STFTSpectrogram
