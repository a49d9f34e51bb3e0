-- Of some types and categories (null is any) those of which there are events, each by the digest under which the index
-- `events_by_kind` has it. One is found after the other, by that index.
CREATE OR REPLACE FUNCTION kinds_of(types text[], categories text[]) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    WITH RECURSIVE kinds (kind, category, type) AS (
        (SELECT hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0), split_part(stream, ':', 1), type
         FROM events ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT following.*
        FROM kinds k CROSS JOIN LATERAL (
            SELECT hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0), split_part(stream, ':', 1), type
            FROM events
            WHERE hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0) > k.kind ORDER BY 1 LIMIT 1
        ) AS following
    )
    SELECT kind FROM kinds
    WHERE (types IS NULL OR type = ANY(types)) AND (categories IS NULL OR category = ANY(categories))
$$;
