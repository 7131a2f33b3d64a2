"""What is gone from which module, and where it lies today: ``module:name``, or ``=expression`` of builtin names."""

from __future__ import annotations

_HERE = "kjax.keras.legacy.surroundings"


def _same(module: str, names: str) -> dict[str, str]:
    """Names that lie elsewhere; ``old=new`` where one has another name there."""
    pairs = [entry.split("=") for entry in names.split()]
    return {pair[0]: f"{module}:{pair[-1]}" for pair in pairs}


_CONTAINERS = (
    "Callable Container Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping "
    "MutableSequence MutableSet Sequence Set Sized ValuesView"
)
_WINDOWS = (
    "barthann bartlett blackman blackmanharris bohman boxcar chebwin cosine exponential flattop gaussian general_gaussian "
    "hamming hann kaiser nuttall parzen triang tukey"
)

ATTRIBUTES: dict[str, dict[str, str]] = {
    "collections": _same("collections.abc", _CONTAINERS),
    "time": _same("time", "clock=perf_counter"),
    "fractions": _same("math", "gcd"),
    "inspect": _same(f"{_HERE}.changed", "getargspec"),
    "itertools": _same("builtins", "izip=zip imap=map ifilter=filter") | _same("itertools", "izip_longest=zip_longest"),
    "os": {**_same("os", "getcwdu=getcwd"), "errno": "errno:"},
    "string": _same("string", "letters=ascii_letters lowercase=ascii_lowercase uppercase=ascii_uppercase")
    | _same(f"{_HERE}.changed", "maketrans"),
    "sys": _same("sys", "maxint=maxsize"),
    "urllib": _same("urllib.request", "urlretrieve urlopen")
    | _same("urllib.parse", "urlencode quote quote_plus unquote"),
    "numpy": {
        **_same("builtins", "int float object str complex long=int unicode=str"),
        **_same(
            "numpy",
            "bool=bool_ float_=float64 complex_=complex128 string_=bytes_ unicode_=str_ bool8=bool_ int0=intp uint0=uintp "
            "object0=object_ str0=str_ bytes0=bytes_ void0=void singlecomplex=complex64 cfloat=complex128 "
            "longfloat=longdouble longcomplex=clongdouble clongfloat=clongdouble product=prod cumproduct=cumprod "
            "sometrue=any alltrue=all row_stack=vstack round_=round in1d=isin trapz=trapezoid mat=asmatrix rank=ndim "
            "Inf=inf Infinity=inf infty=inf PINF=inf NaN=nan",
        ),
        **_same(f"{_HERE}.changed", "NINF asscalar msort asfarray alen"),
    },
    "numpy.random": _same(f"{_HERE}.changed", "random_integers"),
    "scipy.ndimage": _same(f"{_HERE}.pictures", "imread"),
    "scipy.signal": _same("scipy.signal.windows", _WINDOWS),
    "scipy.integrate": _same("scipy.integrate", "simps=simpson trapz=trapezoid cumtrapz=cumulative_trapezoid"),
    "scipy.linalg": _same("scipy.linalg", "pinv2=pinv"),
    "scipy.stats": _same(f"{_HERE}.changed", "itemfreq")
    | _same("scipy.stats", "median_absolute_deviation=median_abs_deviation"),
    "PIL.Image": _same("PIL.Image.Resampling", "ANTIALIAS=LANCZOS LINEAR=BILINEAR CUBIC=BICUBIC"),
    "PIL.Image:Image": _same(f"{_HERE}.changed", "tostring=image_bytes"),
    "PIL.ImageDraw:ImageDraw": _same(f"{_HERE}.changed", "textsize"),
    "PIL.ImageFont:FreeTypeFont": _same(f"{_HERE}.changed", "getsize"),
    "PIL.ImageFont:ImageFont": _same(f"{_HERE}.changed", "getsize"),
    "h5py:Dataset": _same(f"{_HERE}.changed", "value=dataset_value"),
    "matplotlib.cm": _same(f"{_HERE}.changed", "get_cmap"),
    "matplotlib.pyplot": _same(f"{_HERE}.changed", "hold ishold"),
    "matplotlib.axes:Axes": _same(f"{_HERE}.changed", "hold=axes_hold"),
    "sklearn.preprocessing": _same(f"{_HERE}.splits", "Imputer"),
    "sklearn.metrics": _same("sklearn.metrics", "jaccard_similarity_score=accuracy_score"),
    "sklearn.decomposition": _same("sklearn.decomposition", "RandomizedPCA=PCA"),
    "sklearn.utils": _same("sklearn.utils.validation", "check_arrays=check_array"),
    "sklearn.datasets": _same(f"{_HERE}.splits", "load_boston fetch_mldata"),
    "pandas": _same(f"{_HERE}.frames", "rolling_mean rolling_std ewma")
    | _same("datetime", "datetime")
    | _same("pandas.plotting", "scatter_matrix"),
    "pandas:DataFrame": _same(
        f"{_HERE}.frames",
        "append=append_rows as_matrix ix iteritems sort get_value set_value applymap lookup mad",
    ),
    "pandas:Series": _same(f"{_HERE}.frames", "append=append_values as_matrix ix iteritems order mad"),
}
"""Names by the module that lacks them, or by ``module:class``."""

