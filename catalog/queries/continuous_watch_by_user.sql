-- title: Continuous watch by user
-- description: How long each viewer watched without a jump, pauses bridged, in milliseconds.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH intervals AS (
    SELECT
        COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer,
        COALESCE(play_id, event_id) AS play,
        video_id,
        started_at,
        ended_at,
        duration,
        seq,
        logged_at,
        event_id
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot
),
followed AS (
    SELECT
        *,
        LAG(ended_at) OVER (
            PARTITION BY viewer, video_id, play ORDER BY seq, logged_at, event_id
        ) AS came_from
    FROM intervals
),
numbered AS (
    SELECT
        viewer,
        video_id,
        play,
        duration,
        SUM(CASE WHEN ABS(started_at - came_from) <= 250 THEN 0 ELSE 1 END) OVER (
            PARTITION BY viewer, video_id, play ORDER BY seq, logged_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS stretch
    FROM followed
),
stretches AS (
    SELECT viewer, SUM(duration) AS duration
    FROM numbered
    GROUP BY viewer, video_id, play, stretch
)
SELECT
    viewer,
    COUNT(*) AS stretches,
    CAST(SUM(duration) AS bigint) AS total_watch_duration,
    AVG(CAST(duration AS double)) AS avg_continuous_watch,
    CAST(MAX(duration) AS bigint) AS longest_continuous_watch
FROM stretches
GROUP BY viewer
ORDER BY total_watch_duration DESC, viewer
