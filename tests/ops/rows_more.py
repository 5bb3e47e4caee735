"""Rows for statistics, linear algebra, transforms, images, attention, sequences and sets."""

from __future__ import annotations

import numpy as np
from scipy import linalg as sl

from tests.ops import references as ref
from tests.ops.table import B, C, D, F, N, P, U, row

NAN = np.float32([[1, np.nan, 3, -2], [np.nan, np.nan, np.nan, np.nan], [5, 4, 0.5, np.nan]])

# ----------------------------------------------------------------------------- statistics

row("average", F(3, 4))
row("average", F(3, 4), axis=1, weights=P(4))
row("average", F(3, 4), axis=(0, 1), weights=P(3, 4), _reference=np.average)
for _kwargs in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}):
    row("median", D(2, 3, 4), **_kwargs)
    row("quantile", D(2, 3, 4), 0.3, **_kwargs)
    row("percentile", D(2, 3, 4), [10.0, 55.0], **_kwargs, _reference=np.percentile)
for _method in "linear lower higher midpoint nearest".split():
    row("quantile", D(3, 5), [0.0, 0.3, 1.0], axis=1, method=_method, _gradient=False)
row("quantile", D(3, 5), U(2), axis=-1, _gradient=False)
row("median", NAN, axis=1, _gradient=False, _dtypes=False)
row("histogram", F(20), bins=4, _gradient=False, _dtypes=False)
row("histogram", F(20), bins=5, range=(-1.0, 1.0), _gradient=False)
row("bincount", N(10, low=0, high=5), _gradient=False, _jit=False, _unknown=False)
row("bincount", N(10, low=0, high=5), weights=F(10), minlength=8, _unknown=False)
row("bincount", N(2, 10, low=0, high=5), minlength=5, _gradient=False, _unknown=False)
row("corrcoef", F(3, 10))
for _mode in "valid same full".split():
    row("correlate", F(7), F(3), mode=_mode, _unknown=False)
    row("correlate", F(3), F(6), mode=_mode, _unknown=False, _reference=np.correlate)
row("diff", F(3, 5))
row("diff", F(3, 5), n=2, axis=0)
row("trapezoid", F(3, 5))
row("trapezoid", F(3, 5), dx=0.5, axis=0)
row("trapezoid", F(3, 5), F(5), _reference=np.trapezoid)
row("psnr", U(3, 4), U(3, 4), max_val=1.0)

for _op in """nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian""".split():
    row(_op, F(2, 3, 4))
    row(_op, F(2, 3, 4), axis=1, keepdims=True)
    row(_op, NAN, axis=1, _gradient=False, _dtypes=False)
for _op in ("nanargmax", "nanargmin"):
    row(_op, D(3, 4), axis=1, _gradient=False)
    row(_op, NAN, axis=1, _gradient=False, _dtypes=False)
for _op in ("nancumsum", "nancumprod"):
    row(_op, F(3, 4))
    row(_op, NAN, axis=1, _gradient=False, _dtypes=False)
row("nanquantile", NAN, [0.0, 0.4], axis=1, _gradient=False, _dtypes=False)
row("nanquantile", D(3, 4), 0.4, axis=0)
row("nanpercentile", NAN, 30, axis=1, _gradient=False, _dtypes=False)
row("nanpercentile", D(3, 4), 30)

# ------------------------------------------------------------------------------ closeness

