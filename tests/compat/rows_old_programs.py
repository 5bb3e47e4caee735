"""Small programs in the dialects of Keras 0.3, 1 and 2, each beside its modern spelling.

Both sides end with the same `result`.  What all of them may use is in `PRELUDE`; old programs import
from `keras`, which the stand-in answers for.
"""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

PRELUDE = """
import numpy as np
import hornbeam
from hornbeam import Input, Model, Sequential, callbacks, layers, ops, optimizers, utils

def data(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")

def labels(n, classes):
    return np.eye(classes, dtype="float32")[np.arange(n) * 7 % classes]

def outputs(model, *inputs):
    return model.predict(list(inputs) if len(inputs) > 1 else inputs[0], verbose=0)

def batches(x, y, size):
    while True:
        for i in range(0, len(x), size):
            yield x[i : i + size], y[i : i + size]
"""


class Program(NamedTuple):
    """An old program and its modern spelling."""

    name: str
    dialect: str
    trains: bool
    old: str
    new: str


PROGRAMS: list[Program] = []


def program(name: str, dialect: str, old: str, new: str, trains: bool = False) -> None:
    """Enter a program into `PROGRAMS`."""
    PROGRAMS.append(Program(name, dialect, trains, dedent(old), dedent(new)))


# ------------------------------------------------------------------------------------- layers, Keras 1

program(
    "dense",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.core import Dense, Activation
    from keras.regularizers import l2
    from keras import backend as K
    model = Sequential()
    model.add(Dense(output_dim=4, input_dim=3, init="uniform", W_regularizer=l2(0.1), bias=False))
    model.add(Activation("tanh"))
    result = [outputs(model, data(5, 3)), [float(K.eval(x)) for x in model.losses]]
""",
    """
    model = Sequential([Input((3,)), layers.Dense(4, kernel_initializer="random_uniform",
        kernel_regularizer="l2", use_bias=False), layers.Activation("tanh")])
    model.layers[0].kernel.regularizer = hornbeam.regularizers.L2(0.1)
    result = [outputs(model, data(5, 3)), [float(hornbeam.ops.convert_to_numpy(x)) for x in model.losses]]
""",
)

program(
    "constraints",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    from keras.constraints import maxnorm, nonneg
    model = Sequential([Dense(2, input_dim=3, W_constraint=maxnorm(2), b_constraint=nonneg())])
    model.compile("sgd", "mse")
    model.fit(data(8, 3), data(8, 2), nb_epoch=2, verbose=0, shuffle=False)
    result = model.get_weights()
""",
    """
    model = Sequential([Input((3,)), layers.Dense(2, kernel_constraint=hornbeam.constraints.MaxNorm(2),
        bias_constraint="non_neg")])
    model.compile("sgd", "mse")
    model.fit(data(8, 3), data(8, 2), epochs=2, verbose=0, shuffle=False)
    result = model.get_weights()
""",
    trains=True,
)

program(
    "convolution_2d_positional",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.convolutional import Convolution2D, MaxPooling2D, ZeroPadding2D
    model = Sequential()
    model.add(ZeroPadding2D((1, 1), input_shape=(6, 6, 2), dim_ordering="tf"))
    model.add(Convolution2D(3, 3, 2, border_mode="same", subsample=(2, 1), dim_ordering="tf"))
    model.add(MaxPooling2D(pool_size=(2, 2), border_mode="valid", dim_ordering="tf"))
    result = outputs(model, data(2, 6, 6, 2))
""",
    """
    model = Sequential([Input((6, 6, 2)), layers.ZeroPadding2D((1, 1)),
        layers.Conv2D(3, (3, 2), padding="same", strides=(2, 1)), layers.MaxPooling2D((2, 2))])
    result = outputs(model, data(2, 6, 6, 2))
""",
)

program(
    "convolution_2d_theano",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Convolution2D
    model = Sequential([Convolution2D(nb_filter=3, nb_row=3, nb_col=3, dim_ordering="th",
        input_shape=(2, 5, 5), init="he_normal")])
    result = [model.output_shape, [w.shape for w in model.get_weights()]]
""",
    """
    model = Sequential([Input((2, 5, 5)), layers.Conv2D(3, 3, data_format="channels_first",
        kernel_initializer="he_normal")])
    result = [model.output_shape, [w.shape for w in model.get_weights()]]
""",
)

