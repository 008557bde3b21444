#!/bin/sh
# Draws the sample clips and their posters beside this script. Needs ffmpeg with libx264 (Debian's
# has it) and the DejaVu fonts. Nothing is filmed or downloaded: every picture is a formula.
set -eu
cd "$(dirname "$0")"

# The digits are the frame's own presentation time, which is the media time that a player reports;
# half a millisecond is added so that 2.9999999 s reads 0:03.000. They stand at the top, clear of the
# browser's controls, on a shade that keeps them readable over any picture.
caption() { # title
    style="fontcolor=white:box=1:boxcolor=0x06121c@0.55:boxborderw=14"
    now="(t+0.0005)"
    code="%{eif\\:trunc($now/60)\\:d}\\:%{eif\\:mod(trunc($now)\\,60)\\:d\\:2}.%{eif\\:mod(trunc($now*1000)\\,1000)\\:d\\:3}"
    printf '%s' "drawtext=font='DejaVu Sans':text='$1':fontsize=26:x=44:y=40:$style,"
    printf '%s' "drawtext=font='DejaVu Sans Mono':text='$code':fontsize=72:x=44:y=100:$style"
}

# H.264 without B-frames: every current browser plays it, frame 0 is at 0 ms, and no edit list
# shifts the clock. A keyframe each second keeps seeking quick. bitexact leaves out the encoder's name.
clip() { # id, title, seconds, lavfi source, filters, quality (crf)
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "$4" -t "$3" \
        -vf "$5,$(caption "$2"),format=yuv420p" \
        -c:v libx264 -preset veryslow -tune animation -crf "$6" -bf 0 -g 30 -threads 1 \
        -fflags +bitexact -flags:v +bitexact -map_metadata -1 -movflags +faststart "$1.mp4"
    # The poster has no time code: it would say a time at which nothing is.
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "$4" -vf "$5,format=yuvj420p" \
        -ss 4 -frames:v 1 -c:v mjpeg -q:v 5 -fflags +bitexact -flags:v +bitexact "$1.jpg"
}

clip dawn Dawn 15 \
    "gradients=s=640x360:r=30:d=15:n=5:seed=11:speed=0.012:x0=0:y0=0:x1=640:y1=360:c0=0x0b1d3a:c1=0x14506b:c2=0x2a9d8f:c3=0xe9a15b:c4=0xd1495b" \
    "null" 27

# Three waves that cross, in a night-blue to sand palette. Computed small, then enlarged smoothly.
wave="128+44*sin(hypot(X-40-20*sin(T/5),Y-30)/6-T*1.1)+44*sin(hypot(X-120,Y-60-15*cos(T/4))/8-T*0.9)+28*sin((X+Y)/23+T/3)"
clip tide Tide 30 \
    "color=black:s=160x90:r=30" \
    "format=gray,geq=lum='$wave',scale=640:360:flags=bicubic,format=rgb24,lutrgb=r='6+val*0.22+max(0,val-140)*1.7':g='18+val*0.70':b='58+val*0.52-max(0,val-190)*0.9'" 30

# Conway's life: living cells are gold, and the dead leave a trace that fades.
clip colony Colony 60 \
    "life=s=80x45:rate=6:ratio=0.28:seed=7:mold=12:life_color=0xf4d58d:death_color=0x2a6f77:mold_color=0x0b1f2a" \
    "scale=640:360:flags=neighbor,fps=30" 31