row("isclose", F(3, 4), F(4), _gradient=False)
row(
    "isclose",
    np.float32([1, np.inf, np.nan, 2]),
    np.float32([1.000001, np.inf, np.nan, 2.1]),
    equal_nan=True,
    _gradient=False,
    _dtypes=False,
)
row("allclose", F(3), F(3), _gradient=False)
row("isin", N(3, 4), N(5), _gradient=False)
row("isin", N(3, 4), N(5), invert=True, _gradient=False)
row("isin", F(3, 4), F(5), _gradient=False)
row("nan_to_num", np.float32([np.nan, np.inf, -np.inf, 1]), _gradient=False, _dtypes=False)
row(
    "nan_to_num",
    np.float32([np.nan, np.inf, -np.inf, 1]),
    nan=1.0,
    posinf=2.0,
    neginf=3.0,
    _gradient=False,
    _dtypes=False,
)
row("nan_to_num", F(3))
row("select", [B(3), B(3)], [F(3), F(3)], default=2.0)
row("heaviside", F(3, 4), F(4), _gradient=False)
row("heaviside", np.float32([-1, 0, 1, np.nan]), 0.5, _gradient=False, _dtypes=False)
row("ldexp", F(3, 4), N(4))
row("nextafter", F(3, 4), F(4), _gradient=False, _rtol=0, _atol=0)
row("gcd", N(3, 4, low=-40, high=40), N(4, low=-40, high=40), _gradient=False)
row("lcm", N(3, 4, low=-40, high=40), N(4, low=-40, high=40), _gradient=False)
row("polar", P(3, 4), F(3, 4), _gradient=False)
row("view_as_complex", F(3, 2), _gradient=False)
row("view_as_real", C(3), _gradient=False)
row(
    "view",
    F(3, 4),
    "int32",
    _gradient=False,
    _dtypes=False,
    _reference=lambda x, d: x.astype("f").view(d),
)
row(
    "view",
    F(3, 4),
    "int16",
    _gradient=False,
    _dtypes=False,
    _reference=lambda x, d: x.astype("f").view(d),
)
row("view", N(3, 4), "uint8", _gradient=False, _reference=lambda x, d: x.view(d))

# ------------------------------------------------------------------------- linear algebra


def _positive(n: int) -> np.ndarray:
    a = np.random.default_rng(n).normal(size=(2, n, n))
    return (a @ a.swapaxes(-1, -2) + n * np.eye(n)).astype(np.float32)


for _upper in (False, True):
    row("cholesky", _positive(3), upper=_upper, _gradient=False, _dtypes=False)
    row(
        "cholesky_inverse",
        np.linalg.cholesky(_positive(3))[0].T.copy()
        if _upper
        else np.linalg.cholesky(_positive(3))[0],
        upper=_upper,
        _gradient=False,
        _dtypes=False,
        _rtol=1e-4,
        _reference=lambda x, upper: np.linalg.inv(x.T @ x if upper else x @ x.T),
    )
for _op in "det inv".split():
    row(_op, F(3, 3), _unknown=False, _rtol=1e-3, _atol=1e-4)
    row(_op, F(2, 4, 4), _rtol=1e-3, _atol=1e-4, _reference=getattr(np.linalg, _op))
row("slogdet", F(2, 3, 3), _rtol=1e-4)
row("logdet", F(2, 3, 3), _rtol=1e-4, _reference=lambda x: np.linalg.slogdet(x)[1])
row("solve", _positive(3), F(2, 3, 2), _dtypes=False, _rtol=1e-4)
row("solve", _positive(3)[0], F(3), _dtypes=False, _rtol=1e-4, _unknown=False)
for _lower in (True, False):
    row(
        "solve_triangular",
        _positive(3),
        F(2, 3, 2),
        lower=_lower,
        _dtypes=False,
        _reference=lambda a, b, lower: np.stack(
            [sl.solve_triangular(x, y, lower=lower) for x, y in zip(a, b)]
        ),
    )