program(
    "convolution_1d",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Convolution1D, MaxPooling1D, GlobalMaxPooling1D
    model = Sequential()
    model.add(Convolution1D(4, 3, border_mode="same", subsample_length=1, input_dim=2, input_length=8))
    model.add(MaxPooling1D(pool_length=2, stride=2))
    model.add(GlobalMaxPooling1D())
    result = outputs(model, data(3, 8, 2))
""",
    """
    model = Sequential([Input((8, 2)), layers.Conv1D(4, 3, padding="same"),
        layers.MaxPooling1D(2, strides=2), layers.GlobalMaxPooling1D()])
    result = outputs(model, data(3, 8, 2))
""",
)

program(
    "convolution_3d",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Convolution3D
    model = Sequential([Convolution3D(2, 1, 2, 3, input_shape=(3, 4, 5, 1), border_mode="valid")])
    result = outputs(model, data(2, 3, 4, 5, 1))
""",
    """
    model = Sequential([Input((3, 4, 5, 1)), layers.Conv3D(2, (1, 2, 3))])
    result = outputs(model, data(2, 3, 4, 5, 1))
""",
)

program(
    "atrous_convolution",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import AtrousConvolution2D
    model = Sequential([AtrousConvolution2D(2, 2, 2, atrous_rate=(2, 2), input_shape=(5, 5, 1))])
    result = outputs(model, data(2, 5, 5, 1))
""",
    """
    model = Sequential([Input((5, 5, 1)), layers.Conv2D(2, 2, dilation_rate=2)])
    result = outputs(model, data(2, 5, 5, 1))
""",
)

program(
    "deconvolution",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Deconvolution2D
    model = Sequential([Deconvolution2D(2, 3, 3, output_shape=(None, 7, 7, 2), subsample=(2, 2),
        input_shape=(3, 3, 1))])
    result = outputs(model, data(2, 3, 3, 1))
""",
    """
    model = Sequential([Input((3, 3, 1)), layers.Conv2DTranspose(2, 3, strides=2)])
    result = outputs(model, data(2, 3, 3, 1))
""",
)

program(
    "separable_convolution",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import SeparableConvolution2D
    model = Sequential([SeparableConvolution2D(2, 3, 3, init="one", input_shape=(4, 4, 2))])
    result = outputs(model, data(2, 4, 4, 2))
""",
    """
    model = Sequential([Input((4, 4, 2)), layers.SeparableConv2D(2, 3, depthwise_initializer="ones",
        pointwise_initializer="ones")])
    result = outputs(model, data(2, 4, 4, 2))
""",
)

program(
    "lstm",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.recurrent import LSTM
    model = Sequential([LSTM(output_dim=3, input_dim=2, input_length=4, inner_init="orthogonal",
        forget_bias_init="one", inner_activation="sigmoid", consume_less="cpu")])
    result = outputs(model, data(2, 4, 2))
""",
    """
    model = Sequential([Input((4, 2)), layers.LSTM(3)])
    result = outputs(model, data(2, 4, 2))
""",
)

program(
    "gru_and_simple_rnn",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import GRU, SimpleRNN
    model = Sequential([GRU(3, input_shape=(4, 2), return_sequences=True, init="glorot_uniform",
        U_regularizer="l2"), SimpleRNN(output_dim=2, W_regularizer="l1")])
    result = outputs(model, data(2, 4, 2))
""",
    """
    model = Sequential([Input((4, 2)), layers.GRU(3, return_sequences=True, recurrent_regularizer="l2"),
        layers.SimpleRNN(2, kernel_regularizer="l1")])
    result = outputs(model, data(2, 4, 2))
""",
)

program(
    "embedding",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.embeddings import Embedding
    from keras.layers.core import Flatten
    model = Sequential([Embedding(9, 3, input_length=4, init="normal", W_constraint="nonneg"), Flatten()])
    result = outputs(model, np.arange(8).reshape(2, 4))
""".replace('"nonneg"', '"non_neg"'),
    """
    model = Sequential([Input((4,)), layers.Embedding(9, 3, embeddings_initializer="normal",
        embeddings_constraint="non_neg"), layers.Flatten()])
    result = outputs(model, np.arange(8).reshape(2, 4))
""",
)

