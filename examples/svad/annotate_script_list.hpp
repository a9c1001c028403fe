// SPDX-License-Identifier: Apache-2.0
// First half of the annotation page's script: what is known of the clips, the list with its filters, progress, spot checks.
//
// Promise: text from outside reaches the page by textContent only; the list holds as many elements as fit on the screen,
// so that 100,000 clips scroll like ten.
#pragma once

namespace tool {

inline constexpr char annotate_script_list[] = R"js('use strict';
const $ = id => document.getElementById(id);
const settings = JSON.parse($('settings').textContent);
const states = ['none', 'draft', 'written', 'approved', 'rejected'];
const named = {none: 'not begun', draft: 'draft', written: 'written', approved: 'approved', rejected: 'rejected'};
const filters = {all: () => true, 'to write': c => ['none', 'draft', 'rejected'].includes(stateOf(c)),
  'to review': c => stateOf(c) === 'written', approved: c => stateOf(c) === 'approved', rejected: c => stateOf(c) === 'rejected'};
const rowHeight = 58;
let clips = [], listed = [], byId = new Map(), revision = 0, filter = 'all', current = null, sample = null;
const edits = new Map();   // id -> what was typed and is not saved yet

const make = (tag, text, name) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (name) e.className = name;
  return e;
};
const stateOf = c => c.annotation.status || 'none';
const textOf = c => edits.has(c.id) ? edits.get(c.id).description : c.annotation.description || '';
const clock = s => Math.floor(s / 60) + ':' + (s % 60).toFixed(1).padStart(4, '0');
const plural = (n, word) => n + ' ' + word + (n === 1 ? '' : 's');

// One number for (seed, id), spread evenly: what a random sample is drawn by, whatever the order of the clips.
function spread(text) {
  let h = 2166136261;
  for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  for (const k of [2246822507, 3266489909]) h = Math.imul(h ^ h >>> 15, k);
  return (h ^ h >>> 16) >>> 0;
}

// Where the true share lies with 95 % certainty when k of n were found (Wilson).
function interval(k, n) {
  const z = 1.96, p = k / n, base = 1 + z * z / n, middle = (p + z * z / (2 * n)) / base;
  const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / base;
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

function matches(c, needle) {
  if (sample && !sample.has(c.id)) return false;
  if ($('category').value && c.category !== $('category').value.slice(1)) return false;
  if ($('split').value && c.split !== $('split').value.slice(1)) return false;
  if (!needle) return true;
  const a = c.annotation, words = (a.keywords || []).map(k => k.word).join(' ');
  return [c.id, c.category, textOf(c), words, a.author || '', a.reviewer || '', a.note || ''].join('\n').toLowerCase().includes(needle);
}

function narrow() {
  const needle = $('search').value.trim().toLowerCase();
  const within = clips.filter(c => matches(c, needle));
  listed = within.filter(filters[filter]);
  if (current && within.includes(current) && !listed.includes(current)) listed = within.filter(c => c === current || filters[filter](c));
  for (const b of $('states').children) b.textContent = b.dataset.name + ' ' + within.filter(filters[b.dataset.name]).length;
  $('tall').style.height = listed.length * rowHeight + 'px';
  $('shown').textContent = listed.length === clips.length ? plural(clips.length, 'clip') : listed.length + ' of ' + plural(clips.length, 'clip');
  drawRows();
  progress();
  showPlace();
}

function row(c, i) {
  const state = stateOf(c), e = make('div', undefined, 'clip ' + state + (state === 'none' ? '' : ' full') + (edits.has(c.id) ? ' unsaved' : ''));
  e.style.top = i * rowHeight + 'px';
  e.setAttribute('role', 'option');
  e.setAttribute('aria-selected', c === current);
  e.title = c.id + ': ' + named[state];
  e.append(make('b', c.id), make('span', textOf(c) || (c.category ? c.category + ', no description yet' : 'no description yet')));
  e.onclick = () => { select(c); document.body.classList.remove('listing'); };
  return e;
}

function drawRows() {
  const list = $('list'), first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 3);
  const last = Math.min(listed.length, first + Math.ceil(list.clientHeight / rowHeight) + 7);
  $('tall').replaceChildren(...listed.slice(first, last).map((c, k) => row(c, first + k)));
}

