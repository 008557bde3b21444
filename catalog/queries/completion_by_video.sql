-- title: Completion by video
-- description: How much of each video was seen: plays and viewers that saw a share of its content.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH intervals AS (
    SELECT
        video_id,
        COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer,
        COALESCE(play_id, event_id) AS play,
        MAX(video_duration) OVER (PARTITION BY video_id) AS video_duration,
        started_at,
        ended_at
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot
),
clipped AS (
    SELECT
        video_id,
        viewer,
        play,
        video_duration,
        LEAST(started_at, COALESCE(video_duration, started_at)) AS begun,
        LEAST(ended_at, COALESCE(video_duration, ended_at)) AS ended
    FROM intervals
),
reached AS (
    SELECT
        *,
        COALESCE(MAX(ended) OVER (
            PARTITION BY video_id, viewer, play ORDER BY begun
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS by_play,
        COALESCE(MAX(ended) OVER (
            PARTITION BY video_id, viewer ORDER BY begun
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS by_viewer
    FROM clipped
),
plays AS (
    SELECT
        video_id,
        viewer,
        video_duration,
        SUM(GREATEST(ended - GREATEST(begun, by_play), 0)) AS seen,
        SUM(GREATEST(ended - GREATEST(begun, by_viewer), 0)) AS new_to_viewer
    FROM reached
    GROUP BY video_id, viewer, play, video_duration
),
viewers AS (
    SELECT
        video_id,
        video_duration,
        COUNT(*) AS plays,
        SUM(seen) AS seen,
        COUNT(CASE WHEN seen * 100 >= video_duration * 25 THEN 1 END) AS plays_25,
        COUNT(CASE WHEN seen * 100 >= video_duration * 50 THEN 1 END) AS plays_50,
        COUNT(CASE WHEN seen * 100 >= video_duration * 75 THEN 1 END) AS plays_75,
        COUNT(CASE WHEN seen * 100 >= video_duration * 95 THEN 1 END) AS plays_95,
        SUM(new_to_viewer) AS seen_by_viewer
    FROM plays
    GROUP BY video_id, viewer, video_duration
)
SELECT
    video_id,
    video_duration,
    CAST(SUM(plays) AS bigint) AS plays,
    CAST(SUM(CASE WHEN video_duration > 0 THEN plays_25 END) AS bigint) AS plays_25,
    CAST(SUM(CASE WHEN video_duration > 0 THEN plays_50 END) AS bigint) AS plays_50,
    CAST(SUM(CASE WHEN video_duration > 0 THEN plays_75 END) AS bigint) AS plays_75,
    CAST(SUM(CASE WHEN video_duration > 0 THEN plays_95 END) AS bigint) AS plays_95,
    CASE WHEN video_duration > 0
        THEN CAST(SUM(plays_95) AS double) / SUM(plays) END AS completion_rate,
    CASE WHEN video_duration > 0
        THEN CAST(SUM(seen) AS double) / SUM(plays) / video_duration END AS avg_share_seen,
    COUNT(*) AS viewers,
    CASE WHEN video_duration > 0
        THEN COUNT(CASE WHEN seen_by_viewer * 100 >= video_duration * 95 THEN 1 END)
    END AS viewers_95
FROM viewers
GROUP BY video_id, video_duration
ORDER BY plays DESC, video_id
