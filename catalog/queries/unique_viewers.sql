-- title: Unique viewers
-- description: Who played, day by day, and how many different viewers that makes from the first day.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH days AS (
    SELECT dt, COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot
    GROUP BY dt, COALESCE(viewer_id, CAST(user_id AS varchar))
),
seen AS (
    SELECT dt, MIN(dt) OVER (PARTITION BY viewer) AS first_dt FROM days
),
counted AS (
    SELECT
        dt,
        COUNT(*) AS viewers,
        COUNT(CASE WHEN dt = first_dt THEN 1 END) AS new_viewers
    FROM seen
    GROUP BY dt
)
SELECT
    dt,
    viewers,
    new_viewers,
    CAST(SUM(new_viewers) OVER (ORDER BY dt) AS bigint) AS viewers_so_far
FROM counted
ORDER BY dt
