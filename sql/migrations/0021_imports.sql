-- Which events came with an import: their meta has the number of it, which is the position at which it began. A number
-- of ten or so bytes under the hash, and not the id, which would be 36; and no column, which all other events would have.
CREATE INDEX imports ON events (((meta::json ->> 'import')::bigint), position) WHERE meta LIKE '%"import":%';
