-- title: Watch time by user
-- description: How long each viewer watched, and how long at a stretch, in milliseconds of content.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
SELECT
    COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer,
    COUNT(*) AS intervals,
    CAST(SUM(duration) AS bigint) AS total_watch_duration,
    AVG(duration) AS avg_continuous_watch
FROM playlake.video_play_events
WHERE dt BETWEEN :since AND :until AND NOT is_bot
GROUP BY COALESCE(viewer_id, CAST(user_id AS varchar))
ORDER BY total_watch_duration DESC, viewer
