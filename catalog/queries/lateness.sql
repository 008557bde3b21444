-- title: Lateness
-- description: How late a day's events came, how many of its clocks are wrong, the newest arrival.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH arrivals AS (
    SELECT dt, logged_at, received_at, clock_suspect
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until
    UNION ALL
    SELECT dt, logged_at, received_at, clock_suspect
    FROM playlake.video_player_events
    WHERE dt BETWEEN :since AND :until
)
SELECT
    dt,
    COUNT(*) AS events,
    COUNT(CASE WHEN received_at > logged_at + INTERVAL '1' HOUR THEN 1 END) AS late,
    CAST(COUNT(CASE WHEN received_at > logged_at + INTERVAL '1' HOUR THEN 1 END) AS double)
        / COUNT(*) AS late_share,
    COUNT(CASE WHEN clock_suspect THEN 1 END) AS suspect,
    CAST(COUNT(CASE WHEN clock_suspect THEN 1 END) AS double) / COUNT(*) AS suspect_share,
    MAX(received_at) AS newest
FROM arrivals
GROUP BY dt
ORDER BY dt