program(
    "embedding_with_weights",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Embedding
    model = Sequential([Embedding(5, 2, weights=[data(5, 2)], input_length=3, trainable=False)])
    result = outputs(model, np.array([[0, 4, 2]]))
""",
    """
    model = Sequential([Input((3,)), layers.Embedding(5, 2, trainable=False)])
    model.layers[0].set_weights([data(5, 2)])
    result = outputs(model, np.array([[0, 4, 2]]))
""",
)

program(
    "dense_with_weights",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(2, input_dim=3, weights=[data(3, 2), np.ones(2)])])
    result = outputs(model, data(4, 3))
""",
    """
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.set_weights([data(3, 2), np.ones(2)])
    result = outputs(model, data(4, 3))
""",
)

program(
    "batch_normalization",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.normalization import BatchNormalization
    model = Sequential([BatchNormalization(mode=0, gamma_init="one", beta_init="one", input_shape=(3,))])
    result = outputs(model, data(4, 3))
""",
    """
    model = Sequential([Input((3,)), layers.BatchNormalization(beta_initializer="ones")])
    result = outputs(model, data(4, 3))
""",
)

program(
    "noise",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.noise import GaussianNoise, GaussianDropout
    from keras.layers.core import Dropout, SpatialDropout1D
    model = Sequential([GaussianNoise(sigma=0.1, input_shape=(3, 2)), GaussianDropout(p=0.2),
        Dropout(p=0.3), SpatialDropout1D(p=0.1)])
    result = outputs(model, data(4, 3, 2))
""",
    """
    model = Sequential([Input((3, 2)), layers.GaussianNoise(0.1), layers.GaussianDropout(0.2),
        layers.Dropout(0.3), layers.SpatialDropout1D(0.1)])
    result = outputs(model, data(4, 3, 2))
""",
)

program(
    "advanced_activations",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.advanced_activations import ELU, LeakyReLU, PReLU
    model = Sequential([LeakyReLU(alpha=0.1, input_shape=(3,)), PReLU(init="one"), ELU(0.5)])
    result = outputs(model, data(4, 3))
""",
    """
    model = Sequential([Input((3,)), layers.LeakyReLU(0.1), layers.PReLU("ones"), layers.ELU(0.5)])
    result = outputs(model, data(4, 3))
""",
)

program(
    "reshaping",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.core import Permute, RepeatVector, Reshape
    from keras.layers.convolutional import Cropping1D, UpSampling1D, UpSampling2D, Cropping2D
    model = Sequential([RepeatVector(4, input_shape=(3,)), Cropping1D(1), UpSampling1D(length=2),
        Permute((2, 1)), Reshape((3, 4, 1)), UpSampling2D((2, 1), dim_ordering="tf"),
        Cropping2D(((1, 1), (0, 1)), dim_ordering="tf")])
    result = outputs(model, data(2, 3))
""",
    """
    model = Sequential([Input((3,)), layers.RepeatVector(4), layers.Cropping1D(1), layers.UpSampling1D(2),
        layers.Permute((2, 1)), layers.Reshape((3, 4, 1)), layers.UpSampling2D((2, 1)),
        layers.Cropping2D(((1, 1), (0, 1)))])
    result = outputs(model, data(2, 3))
""",
)

program(
    "wrappers",
    "1",
    """
    from keras.models import Sequential
    from keras.layers.wrappers import Bidirectional, TimeDistributed
    from keras.layers import Dense, GRU
    model = Sequential([TimeDistributed(Dense(output_dim=3), input_shape=(4, 2)),
        Bidirectional(GRU(output_dim=2), merge_mode="sum")])
    result = outputs(model, data(2, 4, 2))
""",
    """
    model = Sequential([Input((4, 2)), layers.TimeDistributed(layers.Dense(3)),
        layers.Bidirectional(layers.GRU(2), merge_mode="sum")])
    result = outputs(model, data(2, 4, 2))
""",
)

