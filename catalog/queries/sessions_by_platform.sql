-- title: Sessions by platform
-- description: On which devices, systems and browsers one user played, most play sessions first.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
-- :user_id bigint. The user's number, as the player sends it in user_id.
SELECT
    device_type,
    os_name,
    browser_name,
    COUNT(DISTINCT play_id) + COUNT_IF(play_id IS NULL) AS play_sessions,
    CAST(SUM(duration) AS bigint) AS total_play_duration
FROM playlake.video_play_events
WHERE dt BETWEEN :since AND :until AND NOT is_bot AND user_id = :user_id
GROUP BY device_type, os_name, browser_name
ORDER BY play_sessions DESC, device_type, os_name, browser_name
