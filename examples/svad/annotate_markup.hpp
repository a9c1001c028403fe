// SPDX-License-Identifier: Apache-2.0
// The elements of the annotation page. All texts of clips and people are filled in by the script, as text.
// Promise: every control has a name for screen readers, and the page makes sense in the order it is written.
#pragma once

namespace tool {

inline constexpr char annotate_markup[] = R"html(
<div id=app>
<aside id=side aria-label="Clips">
  <header>
    <div class=row><h1>Annotations</h1><button id=help-open class=quiet title="Keyboard shortcuts (?)">?</button>
      <button id=side-close class="quiet narrow" aria-label="Close the list">✕</button></div>
    <div id=bar role=img></div>
    <p id=progress class=soft></p>
    <input id=search type=search placeholder="Search text, names, ids" aria-label="Search" autocomplete=off>
    <div id=states role=group aria-label="Status"></div>
    <div class=row><select id=category aria-label="Category"></select><select id=split aria-label="Split"></select></div>
    <details id=spot><summary>Spot check</summary>
      <div class=row><label>clips <input id=spot-count type=number min=1 max=100000 value=20></label>
        <label>seed <input id=spot-seed type=number min=0 value=1></label><button id=spot-go>Draw</button></div>
      <p id=spot-result class=soft>A random sample of the clips listed below; the same seed draws the same clips.</p>
    </details>
  </header>
  <div id=list tabindex=0 role=listbox aria-label="Clips"><div id=tall></div></div>
  <p id=shown class=soft></p>
</aside>
<main id=main>
  <div id=top class=row>
    <button id=side-open class="quiet narrow" aria-label="Open the list">☰</button>
    <div class=grow><h2 id=clip-id></h2><p id=clip-facts class=soft></p></div>
    <span id=place class=soft></span>
    <button id=previous class=quiet title="Previous clip (k)" aria-label="Previous clip">←</button>
    <button id=next class=quiet title="Next clip (j)" aria-label="Next clip">→</button>
  </div>
  <div id=film><img id=strip alt="Frames of the clip at uniform times"><div id=head></div><p id=strip-note class=soft></p></div>
  <div id=work>
    <section id=player aria-label="Video">
      <div id=screen><video id=video muted playsinline preload=metadata></video><p id=video-note class=soft></p></div>
      <div class=row id=controls>
        <button id=play title="Play or pause (space)" aria-label="Play or pause">▶</button>
        <input id=seek type=range min=0 max=1000 value=0 aria-label="Position in the clip">
        <span id=clock class="soft n"></span>
        <button id=loop class=toggle aria-pressed=true title="Play again and again (l)">Loop</button>
        <button id=slow class=toggle aria-pressed=false title="Half speed (s)">½×</button>
        <button id=sound class=toggle aria-pressed=false title="Sound (m)">Sound</button>
      </div>
    </section>
    <section id=editor aria-label="Annotation">
      <div id=conflict hidden role=alert>
        <p><b id=conflict-who></b> saved this clip while you were writing. Nothing of either text is lost yet.</p>
        <blockquote id=conflict-text></blockquote>
        <div class=row><button id=take-theirs>Take theirs</button><button id=keep-mine>Keep mine, save over theirs</button></div>
      </div>
      <div class=row><h3 class=grow><label for=text>Description</label></h3><span id=people class=soft></span><span id=state class=pill></span></div>
      <div id=page><div id=back aria-hidden=true></div><textarea id=text spellcheck=true rows=5 maxlength=20000
        placeholder="Who or what is seen, with its details; then what happens, in the order it happens."></textarea></div>
      <div id=under class=row><span id=count class="soft n"></span><span id=hint-subject class=hint></span><span id=hint-order class=hint></span></div>
      <h3>Keywords</h3>
      <div id=words></div>
      <form class=row id=word-form><input id=word class=grow maxlength=60 placeholder="New word, or Ctrl K on a selection" aria-label="New keyword" autocomplete=off>
        <select id=kind aria-label="Kind of keyword"></select><button>Add</button></form>
      <h3><label for=note>Note</label> <span class=soft>of the review; a rejection needs one</span></h3>
      <textarea id=note rows=2 maxlength=4000></textarea>
    </section>
  </div>
  <footer id=actions>
    <label class=soft>You are <input id=user maxlength=60 placeholder="your name" autocomplete=off></label>
    <p id=message role=status class=grow></p>
    <div class=row id=buttons>
      <button id=save-draft title="Ctrl S">Save draft</button>
      <button id=save-written class=main title="Ctrl Enter">Save as written</button>
      <span class=gap></span>
      <button id=reject class=bad title="r">Reject</button>
      <button id=approve class=good title="a">Approve</button>
      <button id=download hidden>Download JSONL</button>
    </div>
  </footer>
</main>
</div>
<dialog id=help><h2>Keys</h2>
  <dl><dt>j k</dt><dd>next, previous clip</dd><dt>e</dt><dd>write the description</dd><dt>Esc</dt><dd>leave the text</dd>
  <dt>Ctrl Enter</dt><dd>save as written</dd><dt>Ctrl S</dt><dd>save as draft</dd><dt>Ctrl K</dt><dd>selected words become a keyword</dd>
  <dt>a r</dt><dd>approve, reject</dd><dt>space</dt><dd>play or pause</dd><dt>l s m</dt><dd>loop, half speed, sound</dd>
  <dt>/</dt><dd>search</dd><dt>u</dt><dd>next clip that waits for me</dd></dl>
  <form method=dialog><button>Close</button></form></dialog>
)html";

}  // namespace tool