program(
    "lambda_with_backend",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Lambda
    from keras import backend as K
    model = Sequential([Lambda(lambda x: K.l2_normalize(K.permute_dimensions(x, (0, 2, 1)), axis=-1),
        output_shape=(2, 3), input_shape=(3, 2))])
    result = outputs(model, data(4, 3, 2))
""",
    """
    def f(x):
        x = ops.transpose(x, (0, 2, 1))
        return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))
    model = Sequential([Input((3, 2)), layers.Lambda(f)])
    result = outputs(model, data(4, 3, 2))
""",
)

# ------------------------------------------------------------------------------- merging, Keras 1 and 2

for mode, words, modern in [
    ("sum", "", "layers.Add()"),
    ("mul", "", "layers.Multiply()"),
    ("ave", "", "layers.Average()"),
    ("max", "", "layers.Maximum()"),
    ("concat", ", concat_axis=1", "layers.Concatenate(1)"),
    ("dot", ", dot_axes=1", "layers.Dot(1)"),
    ("cos", ", dot_axes=1", "layers.Dot(1, normalize=True)"),
]:
    program(
        f"merge_{mode}",
        "1",
        f"""
        from keras.layers import Input, merge
        from keras.models import Model
        a, b = Input(shape=(3,)), Input(shape=(3,))
        model = Model(input=[a, b], output=merge([a, b], mode="{mode}"{words}))
        result = outputs(model, data(4, 3), data(4, 3) + 1)
    """,
        f"""
        a, b = Input((3,)), Input((3,))
        result = outputs(Model([a, b], {modern}([a, b])), data(4, 3), data(4, 3) + 1)
    """,
    )

program(
    "merge_function",
    "1",
    """
    from keras.layers import Input, merge
    from keras.models import Model
    a, b = Input(shape=(3,)), Input(shape=(3,))
    model = Model(input=[a, b], output=merge([a, b], mode=lambda x: x[0] - 2 * x[1], output_shape=(3,)))
    result = outputs(model, data(4, 3), data(4, 3) + 1)
""",
    """
    a, b = Input((3,)), Input((3,))
    result = outputs(Model([a, b], a - 2 * b), data(4, 3), data(4, 3) + 1)
""",
)

program(
    "merge_of_models",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Dense, Merge
    left = Sequential([Dense(4, input_dim=3)])
    right = Sequential([Dense(4, input_dim=2)])
    model = Sequential()
    model.add(Merge([left, right], mode="concat"))
    model.add(Dense(1))
    model.compile("sgd", "mse")
    model.fit([data(8, 3), data(8, 2)], data(8, 1), nb_epoch=1, verbose=0, shuffle=False)
    result = outputs(model, data(8, 3), data(8, 2))
""",
    """
    a, b = Input((3,)), Input((2,))
    x = layers.Concatenate()([layers.Dense(4)(a), layers.Dense(4)(b)])
    model = Model([a, b], layers.Dense(1)(x))
    model.compile("sgd", "mse")
    model.fit([data(8, 3), data(8, 2)], data(8, 1), epochs=1, verbose=0, shuffle=False)
    result = outputs(model, data(8, 3), data(8, 2))
""",
    trains=True,
)

program(
    "merge_layers",
    "2",
    """
    from keras.layers import Input
    from keras.layers.merge import Concatenate, add
    from keras.models import Model
    a, b = Input((3,)), Input((3,))
    result = outputs(Model(inputs=[a, b], outputs=Concatenate()([add([a, b]), b])), data(4, 3), data(4, 3))
""",
    """
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], layers.Concatenate()([layers.add([a, b]), b]))
    result = outputs(model, data(4, 3), data(4, 3))
""",
)

# ------------------------------------------------------------------------------------- training

program(
    "mnist_mlp_of_2015",
    "0.3",
    """
    from keras.models import Sequential
    from keras.layers.core import Dense, Dropout, Activation
    from keras.optimizers import SGD
    from keras.utils import np_utils
    Y = np_utils.to_categorical(np.arange(16) % 4, 4)
    model = Sequential()
    model.add(Dense(8, input_shape=(5,)))
    model.add(Activation("relu"))
    model.add(Dense(4))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.1, momentum=0.9),
        class_mode="categorical")
    model.fit(data(16, 5), Y, batch_size=8, nb_epoch=2, show_accuracy=True, verbose=0, shuffle=False)
    result = model.evaluate(data(16, 5), Y, show_accuracy=True, verbose=0)
""",
    """
    Y = np.eye(4, dtype="float32")[np.arange(16) % 4]
    model = Sequential([Input((5,)), layers.Dense(8, "relu"), layers.Dense(4, "softmax")])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(data(16, 5), Y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    result = model.evaluate(data(16, 5), Y, verbose=0)
""",
    trains=True,
)