_MISC = (
    _same(f"{_HERE}.pictures", "bytescale fromimage imfilter imread imresize imrotate imsave imshow toimage")
    | _same("scipy.special", "comb factorial factorial2 factorialk logsumexp")
    | _same("scipy.datasets", "face ascent electrocardiogram")
)

MODULES: dict[str, dict[str, str]] = {
    "scipy.misc": _MISC,
    "scipy.misc.pilutil": _MISC,
    "sklearn.cross_validation": _same(
        f"{_HERE}.splits",
        "KFold StratifiedKFold LeaveOneOut LeavePOut LeaveOneLabelOut LabelKFold ShuffleSplit StratifiedShuffleSplit",
    )
    | _same(
        "sklearn.model_selection", "train_test_split cross_val_score cross_val_predict permutation_test_score check_cv"
    ),
    "sklearn.grid_search": _same(f"{_HERE}.splits", "GridSearchCV RandomizedSearchCV")
    | _same("sklearn.model_selection", "ParameterGrid ParameterSampler"),
    "sklearn.learning_curve": _same("sklearn.model_selection", "learning_curve validation_curve"),
    "sklearn.externals": {"joblib": "joblib:", "six": "six:"},
    "sklearn.externals.joblib": {"*": "joblib"},
    "sklearn.externals.six": {"*": "six"},
    "sklearn.lda": _same("sklearn.discriminant_analysis", "LDA=LinearDiscriminantAnalysis"),
    "sklearn.qda": _same("sklearn.discriminant_analysis", "QDA=QuadraticDiscriminantAnalysis"),
    "sklearn.datasets.samples_generator": {"*": "sklearn.datasets"},
    "sklearn.datasets.base": {"*": "sklearn.datasets"},
    "sklearn.metrics.classification": {"*": "sklearn.metrics"},
    "sklearn.metrics.ranking": {"*": "sklearn.metrics"},
    "sklearn.metrics.scorer": {"*": "sklearn.metrics"},
    "sklearn.preprocessing.data": {"*": "sklearn.preprocessing"},
    "sklearn.preprocessing.label": {"*": "sklearn.preprocessing"},
    "sklearn.preprocessing.imputation": _same(f"{_HERE}.splits", "Imputer"),
    "sklearn.linear_model.logistic": {"*": "sklearn.linear_model"},
    "sklearn.linear_model.base": {"*": "sklearn.linear_model"},
    "sklearn.ensemble.forest": {"*": "sklearn.ensemble"},
    "sklearn.svm.classes": {"*": "sklearn.svm"},
    "sklearn.utils.testing": {"*": "sklearn.utils._testing"},
    "pandas.tools": {},
    "pandas.tools.plotting": {"*": "pandas.plotting"},
    "pandas.util.testing": {"*": "pandas.testing"},
    "numpy.compat": _same("builtins", "long=int unicode=str") | _same(f"{_HERE}.changed", "asbytes asstr"),
    "imp": _same("importlib", "reload") | _same(f"{_HERE}.changed", "load_source"),
    "distutils": {},
    "distutils.version": _same(f"{_HERE}.changed", "LooseVersion StrictVersion=LooseVersion"),
    "cPickle": {"*": "pickle"},
    "cStringIO": _same("io", "StringIO"),
    "StringIO": _same("io", "StringIO"),
    "Queue": {"*": "queue"},
    "ConfigParser": {"*": "configparser"},
    "urllib2": _same("urllib.request", "urlopen Request build_opener install_opener HTTPCookieProcessor ProxyHandler")
    | _same("urllib.error", "URLError HTTPError")
    | _same("urllib.parse", "quote unquote"),
    "urlparse": _same("urllib.parse", "urlparse urljoin urlsplit parse_qs"),
    "Tkinter": {"*": "tkinter"},
    "commands": _same("subprocess", "getoutput getstatusoutput"),
    "__builtin__": {"*": "builtins"},
    "copy_reg": {"*": "copyreg"},
    "HTMLParser": {"*": "html.parser"},
}
"""Modules that are gone and their names; ``*`` is a module that has all of them."""

EMPTY = frozenset(("scipy.misc",))
"""Modules of these that are there, without a name in them."""
