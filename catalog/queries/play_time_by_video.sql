-- title: Play time by video
-- description: How long each video was played, in milliseconds of content, most played first.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
SELECT
    video_id,
    COUNT(*) AS intervals,
    CAST(SUM(duration) AS bigint) AS total_play_duration,
    AVG(duration) AS avg_play_duration
FROM playlake.video_play_events
WHERE dt BETWEEN :since AND :until AND NOT is_bot
GROUP BY video_id
ORDER BY total_play_duration DESC, video_id