program(
    "fit_generator",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(1, input_dim=2)])
    model.compile(optimizer="sgd", loss="mse")
    history = model.fit_generator(batches(data(12, 2), data(12, 1), 4), samples_per_epoch=12, nb_epoch=2,
        verbose=0, max_q_size=2, nb_worker=1, pickle_safe=False)
    result = history.history["loss"]
""",
    """
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    stream = batches(data(12, 2), data(12, 1), 4)
    result = model.fit(stream, steps_per_epoch=3, epochs=2, verbose=0).history["loss"]
""",
    trains=True,
)

program(
    "fit_generator_steps",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(1, input_dim=2)])
    model.compile(optimizer="sgd", loss="mse")
    model.fit_generator(batches(data(12, 2), data(12, 1), 4), steps_per_epoch=3, epochs=1, verbose=0,
        workers=2, use_multiprocessing=False, max_queue_size=4)
    loss = model.evaluate_generator(batches(data(12, 2), data(12, 1), 4), steps=3)
    result = [loss, model.predict_generator(batches(data(12, 2), data(12, 1), 4), steps=3)]
""",
    """
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(batches(data(12, 2), data(12, 1), 4), steps_per_epoch=3, verbose=0)
    loss = model.evaluate(data(12, 2), data(12, 1), batch_size=4, verbose=0)
    result = [loss, outputs(model, data(12, 2))]
""",
    trains=True,
)

program(
    "decay",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    from keras.optimizers import SGD
    model = Sequential([Dense(1, input_dim=2)])
    model.compile(optimizer=SGD(lr=0.1, decay=0.5), loss="mse")
    model.fit(data(8, 2), data(8, 1), batch_size=4, epochs=2, shuffle=False, verbose=0)
    result = model.get_weights()
""",
    """
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)), "mse")
    model.fit(data(8, 2), data(8, 1), batch_size=4, epochs=2, shuffle=False, verbose=0)
    result = model.get_weights()
""",
    trains=True,
)

program(
    "learning_rate_by_hand",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    from keras.optimizers import Adam
    from keras import backend as K
    model = Sequential([Dense(1, input_dim=2)])
    model.compile(optimizer=Adam(lr=0.1), loss="mse")
    K.set_value(model.optimizer.lr, 0.01)
    model.train_on_batch(data(8, 2), data(8, 1))
    result = [K.get_value(model.optimizer.lr), *model.get_weights()]
""",
    """
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizers.Adam(0.01), "mse")
    model.train_on_batch(data(8, 2), data(8, 1))
    result = [0.01, *model.get_weights()]
""",
    trains=True,
)

program(
    "callbacks",
    "2",
    """
    from keras.callbacks import LambdaCallback, ReduceLROnPlateau
    from keras.models import Sequential
    from keras.layers import Dense
    seen = []
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    model.fit(data(8, 2), data(8, 1), epochs=3, shuffle=False, verbose=0, callbacks=[
        LambdaCallback(on_batch_end=lambda batch, logs: seen.append(batch)),
        ReduceLROnPlateau(monitor="loss", patience=1, epsilon=100.0)])
    result = [seen, *model.get_weights()]
""",
    """
    seen = []
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data(8, 2), data(8, 1), epochs=3, shuffle=False, verbose=0, callbacks=[
        callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch)),
        callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100.0)])
    result = [seen, *model.get_weights()]
""",
    trains=True,
)

