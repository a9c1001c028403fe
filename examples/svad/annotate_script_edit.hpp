// SPDX-License-Identifier: Apache-2.0
// Second half of the annotation page's script: the editor with its hints, saving and conflicts, keys, and how it begins.
//
// Promise: what was typed is never lost silently: it stays with its clip until it is saved or given up, leaving the page
// asks first, and a save that meets another's shows both texts.
#pragma once

namespace tool {

inline constexpr char annotate_script_edit[] = R"js(
const kinds = ['object', 'action', 'colour', 'count', 'side', 'attribute', 'keyword'];
// The two rules of a good annotation, as far as words tell: a subject with details, and movements in order.
const subjects = /\b(wom[ae]n|m[ae]n|girls?|boys?|child(ren)?|bab(y|ies)|persons?|people|hands?|dogs?|cats?|cars?|chefs?|drivers?|players?|bottles?|box(es)?|jars?|cups?|bags?|phones?|shoes?|models?|narrators?|hosts?)\b|[男女]人|女孩|男孩|女子|男子|孩子|宝宝|老人|一[个位名只条辆台瓶双件款]|手/iu;
const details = /\b(wear(s|ing)?|dressed|with|in an?|holding|red|orange|yellow|green|blue|purple|pink|brown|black|white|gr[ea]y|golden?|silver|long|short|large|small|big|tall|round|wooden|metal|glass|plastic|striped|blond|curly|young|old|left|right|background)\b|[红橙黄绿蓝紫粉棕黑白灰金银]色?|穿|戴|长发|短发|左|右|背景/iu;
const orders = /\b(first(ly)?|then|next|after(wards?)?|before|finally|lastly|second(ly)?|followed by|subsequently|later|meanwhile|while|as|until|begins?|starts?|ends?|at the end)\b|首先|先|然后|接着|随后|之后|最后|同时|再|开始|接下来/iu;
const wordCount = text => {
  if (!window.Intl || !Intl.Segmenter) return (text.match(/\S+/g) || []).length;
  let n = 0;
  for (const part of new Intl.Segmenter(undefined, {granularity: 'word'}).segment(text)) n += part.isWordLike ? 1 : 0;
  return n;
};
const say = (text, kind) => { $('message').textContent = text; $('message').className = 'grow ' + kind; delete $('message').dataset.lost; };
// Generated sets number their actions: action1 looks like action.
const kindClass = kind => 'k-' + ([...kinds, 'place', 'person', 'material'].find(k => kind.replace(/\d+$/, '') === k) || 'keyword');

// What is in the editor: the unsaved text of this clip, or its annotation.
function content(c) {
  const a = c.annotation;
  return edits.get(c.id) || {description: a.description || '', keywords: a.keywords || [], note: a.note || '', base: a.version};
}

function changeContent(change) {
  const before = content(current), after = {...before, ...change}, a = current.annotation;
  const same = after.base === a.version && after.description === (a.description || '') && after.note === (a.note || '') &&
    JSON.stringify(after.keywords) === JSON.stringify(a.keywords || []);
  const had = edits.has(current.id);
  if (same) edits.delete(current.id); else edits.set(current.id, after);
  showWords();
  showButtons();
  if (had === same) drawRows();
}

// Parts of the text where keywords stand, longest first, none over another: [from, to, kind].
function marks(text, keywords) {
  const lower = text.toLowerCase(), letter = /[\p{L}\p{N}]/u, taken = [];
  const latin = c => c !== undefined && letter.test(c) && c.codePointAt(0) < 0x2E80;
  for (const k of [...keywords].sort((a, b) => b.word.length - a.word.length)) {
    const word = k.word.toLowerCase();
    for (let at = lower.indexOf(word); word && at >= 0; at = lower.indexOf(word, at + word.length)) {
      const end = at + word.length;
      if (latin(lower[at]) && latin(lower[at - 1]) || latin(lower[end - 1]) && latin(lower[end])) continue;
      if (!taken.some(t => at < t[1] && t[0] < end)) taken.push([at, end, k.kind]);
    }
  }
  return taken.sort((a, b) => a[0] - b[0]);
}

function showWords() {
  const {description, keywords} = content(current), parts = [];
  let at = 0;
  for (const [from, to, kind] of marks(description, keywords)) {
    parts.push(description.slice(at, from), make('mark', description.slice(from, to), kindClass(kind)));
    at = to;
  }
  $('back').replaceChildren(...parts, description.slice(at) + '\n');
  $('text').style.height = 'auto';
  $('text').style.height = $('text').scrollHeight + 'px';
  const lower = description.toLowerCase();
  $('words').replaceChildren(...keywords.map((k, i) => {
    const chip = make('span', undefined, 'word ' + kindClass(k.kind) + (lower.includes(k.word.toLowerCase()) ? '' : ' absent'));
    const drop = make('button', '×');
    drop.setAttribute('aria-label', 'Remove ' + k.word);
    drop.onclick = () => changeContent({keywords: keywords.filter((_, n) => n !== i)});
    chip.append(make('span', k.word), make('i', k.kind), drop);
    if (!lower.includes(k.word.toLowerCase())) chip.title = 'The description does not have this word';
    return chip;
  }));
  $('count').textContent = plural(wordCount(description), 'word');
  hint('hint-subject', 'names a subject with details', subjects.test(description) && details.test(description));
  hint('hint-order', 'orders the movements', orders.test(description));
}

function hint(id, text, ok) {
  $(id).textContent = text;
  $(id).className = 'hint' + (ok ? ' ok' : '');
}

function addKeyword(word, kind) {
  word = word.trim();
  const {keywords} = content(current);
  if (word && !keywords.some(k => k.word === word && k.kind === kind)) changeContent({keywords: [...keywords, {word, kind}]});
}

function showButtons() {
  const a = current.annotation, now = content(current), me = $('user').value.trim().toLowerCase();
  const words = now.description.trim() !== (a.description || '') || JSON.stringify(now.keywords) !== JSON.stringify(a.keywords || []);
  const own = me && (a.author || '').trim().toLowerCase() === me;
  const why = words ? 'Save the changed text first; another person reviews it' : own ? 'Another person has to review your text' :
    !a.description ? 'There is nothing to review yet' : '';
  for (const id of ['approve', 'reject']) {
    $(id).disabled = why !== '';
    $(id).title = why || (id === 'approve' ? 'a' : 'r');
  }
  $('save-written').disabled = !now.description.trim();
}

function showClip() {
  const c = current, a = c.annotation, now = content(c), state = stateOf(c);
  $('clip-id').textContent = c.id;
  const range = clock(c.start) + ' to ' + clock(c.end) + ' (' + (c.end - c.start).toFixed(1) + ' s)';
  $('clip-facts').title = $('clip-facts').textContent = [range, c.category, c.split, c.video].filter(x => x).join('  ·  ');
  $('state').textContent = named[state];
  $('state').className = 'pill ' + state;
  $('text').value = now.description;
  $('note').value = now.note;
  const people = [a.author ? 'written by ' + a.author : '', a.reviewer ? (state === 'rejected' ? 'rejected by ' : 'reviewed by ') + a.reviewer : ''];
  $('people').textContent = people.filter(x => x).join(', ');
  showWords();
  showButtons();
  showConflict();
}

function showConflict() {
  const edit = edits.get(current.id), a = current.annotation, clash = !!edit && edit.base !== a.version;
  $('conflict').hidden = !clash;
  if (!clash) return;
  $('conflict-who').textContent = (stateOf(current) === 'approved' || stateOf(current) === 'rejected' ? a.reviewer : a.author) || 'Somebody';
  $('conflict-text').textContent = (a.description || '(no text)') + (a.note ? '\n\nNote: ' + a.note : '') + '\n\n' + named[stateOf(current)];
}

function select(c) {
  current = c;
  say('', '');
  history.replaceState(null, '', '#' + encodeURIComponent(c.id));
  showClip();
  showMedia();
  reveal();
}

async function save(status) {
  const c = current, now = content(c), user = $('user').value.trim();
  if (!user) { $('user').focus(); return say('Say who you are first.', 'bad'); }
  if (status === 'rejected' && !now.note.trim()) { $('note').focus(); return say('Write into the note why it is rejected.', 'bad'); }
  if (settings.file) return keep(c, now, user, status);
  const request = {id: c.id, version: now.base, user, description: now.description, keywords: now.keywords, status, note: now.note};
  say('Saving…', '');
  try {
    const [code, answer] = await ask('save', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(request)});
    if (code === 200) {
      const typed = edits.get(c.id);   // what was typed while the answer was on its way stays unsaved, on top of the new version
      c.annotation = answer.annotation;
      if (typed === now || !typed) edits.delete(c.id); else edits.set(c.id, {...typed, base: answer.annotation.version});
      if (c === current) { showClip(); say('Saved as ' + named[status] + '.', 'ok'); }
    } else if (code === 409) {
      edits.set(c.id, now);
      c.annotation = answer.annotation;
      if (c === current) { showClip(); say('Not saved: somebody else saved this clip meanwhile.', 'bad'); $('conflict').scrollIntoView({block: 'nearest'}); }
    } else say('Not saved: ' + answer.error, 'bad');
  } catch (e) {
    say('Not saved: the server cannot be reached. Your text stays in this page. (' + e.message + ')', 'bad');
  }
  narrow();
}

// A page on disk keeps what is saved to itself until it is downloaded.
function keep(c, now, user, status) {
  const a = c.annotation, words = now.description.trim() !== (a.description || '') || JSON.stringify(now.keywords) !== JSON.stringify(a.keywords || []);
  const review = status === 'approved' || status === 'rejected';
  c.annotation = {...a, description: now.description.trim(), keywords: now.keywords, status, note: now.note.trim(),
    author: words || (!a.author && !review) ? user : a.author || '', reviewer: review ? user : '', version: a.version};
  edits.delete(c.id);
  unsaved = true;
  showClip();
  narrow();
  say('Kept in this page; download the file before you close it.', 'ok');
}

let unsaved = false;
function download() {
  const lines = clips.filter(c => c.annotation.status).map(c => { const {version, ...a} = c.annotation; return JSON.stringify(a) + '\n'; });
  const link = make('a');
  link.href = URL.createObjectURL(new Blob(lines, {type: 'application/jsonl'}));
  link.download = 'annotations.jsonl';
  link.click();
  unsaved = false;
}
)js";

}  // namespace tool
