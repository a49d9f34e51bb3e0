#!/usr/bin/env bash
# Avro: where a field may be a fraction or a whole number, fastavro writes a whole number as the fraction if that comes
# first, rounded; Avro's own library writes it as it is. One record, one schema, two files.
#
# fastavro 1.13.1, avro 1.12.2, Python 3.11.7, Linux; 2026-12-01.
#
# A union such as ["double", "long"] says that a value is one or the other, and each value is written with which it is. To
# an int of Python both writers could give either; the specification says nothing of it. avro takes the branch whose type
# it is. fastavro takes the first one that could hold it, and a double could hold any int, it finds, though not each
# exactly: from 2^53 on ids, and with ["float", "int"] any count from 16,777,217 on, come back as their neighbours, as
# floats, without a word.
#
# Seen, of an id of 9007199254740993 and a count of 16777217:
#   fastavro                           9007199254740992.0 and 16777216.0
#   avro                               9007199254740993 and 16777217
#   fastavro, the whole number first   9007199254740993 and 16777217
# Both read each of these alike.
#
# What to do: name the whole number first; or give fastavro the branch with the value: ("long", value).
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "fastavro==1.13.1" "avro==1.12.2"

"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import sys

import avro.io
import avro.schema
import fastavro


def schema(of_id: list[str], of_count: list[str]) -> dict:
    fields = [{"name": "id", "type": of_id}, {"name": "count", "type": of_count}]
    return {"type": "record", "name": "report", "fields": fields}


FRACTION, WHOLE = schema(["double", "long"], ["float", "int"]), schema(["long", "double"], ["int", "float"])
REPORT = {"id": 2**53 + 1, "count": 2**24 + 1}


def by_fastavro(given: dict) -> bytes:
    file = io.BytesIO()
    fastavro.schemaless_writer(file, given, REPORT)
    return file.getvalue()


def by_avro(given: dict) -> bytes:
    file = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(given))).write(REPORT, avro.io.BinaryEncoder(file))
    return file.getvalue()


def read(written: bytes, given: dict) -> str:
    found = avro.io.DatumReader(avro.schema.parse(json.dumps(given))).read(avro.io.BinaryDecoder(io.BytesIO(written)))
    assert found == fastavro.schemaless_reader(io.BytesIO(written), given)  # they read alike
    return f"{found['id']} and {found['count']}"


seen = {
    "fastavro": read(by_fastavro(FRACTION), FRACTION),
    "avro": read(by_avro(FRACTION), FRACTION),
    "fastavro, the whole number first": read(by_fastavro(WHOLE), WHOLE),
}
expected = {
    "fastavro": "9007199254740992.0 and 16777216.0",
    "avro": "9007199254740993 and 16777217",
    "fastavro, the whole number first": "9007199254740993 and 16777217",
}
for what, answer in seen.items():
    print(f"{what:<34} {answer}")
if seen != expected:
    sys.exit("this has changed")
PYTHON
