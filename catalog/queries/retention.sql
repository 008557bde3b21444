-- title: Retention
-- description: Second by second of a video: plays that saw it, views with rewatches, skips over it.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
-- :video_id text. The video, as the player names it in video_id.
WITH intervals AS (
    SELECT
        COALESCE(viewer_id, CAST(user_id AS varchar)) AS viewer,
        COALESCE(play_id, event_id) AS play,
        -- A second belongs to the interval that played its middle, so neighbours never share one.
        (started_at + 499) / 1000 AS begun,
        (ended_at + 499) / 1000 AS ended,
        started_at,
        ended_at,
        video_duration,
        seq,
        logged_at,
        event_id
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot AND video_id = :video_id
),
followed AS (
    SELECT
        begun,
        ended,
        -- The longest length that a player gave, or else as far as anybody played; at most a day.
        LEAST(COALESCE(
            (MAX(video_duration) OVER () + 499) / 1000, MAX(ended) OVER ()
        ), 86400) AS length,
        GREATEST(begun, COALESCE(MAX(ended) OVER (
            PARTITION BY viewer, play ORDER BY begun, ended, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0)) AS unseen,
        ROW_NUMBER() OVER (PARTITION BY viewer, play ORDER BY begun, ended, event_id) AS place,
        started_at - LAG(ended_at) OVER (
            PARTITION BY viewer, play ORDER BY seq, logged_at, event_id
        ) AS jump,
        LAG(ended) OVER (PARTITION BY viewer, play ORDER BY seq, logged_at, event_id) AS came_from
    FROM intervals
),
-- What changes at a second. Views, plays and skips begin and end there; 7 and 8 mark the video's
-- begin and end, and 7 also counts the plays there are.
edges AS (
    SELECT
        LEAST(CASE edge
            WHEN 1 THEN begun WHEN 2 THEN ended
            WHEN 3 THEN unseen WHEN 4 THEN ended
            WHEN 5 THEN came_from WHEN 6 THEN begun
            WHEN 7 THEN 0 ELSE length
        END, length) AS second,
        CASE edge WHEN 1 THEN 1 WHEN 2 THEN -1 ELSE 0 END AS views,
        CASE edge WHEN 3 THEN 1 WHEN 4 THEN -1 ELSE 0 END AS plays,
        CASE edge WHEN 5 THEN 1 WHEN 6 THEN -1 ELSE 0 END AS skips,
        CASE WHEN edge = 7 AND place = 1 THEN 1 ELSE 0 END AS all_plays
    FROM followed
    CROSS JOIN UNNEST(ARRAY[1, 2, 3, 4, 5, 6, 7, 8]) AS e (edge)
    WHERE edge IN (1, 2, 7, 8)
        OR (edge IN (3, 4) AND unseen < ended)
        OR (edge IN (5, 6) AND jump > 250)
),
changes AS (
    SELECT
        second,
        SUM(views) AS views,
        SUM(plays) AS plays,
        SUM(skips) AS skips,
        SUM(all_plays) AS all_plays
    FROM edges
    GROUP BY second
),
steps AS (
    SELECT
        second,
        LEAD(second) OVER (ORDER BY second) AS next_second,
        SUM(views) OVER (ORDER BY second) AS views,
        SUM(plays) OVER (ORDER BY second) AS plays,
        SUM(skips) OVER (ORDER BY second) AS skips,
        SUM(all_plays) OVER (ORDER BY second) AS all_plays
    FROM changes
)
-- An hour at a time, for Athena's sequences end at 10,000 entries.
SELECT
    s.second,
    CAST(plays AS bigint) AS plays,
    CAST(views AS bigint) AS views,
    CAST(skips AS bigint) AS skips,
    CAST(plays AS double) / all_plays AS retention
FROM steps
CROSS JOIN UNNEST(SEQUENCE(steps.second / 3600, (next_second - 1) / 3600)) AS h (hour)
CROSS JOIN UNNEST(SEQUENCE(
    GREATEST(steps.second, hour * 3600), LEAST(next_second - 1, hour * 3600 + 3599)
)) AS s (second)
WHERE next_second IS NOT NULL
ORDER BY s.second
