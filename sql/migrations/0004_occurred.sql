-- The order in which things happened, for replaying them page by page.
CREATE INDEX events_by_occurred ON events (occurred_from, position);