program(
    "objectives",
    "1",
    """
    from keras import objectives
    from keras.metrics import fmeasure, precision, recall
    y, p = ops.convert_to_tensor(labels(4, 3)), ops.softmax(ops.convert_to_tensor(data(4, 3)))
    result = [objectives.get("mse")(y, p), objectives.kullback_leibler_divergence(y, p),
        objectives.cosine_proximity(y, p), objectives.MAE(y, p), precision(y, p), recall(y, p)]
""",
    """
    from hornbeam import losses, metrics
    y, p = ops.convert_to_tensor(labels(4, 3)), ops.softmax(ops.convert_to_tensor(data(4, 3)))
    found = [metrics.Precision(), metrics.Recall()]
    for metric in found:
        metric.update_state(y, p)
    result = [losses.mean_squared_error(y, p), losses.kl_divergence(y, p), losses.cosine_similarity(y, p),
        losses.mean_absolute_error(y, p), *(metric.result() for metric in found)]
""",
)

program(
    "initializations",
    "1",
    """
    from keras import initializations
    result = [initializations.get("zero")((2, 3)), initializations.one((2,)),
        initializations.get("uniform")((2, 3)).shape]
""",
    """
    from hornbeam import initializers
    result = [initializers.Zeros()((2, 3)), initializers.Ones()((2,)), (2, 3)]
""",
)

program(
    "regularizers",
    "1",
    """
    from keras.regularizers import WeightRegularizer, l1, l1l2, activity_l2
    x = ops.convert_to_tensor(data(3, 3))
    result = [WeightRegularizer(l1=0.1, l2=0.2)(x), l1(l=0.1)(x), l1l2()(x), activity_l2(0.1)(x)]
""",
    """
    from hornbeam.regularizers import L1, L2, L1L2
    x = ops.convert_to_tensor(data(3, 3))
    result = [L1L2(0.1, 0.2)(x), L1(0.1)(x), L1L2(0.01, 0.01)(x), L2(0.1)(x)]
""",
)

# --------------------------------------------------------------------------------- models and methods

program(
    "predict_classes_and_proba",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(3, activation="softmax", input_dim=2)])
    result = [model.predict_classes(data(5, 2)), model.predict_proba(data(5, 2))]
""",
    """
    model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    result = [outputs(model, data(5, 2)).argmax(-1), outputs(model, data(5, 2))]
""",
)

program(
    "yaml",
    "2",
    """
    from keras.models import Sequential, model_from_yaml
    from keras.layers import Dense
    model = Sequential([Dense(3, input_dim=2)])
    again = model_from_yaml(model.to_yaml())
    again.set_weights(model.get_weights())
    result = outputs(again, data(5, 2))
""",
    """
    model = Sequential([Input((2,)), layers.Dense(3)])
    again = hornbeam.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    result = outputs(again, data(5, 2))
""",
)

program(
    "inner_outputs",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense, Dropout
    from keras import backend as K
    model = Sequential([Dense(3, input_dim=2), Dropout(0.5), Dense(1)])
    f = K.function([model.layers[0].input, K.learning_phase()], [model.layers[0].output])
    result = f([data(5, 2), 0])
""",
    """
    model = Sequential([Input((2,)), layers.Dense(3), layers.Dropout(0.5), layers.Dense(1)])
    result = [outputs(Model(model.inputs, model.layers[0].output), data(5, 2))]
""",
)

program(
    "batch_input_shape",
    "1",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(3, batch_input_shape=(4, 2))])
    result = [model.input_shape, model.layers[0].get_output_shape_for((4, 2)), outputs(model, data(4, 2))]
""",
    """
    model = Sequential([Input(batch_shape=(4, 2)), layers.Dense(3)])
    result = [(4, 2), (4, 3), outputs(model, data(4, 2))]
""",
)

program(
    "custom_layer",
    "2",
    """
    from keras.engine.topology import Layer
    from keras.models import Sequential
    from keras import backend as K
    class MyLayer(Layer):
        def __init__(self, output_dim, **kwargs):
            self.output_dim = output_dim
            super(MyLayer, self).__init__(**kwargs)
        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[1], self.output_dim),
                initializer="uniform", trainable=True)
            super(MyLayer, self).build(input_shape)
        def call(self, x):
            return K.dot(x, self.kernel)
        def compute_output_shape(self, input_shape):
            return (input_shape[0], self.output_dim)
    result = outputs(Sequential([MyLayer(3, input_shape=(2,))]), data(4, 2))
