#!/usr/bin/env bash
# A fire at 18:30 on 25 February 2022, appended to a Zarr store that began with one day, is read as one of 17 February 2029.
#
# What one would guess: append_dim="time" adds the new times in the units that the store has, as it adds the figures by the
#   store's scale, or refuses what these units cannot say.
# What happens: a store that is begun with one time, or with days, keeps whole days since the first. Appended, 18:30 is no whole
#   day, so xarray says in a warning that it takes minutes instead, and writes minutes: 2,550. What the store says of itself stays
#   "days since", and so 2,550 days are read. In a store that began with whole hours it is sixty times as far. All that is appended in one go is moved, the whole days as well; what is appended by itself as whole days is right. The
#   warning reads as if the time were saved by it ("Serializing with units 'minutes since 2022-02-24'"). With units in the encoding of the
#   first write all is right, and so is to_netcdf of both together, with the same warning.
# Why it matters here: Zarr is how satellite fires, winds and reanalyses are collected day by day. Each first day decides what the
#   later ones mean, the order of time still looks right, and a selection of February 2022 finds nothing where the fire was. Give
#   encoding={"time": {"units": "microseconds since 1970-01-01", "dtype": "int64"}} in the first write, and make the warning an error.
# Versions: xarray 2026.9.0, zarr 3.1.6, numpy 2.4.6, pandas 3.1.1, netCDF4 1.7.5.1.post1. Seen 2026-12-01.
# Output:
#   a day, then 25 February 18:30: 2022-02-24T00:00, 2029-02-17T00:00; warned: True
#   what the store says: days since 2022-02-24 00:00:00, and has: 0, 2550
#   a day, then whole days: 2022-02-24T00:00, 2022-02-25T00:00; warned: False
#   a day, then 25 February 18:30 and 26 February 0:00: 2022-02-24T00:00, 2029-02-17T00:00, 2030-01-13T00:00; warned: True
#   two hours, then 6:06: 2022-02-24T05:00, 2022-02-24T06:00, 2022-02-26T23:00; warned: True
#   found in February 2022: 1 of 2
#   with units in the first write: 2022-02-24T00:00, 2022-02-25T18:30; warned: False
#   by netCDF, both together: 2022-02-24T00:00, 2022-02-25T18:30; warned: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6 pandas==3.1.1 netCDF4==1.7.5.1.post1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy
import xarray
import zarr


def fires(*times):
    return xarray.Dataset({"frp": ("time", [1.0] * len(times))}, coords={"time": numpy.array(times, "datetime64[us]")})


def read(data):
    return ", ".join(str(at)[:16] for at in data.time.values.astype("datetime64[m]"))


def told(work):
    """What it answers, and whether a warning spoke of times."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = work()
    return f"{answer}; warned: {any('imes can' in str(w.message) for w in caught)}"


def appended(store, first, later, **options):
    fires(*first).to_zarr(store, mode="w", **options)
    fires(*later).to_zarr(store, append_dim="time")
    return read(xarray.open_zarr(store))


def by_netcdf(first, later):
    fires(first).to_netcdf("first.nc")
    with xarray.open_dataset("first.nc") as begun:
        xarray.concat([begun, fires(later)], "time").to_netcdf("both.nc")
    with xarray.open_dataset("both.nc") as both:
        return read(both)


DAY, FIRE = "2022-02-24", "2022-02-25T18:30"
UNITS = {"time": {"units": "microseconds since 1970-01-01", "dtype": "int64"}}
seen = ["a day, then 25 February 18:30: " + told(lambda: appended("one.zarr", [DAY], [FIRE]))]
raw = zarr.open_group("one.zarr", mode="r")["time"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    found = xarray.open_zarr("one.zarr").sel(time="2022-02").sizes["time"]
seen += [
    f"what the store says: {raw.attrs['units']}, and has: {', '.join(map(str, raw[:]))}",
    "a day, then whole days: " + told(lambda: appended("two.zarr", [DAY], ["2022-02-25"])),
    "a day, then 25 February 18:30 and 26 February 0:00: "
    + told(lambda: appended("three.zarr", [DAY], [FIRE, "2022-02-26"])),
    "two hours, then 6:06: "
    + told(lambda: appended("four.zarr", [f"{DAY}T05:00", f"{DAY}T06:00"], [f"{DAY}T06:06"])),
    f"found in February 2022: {found} of 2",
    "with units in the first write: " + told(lambda: appended("five.zarr", [DAY], [FIRE], encoding=UNITS)),
    "by netCDF, both together: " + told(lambda: by_netcdf(DAY, FIRE)),
]
print(*seen, sep="\n")
expected = [
    "a day, then 25 February 18:30: 2022-02-24T00:00, 2029-02-17T00:00; warned: True",
    "what the store says: days since 2022-02-24 00:00:00, and has: 0, 2550",
    "a day, then whole days: 2022-02-24T00:00, 2022-02-25T00:00; warned: False",
    "a day, then 25 February 18:30 and 26 February 0:00: 2022-02-24T00:00, 2029-02-17T00:00, 2030-01-13T00:00; warned: True",
    "two hours, then 6:06: 2022-02-24T05:00, 2022-02-24T06:00, 2022-02-26T23:00; warned: True",
    "found in February 2022: 1 of 2",
    "with units in the first write: 2022-02-24T00:00, 2022-02-25T18:30; warned: False",
    "by netCDF, both together: 2022-02-24T00:00, 2022-02-25T18:30; warned: True",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
