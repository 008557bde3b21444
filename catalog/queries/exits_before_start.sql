-- title: Exits before start
-- description: Plays that were asked for and never showed a frame, by video, most of them first.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH plays AS (
    SELECT
        video_id,
        COUNT(CASE WHEN event = 'play_intent' THEN 1 END) AS intents,
        COUNT(CASE WHEN event = 'first_frame' THEN 1 END) AS frames,
        COUNT(CASE WHEN event = 'error' THEN 1 END) AS errors
    FROM playlake.video_player_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot AND play_id IS NOT NULL
        AND event IN ('play_intent', 'first_frame', 'error')
    GROUP BY video_id, play_id
)
SELECT
    video_id,
    COUNT(*) AS intents,
    COUNT(CASE WHEN frames = 0 THEN 1 END) AS exits_before_start,
    COUNT(CASE WHEN frames = 0 AND errors > 0 THEN 1 END) AS failures,
    CAST(COUNT(CASE WHEN frames = 0 THEN 1 END) AS double) / COUNT(*) AS exit_rate
FROM plays
WHERE intents > 0
GROUP BY video_id
ORDER BY exits_before_start DESC, intents DESC, video_id