""",
    """
    result = outputs(Sequential([Input((2,)), layers.Dense(3, use_bias=False,
        kernel_initializer="uniform")]), data(4, 2))
""",
)

program(
    "scikit_learn",
    "2",
    """
    from keras.models import Sequential
    from keras.layers import Dense
    from keras.wrappers.scikit_learn import KerasRegressor
    def make(units=1):
        model = Sequential([Dense(units, input_dim=2)])
        model.compile("sgd", "mse")
        return model
    regressor = KerasRegressor(build_fn=make, nb_epoch=2, batch_size=4, verbose=0, shuffle=False)
    regressor.fit(data(8, 2), data(8, 1))
    result = regressor.predict(data(8, 2))
""",
    """
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data(8, 2), data(8, 1), epochs=2, batch_size=4, verbose=0, shuffle=False)
    result = outputs(model, data(8, 2))[:, 0]
""",
    trains=True,
)

# ----------------------------------------------------------------------------------- preprocessing

program(
    "texts",
    "2",
    """
    from keras.preprocessing.text import Tokenizer
    from keras.preprocessing.sequence import pad_sequences
    tokenizer = Tokenizer(nb_words=4)
    tokenizer.fit_on_texts(["a rose is a rose", "is a thorn a rose"])
    result = [pad_sequences(tokenizer.texts_to_sequences(["a thorn is a rose"]), maxlen=5),
        tokenizer.texts_to_matrix(["a a rose"], mode="count")]
""",
    """
    result = [[[0, 1, 3, 1, 2]], [[0, 2, 1, 0]]]
