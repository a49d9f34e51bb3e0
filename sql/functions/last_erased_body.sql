-- The position of the last record.erased of a body that was carried out; 0 before the first.
CREATE OR REPLACE FUNCTION last_erased_body() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(max(e.position), 0)
    FROM events e
    JOIN events t
      ON t.event_id = regexp_replace(e.body::json #>> '{data,target}', '^urn:uuid:', '', 'i')::uuid
     AND t.stream = e.stream
    WHERE e.type = 'record.erased' AND e.body::json #>> '{data,part}' = 'body' AND t.body IS NULL
$$;
