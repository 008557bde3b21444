-- title: Concurrent viewers
-- description: How many different viewers played something in each minute, UTC; empty minutes left out.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH spans AS (
    SELECT
        COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer,
        logged_at,
        -- A day is the longest that one interval is believed to have played.
        LEAST(COALESCE(wall_ms, duration), 86400000) AS lasted
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot
    UNION ALL
    SELECT COALESCE(viewer_id, CAST(user_id AS varchar)), logged_at, 1
    FROM playlake.video_player_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot AND event = 'heartbeat'
),
minutes AS (
    SELECT
        viewer,
        date_trunc('minute', date_add('millisecond', -lasted, logged_at)) AS first_minute,
        date_trunc('minute', date_add('millisecond', -1, logged_at)) AS last_minute
    FROM spans
    WHERE lasted > 0
)
SELECT
    minute,
    COUNT(DISTINCT viewer) AS viewers
FROM minutes
CROSS JOIN UNNEST(SEQUENCE(first_minute, last_minute, INTERVAL '1' MINUTE)) AS m (minute)
WHERE minute >= CAST(CAST(:since AS date) AS timestamp)
    AND minute < CAST(CAST(:until AS date) + INTERVAL '1' DAY AS timestamp)
GROUP BY minute
ORDER BY minute