row("qr", F(4, 3), _gradient=False, _unknown=False, _rtol=1e-4)
row(
    "qr",
    F(2, 3, 4),
    mode="complete",
    _gradient=False,
    _rtol=1e-4,
    _reference=lambda x, mode: tuple(np.linalg.qr(x, mode)),
)
row(
    "svd",
    F(4, 3),
    compute_uv=False,
    _unknown=False,
    _reference=lambda x, compute_uv: np.linalg.svd(x, compute_uv=False),
)
row("eigh", _positive(3)[0], _gradient=False, _dtypes=False, _rtol=1e-3, _atol=1e-4, _unknown=False)
row("eig", np.float32([[2, 0], [0, 3]]), _gradient=False, _dtypes=False, _unknown=False)
row(
    "lu_factor",
    F(3, 3),
    _gradient=False,
    _unknown=False,
    _rtol=1e-4,
    _reference=lambda x: sl.lu_factor(x),
)
row("pinv", F(4, 3), _unknown=False, _rtol=1e-3, _atol=1e-4, _reference=np.linalg.pinv)
row("lstsq", F(5, 3), F(5), _unknown=False, _rtol=1e-3, _atol=1e-4)
row("lstsq", F(5, 3), F(5, 2), _unknown=False, _rtol=1e-3, _atol=1e-4)
row("matrix_rank", np.float32([[1, 1], [1, 1]]), _gradient=False, _dtypes=False)
row("matrix_rank", F(2, 3, 4), tol=0.1, _gradient=False)
row("norm", F(2, 3, 4))
for _ord in (1, 2, 3, 0, np.inf, -np.inf):
    row("norm", F(2, 3), ord=_ord, axis=1, keepdims=True, _gradient=_ord != 0)
for _ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    row("norm", F(2, 3, 4), ord=_ord, axis=(0, 2), _rtol=1e-4, _reference=np.linalg.norm)
row("cdist", F(3, 4), F(5, 4))

# ------------------------------------------------------------------------------ transforms

row("fft", (F(2, 6), F(2, 6)), _gradient=False)
row("fft2", (F(2, 4, 6), F(2, 4, 6)), _gradient=False)
row("ifft2", (F(2, 4, 6), F(2, 4, 6)), _gradient=False)
for _n in (None, 4, 7, 9):
    row("rfft", F(2, 7), fft_length=_n, _gradient=False)
    row("irfft", (F(2, 4), F(2, 4)), fft_length=_n, _gradient=False)
row("extract_sequences", F(2, 9), 4, 2)
for _center in (True, False):
    for _window in ("hann", "hamming", None):
        row("stft", F(2, 32), 6, 3, 8, window=_window, center=_center, _gradient=False, _atol=1e-4)
        if _window is None:
            continue  # Keras adds up overlapping pieces here without dividing: no inverse
        row(
            "istft",
            (F(2, 9, 5), F(2, 9, 5)),
            6,
            3,
            8,
            window=_window,
            center=_center,
            _gradient=False,
            _atol=1e-4,
        )
row("istft", (F(9, 5), F(9, 5)), 8, 2, 8, length=20, _gradient=False, _atol=1e-4)
for _op in "bartlett blackman hamming hanning".split():
    row(_op, 7, _gradient=False)
row("kaiser", 7, 3.0, _gradient=False)

# ---------------------------------------------------------------------------- neural nets

