-- name: path
-- Where names are looked up, and how the statement begins that sets that for this login in this database.
SELECT current_setting('search_path') AS path, session_user::text AS login,
       format('ALTER ROLE %I IN DATABASE %I', session_user, current_database()) AS statement
