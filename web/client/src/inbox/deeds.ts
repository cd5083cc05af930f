/**
 * What a person does with notifications beyond opening and reading them, and how it is taken back.
 *
 * Fetched when the panel opens: nobody sees a list and presses before it is there.
 */

import { act, archive, snooze, unarchive, undismiss, unread } from "../acts.ts";
import type { Inbox } from "../index.ts";
import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { LATER } from "./later.ts";
import type { Removal } from "./list.ts";
import { wear } from "./look.ts";
import { search } from "./search.ts";
import type { Strings } from "./strings.ts";
import { equip } from "./tools.ts";
import { sheet } from "./toolstyle.ts";
import { undo } from "./undo.ts";

export interface Deeds {
  /** Gives a row its buttons, or brings those it has up to date. */
  equip(row: HTMLElement, item: Item): void;
  dismiss(item: Item): void;
  /** Puts it away, or takes it back where it is put away. */
  archive(item: Item): void;
  /** What is looked for in what is loaded; an empty text for nothing. */
  readonly sought: string;
  /** What of `items` is to be seen. */
  shown(items: readonly Item[]): readonly Item[];
  /** Shows where one says what is looked for, or hides it again. */
  seek(): void;
  /** What was done, is done. */
  settle(): void;
}

export const deeds = (options: {
  strings: Strings;
  age: Age;
  /** Where it is said what was done. */
  place: Element;
  /** What the search stands below, and what it is opened by. */
  above: Element;
  lens: HTMLElement;
  inbox: () => Inbox | undefined;
  show: () => void;
  follow: (item: Item) => void;
  /** Takes one out of the list: what does it is asked in turn. */
  remove: (item: Item, how: Removal) => void;
}): Deeds => {
  const { strings: t, age, place, lens, inbox, show, follow, remove } = options;
  const offer = undo(t);
  place.append(offer.element);
  wear(place, sheet);

  /** Ids of those that are out of sight, and with the gateway still. */
  const hidden = new Set<string>();

  /** Does what the gateway is asked for; where it cannot be done it says so, with a button for `again`. */
  const ask = async (does: (inbox: Inbox) => Promise<unknown>, again?: () => void): Promise<boolean> => {
    try {
      await does(inbox() as Inbox);
      return true;
    } catch {
      offer.say(t.failed, again);
      return false;
    } finally {
      show();
    }
  };
  /** Says what was done, with the way back; which is offered again where it could not be gone. */
  const undoable = (said: string, back: (inbox: Inbox) => Promise<unknown>): void => {
    const again = (): unknown => ask(back, again);
    offer.say(said, again);
  };
  /** Has one be as it was, which was put off, put away or taken back. */
  const restore = async (to: Inbox, { id, read, archived, snoozed_until }: Item): Promise<void> => {
    if (snoozed_until) await snooze(to, id, new Date(snoozed_until));
    else if (!read) await unread(to, id);
    else {
      // That ends a snooze, and leaves it read.
      await archive(to, id);
      if (!archived) await unarchive(to, id);
    }
  };
  /** Takes it out of sight at once, and brings it back where the gateway says no. */
  const take = async (item: Item, said: string, does: (inbox: Inbox) => Promise<unknown>): Promise<void> => {
    const { id } = item;
    hidden.add(id);
    show();
    if (await ask(does)) undoable(said, (to) => restore(to, item));
    hidden.delete(id);
    show();
  };
  const acts = {
    read(item: Item): void {
      if (item.read) ask((to) => unread(to, item.id));
      else inbox()?.read(item.id);
    },
    dismiss: (item: Item): void => remove(item, "dismiss"),
    archive: (item: Item): void => remove(item, "archive"),
    snooze(item: Item, choice?: number): void {
      const until = LATER[choice ?? -1]?.(new Date());
      if (until) take(item, t.putOff, (to) => snooze(to, item.id, until));
      else ask((to) => unread(to, item.id));
    },
    press(item: Item, action: string, link: string | undefined): void {
      ask((to) => act(to, item.id, action)).then((done) => {
        if (done && link) follow({ ...item, link });
      });
    },
  };

  const sought = search(t, lens, show);
  options.above.after(sought.element);

  return {
    dismiss(item) {
      const { id, read, snoozed_until } = item;
      const from = inbox() as Inbox;
      from.dismiss(id);
      // Without a connection there is nobody yet who could take it back.
      if (from.getSnapshot().state !== "ready") return offer.say(t.dismissed);
      undoable(t.dismissed, async (to) => {
        await undismiss(to, id);
        // Read, it is where it was.
        if (!read || snoozed_until) await restore(to, item);
      });
    },
    archive(item) {
      if (item.archived) take(item, t.takenBack, (to) => unarchive(to, item.id));
      else take(item, t.putAway, (to) => archive(to, item.id));
    },
    equip: (made, item) => equip(made, item, { strings: t, age, acts }),
    get sought() {
      return sought.text;
    },
    shown(items) {
      const { text } = sought;
      const finds = ({ id, title, body }: Item): boolean =>
        !hidden.has(id) && `${title}\n${body}`.toLowerCase().includes(text);
      return text || hidden.size ? items.filter(finds) : items;
    },
    seek: sought.toggle,
    settle: offer.settle,
  };
};