function progress() {
  const counts = {};
  for (const c of clips) counts[stateOf(c)] = (counts[stateOf(c)] || 0) + 1;
  const order = ['approved', 'written', 'draft', 'rejected'];
  $('bar').replaceChildren(...order.map(s => {
    const part = make('i', undefined, s);
    part.style.width = 100 * (counts[s] || 0) / clips.length + '%';
    part.style.background = 'var(--tone)';
    return part;
  }));
  const parts = order.filter(s => counts[s]).map(s => counts[s] + ' ' + s);
  $('progress').textContent = (parts.join(', ') || 'nothing written yet') + (counts.none ? '; ' + counts.none + ' not begun' : '');
  $('bar').setAttribute('aria-label', $('progress').textContent);
  if (!sample) return;
  const seen = clips.filter(c => sample.has(c.id)), bad = seen.filter(c => stateOf(c) === 'rejected').length;
  const done = bad + seen.filter(c => stateOf(c) === 'approved').length;
  const percent = x => Math.round(100 * x);
  $('spot-result').textContent = done + ' of ' + plural(seen.length, 'clip') + ' judged' + (done ? ', ' + bad + ' rejected: ' + percent(bad / done) +
    '\u00a0% (with 95\u00a0% certainty ' + interval(bad, done).map(percent).join(' to ') + '\u00a0%)' : '');
}

function drawSample() {
  if (sample) sample = null;
  else {
    const seed = $('spot-seed').value + ' ', count = Math.max(1, Math.floor(+$('spot-count').value) || 1);
    const ranked = listed.map(c => [spread(seed + c.id), c.id]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    sample = new Set(ranked.slice(0, count).map(r => r[1]));
    filter = 'all';
  }
  $('spot-go').textContent = sample ? 'End' : 'Draw';
  if (!sample) $('spot-result').textContent = 'A random sample of the clips listed below; the same seed draws the same clips.';
  pressed();
  narrow();
  if (sample && listed.length && !listed.includes(current)) select(listed[0]);
}

function pressed() {
  for (const b of $('states').children) b.setAttribute('aria-pressed', b.dataset.name === filter);
}

// Where the clip stands in the list, and the row brought into view.
function showPlace() {
  const i = listed.indexOf(current);
  $('place').textContent = i < 0 ? '' : (i + 1) + ' of ' + listed.length;
  $('previous').disabled = i <= 0;
  $('next').disabled = i + 1 >= listed.length;
  return i;
}

function reveal() {
  const i = showPlace(), list = $('list');
  if (i < 0) return;
  const top = i * rowHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight;
  drawRows();
}

function step(by) {
  const i = listed.indexOf(current) + by;
  if (i >= 0 && i < listed.length) select(listed[i]);
}

// The next clip that waits for this person: to write, or written by another and to review.
function nextWaiting() {
  const me = $('user').value.trim().toLowerCase(), at = listed.indexOf(current);
  const waits = c => filters['to write'](c) || (stateOf(c) === 'written' && (c.annotation.author || '').toLowerCase() !== me);
  const found = [...listed.slice(at + 1), ...listed.slice(0, Math.max(0, at))].find(waits);
  if (found) select(found); else say('Nothing in the list waits for you.', 'ok');
}

function choices(select, name, values) {
  select.replaceChildren(new Option(name, ''), ...[...new Set(values)].sort().map(v => new Option(v || '(none)', '=' + v)));
  select.hidden = new Set(values).size < 2;
}

async function ask(path, options) {
  const answer = await fetch(path, options), body = await answer.text();
  let json = null;
  try { json = JSON.parse(body); } catch { json = {error: body.trim() || 'the server answered ' + answer.status}; }
  return [answer.status, json];
}

// What others saved since we last asked. A clip with unsaved text keeps it; its save will meet the conflict.
async function poll() {
  if (document.hidden) return;
  try {
    const [status, news] = await ask('changes/' + revision);
    if (status !== 200) throw new Error(news.error);
    revision = news.revision;
    if ($('message').dataset.lost) say('', '');
    if (!news.annotations.length) return;
    for (const a of news.annotations) {
      const c = byId.get(a.id), other = c.annotation.version !== a.version;
      c.annotation = a;
      if (c === current && other) edits.has(c.id) ? showConflict() : showClip();
    }
    narrow();
  } catch (e) {
    say('The server cannot be reached; what you type stays in this page. (' + e.message + ')', 'bad');
    $('message').dataset.lost = 1;
  }
}

async function begin() {
  const [status, data] = settings.file ? [200, JSON.parse($('data').textContent)] : await ask('clips');
  if (status !== 200) return say(data.error, 'bad');
  revision = data.revision;
  clips = data.clips;
  clips.forEach((c, i) => { c.number = i; byId.set(c.id, c); });
  choices($('category'), 'all categories', clips.map(c => c.category));
  choices($('split'), 'all splits', clips.map(c => c.split));
  $('states').replaceChildren(...Object.keys(filters).map(name => {
    const b = make('button', name);
    b.dataset.name = name;
    b.onclick = () => { filter = name; pressed(); narrow(); if (!listed.includes(current) && listed.length) select(listed[0]); };
    return b;
  }));
  pressed();
  const wanted = decodeURIComponent(location.hash.slice(1));
  narrow();
  select(byId.get(wanted) || clips[0]);
  if (!settings.file) setInterval(poll, 4000);
  document.body.dataset.ready = 1;
}
)js";

}  // namespace tool