row("dot_product_attention", F(2, 5, 4, 3), F(2, 6, 4, 3), F(2, 6, 4, 3), _reference=ref.attention)
row(
    "dot_product_attention",
    F(2, 5, 4, 3),
    F(2, 6, 2, 3),
    F(2, 6, 2, 3),
    bias=F(2, 4, 5, 6),
    mask=B(2, 1, 5, 6),
    scale=0.3,
    attn_logits_soft_cap=2.0,
    _reference=ref.attention,
)
row(
    "dot_product_attention",
    F(2, 5, 4, 3),
    F(2, 5, 4, 3),
    F(2, 5, 4, 3),
    is_causal=True,
    _reference=ref.attention,
)
row(
    "ctc_loss",
    np.int32([[1, 2], [3, 3], [2, 0]]),
    F(3, 5, 4),
    np.int32([2, 2, 1]),
    np.int32([5, 4, 3]),
    _reference=ref.ctc_by_enumeration,
    _rtol=1e-4,
    _unknown=False,
)
row(
    "ctc_loss",
    np.int32([[1, 2, 2], [3, 1, 0]]),
    F(2, 8, 5),
    np.int32([3, 2]),
    np.int32([8, 5]),
    _rtol=1e-4,
    _unknown=False,
)
row("ctc_decode", F(3, 6, 4), np.int32([6, 5, 1]), _gradient=False, _unknown=False)
row(
    "ctc_decode",
    F(3, 6, 4),
    np.int32([6, 5, 1]),
    merge_repeated=False,
    _gradient=False,
    _unknown=False,
)
row(
    "ctc_decode",
    F(2, 4, 3),
    np.int32([4, 3]),
    "beam_search",
    30,
    2,
    _gradient=False,
    _unknown=False,
    _reference=ref.beam_by_enumeration,
    _rtol=1e-4,
)
row("unfold", F(2, 3, 6, 5), 3)
row("unfold", F(2, 3, 6, 5), (3, 2), dilation=(1, 2), padding=1, stride=2)
row("fold", F(2, 27, 12), (6, 5), 3)
row("space_to_depth", F(2, 4, 6, 3), 2)
row("space_to_depth", F(2, 3, 4, 6), 2, data_format="channels_first")
row("depth_to_space", F(2, 4, 3, 12), 2)
row("depth_to_space", F(2, 12, 4, 3), 2, data_format="channels_first")
for _op in ("adaptive_average_pool", "adaptive_max_pool"):
    row(_op, D(2, 7, 3), 3)
    row(_op, D(2, 7, 5, 3), (3, 2), data_format="channels_last")
    row(_op, D(2, 3, 7, 5), 2, data_format="channels_first")
row("rearrange", F(2, 6, 4), "b (h w) c -> b c h w", h=2)
row("rearrange", F(2, 3, 4), "... c -> c ...", _reference=lambda x, p: np.moveaxis(x, -1, 0))
row("rearrange", F(2, 3, 4), "a b c -> (a b) 1 c", _reference=lambda x, p: x.reshape(6, 1, 4))

for _op in "segment_sum segment_max segment_min segment_prod".split():
    row(_op, F(6, 2), np.int32([0, 0, 1, 2, 2, 2]), num_segments=3)
    row(_op, F(6, 2), np.int32([0, 0, 1, 3, 3, 3]), num_segments=4, _gradient=False)
row(
    "segment_sum",
    F(6),
    np.int32([2, 0, 1, 0, 2, 2]),
    _jit=False,
    _unknown=False,
    _reference=lambda x, i: np.bincount(i, x),
)
row(
    "segment_sum",
    F(4),
    np.int32([0, -1, 5, 1]),
    num_segments=2,
    _reference=lambda x, i, num_segments: x[[0, 3]],
)
row("unique", N(10), _gradient=False, _jit=False, _unknown=False)
row(
    "unique",
    N(3, 4, low=0, high=4),
    return_index=True,
    return_inverse=True,
    return_counts=True,
    _gradient=False,
    _jit=False,
    _unknown=False,
    _reference=lambda x, **k: np.unique(x, **k),
)
row(
    "unique",
    N(6, 2, low=0, high=2),
    axis=0,
    return_counts=True,
    _gradient=False,
    _jit=False,
    _unknown=False,
    _reference=lambda x, **k: np.unique(x, **k),
)
row(
    "unique",
    np.int32([3, 1, 3]),
    size=4,
    fill_value=-1,
    _gradient=False,
    _reference=lambda x, **k: np.int32([1, 3, -1, -1]),
)
row(
    "unique",
    np.int32([3, 1, 3, 2]),
    size=2,
    _gradient=False,
    _reference=lambda x, **k: np.int32([1, 2]),
)
row("unravel_index", N(4, low=-6, high=6), (2, 3), _gradient=False)

# --------------------------------------------------------------------------------- images

for _interpolation in "nearest bilinear bicubic lanczos3 lanczos5".split():
    row(
        "image.resize",
        F(2, 5, 6, 3),
        (7, 3),
        _interpolation,
        data_format="channels_last",
        _atol=1e-4,
    )
    if _interpolation != "nearest":
        row(
            "image.resize",
            F(8, 9, 2),
            (3, 5),
            _interpolation,
            antialias=True,
            data_format="channels_last",
            _atol=1e-4,
        )
