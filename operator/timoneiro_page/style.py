"""The style of the page: readable on a phone, by night, and on paper without colour. ASCII only."""

_LIGHT = (
    "--ink:#1a2430;--dim:#55636f;--paper:#fff;--card:#f4f6f8;--rule:#d7dee4;--good:#00664a;--bad:#b23600;"
    "--open:#4d5b69;--line:#0b5fa5;--worse:#b84300;--better:#00664a;--band:#0b5fa5;--code:#eef1f4;--shade:.14"
)
_DARK = (
    "--ink:#e7edf2;--dim:#a5b3bf;--paper:#10161c;--card:#18212a;--rule:#33404c;--good:#58d3a6;--bad:#ff9466;"
    "--open:#b3c0cc;--line:#7cc0ff;--worse:#ff9466;--better:#58d3a6;--band:#7cc0ff;--code:#202b36;--shade:.2"
)

STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}}
main{{max-width:60rem;margin:0 auto;padding:1rem .75rem 2rem}}
h1{{font-size:1.75rem;line-height:1.2;margin:.1rem 0 .6rem}}
h2{{font-size:1.25rem;margin:2.2rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--rule)}}
h3{{font-size:1.05rem;margin:0 0 .3rem}}
ol+h3{{margin-top:1.2rem}}
p{{margin:.4rem 0}}
ul,ol{{margin:.3rem 0;padding-left:1.3rem}}
li{{margin:.2rem 0}}
header{{border-left:5px solid var(--open);padding:.1rem 0 .1rem .9rem}}
header.good{{border-color:var(--good)}}
header.bad{{border-color:var(--bad)}}
.where{{font-weight:600;margin:0}}
.where span,.dim,figcaption,dt,footer{{color:var(--dim)}}
.where span{{font-weight:400}}
.badge{{display:inline-block;margin:0;padding:.1rem .7rem;border:1.5px solid;border-radius:1rem;font-weight:600;
color:var(--open)}}
.good .badge,.good .verdict b,.good .verdict span{{color:var(--good)}}
.bad .badge,.bad .verdict b,.bad .verdict span{{color:var(--bad)}}
.pair{{margin-top:.6rem}}
dl{{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.5rem 1rem;margin:.8rem 0 0}}
.long{{grid-template-columns:1fr;margin-top:.5rem}}
dt{{font-size:.85rem}}
dd{{margin:0;font-variant-numeric:tabular-nums}}
article{{background:var(--card);border-radius:8px;margin:.9rem -.75rem;padding:.9rem .75rem}}
.two{{display:grid;gap:1rem 2rem;margin:.6rem 0}}
figure{{margin:0;max-width:27rem}}
figcaption{{font-size:.85rem;margin-top:.1rem}}
.two dl{{margin-top:.6rem;align-self:start}}
svg{{display:block;width:100%;height:auto}}
.tag{{display:inline-block;font-size:.8rem;font-weight:400;border:1px solid var(--rule);border-radius:1rem;
padding:0 .55rem;color:var(--dim)}}
.events{{list-style:none;padding:0}}
.events li{{padding:.35rem 0;border-top:1px solid var(--rule)}}
.events time{{display:block;color:var(--dim);font-size:.85rem}}
.now{{font-weight:600}}
table{{border-collapse:collapse;margin:.6rem 0;align-self:start;font-size:.92rem}}
th,td{{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}}
.numbers{{width:100%;max-width:27rem}}
.wide{{max-width:none}}
.wide td{{overflow-wrap:normal}}
.bars td:nth-child(2){{width:40%}}
.bars td:last-child{{white-space:nowrap}}
.numbers td,.numbers thead th{{text-align:right;padding:.25rem 0 .25rem .6rem;font-variant-numeric:tabular-nums}}
/* Headings are words of ours: they set how narrow a column may be. */
.numbers th{{overflow-wrap:normal}}
code,pre{{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--code);border-radius:3px}}
code{{padding:.05em .25em}}
pre{{padding:.6rem;white-space:pre-wrap}}
.card{{margin-top:.9rem;padding-top:.6rem;border-top:1px dashed var(--rule)}}
.card h4{{font-size:1.05rem;margin:.4rem 0}}
.card h5,.card h6{{font-size:.95rem;margin:1rem 0 .3rem}}
.doubt{{font-weight:600;color:var(--bad)}}
footer{{margin-top:2.5rem;border-top:1px solid var(--rule);font-size:.85rem}}
svg text{{font-size:12px;fill:var(--dim)}}
.middle{{text-anchor:middle}}
.end{{text-anchor:end}}
svg .label{{fill:var(--ink)}}
svg .label.worse{{fill:var(--worse)}}
svg .label.better{{fill:var(--better)}}
svg .label.estimate{{fill:var(--line)}}
svg .label.same{{fill:var(--dim)}}
.grid{{stroke:var(--rule);fill:none}}
.axis{{stroke:var(--dim);fill:none}}
.thread{{stroke:var(--dim);stroke-width:.7;fill:none}}
.line{{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}}
.line.estimate{{stroke:var(--line)}}
.line.worse{{stroke:var(--worse)}}
.line.better{{stroke:var(--better);stroke-dasharray:7 4}}
.dot.estimate{{fill:var(--line)}}
.dot.worse{{fill:var(--worse)}}
.dot.better{{fill:var(--better)}}
.band{{fill:var(--band);fill-opacity:var(--shade)}}
.edge{{fill:none;stroke:var(--band);stroke-width:1}}
.level{{fill:none;stroke-width:1.3}}
.level.same{{stroke:var(--dim)}}
.level.worse{{stroke:var(--worse);stroke-dasharray:2 3}}
.level.better{{stroke:var(--better);stroke-dasharray:9 3 2 3}}
@media (min-width:48rem){{
main{{padding:2rem 1.5rem 3rem}}
h1{{font-size:2.1rem}}
article{{margin:1rem 0;padding:1.1rem 1.25rem}}
.two{{grid-template-columns:1fr 1fr}}
}}
@media print{{
@page{{size:A4;margin:15mm}}
body{{font-size:10.5pt}}
main{{max-width:none;padding:0}}
.two{{grid-template-columns:1fr 1fr;gap:.4rem 1.5rem;margin:.3rem 0}}
dl{{grid-template-columns:repeat(auto-fill,minmax(7rem,1fr));gap:.3rem .8rem}}
.long{{grid-template-columns:1fr}}
article{{background:none;border:1px solid var(--rule);margin:.6rem 0;padding:.5rem .9rem;break-inside:avoid}}
article:has(.card){{break-inside:auto}}
figure,tr,dl,.known,.events li,header{{break-inside:avoid}}
.numbers{{font-size:.85em}}
.numbers td,.numbers thead th{{padding-left:.4rem}}
h2,h3,h4,h5,h6{{break-after:avoid}}
code,pre{{background:none}}
}}
"""
