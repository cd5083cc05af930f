import { sheetOf } from "./look.ts";

/** How the panel looks; what a row has in common with a toast stands in the first sheet. */
const STYLE = `
:host { --_row: var(--bellhop-row-height, 5.25rem) }

.panel { position: fixed; inset: auto; top: var(--_top, auto); bottom: var(--_bottom, auto); left: var(--_left, 0); margin: 0; padding: 0; border: 0; inline-size: min(var(--bellhop-width, 25rem), 100vw - 1rem); max-block-size: min(var(--bellhop-height, 38rem), var(--_room, 90vh)); border-radius: var(--_radius); background: var(--_bg); color: var(--_text); box-shadow: var(--_shadow); overflow: hidden; outline: none !important; text-align: start; display: flex; flex-direction: column; animation: open .14s cubic-bezier(.2, .8, .3, 1); transform-origin: var(--_origin, 100% 0) }

header { display: flex; align-items: center; gap: .25rem; padding-block: .875rem .5rem; padding-inline: 1.125rem .75rem }
h2 { flex: 1; margin: 0; font-size: 1rem; font-weight: 650; letter-spacing: -.011em }
.tool { display: grid; place-items: center; inline-size: 2rem; block-size: 2rem; border-radius: 8px; color: var(--_muted) }
.all { padding: .25rem .5rem; border-radius: 8px; font-size: .8125rem; font-weight: 550; color: var(--_muted) }
:is(.tool, .all):hover { background: var(--_hover); color: var(--_text) }
.all.sure { background: var(--_accent); color: var(--_on-accent) }
.all[aria-disabled=true] { opacity: .4; cursor: default; background: none }
.filters, header { flex: none }
.filters { display: flex; gap: .25rem; margin: 0 .875rem .625rem; padding: .1875rem; border-radius: 9px; background: var(--_hover) }
.filters button { display: flex; flex: 1 1 auto; justify-content: center; gap: .375rem; padding: .25rem .375rem; border-radius: 7px; font-size: .8125rem; font-weight: 550; color: var(--_muted) }
.filters button:hover { color: var(--_text) }
.filters button[aria-pressed=true] { background: light-dark(#fff, #33363e); color: var(--_text); box-shadow: 0 1px 2px rgb(0 0 0 / .12) }
.count { font-variant-numeric: tabular-nums }
.count:empty { display: none }

.notice { display: flex; align-items: center; gap: .625rem; padding: .5rem 1.125rem; font-size: .8125rem; color: var(--_muted); background: var(--_hover); border-block: 1px solid var(--_line) }
.notice span { flex: 1 }
.notice button { font-weight: 600; color: var(--_accent); padding: .125rem .25rem; border-radius: 5px }
.notice::before { content: ""; inline-size: .5rem; block-size: .5rem; flex: none; border-radius: 50%; background: #c98a04; animation: breathe 1.6s ease-in-out infinite }
.notice.stopped::before { background: var(--_badge); animation: none }
@keyframes breathe { 50% { opacity: .35 } }

.middle { position: relative; flex: 0 1 calc(max(3 * var(--_row), var(--_high, 4 * var(--_row))) + 1px); min-block-size: 0; border-block-start: 1px solid var(--_line) }
.list { position: absolute; inset: 0; overflow-y: auto; overscroll-behavior: contain; overflow-anchor: none; scrollbar-width: thin; scrollbar-color: color-mix(in srgb, var(--_muted) 45%, transparent) transparent }
.list:focus-visible { outline-offset: -2px }
.length { position: relative; overflow: hidden }
.row { position: absolute; inset-inline: 0; inset-block-start: 0; block-size: var(--_row); padding: .5rem 1.125rem; display: flex; align-items: center; gap: .75rem; cursor: pointer; border-block-end: 1px solid var(--_line); background: var(--_ground, var(--_bg)) }
.row:hover, .row:focus-visible { --_ground: var(--_hover) }
.row.open { block-size: auto; min-block-size: var(--_row); align-items: start }
.row:focus-visible { outline-offset: -3px; border-radius: 8px }
.line { display: flex; align-items: baseline; gap: .5rem }
.read .name { font-weight: 500; color: light-dark(#3d424c, #c6cad3) }
.open .name { overflow: visible; white-space: normal; overflow-wrap: anywhere }
.open .body { display: block; white-space: pre-line }
.text { position: relative }
.more { display: none; position: absolute; inset-block-end: 0; inset-inline-end: 0; padding-inline-start: .5rem; background: var(--_ground, var(--_bg)); color: var(--_accent); font-size: .8125rem; font-weight: 550 }
.long .more { display: block }
:is(.roomy, .open) .more { position: static; padding: 0 }
.open .more { display: block; margin-block-start: .25rem }
.times { flex: none; padding-inline: .375rem; border-radius: 99px; background: var(--_hover); font-size: .6875rem; font-weight: 600; color: var(--_muted); font-variant-numeric: tabular-nums }
time { flex: none; font-size: .75rem; color: var(--_muted); font-variant-numeric: tabular-nums }
.dot { inline-size: .5rem; block-size: .5rem; flex: none; border-radius: 50%; background: var(--_accent) }
.read .dot { background: none }
@media (hover: none) {
  .row { padding-inline-end: 2.75rem }
}


.glyph img { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; object-fit: cover; background: var(--_hover) }
.asks:not(.open) .body { -webkit-line-clamp: 1; line-clamp: 1 }
.asks:not(.open) .more { position: absolute; inset-block: .0625rem auto; padding-inline-start: .5rem }
.answers { display: flex; gap: .375rem; min-block-size: calc(1.303125rem + 2px); margin-block-start: .25rem; overflow: hidden }

.day { display: none; position: absolute; z-index: -1; inset-block-start: 0; inset-inline: 0; block-size: 1.75rem; padding: .375rem 1.125rem 0; background: var(--_bg); font-size: .75rem; font-weight: 600; color: var(--_muted) }
.day::first-letter { text-transform: uppercase }
.dated { block-size: calc(var(--_row) + 1.75rem); padding-block-start: 2.25rem }
.dated .day { display: block }
.looked .day { border-block-start: 1px solid var(--_accent); color: var(--_accent) }

.desktop { flex: none; margin: 0 .875rem .625rem; padding: .375rem .625rem; border-radius: 9px; background: color-mix(in srgb, var(--_accent) 12%, transparent); font-size: .8125rem; text-align: start }

.newer { position: absolute; inset-block-start: .625rem; inset-inline: 0; margin-inline: auto; inline-size: fit-content; padding: .3125rem .75rem; border-radius: 99px; background: var(--_accent); color: var(--_on-accent); font-size: .8125rem; font-weight: 600; box-shadow: 0 4px 14px rgb(0 0 0 / .22) }
.empty { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; padding: 2rem; text-align: center; color: var(--_muted) }
.empty i { display: grid; place-items: center; inline-size: 3.5rem; block-size: 3.5rem; margin-block-end: .875rem; border-radius: 18px; background: var(--_hover); color: var(--_muted) }
.empty svg { inline-size: 1.625rem; block-size: 1.625rem }
.empty b { color: var(--_text); font-weight: 600 }
.empty p { margin: .125rem 0 0; max-inline-size: 15rem; text-wrap: balance }
.waits { position: absolute; inset: 0; padding: .8125rem 1.125rem; display: grid; align-content: start; gap: 1.5rem }
.waits i { block-size: 2.25rem; border-radius: 10px; background: linear-gradient(var(--_hover) 0 0) 0 0 / 2.25rem 100% no-repeat, linear-gradient(var(--_hover) 0 0) 3rem .25rem / 45% .625rem no-repeat, linear-gradient(var(--_hover) 0 0) 3rem 1.375rem / 75% .625rem no-repeat; animation: breathe 1.6s ease-in-out infinite }

@keyframes open { from { opacity: 0; scale: .98; translate: 0 -.25rem } }
.grip { display: none }

@media (max-width: 480px), (max-height: 480px) {
  .panel { inset: 0; inline-size: 100%; max-inline-size: none; block-size: 100%; max-block-size: none; border-radius: 0 }
  .middle { flex: 1 }
  .grip { display: grid }
}
@media (forced-colors: active) {
  .dot { forced-color-adjust: none }
  .panel, .all.sure { border: 1px solid }
}
`;

/** The one sheet of all panels. */
export const sheet = sheetOf(STYLE, "");
