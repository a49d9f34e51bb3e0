-- name: made_of
-- What the schema is made of, for comparing it with what the migrations make: kind, the table or function it belongs
-- to, its name, and its definition. Who owns what and who may do what is left out: that differs from server to server.
WITH relation AS MATERIALIZED (
    SELECT oid, relname, relkind, relpersistence, relrowsecurity, relforcerowsecurity, relispartition
    FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
)
SELECT 'relation' AS kind, relname::text AS of, ''::text AS name,
       concat_ws(' ', CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'relation of kind ' || relkind::text END,
                 CASE WHEN relpersistence <> 'p' THEN 'not durable' END,
                 CASE WHEN relrowsecurity OR relforcerowsecurity THEN 'row level security' END,
                 CASE WHEN relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE oid IN (inhrelid, inhparent))
                      THEN 'inheritance' END) AS definition
FROM relation
UNION ALL
SELECT 'column', relname, attname,
       concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END,
                 CASE WHEN attidentity <> '' THEN 'identity ' || attidentity::text END,
                 CASE WHEN attgenerated <> '' THEN 'generated' END, pg_get_expr(adbin, adrelid),
                 'collate ' || (SELECT c.oid::regcollation FROM pg_catalog.pg_collation c
                                WHERE c.oid = attcollation AND attcollation <> typcollation))
FROM relation
JOIN pg_catalog.pg_attribute a ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_catalog.pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT 'constraint', relname, conname,
       concat_ws(' ', regexp_replace(pg_get_constraintdef(c.oid, true), '\s+', ' ', 'g'), CASE WHEN NOT convalidated THEN 'not validated' END,
                 CASE WHEN NOT conenforced THEN 'not enforced' END)
FROM relation JOIN pg_catalog.pg_constraint c ON conrelid = relation.oid
UNION ALL
-- What carries out a foreign key is a trigger too, whose name is a number.
SELECT 'trigger', relname, CASE WHEN tgisinternal THEN concat_ws(' ', conname, tgtype) ELSE tgname END,
       concat_ws(' ', CASE tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN 'origin' WHEN 'R' THEN 'replica' ELSE 'disabled' END,
                 CASE WHEN NOT tgisinternal THEN pg_get_triggerdef(t.oid, true) END)
FROM relation
JOIN pg_catalog.pg_trigger t ON tgrelid = relation.oid
LEFT JOIN pg_catalog.pg_constraint c ON c.oid = tgconstraint
UNION ALL
SELECT 'rule', relname, rulename, pg_get_ruledef(r.oid, true)
FROM relation JOIN pg_catalog.pg_rewrite r ON ev_class = relation.oid AND relkind = 'r'
UNION ALL
SELECT 'policy', relname, polname, concat_ws(' ', polcmd::text, pg_get_expr(polqual, polrelid))
FROM relation JOIN pg_catalog.pg_policy ON polrelid = relation.oid
UNION ALL
SELECT 'index', relation.relname, i.relname,
       concat_ws(' ', pg_get_indexdef(indexrelid, 0, true), CASE WHEN NOT (indisvalid AND indisready) THEN 'not valid' END)
FROM relation
JOIN pg_catalog.pg_index ON indrelid = relation.oid
JOIN pg_catalog.pg_class i ON i.oid = indexrelid
UNION ALL
SELECT 'function', proname, pg_get_function_identity_arguments(p.oid),
       concat_ws(' ', encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'), lanname, 'returns ' || pg_get_function_result(p.oid), CASE WHEN prosecdef THEN 'security definer' END,
                 provolatile::text, replace(array_to_string(proconfig, ' '), quote_ident(current_schema()), 'SCHEMA'))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = prolang
WHERE pronamespace = current_schema()::regnamespace
ORDER BY 1, 2, 3

-- name: outside
-- Where the log's tables have rows at positions that no append gives: before the first.
SELECT least((SELECT min(position) FROM events), (SELECT min(position) FROM event_private),
             (SELECT min(last_position) FROM commits)) AS position
