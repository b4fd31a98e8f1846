import { createHash } from 'node:crypto';

/** The style sheet of all pages. */
export const style = `
:root{color-scheme:light dark;--text:#1d2329;--quiet:#59636e;--line:#d8dee4;--soft:#f4f6f8;--paper:#fff;
--link:#0b57a4;--alert:#a40e26}
@media(prefers-color-scheme:dark){:root{--text:#e4e8ec;--quiet:#9aa5b1;--line:#343b43;--soft:#1d2228;
--paper:#14181c;--link:#7cb7f2;--alert:#ff9a9a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
header,main{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;padding-top:1rem}
header>a{font-weight:700;font-size:1.125rem;color:inherit;text-decoration:none}
header ul{display:flex;flex-wrap:wrap;gap:.25rem;list-style:none;margin:0;padding:0}
header li a{display:block;padding:.25rem .75rem;border-radius:1rem;text-decoration:none}
header li a:hover{background:var(--soft)}
header li a[aria-current]{background:var(--link);color:var(--paper)}
main{padding-bottom:3rem}
h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.125rem;margin:2rem 0 .5rem}
p{margin:.5rem 0}
.quiet{color:var(--quiet);font-size:.875rem;overflow-wrap:anywhere}
[role=alert]{color:var(--alert);border-left:4px solid;padding:.25rem .75rem}
form{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end;margin:1rem 0}
label{display:block;font-size:.875rem;color:var(--quiet)}
input,button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--quiet);
border-radius:.375rem;padding:.375rem .625rem}
form div:first-of-type{flex:1 1 18rem}
form div:nth-of-type(2){flex:0 1 14rem}
input{width:100%}
button{background:var(--link);border-color:var(--link);color:var(--paper);cursor:pointer}
table{border-collapse:collapse;width:100%;margin:1rem 0}
caption,.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th{color:var(--quiet);font-size:.875rem;font-weight:400;text-align:left}
th,td{padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line);vertical-align:middle}
td{overflow-wrap:anywhere}
td:first-child{width:4.25rem}
tbody tr:hover{background:var(--soft)}
.size,.time,.save{white-space:nowrap}
.type{min-width:11.5rem}
.size{text-align:right;padding-right:1.5rem}
.name a{font-weight:600}
.type,.time,.references{font-size:.875rem}
.references ul{list-style:none;margin:0;padding:0}
td img,.kind{display:flex;width:3.5rem;height:3.5rem;border-radius:.375rem;background:var(--soft)}
td img{object-fit:contain}
.kind{align-items:center;justify-content:center;color:var(--quiet);font-size:.75rem;border:1px solid var(--line)}
.more{display:flex;gap:1.5rem;margin:1.5rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.5rem;margin:1rem 0}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
.whole{display:block;max-width:100%;max-height:70vh;border-radius:.375rem;background:var(--soft)}
@media(max-width:48rem){
table,tbody{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{display:grid;grid-template-columns:3.5rem 1fr auto;gap:0 .75rem;padding:.75rem 0;border-bottom:1px solid var(--line)}
td,td.size{border:0;padding:0;grid-column:2/4;text-align:left}
td:first-child{grid-column:1;grid-row:1/7;width:auto}
td.name{grid-column:2}
td.save{grid-column:3;grid-row:1}
td.type,td.time,td.size,td.references{color:var(--quiet);font-size:.875rem}
td:empty{display:none}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.5rem}
}`;

/** The style sheet as the pages' policy allows it. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;
