#!/usr/bin/env bash
# A fire of 5,000 MW that is put beside earlier ones is one of -1,553.6 MW in the file that xarray then writes.
#
# What one would guess: what is read from a file has lost how it was packed, since it is in floats now; or if it is written in
#   the same way again, a figure that does not fit is refused, or null.
# What happens: int16 with a scale of 0.1, as most satellite and weather files have it, holds up to 3,276.7. xarray keeps this
#   with the variable, concat takes it from the first part, and it writes 50,000 modulo 2^16 without a warning: beyond 6,553.5
#   it is positive again, and looks like any other. A value assigned in place keeps it too, and to_zarr with append_dim goes by
#   the store's. 3,276.8 is -3,276.8, which is the number for nobody knows, and so is null. Arithmetic, where and cumsum lose the
#   packing, so that the figure is right after `* 1`. netCDF4 itself does the same. Whole numbers in a smaller type are also
#   taken modulo 2^8.
# Why it matters here: FRP, wind and rain have long tails, and the packing was chosen for the day of the first file. What is lost
#   is just the largest, which turns a sum negative or drops out of a threshold. Call drop_encoding() after reading, or compare
#   the extremes of what was written.
# Versions: xarray 2026.9.0, netCDF4 1.7.5.1.post1, zarr 3.1.6, numpy 2.4.6, pandas 3.1.1. Seen 2026-12-01.
# Output:
#   12.5 and 300.1, then 5000, 3276.8 and 7000: 12.5, 300.1, -1553.6, nan, 446.4; warnings: 0
#   above 1000 MW, given: 3, read: 0
#   assigned in place: 5000 is -1553.6; times 1: 5000.0
#   appended to Zarr: 12.5, 300.1, -1553.6, nan, 446.4
#   by netCDF4: 5000 is -1553.6
#   300 in int8: 44
#   after drop_encoding: 12.5, 300.1, 5000.0, 3276.8, 7000.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  xarray==2026.9.0 netCDF4==1.7.5.1.post1 zarr==3.1.6 numpy==2.4.6 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import netCDF4
import numpy
import xarray

PACKED = {"frp": {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768}}


def fires(*powers):
    return xarray.Dataset({"frp": ("fire", list(powers))})


def read(file):
    with xarray.open_dataset(file) as data:
        return data.load()


def written(data, **options):
    data.to_netcdf("written.nc", **options)
    return read("written.nc").frp.values


def told(powers):
    return ", ".join(f"{round(float(power), 1)}" for power in powers)


FIRST, LATER = fires(12.5, 300.1), fires(5000, 3276.8, 7000)
FIRST.to_netcdf("first.nc", encoding=PACKED)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    both = written(xarray.concat([read("first.nc"), LATER], "fire"))
seen = [
    f"12.5 and 300.1, then 5000, 3276.8 and 7000: {told(both)}; warnings: {len(caught)}",
    f"above 1000 MW, given: {int((LATER.frp > 1000).sum())}, read: {int((both > 1000).sum())}",
]
assigned = read("first.nc")
assigned["frp"][0] = 5000
seen.append(f"assigned in place: 5000 is {told(written(assigned)[:1])}; times 1: {told(written(assigned * 1)[:1])}")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what the third version of Zarr says of itself
    FIRST.to_zarr("store.zarr", mode="w", encoding=PACKED)
    LATER.to_zarr("store.zarr", append_dim="fire")
    seen.append(f"appended to Zarr: {told(xarray.open_zarr('store.zarr').frp.values)}")
with netCDF4.Dataset("first.nc", "a") as file:
    file["frp"][0] = 5000.0
    seen.append(f"by netCDF4: 5000 is {told(file['frp'][:1])}")
FIRST.to_netcdf("again.nc", encoding=PACKED)
whole = written(xarray.Dataset({"frp": ("fire", numpy.array([300]))}), encoding={"frp": {"dtype": "int8"}})
seen += [
    f"300 in int8: {whole[0]}",
    f"after drop_encoding: {told(written(xarray.concat([read('again.nc').drop_encoding(), LATER], 'fire')))}",
]
print(*seen, sep="\n")
expected = [
    "12.5 and 300.1, then 5000, 3276.8 and 7000: 12.5, 300.1, -1553.6, nan, 446.4; warnings: 0",
    "above 1000 MW, given: 3, read: 0",
    "assigned in place: 5000 is -1553.6; times 1: 5000.0",
    "appended to Zarr: 12.5, 300.1, -1553.6, nan, 446.4",
    "by netCDF4: 5000 is -1553.6",
    "300 in int8: 44",
    "after drop_encoding: 12.5, 300.1, 5000.0, 3276.8, 7000.0",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
