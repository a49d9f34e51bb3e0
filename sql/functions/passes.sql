-- Whether an event passes a filter; what is null lets everything pass. A place, a time and all else are those that it was
-- sent with. PostgreSQL puts this in the place of each call before it plans (a test sees to it), so that a search can use
-- the indexes of what it asks for: no SET, no subquery, and nothing but an expression may be in it.
CREATE OR REPLACE FUNCTION passes(
    e               events,
    types           text[],
    streams         text[],
    categories      text[],
    places          text[],
    admin1s         text[],
    countries       text[],
    actors          text[],
    verifications   text[],
    since           timestamptz,
    until           timestamptz,
    recorded_since  timestamptz,
    west            double precision,
    south           double precision,
    east            double precision,
    north           double precision,
    external_ids    jsonb[],
    imports         bigint[]
) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (types IS NULL OR e.type = ANY(types))
       AND (streams IS NULL OR e.stream = ANY(streams))
       AND (categories IS NULL OR split_part(e.stream, ':', 1) = ANY(categories))
       AND (places IS NULL OR e.place_id = ANY(places))
       AND (admin1s IS NULL OR e.country || '.' || e.admin1 = ANY(admin1s))
       AND (countries IS NULL OR e.country = ANY(countries))
       AND (passes.actors IS NULL OR e.actors && passes.actors)
       AND (verifications IS NULL OR e.verification = ANY(verifications))
       AND (since IS NULL OR e.occurred_until > since OR e.occurred_from >= since)
       AND (until IS NULL OR e.occurred_from < until)
       AND (recorded_since IS NULL OR e.recorded_at >= recorded_since)
       AND (west IS NULL
            OR (e.lat BETWEEN south AND north
                AND CASE WHEN west <= east THEN e.lon BETWEEN west AND east ELSE e.lon >= west OR e.lon <= east END))
       AND (external_ids IS NULL
            OR (e.body LIKE '%"external_ids":[{%' AND e.body::jsonb -> 'external_ids' @> ANY(external_ids)))
       AND (imports IS NULL OR (e.meta LIKE '%"import":%' AND (e.meta::json ->> 'import')::bigint = ANY(imports)))
$$;
