-- Views for DuckDB on what `incidentlog tables` wrote: `duckdb -init views.sql` in that directory (docs/sql.md).
-- Names and columns are stable: a column is added at the end, and none changes its meaning. `basis` is the position of
-- the log that a row rests on; each run of the command adds one.

CREATE OR REPLACE VIEW bases AS
    SELECT basis, "at", known_at, "by" FROM read_json('bases/*.json',
        columns = {basis: 'BIGINT', "at": 'TIMESTAMPTZ', known_at: 'TIMESTAMPTZ', "by": 'VARCHAR'});

-- The state of knowledge to go by: the last that was written, or the last that was known at an instant.
CREATE OR REPLACE MACRO last_known() AS (SELECT max(basis) FROM bases);
CREATE OR REPLACE MACRO known_by(instant) AS
    (SELECT max(basis) FROM bases WHERE coalesce(known_at, "at") <= instant::TIMESTAMPTZ);
CREATE OR REPLACE MACRO every_state(name) AS TABLE
    SELECT * FROM read_parquet(name || '/basis=*/*.parquet', hive_partitioning = true);
CREATE OR REPLACE MACRO every_document(name) AS TABLE
    SELECT json ->> 'key' AS key, json, basis
    FROM read_ndjson_objects(name || '/basis=*/*.ndjson', hive_partitioning = true);

-- The log.
CREATE OR REPLACE VIEW events AS FROM every_state('events') WHERE basis = last_known();
CREATE OR REPLACE MACRO events_at(known) AS TABLE FROM every_state('events') WHERE basis = known_by(known);

-- Subjects as they stand, a row for each, by category.
CREATE OR REPLACE VIEW subjects_actor AS FROM every_state('subjects_actor') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_aggregate AS FROM every_state('subjects_aggregate') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_agreement AS FROM every_state('subjects_agreement') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_alert AS FROM every_state('subjects_alert') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_assistance AS FROM every_state('subjects_assistance') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_audit AS FROM every_state('subjects_audit') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_ceasefire AS FROM every_state('subjects_ceasefire') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_children AS FROM every_state('subjects_children') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_commitment AS FROM every_state('subjects_commitment') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_contact AS FROM every_state('subjects_contact') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_corridor AS FROM every_state('subjects_corridor') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_detainees AS FROM every_state('subjects_detainees') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_displacement AS FROM every_state('subjects_displacement') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_exchange AS FROM every_state('subjects_exchange') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_import AS FROM every_state('subjects_import') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_incident AS FROM every_state('subjects_incident') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_place AS FROM every_state('subjects_place') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_policy AS FROM every_state('subjects_policy') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_proposal AS FROM every_state('subjects_proposal') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_remains AS FROM every_state('subjects_remains') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_sanction AS FROM every_state('subjects_sanction') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_sentiment AS FROM every_state('subjects_sentiment') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_source AS FROM every_state('subjects_source') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_statement AS FROM every_state('subjects_statement') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_strike AS FROM every_state('subjects_strike') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_talk AS FROM every_state('subjects_talk') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_toll AS FROM every_state('subjects_toll') WHERE basis = last_known();
CREATE OR REPLACE VIEW subjects_violation AS FROM every_state('subjects_violation') WHERE basis = last_known();

-- Subjects as they stood by what was known at an instant.
CREATE OR REPLACE MACRO subjects_actor_at(known) AS TABLE FROM every_state('subjects_actor') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_aggregate_at(known) AS TABLE FROM every_state('subjects_aggregate') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_agreement_at(known) AS TABLE FROM every_state('subjects_agreement') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_alert_at(known) AS TABLE FROM every_state('subjects_alert') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_assistance_at(known) AS TABLE FROM every_state('subjects_assistance') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_audit_at(known) AS TABLE FROM every_state('subjects_audit') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_ceasefire_at(known) AS TABLE FROM every_state('subjects_ceasefire') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_children_at(known) AS TABLE FROM every_state('subjects_children') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_commitment_at(known) AS TABLE FROM every_state('subjects_commitment') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_contact_at(known) AS TABLE FROM every_state('subjects_contact') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_corridor_at(known) AS TABLE FROM every_state('subjects_corridor') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_detainees_at(known) AS TABLE FROM every_state('subjects_detainees') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_displacement_at(known) AS TABLE FROM every_state('subjects_displacement') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_exchange_at(known) AS TABLE FROM every_state('subjects_exchange') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_import_at(known) AS TABLE FROM every_state('subjects_import') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_incident_at(known) AS TABLE FROM every_state('subjects_incident') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_place_at(known) AS TABLE FROM every_state('subjects_place') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_policy_at(known) AS TABLE FROM every_state('subjects_policy') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_proposal_at(known) AS TABLE FROM every_state('subjects_proposal') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_remains_at(known) AS TABLE FROM every_state('subjects_remains') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_sanction_at(known) AS TABLE FROM every_state('subjects_sanction') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_sentiment_at(known) AS TABLE FROM every_state('subjects_sentiment') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_source_at(known) AS TABLE FROM every_state('subjects_source') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_statement_at(known) AS TABLE FROM every_state('subjects_statement') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_strike_at(known) AS TABLE FROM every_state('subjects_strike') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_talk_at(known) AS TABLE FROM every_state('subjects_talk') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_toll_at(known) AS TABLE FROM every_state('subjects_toll') WHERE basis = known_by(known);
CREATE OR REPLACE MACRO subjects_violation_at(known) AS TABLE FROM every_state('subjects_violation') WHERE basis = known_by(known);

