"""Loaders over tensors bring the batches that PyTorch's own loop over the rows brings."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)

import hornbeam
from hornbeam import Sequential, layers
from hornbeam.backends import registry

X = torch.arange(44.0).reshape(11, 2, 2)
Y = torch.arange(11) % 3


class Rows(Dataset):
    """A dataset of the user's."""

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return X[i], Y[i]


class OwnTensors(TensorDataset):
    """Changes the rows."""

    def __getitem__(self, i):
        return tuple(-x for x in super().__getitem__(i))


class OwnLoader(DataLoader):
    """Changes the batches."""

    def __iter__(self):
        return (batch[:1] for batch in super().__iter__())


def both():
    return TensorDataset(X, Y)


def halves():
    return random_split(both(), [6, 5], torch.Generator().manual_seed(1))[1]


PICKED = {
    "in order": lambda: DataLoader(both(), 4),
    "shuffled": lambda: DataLoader(both(), 4, shuffle=True),
    "whole batches": lambda: DataLoader(both(), 4, shuffle=True, drop_last=True),
    "a generator": lambda: DataLoader(
        both(), 3, shuffle=True, generator=torch.Generator().manual_seed(3)
    ),
    "a sampler": lambda: DataLoader(both(), 3, sampler=[-1, 2, 2, torch.tensor(5), np.int64(0)]),
    "a batch sampler": lambda: DataLoader(
        both(), batch_sampler=BatchSampler(RandomSampler(range(7)), 2, False)
    ),
    "one tensor": lambda: DataLoader(TensorDataset(X), 4),
    "a subset": lambda: DataLoader(Subset(both(), [4, 4, 1]), 2),
    "half": lambda: DataLoader(halves(), 2, shuffle=True),
    "a subset of a subset": lambda: DataLoader(Subset(halves(), range(1, 5)), 2, shuffle=True),
    "what has a gradient": lambda: DataLoader(TensorDataset(X.clone().requires_grad_()), 4),
}
LEFT = {
    "a dataset of the user's": lambda: DataLoader(Rows(), 4),
    "a kind of TensorDataset": lambda: DataLoader(OwnTensors(X, Y), 4),
    "a kind of DataLoader": lambda: OwnLoader(both(), 4),
    "a list": lambda: DataLoader([1, 2, 3], 2),
    "workers": lambda: DataLoader(both(), 4, num_workers=1),
    "its own collating": lambda: DataLoader(both(), 4, collate_fn=lambda x: default_collate(x)),
    "rows one by one": lambda: DataLoader(both(), batch_size=None),
    "sparse": lambda: DataLoader(TensorDataset(X.to_sparse()), 4),
    "no loader": lambda: both(),
}


def drawn(loader):
    """(batches of two epochs, the next random number)."""
    return [list(loader), list(loader)], torch.rand(()).item()


@pytest.mark.parametrize("name", PICKED)
def test_batches_and_random_numbers_are_the_same(name):
    found = []
    for change in (registry.get("torch").batches_of, lambda loader: loader):
        torch.manual_seed(0)
        loader = PICKED[name]()
        changed = change(loader)
        assert len(changed) == len(loader)
        found.append((changed is loader, *drawn(changed)))
    (left, ours, ours_next), (_, theirs, theirs_next) = found
    assert not left
    assert ours_next == theirs_next
    for epoch, expected in zip(ours, theirs, strict=True):
        assert [type(batch) for batch in epoch] == [type(batch) for batch in expected]
        for batch, wanted in zip(epoch, expected, strict=True):
            for x, y in zip(batch, wanted, strict=True):
                assert (x.dtype, x.requires_grad) == (y.dtype, y.requires_grad)
                torch.testing.assert_close(x, y, rtol=0, atol=0)


@pytest.mark.parametrize("name", LEFT)
def test_other_loaders_are_left_alone(name):
    source = LEFT[name]()
    assert registry.engine_behind(source).batches_of(source) is source


def test_rows_out_of_range_are_an_error():
    loader = registry.get("torch").batches_of(DataLoader(both(), 2, sampler=[0, 11]))
    with pytest.raises(IndexError):
        list(loader)


def test_training_takes_them(monkeypatch):
    def never(self, i):
        raise AssertionError("row by row")

    monkeypatch.setattr(TensorDataset, "__getitem__", never)
    with hornbeam.use_backend("jax"):
        model = Sequential([layers.Flatten(), layers.Dense(3)])
        model.compile("sgd", hornbeam.losses.SparseCategoricalCrossentropy(from_logits=True))
        loader = DataLoader(both(), 4, shuffle=True)
        model.fit(loader, validation_data=DataLoader(halves(), 2), epochs=2, verbose=0)
        model.evaluate(loader, verbose=0)
        assert model.predict(DataLoader(TensorDataset(X), 4), verbose=0).shape == (11, 3)
