import { sheetOf } from "../inbox/look.ts";

/** How the preferences look. */
const STYLE = `
:host { --_good: light-dark(#1d6b46, #6ad3a0); --_bad: light-dark(#b3261e, #ff9c94); --_off: light-dark(#858b97, #777d89) }
:host(:not([hidden])) { display: block; container-type: inline-size }
.whole { background: var(--_bg); border-radius: var(--_radius); text-align: start }
header { display: flex; align-items: center; gap: .75rem; padding-block-end: .75rem }
h2 { flex: 1; margin: 0; font-size: 1.125rem; font-weight: 650; letter-spacing: -.011em }
h3 { margin: 0; font-size: .9375rem; font-weight: 650 }
.hint { display: block; margin: .125rem 0 0; font-size: .8125rem; font-weight: 400; color: var(--_muted); text-wrap: pretty }

.notice { display: flex; align-items: center; gap: .625rem; margin-block-end: .75rem; padding: .5rem .875rem; border-radius: 9px; font-size: .8125rem; color: var(--_muted); background: var(--_hover) }
.notice span { flex: 1 }
.notice button, .undo button, .trouble button { font-weight: 600; color: var(--_accent); padding: .25rem .5rem; border-radius: 6px }
.notice::before { content: ""; inline-size: .5rem; block-size: .5rem; flex: none; border-radius: 50%; background: #c98a04 }
.notice.stopped::before { background: var(--_badge) }

table { inline-size: 100%; border-collapse: collapse }
th, td { padding: .75rem .5rem; border-block-end: 1px solid var(--_line); vertical-align: top; text-align: start }
thead th { padding-block: .375rem; font-size: .75rem; font-weight: 600; color: var(--_muted) }
tbody th { font-weight: 600; padding-inline-start: 0; overflow-wrap: anywhere }
thead th:first-child { padding-inline-start: 0 }
.channel, td { inline-size: 8.5rem }
tr.all { background: var(--_hover) }
tr.all > :first-child { padding-inline-start: .75rem; border-start-start-radius: 9px; border-end-start-radius: 9px }
tr.all > :last-child { border-start-end-radius: 9px; border-end-end-radius: 9px }
tr.all > * { border-block-end: 0 }
tr.type th { padding-inline-start: 1.25rem; font-weight: 450; font-size: .8125rem; color: var(--_muted) }
tr.type :is(th, td) { padding-block: .5rem }
.kinds { display: inline-flex; align-items: center; gap: .125rem; font-weight: inherit; text-align: start; border-radius: 5px }
.kinds svg { inline-size: 1rem; block-size: 1rem; color: var(--_muted); transition: rotate .12s }
.kinds[aria-expanded=true] svg { rotate: 180deg }

.switch { appearance: none; position: relative; flex: none; inline-size: 2.375rem; block-size: 1.375rem; margin: 0; border-radius: 99px; background: var(--_off); cursor: pointer; transition: background-color .12s }
.switch::before { content: ""; position: absolute; inset-block: .1875rem; inset-inline-start: .1875rem; inline-size: 1rem; border-radius: 99px; background: #fff; transition: inset-inline-start .12s; box-shadow: 0 1px 2px rgb(0 0 0 / .3) }
.switch:checked { background: var(--_accent) }
.switch:checked::before { inset-inline-start: 1.1875rem; background: var(--_on-accent) }
.switch:indeterminate { background: color-mix(in srgb, var(--_accent) 60%, var(--_off)) }
.switch:indeterminate::before { inset-inline-start: .6875rem; inset-block: .5625rem; block-size: .25rem; background: var(--_on-accent) }
.switch:disabled { cursor: default; opacity: .45 }
.switch[aria-busy] { cursor: progress }
.chooses { display: flex; align-items: center; gap: .375rem }
.often { display: block; font: inherit; color: inherit; max-inline-size: 100%; border: 1px solid var(--_off); border-radius: 8px; background: var(--_bg); min-block-size: 1.75rem; margin-block-start: .375rem; padding: .125rem .25rem; font-size: .8125rem }
.reset { display: grid; place-items: center; inline-size: 1.5rem; block-size: 1.5rem; border-radius: 6px; color: var(--_muted) }
.reset:hover, .kinds:hover { color: var(--_text); background: var(--_hover) }
.reset svg { inline-size: 1rem; block-size: 1rem }
.from { display: block; margin-block-start: .25rem; font-size: .75rem; line-height: 1.3; color: var(--_muted) }
.lock { display: inline-flex; align-items: center; gap: .25rem; min-block-size: 1.375rem; font-weight: 550 }
.lock svg { inline-size: 1rem; block-size: 1rem; color: var(--_muted) }
.error { display: block; font-size: .75rem; font-weight: 550; color: var(--_bad) }
.error:empty { display: none }

.more { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: 1.5rem 2.5rem; padding-block-start: 1.5rem }
.more > section { display: flex; flex-direction: column; gap: .625rem; align-items: stretch; min-inline-size: 0 }
.line { display: flex; align-items: center; justify-content: space-between; gap: 1rem; font-weight: 550; cursor: pointer }
.details { display: flex; flex-direction: column; gap: .625rem }
.pair { display: grid; gap: .25rem }
.label { font-size: .8125rem; font-weight: 550 }
.when { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem }
input[type=time], .pair select { font: inherit; color: inherit; min-block-size: 2.375rem; max-inline-size: 100%; padding: .25rem .5rem; border: 1px solid var(--_off); border-radius: 8px; background: var(--_bg) }
.days { display: flex; flex-wrap: wrap; gap: .25rem }
.day { position: relative; cursor: pointer }
.day input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer }
.day span { display: grid; place-items: center; min-inline-size: 2.375rem; min-block-size: 2rem; padding-inline: .375rem; border: 1px solid var(--_line); border-radius: 8px; font-size: .8125rem; color: var(--_muted) }
.day input:checked + span { border-color: var(--_accent); background: color-mix(in srgb, var(--_accent) 12%, transparent); color: var(--_text); font-weight: 550 }
.day input:focus-visible + span { outline: 2px solid var(--_accent); outline-offset: 2px }

.undo { position: sticky; inset-block-end: .75rem; z-index: 1; display: flex; align-items: center; gap: .75rem; inline-size: fit-content; max-inline-size: 100%; margin-block-start: 1rem; margin-inline: auto; padding: .5rem .5rem .5rem .875rem; border-radius: 10px; background: var(--_bg); box-shadow: var(--_shadow) }

.waits { display: grid; gap: .75rem }
.waits i { block-size: 2.75rem; border-radius: 9px; background: linear-gradient(var(--_hover) 0 0) 0 50% / 35% .75rem no-repeat, linear-gradient(var(--_hover) 0 0) 100% 50% / 2.5rem 1.375rem no-repeat; animation: breathe 1.6s ease-in-out infinite }
@keyframes breathe { 50% { opacity: .45 } }
.trouble { display: grid; justify-items: center; gap: .25rem; padding: 2rem 1rem; text-align: center; color: var(--_muted) }
.trouble b { color: var(--_text) }

@container (max-width: 30rem) {
  .channel, td { inline-size: 6.25rem }
  th, td { padding-inline: .25rem }
}
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important } }
@media (forced-colors: active) {
  .switch { border: 1px solid; forced-color-adjust: none; background: Canvas }
  .switch::before { background: CanvasText }
  .switch:checked { background: Highlight }
  .day input:checked + span { border: 2px solid Highlight }
  .undo { border: 1px solid }
}
`;

/** The one sheet of all preferences. */
export const sheet = sheetOf(STYLE);