-- Tallies: what is counted, and the same by what was known at an instant.
CREATE OR REPLACE VIEW actor_participation AS FROM every_state('actor_participation') WHERE basis = last_known();
CREATE OR REPLACE MACRO actor_participation_at(known) AS TABLE FROM every_state('actor_participation') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW violations AS FROM every_state('violations') WHERE basis = last_known();
CREATE OR REPLACE MACRO violations_at(known) AS TABLE FROM every_state('violations') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW violation_sheets AS FROM every_state('violation_sheets') WHERE basis = last_known();
CREATE OR REPLACE MACRO violation_sheets_at(known) AS TABLE FROM every_state('violation_sheets') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW city_incidents AS FROM every_state('city_incidents') WHERE basis = last_known();
CREATE OR REPLACE MACRO city_incidents_at(known) AS TABLE FROM every_state('city_incidents') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW exchange_tally AS FROM every_state('exchange_tally') WHERE basis = last_known();
CREATE OR REPLACE MACRO exchange_tally_at(known) AS TABLE FROM every_state('exchange_tally') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW implementations AS FROM every_state('implementations') WHERE basis = last_known();
CREATE OR REPLACE MACRO implementations_at(known) AS TABLE FROM every_state('implementations') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW daily_timeline AS FROM every_state('daily_timeline') WHERE basis = last_known();
CREATE OR REPLACE MACRO daily_timeline_at(known) AS TABLE FROM every_state('daily_timeline') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW escalation_index AS FROM every_state('escalation_index') WHERE basis = last_known();
CREATE OR REPLACE MACRO escalation_index_at(known) AS TABLE FROM every_state('escalation_index') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW follow_through AS FROM every_state('follow_through') WHERE basis = last_known();
CREATE OR REPLACE MACRO follow_through_at(known) AS TABLE FROM every_state('follow_through') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW strike_profile AS FROM every_state('strike_profile') WHERE basis = last_known();
CREATE OR REPLACE MACRO strike_profile_at(known) AS TABLE FROM every_state('strike_profile') WHERE basis = known_by(known);

-- Documents: the row of each key as JSON.
CREATE OR REPLACE VIEW policies AS FROM every_document('policies') WHERE basis = last_known();
CREATE OR REPLACE MACRO policies_at(known) AS TABLE FROM every_document('policies') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW ceasefire_status AS FROM every_document('ceasefire_status') WHERE basis = last_known();
CREATE OR REPLACE MACRO ceasefire_status_at(known) AS TABLE FROM every_document('ceasefire_status') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW commitments AS FROM every_document('commitments') WHERE basis = last_known();
CREATE OR REPLACE MACRO commitments_at(known) AS TABLE FROM every_document('commitments') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW positions_board AS FROM every_document('positions_board') WHERE basis = last_known();
CREATE OR REPLACE MACRO positions_board_at(known) AS TABLE FROM every_document('positions_board') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW stated_totals AS FROM every_document('stated_totals') WHERE basis = last_known();
CREATE OR REPLACE MACRO stated_totals_at(known) AS TABLE FROM every_document('stated_totals') WHERE basis = known_by(known);
CREATE OR REPLACE VIEW talks_ledger AS FROM every_document('talks_ledger') WHERE basis = last_known();
CREATE OR REPLACE MACRO talks_ledger_at(known) AS TABLE FROM every_document('talks_ledger') WHERE basis = known_by(known);

-- Ceasefires and agreements with the state of each, and in whose view.
CREATE OR REPLACE VIEW ceasefire_states AS
    SELECT key, json ->> 'state' AS state, json ->> 'label' AS label, json -> 'views' AS views,
           (json ->> 'next_transition_at')::TIMESTAMPTZ AS next_transition_at, basis
    FROM ceasefire_status;
