import { sheetOf } from "./look.ts";

/** How what one does in the panel looks. */
const STYLE = `
.acts { position: absolute; inset-block-start: .3125rem; inset-inline-end: .75rem; display: flex; gap: .125rem; padding: .0625rem .125rem; border-radius: 9px; background: var(--_bg); box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(0 0 0 / .08); opacity: 0; pointer-events: none }
.row:is(:hover, :focus-visible, :has(:focus-visible), .acting) .acts { opacity: 1; pointer-events: auto }
.dated .acts { inset-block-start: 2.0625rem }
.row.open .acts { inset-block: auto .375rem }
@media (hover: hover) {
  .row:is(:hover, :focus-visible, :has(:focus-visible)) {
    .dot { visibility: hidden }
    time { display: none }
    /* The title keeps clear of the buttons, and its time stands below the text. */
    &:not(.open) .line { padding-inline-end: 5.875rem }
  }
  .acts::before { content: attr(data-at); align-self: center; padding-inline: .375rem .125rem; font-size: .6875rem; line-height: 1; color: var(--_muted) }
  :not(.open) > .acts::before { position: absolute; inset-block-start: calc(var(--_row) - 1.1875rem); inset-inline-end: 0; white-space: nowrap }
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
  .dots { display: grid; position: absolute; inset-inline-end: .375rem; inset-block-end: 1.375rem; inline-size: 2.25rem; block-size: 2.25rem }
  .row:not(.acting):not(:has(.acts :focus-visible)) .acts { display: none }
  .acts, .dated .acts { inset-inline-end: 2.75rem; inset-block: auto .375rem }
  .acts > * { inline-size: 2.25rem; block-size: 2.25rem }
}
.answer { min-inline-size: 0; padding: .0625rem .625rem; border: 1px solid var(--_line); border-radius: 7px; background: var(--_bg); font-size: .8125rem; font-weight: 550; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.answer:hover { border-color: var(--_muted) }
.answer.primary { border-color: transparent; background: var(--_accent); color: var(--_on-accent) }
.answer.danger { color: light-dark(#b3222c, #ff9d9d) }
.answer[aria-disabled=true] { border-color: transparent; background: none; color: var(--_muted); cursor: default }
.answer:not(.pressed)[aria-disabled=true] { display: none }
.answer.pressed { padding-inline: 0; color: var(--_text) }
.answer.pressed::before { content: "✓ "; color: var(--_accent) }

.search { flex: none; margin: 0 .875rem .625rem; padding: .375rem .625rem; border: 1px solid var(--_line); border-radius: 9px; background: var(--_bg); color: inherit; font: inherit; font-size: 1rem }
.undo { position: absolute; inset-block-end: .75rem; inset-inline: .75rem; display: flex; align-items: center; gap: .75rem; margin-inline: auto; inline-size: fit-content; padding: .5rem 1rem; border-radius: 10px; background: light-dark(#202229, #eef0f4); color: light-dark(#fff, #15171c); font-size: .8125rem; box-shadow: 0 4px 14px rgb(0 0 0 / .22); z-index: 1 }
.undo button { font-weight: 650; color: light-dark(#b9b7ff, #4b4ade) }
@media (forced-colors: active) {
  .acts, .undo { border: 1px solid }
}
`;

export const sheet = sheetOf(STYLE, "");
