// SPDX-License-Identifier: Apache-2.0
// Third part of the annotation page's script: the film strip, the player that keeps to its clip, keys, and the start.
// Rejected: the browser's own controls; they show the whole file, and a clip of two seconds in an hour cannot be sought.
#pragma once

namespace tool {

inline constexpr char annotate_script_player[] = R"js(
const video = $('video');
let scrubbing = false, soon = 0;
const fresh = new Set();   // clips whose strip was fetched ahead

const clipEnd = () => Math.min(current.end, video.duration || current.end);
const on = id => $(id).getAttribute('aria-pressed') === 'true';

function showMedia() {
  const c = current, strip = $('strip'), still = (c.type || '').startsWith('image/');
  const from = settings.file ? c.strip : 'strip/' + c.number;
  $('strip-note').textContent = from ? 'film strip…' : 'this page holds no film strip of the clip';
  strip.removeAttribute('src');
  strip.hidden = true;
  clearTimeout(soon);   // a strip costs decoding: who steps through clips quickly asks for the last one only
  if (from) soon = setTimeout(() => { strip.src = from; }, settings.file || fresh.has(c.id) ? 0 : 120);
  $('video-note').textContent = still ? 'a still picture' : '';
  video.hidden = still;
  $('controls').hidden = still;
  if (still) return video.removeAttribute('src');
  video.src = (settings.file ? c.video.split('/').map(encodeURIComponent).join('/') : 'media/' + c.number) +
    '#t=' + c.start + ',' + c.end;
  video.playbackRate = on('slow') ? 0.5 : 1;
  tick();
}

// Position on the strip and the slider; the clip's end stops the video or begins it again.
function tick() {
  const start = current.start, end = clipEnd(), length = Math.max(1e-3, end - start);
  if (!video.paused && video.currentTime >= end - 0.02) {
    video.currentTime = start;
    if (!on('loop')) video.pause();
  }
  const part = Math.min(1, Math.max(0, (video.currentTime - start) / length));
  if (!scrubbing) $('seek').value = Math.round(1000 * part);
  $('head').style.left = 'calc(' + 100 * part + '% - 1px)';
  $('clock').textContent = clock(Math.max(0, video.currentTime - start)) + ' / ' + clock(length);
  if (!video.paused) requestAnimationFrame(tick);
}

function seekTo(part) {
  video.currentTime = current.start + part * (clipEnd() - current.start);
  tick();
}

function playOrPause() {
  if (!video.paused) return video.pause();
  if (video.currentTime < current.start - 0.05 || video.currentTime >= clipEnd() - 0.05) video.currentTime = current.start;
  video.play().catch(() => { $('video-note').textContent = 'The browser cannot play this file; the film strip shows it.'; });
}

function toggle(id) {
  $(id).setAttribute('aria-pressed', !on(id));
  video.muted = !on('sound');
  video.playbackRate = on('slow') ? 0.5 : 1;
}

function wirePlayer() {
  $('strip').onload = () => {
    $('strip').hidden = false;
    $('strip-note').textContent = '';
    const next = listed[listed.indexOf(current) + 1];
    if (!next || settings.file || fresh.has(next.id)) return;
    fresh.add(next.id);
    new Image().src = 'strip/' + next.number;
  };
  $('strip').onerror = () => { $('strip').hidden = true; $('strip-note').textContent = 'The video cannot be read; there is no film strip.'; };
  $('film').onclick = e => { const box = $('strip').getBoundingClientRect(); if (!video.hidden && box.width) seekTo(Math.min(1, Math.max(0, (e.clientX - box.left) / box.width))); };
  video.onplay = () => { $('play').textContent = '❚❚'; tick(); };
  video.onpause = () => { $('play').textContent = '▶'; };
  video.onloadedmetadata = video.onseeked = tick;
  video.onended = () => { video.currentTime = current.start; if (on('loop')) video.play(); };
  video.onerror = () => { if (video.getAttribute('src')) { video.hidden = true; $('video-note').textContent = 'The browser cannot play this file; the film strip shows it.'; } };
  $('seek').oninput = () => { scrubbing = true; seekTo($('seek').value / 1000); };
  $('seek').onchange = () => { scrubbing = false; };
  $('play').onclick = playOrPause;
  for (const id of ['loop', 'slow', 'sound']) $(id).onclick = () => toggle(id);
}

const keys = {j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), e: () => $('text').focus(),
  a: () => $('approve').click(), r: () => $('reject').click(), l: () => toggle('loop'), s: () => toggle('slow'), m: () => toggle('sound'),
  ' ': playOrPause, '/': () => $('search').focus(), '?': () => $('help').showModal(), u: nextWaiting};

function onKey(e) {
  const typing = e.target.matches('input:not([type=range]), textarea, select'), control = e.ctrlKey || e.metaKey;
  let act = null;
  if ($('help').open) return;
  if (control && e.key === 'Enter') act = () => $('save-written').click();
  else if (control && e.key === 's') act = () => $('save-draft').click();
  else if (control && e.key === 'k' && e.target === $('text'))
    act = () => addKeyword($('text').value.slice($('text').selectionStart, $('text').selectionEnd), $('kind').value);
  else if (e.key === 'Escape' && typing) act = () => e.target.blur();
  else if (!typing && !control && !e.altKey && !(e.key === ' ' && e.target.matches('button, summary'))) act = keys[e.key];
  if (!act) return;
  e.preventDefault();
  act();
}

function wire() {
  $('kind').replaceChildren(...kinds.map(k => new Option(k, k)));
  $('user').value = settings.user || (() => { try { return localStorage.getItem('svad-user') || ''; } catch { return ''; } })();
  $('user').oninput = () => { try { localStorage.setItem('svad-user', $('user').value); } catch { } showButtons(); };
  $('text').oninput = () => changeContent({description: $('text').value});
  $('note').oninput = () => changeContent({note: $('note').value});
  $('word-form').onsubmit = e => { e.preventDefault(); addKeyword($('word').value, $('kind').value); $('word').value = ''; };
  const buttons = {'save-draft': 'draft', 'save-written': 'written', approve: 'approved', reject: 'rejected'};
  for (const id in buttons) $(id).onclick = () => save(buttons[id]);
  $('take-theirs').onclick = () => { edits.delete(current.id); showClip(); drawRows(); say('Your text was given up for theirs.', ''); };
  $('keep-mine').onclick = () => { edits.set(current.id, {...content(current), base: current.annotation.version}); showClip(); save('written'); };
  $('search').oninput = narrow;
  $('category').onchange = $('split').onchange = narrow;
  $('spot-go').onclick = drawSample;
  $('list').onscroll = drawRows;
  $('previous').onclick = () => step(-1);
  $('next').onclick = () => step(1);
  $('help-open').onclick = () => $('help').showModal();
  $('side-open').onclick = () => { document.body.classList.add('listing'); reveal(); };
  $('side-close').onclick = () => document.body.classList.remove('listing');
  $('download').hidden = !settings.file;
  $('download').onclick = download;
  document.addEventListener('keydown', onKey);
  window.addEventListener('resize', () => { drawRows(); showWords(); });
  window.addEventListener('beforeunload', e => { if (edits.size || unsaved) e.preventDefault(); });
}

wirePlayer();
wire();
begin();
)js";

}  // namespace tool
