/** One notification as the list shows it, for pages that show what an inbox would: nothing can be done with it. */

import type { Item } from "../protocol.ts";
import { ageIn } from "./age.ts";
import { kindIcon } from "./icons.ts";
import { sheet as panelSheet } from "./panelstyle.ts";
import { judge, open, row } from "./row.ts";
import { ENGLISH } from "./strings.ts";
import { sheet } from "./style.ts";
import { equip } from "./tools.ts";
import { sheet as toolSheet } from "./toolstyle.ts";

const STYLE = `
:host { color-scheme: inherit; display: block }
.row { position: relative; cursor: default; border: 0; background: none; --_bg: transparent }
.row:hover { --_ground: transparent }
.row.long .more { position: static; padding: 0 }
.acts, .dots { display: none }
`;

export function sample(item: Item): HTMLElement {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const own = new CSSStyleSheet();
  own.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet(), panelSheet(), toolSheet(), own];
  const nothing = (): void => {};
  const strings = ENGLISH;
  const age = ageIn("en");
  const expand = (): void => open(made, !made.classList.contains("open"), ENGLISH);
  const acts = { read: nothing, dismiss: nothing, archive: nothing, snooze: nothing, press: nothing };
  const made = row(item, undefined, { strings, icon: kindIcon, age, acts: { follow: nothing, expand } });
  equip(made, item, { strings, age, acts });
  root.append(made);
  new ResizeObserver(() => judge(made)).observe(host);
  return host;
}
