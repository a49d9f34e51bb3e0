-- What occurs in the whole blocks from one to another, as `blocks` has it. Weeks are those since the first of 1970; an
-- event that took more than a year, or about which that is all that is known, is of `week:any`. A place on the map is in
-- a cell of one degree, and in one of ten, by their south-western corners. A category and a place, or a region, are
-- a term together: they are often asked so, and each may be in every block. A term of more than 24 octets is a digest of
-- it: what 256 events of any size say fits into a tsvector.
CREATE OR REPLACE FUNCTION blocks_of_events(first_block bigint, last_block bigint)
RETURNS TABLE (block bigint, terms tsvector, earliest timestamptz, latest timestamptz) LANGUAGE sql STABLE AS $$
    WITH event AS (
        SELECT (position - 1) / 256 AS block, e.*, split_part(stream, ':', 1) AS category,
               floor(extract(epoch FROM occurred_from) / 604800)::bigint AS first_week,
               floor(extract(epoch FROM occurred_until) / 604800)::bigint AS last_week
        FROM events e WHERE position > first_block * 256 AND position <= (last_block + 1) * 256
    )
    SELECT block, array_to_tsvector(array_agg(DISTINCT CASE
               WHEN octet_length(term) > 24 THEN left(encode(sha256(convert_to(term, 'UTF8')), 'hex'), 16) ELSE term END)),
           min(occurred_from), max(occurred_until)
    FROM event CROSS JOIN LATERAL (
        VALUES ('any'), ('type:' || type), ('category:' || category), ('place:' || place_id),
               ('country:' || country), ('admin1:' || country || '.' || admin1), ('verification:' || verification),
               (category || '@' || place_id), (category || '@' || country || '.' || admin1),
               ('cell1:' || floor(lat)::integer || ':' || floor(lon)::integer),
               ('cell10:' || floor(lat / 10)::integer || ':' || floor(lon / 10)::integer),
               (CASE WHEN last_week - first_week > 52 THEN 'week:any' END)
        UNION ALL SELECT 'actor:' || unnest(actors)
        UNION ALL SELECT 'week:' || generate_series(first_week, last_week) WHERE last_week - first_week <= 52
    ) AS said (term)
    WHERE term IS NOT NULL
    GROUP BY block HAVING count(DISTINCT position) = 256
$$;
