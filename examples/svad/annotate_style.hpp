// SPDX-License-Identifier: Apache-2.0
// How the annotation page looks: two columns on a desk, one on a phone, light and dark, in the colours of the reports.
// Rejected: fonts and icon sets from elsewhere; the page must work without a network.
#pragma once

namespace tool {

inline constexpr char annotate_style[] = R"css(
:root{color-scheme:light dark;--ink:#1f2937;--soft:#5b6472;--line:#e3e6ea;--paper:#fff;--wash:#f6f7f9;--good:#047857;--bad:#b91c1c;
  --c0:#2563eb;--c1:#d9480f;--c2:#0f8a5f;--c3:#9333ea;--c4:#b58100;--c5:#0e8aa6;--c6:#c2255c;--c7:#5c6b7a}
@media(prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9aa4b2;--line:#2b323d;--paper:#12161c;--wash:#181d25;--good:#34d399;--bad:#f87171;
  --c0:#6ea8fe;--c1:#ff9460;--c2:#3ecf9a;--c3:#c792fb;--c4:#e3b341;--c5:#4cc3de;--c6:#f783ac;--c7:#a8b3c1}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html,body{height:100%;margin:0}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.15rem;margin:0;flex:1;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:0;overflow-wrap:anywhere}
h3{font-size:.82rem;margin:1rem 0 .35rem;font-weight:600;color:var(--soft)}
h3 .soft{font-weight:400}
p{margin:0}
.soft{color:var(--soft);font-size:.85rem}
.n{font-variant-numeric:tabular-nums}
.row{display:flex;gap:.5rem;align-items:center}
.grow{flex:1;min-width:0}
.gap{width:.5rem}
button,input,select,textarea{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:7px;padding:.34rem .6rem}
button{cursor:pointer;white-space:nowrap;font-size:.9rem}
button:hover:enabled{border-color:var(--soft)}
button:disabled{opacity:.4;cursor:default}
:focus-visible{outline:2px solid var(--c0);outline-offset:1px}
input[type=number]{width:4.6rem}
select{min-width:0;flex:1;font-size:.88rem}
.quiet{border-color:transparent;background:none}
.main{background:var(--c0);border-color:var(--c0);color:var(--paper);font-weight:500}
.good{color:var(--good)}.bad{color:var(--bad)}
.toggle{color:var(--soft);font-size:.82rem;padding:.25rem .5rem}
.toggle[aria-pressed=true]{color:var(--c0);border-color:var(--c0)}
.narrow{display:none}
#app{display:grid;grid-template-columns:330px minmax(0,1fr);height:100%}
#side{display:flex;flex-direction:column;min-height:0;background:var(--wash);border-right:1px solid var(--line)}
#side header{padding:.9rem 1rem .6rem;display:flex;flex-direction:column;gap:.55rem;border-bottom:1px solid var(--line)}
#bar{display:flex;height:6px;border-radius:3px;overflow:hidden;background:var(--line)}
#bar i{display:block}
#states{display:flex;flex-wrap:wrap;gap:.3rem}
#states button{padding:.12rem .55rem;border-radius:99px;font-size:.8rem;color:var(--soft)}
#states button[aria-pressed=true]{color:var(--paper);background:var(--ink);border-color:var(--ink)}
#spot summary{cursor:pointer;font-size:.85rem;color:var(--soft)}
#spot .row{margin:.4rem 0}#spot label{font-size:.82rem;color:var(--soft)}
#list{flex:1;overflow-y:auto;position:relative;min-height:0}
#tall{position:relative}
#shown{padding:.4rem 1rem;border-top:1px solid var(--line)}
.clip{position:absolute;left:0;right:0;height:58px;padding:.5rem 1rem .4rem 2.2rem;cursor:pointer;border-bottom:1px solid var(--line);overflow:hidden}
.clip:hover{background:color-mix(in srgb,var(--c0) 6%,transparent)}
.clip[aria-selected=true]{background:color-mix(in srgb,var(--c0) 12%,transparent)}
.clip b{display:block;font-size:.86rem;font-weight:600;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.clip span{display:block;font-size:.82rem;color:var(--soft);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.clip::before{content:"";position:absolute;left:.95rem;top:1rem;width:9px;height:9px;border-radius:50%;border:2px solid var(--tone)}
.clip.full::before{background:var(--tone)}
.clip.unsaved b::after{content:" • not saved";color:var(--c1);font-weight:400}
.none{--tone:var(--c7)}.draft{--tone:var(--c4)}.written{--tone:var(--c0)}.approved{--tone:var(--good)}.rejected{--tone:var(--bad)}
.pill{font-size:.8rem;padding:.08rem .6rem;border-radius:99px;color:var(--tone);border:1px solid var(--tone)}
#main{display:flex;flex-direction:column;min-height:0;overflow-y:auto;padding:0 1.4rem}
#top{padding:.8rem 0 .7rem}
#place{white-space:nowrap}
#clip-facts{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
#film{position:relative;background:#0c0e12;border-radius:8px;overflow:hidden;cursor:pointer;min-height:64px;flex:none;display:grid;align-items:center}
#film img{display:block;width:100%;max-height:150px;object-fit:contain}
#film img:not([src]){display:none}
#head{position:absolute;top:0;bottom:0;width:2px;background:#fff;box-shadow:0 0 4px #000;left:0;pointer-events:none}
#strip-note:not(:empty),#video-note:not(:empty){padding:1rem;color:#aab3bf;text-align:center}
#work{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:1.4rem;padding:1rem 0 1.2rem;flex:1 0 auto;align-items:start}
#screen{background:#0c0e12;border-radius:8px;overflow:hidden;display:grid;place-items:center;min-height:120px}
#screen video{display:block;width:100%;max-height:46vh;object-fit:contain}
#controls{margin-top:.4rem;flex-wrap:wrap}
#clock{flex:1}
#controls input{flex:1 0 100%;order:-1;padding:0;accent-color:var(--c0)}
#play{width:2.5rem}
#clock{white-space:nowrap}
#page{position:relative;border:1px solid var(--line);border-radius:8px;background:var(--paper)}
#page:focus-within{border-color:var(--c0);box-shadow:0 0 0 1px var(--c0)}
#back,#text{font:1.02rem/1.65 system-ui,sans-serif;padding:.7rem .85rem;margin:0;border:0;width:100%;white-space:pre-wrap;overflow-wrap:break-word;letter-spacing:normal}
#back{position:absolute;inset:0;color:transparent;overflow:hidden;pointer-events:none}
#text{display:block;position:relative;background:transparent;resize:none;outline:0;min-height:10.4rem;overflow:hidden}
#back mark{color:transparent;border-radius:3px;background:color-mix(in srgb,var(--tone) 24%,transparent);box-shadow:0 2px 0 var(--tone)}
#under{margin-top:.4rem;flex-wrap:wrap;gap:.3rem .9rem}
.hint{font-size:.82rem;color:var(--soft)}
.hint::before{content:"○ "}
.hint.ok{color:var(--good)}.hint.ok::before{content:"✓ "}
#editor>.row:has(h3){margin-bottom:.4rem}#editor>.row h3{margin:0}
#words{display:flex;flex-wrap:wrap;gap:.35rem;margin-bottom:.45rem}
#words:empty::before{content:"none yet";color:var(--soft);font-size:.85rem}
.word{display:inline-flex;align-items:center;gap:.35rem;font-size:.88rem;padding:.05rem .2rem .05rem .6rem;border-radius:99px;background:color-mix(in srgb,var(--tone) 14%,transparent)}
.word i{font-style:normal;font-size:.76rem;color:var(--tone)}
.word.absent{text-decoration:line-through;text-decoration-color:var(--bad)}
.word button{border:0;background:none;padding:0 .35rem;color:var(--soft)}
.k-count{--tone:var(--c4)}.k-colour{--tone:var(--c6)}.k-side{--tone:var(--c3)}.k-object{--tone:var(--c0)}.k-action{--tone:var(--c2)}
.k-attribute,.k-material{--tone:var(--c5)}.k-place{--tone:var(--c3)}.k-person{--tone:var(--c1)}.k-keyword{--tone:var(--c7)}
#word-form select{flex:none;width:7rem}
#note{display:block;width:100%;resize:vertical}
#conflict{border:1px solid var(--c1);border-radius:8px;padding:.7rem .9rem;margin-bottom:1rem;background:color-mix(in srgb,var(--c1) 7%,transparent)}
#conflict blockquote{margin:.5rem 0;padding-left:.8rem;border-left:3px solid var(--c1);white-space:pre-wrap;overflow-wrap:anywhere;max-height:9rem;overflow-y:auto}
#actions{position:sticky;bottom:0;z-index:2;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .9rem;padding:.7rem 1.4rem;margin:0 -1.4rem;background:var(--wash);border-top:1px solid var(--line)}
#user{width:9rem;margin-left:.3rem}
#message{font-size:.88rem;overflow-wrap:anywhere}
#message.bad{color:var(--bad)}#message.ok{color:var(--good)}
dialog{border:1px solid var(--line);border-radius:10px;background:var(--paper);color:var(--ink);padding:1.2rem 1.6rem;max-width:30rem}
dialog::backdrop{background:#0008}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1.2rem;margin:1rem 0}dt{font-weight:600}dd{margin:0;color:var(--soft)}
@media(max-width:1080px){#app{grid-template-columns:280px minmax(0,1fr)}#work{grid-template-columns:minmax(0,1fr)}}
@media(max-width:760px){
  #app{display:block}.narrow{display:inline-block}
  #side{position:fixed;inset:0;z-index:5;display:none}
  body.listing #side{display:flex}
  #main{height:100%;padding:0 .9rem}#actions{margin:0 -.9rem;padding:.6rem .9rem}
  #screen video{max-height:32vh}#film{overflow-x:auto}#film img{width:auto;max-width:none;height:96px}#head{display:none}
  #place{display:none}#message{flex-basis:100%;order:-1}#message:empty{display:none}#buttons{width:100%;gap:.35rem}#buttons button{flex:1 1 auto;padding:.34rem .3rem;font-size:.84rem}.gap{display:none}
}
)css";

}  // namespace tool