row("image.resize", F(2, 3, 5, 6), (7, 3), data_format="channels_first")
row("image.resize", F(2, 6, 8, 3), (3, 3), crop_to_aspect_ratio=True)
row("image.resize", F(2, 6, 8, 3), (4, 4), pad_to_aspect_ratio=True, fill_value=2.0)
row("image.resize", N(2, 4, 4, 1, low=0, high=255), (3, 3), _gradient=False, _atol=1)
row(
    "image.scale_and_translate",
    F(3, 4),
    (4, 5),
    np.float32([1.5, 2]),
    np.float32([0.3, -0.2]),
    (0, 1),
    "linear",
)
row(
    "image.scale_and_translate",
    F(6, 8),
    (4, 5),
    np.float32([0.5, 0.7]),
    np.float32([0.3, -0.2]),
    (0, 1),
    "cubic",
)
row(
    "image.pad_images",
    F(2, 4, 5, 3),
    top_padding=1,
    left_padding=2,
    target_height=8,
    target_width=8,
)
row(
    "image.pad_images",
    F(3, 4, 5),
    bottom_padding=1,
    right_padding=2,
    top_padding=0,
    left_padding=3,
    data_format="channels_first",
)
row(
    "image.crop_images",
    F(2, 6, 7, 3),
    top_cropping=1,
    left_cropping=2,
    target_height=3,
    target_width=4,
)
row(
    "image.crop_images",
    F(2, 6, 7, 3),
    bottom_cropping=1,
    right_cropping=2,
    target_height=3,
    target_width=4,
)
row("image.extract_patches", F(2, 6, 7, 3), 2)
row("image.extract_patches", F(2, 6, 7, 3), (3, 2), strides=1, padding="same", dilation_rate=2)
row("image.extract_patches", F(3, 6, 7), 2, data_format="channels_first")
row("image.extract_patches_3d", F(2, 4, 5, 6, 2), (2, 2, 3))
for _mode in "constant nearest wrap mirror reflect".split():
    for _order in (0, 1):
        row(
            "image.map_coordinates",
            F(5, 6),
            U(2, 7, low=-8, high=12),
            _order,
            _mode,
            3.0,
            _atol=1e-4,
            _gradient=False,
            _unknown=False,
        )
_T = np.float32([[1, 0.1, -0.5, 0.2, 0.9, 0.3, 0, 0], [0.8, -0.2, 0.4, 0.1, 1.1, -1, 0, 0]])
for _mode in "constant nearest wrap reflect".split():
    row(
        "image.affine_transform",
        F(2, 5, 6, 3),
        _T,
        fill_mode=_mode,
        fill_value=2.0,
        _atol=1e-4,
        _gradient=False,
    )
row("image.affine_transform", F(5, 6, 3), _T[0], "nearest", _gradient=False, _unknown="first")
_A = np.float32([[0, 0], [5, 0], [0, 4], [5, 4]])
_E = np.float32([[0.5, 0], [4, 0.3], [0.2, 3.5], [5, 4]])
row(
    "image.perspective_transform",
    F(2, 5, 6, 3),
    np.stack([_A, _A]),
    np.stack([_E, _A]),
    _atol=1e-3,
    _gradient=False,
)
row("image.rgb_to_grayscale", F(2, 4, 5, 3))
row("image.rgb_to_grayscale", F(3, 4, 5), data_format="channels_first")
row("image.rgb_to_hsv", U(2, 4, 5, 3), _dtypes=False)
row("image.hsv_to_rgb", U(2, 4, 5, 3), _dtypes=False)
row("image.sobel_edges", F(2, 5, 6, 3))
row("image.gaussian_blur", F(2, 7, 8, 3), (3, 5), (1.0, 2.0), _reference=ref.blur)
row("image.ssim", U(2, 14, 15, 3), U(2, 14, 15, 3), _rtol=1e-3)
