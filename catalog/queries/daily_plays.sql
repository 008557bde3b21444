-- title: Daily plays
-- description: Plays, viewers and play time in milliseconds of content, day by day.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
SELECT
    dt,
    COUNT(DISTINCT play_id) + COUNT_IF(play_id IS NULL) AS plays,
    COUNT(DISTINCT COALESCE(viewer_id, CAST(user_id AS varchar))) AS viewers,
    CAST(SUM(duration) AS bigint) AS total_play_duration
FROM playlake.video_play_events
WHERE dt BETWEEN :since AND :until AND NOT is_bot
GROUP BY dt
ORDER BY dt
