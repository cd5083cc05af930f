import { sheetOf } from "./look.ts";

/** How the bell looks, and what a toast has in common with a row. */
const STYLE = `
:host(:not([hidden])) { display: inline-block }

.bell { position: relative; display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem; border-radius: 10px; color: var(--bellhop-bell, var(--_text)); transition: background-color .12s }
.bell:hover, .bell[aria-expanded=true] { background: var(--bellhop-bell-hover, color-mix(in srgb, currentColor 8%, transparent)) }
.bell svg { inline-size: 1.375rem; block-size: 1.375rem; transform-origin: 50% 15% }
.bell[aria-busy=true] svg { opacity: .55 }
.bell.rings svg { animation: ring .7s ease-in-out }
@keyframes ring { 20% { rotate: 13deg } 45% { rotate: -10deg } 70% { rotate: 6deg } 88% { rotate: -3deg } }
.badge { position: absolute; inset-block-start: .0625rem; inset-inline-start: 1.4375rem; min-inline-size: 1.125rem; block-size: 1.125rem; padding-inline: .3rem; border-radius: 99px; background: var(--_badge); color: #fff; font-size: .6875rem; font-weight: 650; line-height: 1.125rem; text-align: center; font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px var(--bellhop-badge-ring, var(--_bg)) }
.badge.wide { inset-inline-start: 1.0625rem }
/* It is not live: what the bell shows may be old. */
.bell.away svg { opacity: .55 }
.bell.away::after { content: ""; position: absolute; inset-block-end: .3125rem; inset-inline-end: .3125rem; inline-size: .625rem; block-size: .625rem; border-radius: 50%; background: #c98a04; box-shadow: 0 0 0 2px var(--bellhop-badge-ring, var(--_bg)) }

.glyph { position: relative; overflow: hidden; display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; flex: none; border-radius: 10px; background: light-dark(hsl(var(--_hue) 85% 95%), hsl(var(--_hue) 35% 21%)); color: light-dark(hsl(var(--_hue) 62% 38%), hsl(var(--_hue) 80% 76%)) }
.words { flex: 1; min-inline-size: 0 }
.name { flex: 1; min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; letter-spacing: -.004em; color: inherit; text-decoration: none; text-align: start }
.body { margin: .0625rem 0 0; font-size: .8125rem; color: var(--_muted); overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2; overflow-wrap: anywhere; text-align: start }

@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important }
}
@media (forced-colors: active) {
  .badge { forced-color-adjust: none }
}
`;

/** The one sheet of all inboxes. */
export const sheet = sheetOf(STYLE);