""",
)

program(
    "sequences",
    "2",
    """
    from keras.preprocessing.sequence import TimeseriesGenerator, make_sampling_table, skipgrams
    x, y = TimeseriesGenerator(np.arange(8), np.arange(8), length=3, stride=2, batch_size=2)[0]
    pairs, _ = skipgrams([1, 2, 0, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    result = [x, y, pairs, make_sampling_table(3).shape]
""",
    """
    result = [[[0, 1, 2], [2, 3, 4]], [3, 5], [[1, 2], [2, 1]], (3,)]
""",
)

program(
    "images",
    "2",
    """
    from keras.preprocessing.image import ImageDataGenerator
    from keras.models import Sequential
    from keras.layers import Flatten, Dense
    generator = ImageDataGenerator(rescale=0.5, featurewise_center=True)
    generator.fit(data(8, 3, 3, 1) * 0.5)
    model = Sequential([Flatten(input_shape=(3, 3, 1)), Dense(1)])
    model.compile("sgd", "mse")
    flow = generator.flow(data(8, 3, 3, 1), data(8, 1), batch_size=4, shuffle=False)
    model.fit_generator(flow, samples_per_epoch=8, nb_epoch=2, verbose=0, shuffle=False)
    result = model.get_weights()
""",
    """
    x = data(8, 3, 3, 1) * 0.5
    model = Sequential([Input((3, 3, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x - x.mean(), data(8, 1), batch_size=4, epochs=2, shuffle=False, verbose=0)
    result = model.get_weights()
""",
    trains=True,
)

program(
    "utilities",
    "1",
    """
    from keras.utils.np_utils import to_categorical, normalize, probas_to_classes
    from keras.utils.generic_utils import slice_arrays
    from keras.utils.layer_utils import print_summary
    from keras.models import Sequential
    from keras.layers import Dense
    lines = []
    print_summary(Sequential([Dense(1, input_dim=2)]), print_fn=lines.append)
    result = [to_categorical([0, 2], 3), normalize([[3.0, 4.0]]), probas_to_classes([[0.1, 0.9]]),
        slice_arrays([np.arange(3)], 1), bool(lines)]
""",
    """
    result = [[[1, 0, 0], [0, 0, 1]], [[0.6, 0.8]], [1], [[1, 2]], True]
""",
)

# ---------------------------------------------------------------------------------------- backend

program(
    "backend_arithmetic",
    "2",
    """
    from keras import backend as K
    x, y = K.variable(data(3, 4)), K.constant(data(4, 2))
    result = [K.eval(v) for v in (K.dot(x, y), K.sum(x, axis=1, keepdims=True), K.pow(x, 2),
        K.clip(x, -0.5, 0.5), K.argmax(x), K.repeat_elements(x, 2, axis=1), K.repeat(x, 2),
        K.batch_flatten(K.expand_dims(x)), K.reverse(x, 1), K.hard_sigmoid(x), K.softmax(x),
        K.relu(x, alpha=0.1), K.gather(x, [2, 0]), K.one_hot([0, 2], 3), K.concatenate([x, x]),
        K.lesser(x, 0.0), K.maximum(x, 0.0), K.std(x, axis=0), K.flatten(x), K.tile(x, [1, 2]))]
    result += [K.int_shape(x), K.ndim(x), K.dtype(x), K.count_params(x)]
""",
    """
    x, y = data(3, 4), data(4, 2)
    e = np.exp(x - x.max(-1, keepdims=True))
    result = [x @ y, x.sum(1, keepdims=True), x**2, x.clip(-0.5, 0.5), x.argmax(-1), x.repeat(2, 1),
        np.stack([x, x], 1), x, x[:, ::-1], np.clip(0.2 * x + 0.5, 0, 1), e / e.sum(-1, keepdims=True),
        np.where(x > 0, x, 0.1 * x), x[[2, 0]], np.eye(3)[[0, 2]], np.concatenate([x, x], -1), x < 0,
        np.maximum(x, 0), x.std(0), x.ravel(), np.tile(x, [1, 2]), (3, 4), 2, "float32", 12]
""",
)

program(
    "backend_state",
    "2",
    """
    from keras import backend as K
    x = K.zeros((2,))
    K.update_add(x, np.ones(2, "float32")); K.update(x, x * 3); K.update_sub(x, np.ones(2, "float32"))
    K.moving_average_update(x, np.zeros(2, "float32"), 0.5)
    K.batch_set_value([(y := K.ones((3,)), [1.0, 2.0, 3.0])])
    result = [*K.batch_get_value([x, y]), K.in_train_phase(1, 2), K.in_test_phase(1, 2), K.learning_phase(),
        K.switch(np.array(True), lambda: 1.0 * y, lambda: 2.0 * y), K.image_dim_ordering()]
""",
    """
    result = [[1.0, 1.0], [1.0, 2.0, 3.0], 2, 1, 0, [1.0, 2.0, 3.0], "tf"]
""",
)

program(
    "backend_images",
    "2",
    """
    from keras import backend as K
    x, k = K.variable(data(1, 4, 4, 1)), K.variable(data(2, 2, 1, 3))
    result = [K.eval(v) for v in (K.conv2d(x, k, padding="same"), K.conv2d(x, k, border_mode="valid"),
        K.pool2d(x, (2, 2), strides=(2, 2)), K.pool2d(x, (2, 2), strides=(2, 2), pool_mode="avg"),
        K.resize_images(x, 2, 2, "channels_last"), K.spatial_2d_padding(x), K.bias_add(x, np.ones(1)))]
""",
    """
    x, k = ops.convert_to_tensor(data(1, 4, 4, 1)), ops.convert_to_tensor(data(2, 2, 1, 3))
    result = [ops.conv(x, k, padding="same"), ops.conv(x, k), ops.max_pool(x, 2, 2),
        ops.average_pool(x, 2, 2), data(1, 4, 4, 1).repeat(2, 1).repeat(2, 2),
        np.pad(data(1, 4, 4, 1), [(0, 0), (1, 1), (1, 1), (0, 0)]), data(1, 4, 4, 1) + 1]
""",
)

program(
    "backend_loops",
    "2",
    """
    from keras import backend as K
    x = K.variable(data(2, 3, 4))
    last, every, states = K.rnn(lambda v, s: (v + s[0], [v + s[0]]), x, [np.zeros((2, 4), "float32")])
    result = [last, every, states[0], K.foldl(lambda a, b: a + b, K.variable(data(5, 2))),
        K.map_fn(lambda v: v * 2, K.variable(data(5, 2))), K.batch_dot(x, x, axes=(1, 1))]
""",
    """
    x = data(2, 3, 4)
    result = [x.sum(1), x.cumsum(1), x.sum(1), data(5, 2).sum(0), data(5, 2) * 2,
        np.einsum("bti,btj->bij", x, x)]
""",
)
