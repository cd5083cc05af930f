/**
 * What all elements of this package look like: the colours that a page may set, and what every one begins with.
 *
 * What a page may set is named `--bellhop-…`; what begins with `--_` is derived from it. A style sheet made in code needs
 * no exception in a Content-Security-Policy.
 */
const LOOK = `
:host {
  --_accent: var(--bellhop-accent, light-dark(#4b4ade, #9a97ff));
  --_on-accent: var(--bellhop-on-accent, light-dark(#fff, #14141c));
  --_badge: var(--bellhop-badge, #d4313a);
  --_bg: var(--bellhop-background, light-dark(#fff, #1a1b20));
  --_hover: var(--bellhop-hover, light-dark(#f5f6f8, #23252b));
  --_text: var(--bellhop-text, light-dark(#15171c, #eef0f4));
  --_muted: var(--bellhop-muted, light-dark(#5f6570, #a0a6b2));
  --_line: var(--bellhop-line, light-dark(#e7e9ee, #2d2f37));
  --_radius: var(--bellhop-radius, 14px);
  --_shadow: var(--bellhop-shadow,
    0 0 0 1px light-dark(rgb(15 20 30 / .07), rgb(255 255 255 / .09)),
    0 2px 6px light-dark(rgb(15 20 30 / .05), rgb(0 0 0 / .3)),
    0 16px 48px -8px light-dark(rgb(15 20 30 / .22), rgb(0 0 0 / .7)));
  color-scheme: light dark;
  position: relative;
  font: 400 .875rem/1.45 var(--bellhop-font, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
  color: var(--_text);
  -webkit-font-smoothing: antialiased;
}
:host([hidden]), [hidden] { display: none !important }
:host([theme=light]) { color-scheme: light }
:host([theme=dark]) { color-scheme: dark }
*, ::before, ::after { box-sizing: border-box }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer }
svg { inline-size: 1.25rem; block-size: 1.25rem; display: block; flex: none }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px }
.spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
`;

/** Answers a function that makes the one sheet of all elements of a kind; of a part that is fetched by itself, without `base`. */
export function sheetOf(style: string, base = LOOK): () => CSSStyleSheet {
  let made: CSSStyleSheet | undefined;
  return () => {
    if (!made) {
      made = new CSSStyleSheet();
      made.replaceSync(base + style);
    }
    return made;
  };
}

/** Has what `element` stands in wear a further sheet; what has left its place meanwhile needs none. */
export function wear(element: Element, sheet: () => CSSStyleSheet): void {
  (element.getRootNode() as Partial<ShadowRoot>).adoptedStyleSheets?.push(sheet());
}
