-- Which events have an id elsewhere: an import looks up what the log has under the ids of its rows. Most events of other
-- kinds have none, and pay nothing.
CREATE INDEX external_ids ON events USING gin ((body::jsonb -> 'external_ids') jsonb_path_ops)
    WHERE body LIKE '%"external_ids":[{%';
