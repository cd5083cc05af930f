import { sheetOf } from "./look.ts";

/** How the inbox looks. */
const STYLE = `
:host { --_row: var(--bellhop-row-height, 5.25rem) }
:host(:not([hidden])) { display: inline-block }

.bell { position: relative; display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem; border-radius: 10px; color: var(--bellhop-bell, var(--_text)); transition: background-color .12s }
.bell:hover, .bell[aria-expanded=true] { background: var(--bellhop-bell-hover, color-mix(in srgb, currentColor 8%, transparent)) }
.bell svg { inline-size: 1.375rem; block-size: 1.375rem; transform-origin: 50% 15% }
.bell.rings svg { animation: ring .7s ease-in-out }
@keyframes ring { 20% { rotate: 13deg } 45% { rotate: -10deg } 70% { rotate: 6deg } 88% { rotate: -3deg } }
.badge { position: absolute; inset-block-start: .0625rem; inset-inline-start: 1.4375rem; min-inline-size: 1.125rem; block-size: 1.125rem; padding-inline: .3rem; border-radius: 99px; background: var(--_badge); color: #fff; font-size: .6875rem; font-weight: 650; line-height: 1.125rem; text-align: center; font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px var(--bellhop-badge-ring, var(--_bg)) }
.badge.wide { inset-inline-start: 1.0625rem }
/* It is not live: what the bell shows may be old. */
.bell.away svg { opacity: .55 }
.bell.away::after { content: ""; position: absolute; inset-block-end: .3125rem; inset-inline-end: .3125rem; inline-size: .625rem; block-size: .625rem; border-radius: 50%; background: #c98a04; box-shadow: 0 0 0 2px var(--bellhop-badge-ring, var(--_bg)) }

.panel { position: fixed; inset: auto; top: var(--_top, auto); bottom: var(--_bottom, auto); left: var(--_left, 0); margin: 0; padding: 0; border: 0; inline-size: min(var(--bellhop-width, 25rem), 100vw - 1rem); max-block-size: min(var(--bellhop-height, 38rem), var(--_room, 90vh)); border-radius: var(--_radius); background: var(--_bg); color: var(--_text); box-shadow: var(--_shadow); overflow: hidden; z-index: 2147483000; outline: none; text-align: start }
.panel { display: flex; flex-direction: column }
.panel:focus-visible { outline: none }

header { display: flex; align-items: center; gap: .25rem; padding-block: .875rem .5rem; padding-inline: 1.125rem .75rem }
h2 { flex: 1; margin: 0; font-size: 1rem; font-weight: 650; letter-spacing: -.011em }
.tool { display: grid; place-items: center; inline-size: 2rem; block-size: 2rem; border-radius: 8px; color: var(--_muted) }
.tool:hover { background: var(--_hover); color: var(--_text) }
.all { padding: .25rem .5rem; border-radius: 8px; font-size: .8125rem; font-weight: 550; color: var(--_muted) }
.all:hover { background: var(--_hover); color: var(--_text) }
.all.sure { background: var(--_accent); color: var(--_on-accent) }
.all[aria-disabled=true] { opacity: .4; cursor: default; background: none }
.filters, .search, header { flex: none }
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

.middle { position: relative; flex: 0 1 calc(max(3, var(--_rows, 4)) * var(--_row)); min-block-size: 0; border-block-start: 1px solid var(--_line) }
.list { position: absolute; inset: 0; overflow-y: auto; overscroll-behavior: contain; overflow-anchor: none; scrollbar-width: thin; scrollbar-color: color-mix(in srgb, var(--_muted) 45%, transparent) transparent }
.list:focus-visible { outline-offset: -2px }
.length { position: relative; overflow: hidden }
.row { position: absolute; inset-inline: 0; inset-block-start: 0; block-size: var(--_row); padding: .5rem 1.125rem; display: flex; align-items: center; gap: .75rem; cursor: pointer; border-block-end: 1px solid var(--_line); background: var(--_ground, var(--_bg)) }
.row:hover, .row:focus-visible { --_ground: var(--_hover) }
.row.open { block-size: auto; min-block-size: var(--_row); align-items: start }
.row:focus-visible { outline-offset: -3px; border-radius: 8px }
.glyph { display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; flex: none; border-radius: 10px; background: light-dark(hsl(var(--_hue) 85% 95%), hsl(var(--_hue) 35% 21%)); color: light-dark(hsl(var(--_hue) 62% 38%), hsl(var(--_hue) 80% 76%)) }
.words { position: relative; flex: 1; min-inline-size: 0 }
.line { display: flex; align-items: baseline; gap: .5rem }
.name { flex: 1; min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; letter-spacing: -.004em; color: inherit; text-decoration: none; text-align: start }
.read .name { font-weight: 500; color: light-dark(#3d424c, #c6cad3) }
.open .name { overflow: visible; white-space: normal; overflow-wrap: anywhere }
.open .body { display: block; white-space: pre-line }
.more { display: none; position: absolute; inset-block-end: 0; inset-inline-end: 0; padding-inline-start: .5rem; background: var(--_ground, var(--_bg)); color: var(--_accent); font-size: .8125rem; font-weight: 550 }
.long .more { display: block }
:is(.roomy, .open) .more { position: static; padding: 0 }
.open .more { display: block; margin-block-start: .25rem }
.times { flex: none; padding-inline: .375rem; border-radius: 99px; background: var(--_hover); font-size: .6875rem; font-weight: 600; color: var(--_muted); font-variant-numeric: tabular-nums }
time { flex: none; font-size: .75rem; color: var(--_muted); font-variant-numeric: tabular-nums }
.body { margin: .0625rem 0 0; font-size: .8125rem; color: var(--_muted); overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2; overflow-wrap: anywhere; text-align: start }
.dot { inline-size: .5rem; block-size: .5rem; flex: none; border-radius: 50%; background: var(--_accent) }
.read .dot { background: none }
.acts { position: absolute; inset-block-start: .3125rem; inset-inline-end: .75rem; display: flex; gap: .125rem; padding: .125rem; border-radius: 9px; background: var(--_bg); box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(0 0 0 / .08); opacity: 0; pointer-events: none }
.row:is(:hover, :focus-visible, :has(:focus-visible), .acting) .acts { opacity: 1; pointer-events: auto }
.dated .acts { inset-block-start: 2.0625rem }
@media (hover: hover) {
  .row:is(:hover, :focus-visible, :has(:focus-visible)) :is(time, .dot) { visibility: hidden }
  .acts::before { content: attr(data-at); align-self: center; padding-inline: .375rem .125rem; font-size: .75rem; color: var(--_muted) }
}
.acts > *, .dots { display: grid; place-items: center; inline-size: 1.625rem; block-size: 1.625rem; border-radius: 7px; color: var(--_muted) }
.acts > :hover { background: var(--_hover); color: var(--_text) }
.acts svg { inline-size: 1.0625rem; block-size: 1.0625rem }
.later { position: relative }
.later select { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; opacity: 0; font-size: 1rem; cursor: pointer }
.later:has(:focus-visible) { outline: 2px solid var(--_accent) }
.back, .snoozed .later, .snoozed .box, .dots { display: none }
.snoozed .back { display: grid; color: var(--_accent) }
@media (hover: none) {
  .row { padding-inline-end: 2.75rem }
  .dots { display: grid; position: absolute; inset-inline-end: .375rem; inset-block-end: 1.375rem; inline-size: 2.25rem; block-size: 2.25rem }
  .row:not(.acting):not(:has(.acts :focus-visible)) .acts { display: none }
  .acts, .dated .acts { inset-inline-end: 2.75rem; inset-block: auto .375rem }
  .acts > * { inline-size: 2.25rem; block-size: 2.25rem }
}

.glyph { position: relative; overflow: hidden }
.glyph img { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; object-fit: cover; background: var(--_hover) }
.asks .body { -webkit-line-clamp: 1; line-clamp: 1 }
.asks:not(.open) .more { position: absolute; inset-block: 1.3125rem auto; padding-inline-start: .5rem }
.asks.open .body { -webkit-line-clamp: none }
.answers { display: flex; gap: .375rem; margin-block-start: .25rem; overflow: hidden }
.answer { min-inline-size: 0; padding: .0625rem .625rem; border: 1px solid var(--_line); border-radius: 7px; background: var(--_bg); font-size: .8125rem; font-weight: 550; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.answer:hover { border-color: var(--_muted) }
.answer.primary { border-color: transparent; background: var(--_accent); color: var(--_on-accent) }
.answer.danger { color: light-dark(#b3222c, #ff9d9d) }
.answer[aria-disabled=true] { border-color: transparent; background: none; color: var(--_muted); cursor: default }
.answer:not(.pressed)[aria-disabled=true] { display: none }
.answer.pressed { padding-inline: 0; color: var(--_text) }
.answer.pressed::before { content: "✓ "; color: var(--_accent) }

.day { display: none; position: absolute; inset-block-start: 0; inset-inline: 0; block-size: 1.75rem; padding: .375rem 1.125rem 0; background: var(--_bg); font-size: .75rem; font-weight: 600; color: var(--_muted) }
.day::first-letter { text-transform: uppercase }
.dated { block-size: calc(var(--_row) + 1.75rem); padding-block-start: 2.25rem }
.dated .day { display: block }
.looked .day { border-block-start: 1px solid var(--_accent); color: var(--_accent) }

.search { margin: 0 .875rem .625rem; padding: .375rem .625rem; border: 1px solid var(--_line); border-radius: 9px; background: var(--_bg); color: inherit; font: inherit; font-size: 1rem }
.desktop { flex: none; margin: 0 .875rem .625rem; padding: .375rem .625rem; border-radius: 9px; background: color-mix(in srgb, var(--_accent) 12%, transparent); font-size: .8125rem; text-align: start }
.undo { position: absolute; inset-block-end: .75rem; inset-inline: .75rem; display: flex; align-items: center; gap: .75rem; margin-inline: auto; inline-size: fit-content; padding: .5rem 1rem; border-radius: 10px; background: light-dark(#202229, #eef0f4); color: light-dark(#fff, #15171c); font-size: .8125rem; box-shadow: 0 4px 14px rgb(0 0 0 / .22); z-index: 1 }
.undo button { font-weight: 650; color: light-dark(#b9b7ff, #4b4ade) }

.newer { position: absolute; inset-block-start: .625rem; inset-inline: 0; margin-inline: auto; inline-size: fit-content; padding: .3125rem .75rem; border-radius: 99px; background: var(--_accent); color: var(--_on-accent); font-size: .8125rem; font-weight: 600; box-shadow: 0 4px 14px rgb(0 0 0 / .22) }
.empty { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; padding: 2rem; text-align: center; color: var(--_muted) }
.empty i { display: grid; place-items: center; inline-size: 3.5rem; block-size: 3.5rem; margin-block-end: .875rem; border-radius: 18px; background: var(--_hover); color: var(--_muted) }
.empty svg { inline-size: 1.625rem; block-size: 1.625rem }
.empty b { color: var(--_text); font-weight: 600 }
.empty p { margin: .125rem 0 0; max-inline-size: 15rem; text-wrap: balance }
.waits { position: absolute; inset: 0; padding: .8125rem 1.125rem; display: grid; align-content: start; gap: 1.5rem }
.waits i { block-size: 2.25rem; border-radius: 10px; background: linear-gradient(var(--_hover) 0 0) 0 0 / 2.25rem 100% no-repeat, linear-gradient(var(--_hover) 0 0) 3rem .25rem / 45% .625rem no-repeat, linear-gradient(var(--_hover) 0 0) 3rem 1.375rem / 75% .625rem no-repeat; animation: breathe 1.6s ease-in-out infinite }

.toasts { position: fixed; inset-block-end: 1rem; inset-inline-end: 1rem; inline-size: min(22.5rem, 100% - 2rem); display: flex; flex-direction: column; gap: .625rem; z-index: 2147483000; pointer-events: none }
.toast { position: relative; display: flex; gap: .75rem; padding-block: .8125rem; padding-inline: .875rem 2.5rem; border-radius: var(--_radius); background: var(--_bg); box-shadow: var(--_shadow); cursor: pointer; pointer-events: auto; text-align: start; animation: rise .22s cubic-bezier(.2, .8, .3, 1) }
.toast:hover { background: color-mix(in srgb, var(--_hover) 60%, var(--_bg)) }
.toast .words { align-self: center }
.toast .name { display: block; inline-size: 100% }
.toast .shut { position: absolute; inset-block-start: .625rem; inset-inline-end: .625rem; display: grid; place-items: center; inline-size: 1.625rem; block-size: 1.625rem; border-radius: 7px; color: var(--_muted) }
.toast .shut:hover { background: var(--_hover); color: var(--_text) }
.toast .shut svg { inline-size: 1rem; block-size: 1rem }
@keyframes rise { from { opacity: 0; translate: 0 .75rem } }
@keyframes open { from { opacity: 0; scale: .98; translate: 0 -.25rem } }
.panel { animation: open .14s cubic-bezier(.2, .8, .3, 1); transform-origin: var(--_origin, 100% 0) }
.grip { display: none }

.toasts.aside { inset-block: 1rem auto }

@media (max-width: 480px), (max-height: 480px) {
  .panel { inset: 0; inline-size: 100%; max-inline-size: none; block-size: 100%; max-block-size: none; border-radius: 0 }
  .middle { flex: 1 }
  .grip { display: grid }
}
@media (max-width: 480px) {
  /* Under the thumb are the page's own buttons. */
  .toasts { inset-block: .75rem auto; inset-inline: .75rem; inline-size: auto }
  .toasts.aside { inset-block: auto .75rem }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important }
}
@media (forced-colors: active) {
  .dot, .badge { forced-color-adjust: none }
  .panel, .toast, .acts, .all.sure, .undo { border: 1px solid }
}
`;

/** The one sheet of all inboxes. */
export const sheet = sheetOf(STYLE);
